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

use std::time::Duration;

use crate::ssd::Detection;
use event::Suspicion;
use track::Track;

/// Follows the objects of one stream.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: Settings,
    tracks: Vec<Track>,
    /// The number of the next new object.
    next: u64,
    time: Duration,
}

impl Monitor {
    /// One that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            tracks: Vec::new(),
            next: 0,
            time: Duration::ZERO,
        }
    }

    /// Takes in the detections of one frame, best first, and says what is wrong with them, in the order of the detections. `time` is the frame's place in the stream;
    /// where it runs backwards, as after a seek, all objects are forgotten.
    pub fn observe(&mut self, time: Duration, detections: &[Detection]) -> Vec<Event> {
        if time < self.time {
            self.tracks.clear();
        }
        self.time = time;
        let forget = self.settings.forget;
        self.tracks
            .retain(|track| time.saturating_sub(track.seen) <= forget);

        let objects = overlap::objects(detections);
        let tracks = self.associate(&objects);
        let doubts = overlap::doubts(&objects, &self.settings);
        let mut events = Vec::new();
        for ((object, index), doubt) in objects.into_iter().zip(tracks).zip(doubts) {
            let track = &mut self.tracks[index];
            let mut found = track.compare(object, time, &self.settings);
            found.extend(self.settings.suspicions(object));
            found.extend(doubt);
            track.remember(object, time);
            let raised = track.raise(&found, time, &self.settings);
            events.extend(raised.into_iter().map(|suspicion| Event {
                object: track.object,
                time,
                detection: object.clone(),
                severity: suspicion.severity,
                target: suspicion.target,
                finding: suspicion.finding,
            }));
        }
        events
    }

    /// The track of each object, the best matches first; what nothing matches is a new object.
    fn associate(&mut self, objects: &[&Detection]) -> Vec<usize> {
        let mut pairs = Vec::new();
        for (object, detection) in objects.iter().enumerate() {
            for (index, track) in self.tracks.iter().enumerate() {
                if let Some(likeness) = track.likeness(detection) {
                    pairs.push((likeness, object, index));
                }
            }
        }
        // Of equals the better detection and the older object come first.
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut assigned: Vec<Option<usize>> = vec![None; objects.len()];
        let mut taken = vec![false; self.tracks.len()];
        for (_, object, track) in pairs {
            if assigned[object].is_none() && !taken[track] {
                assigned[object] = Some(track);
                taken[track] = true;
            }
        }
        assigned
            .into_iter()
            .map(|track| {
                track.unwrap_or_else(|| {
                    self.tracks.push(Track::new(self.next));
                    self.next += 1;
                    self.tracks.len() - 1
                })
            })
            .collect()
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
