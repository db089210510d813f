//! What the threads of a session know of one stream.
//!
//! In: a frame and a detector. Out: what was seen in it, evidence of its events, and what its frames show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::checking::ObjectChecks;
use super::display::{DisplayState, View};
use super::drawing::draw;
use super::evidence::{Case, Store};
use super::explaining::ExplainedObject;
use super::frame::{FrameInfo, FrameTime};
use super::host::{Host, LeftOut, News};
use super::observation::{Observation, ObservedEvent, Observer};
use super::picking::{Picking, Placed};
use super::room::ensure_room;
use super::settings::{QuestionSettings, StreamSettings};
use super::stats::StreamStats;
use super::upstream::{FrameDetections, UpstreamDetection};
use super::worker::{OpenJob, OpenJobs, Worker, catching};
use crate::detect::{Detector, Forward, Model, NetworkInput};
use crate::error::internal::Context;
use crate::error::{ErrorKind, Result};
use crate::lock::lock;
use crate::runtime::CancelToken;

/// How long a stream that ends waits for its last jobs. A network takes seconds at the most; a disk that hangs may take for ever.
pub(super) const FAREWELL: Duration = Duration::from_secs(15);

/// What an overlay takes for each pixel at most: the canvas, and what the host makes of it.
const PIXEL_BYTES: u64 = 12;

/// What samples the network's input from a frame. A session calls it on its own thread, and not at all where a newer frame has taken the frame's place.
pub type Sampler = Box<dyn FnOnce() -> Result<NetworkInput> + Send>;

/// A frame that is to be looked at.
pub struct StreamFrame<P> {
    /// What is known of it.
    pub info: FrameInfo,
    /// Samples the network's input from it.
    pub input: Sampler,
    /// What is asked.
    pub settings: Arc<StreamSettings>,
    /// The viewer gets its frames too late: this one is not explained.
    pub late: bool,
    /// The frame itself, where evidence of its events is kept.
    pub picture: Option<P>,
}

/// What frames show.
#[derive(Debug)]
pub struct Shown<T> {
    /// Of two, that with the greater number was made later.
    pub number: u64,
    /// The frame that it was seen in.
    pub frame: FrameInfo,
    /// The frame that was explained, where an explanation of something that is seen is shown.
    pub explained: Option<FrameTime>,
    /// What can be picked.
    pub objects: Arc<[Placed]>,
    /// In the host's form.
    pub prepared: T,
}

/// What frames show, or why nothing newer could be made.
type Newest<T> = Option<Result<Arc<Shown<T>>>>;

/// What ends the work of a stream: all of it, or its explanations alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    pub all: CancelToken,
    pub explanations: CancelToken,
}

impl Tokens {
    pub fn cancel(&self) {
        self.all.cancel();
        self.explanations.cancel();
    }
}

/// Everything of a stream that its threads share. No lock is held while a network runs, something is drawn, or the host is told.
pub(super) struct StreamState<H: Host> {
    /// Tells the streams of a session apart.
    pub id: usize,
    pub host: Arc<H>,
    pub model: Arc<Model>,
    pub observer: Mutex<Observer>,
    pub picking: Mutex<Picking>,
    pub checks: Mutex<ObjectChecks>,
    pub display: Mutex<DisplayState>,
    pub newest: Mutex<Newest<H::Prepared>>,
    pub epoch: AtomicU64,
    pub tokens: Mutex<Tokens>,
    pub open: Arc<OpenJobs>,
    /// Questions that could not be answered, as far as that was told.
    pub unanswered: Mutex<Vec<QuestionSettings>>,
    pub stats: Arc<Mutex<StreamStats>>,
    pub evidence: Option<Worker<EvidenceJob<H::Picture>>>,
    /// Whether frames wait for their results.
    waits: bool,
}

/// The events of a frame that are to be kept, and the frame. Who waits for the end of a stream waits for it.
pub(super) struct EvidenceJob<P> {
    cases: Vec<Case>,
    picture: P,
    _open: OpenJob,
}

/// What was seen in a frame, with all that is needed to explain it.
pub(super) struct DetectedFrame<P> {
    pub observation: Arc<Observation>,
    pub forward: Arc<Forward>,
    /// Whether it is time to explain what was selected.
    pub is_due: bool,
    pub picture: Option<P>,
}

/// Frames whose events wait for the disk at most.
const EVENT_PICTURES: usize = 8;

impl<H: Host> StreamState<H> {
    /// Of a stream that nothing was seen of yet; evidence of its events goes to `store`, which is waited for where frames wait for their results (`waits`).
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(
        id: usize,
        host: H,
        model: Arc<Model>,
        store: Option<Store>,
        waits: bool,
    ) -> Result<Self> {
        let host = Arc::new(host);
        let stats = Arc::<Mutex<StreamStats>>::default();
        let keep = |store| keep_evidence(store, host.clone(), model.clone(), stats.clone());
        let evidence = store.map(keep).transpose()?;
        Ok(Self {
            id,
            host,
            model,
            observer: Mutex::default(),
            picking: Mutex::default(),
            checks: Mutex::default(),
            display: Mutex::default(),
            newest: Mutex::default(),
            epoch: AtomicU64::new(0),
            tokens: Mutex::default(),
            open: Arc::default(),
            unanswered: Mutex::default(),
            stats,
            evidence,
            waits,
        })
    }

    /// Detects in a frame, or takes what somebody else detected `upstream`, and finds known objects again; `None` where the stream was flushed meanwhile.
    ///
    /// # Errors
    /// The network does not run, or [`ErrorKind::Cancelled`].
    pub fn observe(
        &self,
        detector: &mut Detector,
        (frame, upstream): (StreamFrame<H::Picture>, Option<Vec<UpstreamDetection>>),
        cancel: &CancelToken,
    ) -> Result<Option<DetectedFrame<H::Picture>>> {
        let forward = detector.forward_cancellable((frame.input)()?, cancel)?;
        let found = match upstream {
            Some(upstream) => {
                let threshold = frame.settings.thresholds.score;
                FrameDetections::upstream(upstream, threshold, &forward, &self.model)?
            }
            None => FrameDetections::own(detector.detections(&forward, frame.settings.thresholds)?),
        };
        if !self.is_current(frame.info) {
            return Ok(None);
        }
        let (observation, is_due) = lock(&self.observer).observe(
            frame.info,
            &frame.settings,
            found,
            &self.picking,
            frame.late,
        );
        let mut stats = lock(&self.stats);
        stats.detected += 1;
        stats.events += observation.events.len() as u64;
        Ok(Some(DetectedFrame {
            observation: Arc::new(observation),
            forward: Arc::new(forward),
            is_due,
            picture: frame.picture,
        }))
    }

    /// Whether a frame came since the last flush.
    pub fn is_current(&self, frame: FrameInfo) -> bool {
        frame.epoch == self.epoch.load(Ordering::SeqCst)
    }

    /// Tells the host, unless the stream was flushed since.
    pub fn tell(&self, of: &Observation, news: News) {
        if self.is_current(of.frame) {
            self.host.tell(news);
        }
    }

    /// Tells of a frame's events with the answers to their questions, and hands them on to be kept.
    pub fn tell_events(
        &self,
        observation: &Arc<Observation>,
        answered: Vec<(Arc<ObservedEvent>, Option<Arc<ExplainedObject>>)>,
        picture: Option<&H::Picture>,
    ) {
        for (event, explained) in &answered {
            self.tell(
                observation,
                News::Event {
                    observation,
                    event,
                    explained: explained.as_deref(),
                },
            );
        }
        if let (Some(evidence), Some(picture)) = (&self.evidence, picture) {
            let case = |(event, explained)| Case {
                observation: observation.clone(),
                event,
                explained,
            };
            let job = EvidenceJob {
                cases: answered.into_iter().map(case).collect(),
                picture: picture.clone(),
                _open: self.open.open(),
            };
            let queued = match self.waits {
                true => evidence.queue_in_time(job, self.farewell()),
                false => evidence.queue(job),
            };
            if let Err(refused) = queued {
                // Where events come faster than the disk takes them, or a disk hangs, there is evidence of some frames.
                for case in &refused.cases {
                    leave_out(&*self.host, &self.stats, &case.event, LeftOut::Behind);
                }
            }
        }
    }

    /// Says when who waits for the disk has waited long enough: so long after the stream was cancelled.
    fn farewell(&self) -> impl FnMut() -> bool + use<H> {
        let all = lock(&self.tokens).all.clone();
        let mut cancelled_at = None;
        move || {
            all.is_cancelled()
                && cancelled_at.get_or_insert_with(Instant::now).elapsed() >= FAREWELL
        }
    }

    /// Draws what there is to be seen now and gives it to frames.
    pub fn show(&self) -> Result<()> {
        let Some(view) = lock(&self.display).view() else {
            return Ok(());
        };
        let size = view.observation.frame.size;
        let pixels = u64::from(size.width) * u64::from(size.height);
        ensure_room(
            PIXEL_BYTES * pixels,
            "an overlay of this size: raise the limit, or scale the video down",
        )?;
        let (canvas, places) = draw(&view, &self.model.manifest.labels);
        lock(&self.display).places_were(places);
        let prepared = self.host.prepare(&view, canvas);
        let shown = Arc::new(shown(&view, prepared.context("cannot draw the results")?));
        let mut newest = lock(&self.newest);
        let is_newer = |before: &Result<Arc<Shown<H::Prepared>>>| {
            (before.as_ref()).is_ok_and(|before| before.number < shown.number)
        };
        if self.is_current(shown.frame) && newest.as_ref().is_none_or(is_newer) {
            *newest = Some(Ok(shown));
        }
        Ok(())
    }

    /// What goes wrong where nobody waits is told to the next who asks what is shown.
    pub fn keep_error(&self, outcome: Result<()>) {
        if let Err(error) = outcome
            && error.kind() != ErrorKind::Cancelled
        {
            *lock(&self.newest) = Some(Err(error));
        }
    }
}

fn shown<T>(view: &View, prepared: T) -> Shown<T> {
    let objects = view.observation.tracked.iter().map(|tracked| Placed {
        object: tracked.object,
        rect: tracked.detection.rect,
    });
    Shown {
        number: view.number,
        frame: view.observation.frame,
        explained: (view.explained.first())
            .map(|(_, explained)| explained.frame.time)
            .or_else(|| Some(view.missing.as_ref()?.frame.time)),
        objects: objects.collect(),
        prepared,
    }
}

/// The thread that keeps evidence of a stream's events.
fn keep_evidence<H: Host>(
    mut store: Store,
    host: Arc<H>,
    model: Arc<Model>,
    stats: Arc<Mutex<StreamStats>>,
) -> Result<Worker<EvidenceJob<H::Picture>>> {
    let mut is_failing = false;
    Worker::spawn(
        "ssdcrp-evidence",
        EVENT_PICTURES,
        move |job: EvidenceJob<H::Picture>| {
            let labels = &model.manifest.labels;
            for case in &job.cases {
                let frame = || host.picture(&job.picture, &case.observation);
                let id = host.event_id(case.event.number);
                let kept = catching(|| case.keep(&mut store, labels, frame, || host.clock(), id));
                let event = &case.event;
                let why = match kept {
                    Ok(Some(record)) => {
                        is_failing = false;
                        lock(&stats).evidence_kept += 1;
                        host.tell(News::EvidenceKept {
                            event,
                            record: &record,
                        });
                        continue;
                    }
                    Ok(None) => LeftOut::PerMinute,
                    Err(error) => LeftOut::Failed {
                        error: error
                            .context("events are missing in the folder until this is mended"),
                        is_first: !std::mem::replace(&mut is_failing, true),
                    },
                };
                leave_out(&*host, &stats, event, why);
            }
        },
    )
}

/// No evidence of an event is kept.
fn leave_out<H: Host>(host: &H, stats: &Mutex<StreamStats>, event: &ObservedEvent, why: LeftOut) {
    lock(stats).evidence_left_out += 1;
    host.tell(News::EvidenceLeftOut { event, why });
}
