//! What looks wrong about an object on the page: raised by the monitor in a photo, or told of an event that was kept.

use crate::crp::Target;
use crate::detect::Labels;
use crate::error::Result;
use crate::error::internal::Context;
use crate::stream::evidence::{EventRecord, Mark};
use crate::stream::monitor::{Event, EventKind};

/// In which way an object looks wrong, and what to ask about it.
pub(super) struct ReportedEvent {
    pub kind: EventKind,
    /// For people.
    pub words: String,
    /// 0..=1
    pub severity: f32,
    pub target: Target,
    /// What somebody said of it.
    pub mark: Option<Mark>,
}

impl ReportedEvent {
    pub fn from_event(event: &Event, labels: &Labels) -> Self {
        Self {
            kind: event.finding.kind(),
            words: event.words(labels),
            severity: event.severity,
            target: event.target.clone(),
            mark: None,
        }
    }

    /// # Errors
    /// The event's question is none.
    pub fn from_record(event: &EventRecord, mark: Option<Mark>) -> Result<Self> {
        let question = event.question();
        let mut words = event.words.clone();
        // What the explanation was worth that was made when the event was raised.
        let explanation = event.rest.get("explanation");
        if let Some(checked) = explanation.and_then(|told| told.get("checked")?.as_bool()) {
            words += match checked {
                true => " (explained then, and checked)",
                false => " (explained then, no better than chance)",
            };
        }
        Ok(Self {
            kind: event.kind,
            words,
            severity: event.severity.clamp(0.0, 1.0),
            target: question
                .with_context(|| format!("the event '{}' asks nothing", event.words))?,
            mark,
        })
    }
}
