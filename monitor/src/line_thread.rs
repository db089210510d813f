//! Lines for somebody who may be slow: lines in, from threads that must not wait, and out on a thread of their own as fast as whoever reads takes them.

use std::io::{self, Write};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::time::Duration;

/// Lines that wait; those that come beyond them are lost.
const WAITING: usize = 1000;

/// A thread that prints lines.
pub struct LineThread {
    lines: SyncSender<String>,
    /// Closed when all of them are printed.
    ended: Receiver<()>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Taken,
    /// Too many wait already.
    Lost,
    /// Nobody prints any more.
    Over,
}

impl LineThread {
    /// Prints to `output`; where that cannot be any more, `failed` is told why, and nothing is printed from then on.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        output: impl Write + Send + 'static,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        Self::with_room(WAITING, name, output, failed)
    }

    fn with_room(
        waiting: usize,
        name: &str,
        mut output: impl Write + Send + 'static,
        failed: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(waiting);
        let (end, ended) = channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let printed = waiting.iter().try_for_each(|mut line| {
                    line.push('\n');
                    output.write_all(line.as_bytes())
                });
                if let Err(error) = printed {
                    failed(error);
                }
                drop(end);
            })?;
        Ok(Self { lines, ended })
    }

    /// Prints a line, soon.
    pub fn print(&self, line: String) -> Fate {
        match self.lines.try_send(line) {
            Ok(()) => Fate::Taken,
            Err(TrySendError::Full(_)) => Fate::Lost,
            Err(TrySendError::Disconnected(_)) => Fate::Over,
        }
    }

    /// Waits until all lines are printed, but no longer than `patience`. Says whether they were.
    pub fn finish(self, patience: Duration) -> bool {
        drop(self.lines);
        !matches!(
            self.ended.recv_timeout(patience),
            Err(RecvTimeoutError::Timeout)
        )
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A pipe that is full until it is opened.
    #[derive(Clone, Default)]
    pub struct StalledPipe {
        pub gate: Arc<Mutex<()>>,
        pub printed: Arc<Mutex<String>>,
    }

    impl Write for StalledPipe {
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
        let output = StalledPipe::default();
        let gate = output.gate.lock().unwrap();
        let thread = LineThread::with_room(3, "test", output.clone(), |_| {}).unwrap();
        let taken = (0..10).map(|number| thread.print(number.to_string()) == Fate::Taken);
        let taken: Vec<bool> = taken.collect();
        // One may be in the hand of the thread already.
        let count = taken.iter().filter(|taken| **taken).count();
        assert!(
            taken[..3].iter().all(|taken| *taken) && count <= 4,
            "{taken:?}"
        );
        drop(gate);
        assert!(thread.finish(Duration::from_secs(120)));
        let printed = output.printed.lock().unwrap().clone();
        assert!(
            printed.starts_with("0\n1\n2\n") && printed.lines().count() == count,
            "{printed}"
        );
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_stalls() {
        let output = StalledPipe::default();
        let _gate = output.gate.lock().unwrap();
        let thread = LineThread::start("test", output.clone(), |_| {}).unwrap();
        thread.print("never".to_owned());
        assert!(!thread.finish(Duration::from_millis(10)));
    }

    #[test]
    fn a_reader_that_goes_is_told_of() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let (tell, told) = channel();
        let failed = move |error: io::Error| tell.send(error).unwrap();
        let thread = LineThread::start("test", full.unwrap(), failed).unwrap();
        thread.print("lost".to_owned());
        told.recv_timeout(Duration::from_secs(120)).unwrap();
        while thread.print("late".to_owned()) != Fate::Over {}
    }
}
