//! What is to be explained, as a user says it: a class, an offset or an edge of one default box, and against what.

use std::fmt;
use std::str::FromStr;

use crate::detect::Labels;
use crate::detect::manifest::Offset;
use crate::detect::{Absence, ClassRef, Detection, MissCause, NearMiss};
use crate::error::argument::{Context, bail};
use crate::error::{Error, Result};

/// An output of a default box, as a user names it: `class:NAME` or `class:#12`, `offset:cx+`, `edge:left+` or `objectness`, directions being optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetOutput {
    /// A class.
    Class(ClassRef),
    /// An offset, in a direction or in the one that the network predicted.
    Offset(Offset, Option<Direction>),
    /// An edge of the predicted box, in a direction or in the one from the default box's edge to it.
    Edge(Edge, Option<Direction>),
    /// Whether there is an object at all, where the network says it apart from the classes.
    Objectness,
}

/// A side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// x_min
    Left,
    /// x_max
    Right,
    /// y_min
    Top,
    /// y_max
    Bottom,
}

impl Edge {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Top, Self::Bottom];
}

/// The direction of an offset or edge: + is right, down, wider, taller; − is left, up, narrower, shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// +
    Plus,
    /// −
    Minus,
}

impl Direction {
    pub(super) fn sign(self) -> f32 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }

    pub(super) fn of(shift: f32) -> Self {
        if shift < 0.0 { Self::Minus } else { Self::Plus }
    }

    /// What becomes of a box of which an offset moves this way: "further right", "wider".
    pub fn of_offset(self, offset: Offset) -> &'static str {
        match (offset, self) {
            (Offset::Cx, Self::Plus) => "further right",
            (Offset::Cx, Self::Minus) => "further left",
            (Offset::Cy, Self::Plus) => "further down",
            (Offset::Cy, Self::Minus) => "further up",
            (Offset::W, Self::Plus) => "wider",
            (Offset::W, Self::Minus) => "narrower",
            (Offset::H, Self::Plus) => "taller",
            (Offset::H, Self::Minus) => "shorter",
        }
    }

    /// Where an edge goes that moves this way: "further right".
    pub fn of_edge(self, edge: Edge) -> &'static str {
        self.of_offset(match edge {
            Edge::Left | Edge::Right => Offset::Cx,
            Edge::Top | Edge::Bottom => Offset::Cy,
        })
    }
}

/// What a target is contrasted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// Nothing.
    None,
    /// The mean of all other classes, background included, ids that were never trained left out; for an offset the mean of the same offset of
    /// the cell's other default boxes.
    Mean,
    /// The mean of the other classes, the background left out, each weighted with its probability at the box.
    Softmax,
    /// The best other class at the box, the background aside.
    RunnerUp,
    /// CLRP1 of Gu, Yang and Tresp (*Understanding Individual Decisions of CNNs via Contrastive Backpropagation*, ACCV 2018): what the class starts with, spread evenly over all other classes.
    Clrp1,
    /// CLRP2 of the same: the class itself with the weights of its layer turned round.
    Clrp2,
    /// SGLRP of Iwana, Kuroki and Uchida (*Explaining Convolutional Neural Networks using Softmax Gradient Layer-wise Relevance Propagation*, ICCV workshops 2019): each class starts with the
    /// gradient of the class's softmax by its logit.
    Sglrp,
    /// A class.
    Class(ClassRef),
}

/// How much relevance an output starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// Its own value: the class logit or the offset.
    Score,
    /// 1, whatever the sign of the class logit; for an offset the sign of its value.
    One,
    /// What makes Σ_i |R_i| = 1 behind its own linear layer, where each input gets x_i·w_ik / Σ_i |x_i·w_ik|, whatever that layer's rule is.
    Unit,
}

/// A question to the explainer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the default box.
    pub default_box: usize,
    /// The output to explain.
    pub output: TargetOutput,
    /// What it is contrasted with; `None` takes the composite's for a class and nothing for an offset.
    pub contrast: Option<Contrast>,
}

impl Target {
    /// "Why this class?" of a detection.
    pub fn predicted_class(detection: &Detection) -> Self {
        Self {
            default_box: detection.default_box,
            output: TargetOutput::Class(detection.class.into()),
            contrast: None,
        }
    }

    /// What is asked of a missing object: why it was found after all, or [`Target::near_miss`].
    pub fn absence(absence: &Absence) -> Self {
        match absence {
            Absence::Found(found) => Self::predicted_class(found),
            Absence::Missed(miss) => Self::near_miss(miss),
        }
    }

    /// "What speaks for the class that is missing, and what against?" of the default box that came nearest to finding it: rather than what won there, and where the network says that there is no
    /// object at all, whether there is one.
    pub fn near_miss(miss: &NearMiss) -> Self {
        let class = Self::predicted_class(&miss.detection);
        match miss.cause {
            MissCause::OtherClass { class: winner, .. }
            | MissCause::Background { class: winner, .. } => Self {
                contrast: Some(Contrast::Class(winner.into())),
                ..class
            },
            MissCause::NoObject { .. } => Self {
                output: TargetOutput::Objectness,
                ..class
            },
            MissCause::Threshold { .. }
            | MissCause::Suppressed { .. }
            | MissCause::TooMany { .. }
            | MissCause::Beside => class,
        }
    }
}

impl Contrast {
    /// Those that are written as one word.
    pub const WORDS: [Self; 7] = [
        Self::Mean,
        Self::Softmax,
        Self::RunnerUp,
        Self::None,
        Self::Clrp1,
        Self::Clrp2,
        Self::Sglrp,
    ];

    /// All of them as they are written, of a class with NAME.
    pub fn forms() -> Vec<String> {
        let words = Self::WORDS.into_iter().map(|word| word.to_string());
        words.chain(["class:NAME".to_owned()]).collect()
    }
}

impl TargetOutput {
    /// All of them as they are written, of a class with NAME, offsets and edges without a direction.
    pub fn forms() -> Vec<String> {
        let offsets = Offset::ALL.map(|offset| Self::Offset(offset, None));
        let edges = Edge::ALL.map(|edge| Self::Edge(edge, None));
        let others = offsets.into_iter().chain(edges).chain([Self::Objectness]);
        let class = "class:NAME".to_owned();
        [class]
            .into_iter()
            .chain(others.map(|other| other.to_string()))
            .collect()
    }

    /// The class, where it is one.
    pub fn class(&self) -> Option<&ClassRef> {
        match self {
            Self::Class(class) => Some(class),
            Self::Offset(..) | Self::Edge(..) | Self::Objectness => None,
        }
    }

    /// In the grammar, with the class's label, or its number where the label is another class's too.
    pub fn labelled(&self, labels: &Labels) -> String {
        match self {
            Self::Class(ClassRef::Id(class)) => format!("class:{}", labels.text(*class)),
            other => other.to_string(),
        }
    }

    /// In the grammar, for whoever reads it with the same labels.
    pub fn text(&self, labels: &Labels) -> String {
        match self {
            Self::Class(ClassRef::Id(class)) => format!("class:{}", labels.number(*class)),
            other => other.to_string(),
        }
    }
}

impl Contrast {
    /// In the grammar, with the class's label, or its number where the label is another class's too.
    pub fn labelled(&self, labels: &Labels) -> String {
        match self {
            Self::Class(ClassRef::Id(class)) => format!("class:{}", labels.text(*class)),
            other => other.to_string(),
        }
    }

    /// In the grammar, for whoever reads it with the same labels.
    pub fn text(&self, labels: &Labels) -> String {
        match self {
            Self::Class(ClassRef::Id(class)) => format!("class:{}", labels.number(*class)),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for TargetOutput {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Class(name) => write!(f, "class:{name}"),
            Self::Offset(offset, direction) => write!(f, "offset:{offset}{}", suffix(*direction)),
            Self::Edge(edge, direction) => write!(f, "edge:{edge}{}", suffix(*direction)),
            Self::Objectness => f.write_str("objectness"),
        }
    }
}

fn suffix(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::Plus) => "+",
        Some(Direction::Minus) => "-",
        None => "",
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Top => "top",
            Self::Bottom => "bottom",
        })
    }
}

impl FromStr for TargetOutput {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("class", name)) if !name.is_empty() => {
                Ok(Self::Class(ClassRef::Name(name.to_owned())))
            }
            Some(("offset", rest)) => {
                let (name, direction) = split_direction(rest);
                // YOLO calls them tx, ty, tw and th.
                let plain = match name {
                    "tx" => "cx",
                    "ty" => "cy",
                    "tw" => "w",
                    "th" => "h",
                    other => other,
                };
                let offset = Offset::ALL
                    .into_iter()
                    .find(|offset| offset.to_string() == plain)
                    .with_context(|| {
                        format!("there is no offset '{name}': cx, cy, w and h exist")
                    })?;
                Ok(Self::Offset(offset, direction))
            }
            Some(("edge", rest)) => {
                let (name, direction) = split_direction(rest);
                let edge = Edge::ALL
                    .into_iter()
                    .find(|edge| edge.to_string() == name)
                    .with_context(|| {
                        format!("there is no edge '{name}': left, right, top and bottom exist")
                    })?;
                Ok(Self::Edge(edge, direction))
            }
            None if text == "objectness" => Ok(Self::Objectness),
            _ => bail!(
                "'{text}' is not a target: class:NAME, offset:cx, cy, w or h, edge:left, right, top or bottom, \
                 or objectness if the model has it; an offset or edge may end in + or - for a direction"
            ),
        }
    }
}

fn split_direction(text: &str) -> (&str, Option<Direction>) {
    if let Some(name) = text.strip_suffix('+') {
        (name, Some(Direction::Plus))
    } else if let Some(name) = text.strip_suffix(['-', '−']) {
        (name, Some(Direction::Minus))
    } else {
        (text, None)
    }
}

impl fmt::Display for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Mean => f.write_str("mean"),
            Self::Softmax => f.write_str("softmax"),
            Self::RunnerUp => f.write_str("runner-up"),
            Self::Clrp1 => f.write_str("clrp1"),
            Self::Clrp2 => f.write_str("clrp2"),
            Self::Sglrp => f.write_str("sglrp"),
            Self::Class(name) => write!(f, "class:{name}"),
        }
    }
}

impl FromStr for Contrast {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = Self::WORDS.into_iter();
        if let Some(word) = words.find(|word| word.to_string() == text) {
            return Ok(word);
        }
        match text.split_once(':') {
            Some(("class", name)) if !name.is_empty() => {
                Ok(Self::Class(ClassRef::Name(name.to_owned())))
            }
            _ => bail!(
                "'{text}' is not a contrast: mean, softmax, runner-up, class:NAME or none; for comparison clrp1, clrp2, sglrp"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_back_what_they_print() {
        for text in [
            "class:traffic light",
            "class:17",
            "class:#17",
            "offset:cx",
            "offset:w+",
            "offset:h-",
            "edge:left+",
            "edge:bottom",
            "objectness",
        ] {
            assert_eq!(text.parse::<TargetOutput>().unwrap().to_string(), text);
        }
        assert_eq!(
            "offset:cy−".parse::<TargetOutput>().unwrap().to_string(),
            "offset:cy-"
        );
        for (yolo, name) in [("tx+", "cx+"), ("ty", "cy"), ("tw-", "w-"), ("th", "h")] {
            let target: TargetOutput = format!("offset:{yolo}").parse().unwrap();
            assert_eq!(target.to_string(), format!("offset:{name}"));
        }
        for text in [
            "none",
            "mean",
            "softmax",
            "runner-up",
            "clrp1",
            "clrp2",
            "sglrp",
            "class:horse",
        ] {
            assert_eq!(text.parse::<Contrast>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_written_of_a_class_asks_for_it_again() {
        let labels: Labels = ["1", "0", "#1", "a, b: c", "class:2", "X", "x", ""]
            .into_iter()
            .collect();
        for class in labels.classes() {
            let [output, contrast] = [
                TargetOutput::Class(class.into()).text(&labels),
                Contrast::Class(class.into()).text(&labels),
            ];
            let TargetOutput::Class(ClassRef::Name(asked)) = output.parse().unwrap() else {
                panic!("{output}")
            };
            let Contrast::Class(ClassRef::Name(rival)) = contrast.parse().unwrap() else {
                panic!("{contrast}")
            };
            assert_eq!(labels.find(&asked).unwrap(), class, "{output}");
            assert_eq!(labels.find(&rival).unwrap(), class, "{contrast}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("sheep", "not a target"),
            ("class:", "not a target"),
            ("offset:x+", "no offset 'x'"),
            ("offset:tcx", "no offset 'tcx'"),
            ("edge:middle", "no edge 'middle'"),
        ] {
            let error = text.parse::<TargetOutput>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!("class:".parse::<Contrast>().is_err());
        assert!(
            "average"
                .parse::<Contrast>()
                .unwrap_err()
                .to_string()
                .contains("not a contrast")
        );
    }
}
