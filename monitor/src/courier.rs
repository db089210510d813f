//! Threads that send: an outbox and what sends from it in, a thread out, and at its end words of what is left.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::watch;

use crate::helper::{Helper, PANICKED};
use crate::outbox::Outbox;
use crate::redact::say;

/// A thread that sends what is in an outbox, until it is dropped.
pub struct Courier {
    // Dropped in this order: what is left is known when the thread has ended.
    _helper: Helper,
    _left: Leftovers,
}

/// Tells at the end what was not sent.
struct Leftovers(Arc<Outbox>);

impl Courier {
    /// Runs `work`, as a [`Helper`] does.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<W>(
        outbox: Arc<Outbox>,
        work: impl Fn(watch::Receiver<bool>) -> W + Send + 'static,
    ) -> Result<Self>
    where
        W: Future<Output = ()>,
    {
        let delivery = outbox.delivery.clone();
        let outlet = delivery.outlet();
        let failed = move || delivery.failed(PANICKED);
        Ok(Self {
            _helper: Helper::start(outlet, failed, work)?,
            _left: Leftovers(outbox),
        })
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let left = self.0.queue.level().texts;
        if left > 0 {
            let outlet = self.0.delivery.outlet();
            let folder = self.0.queue.folder().display();
            say(format_args!("{outlet}: {left} messages wait in {folder}"));
        }
    }
}
