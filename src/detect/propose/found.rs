//! What was found of a network that nothing is said of.

use super::found_yolo::FoundYolo;
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
    Yolo(FoundYolo),
}

/// What the convolutions of a detector without anchors say of boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundBoxes {
    /// Distances, each of so many bins where it is the mean of a distribution.
    Distances { bins: Option<usize> },
    /// Centre and size, YOLOX's.
    Offsets,
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
    /// Rows and columns of each head.
    pub grids: Vec<[usize; 2]>,
}

impl AnchorFree {
    /// How pictures are brought to the input's size, as the families do it: between bars, which YOLOX has at the end.
    pub(super) fn resize(&self) -> &'static str {
        match self.of_boxes {
            FoundBoxes::Distances { .. } => "{ letterbox = \"centre\" }",
            FoundBoxes::Offsets => "{ letterbox = \"top-left\", rounding = \"down\" }",
        }
    }

    /// What pictures are divided by, as the families have it: YOLOX takes 0..255.
    pub(super) fn std(&self) -> f32 {
        match self.of_boxes {
            FoundBoxes::Offsets => 1.0,
            FoundBoxes::Distances { .. } => 255.0,
        }
    }

    /// The order of the channels, likewise.
    pub(super) fn colour(&self) -> &'static str {
        match self.of_boxes {
            FoundBoxes::Offsets => "bgr",
            FoundBoxes::Distances { .. } => "rgb",
        }
    }

    /// Strides of the heads where the grids do not divide the picture, `size` being its height and width: powers of two.
    pub(super) fn steps(&self, size: [usize; 2]) -> Option<Vec<f32>> {
        let divides = |grid: &[usize; 2]| (0..2).all(|axis| size[axis].is_multiple_of(grid[axis]));
        if self.grids.iter().all(divides) {
            return None;
        }
        let fits = |grid: &[usize; 2], step: usize| {
            (0..2).all(|axis| size[axis].div_ceil(step) == grid[axis])
        };
        let step = |grid: &[usize; 2]| {
            let step = (0..12)
                .map(|level| 1 << level)
                .find(|&step| fits(grid, step))?;
            u16::try_from(step).ok().map(f32::from)
        };
        self.grids.iter().map(step).collect()
    }
}
