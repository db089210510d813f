//! What a stream's explanations are worth, as far as that is known: which one is checked next, and what the last check of each object said.
//!
//! In: what was explained of a frame, and checks of some of it. Out: the one that is to be checked now, if it is time for that; and explanations with what is known of their objects. A check
//! takes ten forward passes, so only one is made in [`INTERVAL`] of the video, whatever is explained in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::explaining::ExplainedObject;
use super::observation::Observation;
use super::rate_limiter::RateLimiter;
use crate::check::Check;
use crate::crp::{Composite, Contrast, Target, TargetOutput};

/// The least running time between two checks of what a stream's user has selected. What events ask is checked besides.
const INTERVAL: Duration = Duration::from_secs(1);

/// Where nobody waits for a check, the next one begins no earlier than so many times its own duration after it did: explanations have most of their thread for themselves, however slow the network is.
const REST: u32 = 4;

/// Checks that are remembered, the newest ones.
const REMEMBERED: u64 = 64;

/// The checks of one stream.
#[derive(Debug, Default)]
pub(super) struct ObjectChecks {
    limiter: RateLimiter<()>,
    /// By object.
    last: BTreeMap<u64, LastCheck>,
    made: u64,
    /// How long the last one took, where that counts.
    took: Duration,
    epoch: u64,
}

/// A question about an object, whichever default box shows it, and the composite that answers it.
type AskedOfObject = (TargetOutput, Option<Contrast>, Composite);

/// The last check of an object.
#[derive(Debug)]
struct LastCheck {
    asked: AskedOfObject,
    /// Counts the stream's checks.
    number: u64,
    check: Arc<Check>,
}

impl ObjectChecks {
    /// Which of the explanations of a frame is to be checked now: one whose question was not checked yet, else that whose check is the oldest; of equal ones the first. `None` where it is not time
    /// for a check.
    pub fn next(
        &mut self,
        observation: &Observation,
        explained: &[ExplainedObject],
    ) -> Option<usize> {
        let frame = &observation.frame;
        if self.epoch != frame.epoch {
            *self = Self {
                epoch: frame.epoch,
                ..Self::default()
            };
        }
        let now = Some(observation.clock);
        let interval = INTERVAL.max(REST * self.took);
        if explained.is_empty() || !self.limiter.is_due(now, interval, &()) {
            return None;
        }
        self.limiter.begin(now, ());
        let made = |explained: &ExplainedObject| self.of(explained).map(|last| last.number);
        (0..explained.len()).min_by_key(|&index| made(&explained[index]))
    }

    /// The last check took so long, and nobody waited for it.
    pub fn took(&mut self, took: Duration) {
        self.took = took;
    }

    /// An explanation was checked.
    pub fn made(&mut self, explained: &ExplainedObject, check: &Arc<Check>) {
        self.made += 1;
        let last = LastCheck {
            asked: asked(explained),
            number: self.made,
            check: check.clone(),
        };
        self.last.insert(explained.tracked.object, last);
        let oldest = self.made.saturating_sub(REMEMBERED);
        self.last.retain(|_, last| last.number > oldest);
    }

    /// The last check of the same question about the object of an explanation.
    pub fn known(&self, explained: &ExplainedObject) -> Option<Arc<Check>> {
        Some(self.of(explained)?.check.clone())
    }

    fn of(&self, explained: &ExplainedObject) -> Option<&LastCheck> {
        let last = self.last.get(&explained.tracked.object)?;
        (last.asked == asked(explained)).then_some(last)
    }
}

fn asked(explained: &ExplainedObject) -> AskedOfObject {
    let Target {
        output, contrast, ..
    } = explained.question.decided.clone();
    (output, contrast, explained.composite.clone())
}
