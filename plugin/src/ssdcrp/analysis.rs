//! The threads that do what takes long: detection and explanation, each with a network of its own.
//!
//! In: a [`Job`] for each frame that is looked at. Out: an [`Outcome`] that frames show, and [`Report`]s of what is posted on
//! the bus. In live mode two workers share the [`Memory`] and neither waits for the other, so that boxes keep up with the
//! video while an explanation takes its time; in every-frame mode one does all that a frame needs, one thing after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use ::ssdcrp::detect::Model;
use ::ssdcrp::runtime::CancelToken;
use ::ssdcrp::stream::worker::Worker;

use super::Mode;
use super::events::Raised;
use super::evidence::Exhibit;
use super::explaining::{Answer, Explaining, Round};
use super::memory::{Memory, Outcome};
use super::picking::Picking;
use super::results;
use super::settings::Settings;
use super::sight::{About, Job, Question, Sight, Sights};

/// What is posted on the bus.
#[derive(Debug)]
pub struct Report {
    /// The stretch of the stream that it is about.
    pub stretch: u64,
    /// The element message's structure.
    pub message: gst::Structure,
    /// Why there is no explanation, the first time that the settings of this moment lead to none.
    pub warning: Option<anyhow::Error>,
}

impl Report {
    fn new(sight: &Sight, round: Option<&Round>, warning: Option<anyhow::Error>) -> Self {
        let summaries = round.map_or(&[][..], |round| &round.answers);
        let summaries = summaries.iter().map(|answer| &answer.summary);
        // Told with the detections, and not again with explanations that come later.
        let at_once = round.is_none() || sight.settings.mode == Mode::EveryFrame;
        let events = sight.events.iter().filter(|_| at_once);
        let events = events.map(|raised| &raised.structure);
        Self {
            stretch: sight.stretch,
            message: results::message(sight, summaries, events),
            warning,
        }
    }

    /// Of an event whose question is answered, or cannot be.
    fn of_event(sight: &Sight, raised: &Raised, answer: Option<&Answer>) -> Self {
        let explanation = answer.map(|answer| &answer.summary);
        Self {
            stretch: sight.stretch,
            message: results::event(&raised.structure, explanation, sight),
            warning: None,
        }
    }
}

/// A model at work. Dropping it ends it soon: events that are not explained yet are told without an explanation.
pub struct Analysis {
    threads: Threads,
    /// Ends explanations that are not wanted any more.
    hurry: Arc<Mutex<CancelToken>>,
}

enum Threads {
    Live {
        /// Dropped first: it hands questions to the other.
        sights: Worker<Job, Outcome, anyhow::Error>,
        answers: Arc<Worker<Question, Option<Outcome>, anyhow::Error>>,
    },
    EveryFrame(Worker<Job, Outcome, anyhow::Error>),
}

impl Analysis {
    /// Starts the threads. `report` is called on them; `evidence` gets the events.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network; the system gives no thread.
    pub fn start(
        model: &Arc<Model>,
        settings: &Settings,
        picking: Arc<Mutex<Picking>>,
        report: impl Fn(Report) + Clone + Send + 'static,
        evidence: Option<Worker<Exhibit, (), anyhow::Error>>,
    ) -> Result<Self> {
        let teller = Teller {
            report: report.clone(),
            evidence: evidence.map(Arc::new),
        };
        let mut seeing = Sights::new(model.clone(), settings.threads as usize, picking)?;
        let hurry = Arc::<Mutex<CancelToken>>::default();
        let mut explaining = Explaining::new(model.clone(), settings, hurry.clone())?;
        let model = model.clone();
        if settings.mode == Mode::EveryFrame {
            let mut memory = Memory::default();
            let work = move |job: Job| {
                let seen = seeing.see(job)?;
                let mut outcome = memory.see(seen.sight.clone(), &model.manifest)?;
                let (mut answers, mut warning) = (None, seen.warning);
                if let Some(question) = &seen.question {
                    let (round, unanswered) = explaining.answer(question);
                    warning = warning.or(unanswered);
                    answers = Some(Report::new(&seen.sight, Some(&round), None));
                    outcome = memory.learn(round, &model.manifest)?.unwrap_or(outcome);
                }
                let mut told = answers.unwrap_or_else(|| Report::new(&seen.sight, None, None));
                told.warning = warning;
                report(told);
                if let Some(question) = &seen.urgent {
                    let answers = teller.answer(question, &mut explaining);
                    outcome = memory.heed(answers, &model.manifest)?.unwrap_or(outcome);
                }
                Ok(outcome)
            };
            let threads = Threads::EveryFrame(Worker::spawn("ssdcrp", work)?);
            return Ok(Self { threads, hurry });
        }
        let memory = Arc::new(Mutex::new(Memory::default()));
        let answers = Arc::new(Worker::spawn("ssdcrp-explain", {
            let (memory, model, report) = (memory.clone(), model.clone(), report.clone());
            let answering = teller.clone();
            move |question: Question| {
                if question.about == About::Events {
                    let answers = answering.answer(&question, &mut explaining);
                    return lock(&memory).heed(answers, &model.manifest);
                }
                let (round, warning) = explaining.answer(&question);
                if !round.answers.is_empty() || warning.is_some() {
                    report(Report::new(&question.sight, Some(&round), warning));
                }
                lock(&memory).learn(round, &model.manifest)
            }
        })?);
        let sights = Worker::spawn("ssdcrp-detect", {
            let answers = answers.clone();
            move |job: Job| {
                let seen = seeing.see(job)?;
                report(Report::new(&seen.sight, None, seen.warning));
                if let Some(question) = seen.urgent
                    && let Err(question) = answers.queue(question)
                {
                    // There are more events than can be explained: they are told all the same.
                    for raised in &question.sight.events {
                        teller.tell(&question, raised, None);
                    }
                }
                if let Some(question) = seen.question {
                    answers.submit(question);
                }
                lock(&memory).see(seen.sight, &model.manifest)
            }
        })?;
        let threads = Threads::Live { sights, answers };
        Ok(Self { threads, hurry })
    }

    /// In every-frame mode the frame's own outcome, once it is there; in live mode the newest new one that there is, and
    /// the frame is looked at when the thread is free and no newer one waits.
    ///
    /// # Errors
    /// A network does not run, or something cannot be drawn.
    pub fn analyse(&self, job: Job) -> Result<Option<Outcome>> {
        match &self.threads {
            Threads::EveryFrame(worker) => worker.finish(job).map(Some),
            Threads::Live { sights, .. } => {
                let newest = self.newest();
                sights.submit(job);
                newest
            }
        }
    }

    /// Whether a frame can be used: in live mode one that the next, `interval` later, would replace before the thread is free
    /// cannot, and need not be sampled.
    pub fn wants(&self, interval: Duration) -> bool {
        match &self.threads {
            Threads::EveryFrame(_) => true,
            Threads::Live { sights, .. } => sights.free_within(interval),
        }
    }

    /// Waits until everything is told of the frames that were handed over. After `patience` no more explanations are begun.
    pub fn settle(&self, patience: Duration) {
        let Threads::Live { sights, answers } = &self.threads else {
            return;
        };
        let begun = Instant::now();
        let settled =
            sights.settle(patience) && answers.settle(patience.saturating_sub(begun.elapsed()));
        if !settled {
            lock(&self.hurry).cancel();
            sights.settle(Duration::MAX);
            answers.settle(Duration::MAX);
            *lock(&self.hurry) = CancelToken::default();
        }
    }

    /// In live mode the newest outcome, if there is a new one.
    ///
    /// # Errors
    /// As [`Analysis::analyse`].
    pub fn newest(&self) -> Result<Option<Outcome>> {
        let Threads::Live { sights, answers } = &self.threads else {
            return Ok(None);
        };
        let seen = sights.latest().transpose()?;
        let explained = answers.latest().transpose()?.flatten();
        Ok(seen
            .into_iter()
            .chain(explained)
            .max_by_key(|outcome| outcome.number))
    }
}

impl Drop for Analysis {
    fn drop(&mut self) {
        lock(&self.hurry).cancel();
    }
}

/// Tells of events, and hands them on to be kept.
#[derive(Clone)]
struct Teller<R> {
    report: R,
    evidence: Option<Arc<Worker<Exhibit, (), anyhow::Error>>>,
}

impl<R: Fn(Report)> Teller<R> {
    fn tell(&self, question: &Question, raised: &Arc<Raised>, answer: Option<Arc<Answer>>) {
        let told = Report::of_event(&question.sight, raised, answer.as_deref());
        if let (Some(evidence), Some(frame)) = (&self.evidence, &question.frame) {
            // Where events come faster than the disk takes them, there is evidence of some.
            drop(evidence.queue(Exhibit {
                sight: question.sight.clone(),
                raised: raised.clone(),
                answer,
                message: told.message.clone(),
                frame: frame.clone(),
            }));
        }
        (self.report)(told);
    }

    /// Answers what the events of a frame ask, as far as that can be, and tells of each. The answers have the events' numbers.
    fn answer(&self, question: &Question, explaining: &mut Explaining) -> Vec<(u64, Arc<Answer>)> {
        let mut answers = Vec::new();
        for (raised, answer) in explaining.answer_events(question) {
            let answer = answer.ok().map(Arc::new);
            self.tell(question, &raised, answer.clone());
            answers.extend(answer.map(|answer| (raised.number, answer)));
        }
        answers
    }
}

/// No invariant can be broken halfway in what these locks hold.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
