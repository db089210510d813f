//! What comes out of a camera's stream, for people and programs: the engine's news in, messages and numbers out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;

use ssdcrp::detect::Labels;
use ssdcrp::overlay::Canvas;
use ssdcrp::stream::{Host, News, Observation, View};

use crate::message::{EventMessage, Worth, event_id, now};
use crate::outlets::Outlets;
use crate::redact::say;

/// A camera's part of what is told.
pub struct Feed {
    pub camera: String,
    /// The camera's place in the configuration, from 1 on; it may change while it plays.
    pub place: Arc<AtomicUsize>,
    pub labels: Labels,
    pub outlets: Arc<Outlets>,
}

impl Host for Feed {
    type Picture = Arc<RgbImage>;
    type Prepared = Option<Canvas>;

    fn prepare(&self, _: &View, canvas: Option<Canvas>) -> ssdcrp::Result<Option<Canvas>> {
        Ok(canvas)
    }

    fn picture(&self, picture: &Arc<RgbImage>, _: &Observation) -> ssdcrp::Result<RgbImage> {
        Ok(RgbImage::clone(picture))
    }

    fn clock(&self) -> String {
        now()
    }

    fn tell(&self, news: News) {
        let (camera, labels) = (self.camera.as_str(), &self.labels);
        match news {
            News::Frame {
                observation,
                explained,
                events,
            } => {
                let metrics = &self.outlets.metrics;
                // A frame is told of again once it is explained.
                match explained.is_empty() {
                    true => metrics.looked_at(camera, observation, labels),
                    false => metrics.explained(camera, explained, labels),
                }
                let place = self.place.load(Ordering::Relaxed);
                for event in events {
                    let message = EventMessage::new(camera, place, event, labels);
                    self.outlets.raised(message);
                }
            }
            News::Event {
                event,
                explained: Some(explained),
                ..
            } => {
                let answer = explained.question.wording.to_string();
                let worth = explained.check.as_deref().map(Worth::of);
                let id = event_id(camera, event.number);
                self.outlets.answered(&id, answer, worth);
            }
            News::Event {
                explained: None, ..
            }
            // Nobody points at its pictures.
            | News::Missing { .. } => {}
            News::Unexplained(error) | News::EvidenceLost(error) => {
                say(format_args!("{camera}: {error:#}"));
            }
        }
    }
}
