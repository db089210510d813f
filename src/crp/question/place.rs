//! Questions about where a box is and whether there is an object: offsets, edges, objectness.

use super::{ResolvedTarget, TargetBox, Wording};
use crate::crp::target::{Contrast, Direction, Edge, Seed, TargetOutput};
use crate::detect::decode::{Axis, Measure, expectation};
use crate::detect::manifest::Offset;
use crate::error::Result;
use crate::error::argument::{Context, bail, ensure};

impl TargetBox<'_> {
    pub(super) fn offset(
        &self,
        offset: Offset,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        if self.forward.distances.is_some() {
            return self.offset_of_distances(offset, direction, contrast);
        }
        let direction =
            direction.unwrap_or(Direction::of(self.predicted(self.default_box, offset)));
        let weights = self.shapes(contrast, "an offset")?;
        let wording = Wording {
            subject: format!("box {}", direction.of_offset(offset)),
            rather_than: other_boxes(contrast),
            comma: true,
        };
        let parts = weights.into_iter().map(|(a, weight)| {
            let value = self.predicted(self.default_box - self.location.shape + a, offset);
            let start = match self.seed {
                Seed::Score => value,
                Seed::One => Direction::of(value).sign(),
                Seed::Unit => 1.0,
            };
            let multiple = weight * direction.sign();
            let column = self.model.manifest.output.column(offset);
            (a, column, multiple * start, multiple)
        });
        self.box_question(
            parts.collect(),
            TargetOutput::Offset(offset, Some(direction)),
            contrast,
            wording,
        )
    }

    /// Centre or size of a box of which the network gives distances.
    fn offset_of_distances(
        &self,
        offset: Offset,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        self.shapes(contrast, "an offset")?;
        let (axis, of_centre, of_size) = match offset {
            Offset::Cx => (Axis::X, 1.0, 0.0),
            Offset::Cy => (Axis::Y, 1.0, 0.0),
            Offset::W => (Axis::X, 0.0, 1.0),
            Offset::H => (Axis::Y, 0.0, 1.0),
        };
        let measure = Measure {
            axis,
            of_centre,
            of_size,
        };
        let wording =
            |direction: Direction| Wording::plain(format!("box {}", direction.of_offset(offset)));
        let target = |direction| TargetOutput::Offset(offset, Some(direction));
        self.measured(measure, direction, wording, target)
    }

    /// What is said of the cell's boxes under a contrast that an output of one of them takes: the shape that is asked for, and against it the others on average.
    fn shapes(&self, contrast: &Contrast, whose: &str) -> Result<Vec<(usize, f32)>> {
        let shape = self.location.shape;
        let shapes = self.model.layout.heads[self.location.head].shapes;
        match contrast {
            Contrast::None => Ok(vec![(shape, 1.0)]),
            Contrast::Mean => {
                ensure!(
                    shapes > 1,
                    "the cell of default box {} has no other box to contrast with",
                    self.default_box
                );
                let others = -1.0 / (shapes - 1) as f32;
                let weight = |a| if a == shape { 1.0 } else { others };
                Ok((0..shapes).map(|a| (a, weight(a))).collect())
            }
            other => {
                bail!("the contrast '{other}' goes with a class; {whose} takes 'none' or 'mean'")
            }
        }
    }

    /// Whether there is an object, by its logit.
    pub(super) fn objectness(&self, contrast: &Contrast) -> Result<ResolvedTarget> {
        let head = &self.model.heads[self.location.head];
        let (tensor, logits) = head
            .objectness_tensor
            .clone()
            .zip(self.forward.objectness.as_ref())
            .with_context(|| {
                format!(
                    "{} has no objectness: it does not say apart from the classes whether there is an object. Ask for a class",
                    self.model.manifest.name
                )
            })?;
        let weights = self.shapes(contrast, "objectness")?;
        let values = weights.into_iter().filter_map(|(shape, weight)| {
            let logit = logits[self.default_box - self.location.shape + shape];
            let start = if self.seed == Seed::Score { logit } else { 1.0 };
            Some((head.objectness_channel(shape)?, weight * start, weight))
        });
        let wording = Wording {
            rather_than: other_boxes(contrast),
            ..Wording::plain("an object")
        };
        let seed = self.head_seed(tensor, values);
        Ok(self.resolved(seed, TargetOutput::Objectness, contrast.clone(), wording))
    }

    /// The edge e moves with two offsets: each starts with (∂e/∂o_q)·o_q.
    pub(super) fn edge(
        &self,
        edge: Edge,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        ensure!(
            *contrast == Contrast::None,
            "the contrast '{contrast}' does not go with an edge: it takes 'none'"
        );
        let (axis, of_size) = match edge {
            Edge::Left => (Axis::X, -0.5),
            Edge::Right => (Axis::X, 0.5),
            Edge::Top => (Axis::Y, -0.5),
            Edge::Bottom => (Axis::Y, 0.5),
        };
        let measure = Measure {
            axis,
            of_centre: 1.0,
            of_size,
        };
        let wording = |direction: Direction| {
            Wording::plain(format!("{edge} edge {}", direction.of_edge(edge)))
        };
        let target = |direction| TargetOutput::Edge(edge, Some(direction));
        self.measured(measure, direction, wording, target)
    }

    /// What moves with several outputs y of the network: each starts with (∂m/∂y)·y.
    fn measured(
        &self,
        measure: Measure,
        direction: Option<Direction>,
        wording: impl Fn(Direction) -> Wording,
        target: impl Fn(Direction) -> TargetOutput,
    ) -> Result<ResolvedTarget> {
        let (moved, slopes) = self.slopes(measure);
        let direction = direction.unwrap_or(Direction::of(moved));
        let total: f32 = match self.seed {
            Seed::Score => 1.0,
            Seed::One => slopes
                .iter()
                .map(|(_, slope, value)| (slope * value).abs())
                .sum(),
            Seed::Unit => slopes.iter().map(|(_, slope, _)| slope.abs()).sum(),
        };
        let parts = slopes.into_iter().map(|(column, slope, value)| {
            let start = if self.seed == Seed::Unit {
                slope
            } else {
                slope * value
            };
            let start = if total > 0.0 { start / total } else { 0.0 };
            let relevance = start * direction.sign();
            let multiple = slope * direction.sign();
            (self.location.shape, column, relevance, multiple)
        });
        self.box_question(
            parts.collect(),
            target(direction),
            &Contrast::None,
            wording(direction),
        )
    }

    /// How far a measure of the box is moved, and of each output of the network that moves it: its column, ∂m/∂y and y.
    fn slopes(&self, measure: Measure) -> (f32, Vec<(usize, f32, f32)>) {
        let default_box = self.model.default_boxes[self.default_box];
        let coding = self.model.coding(self.default_box);
        let output = &self.model.manifest.output;
        let offsets = Offset::ALL.map(|offset| self.predicted(self.default_box, offset));
        let (moved, by_offsets) = measure.moved(coding, default_box, offsets);
        let Some(distances) = &self.forward.distances else {
            let pair = match measure.axis {
                Axis::X => [Offset::Cx, Offset::W],
                Axis::Y => [Offset::Cy, Offset::H],
            };
            let slopes = pair.into_iter().zip(by_offsets);
            let slopes = slopes.map(|(offset, slope)| {
                let column = output.column(offset);
                (column, slope, offsets[offset as usize])
            });
            return (moved, slopes.collect());
        };
        let row = distances.row(self.default_box);
        // Left, top, right, bottom.
        let sides = [measure.axis as usize, measure.axis as usize + 2];
        let by_distances = measure.by_distances(default_box);
        let mut slopes = Vec::new();
        for (side, slope) in sides.into_iter().zip(by_distances) {
            // An edge has nothing to do with the distance of the other one.
            if slope == 0.0 {
                continue;
            }
            match output.bins {
                None => slopes.push((side, slope, row[side])),
                Some(bins) => {
                    let columns = side * bins..(side + 1) * bins;
                    let logits: Vec<f32> = columns.clone().map(|column| row[column]).collect();
                    let (_, by_logits) = expectation(&logits);
                    let each = columns.zip(by_logits).zip(logits);
                    slopes.extend(each.map(|((column, by), logit)| (column, slope * by, logit)));
                }
            }
        }
        (moved, slopes)
    }

    /// Shape of the cell, column of the network's output, relevance, what multiple of the output that is.
    fn box_question(
        &self,
        parts: Vec<(usize, usize, f32, f32)>,
        target: TargetOutput,
        contrast: &Contrast,
        wording: Wording,
    ) -> Result<ResolvedTarget> {
        let head = &self.model.heads[self.location.head];
        let tensor = head.offset_tensor.clone().with_context(|| {
            format!(
                "{} is a classifier: it has no boxes, only classes can be asked for",
                self.model.manifest.name
            )
        })?;
        let values = parts
            .into_iter()
            .filter_map(|(shape, column, relevance, multiple)| {
                let channel = head.offset_channel(shape, column)?;
                Some((channel, relevance, multiple))
            });
        let seed = self.head_seed(tensor, values);
        Ok(self.resolved(seed, target, contrast.clone(), wording))
    }

    fn predicted(&self, default_box: usize, offset: Offset) -> f32 {
        self.forward.offsets[[default_box, offset as usize]]
    }
}

/// What an output of one of a cell's boxes is contrasted with, if with anything.
fn other_boxes(contrast: &Contrast) -> Option<String> {
    (*contrast == Contrast::Mean).then(|| "the cell's other boxes".to_owned())
}
