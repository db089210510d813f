//! What comes out of a camera's stream, for people and programs: the engine's news in, messages and numbers out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssdcrp::detect::Labels;
use ssdcrp::stream::{ExplainedObject, News, Observation};

use crate::kept::KeptEvent;
use crate::message::{EventMessage, Worth, event_id};
use crate::outlets::Outlets;
use crate::redact::say;
use crate::screen::Screen;
use crate::single_look::colour;

/// A camera's part of what is told.
pub struct Feed {
    pub camera: String,
    /// The camera's place in the configuration, from 1 on; it may change while it plays.
    pub place: Arc<AtomicUsize>,
    pub labels: Labels,
    pub outlets: Arc<Outlets>,
    pub screen: Arc<Screen>,
    /// This start of the camera, in the names of its events.
    pub run: String,
    /// Where evidence of its events is kept.
    pub evidence: Option<Arc<Path>>,
}

impl Feed {
    /// What the camera's event of this number is called.
    pub fn event_id(&self, number: u64) -> String {
        event_id(&self.run, &self.camera, number)
    }

    pub fn tell(&self, news: News) {
        let (camera, labels) = (self.camera.as_str(), &self.labels);
        match news {
            News::Frame {
                observation,
                explained,
                events,
            } => {
                // A frame is told of again once it is explained.
                match explained.is_empty() {
                    true => {
                        self.screen.see(|sight| sight.see(observation, labels));
                        self.outlets.looked_at(camera, observation, labels);
                    }
                    false => self.explained(observation, explained),
                }
                let place = self.place.load(Ordering::Relaxed);
                for event in events {
                    let of = (self.run.as_str(), camera);
                    let message = EventMessage::new(of, place, event, labels);
                    self.outlets.raised(message);
                }
            }
            News::Event {
                observation,
                event,
                explained: Some(explained),
            } => {
                let answer = explained.question.wording.to_string();
                let worth = explained.check.as_deref().map(Worth::of);
                let id = self.event_id(event.number);
                if let Some(check) = &explained.check {
                    let words = check.words(colour(observation));
                    let log = &self.outlets.board.log;
                    log.complete(&id, |event| event.check = Some(words));
                }
                self.outlets.answered(&id, answer, worth);
            }
            News::Event {
                explained: None, ..
            } => {}
            News::Missing { explained, .. } => {
                self.screen
                    .see(|sight| sight.explain_missing(explained, labels));
            }
            News::EvidenceKept { event, record } => {
                if let Some(folder) = &self.evidence {
                    let id = self.event_id(event.number);
                    let kept = KeptEvent::new(folder, record);
                    let log = &self.outlets.board.log;
                    log.complete(&id, |event| event.evidence = Some(kept));
                }
            }
            News::Unexplained(error) | News::EvidenceLost(error) => {
                say(format_args!("{camera}: {error:#}"));
            }
        }
    }

    /// What was selected was explained.
    fn explained(&self, observation: &Observation, explained: &[Arc<ExplainedObject>]) {
        if let Some(first) = explained.first() {
            let colour = colour(observation);
            self.screen.see(|sight| sight.explain(first, colour));
        }
        // What somebody points at is no fair sample of what the model looks at.
        if observation.asked.picked.is_none() {
            let (camera, labels) = (self.camera.as_str(), &self.labels);
            (self.outlets.metrics).explained(camera, explained, labels);
            self.outlets.drift.explained(camera, explained, labels);
        }
    }
}
