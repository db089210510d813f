//! The work of a session's threads: a frame to be looked at, something to be explained.
//!
//! In: jobs. Out: what their stream tells and shows.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::answering::EventsSeen;
use super::detecting::Detecting;
use super::explaining::{ExplainedObject, Explaining};
use super::host::{Host, News};
use super::observation::Observation;
use super::state::{StreamFrame, StreamState, Tokens};
use super::upstream::UpstreamDetection;
use super::worker::{OpenJob, OpenJobs, Worker};
use crate::detect::Forward;
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::runtime::CancelToken;

/// A frame to be looked at.
pub(super) struct DetectJob<H: Host> {
    pub stream: Arc<StreamState<H>>,
    pub frame: StreamFrame<H::Picture>,
    /// What somebody else detected in it, where that is to be explained.
    pub upstream: Option<Vec<UpstreamDetection>>,
    pub tokens: Tokens,
    /// Who waits for the outcome, where frames do.
    pub reply: Option<Sender<Result<()>>>,
    pub open: OpenJob,
}

/// What is explained of a frame.
enum About {
    Selected,
    /// Why nothing is at this place, in shares of the frame.
    Missing([f32; 2]),
    Events,
}

/// Live, answers to events are checked for so long, then told as they are: other explanations wait for the thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something to be explained.
pub(super) struct ExplainJob<H: Host> {
    pub stream: Arc<StreamState<H>>,
    about: About,
    observation: Arc<Observation>,
    forward: Arc<Forward>,
    picture: Option<H::Picture>,
    cancel: CancelToken,
    /// Counts while events wait to be explained.
    waits: Option<OpenJob>,
    open: OpenJob,
}

impl<H: Host> DetectJob<H> {
    /// Detects; what there is to explain is left to the other thread. `waiting` counts events there that it has not begun with.
    pub fn detect(
        self,
        detecting: &mut Detecting,
        explainer: &Worker<ExplainJob<H>>,
        waiting: &Arc<OpenJobs>,
    ) -> Result<()> {
        let stream = &self.stream;
        let detector = detecting.for_frame(&self.frame.settings);
        let frame = (self.frame, self.upstream);
        let Some(seen) = stream.observe(detector, frame, &self.tokens.all)? else {
            return Ok(());
        };
        let observation = &seen.observation;
        stream.tell(
            observation,
            News::Frame {
                observation,
                explained: &[],
                events: &observation.events,
            },
        );
        let job = |about, picture| ExplainJob {
            stream: stream.clone(),
            waits: matches!(about, About::Events).then(|| waiting.open()),
            about,
            observation: observation.clone(),
            forward: seen.forward.clone(),
            picture,
            cancel: self.tokens.explanations.clone(),
            open: stream.open.open(),
        };
        if !observation.events.is_empty()
            && let Err(refused) = explainer.queue(job(About::Events, seen.picture))
        {
            // Events come faster than they can be explained.
            let untold = observation.events.iter().map(|event| (event.clone(), None));
            stream.tell_events(observation, untold.collect(), refused.picture.as_ref());
        }
        if seen.is_due {
            let missing = observation.asked.missing;
            let about = missing.map_or(About::Selected, About::Missing);
            explainer.submit(stream.id, job(about, None));
        }
        lock(&stream.display).observe(observation.clone());
        stream.show()?;
        drop(self.open);
        Ok(())
    }

    /// Detects and explains; what frames show is there afterwards.
    pub fn do_all(self, detecting: &mut Detecting, explaining: &mut Explaining) -> Result<()> {
        let stream = &self.stream;
        let detector = detecting.for_frame(&self.frame.settings);
        let frame = (self.frame, self.upstream);
        let seen = stream.observe(detector, frame, &self.tokens.all)?;
        let seen = seen.ok_or_else(Error::cancelled)?;
        let (observation, forward) = (&seen.observation, &seen.forward);
        lock(&stream.display).observe(observation.clone());
        let cancel = &self.tokens.explanations;
        let mut explained = vec![];
        let missing = observation.asked.missing.filter(|_| seen.is_due);
        if let Some(place) = missing {
            stream.explain_missing(explaining, place, observation, forward, cancel)?;
        } else if seen.is_due {
            explained = stream.explain_selected(explaining, observation, forward, cancel, None)?;
            lock(&stream.display).explain(observation, explained.clone());
        }
        stream.tell(
            observation,
            News::Frame {
                observation,
                explained: &explained,
                events: &observation.events,
            },
        );
        let events = EventsSeen {
            observation: observation.clone(),
            forward: forward.clone(),
            picture: seen.picture,
        };
        stream.explain_events(explaining, events, cancel, |_| false, || Ok(()))?;
        if self.tokens.all.is_cancelled() {
            return Err(Error::cancelled());
        }
        stream.show()?;
        drop(self.open);
        Ok(())
    }
}

impl<H: Host> ExplainJob<H> {
    /// Explains, and checks where there is time for that: what is explained is shown at once, and told when it is checked. `waiting` counts events that wait for this thread.
    pub fn explain(self, explaining: &mut Explaining, waiting: &OpenJobs) -> Result<()> {
        let (stream, observation, cancel) = (&self.stream, &self.observation, &self.cancel);
        drop(self.waits);
        let changes = match self.about {
            About::Events => {
                let events = EventsSeen {
                    observation: observation.clone(),
                    forward: self.forward,
                    picture: self.picture,
                };
                stream.explain_events(
                    explaining,
                    events,
                    cancel,
                    |checking| waiting.any() || checking > PATIENCE,
                    || stream.show(),
                )?
            }
            About::Missing(place) => {
                let forward = &self.forward;
                stream.explain_missing(explaining, place, observation, forward, cancel)?
            }
            About::Selected => {
                let show = |explained: Vec<Arc<ExplainedObject>>| {
                    // The lock is not held while something is drawn.
                    let changes = lock(&stream.display).explain(observation, explained);
                    if changes { stream.show() } else { Ok(()) }
                };
                let explained = stream.explain_selected(
                    explaining,
                    observation,
                    &self.forward,
                    cancel,
                    Some(&show),
                )?;
                if !explained.is_empty() {
                    stream.tell(
                        observation,
                        News::Frame {
                            observation,
                            explained: &explained,
                            events: &[],
                        },
                    );
                }
                lock(&stream.display).explain(observation, explained)
            }
        };
        if changes {
            stream.show()?;
        }
        drop(self.open);
        Ok(())
    }
}
