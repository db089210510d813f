//! Outlets that send from a queue, and can be exchanged while events come: what is to be sent where in, a running outlet out.

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
        let open = |_: &T::Plan| -> Result<Arc<Outbox>> {
            match self.read().outbox.as_ref() {
                Some(outbox) if outbox.queue.folder() == folder => Ok(outbox.clone()),
                _ => {
                    let outbox = Outbox::open(T::NAME, &folder, limits, deliveries)?;
                    self.go_on_moving(&outbox, limits, deliveries);
                    Ok(Arc::new(outbox))
                }
            }
        };
        Ok(NextOutlet {
            outbox: plan.map(open).transpose()?,
            plan: plan.cloned(),
            limits,
        })
    }

    /// Takes along what a process that was killed had left in another folder while it moved its queue.
    fn go_on_moving(&self, outbox: &Outbox, limits: QueueLimits, deliveries: &Deliveries) {
        let folder = outbox.queue.folder();
        let Some(from) = moving::begun(folder) else {
            return;
        };
        let runs = self.read().outbox.clone();
        if runs.is_some_and(|runs| runs.queue.folder() == from) {
            // It is moved in a moment.
            return;
        }
        if from.is_dir() {
            match Outbox::open(T::NAME, &from, limits, deliveries) {
                Ok(before) => {
                    say(format_args!(
                        "{}: goes on with the move from {} that did not end",
                        T::NAME,
                        from.display()
                    ));
                    T::move_notes(&from, folder);
                    move_all(&before, outbox);
                }
                Err(error) => {
                    let from = from.display();
                    say(format_args!(
                        "{}: what waits in {from} cannot be taken along: {error:#}; the next start tries again",
                        T::NAME
                    ));
                }
            }
        } else if let Err(error) = moving::end(folder) {
            say(format_args!("{}: {}: {error}", T::NAME, folder.display()));
        }
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
        let moved = before.zip(outbox.clone());
        let moved = moved.filter(|(before, outbox)| !Arc::ptr_eq(before, outbox));
        if let Some((before, outbox)) = &moved {
            let (from, to) = (before.queue.folder(), outbox.queue.folder());
            if let Err(error) = moving::begin(to, from) {
                // It is moved all the same; a process that is killed meanwhile leaves the rest behind.
                say(format_args!("{}: {}: {error}", T::NAME, to.display()));
            }
            outbox.take_over(before);
            T::move_notes(from, to);
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
            move_all(before, outbox);
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

/// Moves what waits, and says what cannot be moved.
fn move_all(before: &Outbox, outbox: &Outbox) {
    outbox.take_over(before);
    before.tell_of_rest();
    let folder = outbox.queue.folder();
    if before.is_empty()
        && let Err(error) = moving::end(folder)
    {
        say(format_args!(
            "{}: {}: {error}",
            outbox.delivery.outlet(),
            folder.display()
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
        assert_eq!(moving::begun(&into), None);
        drop(slot);
        assert_eq!(texts(&to(&one)), [""; 0]);
        // Of a folder that is gone nothing is left to move.
        std::fs::remove_dir_all(&from).unwrap();
        moving::begin(&into, &from).unwrap();
        assert_eq!(texts(&to(&two)).len(), 4);
        assert!(moving::begun(&into).is_none() && !from.exists());
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
