//! The manifest's `[default_boxes]`: which generator makes them, and its parameters.
//!
//! [`crate::detect::default_boxes`] makes boxes of them.

use serde::Deserialize;

use super::{DetectorKind, ManifestField, read};
use crate::error::Result;

/// Cells of this level are as far apart as half of the largest input is wide.
const MAX_LEVEL: usize = 12;
const MAX_SCALES_PER_OCTAVE: usize = 16;

/// Where the default boxes come from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(tag = "generator", rename_all = "lowercase")]
pub enum DefaultBoxes {
    /// One box, the whole picture: a classifier's.
    #[default]
    #[serde(skip_deserializing)]
    Whole,
    /// The TensorFlow Object Detection API's anchors.
    TensorFlow(TensorFlowBoxes),
    /// Those of Caffe's PriorBox layer, as the SSD paper has them; also pytorch-ssd's, torchvision's and SSD-Tensorflow's.
    #[serde(rename = "prior-box")]
    PriorBox(PriorBoxes),
    /// The anchors of feature pyramids in the TensorFlow Object Detection API, RetinaNet's.
    #[serde(rename = "multiscale-anchors")]
    MultiscaleAnchors(MultiscaleAnchorBoxes),
    /// Boxes of given sizes in the middle of each cell, as YOLO has them.
    Anchors(AnchorBoxes),
    /// The cells themselves, of detectors without anchors.
    Cells(CellBoxes),
}

/// Cells as boxes: one a cell, a stride wide and high.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellBoxes {
    /// Where in the cell the box is centred, in strides: 0.5 is its middle, 0 its upper left corner.
    #[serde(default = "half")]
    pub offset: f32,
    /// Distance of cells in pixels of the input, one a head; the input's size over the number of cells where it is left out.
    pub steps: Option<Vec<f32>>,
}

/// A YOLO's anchors (dimension priors).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorBoxes {
    /// For each head, in the order of the network's channels, width and height of its boxes in pixels of the network's input.
    pub sizes: Vec<Vec<[f32; 2]>>,
}

/// Parameters of Caffe's PriorBox layer, one entry a head. A cell has, in this order, a square of the smaller size, a square of √(smaller · larger) and for each aspect
/// ratio r a box of the smaller size with r and one with 1/r.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorBoxes {
    /// Smaller and larger size in pixels of the network's input; a list of one leaves the second square out.
    pub sizes: Vec<Vec<f32>>,
    /// Width over height; the reciprocal of each goes without saying.
    pub aspect_ratios: Vec<Vec<f32>>,
    /// Distance of cells in pixels of the input; the input's size over the number of cells where it is left out.
    pub steps: Option<Vec<f32>>,
    /// Centre of the first cell's boxes in steps.
    #[serde(default = "half")]
    pub offset: f32,
    /// Whether widths, heights and centres are at most the picture's.
    #[serde(default)]
    pub clip: bool,
}

fn half() -> f32 {
    0.5
}

/// Parameters of the TensorFlow Object Detection API's `ssd_anchor_generator`, by its names and with its defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorFlowBoxes {
    /// Scale of the finest head, relative to the shorter side of the input.
    #[serde(default = "tensorflow_min_scale")]
    pub min_scale: f32,
    /// Scale of the coarsest head.
    #[serde(default = "tensorflow_max_scale")]
    pub max_scale: f32,
    /// Width over height of the shapes at each cell, in the order of the network's channels.
    pub aspect_ratios: Vec<f32>,
    /// Aspect ratio of one more box, between this head's scale and the next; 0 leaves it out.
    #[serde(default = "square")]
    pub interpolated_scale_aspect_ratio: f32,
    /// Whether the finest head has three fixed shapes only.
    #[serde(default = "yes")]
    pub reduce_boxes_in_lowest_layer: bool,
}

fn tensorflow_min_scale() -> f32 {
    0.2
}

fn tensorflow_max_scale() -> f32 {
    0.95
}

fn square() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

/// Parameters of the TensorFlow Object Detection API's `multiscale_anchor_generator`, by its names and with its defaults; its
/// `max_level` is the last head's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiscaleAnchorBoxes {
    /// Level of the finest head; the cells of level l are 2^l pixels of the input apart, and each head is one level higher.
    #[serde(default = "finest_level", deserialize_with = "read::count")]
    pub min_level: usize,
    /// Side of the smallest square in cells.
    #[serde(default = "four_cells")]
    pub anchor_scale: f32,
    /// Width over height of the shapes at each cell, in the order of the network's channels.
    pub aspect_ratios: Vec<f32>,
    /// Sizes of each shape, evenly spaced (as logarithms) from one level's to the next one's.
    #[serde(default = "two_scales", deserialize_with = "read::count")]
    pub scales_per_octave: usize,
}

fn finest_level() -> usize {
    3
}

fn four_cells() -> f32 {
    4.0
}

fn two_scales() -> usize {
    2
}

impl DefaultBoxes {
    /// Checks what the types alone do not ensure.
    pub(super) fn validate(&self, kind: DetectorKind) -> Result<()> {
        match self {
            Self::Whole if kind == DetectorKind::Classifier => Ok(()),
            _ if kind == DetectorKind::Classifier => {
                Err(field("").wrong("a classifier has none, leave the table out"))
            }
            Self::Cells(boxes) if kind == DetectorKind::AnchorFree => boxes.validate(),
            _ if kind == DetectorKind::AnchorFree => {
                Err(field("generator").wrong("expected \"cells\" for a detector without anchors"))
            }
            Self::Cells(_) => Err(field("generator").wrong(
                "\"cells\" is for a detector without anchors, kind = \"anchor-free\"",
            )),
            Self::Anchors(boxes) => boxes.validate(),
            _ if kind == DetectorKind::Yolo => {
                Err(field("generator").wrong("expected \"anchors\" for a YOLO"))
            }
            Self::Whole => Err(field("generator").wrong(
                "expected \"tensorflow\", \"prior-box\", \"multiscale-anchors\" or \"anchors\" for a detector"
            )),
            Self::TensorFlow(boxes) => boxes.validate(),
            Self::PriorBox(boxes) => boxes.validate(),
            Self::MultiscaleAnchors(boxes) => boxes.validate(),
        }
    }
}

impl TensorFlowBoxes {
    fn validate(&self) -> Result<()> {
        positive("min_scale", self.min_scale)?;
        positive("max_scale", self.max_scale)?;
        field("max_scale").ensure(
            self.max_scale >= self.min_scale,
            format_args!(
                "expected at least min_scale ({}), found {}",
                self.min_scale, self.max_scale
            ),
        )?;
        all_positive("aspect_ratios", &self.aspect_ratios)?;
        let interpolated = self.interpolated_scale_aspect_ratio;
        field("interpolated_scale_aspect_ratio").ensure(
            interpolated.is_finite() && interpolated >= 0.0,
            format_args!("expected a positive number, or 0 for no such box, found {interpolated}"),
        )?;
        Ok(())
    }
}

impl PriorBoxes {
    fn validate(&self) -> Result<()> {
        let heads = self.sizes.len();
        field("sizes").ensure(heads > 0, "expected one pair a head, found none")?;
        let steps = self.steps.as_ref().map_or(heads, Vec::len);
        for (key, count) in [
            ("aspect_ratios", self.aspect_ratios.len()),
            ("steps", steps),
        ] {
            field(key).ensure(
                count == heads,
                format_args!("expected one entry a head, as sizes has ({heads}), found {count}"),
            )?;
        }
        for (head, sizes) in self.sizes.iter().enumerate() {
            field(&format!("sizes[{head}]")).ensure(
                (1..=2).contains(&sizes.len()),
                format_args!("expected one size or two, found {}", sizes.len()),
            )?;
            for &size in sizes {
                positive(&format!("sizes[{head}]"), size)?;
            }
        }
        for (head, ratios) in self.aspect_ratios.iter().enumerate() {
            for &ratio in ratios {
                positive(&format!("aspect_ratios[{head}]"), ratio)?;
            }
        }
        for (head, &step) in self.steps.iter().flatten().enumerate() {
            positive(&format!("steps[{head}]"), step)?;
        }
        offset(self.offset)
    }
}

impl AnchorBoxes {
    fn validate(&self) -> Result<()> {
        field("sizes").ensure(
            !self.sizes.is_empty(),
            "expected a list of [width, height] a head, found none",
        )?;
        for (head, sizes) in self.sizes.iter().enumerate() {
            for &size in sizes.iter().flatten() {
                positive(&format!("sizes[{head}]"), size)?;
            }
        }
        Ok(())
    }
}

impl CellBoxes {
    fn validate(&self) -> Result<()> {
        offset(self.offset)?;
        for (head, &step) in self.steps.iter().flatten().enumerate() {
            positive(&format!("steps[{head}]"), step)?;
        }
        Ok(())
    }
}

impl MultiscaleAnchorBoxes {
    fn validate(&self) -> Result<()> {
        field("min_level").ensure(
            self.min_level <= MAX_LEVEL,
            format_args!("expected 0 to {MAX_LEVEL}, found {}", self.min_level),
        )?;
        positive("anchor_scale", self.anchor_scale)?;
        all_positive("aspect_ratios", &self.aspect_ratios)?;
        field("scales_per_octave").ensure(
            (1..=MAX_SCALES_PER_OCTAVE).contains(&self.scales_per_octave),
            format_args!(
                "expected 1 to {MAX_SCALES_PER_OCTAVE}, found {}",
                self.scales_per_octave
            ),
        )?;
        Ok(())
    }
}

fn field(key: &str) -> ManifestField {
    ManifestField::of("default_boxes", key)
}

/// Where in a cell boxes are centred.
fn offset(offset: f32) -> Result<()> {
    field("offset").ensure(
        (0.0..=1.0).contains(&offset),
        format_args!("expected a number from 0 to 1, found {offset}"),
    )
}

fn positive(key: &str, value: f32) -> Result<()> {
    field(key).ensure(
        value.is_finite() && value > 0.0,
        format_args!("expected a positive number, found {value}"),
    )
}

/// Fails unless there are numbers, each of them positive.
fn all_positive(key: &str, values: &[f32]) -> Result<()> {
    field(key).ensure(!values.is_empty(), "expected at least one, found none")?;
    for (i, &value) in values.iter().enumerate() {
        positive(&format!("{key}[{i}]"), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::detect::manifest::tests::error;

    /// The error of a manifest with these lines in place of the generator and its fields.
    fn error_of(generator: &str, fields: &str) -> String {
        let tensorflow = "generator = \"tensorflow\"\nmin_scale = 0.2\nmax_scale = 0.95\naspect_ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]\n\
            interpolated_scale_aspect_ratio = 1.0\nreduce_boxes_in_lowest_layer = true\n";
        error(
            tensorflow,
            &format!("generator = \"{generator}\"\n{fields}\n"),
        )
    }

    #[test]
    fn prior_boxes_have_one_entry_a_head() {
        for (fields, message) in [
            (
                "sizes = []\naspect_ratios = []",
                "23: [default_boxes] sizes: expected one pair a head, found none",
            ),
            (
                "sizes = [[30, 60], [60, 111]]\naspect_ratios = [[2]]",
                "24: [default_boxes] aspect_ratios: expected one entry a head, as sizes has (2), found 1",
            ),
            (
                "sizes = [[30, 60]]\naspect_ratios = [[2]]\nsteps = [8, 16]",
                "25: [default_boxes] steps: expected one entry a head, as sizes has (1), found 2",
            ),
            (
                "sizes = [[30, 60, 90]]\naspect_ratios = [[2]]",
                "23: [default_boxes] sizes[0]: expected one size or two, found 3",
            ),
            (
                "sizes = [[30]]\naspect_ratios = [[2, -2]]",
                "24: [default_boxes] aspect_ratios[0]: expected a positive number, found -2",
            ),
            (
                "sizes = [[30]]\naspect_ratios = [[2]]\noffset = 8",
                "25: [default_boxes] offset: expected a number from 0 to 1, found 8",
            ),
        ] {
            let found = error_of("prior-box", fields);
            assert_eq!(found, format!("a.toml: line {message}"));
        }
    }

    #[test]
    fn multiscale_anchors_have_levels_and_scales_within_bounds() {
        for (fields, message) in [
            (
                "min_level = 20\naspect_ratios = [1]",
                "23: [default_boxes] min_level: expected 0 to 12, found 20",
            ),
            (
                "anchor_scale = 0\naspect_ratios = [1]",
                "23: [default_boxes] anchor_scale: expected a positive number, found 0",
            ),
            (
                "aspect_ratios = []",
                "23: [default_boxes] aspect_ratios: expected at least one, found none",
            ),
            (
                "aspect_ratios = [1, 2, -0.5]",
                "23: [default_boxes] aspect_ratios[2]: expected a positive number, found -0.5",
            ),
            (
                "aspect_ratios = [1]\nscales_per_octave = 0",
                "24: [default_boxes] scales_per_octave: expected 1 to 16, found 0",
            ),
            (
                "aspect_ratios = [1]\nscales_per_octave = 4000000000",
                "24: [default_boxes] scales_per_octave: expected 1 to 16, found 4000000000",
            ),
        ] {
            let found = error_of("multiscale-anchors", fields);
            assert_eq!(found, format!("a.toml: line {message}"));
        }
        let found = error_of("multiscale-anchors", "aspect_ratios = [1]\nmax_level = 7");
        assert!(found.contains("unknown field `max_level`"), "{found}");
    }
}
