//! Events as properties have them: which looks of an object the user wants to be told of, and from when on.
//!
//! In: values of properties. Out: the thresholds of the engine's monitor, and the limits of evidence.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use ::ssdcrp::detect::ClassId;
use ::ssdcrp::stream::evidence::Limits;
use ::ssdcrp::stream::monitor::{EventKind, EventThresholds};

use super::written::Written;

/// Kinds of events: `none`, `all`, or names with commas between.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventKinds([bool; EventKind::ALL.len()]);

impl EventKinds {
    fn contains(self, kind: EventKind) -> bool {
        let all = EventKind::ALL.into_iter().zip(self.0);
        all.into_iter().any(|(one, on)| on && one == kind)
    }

    pub fn are_only_unexpected_class(self) -> bool {
        self == Self(EventKind::ALL.map(|kind| kind == EventKind::UnexpectedClass))
    }
}

impl FromStr for EventKinds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => return Ok(Self::default()),
            "all" => return Ok(Self([true; EventKind::ALL.len()])),
            _ => {}
        }
        let named = text.split(',').map(|name| {
            let name = name.trim();
            ensure!(
                !["none", "all"].contains(&name),
                "'{name}' stands alone, without other names"
            );
            Ok(name.parse::<EventKind>()?)
        });
        let named =
            named.map(|kind| kind.context("none, all, or names with commas between are expected"));
        let named: Vec<EventKind> = named.collect::<Result<_>>()?;
        Ok(Self(EventKind::ALL.map(|kind| named.contains(&kind))))
    }
}

impl fmt::Display for EventKinds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let on = EventKind::ALL
            .into_iter()
            .filter(|&kind| self.contains(kind));
        let names: Vec<String> = on.map(|kind| kind.to_string()).collect();
        match names.len() {
            0 => f.write_str("none"),
            n if n == EventKind::ALL.len() => f.write_str("all"),
            _ => f.write_str(&names.join(",")),
        }
    }
}

/// The values of the properties that begin with `event`.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSettings {
    pub kinds: Written<EventKinds>,
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
        let own = EventThresholds::default();
        let nanoseconds = |time: Duration| time.as_nanos() as u64;
        Self {
            kinds: Written::new(EventKinds::default()),
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
        *self.kinds.value() != EventKinds::default()
    }

    pub fn limits(&self) -> Limits {
        Limits {
            bytes: self.budget,
            per_minute: self.per_minute as usize,
        }
    }

    /// For the classes that the user expects, where it is not all; `None` where no event is wanted.
    pub fn thresholds(&self, expected: &BTreeSet<ClassId>) -> Option<EventThresholds> {
        if !self.are_wanted() {
            return None;
        }
        let kinds = *self.kinds.value();
        let share = |kind, threshold: f32| kinds.contains(kind).then_some(threshold);
        let expected = (!expected.is_empty()).then(|| expected.clone());
        Some(EventThresholds {
            ambiguous_class: share(EventKind::AmbiguousClass, self.ambiguous_class),
            class_flicker: (kinds.contains(EventKind::ClassFlicker))
                .then_some(Duration::from_nanos(self.class_flicker)),
            expected_classes: expected.filter(|_| kinds.contains(EventKind::UnexpectedClass)),
            box_jitter: share(EventKind::BoxJitter, self.box_jitter),
            fragment: share(EventKind::Fragment, self.fragment),
            merge: share(EventKind::Merge, self.merge),
            low_confidence: share(EventKind::LowConfidence, self.low_confidence),
            confirm: Duration::from_nanos(self.confirm),
            cooldown: Duration::from_nanos(self.cooldown),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_back_as_they_are_written() {
        for text in ["none", "all", "box-jitter", "ambiguous-class,merge"] {
            assert_eq!(text.parse::<EventKinds>().unwrap().to_string(), text);
        }
        let spaced: EventKinds = "merge, ambiguous-class".parse().unwrap();
        assert_eq!(spaced.to_string(), "ambiguous-class,merge");
        for text in ["", "jitter", "all,merge", "merge,"] {
            let error = format!("{:#}", text.parse::<EventKinds>().unwrap_err());
            assert!(error.starts_with("none, all, or names"), "{error}");
            assert_eq!(error.contains("stands alone"), text == "all,merge");
        }
    }

    #[test]
    fn a_kind_that_is_not_named_has_no_threshold() {
        let mut settings = EventSettings::default();
        assert_eq!(settings.thresholds(&BTreeSet::new()), None);
        settings.kinds.set("all").unwrap();
        assert_eq!(
            settings.thresholds(&BTreeSet::new()),
            Some(EventThresholds::default())
        );
        settings.kinds.set("merge").unwrap();
        settings.merge = 0.9;
        let thresholds = settings.thresholds(&BTreeSet::new()).unwrap();
        assert_eq!(thresholds.merge, Some(0.9));
        assert_eq!(
            (thresholds.box_jitter, thresholds.class_flicker),
            (None, None)
        );
    }
}
