//! What the user sets on the element: the values behind its properties, their defaults, and those that are written in a grammar.
//!
//! In: property values. Out: [`Settings`]; what the engine is asked for is made of them in [`request`](super::request).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};

use ::ssdcrp::crp::{Composite, Contrast, TargetOutput};
use ::ssdcrp::detect::Thresholds;
use ::ssdcrp::runtime::SessionOptions;

use super::class_names::ClassNames;
use super::enums::{
    Detections, HeatmapColours, HeatmapLayout, Mode, OnError, OnnxExecutionProvider, Output, Select,
};
use super::event_settings::EventSettings;
use super::written::{Choice, Written};

/// What was asked of the class, kept while the box is asked about.
pub type ClassQuestion = (Choice<TargetOutput>, Choice<Contrast>);

/// The values of all properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The ONNX file, its manifest beside it; `None` is the model that is built in.
    pub model_file: Option<PathBuf>,
    /// Elements of one process with the same one share the networks.
    pub model_instance_id: Option<String>,
    /// Whose detections are explained.
    pub detections: Detections,
    pub score_threshold: f32,
    pub iou_threshold: f32,
    pub target: Written<Choice<TargetOutput>>,
    pub contrast: Written<Choice<Contrast>>,
    /// Set while keys have turned the question from the class to the box.
    pub class_question: Option<ClassQuestion>,
    pub composite: Written<Choice<Composite>>,
    pub select: Select,
    pub select_label: Written<ClassNames>,
    /// Pixels of the frame.
    pub select_x: f32,
    pub select_y: f32,
    pub max_explanations: u32,
    pub expected_classes: Written<ClassNames>,
    pub mode: Mode,
    pub on_error: OnError,
    pub output: Output,
    /// Nanoseconds; 0 is every frame that there is time for.
    pub detect_interval: u64,
    pub explain_interval: u64,
    /// Whether explanations are checked now and then, besides those of events.
    pub check_explanations: bool,
    /// Nanoseconds.
    pub expire_overlay: u64,
    /// Of the heatmap, 0..=1.
    pub opacity: f32,
    pub colour_map: HeatmapColours,
    pub layout: HeatmapLayout,
    pub draw_boxes: bool,
    pub draw_labels: bool,
    pub draw_heatmap: bool,
    /// How old what is shown is.
    pub draw_age: bool,
    /// Which looks are told of.
    pub events: EventSettings,
    /// Whether results are posted as element messages.
    pub post_messages: bool,
    /// The file that gets all results as JSON Lines.
    pub results_location: Option<PathBuf>,
    /// Threads that each network runs on; 0 is half of the cores live, where two run at a time, and all of them in every-frame.
    pub threads: u32,
    pub execution_provider: OnnxExecutionProvider,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_file: None,
            model_instance_id: None,
            detections: Detections::default(),
            score_threshold: 0.5,
            iou_threshold: 0.6,
            target: Written::new(Choice::Auto),
            contrast: Written::new(Choice::Auto),
            class_question: None,
            composite: Written::new(Choice::Auto),
            select: Select::default(),
            select_label: Written::new(ClassNames::default()),
            select_x: 0.0,
            select_y: 0.0,
            // What a viewer can still tell apart, and a computer with two cores does in a quarter of a second.
            max_explanations: 4,
            expected_classes: Written::new(ClassNames::default()),
            mode: Mode::default(),
            on_error: OnError::default(),
            output: Output::default(),
            detect_interval: 0,
            explain_interval: 0,
            // Ten forward passes a second are left to what the element is there for.
            check_explanations: false,
            expire_overlay: 1_000_000_000,
            opacity: 1.0,
            colour_map: HeatmapColours::default(),
            layout: HeatmapLayout::default(),
            draw_boxes: true,
            draw_labels: true,
            draw_heatmap: true,
            draw_age: false,
            events: EventSettings::default(),
            post_messages: true,
            results_location: None,
            threads: 0,
            execution_provider: OnnxExecutionProvider::default(),
        }
    }
}

impl Settings {
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            score: self.score_threshold,
            iou: self.iou_threshold,
        }
    }

    /// The time between frames that are looked at.
    pub fn detect_interval(&self) -> Duration {
        Duration::from_nanos(self.detect_interval)
    }

    /// How long a result is shown: counted from when the next one is due.
    pub fn expires_after(&self) -> Duration {
        Duration::from_nanos(self.expire_overlay).saturating_add(self.detect_interval())
    }

    /// The time between frames that are explained.
    pub fn explain_interval(&self) -> Duration {
        Duration::from_nanos(self.explain_interval)
    }

    /// What the networks run on.
    pub fn session(&self) -> SessionOptions {
        SessionOptions {
            threads: self.threads as usize,
            provider: self.execution_provider.into(),
            ..SessionOptions::default()
        }
    }

    /// What is asked for and cannot come about with the other properties as they are.
    pub fn gaps(&self) -> impl Iterator<Item = &'static str> {
        let events = &self.events;
        let kept = events.location.is_some() && !events.are_wanted();
        let unexpected = events.kinds.value().are_only_unexpected_class();
        let nothing_expected = *self.expected_classes.value() == ClassNames::default();
        let gaps = [
            (
                kept,
                "property 'events-location': there is no evidence to keep while the property events is none: set it to all, or to the kinds that are wanted",
            ),
            (
                unexpected && nothing_expected,
                "property 'events': no class is unexpected while the property expected-classes names none: name the classes that may be there",
            ),
        ];
        gaps.into_iter()
            .filter_map(|(is_one, words)| is_one.then_some(words))
    }

    /// The first property whose text was refused, with the reason.
    ///
    /// # Errors
    /// Some text was refused since the property last took one.
    pub fn check(&self) -> Result<()> {
        let refusals = [
            ("target", self.target.refusal()),
            ("contrast", self.contrast.refusal()),
            ("composite", self.composite.refusal()),
            ("select-label", self.select_label.refusal()),
            ("expected-classes", self.expected_classes.refusal()),
            ("events", self.events.kinds.refusal()),
        ];
        for (property, refusal) in refusals {
            if let Some(reason) = refusal {
                return Err(anyhow!("property '{property}': {reason}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_changes_nothing_and_is_remembered_until_something_is_taken() {
        let mut settings = Settings::default();
        settings.target.set("class:horse").unwrap();
        settings.check().unwrap();

        let error = settings.target.set("offset:left").unwrap_err();
        assert!(error.to_string().contains("'left'"), "{error:#}");
        assert_eq!(settings.target.value().to_string(), "class:horse");
        let refusal = settings.check().unwrap_err().to_string();
        assert!(refusal.starts_with("property 'target': "), "{refusal}");

        settings.target.set("auto").unwrap();
        assert_eq!(settings.target.value(), &Choice::Auto);
        settings.check().unwrap();
    }

    #[test]
    fn for_ever_is_a_time_too() {
        let settings = Settings {
            detect_interval: u64::MAX,
            expire_overlay: u64::MAX,
            ..Settings::default()
        };
        // 1,169 years.
        let for_ever = Duration::from_nanos(u64::MAX);
        assert_eq!(settings.expires_after(), 2 * for_ever);
    }

    #[test]
    fn texts_come_back_as_they_are_written() {
        let mut settings = Settings::default();
        for text in [
            "auto",
            "class:traffic light",
            "offset:cx",
            "offset:w+",
            "edge:left-",
        ] {
            settings.target.set(text).unwrap();
            assert_eq!(settings.target.value().to_string(), text);
        }
        for text in [
            "auto",
            "mean",
            "softmax",
            "none",
            "runner-up",
            "class:horse",
        ] {
            settings.contrast.set(text).unwrap();
            assert_eq!(settings.contrast.value().to_string(), text);
        }
        for text in [
            "auto",
            "crp",
            "lrp-epsilon",
            "high=epsilon:0.25std,add=prop",
        ] {
            settings.composite.set(text).unwrap();
            assert_eq!(settings.composite.value().to_string(), text);
        }
    }
}
