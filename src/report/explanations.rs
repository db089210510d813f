//! What is asked about one object, and the answers as tiles of the page: class maps, offsets, edges, what-ifs, the way through the layers.

use super::chart::Charts;
use super::photo::ReportedObject;
use super::picture::heat_layer;
use crate::crp::{Contrast, Edge, Explanation, Propagator, Target, TargetOutput};
use crate::detect::decode::{Axis, decode};
use crate::detect::manifest::{DetectorKind, Offset};
use crate::detect::{ClassId, Detection, Fit, Forward, Model};
use crate::error::Result;

/// A heatmap with its words.
pub struct HeatmapFigure {
    /// The question: "sheep rather than horse".
    pub words: String,
    /// What else is to be known, such as how far the offset moves the box.
    pub note: String,
    /// The heatmap, transparent PNG as a data URI.
    pub heat: String,
    /// Whether an event raised this question.
    pub raised: bool,
}

/// Everything that is known about why one object was detected.
pub struct ObjectExplanations {
    /// Predicted class against runner-up and against the mean, objectness where there is such, and what events ask besides.
    pub lead: Vec<HeatmapFigure>,
    /// Four offsets; a classifier has none.
    pub offsets: Vec<HeatmapFigure>,
    /// Four edges, likewise.
    pub edges: Vec<HeatmapFigure>,
    /// The user's classes.
    pub what_if: Vec<HeatmapFigure>,
    /// Of the first tile.
    pub charts: Charts,
}

impl ObjectExplanations {
    /// Explains all of it in one batch for each head tensor.
    pub fn of(
        object: &ReportedObject,
        forward: &Forward,
        model: &Model,
        explainer: &mut Propagator,
        what_if: &[ClassId],
    ) -> Result<Self> {
        let detection = &object.detection;
        let predicted = Target::predicted_class(detection);
        let ask = |output: TargetOutput, contrast: Option<Contrast>| Target {
            output,
            contrast,
            ..predicted.clone()
        };
        let mut lead: Vec<Target> = object.events.iter().map(|e| e.target.clone()).collect();
        let raised = lead.len();
        if detection.runner_up.is_some() {
            lead.push(ask(predicted.output.clone(), Some(Contrast::RunnerUp)));
        }
        lead.push(ask(predicted.output.clone(), Some(Contrast::Mean)));
        if detection.objectness.is_some() {
            lead.push(ask(TargetOutput::Objectness, None));
        }
        let mut offsets: Vec<Target> = Vec::new();
        let mut edges: Vec<Target> = Vec::new();
        if model.manifest.kind != DetectorKind::Classifier {
            offsets.extend(Offset::ALL.map(|offset| ask(TargetOutput::Offset(offset, None), None)));
            edges.extend(Edge::ALL.map(|edge| ask(TargetOutput::Edge(edge, None), None)));
        }
        let what_if: Vec<Target> = what_if
            .iter()
            .filter(|&&class| class != detection.class)
            .map(|&class| ask(TargetOutput::Class(class.into()), Some(Contrast::Mean)))
            .collect();

        let counts = [lead.len(), offsets.len(), edges.len(), what_if.len()];
        let targets: Vec<Target> = lead
            .into_iter()
            .chain(offsets)
            .chain(edges)
            .chain(what_if)
            .collect();
        let mut explanations = explainer.explain(forward, &targets)?.into_iter();
        let [lead, offsets, edges, what_if] =
            counts.map(|count| explanations.by_ref().take(count).collect::<Vec<_>>());

        let mut tiles: Vec<(&Explanation, HeatmapFigure)> = Vec::new();
        for (index, explanation) in lead.iter().enumerate() {
            // Two events, or an event and the usual contrast, may ask the same.
            let is_same = |(known, _): &(&Explanation, HeatmapFigure)| {
                known.question.wording == explanation.question.wording
            };
            if !tiles.iter().any(is_same) {
                let tile = HeatmapFigure::new(explanation, String::new(), index < raised)?;
                tiles.push((explanation, tile));
            }
        }
        let moves = BoxMoves::of(detection, model, forward.input.fit);
        let charts = Charts::of(&explainer.diagnose(forward, &targets[0])?);
        Ok(Self {
            lead: tiles.into_iter().map(|(_, tile)| tile).collect(),
            offsets: offsets
                .iter()
                .zip(moves.offsets)
                .map(|(e, note)| HeatmapFigure::new(e, note, false))
                .collect::<Result<_>>()?,
            edges: edges
                .iter()
                .zip(moves.edges)
                .map(|(e, note)| HeatmapFigure::new(e, note, false))
                .collect::<Result<_>>()?,
            what_if: what_if
                .iter()
                .map(|e| HeatmapFigure::new(e, String::new(), false))
                .collect::<Result<_>>()?,
            charts,
        })
    }
}

impl HeatmapFigure {
    fn new(explanation: &Explanation, note: String, raised: bool) -> Result<Self> {
        Ok(Self {
            words: explanation.question.wording.to_string(),
            note,
            heat: heat_layer(&explanation.map())?,
            raised,
        })
    }
}

/// What offsets do to the default box, in words.
struct BoxMoves {
    offsets: [String; 4],
    edges: [String; 4],
}

impl BoxMoves {
    fn of(detection: &Detection, model: &Model, fit: Fit) -> Self {
        let default_box = model.default_boxes[detection.default_box];
        let coding = model.coding(detection.default_box);
        let [start, end] = [[0.0; 4], detection.offsets]
            .map(|offsets| fit.to_picture(decode(default_box, offsets, coding)));
        let [cx, cy, w, h] = detection.offsets;
        let centre = |axis: Axis, offset: f32, extent: f32| {
            let (shift, _) = coding.shift(axis, offset, extent);
            let share = 100.0 * shift / extent;
            format!("{offset:+.2}: by {share:+.0} % of its size")
        };
        let size = |offset: f32| {
            let (times, _) = coding.size(offset, 1.0);
            format!("{offset:+.2}: {times:.2} times the size")
        };
        let edge = |index: usize| {
            let side = if index.is_multiple_of(2) {
                "width"
            } else {
                "height"
            };
            format!(
                "by {:+.1} % of the picture's {side}",
                100.0 * (end.edges()[index] - start.edges()[index])
            )
        };
        Self {
            offsets: [
                centre(Axis::X, cx, default_box.w),
                centre(Axis::Y, cy, default_box.h),
                size(w),
                size(h),
            ],
            // Left, right, top, bottom.
            edges: [0, 2, 1, 3].map(edge),
        }
    }
}
