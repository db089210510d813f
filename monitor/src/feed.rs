//! What comes out of a camera's stream, for people and programs: the engine's news in, messages and numbers out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ssdcrp::detect::Labels;
use ssdcrp::stream::{ExplainedObject, LeftOut, News, Observation, ObservedEvent};

use crate::event_log::LoggedEvent;
use crate::keeping;
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
                if let Some(check) = &explained.check {
                    let words = check.words(colour(observation));
                    self.complete(event, |event| event.check = Some(words));
                }
                let id = self.event_id(event.number);
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
                    let kept = KeptEvent::new(folder, record);
                    self.complete(event, |event| event.evidence = Some(kept));
                    let news = self.screen.keeping().kept();
                    self.note_evidence(None, news);
                }
            }
            News::EvidenceLeftOut { event, why } => {
                let words = keeping::words(&why);
                self.complete(event, |event| event.no_evidence = Some(words));
                let news = self.screen.keeping().left_out(&why);
                self.note_evidence(Some(&why), news);
            }
            News::Unexplained(error) => say(format_args!("{camera}: {error:#}")),
        }
    }

    /// More is known of an event.
    fn complete(&self, event: &ObservedEvent, complete: impl FnOnce(&mut LoggedEvent)) {
        let id = self.event_id(event.number);
        self.outlets.board.log.complete(&id, complete);
    }

    /// Evidence of an event is kept, or why not; `news` is what people have to know of that.
    fn note_evidence(&self, why_not: Option<&LeftOut>, news: Option<String>) {
        let camera = self.camera.as_str();
        (self.outlets.metrics).evidence(camera, keeping::outcome(why_not));
        if let Some(news) = news {
            say(format_args!("{camera}: {news}"));
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
