//! What is asked of a picture: what Python gives in, questions for the engine out.

use image::RgbImage;
use pyo3::prelude::*;
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::geometry::smallest_under;
use ssdcrp::{
    Composite, Contrast, Detection, Model, Question, Result, SeenPicture, Size, TargetOutput,
    Thresholds,
};

use super::failure::PythonFailure;

/// How many detections an error lists.
const LISTED: usize = 6;

/// What becomes a detection, as far as that was said: the score and the overlap (IoU), 0..=1.
#[derive(Clone, Copy, FromPyObject)]
pub struct PythonThresholds(Option<f32>, Option<f32>);

impl PythonThresholds {
    /// These, and the model's own where none was said.
    pub fn of(self, model: &Model) -> Thresholds {
        let own = Thresholds::from(&model.manifest.detection);
        let Self(score, iou) = self;
        Thresholds {
            score: score.unwrap_or(own.score),
            iou: iou.unwrap_or(own.iou),
        }
    }
}

/// What is asked, in the command's grammar.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct PythonQuestion {
    target: Option<String>,
    contrast: Option<String>,
    composite: Option<String>,
    /// A point, pixels.
    at: Option<(f32, f32)>,
    default_box: Option<usize>,
    /// Whether every detection is meant.
    all: bool,
    check: bool,
}

/// The same, understood.
pub struct ParsedQuestion {
    target: Option<TargetOutput>,
    contrast: Option<Contrast>,
    pub composite: Option<Composite>,
    at: Option<[f32; 2]>,
    default_box: Option<usize>,
    is_about_all: bool,
    is_checked: bool,
}

impl PythonQuestion {
    /// Understands it, before anything is computed.
    pub fn parsed(&self) -> Result<ParsedQuestion> {
        fn parse<T: std::str::FromStr>(text: Option<&String>) -> Result<Option<T>, T::Err> {
            text.map(|text| text.parse()).transpose()
        }
        Ok(ParsedQuestion {
            target: parse(self.target.as_ref())?,
            contrast: parse(self.contrast.as_ref())?,
            composite: parse(self.composite.as_ref())?,
            at: self.at.map(|(x, y)| [x, y]),
            default_box: self.default_box,
            is_about_all: self.all,
            is_checked: self.check,
        })
    }
}

impl ParsedQuestion {
    /// The questions to the engine about a picture.
    pub fn questions(
        &self,
        model: &Model,
        picture: &RgbImage,
        seen: &SeenPicture,
    ) -> Result<Vec<Question>, PythonFailure> {
        let chosen = match self.is_about_all {
            true => seen.detections.iter().map(Question::of).collect(),
            false => vec![self.chosen(model, picture, seen)?],
        };
        let asked = chosen.into_iter().map(|mut question: Question| {
            if let Some(target) = &self.target {
                question = question.output(target.clone());
            }
            if let Some(contrast) = &self.contrast {
                question = question.rather_than(contrast.clone());
            }
            match self.is_checked {
                true => question.checked(),
                false => question,
            }
        });
        Ok(asked.collect())
    }

    /// The default box that is meant: the one of that number; of a classifier its only one, the picture; the smallest detection at the point, as a click in a video picks; the best detection of the
    /// class that is asked about, and where that is not detected the box where it scores highest; else the best detection.
    fn chosen(
        &self,
        model: &Model,
        picture: &RgbImage,
        seen: &SeenPicture,
    ) -> Result<Question, PythonFailure> {
        let size = Size::from(picture.dimensions());
        if let Some(number) = self.default_box {
            return Ok(Question::default_box(number));
        }
        if model.manifest.kind == DetectorKind::Classifier {
            return Ok(Question::default_box(0));
        }
        if let Some([x, y]) = self.at {
            let (width, height) = (size.width as f32, size.height as f32);
            if !((0.0..=width).contains(&x) && (0.0..=height).contains(&y)) {
                let words = format!("{x}, {y} lies outside of the picture, which is {size}");
                return Err(PythonFailure::Question(words));
            }
            let boxes = seen.detections.iter().map(|d| d.rect);
            let there = smallest_under(boxes, [x / width, y / height]);
            let there = there.map(|index| Question::of(&seen.detections[index]));
            let what = || list(model, size, &seen.detections);
            let words = || format!("nothing was detected at {x}, {y}; there is {}", what());
            return there.ok_or_else(|| PythonFailure::Question(words()));
        }
        if let Some(TargetOutput::Class(class)) = &self.target {
            let id = model.manifest.class(class)?;
            if let Some(best) = seen.detections.iter().find(|d| d.class == id) {
                return Ok(Question::of(best));
            }
            // There is background everywhere, so that it is asked about where something was detected.
            if model.manifest.background() != Some(id) || seen.detections.is_empty() {
                return Ok(Question::strongest(class.clone()));
            }
        }
        Ok(Question::best())
    }
}

/// Detections in half a sentence: "dog 0.93 at 130,221 – 310,543, cat …".
fn list(model: &Model, size: Size, detections: &[Detection]) -> String {
    if detections.is_empty() {
        return "no detection in the picture".to_owned();
    }
    let words = detections.iter().take(LISTED).map(|detection| {
        let label = model.manifest.label(detection.class);
        let [x0, y0, x1, y1] = detection.rect.in_pixels(size).edges();
        let score = detection.score;
        format!("{label} {score:.2} at {x0:.0},{y0:.0} – {x1:.0},{y1:.0}")
    });
    let mut words: Vec<String> = words.collect();
    if let Some(more @ 1..) = detections.len().checked_sub(LISTED) {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}
