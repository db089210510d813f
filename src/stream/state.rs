//! What the threads of a session know of one stream, and what they do with it.
//!
//! In: a frame, a detector and an explainer. Out: news to the stream's host, evidence of its events, and what its frames show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::checking::ObjectChecks;
use super::display::{DisplayState, View};
use super::drawing::draw;
use super::evidence::{Case, Store};
use super::explaining::{ExplainedObject, Explaining};
use super::frame::{FrameInfo, FrameTime};
use super::host::{Host, News};
use super::observation::{Observation, ObservedEvent, Observer};
use super::picking::{Picking, Placed};
use super::room::ensure_room;
use super::settings::{QuestionSettings, StreamSettings};
use super::stats::StreamStats;
use super::upstream::{FrameDetections, UpstreamDetection};
use super::worker::{OpenJobs, Worker, catching, lock};
use crate::detect::{Detector, Forward, Model, NetworkInput};
use crate::error::internal::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::CancelToken;

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
    pub evidence: Option<Worker<(Vec<Case>, H::Picture)>>,
}

/// What was seen in a frame, with all that is needed to explain it.
pub(super) struct DetectedFrame<P> {
    pub observation: Arc<Observation>,
    pub forward: Arc<Forward>,
    /// Whether it is time to explain what was selected.
    pub is_due: bool,
    pub picture: Option<P>,
}

/// A frame with events, and all that is needed to explain them.
pub(super) struct EventsSeen<P> {
    pub observation: Arc<Observation>,
    pub forward: Arc<Forward>,
    pub picture: Option<P>,
}

/// Frames whose events wait for the disk at most.
const EVENT_PICTURES: usize = 8;

/// So many answers to the events of one frame are checked, as many as are shown at once.
const CHECKED: usize = 4;

/// The indices of the most severe events; of equal ones the first.
fn most_severe(events: &[Arc<ObservedEvent>]) -> Vec<usize> {
    let severity = |index: usize| events[index].event.severity;
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by(|&a, &b| severity(b).total_cmp(&severity(a)));
    order.truncate(CHECKED);
    order
}

impl<H: Host> StreamState<H> {
    /// Of a stream that nothing was seen of yet; evidence of its events goes to `store`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(id: usize, host: H, model: Arc<Model>, store: Option<Store>) -> Result<Self> {
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
            let cases: Vec<Case> = answered.into_iter().map(case).collect();
            // Where events come faster than the disk takes them, there is evidence of some frames.
            if let Err((refused, _)) = evidence.queue((cases, picture.clone())) {
                lock(&self.stats).evidence_left_out += refused.len() as u64;
            }
        }
    }

    /// Explains what was selected; nothing, and the first time with the reason to the host, where the question has no answer. Where it is time for that, one of the answers is checked: live, `meanwhile`
    /// is called before with them as they are, and checks of a slow network are further apart.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], or what `meanwhile` gives.
    pub fn explain_selected(
        &self,
        explaining: &mut Explaining,
        observation: &Observation,
        forward: &Forward,
        cancel: &CancelToken,
        meanwhile: Option<&dyn Fn(Vec<Arc<ExplainedObject>>) -> Result<()>>,
    ) -> Result<Vec<Arc<ExplainedObject>>> {
        let begun = Instant::now();
        let mut explained = match explaining.explain_selected(observation, forward, cancel) {
            Ok(explained) => explained,
            Err(error) => {
                self.unexplained(observation, error)?;
                return Ok(vec![]);
            }
        };
        lock(&self.stats).explained(explained.len(), begun.elapsed());
        let shared = |explained: Vec<ExplainedObject>| -> Vec<Arc<ExplainedObject>> {
            explained.into_iter().map(Arc::new).collect()
        };
        if observation.settings().check {
            let due = {
                let mut checks = lock(&self.checks);
                for explained in &mut explained {
                    explained.last_check = checks.known(explained);
                }
                checks.next(observation, &explained)
            };
            if let Some(index) = due {
                if let Some(meanwhile) = meanwhile {
                    meanwhile(shared(explained.clone()))?;
                }
                let begun = Instant::now();
                let explained_now = explained[index].clone();
                let checked = self.checked(explaining, observation, explained_now, forward, cancel);
                let mut checks = lock(&self.checks);
                if meanwhile.is_some() {
                    checks.took(begun.elapsed());
                }
                if let Some(check) = &checked.check {
                    checks.made(&checked, check);
                }
                explained[index] = checked;
            }
        }
        Ok(shared(explained))
    }

    /// The explanation with what it is worth; as it is where that cannot be said, of which the host is told the first time, or the work is to end.
    fn checked(
        &self,
        explaining: &mut Explaining,
        observation: &Observation,
        explained: ExplainedObject,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> ExplainedObject {
        match explaining.check(&explained, forward, cancel) {
            Ok((check, fed)) => {
                lock(&self.stats).checked += 1;
                explained.checked(Arc::new(check), Arc::new(fed))
            }
            Err(error) => {
                let error = error.context("an explanation cannot be checked");
                // Work that is to end says so at its next step.
                drop(self.unexplained(observation, error));
                explained
            }
        }
    }

    /// A question has no answer: the host is told the first time.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], where the work was ended.
    fn unexplained(&self, observation: &Observation, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Cancelled {
            return Err(error);
        }
        let question = &observation.settings().question;
        let mut unanswered = lock(&self.unanswered);
        let is_first = !unanswered.contains(question);
        if is_first {
            unanswered.push(question.clone());
        }
        drop(unanswered);
        if is_first {
            self.tell(observation, News::Unexplained(error));
        }
        Ok(())
    }

    /// Explains why nothing is found at `place`, in shares of the frame, and tells of it. Says whether that changes what is shown.
    ///
    /// # Errors
    /// As [`StreamState::explain_selected`].
    pub fn explain_missing(
        &self,
        explaining: &mut Explaining,
        place: [f32; 2],
        observation: &Observation,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> Result<bool> {
        let begun = Instant::now();
        let explained = match explaining.explain_missing(place, observation, forward, cancel) {
            Ok(explained) => Arc::new(explained),
            Err(error) => {
                self.unexplained(observation, error)?;
                return Ok(false);
            }
        };
        lock(&self.stats).explained(1, begun.elapsed());
        self.tell(
            observation,
            News::Missing {
                observation,
                explained: &explained,
            },
        );
        Ok(lock(&self.display).explain_missing(observation, explained))
    }

    /// Explains what the events of a frame ask, as far as that can be, then checks the answers to the most severe, the most severe first, and tells of each. `meanwhile` is called before the checks.
    /// `is_hurried` is asked before each check, with the time since the first: where it says so, the rest is told unchecked. Says whether that changes what is shown.
    ///
    /// # Errors
    /// What `meanwhile` gives.
    pub fn explain_events(
        &self,
        explaining: &mut Explaining,
        seen: EventsSeen<H::Picture>,
        cancel: &CancelToken,
        is_hurried: impl Fn(Duration) -> bool,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let EventsSeen {
            observation,
            forward,
            picture,
        } = seen;
        let mut changes = false;
        let mut answers = Vec::with_capacity(observation.events.len());
        for event in &observation.events {
            let begun = Instant::now();
            let explained = explaining.explain_event(event, &observation, &forward, cancel);
            let explained = explained.ok();
            if let Some(explained) = &explained {
                lock(&self.stats).explained(1, begun.elapsed());
                let explained = Arc::new(explained.clone());
                changes |= lock(&self.display).explain_event(event, explained);
            }
            answers.push(explained);
        }
        if changes {
            meanwhile()?;
        }
        let begun = Instant::now();
        // Checks take longer than explanations, and go on from the picture alone.
        let forward = {
            let without = forward.without_handed();
            drop(forward);
            without
        };
        for index in most_severe(&observation.events) {
            if is_hurried(begun.elapsed()) {
                break;
            }
            let answer = answers[index].take();
            answers[index] = answer
                .map(|answer| self.checked(explaining, &observation, answer, &forward, cancel));
        }
        let mut answered = Vec::with_capacity(answers.len());
        for (event, explained) in observation.events.iter().zip(answers) {
            let explained = explained.map(Arc::new);
            if let Some(checked) = explained.clone().filter(|e| e.check.is_some()) {
                changes |= lock(&self.display).explain_event(event, checked);
            }
            answered.push((event.clone(), explained));
        }
        self.tell_events(&observation, answered, picture.as_ref());
        Ok(changes)
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
        let (canvas, tiles_side) = draw(&view, &self.model.manifest.labels);
        lock(&self.display).tiles_were(tiles_side);
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
) -> Result<Worker<(Vec<Case>, H::Picture)>> {
    let mut failing = false;
    Worker::spawn(
        "ssdcrp-evidence",
        EVENT_PICTURES,
        move |(cases, picture): (Vec<Case>, H::Picture)| {
            let labels = &model.manifest.labels;
            for case in cases {
                let frame = || host.picture(&picture, &case.observation);
                let id = host.event_id(case.event.number);
                let kept = catching(|| case.keep(&mut store, labels, frame, || host.clock(), id));
                match &kept {
                    Ok(Some(record)) => {
                        lock(&stats).evidence_kept += 1;
                        host.tell(News::EvidenceKept {
                            event: &case.event,
                            record,
                        });
                    }
                    Ok(None) | Err(_) => lock(&stats).evidence_left_out += 1,
                }
                let before = std::mem::replace(&mut failing, kept.is_err());
                if let Err(error) = kept
                    && !before
                {
                    host.tell(News::EvidenceLost(error.context(
                        "events are missing in the folder until it can be written to again",
                    )));
                }
            }
        },
    )
}
