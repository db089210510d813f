//! What is asked of a picture: what Python gives in, questions for the engine out.

use pyo3::prelude::*;
use ssdcrp::detect::{BoxChoice, in_words};
use ssdcrp::{
    Composite, Contrast, Explainer, Model, Question, Result, SeenPicture, Size, TargetOutput,
    Thresholds,
};

use super::failure::PythonFailure;

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
    /// The same as the engine's own types, so that what is wrong is told before anything is computed.
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
    /// The questions to the engine about a picture that it has looked at.
    pub fn questions(
        &self,
        explainer: &Explainer,
        looked: &LookedPicture,
    ) -> Result<Vec<Question>, PythonFailure> {
        let chosen = match self.is_about_all {
            true => looked.seen.detections.iter().map(Question::of).collect(),
            false => vec![self.chosen(explainer, looked)?],
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

    /// The question about the default box that is meant: that of the number or at the point; else that of the class that is asked about, or the best.
    fn chosen(
        &self,
        explainer: &Explainer,
        looked: &LookedPicture,
    ) -> Result<Question, PythonFailure> {
        let point = self.at.map(|point| looked.shares_of(point)).transpose();
        let point = point.map_err(PythonFailure::Question)?;
        let class = self.target.as_ref().and_then(TargetOutput::class);
        let question = Question::about(BoxChoice::of(self.default_box, point, class));
        match explainer.chosen(&looked.seen, &question)? {
            Some(_) => Ok(question),
            None => Err(PythonFailure::Question(self.nothing(looked))),
        }
    }

    /// Why there is nothing to explain, and what to do.
    fn nothing(&self, looked: &LookedPicture) -> String {
        let what_to_name = match self.at {
            Some([x, y]) if !looked.seen.detections.is_empty() => {
                let (labels, size) = (&looked.model.manifest.labels, looked.size);
                let there = in_words::list(&looked.seen.detections, labels, size);
                return format!("nothing was detected at {x}, {y}; there is {there}");
            }
            // The point would hold for the class too.
            Some(_) => "or name a default box as box",
            None => "name a class as target, or a default box as box",
        };
        let score = looked.thresholds.score;
        format!("nothing scores above {score}: lower score_threshold, {what_to_name}")
    }
}

/// A picture that the engine has looked at.
pub struct LookedPicture<'a> {
    pub model: &'a Model,
    pub size: Size,
    pub thresholds: Thresholds,
    pub seen: SeenPicture,
}

impl LookedPicture<'_> {
    /// A point in pixels as shares of the picture, or in words that it is none of them.
    fn shares_of(&self, point: [f32; 2]) -> Result<[f32; 2], String> {
        let ([x, y], size) = (point, self.size);
        let shares = size.shares_of(point);
        shares.ok_or_else(|| format!("{x}, {y} lies outside of the picture, which is {size}"))
    }
}
