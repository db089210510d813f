//! What an outlet is to send: events in, kept on the disk until the outlet says that they have arrived; what is lost on the way is said and counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
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
}

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

    /// Takes what waits in another one, from which nothing is sent at the moment. What cannot be written stays there.
    pub fn take_over(&self, other: &Self) {
        let mut last = 0;
        while let Some((number, event)) = other.next(last) {
            if self.add(&event).is_err() {
                break;
            }
            last = number;
        }
        other.queue.done(last);
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

    /// The oldest event with a number above `after`, which is on its way then. What cannot be read is left out.
    pub fn next(&self, after: u64) -> Option<(u64, String)> {
        loop {
            let (number, event) = self.queue.next(after)?;
            match event {
                Ok(event) => {
                    self.queue.hold(number);
                    return Some((number, event));
                }
                Err(error) => {
                    let outlet = self.delivery.outlet();
                    say(format_args!(
                        "{outlet}: an event is lost, the queue cannot be read: {error}"
                    ));
                    self.delivery.lost(Loss::Disk, 1);
                    self.queue.skip(number);
                }
            }
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
