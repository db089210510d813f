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
use super::source_stamp::path_text;

/// What the fields of a detection mean, for `--help`.
pub const DETECTION_FIELDS: &str = "\
With --json, one line a picture on standard output: image (the file as it was named), second (only for a frame of a video: its time there, in seconds), width, height (pixels, upright), model, \
and detections, best first:
  label, class   the class's name and number
  score          0 to 1
  box            [x0, y0, x1, y1], pixels from the top left, cut off at the
                 picture's edge
  default_box    number of the network's default box that it comes from;
                 explain takes it as --box
  head, cell     where this default box is in the network: the number of the
                 head, and [row, column, shape] in its grid
  offsets        [cx, cy, w, h] as the network gave them; for a YOLO t_x, t_y,
                 t_w, t_h; for a model with distances: computed from the
                 distances, in cells
  objectness     if the model has it as a separate output: the logit of there
                 being an object
  runner_up      label, class and score of the best other class at this
                 default box
  logits         with --logits: those of all classes, by number";

/// What the fields of an explanation mean, for `--help`.
pub const EXPLANATION_FIELDS: &str =
    "  explanations   what was explained, with R the relevance of a pixel, summed
                 over the colour channels:
    default_box, target, contrast, composite: the question
    completeness   sum of R over all pixels / sum of R at the start; 1 if
                   nothing was lost. null if the composite's rules do not
                   conserve relevance, as those of crp, or if the sum at the
                   start is 0 or not known (--seed unit); then use effect
    sum_abs        sum of |R| over all pixels
    positive_share sum of max(R, 0) / sum of |R|; above 0.5: more relevance is
                   positive than negative
    in_box_share   sum of |R| in the explained box / sum of |R|
    ms             milliseconds that the propagation took
  and, unless --no-check is given, what changes with the reddest 4 % of the
  picture blurred:
    effect         how far the explained quantity falls: for a class or
                   objectness in logits (with sglrp, weighted as in that
                   contrast), for an offset in the network's units, for an
                   edge in pixels
    effect_of_chance  the mean of the same for nine other parts of the same
                   size
    checked        true if the quantity falls, and further than for each of
                   the nine
    check          the result in words
  and, with --missing:
    missing        label, class: the missing class
                   found: true if it was detected there
                   box, score: of that detection, or of the default box that
                   came nearest
                   reason: the cause in words
                   and, if not found:
                   overlap: how well the box fits the place, 0 to 1
                   cause: threshold, other class, background, no object,
                   suppressed, too many or beside
                   missed_by_logits: how many logits were lacking; null if the
                   cause is not one of logits
                   winner: the class that won, or the detection that
                   suppressed it; else null
  and, with -o or --npy:
    files          the files that were written of this explanation
  nothing        in place of explanations: why there are none. Only for several
                 pictures, of which one may have no detection";

/// A photo with its detections, and explanations of them.
#[derive(Serialize)]
pub struct PhotoRecord<'a> {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<f64>,
    width: u32,
    height: u32,
    model: &'a str,
    detections: Vec<DetectionRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanations: Option<Vec<ExplanationRecord<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing: Option<String>,
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
    /// What was asked about, where it is none of the detections.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<DetectionRecord<'a>>,
    sum_abs: f64,
    positive_share: f64,
    in_box_share: f64,
    ms: f64,
    #[serde(flatten)]
    check: Option<CheckRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<MissingRecord<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    files: &'a [String],
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
            image: path_text(&detected.source.path),
            second: detected.source.second,
            width: detected.image.width(),
            height: detected.image.height(),
            model: &detected.model.manifest.name,
            detections: detected
                .detections
                .iter()
                .map(record)
                .collect::<Result<_>>()?,
            explanations: None,
            nothing: None,
        })
    }

    /// Says why there is no explanation.
    pub fn set_nothing(&mut self, words: &str) {
        self.nothing = Some(words.to_owned());
    }

    /// Adds an explanation under a composite, with its summary, what it is worth where that was looked at, and why something is missing where that was asked, and the files that were written of it.
    pub fn add(
        &mut self,
        explanation: &'a Explanation,
        composite: &'a str,
        summary: &RelevanceSummary,
        check: Option<&Check>,
        missing: Option<MissingRecord<'a>>,
        files: &'a [String],
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
                asked: None,
                sum_abs: summary.sum_abs,
                positive_share: summary.positive_share,
                in_box_share: summary.in_box_share,
                ms: explanation.took.as_secs_f64() * 1e3,
                check: check.map(CheckRecord::of),
                missing,
                files,
            });
    }
}

impl<'a> PhotoRecord<'a> {
    /// Says of the last explanation what it was asked about, where that is none of the detections.
    pub fn set_asked(&mut self, detected: &'a DetectedPhoto, asked: &'a Detection) -> Result<()> {
        let last = self.explanations.iter_mut().flatten().last();
        if let Some(last) = last.filter(|_| !detected.has(asked)) {
            last.asked = Some(DetectionRecord::new(detected, asked, false)?);
        }
        Ok(())
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
