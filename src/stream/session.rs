//! Streams at work: the threads that detect and explain, shared by one or many videos.
//!
//! In: frames of a [`Stream`]. Out: what frames show ([`Stream::shown`]), and [`News`] to the stream's [`Host`]. Live, two threads work side by side, so that boxes
//! keep up with the video while an explanation takes its time, and nobody waits; where every frame waits for its own result, one thread does all that a frame needs. No lock is held while
//! a network runs, something is drawn, or the host is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::detecting::Detecting;
use super::evidence::Store;
use super::explaining::Explaining;
use super::host::Host;
use super::jobs::{DetectJob, ExplainJob};
use super::picking::Picking;
use super::state::{FAREWELL, Shown, StreamFrame, StreamState, Tokens};
use super::stats::StreamStats;
use super::upstream::UpstreamDetection;
use super::worker::{OpenJobs, Worker, catching};
use crate::crp::Composite;
use crate::detect::Model;
use crate::error::internal::Context;
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::runtime::SessionOptions;

/// Frames whose events wait for explanations at most. Each holds what its forward pass hands over, 17 MB with the built-in model.
const EVENT_FRAMES: usize = 2;

/// How frames and results belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// Frames never wait: each shows the newest result.
    #[default]
    Live,
    /// Each frame waits for its own result.
    EveryFrame,
}

/// The networks of one model at work, for one or many streams.
pub struct Session<H: Host> {
    model: Arc<Model>,
    pacing: Pacing,
    /// Live it has the thread that explains, and hands questions to it.
    worker: Worker<DetectJob<H>>,
    streams: AtomicUsize,
}

/// One video of a session. Dropping it ends its work and waits for that, unless nothing of it ends within 15 seconds; events that are not explained yet are told without an explanation. The session's other streams go on.
pub struct Stream<H: Host> {
    session: Arc<Session<H>>,
    state: Arc<StreamState<H>>,
    farewell: Duration,
    /// Whether what was waited for last did not end.
    hangs: AtomicBool,
}

impl<H: Host> Session<H> {
    /// Starts the threads; each of the networks has the threads of `options` for itself. Where that is 0, live, when both run at the same time, each has half of the cores. They begin with `composite`, where one is asked for; frames may
    /// ask for another at any time.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network; the system gives no thread.
    pub fn start(
        model: Arc<Model>,
        pacing: Pacing,
        options: SessionOptions,
        composite: Option<&Composite>,
    ) -> Result<Arc<Self>> {
        let options = match pacing {
            Pacing::Live => shared(options),
            Pacing::EveryFrame => options,
        };
        let mut explaining = Explaining::new(model.clone(), composite, options)?;
        let mut detecting = Detecting::new(model.clone(), &mut explaining, options)?;
        let worker = match pacing {
            Pacing::EveryFrame => Worker::spawn("ssdcrp", 0, move |mut job: DetectJob<H>| {
                let reply = job.reply.take();
                let open = job.stream.open.open();
                let outcome = catching(|| job.do_all(&mut detecting, &mut explaining));
                drop(open);
                // Who waits no longer does not want it.
                reply.map(|reply| reply.send(outcome));
            })?,
            Pacing::Live => {
                let waiting = Arc::<OpenJobs>::default();
                let events_waiting = waiting.clone();
                let explainer =
                    Worker::spawn("ssdcrp-explain", EVENT_FRAMES, move |job: ExplainJob<H>| {
                        let stream = job.stream.clone();
                        // A job that panics is closed before its error is kept: whoever waits for it must not be told earlier.
                        let open = stream.open.open();
                        stream
                            .keep_error(catching(|| job.explain(&mut explaining, &events_waiting)));
                        // A stream that has no open jobs is held by nobody else.
                        drop(stream);
                        drop(open);
                    })?;
                Worker::spawn("ssdcrp-detect", 0, move |job: DetectJob<H>| {
                    let stream = job.stream.clone();
                    let open = stream.open.open();
                    stream.keep_error(catching(|| {
                        job.detect(&mut detecting, &explainer, &waiting)
                    }));
                    drop(stream);
                    drop(open);
                })?
            }
        };
        Ok(Arc::new(Self {
            model,
            pacing,
            worker,
            streams: AtomicUsize::new(0),
        }))
    }

    /// The model that is at work.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Whether frames wait for their results.
    fn waits(&self) -> bool {
        self.pacing == Pacing::EveryFrame
    }

    /// A further stream. Evidence of its events goes to `store`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn stream(self: &Arc<Self>, host: H, store: Option<Store>) -> Result<Stream<H>> {
        let id = self.streams.fetch_add(1, Ordering::Relaxed);
        let state = StreamState::new(id, host, self.model.clone(), store, self.waits())?;
        Ok(Stream {
            session: self.clone(),
            state: Arc::new(state),
            farewell: FAREWELL,
            hangs: AtomicBool::new(false),
        })
    }
}

/// The cores shared by two networks that run at the same time, where no number of threads is asked for.
fn shared(options: SessionOptions) -> SessionOptions {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = match options.threads {
        0 => (cores() / 2).max(1),
        threads => threads,
    };
    SessionOptions { threads, ..options }
}

impl<H: Host> Stream<H> {
    /// Hands over a frame. Live, it is looked at when the thread is free and no newer one of this stream waits, and this returns at once; otherwise it waits until the frame's own result
    /// is [shown](Stream::shown).
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled) where the stream is; where the frame waits also a network that does not run, or something that cannot be drawn.
    pub fn look(&self, frame: StreamFrame<H::Picture>) -> Result<()> {
        self.look_with(frame, None)
    }

    /// As [`Stream::look`], but what counts as detections is what somebody else detected in the frame: each is explained at the default box that stands for it, or told as
    /// [`unmatched`](crate::stream::Observation::unmatched). Nothing is suppressed then.
    ///
    /// # Errors
    /// As [`Stream::look`].
    pub fn look_at_detected(
        &self,
        frame: StreamFrame<H::Picture>,
        upstream: Vec<UpstreamDetection>,
    ) -> Result<()> {
        self.look_with(frame, Some(upstream))
    }

    fn look_with(
        &self,
        frame: StreamFrame<H::Picture>,
        upstream: Option<Vec<UpstreamDetection>>,
    ) -> Result<()> {
        let state = &self.state;
        let tokens = lock(&state.tokens).clone();
        if tokens.all.is_cancelled() {
            return Err(Error::cancelled());
        }
        let job = |reply| DetectJob {
            stream: state.clone(),
            frame,
            upstream,
            tokens,
            reply,
            open: state.open.open(),
        };
        let worker = &self.session.worker;
        match self.session.pacing {
            Pacing::Live => {
                worker.submit(state.id, job(None));
                Ok(())
            }
            Pacing::EveryFrame => {
                let (reply, outcome) = bounded(1);
                worker.submit(state.id, job(Some(reply)));
                outcome.recv().context("the worker thread has ended")?
            }
        }
    }

    /// Whether a frame can be used: live, one that the next, `interval` later, would replace before the thread is free
    /// cannot, and need not be sampled.
    pub fn wants(&self, interval: Duration) -> bool {
        self.session.waits() || self.session.worker.is_free_within(interval)
    }

    /// What frames show now, since the last flush; `None` as long as there is nothing.
    ///
    /// # Errors
    /// A network did not run, or something could not be drawn, since the last call.
    pub fn shown(&self) -> Result<Option<Arc<Shown<H::Prepared>>>> {
        let mut newest = lock(&self.state.newest);
        match newest.take_if(|newest| newest.is_err()) {
            Some(error) => error.map(Some),
            None => Ok((newest.as_ref()).and_then(|shown| shown.as_ref().ok().cloned())),
        }
    }

    /// Counts the flushes; frames come with this number.
    pub fn epoch(&self) -> u64 {
        self.state.epoch.load(Ordering::SeqCst)
    }

    /// What the viewer points at.
    pub fn picking(&self) -> &Mutex<Picking> {
        &self.state.picking
    }

    /// What the stream has done so far.
    pub fn stats(&self) -> StreamStats {
        *lock(&self.state.stats)
    }

    /// Waits until everything is told of the frames that were handed over. After `patience` no more explanations are begun, and the one that runs is ended. Out: whether all is done; where
    /// nothing ends for 15 seconds more, as on a disk that does not answer, it is not waited for.
    ///
    /// # Errors
    /// [`Cancelled`](crate::ErrorKind::Cancelled), by another thread.
    pub fn settle(&self, patience: Duration) -> Result<bool> {
        let state = &self.state;
        let all = lock(&state.tokens).all.clone();
        let is_over = || all.is_cancelled();
        let mut is_done = state.open.settle(patience, is_over);
        if !is_done && !is_over() {
            // Those that come after the end of the stream are explained again.
            let impatient = std::mem::take(&mut lock(&state.tokens).explanations);
            impatient.cancel();
            is_done = state.open.settle_patiently(self.farewell, is_over);
        }
        self.hangs.store(!is_done && !is_over(), Ordering::Relaxed);
        match is_over() {
            true => Err(Error::cancelled()),
            false => Ok(is_done),
        }
    }

    /// Ends all work on frames so far: what waits for it returns at once. Frames are refused until [`Stream::resume`].
    pub fn cancel(&self) {
        lock(&self.state.tokens).cancel();
        self.state.open.wake();
    }

    /// As [`Stream::cancel`], and nothing of it is told or shown any more.
    pub fn flush(&self) {
        self.state.epoch.fetch_add(1, Ordering::SeqCst);
        self.cancel();
        *lock(&self.state.newest) = None;
    }

    /// How long its end waits, in place of 15 seconds.
    #[doc(hidden)]
    pub fn set_farewell(&mut self, patience: Duration) {
        self.farewell = patience;
    }

    /// Takes frames again.
    pub fn resume(&self) {
        *lock(&self.state.tokens) = Tokens::default();
    }
}

impl<H: Host> Drop for Stream<H> {
    fn drop(&mut self) {
        self.cancel();
        self.session.worker.withdraw(self.state.id);
        // Others may keep the session; but what the host has, as files, is free when its stream is gone, unless a disk or a network does not answer.
        // What was waited for in vain is not waited for once more.
        let patience = match self.hangs.load(Ordering::Relaxed) {
            true => Duration::ZERO,
            false => self.farewell,
        };
        if !self.state.open.settle_patiently(patience, || false) {
            // Nor are their threads waited for when the last who has them goes.
            self.session.worker.abandon();
            self.state.evidence.iter().for_each(Worker::abandon);
        }
    }
}
