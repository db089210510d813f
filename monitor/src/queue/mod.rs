//! A queue on the disk: texts in at one end, out at the other in the same order, and gone only when their reader says so. It survives the end of the process, however it comes.
//!
//! A folder holds it. Texts are lines of files that are only appended to ([`QueueLine`]), each called by the number of its first line; a file goes when all of its lines are done. The file
//! `done` has the number of the last text that is. Where that is older than it should be, texts come twice, never not at all. A process that is killed loses nothing; when the power fails,
//! what [`DiskQueue::sync`] had not yet written is lost, and a line of which a part was written is skipped.

mod line;
pub mod moving;
mod state;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ssdcrp::folder_lock::FolderLock;
use ssdcrp::lock::lock;

use line::QueueLine;
pub use state::{LONGEST_LINE, QueueLimits};
use state::{Slot, State, files, milliseconds, noted, path};

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
    /// Of what is in it, for those who must not wait for the disk.
    gauges: Gauges,
    /// Held for as long as it is open.
    _lock: FolderLock,
}

/// What is in it, as it was when the last change was done.
#[derive(Default)]
struct Gauges {
    texts: AtomicUsize,
    bytes: AtomicU64,
    /// When the oldest was queued, in milliseconds since 1970.
    oldest: AtomicU64,
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
            gauges: Gauges::default(),
            _lock: lock,
        };
        queue.change(|state| state.tidy(folder));
        Ok((queue, damaged))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Does something with it, and keeps what there is then.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let outcome = act(&mut state);
        let oldest = state.slots.front().map_or(u64::MAX, |slot| slot.queued);
        self.gauges.oldest.store(oldest, Ordering::SeqCst);
        self.gauges.bytes.store(state.bytes, Ordering::SeqCst);
        self.gauges.texts.store(state.slots.len(), Ordering::SeqCst);
        outcome
    }

    /// Keeps more or less from now on.
    pub fn limit(&self, limits: QueueLimits) {
        self.lock().limits = limits;
    }

    /// Adds a text of one line. It says how many were dropped for it: the oldest of those that are not on their way.
    ///
    /// # Errors
    /// It cannot be written: the queue is as it was.
    pub fn push(&self, text: &str) -> io::Result<usize> {
        self.change(|state| {
            state.add(&self.folder, text)?;
            let mut dropped = 0;
            while state.is_too_full() {
                state.drop_one();
                dropped += 1;
            }
            if dropped > 0 {
                state.tidy(&self.folder);
            }
            Ok(dropped)
        })
    }

    /// What has this number, and all before it, is on its way: it may arrive, and is dropped last.
    pub fn hold(&self, sequence: u64) {
        let mut state = self.lock();
        state.held = state.held.max(sequence);
    }

    /// Nothing is on its way any more.
    pub fn release(&self) {
        self.lock().held = 0;
    }

    /// The oldest text with a number above `after`, which stays in the queue.
    ///
    /// # Errors
    /// It cannot be read; its number stands beside the error. What is damaged is invalid data.
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
        let found =
            found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged"))?;
        Ok(found.text.to_owned())
    }

    /// What has this number, and all before it, has arrived. It says how many of them were still there.
    pub fn done(&self, sequence: u64) -> usize {
        self.change(|state| {
            let mut count = 0;
            while (state.slots.front()).is_some_and(|slot| slot.sequence <= sequence) {
                state.forget(0);
                count += 1;
            }
            if count > 0 {
                state.tidy(&self.folder);
            }
            count
        })
    }

    /// This one is left out, whatever is before it.
    pub fn skip(&self, sequence: u64) {
        self.change(|state| {
            let place = (state.slots).binary_search_by_key(&sequence, |slot| slot.sequence);
            if let Ok(place) = place {
                state.forget(place);
                state.tidy(&self.folder);
            }
        });
    }

    /// What is in it. Nobody waits for the disk here.
    pub fn level(&self) -> QueueLevel {
        let waited = milliseconds().saturating_sub(self.gauges.oldest.load(Ordering::SeqCst));
        QueueLevel {
            texts: self.gauges.texts.load(Ordering::SeqCst),
            bytes: self.gauges.bytes.load(Ordering::SeqCst),
            oldest: Duration::from_millis(waited),
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

#[cfg(test)]
mod tests;
