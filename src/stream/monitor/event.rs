//! What a monitor says: which detection looks wrong, how, and what to ask the explainer about it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::crp::{Contrast, Direction, Target, TargetOutput};
use crate::detect::Labels;
use crate::detect::manifest::Offset;
use crate::detect::{ClassId, Detection};
use crate::error::argument::Context;
use crate::error::{Error, Result};
use crate::geometry::Rect;

/// Something that looks wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The object's number, the same for as long as it is followed.
    pub object: u64,
    /// The frame's place in the stream.
    pub time: Duration,
    /// The detection that looks wrong.
    pub detection: Detection,
    /// In which way.
    pub finding: Finding,
    /// The question that it raises.
    pub target: Target,
    /// How much is wrong, 0..=1, to sort by: no probability.
    pub severity: f32,
}

/// In which way a detection looks wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Another class scores nearly as high at the default box.
    AmbiguousClass {
        /// The other class.
        rival: ClassId,
        /// Its score as a share of the detection's.
        ratio: f32,
    },
    /// A moment ago the object had another class.
    ClassFlicker {
        /// That class.
        before: ClassId,
    },
    /// The class is not among those that may be there.
    UnexpectedClass,
    /// The box is not where its trajectory led.
    BoxJitter {
        /// By how much of its own size.
        shift: f32,
    },
    /// A better box of the same class is on the same object.
    Fragment {
        /// That box.
        of: Rect,
    },
    /// The box lies over two objects of its class that have boxes of their own.
    Merge {
        /// Those boxes.
        over: [Rect; 2],
    },
    /// The score is hardly above the threshold.
    LowConfidence,
}

/// A [`Finding`]'s name, to filter and to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// `ambiguous-class`
    AmbiguousClass,
    /// `class-flicker`
    ClassFlicker,
    /// `unexpected-class`
    UnexpectedClass,
    /// `box-jitter`
    BoxJitter,
    /// `fragment`
    Fragment,
    /// `merge`
    Merge,
    /// `low-confidence`
    LowConfidence,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AmbiguousClass,
        Self::ClassFlicker,
        Self::UnexpectedClass,
        Self::BoxJitter,
        Self::Fragment,
        Self::Merge,
        Self::LowConfidence,
    ];

    /// Whether two frames are needed to see it: it is raised at once then.
    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::ClassFlicker | Self::BoxJitter)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::AmbiguousClass => "ambiguous-class",
            Self::ClassFlicker => "class-flicker",
            Self::UnexpectedClass => "unexpected-class",
            Self::BoxJitter => "box-jitter",
            Self::Fragment => "fragment",
            Self::Merge => "merge",
            Self::LowConfidence => "low-confidence",
        })
    }
}

impl FromStr for EventKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        kind.with_context(|| {
            let all = Self::ALL.map(|kind| kind.to_string()).join(", ");
            format!("there is no event '{text}': {all} exist")
        })
    }
}

impl Finding {
    /// Its name.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::AmbiguousClass { .. } => EventKind::AmbiguousClass,
            Self::ClassFlicker { .. } => EventKind::ClassFlicker,
            Self::UnexpectedClass => EventKind::UnexpectedClass,
            Self::BoxJitter { .. } => EventKind::BoxJitter,
            Self::Fragment { .. } => EventKind::Fragment,
            Self::Merge { .. } => EventKind::Merge,
            Self::LowConfidence => EventKind::LowConfidence,
        }
    }
}

impl Event {
    /// For people: "sheep, or horse?", "one box over two horses".
    pub fn words(&self, labels: &Labels) -> String {
        let label = labels.name(self.detection.class);
        match &self.finding {
            Finding::AmbiguousClass { rival, .. } => {
                format!("{label}, or {}?", labels.name(*rival))
            }
            Finding::ClassFlicker { before } => {
                format!("{label}, a moment ago {}", labels.name(*before))
            }
            Finding::UnexpectedClass => format!("{label} is not expected here"),
            Finding::BoxJitter { shift } => {
                format!("the box of {label} jumped by {:.0} %", 100.0 * shift)
            }
            Finding::Fragment { .. } => format!("two boxes on one {label}"),
            Finding::Merge { .. } => format!("one box of {label} over two objects"),
            Finding::LowConfidence => {
                format!("{label} with a score of only {:.2}", self.detection.score)
            }
        }
    }
}

impl Event {
    /// For people who see the detection's label beside it: "or horse?", "over two objects".
    pub fn remark(&self, labels: &Labels) -> String {
        match &self.finding {
            Finding::AmbiguousClass { rival, .. } => format!("or {}?", labels.name(*rival)),
            Finding::ClassFlicker { before } => format!("a moment ago {}", labels.name(*before)),
            Finding::UnexpectedClass => "not expected here".to_owned(),
            Finding::BoxJitter { shift } => format!("jumped by {:.0} %", 100.0 * shift),
            Finding::Fragment { .. } => "a second box".to_owned(),
            Finding::Merge { .. } => "over two objects".to_owned(),
            Finding::LowConfidence => "a low score".to_owned(),
        }
    }
}

/// What an event would say, before it is known whether there is to be one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CandidateEvent {
    pub finding: Finding,
    pub target: Target,
    pub severity: f32,
}

impl CandidateEvent {
    /// "Why this class rather than `rival`?"
    pub fn of_class(
        detection: &Detection,
        rival: Option<ClassId>,
        finding: Finding,
        severity: f32,
    ) -> Self {
        let contrast = rival.map(|class| Contrast::Class(class.into()));
        Self {
            finding,
            target: Target {
                contrast,
                ..Target::predicted_class(detection)
            },
            severity: severity.clamp(0.0, 1.0),
        }
    }

    /// "Why is the box there?"
    pub fn of_box(
        detection: &Detection,
        output: TargetOutput,
        finding: Finding,
        severity: f32,
    ) -> Self {
        Self {
            finding,
            target: Target {
                default_box: detection.default_box,
                output,
                contrast: None,
            },
            severity: severity.clamp(0.0, 1.0),
        }
    }
}

/// An offset in the direction of a change: up in numbers is right, down, wider, taller.
pub(super) fn offset(offset: Offset, change: f32) -> TargetOutput {
    TargetOutput::Offset(offset, Some(direction(change)))
}

pub(super) fn direction(change: f32) -> Direction {
    if change < 0.0 {
        Direction::Minus
    } else {
        Direction::Plus
    }
}
