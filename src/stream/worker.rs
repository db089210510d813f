//! A thread that works for others which must never wait: of each of them the newest job wins.
//!
//! In: jobs, [`Worker::submit`]ted from the threads that carry videos, of which each has one place, and a few that come first and that no newer one replaces ([`Worker::queue`]). What the
//! work is, the owner says with a closure, which also hands on what comes out.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::error::internal::{Context, error};
use crate::lock::lock;

/// A worker thread that does jobs `J`. Dropping it waits for the job in hand and for those in the queue, unless it was [abandoned](Worker::abandon), and drops those that were submitted.
pub struct Worker<J> {
    jobs: Arc<Jobs<J>>,
    thread: Option<JoinHandle<()>>,
}

struct Jobs<J> {
    waiting: Mutex<Waiting<J>>,
    more: Condvar,
    /// A job has left the queue.
    room: Condvar,
    /// Jobs that wait in the queue at most.
    most: usize,
}

struct Waiting<J> {
    /// Done first, in their order.
    queue: VecDeque<J>,
    /// Of each sender the newest job. They take turns: who has waited longest is first.
    newest: VecDeque<(usize, J)>,
    /// There will be no more jobs.
    closed: bool,
    /// The job in hand may never end.
    abandoned: bool,
    timing: Timing,
}

/// What is known of when the thread will be free.
#[derive(Clone, Copy, Debug, Default)]
struct Timing {
    /// When the job in hand was begun, if there is one.
    begun: Option<Instant>,
    /// How long the last one took.
    took: Duration,
}

impl Timing {
    /// Whether the thread may be free before `within` has passed. A job that takes longer than the last one did may end at
    /// any moment.
    fn is_free_within(self, now: Instant, within: Duration) -> bool {
        self.begun.is_none_or(|begun| {
            let left = self.took.saturating_sub(now - begun);
            left.is_zero() || left < within
        })
    }
}

impl<J> Jobs<J> {
    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        lock(&self.waiting)
    }

    /// Waits for the next job; `None` when there will be none any more.
    fn next(&self) -> Option<J> {
        let mut waiting = self.lock();
        waiting.timing = Timing {
            took: waiting
                .timing
                .begun
                .map_or(waiting.timing.took, |begun| begun.elapsed()),
            begun: None,
        };
        waiting.abandoned = false;
        loop {
            let queued = waiting.queue.pop_front();
            if queued.is_some() {
                self.room.notify_one();
            }
            let next = queued.or_else(|| Some(waiting.newest.pop_front()?.1));
            if next.is_some() {
                waiting.timing.begun = Some(Instant::now());
                return next;
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .more
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread called `name` that does `work` for each job; of those that come first at most `most` wait, each of which may hold a frame. A panic inside of it ends that job alone; who waits for its outcome should use [`catching`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        name: &str,
        most: usize,
        mut work: impl FnMut(J) + Send + 'static,
    ) -> Result<Self> {
        let jobs = Arc::new(Jobs {
            waiting: Mutex::new(Waiting {
                queue: VecDeque::new(),
                newest: VecDeque::new(),
                closed: false,
                abandoned: false,
                timing: Timing::default(),
            }),
            more: Condvar::new(),
            room: Condvar::new(),
            most,
        });
        let thread = std::thread::Builder::new().name(name.to_owned());
        let todo = jobs.clone();
        let thread = thread.spawn(move || {
            while let Some(job) = todo.next() {
                drop(catch_unwind(AssertUnwindSafe(|| work(job))));
            }
        });
        Ok(Self {
            jobs,
            thread: Some(thread.context("cannot start a worker thread")?),
        })
    }

    /// Hands over a job of the sender `from` and returns at once. A job of the same sender that still waits is replaced by this one, in its turn.
    pub fn submit(&self, from: usize, job: J) {
        let mut waiting = self.jobs.lock();
        let place = waiting
            .newest
            .iter_mut()
            .find(|(sender, _)| *sender == from);
        let replaced = match place {
            Some((_, place)) => Some(std::mem::replace(place, job)),
            None => {
                waiting.newest.push_back((from, job));
                None
            }
        };
        drop(waiting);
        self.jobs.more.notify_one();
        // A job may hold a frame: it goes without the lock.
        drop(replaced);
    }

    /// Drops the job of this sender that still waits, if there is one; what is in the queue stays.
    pub fn withdraw(&self, from: usize) {
        let mut waiting = self.jobs.lock();
        let place = (waiting.newest.iter()).position(|(sender, _)| *sender == from);
        let withdrawn = place.and_then(|place| waiting.newest.remove(place));
        drop(waiting);
        drop(withdrawn);
    }

    /// Hands over a job that is done before submitted ones and that none replaces, and returns at once.
    ///
    /// # Errors
    /// There is no room in the queue: the job comes back.
    pub fn queue(&self, job: J) -> Result<(), J> {
        let waiting = self.jobs.lock();
        if waiting.queue.len() >= self.jobs.most {
            return Err(job);
        }
        self.enqueue(waiting, job);
        Ok(())
    }

    /// The same, but waits until there is room in the queue, or until `gives_up`, which is asked ten times a second.
    ///
    /// # Errors
    /// It gave up: the job comes back.
    pub fn queue_in_time(&self, job: J, mut gives_up: impl FnMut() -> bool) -> Result<(), J> {
        let mut waiting = self.jobs.lock();
        while waiting.queue.len() >= self.jobs.most {
            if gives_up() {
                return Err(job);
            }
            let room = &self.jobs.room;
            let woken = room.wait_timeout(waiting, Duration::from_millis(100));
            (waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        self.enqueue(waiting, job);
        Ok(())
    }

    /// The job in hand, if there is one, may never end: until it does, dropping the worker waits for nothing. What is in the queue is done when that can be.
    pub fn abandon(&self) {
        let mut waiting = self.jobs.lock();
        waiting.abandoned = waiting.timing.begun.is_some();
    }

    fn enqueue(&self, mut waiting: MutexGuard<Waiting<J>>, job: J) {
        waiting.queue.push_back(job);
        drop(waiting);
        self.jobs.more.notify_one();
    }

    /// Whether the thread may begin another job before `within` has passed, judged by how long the last one took: if not, a job
    /// that is submitted now will have been replaced by then where they come at that interval, and need not be made.
    pub fn is_free_within(&self, within: Duration) -> bool {
        let timing = self.jobs.lock().timing;
        timing.is_free_within(Instant::now(), within)
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        let mut waiting = self.jobs.lock();
        waiting.closed = true;
        let unwanted = std::mem::take(&mut waiting.newest);
        let abandoned = waiting.abandoned;
        drop(waiting);
        self.jobs.more.notify_one();
        drop(unwanted);
        if let Some(thread) = self.thread.take()
            && !abandoned
        {
            // Panics are caught inside, so there is nothing left to report.
            drop(thread.join());
        }
    }
}

/// Does `work`; a panic inside of it is an error like any other.
///
/// # Errors
/// The work's own, or its panic.
pub fn catching<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(error!(
            "internal error: {}",
            text.unwrap_or("a panic without words")
        ))
    })
}

/// Jobs that are neither done nor replaced, counted: who wants to be told of everything waits for them.
#[derive(Debug, Default)]
pub struct OpenJobs {
    count: Mutex<JobCount>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct JobCount {
    open: usize,
    /// Those that have ended so far.
    ended: u64,
}

/// Counts as one open job until it is dropped.
#[derive(Debug)]
pub struct OpenJob(Arc<OpenJobs>);

impl OpenJobs {
    /// One more.
    pub fn open(self: &Arc<Self>) -> OpenJob {
        lock(&self.count).open += 1;
        OpenJob(self.clone())
    }

    /// Whether any is open.
    pub fn any(&self) -> bool {
        lock(&self.count).open > 0
    }

    /// Waits until none is open, for `within` at the most, or until it is [woken](Self::wake) and `is_over`; says whether none is open.
    pub fn settle(&self, within: Duration, is_over: impl Fn() -> bool) -> bool {
        let waited = (self.changed)
            .wait_timeout_while(lock(&self.count), within, |count| {
                count.open > 0 && !is_over()
            })
            .unwrap_or_else(PoisonError::into_inner);
        waited.0.open == 0
    }

    /// Waits until none is open, as long as one of them ends within each `patience`, or until it is [woken](Self::wake) and `is_over`; says whether none is open.
    pub fn settle_patiently(&self, patience: Duration, is_over: impl Fn() -> bool) -> bool {
        let mut count = lock(&self.count);
        while count.open > 0 {
            let before = count.ended;
            let waited = (self.changed)
                .wait_timeout_while(count, patience, |count| count.ended == before && !is_over());
            let (after, silence) = waited.unwrap_or_else(PoisonError::into_inner);
            if silence.timed_out() || is_over() {
                return after.open == 0;
            }
            count = after;
        }
        true
    }

    /// Lets those who wait look again whether it is over.
    pub fn wake(&self) {
        // Under the lock, so that nobody is between looking and waiting.
        let _count = lock(&self.count);
        self.changed.notify_all();
    }
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        let mut count = lock(&self.0.count);
        count.open -= 1;
        count.ended += 1;
        drop(count);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const QUEUED: usize = 3;

    /// A worker that says when it begins a job and ends it when told.
    fn held() -> (Worker<u32>, Receiver<u32>, Sender<()>) {
        let (begun, begins) = channel();
        let (go, gate) = channel::<()>();
        let worker = Worker::spawn("test", QUEUED, move |job: u32| {
            begun.send(job).unwrap();
            gate.recv().unwrap();
        });
        (worker.unwrap(), begins, go)
    }

    /// Drops the worker on another thread; it takes no more jobs by then.
    fn dropped(worker: Worker<u32>) -> JoinHandle<()> {
        let jobs = worker.jobs.clone();
        let dropping = std::thread::spawn(move || drop(worker));
        while !jobs.lock().closed {
            std::thread::yield_now();
        }
        dropping
    }

    /// Ends the job in hand and says which one is begun next.
    fn next(begins: &Receiver<u32>, go: &Sender<()>) -> u32 {
        go.send(()).unwrap();
        begins.recv().unwrap()
    }

    #[test]
    fn the_newest_waiting_job_wins() {
        let (worker, begins, go) = held();
        worker.submit(0, 1);
        assert_eq!(begins.recv().unwrap(), 1);
        for job in 2..=5 {
            worker.submit(0, job);
        }
        assert_eq!(next(&begins, &go), 5);
        worker.submit(0, 6);
        assert_eq!(next(&begins, &go), 6);
        go.send(()).unwrap();
    }

    #[test]
    fn a_withdrawn_job_is_not_done() {
        let (worker, begins, go) = held();
        worker.submit(0, 1);
        begins.recv().unwrap();
        worker.submit(1, 10);
        worker.submit(2, 20);
        worker.queue(30).unwrap();
        worker.withdraw(1);
        worker.withdraw(7);
        assert_eq!(next(&begins, &go), 30);
        assert_eq!(next(&begins, &go), 20);
        go.send(()).unwrap();
    }

    #[test]
    fn senders_take_turns() {
        let (worker, begins, go) = held();
        worker.submit(0, 1);
        begins.recv().unwrap();
        for round in 0..3 {
            for sender in [1, 2, 3] {
                worker.submit(sender, 10 * sender as u32 + round);
            }
        }
        assert_eq!(next(&begins, &go), 12);
        worker.submit(1, 19);
        assert_eq!([(); 3].map(|()| next(&begins, &go)), [22, 32, 19]);
        go.send(()).unwrap();
    }

    #[test]
    fn a_panic_is_an_error_and_the_worker_lives_on() {
        let (done, outcomes) = channel();
        let worker = Worker::spawn("test", QUEUED, move |job: u32| {
            let outcome = catching(|| {
                assert!(job != 13, "unlucky");
                Ok(job)
            });
            done.send(outcome.map_err(|error| error.to_string()))
                .unwrap();
            assert!(job != 14);
        })
        .unwrap();
        for job in [13, 14, 15] {
            worker.queue(job).unwrap();
        }
        let outcomes: Vec<_> = outcomes.iter().take(3).collect();
        let unlucky = Err("internal error: unlucky".to_owned());
        assert_eq!(outcomes, [unlucky, Ok(14), Ok(15)]);
    }

    #[test]
    fn jobs_are_wanted_when_the_thread_may_be_free_before_the_next() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let busy = |took| Timing {
            begun: Some(now),
            took: ms(took),
        };
        let wanted =
            |timing: Timing, at, interval| timing.is_free_within(now + ms(at), ms(interval));
        let free = Timing {
            begun: None,
            ..busy(500)
        };
        assert!(wanted(free, 0, 1));
        assert!(wanted(busy(0), 0, 1), "nothing is known yet");
        assert!(!wanted(busy(100), 0, 40) && !wanted(busy(100), 40, 40));
        assert!(wanted(busy(100), 80, 40) && wanted(busy(39), 0, 40));
        assert!(
            wanted(busy(100), 140, 1),
            "it takes longer than the last one"
        );

        let (worker, begins, go) = held();
        assert!(worker.is_free_within(Duration::ZERO));
        worker.submit(0, 1);
        begins.recv().unwrap();
        assert!(
            worker.is_free_within(Duration::ZERO),
            "nothing is known yet"
        );
        go.send(()).unwrap();
    }

    #[test]
    fn dropping_it_does_not_do_what_was_submitted() {
        let (worker, begins, go) = held();
        worker.submit(0, 1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.submit(0, 2);
        let dropping = dropped(worker);
        go.send(()).unwrap();
        dropping.join().unwrap();
        assert_eq!(begins.try_iter().next(), None);
    }

    #[test]
    fn an_abandoned_worker_is_not_waited_for_and_does_what_is_in_the_queue_later() {
        let (worker, begins, go) = held();
        worker.queue(1).unwrap();
        assert_eq!(begins.recv().unwrap(), 1);
        worker.queue(2).unwrap();
        worker.abandon();
        // It would wait for a job that is not let go.
        drop(worker);
        assert_eq!(next(&begins, &go), 2);
        go.send(()).unwrap();
        assert!(begins.recv().is_err(), "the thread has ended");
    }

    #[test]
    fn jobs_that_do_not_end_are_waited_for_no_longer_than_asked() {
        let jobs = Arc::<OpenJobs>::default();
        let job = jobs.open();
        assert!(!jobs.settle(Duration::from_millis(1), || false));
        assert!(!jobs.settle_patiently(Duration::from_millis(1), || false));
        drop(job);
        assert!(jobs.settle(Duration::ZERO, || false));
        assert!(jobs.settle_patiently(Duration::ZERO, || false));
    }

    #[test]
    fn a_worker_is_abandoned_only_as_long_as_its_job_lasts() {
        let (worker, begins, go) = held();
        worker.abandon();
        assert!(!worker.jobs.lock().abandoned, "it has no job");
        worker.submit(0, 1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.abandon();
        assert!(worker.jobs.lock().abandoned);
        worker.submit(0, 2);
        assert_eq!(next(&begins, &go), 2);
        assert!(!worker.jobs.lock().abandoned, "the job has ended");
        go.send(()).unwrap();
    }

    #[test]
    fn the_queue_comes_first_and_is_emptied_before_the_end() {
        let (worker, begins, go) = held();
        worker.submit(0, 1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.submit(0, 2);
        for job in 10..10 + QUEUED as u32 {
            worker.queue(job).unwrap();
        }
        assert_eq!(worker.queue(99), Err(99), "there is no more room");
        let dropping = dropped(worker);
        for _ in 0..=QUEUED {
            go.send(()).unwrap();
        }
        dropping.join().unwrap();
        let done: Vec<u32> = begins.try_iter().collect();
        assert_eq!(done, (10..10 + QUEUED as u32).collect::<Vec<_>>());
    }

    #[test]
    fn who_has_time_waits_for_room_in_the_queue() {
        let (worker, begins, go) = held();
        let worker = Arc::new(worker);
        worker.queue(0).unwrap();
        assert_eq!(begins.recv().unwrap(), 0);
        for job in 1..=QUEUED as u32 {
            worker.queue_in_time(job, || true).unwrap();
        }
        assert_eq!(worker.queue_in_time(97, || true), Err(97), "who gives up");
        let waiting = std::thread::spawn({
            let worker = worker.clone();
            move || worker.queue_in_time(99, || false)
        });
        assert_eq!(worker.queue(98), Err(98), "who has none does not");
        let done = (0..=QUEUED).map(|_| next(&begins, &go));
        assert_eq!(done.collect::<Vec<_>>(), [1, 2, 3, 99]);
        waiting.join().unwrap().unwrap();
        go.send(()).unwrap();
    }

    #[test]
    fn it_is_settled_when_no_job_is_open_and_over_when_it_is_woken() {
        let jobs = Arc::new(OpenJobs::default());
        let never = || false;
        assert!(jobs.settle(Duration::ZERO, never), "nothing was asked yet");
        let open = [jobs.open(), jobs.open()];
        assert!(jobs.any());
        assert!(!jobs.settle(Duration::from_millis(1), never));
        let waiting = std::thread::spawn({
            let jobs = jobs.clone();
            move || jobs.settle(Duration::MAX, || false)
        });
        drop(open);
        assert!(waiting.join().unwrap());

        let _open = jobs.open();
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let waiting = std::thread::spawn({
            let (jobs, over) = (jobs.clone(), over.clone());
            move || {
                jobs.settle(Duration::MAX, || {
                    over.load(std::sync::atomic::Ordering::SeqCst)
                })
            }
        });
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        jobs.wake();
        assert!(!waiting.join().unwrap());
    }
}
