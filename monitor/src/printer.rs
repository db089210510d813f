//! Standard output, on a thread of its own: lines in, from threads that must not wait, and out as fast as whoever reads takes them.

use std::io::Write;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::redact::say;

/// Lines that wait for a reader that is slow; those that come beyond them are lost.
const WAITING: usize = 1000;
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
        lines: SyncSender<String>,
        /// Closed when all of them are printed.
        ended: Receiver<()>,
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
            *state = match PrinterState::start(std::io::stdout(), WAITING) {
                Ok(printing) => printing,
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
        state.finish(PATIENCE);
    }
}

impl PrinterState {
    /// Starts a thread that prints to `output`, and has room for so many lines.
    fn start(mut output: impl Write + Send + 'static, waiting: usize) -> Result<Self> {
        let (lines, waiting) = sync_channel::<String>(waiting);
        let (end, ended) = channel();
        std::thread::Builder::new()
            .name("print".to_owned())
            .spawn(move || {
                let printed = waiting
                    .iter()
                    .try_for_each(|line| writeln!(output, "{line}"));
                // Whoever read it may have gone; the other outlets have theirs still.
                if let Err(error) = printed {
                    say(format_args!("events are no longer printed: {error}"));
                }
                drop(end);
            })?;
        Ok(Self::Printing {
            lines,
            ended,
            has_complained: false,
        })
    }

    fn print(&mut self, line: String) -> bool {
        let Self::Printing {
            lines,
            has_complained,
            ..
        } = self
        else {
            return false;
        };
        match lines.try_send(line) {
            Ok(()) => {
                *has_complained = false;
                true
            }
            Err(TrySendError::Full(_)) => {
                if !*has_complained {
                    say("events are not printed: nobody takes them from standard output");
                }
                *has_complained = true;
                false
            }
            // That has been said.
            Err(TrySendError::Disconnected(_)) => {
                *self = Self::Over;
                false
            }
        }
    }

    fn finish(&mut self, patience: Duration) {
        if let Self::Printing { lines, ended, .. } = std::mem::replace(self, Self::Over) {
            drop(lines);
            if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(patience) {
                say("the last events are not printed: nobody takes them from standard output");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    /// A pipe that is full until it is opened.
    #[derive(Clone, Default)]
    struct Output {
        gate: Arc<Mutex<()>>,
        printed: Arc<Mutex<String>>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock().unwrap();
            self.printed
                .lock()
                .unwrap()
                .push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_no_time() {
        let output = Output::default();
        let gate = output.gate.lock().unwrap();
        let mut state = PrinterState::start(output.clone(), 3).unwrap();
        let taken: Vec<bool> = (0..10)
            .map(|number| state.print(number.to_string()))
            .collect();
        // One may be in the hand of the thread already.
        let count = taken.iter().filter(|taken| **taken).count();
        assert!(
            taken[..3].iter().all(|taken| *taken) && count <= 4,
            "{taken:?}"
        );
        drop(gate);
        state.finish(Duration::from_secs(120));
        let printed = output.printed.lock().unwrap().clone();
        assert!(
            printed.starts_with("0\n1\n2\n") && printed.lines().count() == count,
            "{printed}"
        );
        assert!(!state.print("late".to_owned()));
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_stalls() {
        let output = Output::default();
        let _gate = output.gate.lock().unwrap();
        let mut state = PrinterState::start(output.clone(), 3).unwrap();
        state.print("never".to_owned());
        state.finish(Duration::from_millis(10));
    }
}
