//! Where results go: standard output, the page and the numbers.

use std::sync::Arc;

use crate::board::{Board, CameraState, Screen};
use crate::message::{EventMessage, Worth};
use crate::metrics::Metrics;
use crate::printer::Printer;

/// All of them.
#[derive(Default)]
pub struct Outlets {
    pub board: Board,
    pub metrics: Metrics,
    pub printer: Printer,
}

impl Outlets {
    /// An event was raised.
    pub fn raised(&self, event: EventMessage) {
        // What is made of numbers and texts can always be written.
        let line = serde_json::to_string(&event).unwrap_or_default();
        if !self.printer.print(line) {
            self.metrics.unprinted();
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
