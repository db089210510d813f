//! How scores and boxes are made of what a network says, where detectors differ: activation, powers of the factors of a score, what offsets do.

use serde::Deserialize;

use super::{ManifestField, OutputSection, ScoreActivation};
use crate::error::Result;

/// A factor of a score is raised to no more than this, nor to less than one over it.
const LARGEST_POWER: f32 = 10.0;

/// What the offsets of a detector without anchors do to a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OffsetCoding {
    /// The centre moves by t_x cells, and exp(t_w) cells are the width: YOLOX's.
    #[default]
    Exponential,
    /// The centre moves by tanh(t_x) cells, and σ(t_w) of the whole input is the width: FastestDet's.
    Bounded,
}

/// How logits become scores: each class's by the activation, and, where there is objectness σ(o), a score σ(o)^a · class^b.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// How class logits become scores.
    pub activation: ScoreActivation,
    /// a and b, where they are not both 1.
    pub powers: Option<[f32; 2]>,
}

impl From<ScoreActivation> for Scoring {
    fn from(activation: ScoreActivation) -> Self {
        Self {
            activation,
            powers: None,
        }
    }
}

impl OutputSection {
    /// How its logits become scores.
    pub fn scoring(&self) -> Scoring {
        Scoring {
            activation: self.activation,
            powers: self.score_powers,
        }
    }

    /// What is said of scores and offsets that not every detector has.
    pub(super) fn validate_scoring(&self, is_yolo: bool, is_free: bool) -> Result<()> {
        ManifestField::of("output", "coding").ensure(
            self.coding == OffsetCoding::default() || is_free && !self.offsets.is_empty(),
            "only a detector without anchors that has offsets has it, leave the line out",
        )?;
        let Some(powers) = self.score_powers else {
            return Ok(());
        };
        ManifestField::of("output", "score_powers").ensure(
            is_yolo || !self.objectness.is_empty(),
            "only a detector with objectness has them, leave the line out",
        )?;
        for (i, power) in powers.into_iter().enumerate() {
            ManifestField::of("output", format!("score_powers[{i}]")).ensure(
                (1.0 / LARGEST_POWER..=LARGEST_POWER).contains(&power),
                format_args!("expected a number from 0.1 to {LARGEST_POWER}, found {power}"),
            )?;
        }
        Ok(())
    }
}
