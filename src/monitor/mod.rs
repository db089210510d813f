//! What looks wrong in a detector's output, without ground truth: detections of successive frames in, [`Event`]s out, each with the question that it raises.
//!
//! A [`Monitor`] follows objects by overlap and holds each against its thresholds ([`Settings`]): a class that hardly beats its runner-up, a class that changes or
//! that nobody expects, a box that jumps, a box over two objects, two boxes on one, a score just above the threshold. No pixel and no clock is looked at: the
//! same detections at the same times give the same events.

mod course;
mod event;
mod overlap;
mod settings;
mod track;

pub use event::{Event, Finding, Kind};
pub use settings::Settings;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ssd::Detection;
use crate::tracking::Tracker;
use event::Suspicion;
use track::Track;

/// Watches the objects of one stream.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: Settings,
    tracker: Tracker,
    tracks: BTreeMap<u64, Track>,
    time: Duration,
}

impl Monitor {
    /// One that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            tracker: Tracker::default(),
            tracks: BTreeMap::new(),
            time: Duration::ZERO,
        }
    }

    /// Takes in the detections of one frame, best first, and says what is wrong with them, in the order of the detections. `time` is the frame's place in the stream;
    /// where it runs backwards, as after a seek, all objects are forgotten.
    pub fn observe(&mut self, time: Duration, detections: &[Detection]) -> Vec<Event> {
        if time < self.time {
            self.tracker.forget();
        }
        self.time = time;
        let objects = overlap::objects(detections);
        let numbers = self.tracker.follow(&objects);
        self.tracks.retain(|&number, _| self.tracker.knows(number));
        let doubts = overlap::doubts(&objects, &self.settings);
        let mut events = Vec::new();
        for ((detection, number), doubt) in objects.into_iter().zip(numbers).zip(doubts) {
            let track = self.tracks.entry(number).or_default();
            let mut found = track.compare(&detection, time, &self.settings);
            found.extend(self.settings.suspicions(&detection));
            found.extend(doubt);
            track.remember(&detection, time);
            let raised = track.raise(&found, time, &self.settings);
            events.extend(raised.into_iter().map(|suspicion| Event {
                object: number,
                time,
                detection: detection.clone(),
                severity: suspicion.severity,
                target: suspicion.target,
                finding: suspicion.finding,
            }));
        }
        events
    }
}

impl Settings {
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
