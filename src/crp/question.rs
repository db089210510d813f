//! A target made concrete for one picture: names looked up, the contrast spread over classes, relevance put on outputs.
//!
//! Everything specific to SSD ends here: out comes a [`HeadSeed`], a few numbers at one cell of one head tensor.

mod class;
mod place;

use std::fmt;

use super::composite::Composite;
use super::target::{Contrast, Seed, Target, TargetOutput};
use crate::detect::{Forward, Location, Model};
use crate::error::Result;
use crate::error::argument::Context;

/// The relevance that enters at one cell of a head tensor, for one target.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSeed {
    /// The head tensor, `[1, C, rows, cols]`.
    pub tensor: String,
    /// Row and column of the cell.
    pub cell: [usize; 2],
    /// Channels and their relevance; all others are 0.
    pub values: Vec<(usize, f32)>,
    /// Where relevance starts from the outputs themselves ([`Seed::Score`]), what multiple of its output each of the values is; otherwise empty.
    pub multiples: Vec<f32>,
    /// Whether the layer hands on what speaks for its outputs minus what speaks against them, z_ij⁺/Σ_i z_ij⁺ − z_ij⁻/Σ_i z_ij⁻, whatever its rule is ([`Contrast::Clrp2`]).
    pub opposes: bool,
}

/// What is asked of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedTarget {
    /// Where relevance enters.
    pub seed: HeadSeed,
    /// The target with what it left open decided: the class as a number, the direction, the contrast and its class.
    pub decided: Target,
    /// The output in the grammar, with label and direction: `class:sheep`, `offset:w+`. The class's number is there for its label where that is another's too.
    pub target: String,
    /// The contrast in the grammar, with the label: `class:horse` (also for the runner-up), `mean`, `none`.
    pub contrast: String,
    /// Both for people.
    pub wording: Wording,
}

/// A question for people: "sheep rather than horse", "box wider".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// What is explained: "sheep", "box wider".
    pub subject: String,
    /// What it is contrasted with: "horse", "the other classes"; `None` where it stands alone.
    pub rather_than: Option<String>,
    /// Whether a comma parts the two, as behind "box wider".
    pub comma: bool,
}

impl Wording {
    fn plain(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            rather_than: None,
            comma: false,
        }
    }

    fn rather_than(self, rival: impl Into<String>) -> Self {
        let rather_than = Some(rival.into());
        Self {
            rather_than,
            ..self
        }
    }
}

impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.subject)?;
        match &self.rather_than {
            Some(rival) if self.comma => write!(f, ", rather than {rival}"),
            Some(rival) => write!(f, " rather than {rival}"),
            None => Ok(()),
        }
    }
}

impl Target {
    /// Looks up names, box and contrast for one picture.
    ///
    /// # Errors
    /// A default box or class that the model does not have, a contrast that does not go with the output.
    pub fn ask(
        &self,
        model: &Model,
        composite: &Composite,
        forward: &Forward,
    ) -> Result<ResolvedTarget> {
        let location = model.layout.locate(self.default_box).with_context(|| {
            format!(
                "there is no default box {}: the model has {}",
                self.default_box,
                model.layout.len()
            )
        })?;
        let asked = TargetBox {
            model,
            forward,
            seed: composite.seed,
            default_box: self.default_box,
            location,
        };
        match &self.output {
            TargetOutput::Class(class) => {
                let class = model.manifest.class(class)?;
                // Where there is no other class, nothing is subtracted unless that is asked for.
                let is_alone = asked.classes_but(class, true).is_empty();
                let usual = match is_alone {
                    true => &Contrast::None,
                    false => &composite.contrast,
                };
                asked.class(class, self.contrast.as_ref().unwrap_or(usual))
            }
            TargetOutput::Offset(offset, direction) => asked.offset(
                *offset,
                *direction,
                self.contrast.as_ref().unwrap_or(&Contrast::None),
            ),
            TargetOutput::Edge(edge, direction) => asked.edge(
                *edge,
                *direction,
                self.contrast.as_ref().unwrap_or(&Contrast::None),
            ),
            TargetOutput::Objectness => {
                asked.objectness(self.contrast.as_ref().unwrap_or(&Contrast::None))
            }
        }
    }
}

/// The default box that a target is at, with what its outputs are judged by.
struct TargetBox<'a> {
    model: &'a Model,
    forward: &'a Forward,
    seed: Seed,
    default_box: usize,
    location: Location,
}
impl TargetBox<'_> {
    /// Of channels, the relevance and what multiple of the output it is.
    fn head_seed(
        &self,
        tensor: String,
        parts: impl Iterator<Item = (usize, f32, f32)>,
    ) -> HeadSeed {
        let parts: Vec<_> = parts.collect();
        let multiples = parts.iter().map(|&(_, _, multiple)| multiple);
        HeadSeed {
            tensor,
            cell: [self.location.row, self.location.col],
            values: parts.iter().map(|&(c, value, _)| (c, value)).collect(),
            multiples: match self.seed {
                Seed::Score => multiples.collect(),
                Seed::One | Seed::Unit => Vec::new(),
            },
            opposes: false,
        }
    }
    /// The question that `seed` asks: `output` and `contrast` are those of the target, with nothing left open.
    fn resolved(
        &self,
        seed: HeadSeed,
        output: TargetOutput,
        contrast: Contrast,
        wording: Wording,
    ) -> ResolvedTarget {
        let labels = &self.model.manifest.labels;
        ResolvedTarget {
            seed,
            target: output.labelled(labels),
            contrast: contrast.labelled(labels),
            decided: Target {
                default_box: self.default_box,
                output,
                contrast: Some(contrast),
            },
            wording,
        }
    }
}
