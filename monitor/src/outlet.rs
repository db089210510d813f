//! Outlets that send from a queue, and can be exchanged while events come: what is to be sent where in, a running outlet out.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Result;

use crate::delivery::Deliveries;
use crate::outbox::Outbox;
use crate::queue::QueueLimits;

/// Sends what is in its outbox, until it is dropped.
pub trait Outlet: Sized {
    /// As its queue's folder and its numbers are called.
    const NAME: &'static str;
    /// What is sent where.
    type Plan: Clone + PartialEq;

    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread.
    fn start(plan: Self::Plan, outbox: Arc<Outbox>) -> Result<Self>;

    fn plan(&self) -> &Self::Plan;

    fn outbox(&self) -> &Arc<Outbox>;
}

/// The outlet of its kind, where there is one.
pub struct OutletSlot<T>(RwLock<Option<T>>);

impl<T> Default for OutletSlot<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: Outlet> OutletSlot<T> {
    /// Sends as `plan` says from now on, from a queue in a folder within `folder`. An outlet that does so already goes on; what waits in the queue of another one is sent by the new one.
    ///
    /// # Errors
    /// The folder cannot be used, and the outlet of before goes on; or the system gives no thread.
    pub fn exchange(
        &self,
        plan: Option<&T::Plan>,
        folder: &Path,
        limits: QueueLimits,
        deliveries: &Deliveries,
    ) -> Result<()> {
        // Events wait here meanwhile: none of them is lost between two outlets.
        let mut outlet = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = plan else {
            *outlet = None;
            return Ok(());
        };
        let folder = folder.join(T::NAME);
        let old = outlet.as_ref();
        let outbox = match old.map(T::outbox) {
            Some(outbox) if outbox.queue.folder() == folder => {
                outbox.queue.limit(limits);
                if old.is_some_and(|old| old.plan() == plan) {
                    return Ok(());
                }
                outbox.clone()
            }
            _ => Arc::new(Outbox::open(T::NAME, &folder, limits, deliveries)?),
        };
        // The old one takes its leave first: a broker knows both by one name.
        *outlet = None;
        *outlet = Some(T::start(plan.clone(), outbox)?);
        Ok(())
    }

    /// Does something with it, where there is one.
    pub fn with(&self, act: impl FnOnce(&T)) {
        let outlet = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlet) = outlet.as_ref() {
            act(outlet);
        }
    }

    /// Sends nothing more, after what can be sent at once.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until all that was queued would survive a failure of the power.
    pub fn sync(&self) {
        self.with(|outlet| outlet.outbox().sync());
    }
}
