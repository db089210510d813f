//! Where results go: standard output, the page and the numbers.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::board::{Board, CameraState, Screen};
use crate::message::{EventMessage, Worth};
use crate::metrics::Metrics;
use crate::redact::say;

/// All of them.
#[derive(Default)]
pub struct Outlets {
    pub board: Board,
    pub metrics: Metrics,
    is_mute: AtomicBool,
}

impl Outlets {
    /// An event was raised.
    pub fn raised(&self, event: EventMessage) {
        let line = serde_json::to_string(&event).map_err(std::io::Error::from);
        let printed = line.and_then(|line| writeln!(std::io::stdout(), "{line}"));
        // Whoever read it may have gone; the other outlets have theirs still.
        if let Err(error) = printed
            && !self.is_mute.swap(true, Ordering::Relaxed)
        {
            say(format_args!("events are no longer printed: {error}"));
        }
        self.metrics.event(&event.camera, &event.kind);
        self.board.tell(event);
    }

    /// The question of an event was answered.
    pub fn answered(&self, id: &str, answer: String, worth: Option<Worth>) {
        self.board.answer(id, |event| {
            event.answer = Some(answer);
            event.worth = worth;
        });
    }

    /// Frames of a camera that plays are not looked at, for this reason, or are again.
    pub fn trouble(&self, screen: &Screen, trouble: Option<String>) {
        screen.set_trouble(trouble);
    }

    /// A camera is in another state.
    pub fn state(&self, screen: &Arc<Screen>, state: CameraState) {
        screen.set_state(state);
    }
}
