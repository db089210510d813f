//! One object over time: its last box and class, what was suspected of it so far, and what was raised when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::course::Course;
use super::event::{EventKind, Finding, Suspicion};
use super::thresholds::EventThresholds;
use crate::detect::{ClassId, Detection};

/// What is remembered of an object that is followed.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// When it was last seen, and as what.
    seen: Duration,
    class: Option<ClassId>,
    course: Course,
    /// Since when all sightings have shown it.
    since: BTreeMap<EventKind, Duration>,
    /// Of what was raised, when it was suspected last.
    raised: BTreeMap<EventKind, Duration>,
}

impl Track {
    /// When it was last seen.
    pub fn seen(&self) -> Duration {
        self.seen
    }

    /// What changed since the last sighting.
    pub fn compare(
        &mut self,
        detection: &Detection,
        time: Duration,
        settings: &EventThresholds,
    ) -> Vec<Suspicion> {
        let mut found = Vec::new();
        if let (Some(within), Some(before)) = (settings.class_flicker, self.class)
            && before != detection.class
            && time.saturating_sub(self.seen) <= within
        {
            found.push(Suspicion::of_class(
                detection,
                Some(before),
                Finding::ClassFlicker { before },
                1.0,
            ));
        }
        if let Some(most) = settings.box_jitter
            && let Some((shift, output)) = self.course.deviation(time, detection.rect)
            && shift > most
        {
            found.push(Suspicion::of_box(
                detection,
                output,
                Finding::BoxJitter { shift },
                shift,
            ));
            self.course.restart();
        }
        found
    }

    /// Takes a sighting in.
    pub fn remember(&mut self, detection: &Detection, time: Duration) {
        self.class = Some(detection.class);
        self.seen = time;
        self.course.push(time, detection.rect);
    }

    /// Which suspicions have become events.
    pub fn raise(
        &mut self,
        found: &[Suspicion],
        time: Duration,
        settings: &EventThresholds,
    ) -> Vec<Suspicion> {
        let of = |kind: EventKind| found.iter().find(|s| s.finding.kind() == kind);
        self.since.retain(|kind, _| of(*kind).is_some());
        let mut events = Vec::new();
        for kind in EventKind::ALL {
            let Some(suspicion) = of(kind) else { continue };
            let since = *self.since.entry(kind).or_insert(time);
            let confirmed = kind.is_change() || time.saturating_sub(since) >= settings.confirm;
            let last = self.raised.get(&kind);
            let cold = last.is_none_or(|last| time.saturating_sub(*last) >= settings.cooldown);
            if confirmed && cold {
                events.push(suspicion.clone());
            }
            if confirmed || !cold {
                self.raised.insert(kind, time);
            }
        }
        events
    }
}
