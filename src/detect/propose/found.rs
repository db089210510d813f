//! What was found of a network that nothing is said of.

use super::found_yolo::FoundYolo;
use super::text::GUESS;
use crate::detect::layout::HeadLayout;

/// What was found of a network's outputs.
pub(super) struct Found {
    pub class_count: usize,
    /// How scores are made, and whether the graph says so.
    pub activation: (&'static str, bool),
    pub outputs: FoundOutputs,
}

/// The tensors of each kind of network, and the grids of a detector.
pub(super) enum FoundOutputs {
    /// Names of the outputs, or of those of each head.
    Ssd {
        classes: Vec<String>,
        offsets: Vec<String>,
        layout: HeadLayout,
    },
    Classifier {
        classes: String,
    },
    AnchorFree(AnchorFree),
    Joined(JoinedHeads),
    Yolo(FoundYolo),
}

/// What the convolutions of a detector without anchors say of boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundBoxes {
    /// Distances, each of so many bins where it is the mean of a distribution.
    Distances { bins: Option<usize> },
    /// Centre and size, YOLOX's.
    Offsets,
    /// The same, FastestDet's.
    Bounded,
}

/// Convolutions that are left out, and what they say.
#[derive(Debug)]
pub(super) struct Besides {
    pub what: &'static str,
    pub tensors: Vec<String>,
}

/// Its outputs.
pub(super) struct AnchorFree {
    pub classes: Vec<String>,
    pub boxes: Vec<String>,
    pub objectness: Vec<String>,
    pub of_boxes: FoundBoxes,
    /// Whether the graph decodes boxes, and so says what they are.
    pub is_decoded: bool,
    /// How many of the best scores the graph picks itself, where it does; it needs no suppression then.
    pub picks: Option<usize>,
    /// What heads say besides, and is left out.
    pub besides: Option<Besides>,
    /// Whether it makes scores as the root of a product.
    pub is_root: bool,
    /// Rows and columns of each head.
    pub grids: Vec<[usize; 2]>,
}

/// A detector without anchors whose heads are one convolution each.
pub(super) struct JoinedHeads {
    /// The last convolutions, the finest grid first.
    pub heads: Vec<String>,
    /// Rows and columns of each.
    pub grids: Vec<[usize; 2]>,
    /// Whether the classes come before the distances.
    pub classes_first: bool,
    /// Of each distance.
    pub bins: usize,
    /// Whether the graph makes distributions of the bins, and so says that they are some.
    pub is_decoded: bool,
    /// Whether all that the heads say ends as one tensor, which is NanoDet-Plus's way.
    pub is_one_output: bool,
}

impl AnchorFree {
    /// How pictures are brought to the input's size, as the families do it: between bars, which YOLOX has at the end, or warped.
    pub(super) fn resize(&self) -> &'static str {
        match self.of_boxes {
            FoundBoxes::Distances { .. } => "{ letterbox = \"centre\" }",
            FoundBoxes::Offsets => "{ letterbox = \"top-left\", rounding = \"down\" }",
            FoundBoxes::Bounded => "\"bilinear\"",
        }
    }

    /// What pictures are divided by, as the families have it: YOLOX takes 0..255.
    pub(super) fn std(&self) -> f32 {
        match self.of_boxes {
            FoundBoxes::Offsets => 1.0,
            FoundBoxes::Distances { .. } | FoundBoxes::Bounded => 255.0,
        }
    }

    /// The order of the channels, likewise.
    pub(super) fn colour(&self) -> &'static str {
        match self.of_boxes {
            FoundBoxes::Offsets | FoundBoxes::Bounded => "bgr",
            FoundBoxes::Distances { .. } => "rgb",
        }
    }

    /// How often objectness and class count in a score, where it is not once, and who says so.
    pub(super) fn score_powers(&self) -> Option<([f32; 2], &'static str)> {
        match self.of_boxes {
            FoundBoxes::Bounded => Some(([0.6, 0.4], GUESS)),
            _ if self.is_root && !self.objectness.is_empty() => {
                Some(([0.5, 0.5], "# found in the graph"))
            }
            _ => None,
        }
    }
}

/// Strides of heads with these grids where they do not divide the picture, `size` being its height and width: powers of two.
pub(super) fn steps(grids: &[[usize; 2]], size: [usize; 2]) -> Option<Vec<f32>> {
    let divides = |grid: &[usize; 2]| (0..2).all(|axis| size[axis].is_multiple_of(grid[axis]));
    if grids.iter().all(divides) {
        return None;
    }
    let fits =
        |grid: &[usize; 2], step: usize| (0..2).all(|axis| size[axis].div_ceil(step) == grid[axis]);
    let step = |grid: &[usize; 2]| {
        let step = (0..12)
            .map(|level| 1 << level)
            .find(|&step| fits(grid, step))?;
        u16::try_from(step).ok().map(f32::from)
    };
    grids.iter().map(step).collect()
}
