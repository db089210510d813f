//! Standard output: events in, and out as fast as whoever reads takes them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::line_thread::{Fate, LineThread};
use crate::redact::say;

/// How long the end waits for what is not printed yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints lines.
#[derive(Default)]
pub struct Printer(Mutex<PrinterState>);

#[derive(Default)]
enum PrinterState {
    /// The thread is started with the first line.
    #[default]
    Idle,
    Printing {
        thread: LineThread,
        has_complained: bool,
    },
    /// Nothing is printed any more.
    Over,
}

impl Printer {
    /// Prints a line, soon. Says whether it will be.
    pub fn print(&self, line: String) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let PrinterState::Idle = *state {
            // Whoever read it may have gone; the other outlets have theirs still.
            let failed = |error| say(format_args!("events are no longer printed: {error}"));
            *state = match LineThread::start("print", std::io::stdout(), failed) {
                Ok(thread) => PrinterState::Printing {
                    thread,
                    has_complained: false,
                },
                Err(error) => {
                    say(format_args!("events are not printed: {error:#}"));
                    PrinterState::Over
                }
            };
        }
        state.print(line)
    }

    /// Waits until what there is has been printed, but not for a reader that takes nothing.
    pub fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = std::mem::replace(&mut *state, PrinterState::Over);
        if let PrinterState::Printing { thread, .. } = state
            && !thread.finish(PATIENCE)
        {
            say("the last events are not printed: nobody takes them from standard output");
        }
    }
}

impl PrinterState {
    fn print(&mut self, line: String) -> bool {
        let Self::Printing {
            thread,
            has_complained,
        } = self
        else {
            return false;
        };
        match thread.print(line) {
            Fate::Taken => {
                *has_complained = false;
                true
            }
            Fate::Lost => {
                if !*has_complained {
                    say("events are not printed: nobody takes them from standard output");
                }
                *has_complained = true;
                false
            }
            // That has been said.
            Fate::Over => {
                *self = Self::Over;
                false
            }
        }
    }
}
