//! Outlets that send from a queue, and can be exchanged while events come: what is to be sent where in, a running outlet out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::Result;

use crate::delivery::{Deliveries, Delivery, Loss};
use crate::outbox::Outbox;
use crate::queue::{QueueLimits, moving};
use crate::redact::say;

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

    /// What else it keeps in the folder of its queue goes to another one.
    fn move_notes(_from: &Path, _to: &Path) {}
}

/// The outlet of its kind, where there is one.
pub struct OutletSlot<T: Outlet>(RwLock<OutletState<T>>);

struct OutletState<T: Outlet> {
    plan: Option<T::Plan>,
    /// Events wait here, whether or not anything sends them at the moment.
    outbox: Option<Arc<Outbox>>,
    /// `None` besides while one makes way for another one.
    outlet: Option<T>,
    /// Of an outlet that has no outbox, for its folder cannot be used.
    failed: Option<Delivery>,
}

/// What is to be sent where next, with the outbox for it.
pub struct NextOutlet<T: Outlet> {
    plan: Option<T::Plan>,
    outbox: Option<Arc<Outbox>>,
    limits: QueueLimits,
}

impl<T: Outlet> Default for OutletSlot<T> {
    fn default() -> Self {
        Self(RwLock::new(OutletState {
            plan: None,
            outbox: None,
            outlet: None,
            failed: None,
        }))
    }
}

impl<T: Outlet> OutletSlot<T> {
    /// Opens what is needed to send as `plan` says, from a queue in a folder within `folder`. What runs goes on.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn prepare(
        &self,
        plan: Option<&T::Plan>,
        folder: &Path,
        limits: QueueLimits,
        deliveries: &Deliveries,
    ) -> Result<NextOutlet<T>> {
        let folder = folder.join(T::NAME);
        let open = |_: &T::Plan| match self.read().outbox.as_ref() {
            Some(outbox) if outbox.queue.folder() == folder => Ok(outbox.clone()),
            _ => Outbox::open(T::NAME, &folder, limits, deliveries).map(Arc::new),
        };
        Ok(NextOutlet {
            outbox: plan.map(open).transpose()?,
            plan: plan.cloned(),
            limits,
        })
    }

    /// The same where nothing runs yet: an outlet whose folder cannot be used is told of and counted, and so are the events that it loses.
    pub fn prepare_or_fail(
        &self,
        plan: Option<&T::Plan>,
        folder: &Path,
        limits: QueueLimits,
        deliveries: &Deliveries,
    ) -> NextOutlet<T> {
        let prepared = self.prepare(plan, folder, limits, deliveries);
        prepared.unwrap_or_else(|error| {
            let reason =
                format!("{error:#}; nothing is sent until the configuration is read again");
            say(format_args!("{}: {reason}", T::NAME));
            deliveries.of(T::NAME).failed(&reason);
            NextOutlet {
                plan: plan.cloned(),
                outbox: None,
                limits,
            }
        })
    }

    /// Sends so from now on. An outlet that does so already goes on; what waits in the queue of another one is sent by the new one.
    pub fn exchange(&self, next: NextOutlet<T>, deliveries: &Deliveries) {
        let NextOutlet {
            plan,
            outbox,
            limits,
        } = next;
        if let Some(outbox) = &outbox {
            outbox.queue.limit(limits);
            let slot = self.read();
            let is_same = (slot.outbox.as_ref()).is_some_and(|old| Arc::ptr_eq(old, outbox));
            if is_same && slot.plan == plan && slot.outlet.is_some() {
                return;
            }
            deliveries.watch(T::NAME, &outbox.queue);
        }
        // The old one takes its leave first: a broker knows both by one name. Not under the lock: events go on being queued meanwhile.
        let (old, before) = {
            let mut slot = self.write();
            (slot.outlet.take(), slot.outbox.clone())
        };
        drop(old);
        if outbox.is_some() || plan.is_none() {
            deliveries.forget_fault(T::NAME);
        }
        let moved = before.clone().zip(outbox.clone());
        let moved = moved.filter(|(before, outbox)| !Arc::ptr_eq(before, outbox));
        let mut taken = 0;
        if let Some((before, outbox)) = &moved {
            let (from, to) = (before.queue.folder(), outbox.queue.folder());
            // It is moved all the same; a process that is killed meanwhile leaves the rest behind.
            note_failed(&outbox.delivery, to, moving::begin(to, from));
            taken = outbox.take_over(before, 0);
            T::move_notes(from, to);
        }
        if let Some(outbox) = &outbox {
            go_on_moving::<T>(before.as_deref(), outbox, limits, deliveries);
        }
        let start = |(plan, outbox): (&T::Plan, &Arc<Outbox>)| {
            let started = T::start(plan.clone(), outbox.clone());
            started
                .inspect_err(|error| {
                    let reason = format!("{error:#}");
                    say(format_args!("{}: {reason}", T::NAME));
                    outbox.delivery.failed(&reason);
                })
                .ok()
        };
        let outlet = plan.as_ref().zip(outbox.as_ref()).and_then(start);
        let mut slot = self.write();
        // What came meanwhile.
        if let Some((before, outbox)) = &moved {
            outbox.take_over(before, taken);
            move_ends(before, outbox);
        }
        let has_failed = plan.is_some() && outbox.is_none();
        *slot = OutletState {
            plan,
            outbox,
            outlet,
            failed: has_failed.then(|| deliveries.of(T::NAME)),
        };
    }

    fn read(&self) -> RwLockReadGuard<'_, OutletState<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, OutletState<T>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with it, where there is one.
    pub fn with(&self, act: impl FnOnce(&T)) {
        if let Some(outlet) = &self.read().outlet {
            act(outlet);
        }
    }

    /// An event for it, where it wants such ones.
    pub fn put(&self, event: &str, wants: impl FnOnce(&T::Plan) -> bool) {
        let slot = self.read();
        if slot.plan.as_ref().is_some_and(wants) {
            match (&slot.outbox, &slot.failed) {
                (Some(outbox), _) => outbox.put(event),
                (None, Some(delivery)) => delivery.lost(Loss::Disk, 1),
                (None, None) => {}
            }
        }
    }

    /// Sends nothing more, after what can be sent at once.
    pub fn close(&self) {
        let outlet = self.write().outlet.take();
        drop(outlet);
        self.write().outbox = None;
    }

    /// Waits until all that was queued would survive a failure of the power.
    pub fn sync(&self) {
        let outbox = self.read().outbox.clone();
        if let Some(outbox) = outbox {
            outbox.sync();
        }
    }
}

/// Takes along what a process that was killed had left in other folders while it moved its queue; what is `before` is moved by others.
fn go_on_moving<T: Outlet>(
    before: Option<&Outbox>,
    outbox: &Outbox,
    limits: QueueLimits,
    deliveries: &Deliveries,
) {
    let folder = outbox.queue.folder();
    let before = before.and_then(|before| std::path::absolute(before.queue.folder()).ok());
    let begun = moving::begun(folder).unwrap_or_else(|error| {
        note_failed(&outbox.delivery, folder, Err(error));
        BTreeSet::new()
    });
    for from in begun {
        let place = from.display();
        if before.as_ref() == Some(&from) {
            continue;
        }
        if !from.is_dir() {
            note_failed(&outbox.delivery, folder, moving::end(folder, &from));
            continue;
        }
        match Outbox::open(T::NAME, &from, limits, deliveries) {
            Ok(other) => {
                say(format_args!(
                    "{}: goes on with the move from {place}, which did not end",
                    T::NAME
                ));
                outbox.take_over(&other, 0);
                T::move_notes(&from, folder);
                move_ends(&other, outbox);
            }
            Err(error) => say(format_args!(
                "{}: what waits in {place} cannot be taken along: {error:#}; the next start tries again",
                T::NAME
            )),
        }
    }
}

/// Says what could not be moved; where nothing is left, the move is over.
fn move_ends(other: &Outbox, outbox: &Outbox) {
    other.tell_of_rest();
    if other.is_empty() {
        let (folder, from) = (outbox.queue.folder(), other.queue.folder());
        note_failed(&outbox.delivery, folder, moving::end(folder, from));
    }
}

fn note_failed(delivery: &Delivery, folder: &Path, noted: std::io::Result<()>) {
    if let Err(error) = noted {
        let (outlet, folder) = (delivery.outlet(), folder.display());
        say(format_args!(
            "{outlet}: the note of a move of the queue in {folder} cannot be used: {error}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        texts: 99,
        bytes: 99_999,
    };

    /// Takes its leave when it may.
    struct Slow {
        plan: &'static str,
        leaves: Sender<()>,
        may_leave: Mutex<Receiver<()>>,
    }

    /// What the next one is started with.
    static ENDS: Mutex<Vec<(Sender<()>, Receiver<()>)>> = Mutex::new(vec![]);

    impl Outlet for Slow {
        const NAME: &'static str = "slow";
        type Plan = &'static str;

        fn start(plan: &'static str, _outbox: Arc<Outbox>) -> Result<Self> {
            let (leaves, may_leave) = ENDS.lock().unwrap().pop().unwrap();
            Ok(Self {
                plan,
                leaves,
                may_leave: Mutex::new(may_leave),
            })
        }
    }

    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.leaves.send(());
            // Who holds others up would do so for ever.
            let may_leave = self.may_leave.lock().unwrap();
            let _ = may_leave.recv_timeout(Duration::from_secs(60));
        }
    }

    /// An outlet that sends nothing.
    struct Still;

    impl Outlet for Still {
        const NAME: &'static str = "still";
        type Plan = &'static str;

        fn start(_plan: &'static str, _outbox: Arc<Outbox>) -> Result<Self> {
            Ok(Self)
        }
    }

    fn texts<T: Outlet>(slot: &OutletSlot<T>) -> Vec<String> {
        let outbox = slot.read().outbox.clone().unwrap();
        let mut after = 0;
        let next = || {
            let (number, text) = outbox.next(after)?;
            after = number;
            Some(text)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_farewell_holds_up_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::default();
        let slot = OutletSlot::<Slow>::default();
        let (leaves, is_leaving) = channel();
        let (let_leave, may_leave) = channel();
        let (later, later_may) = channel();
        drop(later);
        *ENDS.lock().unwrap() = vec![(leaves.clone(), later_may), (leaves, may_leave)];
        let next =
            |plan: &'static str| slot.prepare(Some(&plan), folder.path(), LIMITS, &deliveries);
        slot.exchange(next("first").unwrap(), &deliveries);
        std::thread::scope(|scope| {
            let second = next("second").unwrap();
            let exchange = scope.spawn(|| slot.exchange(second, &deliveries));
            is_leaving.recv().unwrap();
            slot.put("meanwhile", |_| true);
            slot.with(|outlet| panic!("{} is still asked", outlet.plan));
            assert!(!exchange.is_finished(), "nobody was waited for");
            let_leave.send(()).unwrap();
        });
        assert_eq!(texts(&slot), ["meanwhile"]);
        slot.with(|outlet| assert_eq!(outlet.plan, "second"));
        slot.close();
    }

    #[test]
    fn what_waits_goes_along_to_another_folder() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::default();
        let slot = OutletSlot::<Still>::default();
        let to = |name: &str| {
            let folder = folder.path().join(name);
            let next = slot.prepare(Some(&"plan"), &folder, LIMITS, &deliveries);
            slot.exchange(next.unwrap(), &deliveries);
        };
        to("one");
        for text in ["a", "b"] {
            slot.put(text, |_| true);
        }
        to("two");
        slot.put("c", |_| true);
        assert_eq!(texts(&slot), ["a", "b", "c"]);
        // Nothing of it is in the old folder, which is free.
        to("one");
        assert_eq!(texts(&slot), ["a", "b", "c"]);
    }

    #[test]
    fn a_move_that_a_killed_process_began_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::default();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        let to = |folder: &Path| {
            let slot = OutletSlot::<Still>::default();
            let next = slot.prepare(Some(&"plan"), folder, LIMITS, &deliveries);
            slot.exchange(next.unwrap(), &deliveries);
            slot
        };
        let slot = to(&one);
        for text in ["a", "b", "c"] {
            slot.put(text, |_| true);
        }
        slot.close();
        drop(slot);
        // "a" is there twice, as where the process was killed before that was noted.
        let slot = to(&two);
        slot.put("a", |_| true);
        slot.close();
        drop(slot);
        let [from, into] = [&one, &two].map(|folder| folder.join("still"));
        moving::begin(&into, &from).unwrap();
        let slot = to(&two);
        assert_eq!(texts(&slot), ["a", "a", "b", "c"]);
        assert!(moving::begun(&into).unwrap().is_empty());
        drop(slot);
        assert_eq!(texts(&to(&one)), [""; 0]);
        // Of a folder that is gone nothing is left to move.
        std::fs::remove_dir_all(&from).unwrap();
        moving::begin(&into, &from).unwrap();
        assert_eq!(texts(&to(&two)).len(), 4);
        assert!(moving::begun(&into).unwrap().is_empty() && !from.exists());
        // A move of a move.
        let three = folder.path().join("three/still");
        std::fs::create_dir_all(&three).unwrap();
        moving::begin(&into, &from).unwrap();
        moving::begin(&three, &into).unwrap();
        let both = [&from, &into].map(Clone::clone);
        assert_eq!(moving::begun(&three).unwrap(), both.into());
    }

    #[test]
    fn a_folder_that_cannot_be_used_changes_nothing_or_costs_its_outlet_alone() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::default();
        let obstacle = folder.path().join("file");
        std::fs::write(&obstacle, "").unwrap();
        let slot = OutletSlot::<Still>::default();
        let failed = slot.prepare_or_fail(Some(&"plan"), &obstacle, LIMITS, &deliveries);
        slot.exchange(failed, &deliveries);
        slot.put("lost", |_| true);
        slot.put("not wanted", |_| false);
        let lost = deliveries.of("still").losses(Loss::Disk);
        assert_eq!(lost, 1, "what is not sent is counted");
        let next = slot.prepare(Some(&"plan"), folder.path(), LIMITS, &deliveries);
        slot.exchange(next.unwrap(), &deliveries);
        slot.put("a", |_| true);
        let refused = slot.prepare(Some(&"other"), &obstacle, LIMITS, &deliveries);
        assert!(refused.is_err() && slot.read().plan == Some("plan"));
        slot.put("b", |_| true);
        assert_eq!(texts(&slot), ["a", "b"]);
    }
}
