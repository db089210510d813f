//! The answers to what is asked about a frame: what is selected, what is missing, what its events ask; and which of them are checked.
//!
//! In: an observation with its forward pass, and what explains. Out: explanations, and news of them to the stream's host.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::explaining::{ExplainedObject, Explaining};
use super::host::{Host, News};
use super::observation::{Observation, ObservedEvent};
use super::state::StreamState;
use crate::detect::Forward;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::lock;
use crate::runtime::CancelToken;

/// A frame with events, and all that is needed to explain them.
pub(super) struct EventsSeen<P> {
    pub observation: Arc<Observation>,
    pub forward: Arc<Forward>,
    pub picture: Option<P>,
}

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
            let explained = match explaining.explain_event(event, &observation, &forward, cancel) {
                Ok(explained) => Some(explained),
                Err(error) => {
                    let error = error.context("an event cannot be explained");
                    // Work that is to end says so at its next step; the event is told all the same.
                    drop(self.unexplained(&observation, error));
                    None
                }
            };
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
}
