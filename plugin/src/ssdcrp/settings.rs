//! What the user sets on the element: the values behind its properties, their defaults, and those that are written in a grammar.
//!
//! In: property values. Out: [`Settings`], copied to each frame's [`Job`](super::analysis::Job), so that a change
//! takes effect with the next frame that is analysed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};

use ::ssdcrp::crp::{Composite, Contrast, TargetOutput};
use ::ssdcrp::ssd::Thresholds;

use super::{ColourMap, Mode};

/// The values of all properties.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ONNX file, its manifest beside it; `None` is the model that is built in.
    pub model_file: Option<PathBuf>,
    pub score_threshold: f32,
    pub iou_threshold: f32,
    pub target: Written<Choice<TargetOutput>>,
    pub contrast: Written<Choice<Contrast>>,
    pub composite: Written<Choice<Composite>>,
    pub mode: Mode,
    /// Of the heatmap, 0..=1.
    pub opacity: f32,
    pub colour_map: ColourMap,
    pub draw_boxes: bool,
    pub draw_labels: bool,
    pub draw_heatmap: bool,
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
            composite: Written::new(Choice::Auto),
            mode: Mode::default(),
            opacity: 1.0,
            colour_map: ColourMap::default(),
            draw_boxes: true,
            draw_labels: true,
            draw_heatmap: true,
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

    /// The first property whose text was refused, with the reason.
    ///
    /// # Errors
    /// Some text was refused since the property last took one.
    pub fn check(&self) -> Result<()> {
        let refusals = [
            ("target", self.target.refusal()),
            ("contrast", self.contrast.refusal()),
            ("composite", self.composite.refusal()),
        ];
        for (property, refusal) in refusals {
            if let Some(reason) = refusal {
                return Err(anyhow!("property '{property}': {reason}"));
            }
        }
        Ok(())
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

impl<T: FromStr<Err = anyhow::Error>> FromStr for Choice<T> {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => Ok(Self::Named(text.parse().map_err(|error| {
                anyhow!("{error:#}; 'auto' leaves the choice to the element")
            })?)),
        }
    }
}

/// A setting that is written in a grammar. A text that is not understood leaves the value as it was; since a property
/// cannot answer with an error, the refusal is kept until a text is taken, and the element does not start with one.
#[derive(Clone, Debug)]
pub struct Written<T> {
    value: T,
    refusal: Option<String>,
}

impl<T: FromStr<Err = anyhow::Error>> Written<T> {
    fn new(value: T) -> Self {
        Self {
            value,
            refusal: None,
        }
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
