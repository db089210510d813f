//! What becomes of what goes to brokers and servers: for each of these outlets numbers of what was sent, what failed and what waits in its queue, and why nothing gets through at present.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use serde::Serialize;

use ssdcrp::lock::lock;

use crate::queue::DiskQueue;
use crate::redact::one_line;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutlet {
    outlet: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLoss {
    outlet: &'static str,
    reason: &'static str,
}

/// Of the outlets that nothing gets through at present, why.
type Faults = Arc<Mutex<BTreeMap<&'static str, String>>>;

type SecondsGauge = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Why an event did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The queue was full of newer ones.
    Full,
    /// It could not be written to the queue, or not be read there.
    Disk,
    /// The server does not want it.
    Refused,
}

/// What is counted of all outlets.
#[derive(Default)]
pub struct Deliveries {
    sent: Family<OfOutlet, Counter>,
    failures: Family<OfOutlet, Counter>,
    dropped: Family<OfLoss, Counter>,
    queued: Family<OfOutlet, Gauge>,
    queued_bytes: Family<OfOutlet, Gauge>,
    oldest: Family<OfOutlet, SecondsGauge>,
    queues: Mutex<Vec<(&'static str, Weak<DiskQueue>)>>,
    faults: Faults,
}

/// An outlet that nothing gets through at present, as the page reads it.
#[derive(Debug, PartialEq, Serialize)]
pub struct OutletFault {
    name: &'static str,
    reason: String,
    /// Messages that wait.
    queued: usize,
    /// Those that were lost since the monitor was started.
    lost: u64,
}

/// What is counted of one outlet.
#[derive(Clone)]
pub struct Delivery {
    of: OfOutlet,
    sent: Counter,
    failures: Counter,
    dropped: Family<OfLoss, Counter>,
    faults: Faults,
}

impl Loss {
    const ALL: [Self; 3] = [Self::Full, Self::Disk, Self::Refused];

    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Disk => "disk",
            Self::Refused => "refused",
        }
    }
}

impl Deliveries {
    pub fn register(&self, of: &mut Registry) {
        let sent = self.sent.clone();
        of.register("outlet_sent", "Events and answers that arrived", sent);
        let failures = self.failures.clone();
        of.register(
            "outlet_failures",
            "Tries to connect or to send that failed",
            failures,
        );
        let dropped = self.dropped.clone();
        of.register("outlet_dropped", "Events that did not arrive", dropped);
        let queued = self.queued.clone();
        of.register("outlet_queued", "Events that wait", queued);
        of.register_with_unit(
            "outlet_queued",
            "Size of the events that wait",
            Unit::Bytes,
            self.queued_bytes.clone(),
        );
        of.register_with_unit(
            "outlet_oldest_queued",
            "Time that the oldest event has waited, 0 where none does",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    /// Counts what an outlet sends.
    pub fn of(&self, outlet: &'static str) -> Delivery {
        let of = OfOutlet { outlet };
        let delivery = Delivery {
            sent: self.sent.get_or_create(&of).clone(),
            failures: self.failures.get_or_create(&of).clone(),
            dropped: self.dropped.clone(),
            faults: self.faults.clone(),
            of,
        };
        // What has not happened yet is 0, so that its increase can be asked for.
        for loss in [Loss::Full, Loss::Disk, Loss::Refused] {
            delivery.lost(loss, 0);
        }
        delivery
    }

    /// An outlet sends from this queue from now on.
    pub fn watch(&self, outlet: &'static str, queue: &Arc<DiskQueue>) {
        let mut queues = lock(&self.queues);
        queues.retain(|(name, _)| *name != outlet);
        queues.push((outlet, Arc::downgrade(queue)));
    }

    /// What failed of an outlet was that of an earlier one of its kind.
    pub fn forget_fault(&self, outlet: &'static str) {
        lock(&self.faults).remove(outlet);
    }

    /// The outlets that nothing gets through at present.
    pub fn faults(&self) -> Vec<OutletFault> {
        let queues = lock(&self.queues);
        let queued = |name: &str| {
            let of = queues.iter().find(|(outlet, _)| *outlet == name);
            of.and_then(|(_, queue)| queue.upgrade())
                .map_or(0, |queue| queue.level().texts)
        };
        let lost = |outlet: &'static str| {
            let losses = Loss::ALL.map(|loss| OfLoss {
                outlet,
                reason: loss.name(),
            });
            let losses = losses.map(|of| self.dropped.get_or_create(&of).get());
            losses.into_iter().sum()
        };
        let faults = lock(&self.faults);
        let faults = faults.iter().map(|(&name, reason)| OutletFault {
            name,
            reason: reason.clone(),
            queued: queued(name),
            lost: lost(name),
        });
        faults.collect()
    }

    /// Looks at the queues that there are.
    pub fn look(&self) {
        self.queued.clear();
        self.queued_bytes.clear();
        self.oldest.clear();
        for (outlet, queue) in lock(&self.queues).iter() {
            let Some(queue) = queue.upgrade() else {
                continue;
            };
            let (of, level) = (OfOutlet { outlet }, queue.level());
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let gauge = self.queued.get_or_create(&of);
            gauge.set(number(level.texts as u64));
            let gauge = self.queued_bytes.get_or_create(&of);
            gauge.set(number(level.bytes));
            let gauge = self.oldest.get_or_create(&of);
            gauge.set(level.oldest.as_secs_f64());
        }
    }
}

impl Delivery {
    pub fn outlet(&self) -> &'static str {
        self.of.outlet
    }

    pub fn sent(&self) {
        self.sent.inc();
    }

    /// A try to connect or to send has failed, for this reason.
    pub fn failed(&self, reason: &str) {
        self.failures.inc();
        lock(&self.faults).insert(self.of.outlet, one_line(reason));
    }

    /// Something got through.
    pub fn works(&self) {
        lock(&self.faults).remove(self.of.outlet);
    }

    pub fn lost(&self, loss: Loss, events: usize) {
        let of = self.of_loss(loss);
        self.dropped.get_or_create(&of).inc_by(events as u64);
    }

    fn of_loss(&self, loss: Loss) -> OfLoss {
        OfLoss {
            outlet: self.of.outlet,
            reason: loss.name(),
        }
    }

    /// How many were lost so.
    #[cfg(test)]
    pub fn losses(&self, loss: Loss) -> u64 {
        self.dropped.get_or_create(&self.of_loss(loss)).get()
    }
}
