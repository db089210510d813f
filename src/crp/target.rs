//! What is to be explained: a class or an offset of one default box, against what, and the relevance that its head's outputs start with.
//!
//! Everything specific to SSD ends here: out comes a [`HeadSeed`], a few numbers at one cell of one head tensor.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::composite::Composite;
use crate::ssd::manifest::Offset;
use crate::ssd::{Detection, Forward, Model};

/// An output of a default box, as a user names it: `class:NAME`, or `offset:cx+`, the direction being optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetOutput {
    /// A class by label or number.
    Class(String),
    /// An offset, in a direction or in the one that the network predicted.
    Offset(Offset, Option<Direction>),
}

/// The direction of an offset: + is right, down, wider, taller; − is left, up, narrower, shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// +
    Plus,
    /// −
    Minus,
}

impl Direction {
    fn sign(self) -> f32 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }

    fn of(offset: f32) -> Self {
        if offset < 0.0 {
            Self::Minus
        } else {
            Self::Plus
        }
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
    /// The best other class at the box, the background aside.
    RunnerUp,
    /// A class by label or number.
    Class(String),
}

/// How much relevance an output starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// Its own value: the class logit or the offset.
    Score,
    /// 1, whatever the sign of the class logit; for an offset the sign of its value.
    One,
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
            output: TargetOutput::Class(detection.class.to_string()),
            contrast: None,
        }
    }
}

/// The relevance that enters at one cell of a head tensor, for one target.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSeed {
    /// The head tensor, `[1, C, rows, cols]`.
    pub tensor: String,
    /// Row and column of the cell.
    pub cell: [usize; 2],
    /// Channels and their relevance; all others are 0.
    pub values: Vec<(usize, f32)>,
}

/// A target made concrete for a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Where relevance enters.
    pub seed: HeadSeed,
    /// The output in the grammar, with label and direction: `class:sheep`, `offset:w+`.
    pub target: String,
    /// The contrast in the grammar, with the label: `class:horse` (also for the runner-up), `mean`, `none`.
    pub contrast: String,
    /// Both in words: "sheep rather than horse", "box wider".
    pub words: String,
}

impl Target {
    /// Looks up names, box and contrast for one picture.
    ///
    /// # Errors
    /// A default box or class that the model does not have, a contrast that does not go with the output.
    pub fn ask(&self, model: &Model, composite: &Composite, forward: &Forward) -> Result<Question> {
        let location = model.layout.locate(self.default_box).with_context(|| {
            format!(
                "there is no default box {}: the model has {}",
                self.default_box,
                model.layout.len()
            )
        })?;
        let head = &model.heads[location.head];
        let cell = [location.row, location.col];
        match &self.output {
            TargetOutput::Class(name) => {
                let contrast = self.contrast.as_ref().unwrap_or(&composite.contrast);
                let class = model.manifest.class_named(name)?;
                let chosen = ClassQuestion {
                    model,
                    forward,
                    default_box: self.default_box,
                    class,
                };
                let (weights, contrast, words) = chosen.weights(contrast)?;
                let logits = forward.logits.row(self.default_box);
                let first = location.shape * model.manifest.labels.len();
                let values = weights
                    .into_iter()
                    .map(|(k, weight)| match composite.seed {
                        Seed::Score => (first + k, weight * logits[k]),
                        Seed::One => (first + k, weight),
                    })
                    .collect();
                Ok(Question {
                    seed: HeadSeed {
                        tensor: head.class_tensor.clone(),
                        cell,
                        values,
                    },
                    target: format!("class:{}", model.manifest.label(class)),
                    contrast,
                    words,
                })
            }
            TargetOutput::Offset(offset, direction) => {
                let contrast = self.contrast.as_ref().unwrap_or(&Contrast::None);
                let value = forward.offsets[[self.default_box, *offset as usize]];
                let direction = direction.unwrap_or(Direction::of(value));
                let shapes = model.layout.heads[location.head].shapes;
                let weights: Vec<(usize, f32)> = match contrast {
                    Contrast::None => vec![(location.shape, 1.0)],
                    Contrast::Mean => {
                        ensure!(
                            shapes > 1,
                            "the cell of default box {} has no other box to contrast with",
                            self.default_box
                        );
                        let others = -1.0 / (shapes - 1) as f32;
                        (0..shapes)
                            .map(|a| (a, if a == location.shape { 1.0 } else { others }))
                            .collect()
                    }
                    other => bail!(
                        "the contrast '{other}' goes with a class; an offset takes 'none' or 'mean'"
                    ),
                };
                let column = model.manifest.output.column(*offset);
                let values = weights
                    .into_iter()
                    .map(|(shape, weight)| {
                        let default_box = self.default_box - location.shape + shape;
                        let value = forward.offsets[[default_box, *offset as usize]];
                        let value = match composite.seed {
                            Seed::Score => value,
                            Seed::One => Direction::of(value).sign(),
                        };
                        (shape * 4 + column, weight * direction.sign() * value)
                    })
                    .collect();
                Ok(Question {
                    seed: HeadSeed {
                        tensor: head.offset_tensor.clone(),
                        cell,
                        values,
                    },
                    target: TargetOutput::Offset(*offset, Some(direction)).to_string(),
                    contrast: contrast.to_string(),
                    words: match contrast {
                        Contrast::Mean => format!(
                            "box {}, rather than the cell's other boxes",
                            towards(*offset, direction)
                        ),
                        _ => format!("box {}", towards(*offset, direction)),
                    },
                })
            }
        }
    }
}

/// a_k of R = Σ_k a_k·R^(k), the contrast with its label, and both in words.
type Contrasted = (Vec<(usize, f32)>, String, String);

struct ClassQuestion<'a> {
    model: &'a Model,
    forward: &'a Forward,
    default_box: usize,
    class: usize,
}

impl ClassQuestion<'_> {
    fn weights(&self, contrast: &Contrast) -> Result<Contrasted> {
        let manifest = &self.model.manifest;
        let label = manifest.label(self.class);
        let against = |other: usize| -> Result<_> {
            ensure!(
                other != self.class,
                "the class '{label}' cannot be contrasted with itself"
            );
            let name = manifest.label(other);
            Ok((
                vec![(self.class, 1.0), (other, -1.0)],
                format!("class:{name}"),
                format!("{label} rather than {name}"),
            ))
        };
        match contrast {
            Contrast::None => Ok((
                vec![(self.class, 1.0)],
                "none".to_owned(),
                label.to_string(),
            )),
            Contrast::Mean => {
                let others: Vec<usize> = (0..manifest.labels.len())
                    .filter(|&k| k != self.class && manifest.trained(k))
                    .collect();
                ensure!(
                    !others.is_empty(),
                    "the model has no other class than '{label}' to contrast with"
                );
                let share = -1.0 / others.len() as f32;
                let weights = std::iter::once((self.class, 1.0))
                    .chain(others.into_iter().map(|k| (k, share)));
                Ok((
                    weights.collect(),
                    "mean".to_owned(),
                    format!("{label} rather than the other classes"),
                ))
            }
            Contrast::RunnerUp => {
                let logits = self.forward.logits.row(self.default_box);
                let best = (0..manifest.labels.len())
                    .filter(|&k| {
                        k != self.class && k != manifest.output.background && manifest.trained(k)
                    })
                    .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                    .with_context(|| {
                        format!("the model has no other class than '{label}' to contrast with")
                    })?;
                against(best)
            }
            Contrast::Class(name) => against(manifest.class_named(name)?),
        }
    }
}

fn towards(offset: Offset, direction: Direction) -> &'static str {
    match (offset, direction) {
        (Offset::Cx, Direction::Plus) => "further right",
        (Offset::Cx, Direction::Minus) => "further left",
        (Offset::Cy, Direction::Plus) => "further down",
        (Offset::Cy, Direction::Minus) => "further up",
        (Offset::W, Direction::Plus) => "wider",
        (Offset::W, Direction::Minus) => "narrower",
        (Offset::H, Direction::Plus) => "taller",
        (Offset::H, Direction::Minus) => "shorter",
    }
}

impl fmt::Display for TargetOutput {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Class(name) => write!(f, "class:{name}"),
            Self::Offset(offset, None) => write!(f, "offset:{offset}"),
            Self::Offset(offset, Some(Direction::Plus)) => write!(f, "offset:{offset}+"),
            Self::Offset(offset, Some(Direction::Minus)) => write!(f, "offset:{offset}-"),
        }
    }
}

impl FromStr for TargetOutput {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        const EXPECTED: &str =
            "class:NAME, or offset:cx, cy, w or h with + or - behind it if the direction matters";
        match text.split_once(':') {
            Some(("class", name)) if !name.is_empty() => Ok(Self::Class(name.to_owned())),
            Some(("offset", rest)) => {
                let (name, direction) = if let Some(name) = rest.strip_suffix('+') {
                    (name, Some(Direction::Plus))
                } else if let Some(name) = rest.strip_suffix(['-', '−']) {
                    (name, Some(Direction::Minus))
                } else {
                    (rest, None)
                };
                let offset = Offset::ALL
                    .into_iter()
                    .find(|offset| offset.to_string() == name)
                    .with_context(|| {
                        format!("there is no offset '{name}': cx, cy, w and h exist")
                    })?;
                Ok(Self::Offset(offset, direction))
            }
            _ => bail!("'{text}' is not a target: {EXPECTED}"),
        }
    }
}

impl fmt::Display for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Mean => f.write_str("mean"),
            Self::RunnerUp => f.write_str("runner-up"),
            Self::Class(name) => write!(f, "class:{name}"),
        }
    }
}

impl FromStr for Contrast {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.split_once(':')) {
            ("none", _) => Ok(Self::None),
            ("mean", _) => Ok(Self::Mean),
            ("runner-up", _) => Ok(Self::RunnerUp),
            (_, Some(("class", name))) if !name.is_empty() => Ok(Self::Class(name.to_owned())),
            _ => bail!("'{text}' is not a contrast: mean, none, runner-up or class:NAME"),
        }
    }
}
