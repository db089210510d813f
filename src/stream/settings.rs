//! What is asked of a stream: how it is looked at, what is explained of it, and what is shown. Everything is in the model's terms: classes are ids, times are durations.

use std::sync::Arc;
use std::time::Duration;

use super::monitor::EventThresholds;
use super::selection::Selection;
use super::zones::Zones;
use crate::crp::{Composite, Contrast, Target, TargetOutput};
use crate::detect::{Detection, Thresholds};
use crate::heatmap::ColourMap;

/// Settings that may change from frame to frame. Frames carry them by reference, so that a change takes effect with the next frame that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSettings {
    /// What counts as a detection.
    pub thresholds: Thresholds,
    /// What is asked of a detection.
    pub question: QuestionSettings,
    /// Of which detections; `None` where nothing can be selected.
    pub selection: Option<Selection>,
    /// The least running time between two frames that are explained.
    pub explain_interval: Duration,
    /// Whether explanations of what is selected are checked, one in a second of running time; those of events are in any case.
    pub check: bool,
    /// From when on something is an event; `None` where no event is wanted.
    pub events: Option<EventThresholds>,
    /// Where in the picture.
    pub zones: Zones,
    /// What is drawn.
    pub display: DisplaySettings,
}

/// What is asked of a detection. What is `None` is left to the model: the predicted class, the composite's contrast, the composite of the manifest, else that of videos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuestionSettings {
    /// Which output is explained.
    pub output: Option<TargetOutput>,
    /// What it is contrasted with.
    pub contrast: Option<Contrast>,
    /// How relevance is propagated.
    pub composite: Option<Composite>,
}

impl QuestionSettings {
    /// The question about one detection.
    pub fn target(&self, detection: &Detection) -> Target {
        let mut target = Target::predicted_class(detection);
        if let Some(output) = &self.output {
            target.output = output.clone();
        }
        target.contrast = self.contrast.clone();
        target
    }
}

/// Where heatmaps are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatmapPlace {
    /// Over the picture, each over its object.
    #[default]
    Over,
    /// In tiles along one side, each with a close-up of its object as it was explained.
    Tiles,
    /// In place of the picture, without boxes and words.
    Alone,
}

/// What is drawn over a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplaySettings {
    /// Colours of heatmaps on the video.
    pub colours: ColourMap,
    /// Colours of heatmaps in pictures of events, which have colour even where the video is grey.
    pub evidence_colours: ColourMap,
    /// Of heatmaps, 0..=1.
    pub opacity: f32,
    /// Where heatmaps are.
    pub place: HeatmapPlace,
    /// Whether boxes are drawn.
    pub boxes: bool,
    /// Whether labels are drawn, and what the heatmap explains.
    pub labels: bool,
    /// Whether heatmaps are drawn.
    pub heatmap: bool,
}

impl Default for DisplaySettings {
    fn default() -> Self {
        Self {
            colours: ColourMap::default(),
            evidence_colours: ColourMap::default(),
            opacity: 1.0,
            place: HeatmapPlace::default(),
            boxes: true,
            labels: true,
            heatmap: true,
        }
    }
}

/// What the user asks at a moment: as long as it stays the same, explanations may keep their interval.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The settings of that moment.
    pub settings: Arc<StreamSettings>,
    /// The object that the user has picked.
    pub picked: Option<u64>,
    /// Where the user asks why nothing is there, in shares of the frame; then no detection is explained.
    pub missing: Option<[f32; 2]>,
}

impl Asked {
    /// Whether the same detections are to be explained, whatever is asked of them.
    pub fn selects_like(&self, other: &Self) -> bool {
        let same_settings = Arc::ptr_eq(&self.settings, &other.settings);
        (self.picked, self.missing) == (other.picked, other.missing)
            && (same_settings || self.settings.selection == other.settings.selection)
    }
}

impl PartialEq for Asked {
    /// Whether the same is asked of the same detections.
    fn eq(&self, other: &Self) -> bool {
        let same_settings = Arc::ptr_eq(&self.settings, &other.settings);
        self.selects_like(other)
            && (same_settings || self.settings.question == other.settings.question)
    }
}
