//! What a stream's owner does with what comes out of it: the element makes messages and overlays of it, the application for cameras lines and a page.

use std::sync::Arc;

use image::RgbImage;

use super::display::View;
use super::evidence::Record;
use super::explaining::{ExplainedMiss, ExplainedObject};
use super::observation::{Observation, ObservedEvent};
use crate::error::{Error, Result};
use crate::overlay::Canvas;

/// The owner of a stream. Its methods are called on the threads of the session, never under a lock.
pub trait Host: Send + Sync + 'static {
    /// A frame's own pixels, in the form in which the owner has them. They are kept for evidence only.
    type Picture: Send + Sync + Clone + 'static;
    /// A view in the form in which frames show it.
    type Prepared: Send + Sync + 'static;

    /// Makes a view ready to be shown; `canvas` is what is drawn of it, `None` where nothing is.
    ///
    /// # Errors
    /// It cannot be shown.
    fn prepare(&self, view: &View, canvas: Option<Canvas>) -> Result<Self::Prepared>;

    /// A frame as a picture of square or other pixels, as large as the frame.
    ///
    /// # Errors
    /// The frame cannot be read.
    fn picture(&self, picture: &Self::Picture, observation: &Observation) -> Result<RgbImage>;

    /// The time on the clock, as evidence names it.
    fn clock(&self) -> String;

    /// What the owner calls the stream's event of this number, where it has a name for it: evidence names the event so too.
    fn event_id(&self, _number: u64) -> Option<String> {
        None
    }

    /// Something came out.
    fn tell(&self, news: News);
}

/// What a session tells of a stream.
#[derive(Debug)]
pub enum News<'a> {
    /// A frame was looked at, or, with explanations, something in it was explained.
    Frame {
        /// What was seen.
        observation: &'a Observation,
        /// The most important first; none yet where the explanations come later.
        explained: &'a [Arc<ExplainedObject>],
        /// Events that are told for the first time.
        events: &'a [Arc<ObservedEvent>],
    },
    /// The question of an event is answered, or will not be.
    Event {
        /// What was seen.
        observation: &'a Observation,
        /// What looks wrong.
        event: &'a ObservedEvent,
        /// `None` where the question has no answer.
        explained: Option<&'a ExplainedObject>,
    },
    /// Evidence of an event is on the disk.
    EvidenceKept {
        /// What looks wrong.
        event: &'a ObservedEvent,
        /// The line of it, and the names of its pictures.
        record: &'a Record,
    },
    /// Why nothing was found where the viewer asks for that.
    Missing {
        /// What was seen.
        observation: &'a Observation,
        /// The answer.
        explained: &'a ExplainedMiss,
    },
    /// The settings of this moment lead to no explanation; told once for each question.
    Unexplained(Error),
    /// No evidence of an event is kept.
    EvidenceLeftOut {
        /// What looks wrong.
        event: &'a ObservedEvent,
        /// Why it is not kept.
        why: LeftOut,
    },
}

/// Why no evidence of an event is kept.
#[derive(Debug)]
pub enum LeftOut {
    /// Its minute has enough of them: [`Limits::per_minute`](super::evidence::Limits::per_minute).
    PerMinute,
    /// Events come faster than the disk takes them; it may hang.
    Behind,
    /// It cannot be written.
    Failed {
        /// What stands in the way.
        error: Error,
        /// Whether the last one before could be written: whoever tells people tells them once.
        is_first: bool,
    },
}
