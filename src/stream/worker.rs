//! A thread that works for another one which must never wait: at most one job in hand and one waiting, and the newest wins.
//!
//! In: jobs, [`Worker::submit`]ted from a video's streaming thread, and a few that come first and that no newer one replaces ([`Worker::queue`]). Out: the newest
//! finished result, or a job's own result where the caller chooses to wait for it ([`Worker::finish`]). What the work is, its owner says with a closure; a panic inside it becomes an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};

use crate::error::internal::{Context, error};
use crate::error::{Error, Result};

/// Jobs that wait in the queue at most: each may hold a frame.
const QUEUE: usize = 8;

/// A worker thread that turns jobs `J` into results `R` or errors `E`. Dropping it waits for the job in hand and for those in the queue, and drops the one that waits.
pub struct Worker<J, R, E = Error> {
    jobs: Option<Sender<Order<J, R, E>>>,
    waiting: Receiver<Order<J, R, E>>,
    queue: Option<Sender<Order<J, R, E>>>,
    latest: Arc<Mutex<Option<Result<R, E>>>>,
    course: Arc<Mutex<Course>>,
    open: Arc<OpenJobs>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of when the thread will be free.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// When the job in hand was begun, if there is one.
    begun: Option<Instant>,
    /// How long the last one took.
    took: Duration,
}

impl Course {
    /// Whether the thread may be free before `within` has passed. A job that takes longer than the last one did may end at
    /// any moment.
    fn free_within(self, now: Instant, within: Duration) -> bool {
        self.begun.is_none_or(|begun| {
            let left = self.took.saturating_sub(now - begun);
            left.is_zero() || left < within
        })
    }
}

struct Order<J, R, E> {
    job: J,
    /// Who waits for the result; nobody where the newest result is enough.
    reply: Option<Sender<Result<R, E>>>,
    open: OpenJob,
}

/// How many jobs are neither done nor replaced.
#[derive(Debug, Default)]
struct OpenJobs {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// Counts as one until it is dropped.
struct OpenJob(Arc<OpenJobs>);

impl OpenJob {
    fn new(jobs: &Arc<OpenJobs>) -> Self {
        *lock(&jobs.count) += 1;
        Self(jobs.clone())
    }
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        *lock(&self.0.count) -= 1;
        self.0.fewer.notify_all();
    }
}

impl<J, R, E> Worker<J, R, E>
where
    J: Send + 'static,
    R: Send + 'static,
    E: From<Error> + Send + 'static,
{
    /// Starts a thread called `name` that does `work` for each job.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        name: &str,
        mut work: impl FnMut(J) -> Result<R, E> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, waiting) = bounded::<Order<J, R, E>>(1);
        let (queue, first) = bounded::<Order<J, R, E>>(QUEUE);
        let latest = Arc::new(Mutex::new(None));
        let course = Arc::new(Mutex::new(Course::default()));
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn({
                let (orders, latest, course) = (waiting.clone(), latest.clone(), course.clone());
                move || {
                    while let Some(order) = next(&first, &orders) {
                        let Order { job, reply, open } = order;
                        let begun = Instant::now();
                        lock(&course).begun = Some(begun);
                        let result =
                            catch_unwind(AssertUnwindSafe(|| work(job))).unwrap_or_else(|panic| {
                                Err(error!("internal error: {}", panic_text(&*panic)).into())
                            });
                        *lock(&course) = Course {
                            begun: None,
                            took: begun.elapsed(),
                        };
                        match reply {
                            // Who no longer waits does not want the result.
                            Some(reply) => drop(reply.send(result)),
                            None => *lock(&latest) = Some(result),
                        }
                        drop(open);
                    }
                }
            })
            .context("cannot start a worker thread")?;
        Ok(Self {
            jobs: Some(jobs),
            waiting,
            queue: Some(queue),
            latest,
            course,
            open: Arc::default(),
            thread: Some(thread),
        })
    }

    /// Hands over a job and returns at once. A job that still waits is replaced by this one.
    pub fn submit(&self, job: J) {
        let Some(jobs) = &self.jobs else { return };
        let mut order = self.order(job, None);
        while let Err(TrySendError::Full(refused)) = jobs.try_send(order) {
            order = refused;
            // The worker may have taken the waiting job meanwhile: then the next try finds room.
            drop(self.waiting.try_recv());
        }
    }

    /// Hands over a job that is done before submitted ones and that none replaces, and returns at once.
    ///
    /// # Errors
    /// There is no room in the queue: the job comes back.
    pub fn queue(&self, job: J) -> Result<(), J> {
        match &self.queue {
            Some(queue) => {
                let sent = queue.try_send(self.order(job, None));
                sent.map_err(|refused| refused.into_inner().job)
            }
            None => Err(job),
        }
    }

    /// The newest finished result of a submitted or queued job, once.
    pub fn latest(&self) -> Option<Result<R, E>> {
        lock(&self.latest).take()
    }

    /// Whether the thread may begin another job before `within` has passed, judged by how long the last one took: if not, a job
    /// that is submitted now will have been replaced by then where they come at that interval, and need not be made.
    pub fn free_within(&self, within: Duration) -> bool {
        lock(&self.course).free_within(Instant::now(), within)
    }

    /// Does this very job and waits for its result.
    ///
    /// # Errors
    /// The work's own, or a thread that has ended.
    pub fn finish(&self, job: J) -> Result<R, E> {
        let (reply, result) = bounded(1);
        let jobs = self.jobs.as_ref().context("the worker thread has ended")?;
        jobs.send(self.order(job, Some(reply)))
            .map_err(|_| error!("the worker thread has ended"))?;
        result.recv().context("the worker thread has ended")?
    }

    /// Waits until all jobs are done or replaced, for `within` at the most, and says whether they are.
    pub fn settle(&self, within: Duration) -> bool {
        let waited = (self.open.fewer)
            .wait_timeout_while(lock(&self.open.count), within, |open| *open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        *waited.0 == 0
    }

    fn order(&self, job: J, reply: Option<Sender<Result<R, E>>>) -> Order<J, R, E> {
        let open = OpenJob::new(&self.open);
        Order { job, reply, open }
    }
}

impl<J, R, E> Drop for Worker<J, R, E> {
    fn drop(&mut self) {
        (self.jobs, self.queue) = (None, None);
        drop(self.waiting.try_recv());
        if let Some(thread) = self.thread.take() {
            // Panics are caught inside, so there is nothing left to report.
            drop(thread.join());
        }
    }
}

/// The next job: of the queue if one is there. `None` when there will be none any more.
fn next<T>(first: &Receiver<T>, orders: &Receiver<T>) -> Option<T> {
    select_biased! {
        recv(first) -> order => order.or_else(|_| orders.recv()).ok(),
        recv(orders) -> order => order.or_else(|_| first.recv()).ok(),
    }
}

/// No invariant can be broken halfway in what these locks hold.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that says when it begins a job and ends it when told.
    fn held() -> (Worker<u32, u32>, Receiver<u32>, Sender<()>) {
        let (begun, begins) = bounded(8);
        let (go, gate) = bounded::<()>(8);
        let worker = Worker::spawn("test", move |job: u32| {
            begun.send(job).map_err(Error::other)?;
            gate.recv().map_err(Error::other)?;
            Ok(job * 10)
        });
        (worker.unwrap(), begins, go)
    }

    #[test]
    fn the_newest_waiting_job_wins() {
        let (worker, begins, go) = held();
        worker.submit(1);
        assert_eq!(begins.recv().unwrap(), 1);
        for job in 2..=5 {
            worker.submit(job);
        }
        go.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), 5);
        assert_eq!(worker.latest().unwrap().unwrap(), 10);
        assert!(worker.latest().is_none(), "a result is taken once");
        go.send(()).unwrap();
        assert_eq!(worker.finish_after(go, 6), 60);
        assert_eq!(begins.try_iter().collect::<Vec<_>>(), [6]);
        assert_eq!(worker.latest().unwrap().unwrap(), 50);
    }

    impl Worker<u32, u32> {
        fn finish_after(&self, go: Sender<()>, job: u32) -> u32 {
            go.send(()).unwrap();
            self.finish(job).unwrap()
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_worker_lives_on() {
        let worker: Worker<u32, u32> = Worker::spawn("test", |job: u32| {
            assert!(job != 13, "unlucky");
            Ok(job)
        })
        .unwrap();
        let error = worker.finish(13).unwrap_err().to_string();
        assert_eq!(error, "internal error: unlucky");
        assert_eq!(worker.finish(14).unwrap(), 14);
    }

    #[test]
    fn jobs_are_wanted_when_the_thread_may_be_free_before_the_next() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let busy = |took| Course {
            begun: Some(now),
            took: ms(took),
        };
        let wanted = |course: Course, at, interval| course.free_within(now + ms(at), ms(interval));
        let free = Course {
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
        assert!(worker.free_within(Duration::ZERO));
        worker.submit(1);
        begins.recv().unwrap();
        assert!(worker.free_within(Duration::ZERO), "nothing is known yet");
        go.send(()).unwrap();
    }

    #[test]
    fn dropping_it_does_not_do_the_waiting_job() {
        let (worker, begins, go) = held();
        worker.submit(1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.submit(2);
        go.send(()).unwrap();
        drop(go);
        drop(worker);
        assert!(begins.try_iter().next().is_none_or(|job| job != 1));
    }

    #[test]
    fn it_is_settled_when_every_job_is_done_or_replaced() {
        let (worker, begins, go) = held();
        assert!(worker.settle(Duration::ZERO), "nothing was asked yet");
        worker.submit(1);
        begins.recv().unwrap();
        worker.submit(2);
        worker.submit(3);
        worker.queue(4).unwrap();
        assert!(!worker.settle(Duration::from_millis(1)));
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        assert!(worker.settle(Duration::MAX));
        assert_eq!(begins.try_iter().collect::<Vec<_>>(), [4, 3]);
        assert_eq!(worker.latest().unwrap().unwrap(), 30);
    }

    #[test]
    fn the_queue_comes_first_and_is_emptied_before_the_end() {
        let (worker, begins, go) = held();
        worker.submit(1);
        assert_eq!(begins.recv().unwrap(), 1);
        worker.submit(2);
        for job in 10..10 + QUEUE as u32 {
            worker.queue(job).unwrap();
        }
        assert_eq!(worker.queue(99), Err(99), "there is no more room");
        worker.submit(3);
        for _ in 0..=QUEUE {
            go.send(()).unwrap();
        }
        drop(worker);
        let done: Vec<u32> = begins.try_iter().collect();
        assert_eq!(done, (10..10 + QUEUE as u32).collect::<Vec<_>>());
    }
}
