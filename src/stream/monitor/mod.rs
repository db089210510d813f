//! What looks wrong in a detector's output, without ground truth: detections of successive frames in, [`Event`]s out, each with the question that it raises.
//!
//! A [`Monitor`] remembers each object and holds it against thresholds ([`EventThresholds`]): a class that hardly beats its runner-up, a class that changes or
//! that nobody expects, a box that jumps, a box over two objects, two boxes on one, a score just above the threshold. No pixel and no clock is looked at: the
//! same detections at the same times give the same events.

mod event;
mod history;
mod overlap;
mod thresholds;
mod trajectory;

pub use event::{Event, EventKind, Finding};
pub use thresholds::EventThresholds;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detect::Detection;
use crate::stream::tracking::Tracked;
use event::CandidateEvent;
use history::ObjectHistory;
use overlap::DetectionGroup;

/// Watches the objects of one stream. Who they are is told by a [`Tracker`](crate::stream::tracking::Tracker).
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    histories: BTreeMap<u64, ObjectHistory>,
    /// The history of each object. A box that is called dog and cat has an object for each, and one history for both.
    known: BTreeMap<u64, u64>,
    /// Objects before an interruption, of which something was raised.
    before: Vec<ObjectHistory>,
    next: u64,
    time: Duration,
}

impl Monitor {
    /// Takes in the detections of one frame, best first, with the objects that they are, and says what is wrong with them, in the order of the
    /// detections. `time` is the frame's place in the stream; where it runs backwards, as after a seek, all objects are forgotten.
    pub fn observe(
        &mut self,
        settings: &EventThresholds,
        time: Duration,
        tracked: &[Tracked],
    ) -> Vec<Event> {
        if time < self.time {
            self.forget();
        }
        self.time = time;
        self.prune(settings);
        let groups = overlap::groups(tracked);
        let best: Vec<&Detection> = groups.iter().map(|group| group.detection).collect();
        let box_candidates = overlap::box_candidates(&best, settings);
        let mut taken = BTreeSet::new();
        let mut events = Vec::new();
        for (group, candidate) in groups.iter().zip(box_candidates) {
            let detection = group.detection;
            let history = self.history(group, &mut taken);
            let mut found = history.compare(detection, time, settings);
            found.extend(settings.candidates(detection));
            found.extend(candidate);
            history.remember(detection, time);
            let raised = history.raise(&found, time, settings);
            events.extend(raised.into_iter().map(|candidate| Event {
                object: group.number(),
                time,
                detection: detection.clone(),
                severity: candidate.severity,
                target: candidate.target,
                finding: candidate.finding,
            }));
        }
        events
    }

    /// Forgets all objects: what comes next is another place or another time.
    pub fn forget(&mut self) {
        self.histories.clear();
        self.known.clear();
        self.before.clear();
    }

    /// Objects cannot be followed over an interruption, as that of a camera's connection. What was raised of one is not raised again within its cooldown where
    /// another one of its class is at its place. Where time has not gone on, all is forgotten.
    pub fn interrupt(&mut self) {
        let histories = std::mem::take(&mut self.histories).into_values();
        self.before
            .extend(histories.filter(ObjectHistory::has_raised));
        self.known.clear();
    }

    /// The history of a group: that of the first of its objects which has one that nothing else in the frame has taken, else a new one.
    fn history(&mut self, group: &DetectionGroup, taken: &mut BTreeSet<u64>) -> &mut ObjectHistory {
        let known = |number: &u64| self.known.get(number).copied();
        let free = group.numbers.iter().filter_map(known);
        let history = free
            .filter(|history| !taken.contains(history))
            .min()
            .unwrap_or_else(|| {
                self.next += 1;
                self.next
            });
        taken.insert(history);
        self.known
            .extend(group.numbers.iter().map(|&number| (number, history)));
        let before = &mut self.before;
        self.histories.entry(history).or_insert_with(|| {
            let place = before.iter().position(|it| it.may_be(group.detection));
            place.map_or_else(ObjectHistory::default, |place| {
                before.swap_remove(place).interrupted()
            })
        })
    }

    /// Drops histories that no threshold looks back to any more.
    fn prune(&mut self, settings: &EventThresholds) {
        let back = settings.looks_back();
        let now = self.time;
        let matters = |history: &ObjectHistory| now.saturating_sub(history.seen()) <= back;
        self.histories.retain(|_, history| matters(history));
        self.before.retain(matters);
        self.known
            .retain(|_, history| self.histories.contains_key(history));
    }
}

impl EventThresholds {
    /// What is to be said of a detection by itself.
    fn candidates(&self, detection: &Detection) -> Vec<CandidateEvent> {
        let mut found = Vec::new();
        if let (Some(least), Some((rival, score))) = (self.ambiguous_class, detection.runner_up) {
            let ratio = score / detection.score;
            if ratio >= least {
                found.push(CandidateEvent::of_class(
                    detection,
                    Some(rival),
                    Finding::AmbiguousClass { rival, ratio },
                    ratio,
                ));
            }
        }
        if let Some(expected) = &self.expected_classes
            && !expected.contains(&detection.class)
        {
            let rival = detection.runner_up.map(|(class, _)| class);
            found.push(CandidateEvent::of_class(
                detection,
                rival,
                Finding::UnexpectedClass,
                detection.score,
            ));
        }
        if let Some(below) = self.low_confidence
            && detection.score < below
        {
            found.push(CandidateEvent::of_class(
                detection,
                None,
                Finding::LowConfidence,
                1.0 - detection.score / below,
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests;
