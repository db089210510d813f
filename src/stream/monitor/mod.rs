//! What looks wrong in a detector's output, without ground truth: detections of successive frames in, [`Event`]s out, each with the question that it raises.
//!
//! A [`Monitor`] remembers each object and holds it against thresholds ([`EventThresholds`]): a class that hardly beats its runner-up, a class that changes or
//! that nobody expects, a box that jumps, a box over two objects, two boxes on one, a score just above the threshold. No pixel and no clock is looked at: the
//! same detections at the same times give the same events.

mod course;
mod event;
mod overlap;
mod thresholds;
mod track;

pub use event::{Event, EventKind, Finding};
pub use thresholds::EventThresholds;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detect::Detection;
use crate::stream::tracking::Tracked;
use event::Suspicion;
use overlap::Object;
use track::Track;

/// Watches the objects of one stream. Who they are is told by a [`Tracker`](crate::stream::tracking::Tracker).
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    tracks: BTreeMap<u64, Track>,
    /// The track of each object. Several detections may be one thing: a box that is called dog and cat has an object for each, and a track for both.
    known: BTreeMap<u64, u64>,
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
        let things = overlap::objects(tracked);
        let best: Vec<&Detection> = things.iter().map(|thing| thing.detection).collect();
        let doubts = overlap::doubts(&best, settings);
        let mut taken = BTreeSet::new();
        let mut events = Vec::new();
        for (thing, doubt) in things.iter().zip(doubts) {
            let detection = thing.detection;
            let track = self.track(thing, &mut taken);
            let mut found = track.compare(detection, time, settings);
            found.extend(settings.suspicions(detection));
            found.extend(doubt);
            track.remember(detection, time);
            let raised = track.raise(&found, time, settings);
            events.extend(raised.into_iter().map(|suspicion| Event {
                object: thing.number(),
                time,
                detection: detection.clone(),
                severity: suspicion.severity,
                target: suspicion.target,
                finding: suspicion.finding,
            }));
        }
        events
    }

    /// Forgets all objects: what comes next is another place or another time.
    pub fn forget(&mut self) {
        self.tracks.clear();
        self.known.clear();
    }

    /// The track of a thing: that of the first of its objects which has one that nothing else in the frame has taken, else a new one.
    fn track(&mut self, thing: &Object, taken: &mut BTreeSet<u64>) -> &mut Track {
        let known = |number: &u64| self.known.get(number).copied();
        let free = thing.numbers.iter().filter_map(known);
        let track = free
            .filter(|track| !taken.contains(track))
            .min()
            .unwrap_or_else(|| {
                self.next += 1;
                self.next
            });
        taken.insert(track);
        self.known
            .extend(thing.numbers.iter().map(|&number| (number, track)));
        self.tracks.entry(track).or_default()
    }

    /// Drops tracks that no threshold looks back to any more.
    fn prune(&mut self, settings: &EventThresholds) {
        let back = settings.looks_back();
        let now = self.time;
        self.tracks
            .retain(|_, track| now.saturating_sub(track.seen()) <= back);
        self.known
            .retain(|_, track| self.tracks.contains_key(track));
    }
}

impl EventThresholds {
    /// What is to be said of a detection by itself.
    fn suspicions(&self, detection: &Detection) -> Vec<Suspicion> {
        let mut found = Vec::new();
        if let (Some(least), Some((rival, score))) = (self.ambiguous_class, detection.runner_up) {
            let ratio = score / detection.score;
            if ratio >= least {
                found.push(Suspicion::of_class(
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
            found.push(Suspicion::of_class(
                detection,
                rival,
                Finding::UnexpectedClass,
                detection.score,
            ));
        }
        if let Some(below) = self.low_confidence
            && detection.score < below
        {
            found.push(Suspicion::of_class(
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
