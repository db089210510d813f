//! How a camera's pictures are searched and explained. In: a camera's table. Out: settings for the engine, with classes as numbers of the camera's model. All of them may change while
//! the camera plays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use ssdcrp::detect::{ClassId, Model, Thresholds};
use ssdcrp::stream::monitor::{EventKind, EventThresholds};
use ssdcrp::stream::selection::{Selection, SelectionRule};
use ssdcrp::stream::settings::{DisplaySettings, QuestionSettings, StreamSettings};
use ssdcrp::stream::{Polygon, Zones};

use super::section::{CameraSection, EventsSection, ZoneKind};
use super::value::{Seconds, Share};

/// These settings as the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks {
    score: Option<Share>,
    iou: Option<Share>,
    expected: Vec<String>,
    /// The file and the line of `expected-classes`.
    expected_at: Option<String>,
    detect_interval: Duration,
    explain_interval: Duration,
    check: bool,
    zones: Zones,
    masks: Vec<Polygon>,
    events: EventsSection,
}

/// The same settings for one model.
#[derive(Clone, Debug)]
pub struct StreamLooks {
    /// For streams that somebody watches.
    pub shown: Arc<StreamSettings>,
    /// For all other streams; nothing is drawn for them.
    pub unseen: Arc<StreamSettings>,
    pub detect_interval: Duration,
    /// Parts of the picture that nobody may see.
    pub masks: Vec<Polygon>,
}

impl Looks {
    /// Takes them from a camera's table.
    pub fn new(section: CameraSection, expected_at: Option<String>) -> Self {
        let mut zones = Zones::default();
        for zone in section.zones.into_iter().flatten() {
            let kind = match zone.kind {
                ZoneKind::Explain => &mut zones.explain,
                ZoneKind::Ignore => &mut zones.ignore,
                ZoneKind::Alarm => &mut zones.alarm,
            };
            kind.push(zone.corners.0);
        }
        let seconds = |seconds: Option<Seconds>| seconds.map_or(Duration::ZERO, |s| s.0);
        let masks = section.masks.into_iter().flatten();
        Self {
            score: section.score_threshold,
            iou: section.iou_threshold,
            expected: (section.expected_classes).map_or_else(Vec::new, |c| c.into_inner()),
            expected_at,
            detect_interval: section.detect_interval.map_or(Duration::ZERO, |p| p.0),
            explain_interval: seconds(section.explain_interval),
            check: section.check_explanations.unwrap_or(false),
            zones,
            masks: masks.map(|corners| corners.0).collect(),
            events: section.events,
        }
    }

    /// The settings for `model`.
    ///
    /// # Errors
    /// The model lacks an expected class.
    pub fn of_model(&self, model: &Model) -> Result<StreamLooks> {
        let expected = self.expected.iter().map(|name| {
            let class = name.parse().map_err(|error| anyhow!("{error}"))?;
            Ok(model.manifest.class(&class)?)
        });
        let expected: Result<BTreeSet<ClassId>> = expected.collect();
        let expected = match &self.expected_at {
            Some(place) => expected.with_context(|| format!("{place}: expected-classes"))?,
            None => expected?,
        };
        let own = Thresholds::from(&model.manifest.detection);
        let shown = StreamSettings {
            thresholds: Thresholds {
                score: self.score.map_or(own.score, |share| share.0),
                iou: self.iou.map_or(own.iou, |share| share.0),
            },
            question: QuestionSettings::default(),
            selection: Some(Selection {
                rule: SelectionRule::Best,
                most: 1,
                expected: expected.clone(),
            }),
            explain_interval: self.explain_interval,
            check: self.check,
            events: self.events.thresholds(expected),
            zones: self.zones.clone(),
            display: DisplaySettings::default(),
        };
        let unseen = StreamSettings {
            display: DisplaySettings {
                boxes: false,
                labels: false,
                heatmap: false,
                ..DisplaySettings::default()
            },
            ..shown.clone()
        };
        Ok(StreamLooks {
            shown: Arc::new(shown),
            unseen: Arc::new(unseen),
            detect_interval: self.detect_interval,
            masks: self.masks.clone(),
        })
    }
}

impl EventsSection {
    /// The thresholds for events; `None` if no kind is wanted.
    fn thresholds(&self, expected: BTreeSet<ClassId>) -> Option<EventThresholds> {
        let kinds = self.kinds.as_deref().unwrap_or(&EventKind::ALL);
        if kinds.is_empty() {
            return None;
        }
        let own = EventThresholds::default();
        let wants = |kind| kinds.contains(&kind);
        let share = |kind, given: Option<Share>, own: Option<f32>| {
            given.map(|share| share.0).or(own).filter(|_| wants(kind))
        };
        let seconds = |given: Option<Seconds>, own| given.map_or(own, |seconds| seconds.0);
        Some(EventThresholds {
            ambiguous_class: share(
                EventKind::AmbiguousClass,
                self.ambiguous_class,
                own.ambiguous_class,
            ),
            class_flicker: (self.class_flicker.map(|seconds| seconds.0))
                .or(own.class_flicker)
                .filter(|_| wants(EventKind::ClassFlicker)),
            expected_classes: Some(expected)
                .filter(|classes| !classes.is_empty() && wants(EventKind::UnexpectedClass)),
            box_jitter: share(EventKind::BoxJitter, self.box_jitter, own.box_jitter),
            fragment: share(EventKind::Fragment, self.fragment, own.fragment),
            merge: share(EventKind::Merge, self.merge, own.merge),
            low_confidence: share(
                EventKind::LowConfidence,
                self.low_confidence,
                own.low_confidence,
            ),
            confirm: seconds(self.confirm, own.confirm),
            cooldown: seconds(self.cooldown, own.cooldown),
        })
    }
}
