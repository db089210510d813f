//! What an outlet is to send: events in, kept on the disk until the outlet says that they have arrived; what is lost on the way is said and counted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
                "{outlet}: {waiting} events of before wait to be sent"
            ));
        }
        Ok(Self {
            queue,
            delivery,
            news: Notify::new(),
            dropped: AtomicUsize::new(0),
        })
    }

    /// Takes an event, as JSON.
    pub fn put(&self, event: &str) {
        if let Err(error) = self.add(event) {
            let outlet = self.delivery.outlet();
            self.delivery.lost(Loss::Disk, 1);
            say(format_args!(
                "{outlet}: an event is lost, the queue cannot be written: {error}"
            ));
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

    /// The oldest event with a number above `after`. What cannot be read is left out.
    pub fn next(&self, after: u64) -> Option<(u64, String)> {
        loop {
            let (number, event) = self.queue.next(after)?;
            match event {
                Ok(event) => return Some((number, event)),
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

    /// The event with this number has arrived, and so have all before it.
    pub fn arrived(&self, number: u64) {
        self.delivery.sent();
        self.remove(number);
    }

    /// The event with this number is not wanted.
    pub fn refused(&self, number: u64) {
        self.delivery.lost(Loss::Refused, 1);
        self.remove(number);
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

    fn remove(&self, number: u64) {
        self.queue.done(number);
        if self.queue.level().texts == 0 {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let outlet = self.delivery.outlet();
                say(format_args!(
                    "{outlet}: the queue is empty again; {dropped} events were dropped"
                ));
            }
        }
    }

    /// Waits until all events would survive a failure of the power.
    pub fn sync(&self) {
        if let Err(error) = self.queue.sync() {
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
