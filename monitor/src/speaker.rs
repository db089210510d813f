//! Standard error: lines in, from threads that must not wait for whoever reads them, and out as fast as they are taken; how many were lost is said once there is room.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::line_thread::{Fate, LineThread};

/// How long the end waits for what is not said yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// What says something on standard error.
pub static SPEAKER: Speaker = Speaker(Mutex::new(SpeakerState {
    thread: None,
    lost: 0,
}));

/// Says lines.
pub struct Speaker(Mutex<SpeakerState>);

struct SpeakerState {
    /// Started with the first line, and again after the end.
    thread: Option<LineThread>,
    /// Lines since there was room.
    lost: usize,
}

impl Speaker {
    /// Says a line, soon.
    pub fn say(&self, line: String) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.say(line, || {
            // Where nobody listens any more, the cameras go on.
            LineThread::start("say", io::stderr(), |_| {})
        });
    }

    /// Waits until all is said, but not for a reader that takes nothing.
    pub fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = state.thread.take() {
            thread.finish(PATIENCE);
        }
    }
}

impl SpeakerState {
    fn say(&mut self, line: String, start: impl FnOnce() -> io::Result<LineThread>) {
        if self.thread.is_none() {
            self.thread = start().ok();
        }
        let Some(thread) = &self.thread else { return };
        if self.lost > 0 {
            let lost = format!(
                "monitor: {} lines are lost, nobody took them from standard error",
                self.lost
            );
            if thread.print(lost) == Fate::Lost {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if thread.print(line) == Fate::Lost {
            self.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_thread::tests::StalledPipe;

    #[test]
    fn who_does_not_listen_holds_nobody_up_and_is_told_what_was_missed() {
        let output = StalledPipe::default();
        let mut state = SpeakerState {
            thread: None,
            lost: 0,
        };
        let start = || LineThread::start("test", output.clone(), |_| {});
        let gate = output.gate.lock().unwrap();
        // More than may wait.
        for number in 0..2000 {
            state.say(number.to_string(), start);
        }
        assert!(state.lost > 0);
        drop(gate);
        // Until there is room.
        let mut said = 2000;
        while state.lost > 0 {
            let before = state.lost;
            state.say("now".to_owned(), start);
            said += 1;
            assert!(state.lost <= before + 1);
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(state.thread.unwrap().finish(Duration::from_secs(120)));
        let printed = output.printed.lock().unwrap().clone();
        let words = "lines are lost, nobody took them from standard error\nnow\n";
        assert!(printed.ends_with(words), "{printed}");
        // Each line is printed, or counted in one of those.
        let told = printed.lines().map(|line| {
            let lost = line.strip_prefix("monitor: ")?.split(' ').next()?;
            lost.parse::<usize>().ok()
        });
        assert_eq!(told.map(|lost| lost.unwrap_or(1)).sum::<usize>(), said);
    }
}
