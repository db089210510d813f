//! From when on something is an event.

use std::collections::BTreeSet;
use std::time::Duration;

use super::trajectory;
use crate::detect::ClassId;

/// A threshold for each kind of event; `None` switches the kind off.
#[derive(Clone, Debug, PartialEq)]
pub struct EventThresholds {
    /// The class is in doubt where its runner-up at the same default box has at least this share of its score, 0..=1. Where the default model is sure, it has
    /// seldom more than 0.1; where it takes a horse for a sheep, 0.24.
    pub ambiguous_class: Option<f32>,
    /// An object whose class is another one than so long ago or less flickers.
    pub class_flicker: Option<Duration>,
    /// The class ids that may be there; off by default.
    pub expected_classes: Option<BTreeSet<ClassId>>,
    /// The box jumps where an edge, the centre or the size is off the trajectory of the last boxes by more than this share of the box's own size, which is the square
    /// root of its area. The legs of walking people move the sides of their boxes by a third of it.
    pub box_jitter: Option<f32>,
    /// Two boxes of one class are on one object where the smaller one lies in the larger one by at least this share of its area, 0..=1.
    pub fragment: Option<f32>,
    /// A box lies over two objects where two others of its class, apart from each other, lie in it by at least this share of their areas, 0..=1.
    pub merge: Option<f32>,
    /// A score below it is a low one. Detections have a threshold of their own, so the two limit a band.
    pub low_confidence: Option<f32>,
    /// What is wrong with a single frame is raised when all sightings of the object have shown it for so long. What changes from one frame to the next, class and
    /// box, is raised at once.
    pub confirm: Duration,
    /// After an event, the same kind is not raised again for the same object before it was not suspected for so long: what stays wrong is said once.
    pub cooldown: Duration,
}

impl Default for EventThresholds {
    fn default() -> Self {
        Self {
            ambiguous_class: Some(0.2),
            class_flicker: Some(Duration::from_secs(1)),
            expected_classes: None,
            box_jitter: Some(0.5),
            fragment: Some(0.8),
            merge: Some(0.65),
            low_confidence: Some(0.55),
            confirm: Duration::from_millis(300),
            cooldown: Duration::from_secs(10),
        }
    }
}

impl EventThresholds {
    /// For pictures that have nothing to do with each other: one sighting is all there is.
    pub fn for_stills() -> Self {
        Self {
            confirm: Duration::ZERO,
            ..Self::default()
        }
    }

    /// How long an object that is not seen matters.
    pub(super) fn looks_back(&self) -> Duration {
        let flicker = self.class_flicker.unwrap_or_default();
        self.cooldown.max(flicker).max(trajectory::OLDEST)
    }
}
