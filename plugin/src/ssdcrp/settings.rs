//! What the user sets on the element: the values behind its properties, their defaults, and those that are written in a grammar.
//!
//! In: property values. Out: [`Settings`], copied to each frame's [`Job`](super::analysis::Job), so that a change
//! takes effect with the next frame that is analysed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use gst::ClockTime;

use ::ssdcrp::crp::{Composite, Contrast, TargetOutput};
use ::ssdcrp::detect::Thresholds;

use super::events::EventSettings;
use super::navigation::ClassQuestion;
use super::selection::ClassNames;
use super::{ColourMap, HeatmapLayout, Mode, Output, Select};

/// The values of all properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The ONNX file, its manifest beside it; `None` is the model that is built in.
    pub model_file: Option<PathBuf>,
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
    pub output: Output,
    /// Nanoseconds; 0 is every frame that there is time for.
    pub detect_interval: u64,
    pub explain_interval: u64,
    /// Nanoseconds.
    pub expire_overlay: u64,
    /// Of the heatmap, 0..=1.
    pub opacity: f32,
    pub colour_map: ColourMap,
    pub layout: HeatmapLayout,
    pub draw_boxes: bool,
    pub draw_labels: bool,
    pub draw_heatmap: bool,
    /// How old what is shown is.
    pub draw_age: bool,
    /// Which looks are told of.
    pub events: EventSettings,
    /// The file that gets all results as JSON Lines.
    pub results_location: Option<PathBuf>,
    /// Threads that the network runs on; 0 is as many as there are cores.
    pub threads: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_file: None,
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
            output: Output::default(),
            detect_interval: 0,
            explain_interval: 0,
            expire_overlay: 1_000_000_000,
            opacity: 1.0,
            colour_map: ColourMap::default(),
            layout: HeatmapLayout::default(),
            draw_boxes: true,
            draw_labels: true,
            draw_heatmap: true,
            draw_age: false,
            events: EventSettings::default(),
            results_location: None,
            // More would be taken from the decoder and the encoder, and two cores is all that a small machine has.
            threads: 2,
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
    pub fn detect_interval(&self) -> ClockTime {
        time(self.detect_interval)
    }

    /// How long a result is shown: counted from when the next one is due.
    pub fn expires_after(&self) -> ClockTime {
        time(self.expire_overlay).saturating_add(self.detect_interval())
    }

    /// The time between frames that are explained.
    pub fn explain_interval(&self) -> ClockTime {
        time(self.explain_interval)
    }

    /// The settings that decide whether a question has an answer.
    pub fn question(&self) -> [String; 3] {
        [
            self.target.value().to_string(),
            self.contrast.value().to_string(),
            self.composite.value().to_string(),
        ]
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

    /// The settings that decide which objects are selected.
    fn selection(&self) -> [String; 2] {
        [
            self.select_label.value().to_string(),
            self.expected_classes.value().to_string(),
        ]
    }

    /// Everything that decides what is explained, with the object that the user has picked.
    pub fn asked(&self, picked: Option<u64>) -> Asked {
        Asked {
            question: self.question(),
            select: self.select,
            selection: self.selection(),
            point: [self.select_x, self.select_y],
            most: self.max_explanations,
            picked,
        }
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

/// The largest number of nanoseconds is no time to GStreamer; here it is for ever, like the longest time.
fn time(nanoseconds: u64) -> ClockTime {
    ClockTime::from_nseconds(nanoseconds.min(ClockTime::MAX.nseconds()))
}

/// What the user asks: as long as it stays the same, explanations may keep their interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    question: [String; 3],
    select: Select,
    selection: [String; 2],
    point: [f32; 2],
    most: u32,
    picked: Option<u64>,
}

impl Asked {
    /// Whether the same detections are to be explained, whatever is asked of them.
    pub fn chooses_like(&self, other: &Self) -> bool {
        let rules = |asked: &Self| (asked.select, asked.point, asked.most, asked.picked);
        rules(self) == rules(other) && self.selection == other.selection
    }
}

/// A choice that the element makes by itself (`auto`) unless the user names one.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice<T> {
    Auto,
    Named(T),
}

impl<T> Choice<T> {
    pub fn named(&self) -> Option<&T> {
        match self {
            Self::Auto => None,
            Self::Named(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(value) => value.fmt(f),
        }
    }
}

impl<T: FromStr<Err: Into<anyhow::Error>>> FromStr for Choice<T> {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => Ok(Self::Named(text.parse().map_err(|error: T::Err| {
                let error: anyhow::Error = error.into();
                anyhow!("{error:#}; 'auto' leaves the choice to the element")
            })?)),
        }
    }
}

/// A setting that is written in a grammar. A text that is not understood leaves the value as it was; since a property
/// cannot answer with an error, the refusal is kept until a text is taken, and the element does not start with one.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    value: T,
    refusal: Option<String>,
}

impl<T: FromStr<Err: Into<anyhow::Error>>> Written<T> {
    /// One that nobody has set.
    pub fn new(value: T) -> Self {
        Self {
            value,
            refusal: None,
        }
    }

    /// Takes a value that needs not be read.
    pub fn put(&mut self, value: T) {
        *self = Self::new(value);
    }

    pub fn value(&self) -> &T {
        &self.value
    }

    fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Takes `text`, or gives the reason for not taking it.
    ///
    /// # Errors
    /// The text is not in the grammar; the value is then unchanged.
    pub fn set(&mut self, text: &str) -> Result<()> {
        match text.parse() {
            Ok(value) => {
                *self = Self::new(value);
                Ok(())
            }
            Err(error) => {
                let error: anyhow::Error = error.into();
                self.refusal = Some(format!("{error:#}"));
                Err(error)
            }
        }
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
            explain_interval: u64::MAX,
            expire_overlay: u64::MAX,
            ..Settings::default()
        };
        assert_eq!(settings.detect_interval(), ClockTime::MAX);
        assert_eq!(settings.explain_interval(), ClockTime::MAX);
        assert_eq!(settings.expires_after(), ClockTime::MAX);
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
