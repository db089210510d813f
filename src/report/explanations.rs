//! What is asked about one object, and the answers as tiles of the page: class maps, offsets, edges, what-ifs, the way through the layers.

use super::chart::Charts;
use super::page_pictures::PagePictures;
use super::photo::ReportedObject;
use crate::check::Checker;
use crate::crp::{Contrast, Edge, Explanation, Propagator, Target, TargetOutput};
use crate::detect::decode::{Axis, decode};
use crate::detect::manifest::{DetectorKind, Offset};
use crate::detect::{ClassId, Detection, Fit, Forward, Model};
use crate::error::Result;
use crate::heatmap::ColourMap;

/// A heatmap with its words.
pub struct HeatmapFigure {
    /// The question: "sheep rather than horse".
    pub words: String,
    /// What else is to be known, such as how far the offset moves the box.
    pub note: String,
    /// The address of the heatmap, a transparent PNG.
    pub heat: String,
    /// Whether an event raised this question.
    pub raised: bool,
    /// What it is worth, where that was looked at.
    pub check: Option<CheckFigure>,
}

/// What became of the answer without the red, with the picture that was fed.
pub struct CheckFigure {
    /// Whether anything speaks for it that could be taken away.
    pub measured: bool,
    /// Whether it did better than chance.
    pub passed: bool,
    /// "checked: without the red, sheep 0.92 → 0.31, horse first".
    pub words: String,
    /// "asked quantity 3.82 → 0.41, by chance 3.70".
    pub figures: String,
    /// By how much the asked quantity falls without the red, and on average without as much elsewhere.
    pub effects: [f64; 2],
    /// The address of the picture without the red, as the network saw it: a JPEG.
    pub fed: String,
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
    /// Explains all of it in one batch for each head tensor. What a card shows at once is checked, where there is a `checker`: not offsets and edges, which are folded up.
    pub fn of(
        object: &ReportedObject,
        forward: &Forward,
        model: &Model,
        propagator: &mut Propagator,
        mut checker: Option<Checker>,
        what_if: &[ClassId],
        pictures: &mut PagePictures,
    ) -> Result<Self> {
        let questions = questions(object, model, what_if);
        let counts = questions.each_ref().map(Vec::len);
        let targets = questions.concat();
        let mut explanations = propagator.explain(forward, &targets)?.into_iter();
        let [lead, what_if, offsets, edges] =
            counts.map(|count| explanations.by_ref().take(count).collect::<Vec<_>>());

        let mut tiles: Vec<(&Explanation, HeatmapFigure)> = Vec::new();
        for (index, explanation) in lead.iter().enumerate() {
            // Two events, or an event and the usual contrast, may ask the same.
            let is_same = |(known, _): &(&Explanation, HeatmapFigure)| {
                known.question.wording == explanation.question.wording
            };
            if !tiles.iter().any(is_same) {
                let tile = HeatmapFigure {
                    raised: index < object.events.len(),
                    check: check(checker.as_mut(), explanation, model, pictures)?,
                    ..HeatmapFigure::new(explanation, String::new(), pictures)?
                };
                tiles.push((explanation, tile));
            }
        }
        let moves = BoxMoves::of(&object.found.detection(), model, forward.input.fit);
        let charts = Charts::of(&propagator.diagnose(forward, &targets[0])?);
        let mut noted = |explanations: &[Explanation], notes: [String; 4]| {
            let noted = explanations.iter().zip(notes);
            noted
                .map(|(explanation, note)| HeatmapFigure::new(explanation, note, pictures))
                .collect::<Result<Vec<_>>>()
        };
        let offsets = noted(&offsets, moves.offsets)?;
        let edges = noted(&edges, moves.edges)?;
        let what_if = what_if.iter().map(|explanation| {
            Ok(HeatmapFigure {
                check: check(checker.as_mut(), explanation, model, pictures)?,
                ..HeatmapFigure::new(explanation, String::new(), pictures)?
            })
        });
        Ok(Self {
            what_if: what_if.collect::<Result<_>>()?,
            lead: tiles.into_iter().map(|(_, tile)| tile).collect(),
            offsets,
            edges,
            charts,
        })
    }
}

/// What is asked about an object, in the groups of its card: at first, of other classes, of offsets, of edges.
fn questions(object: &ReportedObject, model: &Model, what_if: &[ClassId]) -> [Vec<Target>; 4] {
    let detection = &object.found;
    let predicted = Target::predicted_class(&detection.detection());
    let ask = |output: TargetOutput, contrast: Option<Contrast>| Target {
        output,
        contrast,
        ..predicted.clone()
    };
    let mut lead: Vec<Target> = object.events.iter().map(|e| e.target.clone()).collect();
    if detection.runner_up.is_some() {
        lead.push(ask(predicted.output.clone(), Some(Contrast::RunnerUp)));
    }
    let mut classes = model.manifest.labels.classes();
    let has_rivals = classes.any(|k| k != detection.class && model.manifest.trained(k));
    let contrast = has_rivals.then_some(Contrast::Mean);
    lead.push(ask(predicted.output.clone(), contrast));
    if detection.objectness.is_some() {
        lead.push(ask(TargetOutput::Objectness, None));
    }
    let mut offsets: Vec<Target> = Vec::new();
    let mut edges: Vec<Target> = Vec::new();
    if model.manifest.kind != DetectorKind::Classifier {
        offsets.extend(Offset::ALL.map(|offset| ask(TargetOutput::Offset(offset, None), None)));
        edges.extend(Edge::ALL.map(|edge| ask(TargetOutput::Edge(edge, None), None)));
    }
    let what_if = what_if
        .iter()
        .filter(|&&class| class != detection.class)
        .map(|&class| ask(TargetOutput::Class(class.into()), Some(Contrast::Mean)))
        .collect();
    [lead, what_if, offsets, edges]
}

impl HeatmapFigure {
    fn new(explanation: &Explanation, note: String, pictures: &mut PagePictures) -> Result<Self> {
        Ok(Self {
            words: explanation.question.wording.to_string(),
            note,
            heat: pictures.heat(&explanation.map())?,
            raised: false,
            check: None,
        })
    }

    /// Whether it did no better than chance.
    pub fn is_doubtful(&self) -> bool {
        self.check.as_ref().is_some_and(|check| !check.passed)
    }
}

/// What an explanation is worth.
fn check(
    checker: Option<&mut Checker>,
    explanation: &Explanation,
    model: &Model,
    pictures: &mut PagePictures,
) -> Result<Option<CheckFigure>> {
    let Some(checker) = checker else {
        return Ok(None);
    };
    let check = checker.check(&explanation.question, &explanation.map())?;
    let fed = checker.fed(&check)?.picture(&model.manifest.input);
    Ok(Some(CheckFigure {
        measured: !check.gone.is_empty(),
        passed: check.passed(),
        words: check.words(ColourMap::default().positive_name()),
        figures: check.figures(),
        effects: [check.effect(), check.effect_of_chance()],
        fed: pictures.plain(&fed)?,
    }))
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
