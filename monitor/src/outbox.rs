//! What an outlet is to send: events in, kept on the disk until the outlet says that they have arrived; what is lost on the way is said and counted.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use ssdcrp::lock::lock;
use tokio::sync::Notify;

use crate::delivery::{Deliveries, Delivery, Loss};
use crate::queue::{DiskQueue, QueueLimits};
use crate::redact::say;

/// The events of one outlet.
pub struct Outbox {
    pub queue: Arc<DiskQueue>,
    pub delivery: Delivery,
    /// There is something new.
    pub news: Notify,
    /// How many were dropped since the queue was empty.
    dropped: AtomicUsize,
    /// How many could not be written since one could.
    unwritten: AtomicUsize,
    /// Whether what was queued could not be put on the disk the last time.
    is_unsynced: AtomicBool,
    /// The event that cannot be read at present, and since when none can.
    unreadable: Mutex<Option<(u64, Instant)>>,
    /// What cannot be read for so long, while the disk is asked again and again, is lost.
    patience: Duration,
}

/// How long a disk may be out of reach.
const UNREADABLE: Duration = Duration::from_secs(600);
/// Events that are moved to another folder at once: a process that is killed then sends so many twice at most.
const PIECE: usize = 256;
/// Between two tries to read.
const READ_AGAIN: Duration = Duration::from_secs(2);

impl Outbox {
    /// With a queue in this folder.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(
        outlet: &'static str,
        folder: &Path,
        limits: QueueLimits,
        deliveries: &Deliveries,
    ) -> Result<Self> {
        let (queue, damaged) = DiskQueue::open(folder, limits)?;
        let queue = Arc::new(queue);
        let delivery = deliveries.of(outlet);
        if damaged > 0 {
            let place = folder.display();
            say(format_args!(
                "{outlet}: {damaged} lines of the queue in {place} are damaged and left out"
            ));
            delivery.lost(Loss::Disk, damaged);
        }
        let waiting = queue.level().texts;
        if waiting > 0 {
            say(format_args!(
                "{outlet}: {waiting} messages of before wait to be sent"
            ));
        }
        Ok(Self {
            queue,
            delivery,
            news: Notify::new(),
            dropped: AtomicUsize::new(0),
            unwritten: AtomicUsize::new(0),
            is_unsynced: AtomicBool::new(false),
            unreadable: Mutex::default(),
            patience: UNREADABLE,
        })
    }

    /// Takes an event, as JSON.
    pub fn put(&self, event: &str) {
        let outlet = self.delivery.outlet();
        match self.add(event) {
            Ok(()) => {
                let lost = self.unwritten.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    say(format_args!(
                        "{outlet}: the queue can be written again; {lost} messages are lost"
                    ));
                }
            }
            Err(error) => {
                self.delivery.lost(Loss::Disk, 1);
                // Once: the log is often on the same disk.
                if self.unwritten.fetch_add(1, Ordering::Relaxed) == 0 {
                    say(format_args!(
                        "{outlet}: messages are lost, the queue cannot be written: {error}"
                    ));
                }
            }
        }
    }

    fn add(&self, event: &str) -> std::io::Result<()> {
        let dropped = self.queue.push(event)?;
        if dropped > 0 {
            self.delivery.lost(Loss::Full, dropped);
            if self.dropped.fetch_add(dropped, Ordering::Relaxed) == 0 {
                let outlet = self.delivery.outlet();
                say(format_args!(
                    "{outlet}: the queue is full, its oldest events are dropped"
                ));
            }
        }
        self.news.notify_one();
        Ok(())
    }

    /// Takes what waits in another one behind the number `after`, and from which nothing is sent at the moment. What cannot be written stays there. Out: the last number that was taken.
    pub fn take_over(&self, other: &Self, after: u64) -> u64 {
        let mut last = after;
        for taken in 1.. {
            let Some((number, event)) = other.next(last) else {
                break;
            };
            if self.add(&event).is_err() {
                break;
            }
            last = number;
            if taken % PIECE == 0 && !self.has_taken(other, last) {
                return last;
            }
        }
        self.has_taken(other, last);
        last
    }

    /// What was taken from another one, up to this number, goes there once it is on the disk here. Says whether it is.
    fn has_taken(&self, other: &Self, last: u64) -> bool {
        self.sync();
        let is_safe = !self.is_unsynced.load(Ordering::Relaxed);
        if is_safe {
            other.queue.done(last);
        }
        is_safe
    }

    /// Says what stays in a folder that is no longer used.
    pub fn tell_of_rest(&self) {
        let left = self.queue.level().texts;
        if left > 0 {
            let (outlet, folder) = (self.delivery.outlet(), self.queue.folder().display());
            say(format_args!(
                "{outlet}: {left} events stay in {folder}, which the configuration no longer names"
            ));
        }
    }

    /// The oldest event with a number above `after`, which is on its way then; `None` also where it cannot be read at present ([`Outbox::readable`]). What is damaged is left out.
    pub fn next(&self, after: u64) -> Option<(u64, String)> {
        let outlet = self.delivery.outlet();
        loop {
            let Some((number, event)) = self.queue.next(after) else {
                if self.queue.next(0).is_none() {
                    // Nothing is left that could not be read.
                    *lock(&self.unreadable) = None;
                }
                return None;
            };
            let error = match event {
                Ok(event) => {
                    self.is_readable(number);
                    self.queue.hold(number);
                    return Some((number, event));
                }
                Err(error) => error,
            };
            if !is_damage(&error) && !self.gives_up(number, &error) {
                return None;
            }
            say(format_args!(
                "{outlet}: an event is lost, the queue cannot be read: {error}"
            ));
            self.delivery.lost(Loss::Disk, 1);
            self.queue.skip(number);
        }
    }

    /// The event with this number can be read. An earlier one says nothing of those that could not.
    fn is_readable(&self, number: u64) {
        let mut unreadable = lock(&self.unreadable);
        if unreadable.is_some_and(|(before, _)| number >= before) {
            *unreadable = None;
            let outlet = self.delivery.outlet();
            say(format_args!("{outlet}: the queue can be read again"));
        }
    }

    /// What is whole on the disk cannot be read now, as where the system has no descriptor left. Whether that lasts too long.
    fn gives_up(&self, number: u64, error: &io::Error) -> bool {
        let mut unreadable = lock(&self.unreadable);
        let is_news = unreadable.is_none();
        let (before, since) = unreadable.get_or_insert((number, Instant::now()));
        *before = number;
        let reason = format!("the queue cannot be read at present: {error}");
        if is_news {
            let outlet = self.delivery.outlet();
            say(format_args!("{outlet}: {reason}; it is tried again"));
        }
        // Each time: what arrives meanwhile was read before.
        self.delivery.failed(&reason);
        since.elapsed() >= self.patience
    }

    /// Whether something waits that cannot be read at present.
    pub fn is_unreadable(&self) -> bool {
        lock(&self.unreadable).is_some()
    }

    /// Ends when [`Outbox::next`] is worth another try for what could not be read; never where everything could.
    pub async fn readable(&self) {
        match self.is_unreadable() {
            true => tokio::time::sleep(READ_AGAIN).await,
            false => std::future::pending().await,
        }
    }

    /// What was on its way will not arrive, and is sent again.
    pub fn release(&self) {
        self.queue.release();
    }

    /// The event with this number has arrived, and so have all before it. One that was dropped meanwhile was counted so.
    pub fn arrived(&self, number: u64) {
        if self.remove(number) {
            self.delivery.sent();
        }
    }

    /// The event with this number is not wanted.
    pub fn refused(&self, number: u64) {
        if self.remove(number) {
            self.delivery.lost(Loss::Refused, 1);
        }
    }

    /// The event with this number is none.
    pub fn strange(&self, number: u64) {
        let outlet = self.delivery.outlet();
        say(format_args!(
            "{outlet}: something in the queue is no event, and left out"
        ));
        self.delivery.lost(Loss::Disk, 1);
        self.queue.skip(number);
    }

    /// Says whether it was still there.
    fn remove(&self, number: u64) -> bool {
        let was_there = self.queue.done(number) > 0;
        if self.queue.level().texts == 0 {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let outlet = self.delivery.outlet();
                say(format_args!(
                    "{outlet}: the queue is empty again; {dropped} events were dropped"
                ));
            }
        }
        was_there
    }

    /// Waits until all events would survive a failure of the power.
    pub fn sync(&self) {
        let outcome = self.queue.sync();
        let was_unsynced = self.is_unsynced.swap(outcome.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (outcome, was_unsynced) {
            let outlet = self.delivery.outlet();
            say(format_args!(
                "{outlet}: the queue's disk has failed: {error}"
            ));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.level().texts == 0
    }
}

/// Whether the text is gone, rather than out of reach.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_now_waits_and_what_is_gone_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let limits = QueueLimits {
            texts: 9,
            bytes: 99_999,
        };
        let deliveries = Deliveries::default();
        let outbox = Outbox::open("test", folder.path(), limits, &deliveries).unwrap();
        outbox.put("a");
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        let file = files.filter(|file| file.extension().is_some_and(|end| end == "queue"));
        let [file] = &file.collect::<Vec<_>>()[..] else {
            panic!("one file")
        };
        // A link that leads to itself cannot be opened, whoever asks.
        let away = folder.path().join("away");
        std::fs::rename(file, &away).unwrap();
        std::os::unix::fs::symlink(file, file).unwrap();
        assert!(outbox.next(0).is_none() && outbox.next(0).is_none());
        assert_eq!(outbox.delivery.losses(Loss::Disk), 0);
        assert_eq!(deliveries.faults().len(), 1, "the page says nothing");
        assert!(!outbox.is_empty());
        std::fs::remove_file(file).unwrap();
        std::fs::rename(&away, file).unwrap();
        assert_eq!(outbox.next(0), Some((1, "a".to_owned())));
        std::fs::remove_file(file).unwrap();
        assert!(outbox.next(0).is_none() && outbox.is_empty());
        assert_eq!(outbox.delivery.losses(Loss::Disk), 1);
    }

    #[test]
    fn what_cannot_be_read_for_long_is_lost_at_once_with_all_that_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let limits = QueueLimits {
            texts: 9,
            bytes: 99_999,
        };
        let outbox = Outbox::open("test", folder.path(), limits, &Deliveries::default());
        let outbox = Outbox {
            patience: Duration::ZERO,
            ..outbox.unwrap()
        };
        for text in ["a", "b", "c"] {
            outbox.put(text);
        }
        let file = folder.path().join(format!("{:020}.queue", 1));
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&file, &file).unwrap();
        assert_eq!(outbox.next(0), None);
        assert_eq!(outbox.delivery.losses(Loss::Disk), 3);
        assert!(outbox.is_empty() && !outbox.is_unreadable());
    }
}
