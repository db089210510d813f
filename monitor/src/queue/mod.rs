//! A queue on the disk: texts in at one end, out at the other in the same order, and gone only when their reader says so. It survives the end of the process, however it comes.
//!
//! A folder holds it. Texts are lines of files that are only appended to ([`QueueLine`]), each called by the number of its first line; a file goes when all of its lines are done. The file
//! `done` has the number of the last text that is. Where that is older than it should be, texts come twice, never not at all. A process that is killed loses nothing; when the power fails,
//! what [`DiskQueue::sync`] had not yet written is lost, and a line of which a part was written is skipped.

mod line;
mod state;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use ssdcrp::folder_lock::FolderLock;
use ssdcrp::lock::lock;

use line::QueueLine;
pub use state::QueueLimits;
use state::{LONGEST_LINE, Slot, State, files, noted, path};

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueLevel {
    pub texts: usize,
    pub bytes: u64,
    /// Since when the oldest has waited.
    pub oldest: Duration,
}

/// A queue that no other process uses at the same time.
pub struct DiskQueue {
    folder: PathBuf,
    state: Mutex<State>,
    /// Held for as long as it is open.
    _lock: FolderLock,
}

impl DiskQueue {
    /// Opens a folder, which is made where there is none. Besides the queue it says how many damaged lines were skipped.
    ///
    /// # Errors
    /// It cannot be read or written, or another process uses it.
    pub fn open(folder: &Path, limits: QueueLimits) -> Result<(Self, usize)> {
        let words = || format!("cannot keep a queue in {}", folder.display());
        let lock = match FolderLock::take(folder, "lock") {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => bail!(
                "{} is used by another monitor: each needs a [queue] folder of its own",
                folder.display()
            ),
            lock => lock.with_context(words)?,
        };
        let done = noted(folder);
        let mut state = State::new(limits);
        let mut damaged = 0;
        for first in files(folder).with_context(words)? {
            damaged += state.take_in(folder, first, done).with_context(words)?;
        }
        state.next = state.next.max(done + 1);
        let queue = Self {
            folder: folder.to_owned(),
            state: Mutex::new(state),
            _lock: lock,
        };
        queue.lock().tidy(folder);
        Ok((queue, damaged))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Keeps more or less from now on.
    pub fn limit(&self, limits: QueueLimits) {
        self.lock().limits = limits;
    }

    /// Adds a text of one line. It says how many of the oldest were dropped for it.
    ///
    /// # Errors
    /// It cannot be written: the queue is as it was.
    pub fn push(&self, text: &str) -> io::Result<usize> {
        let mut state = self.lock();
        let queued = milliseconds();
        let sequence = state.next;
        let line = QueueLine {
            sequence,
            queued,
            text,
        }
        .written();
        let length = line.len() as u64;
        if length > state.limits.bytes.min(LONGEST_LINE) || text.contains('\n') {
            return Err(io::Error::other("it is too long for the queue"));
        }
        let file = state.append(&self.folder, sequence, &line)?;
        let offset = state.writer.as_ref().map_or(0, |w| w.length) - length;
        state.slots.push_back(Slot {
            sequence,
            queued,
            file,
            offset,
            length: u32::try_from(length).map_err(io::Error::other)?,
        });
        state.bytes += length;
        state.next += 1;
        let mut dropped = 0;
        while state.slots.len() > state.limits.texts || state.bytes > state.limits.bytes {
            state.forget_first();
            dropped += 1;
        }
        if dropped > 0 {
            state.tidy(&self.folder);
        }
        Ok(dropped)
    }

    /// The oldest text with a number above `after`, which stays in the queue.
    ///
    /// # Errors
    /// It cannot be read any more; its number stands beside the error.
    pub fn next(&self, after: u64) -> Option<(u64, io::Result<String>)> {
        let slot = {
            let state = self.lock();
            let place = state.slots.partition_point(|slot| slot.sequence <= after);
            *state.slots.get(place)?
        };
        Some((slot.sequence, self.read(&slot)))
    }

    fn read(&self, slot: &Slot) -> io::Result<String> {
        let file = File::open(path(&self.folder, slot.file))?;
        let mut line = vec![0; slot.length as usize];
        file.read_exact_at(&mut line, slot.offset)?;
        let found = QueueLine::read(&line).filter(|found| found.sequence == slot.sequence);
        let found = found.ok_or_else(|| io::Error::other("it is damaged"))?;
        Ok(found.text.to_owned())
    }

    /// What has this number, and all before it, has arrived.
    pub fn done(&self, sequence: u64) {
        let mut state = self.lock();
        let mut is_new = false;
        while (state.slots.front()).is_some_and(|slot| slot.sequence <= sequence) {
            state.forget_first();
            is_new = true;
        }
        if is_new {
            state.tidy(&self.folder);
        }
    }

    /// This one is left out, whatever is before it.
    pub fn skip(&self, sequence: u64) {
        let mut state = self.lock();
        let place = (state.slots).binary_search_by_key(&sequence, |slot| slot.sequence);
        if let Ok(place) = place
            && let Some(slot) = state.slots.remove(place)
        {
            state.bytes -= u64::from(slot.length);
            state.tidy(&self.folder);
        }
    }

    pub fn level(&self) -> QueueLevel {
        let state = self.lock();
        let waited = |slot: &Slot| milliseconds().saturating_sub(slot.queued);
        QueueLevel {
            texts: state.slots.len(),
            bytes: state.bytes,
            oldest: Duration::from_millis(state.slots.front().map_or(0, waited)),
        }
    }

    /// Waits until all that was added would survive a failure of the power.
    ///
    /// # Errors
    /// The disk has failed: the next call tries again.
    pub fn sync(&self) -> io::Result<()> {
        let unsynced = self.lock().unsynced();
        // Not under the lock: who adds something does not wait for the disk.
        let outcome = unsynced.sync(&self.folder);
        self.lock().synced(unsynced, outcome.is_ok());
        outcome
    }
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
