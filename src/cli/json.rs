//! The JSON form of detections and explanations: what the engine found in, records with the documented fields out.

use std::borrow::Cow;

use anyhow::Result;
use serde::Serialize;
use ssdcrp::check::Check;
use ssdcrp::crp::{Explanation, RelevanceSummary};
use ssdcrp::detect::{Absence, ClassId, Detection, MissCause, Model, NearMiss};
use ssdcrp::heatmap::ColourMap;

use super::default_box::MissingObject;
use super::detected_photo::DetectedPhoto;

/// What the fields of a detection mean, for `--help`.
pub const DETECTION_FIELDS: &str = "\
JSON, one line on standard output: image, width, height (pixels, upright), model, and detections, best first:
  label, class   the class's name and number
  score          0 to 1
  box            [x0, y0, x1, y1], pixels from the top left, cut off at the picture's edge
  default_box    the network's default box that it comes from; explain takes it as --box
  head, cell     where that lies in the network: the scale, and [row, column, shape] there
  offsets        [cx, cy, w, h], as the network gave them; of a YOLO t_x, t_y, t_w, t_h; made of distances, in cells
  objectness     where the network says it apart: the logit of there being an object at all
  runner_up      label, class and score of the best other class at this default box
  logits         with --logits: of all classes, by number";

/// What the fields of an explanation mean, for `--help`.
pub const EXPLANATION_FIELDS: &str = "\
  explanations   besides, with R the relevance of a pixel, summed over the colour channels:
    default_box, target, contrast, composite: what was explained
    completeness   sum of R over all pixels / what the target's outputs started with: 1 where nothing was lost on the way; null
                   where the composite's rules do not keep sums, as those of crp: there effect says what the map is worth
    sum_abs        of |R| over all pixels
    positive_share sum of max(R, 0) / sum of |R|: above 0.5 more speaks for than against
    in_box_share   sum of |R| in the explained box / sum of |R|
    ms             milliseconds that the propagation took
  and, unless --no-check is there, what the network says without the 4 % of the picture that speak most for it:
    effect         by how much the asked quantity falls: logits, under the contrast sglrp weighted as that weights them; of an offset as the
                   network gave it, of an edge pixels
    effect_of_chance  the same on average of nine draws of as much elsewhere
    checked        whether it falls further than in each of the nine
    check          the same in words
  and, with --missing:
    missing        class, label: of what is missing; found: whether it was found there after all; box, score: of that detection, or of the default box that comes
                   nearest; reason: why, in words. Of what was not found also overlap: how well that box lies there, 0 to 1; cause: threshold, other class, background,
                   no object, suppressed, too many, beside; missed_by_logits; winner: the class that won, or the detection that suppressed it";

/// A photo with its detections, and explanations of them.
#[derive(Serialize)]
pub struct PhotoRecord<'a> {
    image: Cow<'a, str>,
    width: u32,
    height: u32,
    model: &'a str,
    detections: Vec<DetectionRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanations: Option<Vec<ExplanationRecord<'a>>>,
}

#[derive(Serialize)]
struct DetectionRecord<'a> {
    label: Cow<'a, str>,
    class: ClassId,
    score: f32,
    r#box: [f32; 4],
    default_box: usize,
    head: usize,
    cell: [usize; 3],
    offsets: [f32; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    objectness: Option<f32>,
    runner_up: Option<RunnerUp<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
}

#[derive(Serialize)]
struct RunnerUp<'a> {
    label: Cow<'a, str>,
    class: ClassId,
    score: f32,
}

#[derive(Serialize)]
struct ExplanationRecord<'a> {
    default_box: usize,
    target: &'a str,
    contrast: &'a str,
    composite: &'a str,
    completeness: Option<f64>,
    sum_abs: f64,
    positive_share: f64,
    in_box_share: f64,
    ms: f64,
    #[serde(flatten)]
    check: Option<CheckRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<MissingRecord<'a>>,
}

/// Why something is missing at a place.
#[derive(Serialize)]
pub struct MissingRecord<'a> {
    label: Cow<'a, str>,
    class: ClassId,
    found: bool,
    r#box: [f32; 4],
    score: f32,
    reason: String,
    #[serde(flatten)]
    miss: Option<MissRecord<'a>>,
}

#[derive(Serialize)]
struct MissRecord<'a> {
    overlap: f32,
    cause: &'static str,
    missed_by_logits: Option<f64>,
    winner: Option<RunnerUp<'a>>,
}

#[derive(Serialize)]
struct CheckRecord {
    effect: f64,
    effect_of_chance: f64,
    checked: bool,
    check: String,
}

impl<'a> PhotoRecord<'a> {
    /// The detections, with all their `logits` or without.
    pub fn new(detected: &'a DetectedPhoto, logits: bool) -> Result<Self> {
        let record = |detection| DetectionRecord::new(detected, detection, logits);
        Ok(Self {
            image: detected.path.to_string_lossy(),
            width: detected.image.width(),
            height: detected.image.height(),
            model: &detected.model.manifest.name,
            detections: detected
                .detections
                .iter()
                .map(record)
                .collect::<Result<_>>()?,
            explanations: None,
        })
    }

    /// Adds an explanation under a composite, with its summary, what it is worth where that was looked at, and why something is missing where that was asked.
    pub fn add(
        &mut self,
        explanation: &'a Explanation,
        composite: &'a str,
        summary: &RelevanceSummary,
        check: Option<&Check>,
        missing: Option<MissingRecord<'a>>,
    ) {
        let question = &explanation.question;
        self.explanations
            .get_or_insert_default()
            .push(ExplanationRecord {
                default_box: explanation.default_box,
                target: &question.target,
                contrast: &question.contrast,
                composite,
                completeness: explanation.completeness,
                sum_abs: summary.sum_abs,
                positive_share: summary.positive_share,
                in_box_share: summary.in_box_share,
                ms: explanation.took.as_secs_f64() * 1e3,
                check: check.map(CheckRecord::of),
                missing,
            });
    }
}

impl<'a> MissingRecord<'a> {
    pub fn new(detected: &'a DetectedPhoto, missing: &MissingObject) -> Self {
        let detection = missing.absence.detection();
        let miss = match &missing.absence {
            Absence::Found(_) => None,
            Absence::Missed(miss) => Some(MissRecord::new(&detected.model, miss)),
        };
        Self {
            label: detected.model.manifest.label(detection.class),
            class: detection.class,
            found: miss.is_none(),
            r#box: detected.pixels(detection).edges(),
            score: detection.score,
            reason: missing.words(detected),
            miss,
        }
    }
}

impl<'a> MissRecord<'a> {
    fn new(model: &'a Model, miss: &NearMiss) -> Self {
        let winner = match &miss.cause {
            MissCause::OtherClass { class, score, .. } => Some((*class, *score)),
            MissCause::Suppressed { by, .. } => Some((by.class, by.score)),
            _ => None,
        };
        Self {
            overlap: miss.overlap,
            cause: miss.cause.name(),
            missed_by_logits: miss.cause.logits(),
            winner: winner.map(|winner| RunnerUp::new(model, winner)),
        }
    }
}

impl CheckRecord {
    fn of(check: &Check) -> Self {
        Self {
            effect: check.effect(),
            effect_of_chance: check.effect_of_chance(),
            checked: check.passed(),
            check: check.words(ColourMap::default().positive_name()),
        }
    }
}

impl<'a> DetectionRecord<'a> {
    fn new(detected: &'a DetectedPhoto, detection: &'a Detection, logits: bool) -> Result<Self> {
        let location = detected.location(detection)?;
        Ok(Self {
            label: detected.model.manifest.label(detection.class),
            class: detection.class,
            score: detection.score,
            r#box: detected.pixels(detection).edges(),
            default_box: detection.default_box,
            head: location.head,
            cell: [location.row, location.col, location.shape],
            offsets: detection.offsets,
            objectness: detection.objectness,
            runner_up: detection
                .runner_up
                .map(|runner_up| RunnerUp::new(&detected.model, runner_up)),
            logits: logits.then_some(&detection.logits),
        })
    }
}

impl<'a> RunnerUp<'a> {
    fn new(model: &'a Model, (class, score): (ClassId, f32)) -> Self {
        Self {
            label: model.manifest.label(class),
            class,
            score,
        }
    }
}
