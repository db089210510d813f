//! Events: which looks of an object the user wants to be told of, and what is told.
//!
//! In: values of properties, and what the engine's monitor raised in a frame. Out: the monitor's settings, and [`Raised`] events with the structure that goes
//! into messages.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use ::ssdcrp::detect::Manifest;
use ::ssdcrp::stream::evidence::Limits;
use ::ssdcrp::stream::monitor::{Event, EventKind as Kind, EventThresholds as Thresholds};

use super::results::Region;
use super::selection::Selection;
use super::settings::Written;

/// Kinds of events: `none`, `all`, or names with commas between.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kinds([bool; Kind::ALL.len()]);

impl Kinds {
    fn contains(self, kind: Kind) -> bool {
        let all = Kind::ALL.into_iter().zip(self.0);
        all.into_iter().any(|(one, on)| on && one == kind)
    }

    pub fn are_only_unexpected_class(self) -> bool {
        self == Self(Kind::ALL.map(|kind| kind == Kind::UnexpectedClass))
    }
}

impl FromStr for Kinds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => return Ok(Self::default()),
            "all" => return Ok(Self([true; Kind::ALL.len()])),
            _ => {}
        }
        let named = text.split(',').map(|name| {
            let name = name.trim();
            ensure!(
                !["none", "all"].contains(&name),
                "'{name}' stands alone, without other names"
            );
            Ok(name.parse::<Kind>()?)
        });
        let named =
            named.map(|kind| kind.context("none, all, or names with commas between are expected"));
        let named: Vec<Kind> = named.collect::<Result<_>>()?;
        Ok(Self(Kind::ALL.map(|kind| named.contains(&kind))))
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let on = Kind::ALL.into_iter().filter(|&kind| self.contains(kind));
        let names: Vec<String> = on.map(|kind| kind.to_string()).collect();
        match names.len() {
            0 => f.write_str("none"),
            n if n == Kind::ALL.len() => f.write_str("all"),
            _ => f.write_str(&names.join(",")),
        }
    }
}

/// The values of the properties that begin with `event`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSettings {
    pub kinds: Written<Kinds>,
    /// Shares, 0..=1.
    pub ambiguous_class: f32,
    pub box_jitter: f32,
    pub fragment: f32,
    pub merge: f32,
    /// A score.
    pub low_confidence: f32,
    /// Nanoseconds.
    pub class_flicker: u64,
    pub cooldown: u64,
    pub confirm: u64,
    /// The folder of evidence.
    pub location: Option<PathBuf>,
    /// Bytes of its pictures.
    pub budget: u64,
    /// Events that it takes in a minute.
    pub per_minute: u32,
}

impl Default for EventSettings {
    fn default() -> Self {
        let own = Thresholds::default();
        let nanoseconds = |time: Duration| time.as_nanos() as u64;
        Self {
            kinds: Written::new(Kinds::default()),
            ambiguous_class: own.ambiguous_class.unwrap_or_default(),
            box_jitter: own.box_jitter.unwrap_or_default(),
            fragment: own.fragment.unwrap_or_default(),
            merge: own.merge.unwrap_or_default(),
            low_confidence: own.low_confidence.unwrap_or_default(),
            class_flicker: nanoseconds(own.class_flicker.unwrap_or_default()),
            cooldown: nanoseconds(own.cooldown),
            confirm: nanoseconds(own.confirm),
            location: None,
            budget: 1 << 30,
            per_minute: 30,
        }
    }
}

impl EventSettings {
    /// Whether any event is wanted.
    pub fn are_wanted(&self) -> bool {
        *self.kinds.value() != Kinds::default()
    }

    pub fn limits(&self) -> Limits {
        Limits {
            bytes: self.budget,
            per_minute: self.per_minute as usize,
        }
    }

    /// `None` where no event is wanted.
    pub fn thresholds(&self, selection: Option<&Selection>) -> Option<Thresholds> {
        if !self.are_wanted() {
            return None;
        }
        let kinds = *self.kinds.value();
        let share = |kind, threshold: f32| kinds.contains(kind).then_some(threshold);
        let expected = selection.and_then(Selection::expected);
        Some(Thresholds {
            ambiguous_class: share(Kind::AmbiguousClass, self.ambiguous_class),
            class_flicker: (kinds.contains(Kind::ClassFlicker))
                .then_some(Duration::from_nanos(self.class_flicker)),
            expected_classes: expected.filter(|_| kinds.contains(Kind::UnexpectedClass)),
            box_jitter: share(Kind::BoxJitter, self.box_jitter),
            fragment: share(Kind::Fragment, self.fragment),
            merge: share(Kind::Merge, self.merge),
            low_confidence: share(Kind::LowConfidence, self.low_confidence),
            confirm: Duration::from_nanos(self.confirm),
            cooldown: Duration::from_nanos(self.cooldown),
        })
    }
}

/// An event of a frame.
#[derive(Clone, Debug)]
pub struct Raised {
    /// Counts the events since the start, from 1 on.
    pub number: u64,
    pub event: Event,
    /// What the overlay says beside the object's label.
    pub remark: String,
    /// Everything for machines, except the frame's times and the explanation.
    pub structure: gst::Structure,
}

impl Raised {
    /// `region` is the event's detection in the frame.
    pub fn new(number: u64, event: Event, region: &Region, manifest: &Manifest) -> Arc<Self> {
        let labels = &manifest.labels;
        let target = &event.target;
        let mut structure = region.detection().to_owned();
        structure.set_name("event");
        structure.set("number", number);
        structure.set("kind", event.finding.kind().to_string());
        structure.set("words", event.words(labels));
        structure.set("severity", f64::from(event.severity));
        structure.set("target", target.output.text(labels));
        if let Some(contrast) = &target.contrast {
            structure.set("contrast", contrast.text(labels));
        }
        Arc::new(Self {
            number,
            remark: event.remark(labels),
            event,
            structure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_as_they_are_written() {
        for text in ["none", "all", "box-jitter", "ambiguous-class,merge"] {
            assert_eq!(text.parse::<Kinds>().unwrap().to_string(), text);
        }
        let spaced: Kinds = "merge, ambiguous-class".parse().unwrap();
        assert_eq!(spaced.to_string(), "ambiguous-class,merge");
        for text in ["", "jitter", "all,merge", "merge,"] {
            let error = format!("{:#}", text.parse::<Kinds>().unwrap_err());
            assert!(error.starts_with("none, all, or names"), "{error}");
            assert_eq!(error.contains("stands alone"), text == "all,merge");
        }
    }

    #[test]
    fn a_kind_that_is_not_named_has_no_threshold() {
        let mut settings = EventSettings::default();
        assert_eq!(settings.thresholds(None), None);
        settings.kinds.set("all").unwrap();
        assert_eq!(settings.thresholds(None), Some(Thresholds::default()));
        settings.kinds.set("merge").unwrap();
        settings.merge = 0.9;
        let thresholds = settings.thresholds(None).unwrap();
        assert_eq!(thresholds.merge, Some(0.9));
        assert_eq!(
            (thresholds.box_jitter, thresholds.class_flicker),
            (None, None)
        );
    }
}
