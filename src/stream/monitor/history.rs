//! One object over time: its last box and class, what looked wrong with it so far, and what was raised when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{CandidateEvent, EventKind, Finding};
use super::thresholds::EventThresholds;
use super::trajectory::Trajectory;
use crate::detect::{ClassId, Detection};
use crate::geometry::Rect;

/// Boxes of one class with at least this intersection over union are taken for one object where it could not be followed.
const SAME_PLACE: f32 = 0.5;

/// What is remembered of an object that is followed.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectHistory {
    /// When it was last seen, and as what.
    seen: Duration,
    class: Option<ClassId>,
    rect: Option<Rect>,
    trajectory: Trajectory,
    /// Since when all sightings have shown it.
    since: BTreeMap<EventKind, Duration>,
    /// Of what was raised, when it was suspected last.
    raised: BTreeMap<EventKind, Duration>,
}

impl ObjectHistory {
    /// When it was last seen.
    pub fn seen(&self) -> Duration {
        self.seen
    }

    /// Whether a detection may be the same object where nobody could follow it: one of its class, at its place.
    pub fn may_be(&self, detection: &Detection) -> bool {
        let is_there = |rect: Rect| rect.iou(&detection.rect) >= SAME_PLACE;
        self.class == Some(detection.class) && self.rect.is_some_and(is_there)
    }

    /// What is left of it over an interruption: what was raised.
    pub fn interrupted(self) -> Self {
        Self {
            raised: self.raised,
            ..Self::default()
        }
    }

    /// Whether something was raised of it.
    pub fn has_raised(&self) -> bool {
        !self.raised.is_empty()
    }

    /// What changed since the last sighting.
    pub fn compare(
        &mut self,
        detection: &Detection,
        time: Duration,
        settings: &EventThresholds,
    ) -> Vec<CandidateEvent> {
        let mut found = Vec::new();
        if let (Some(within), Some(before)) = (settings.class_flicker, self.class)
            && before != detection.class
            && time.saturating_sub(self.seen) <= within
        {
            found.push(CandidateEvent::of_class(
                detection,
                Some(before),
                Finding::ClassFlicker { before },
                1.0,
            ));
        }
        if let Some(most) = settings.box_jitter
            && let Some((shift, output)) = self.trajectory.deviation(time, detection.rect)
            && shift > most
        {
            found.push(CandidateEvent::of_box(
                detection,
                output,
                Finding::BoxJitter { shift },
                shift,
            ));
            self.trajectory.restart();
        }
        found
    }

    /// Takes a sighting in.
    pub fn remember(&mut self, detection: &Detection, time: Duration) {
        self.class = Some(detection.class);
        self.rect = Some(detection.rect);
        self.seen = time;
        self.trajectory.push(time, detection.rect);
    }

    /// Which candidates have become events.
    pub fn raise(
        &mut self,
        found: &[CandidateEvent],
        time: Duration,
        settings: &EventThresholds,
    ) -> Vec<CandidateEvent> {
        let of = |kind: EventKind| found.iter().find(|s| s.finding.kind() == kind);
        self.since.retain(|kind, _| of(*kind).is_some());
        let mut events = Vec::new();
        for kind in EventKind::ALL {
            let Some(candidate) = of(kind) else { continue };
            let since = *self.since.entry(kind).or_insert(time);
            let confirmed = kind.is_change() || time.saturating_sub(since) >= settings.confirm;
            let last = self.raised.get(&kind);
            let cold = last.is_none_or(|last| time.saturating_sub(*last) >= settings.cooldown);
            if confirmed && cold {
                events.push(candidate.clone());
            }
            if confirmed || !cold {
                self.raised.insert(kind, time);
            }
        }
        events
    }
}
