//! One model at work on one photo: what it detects, and what it says of an object.
//!
//! In: a photo, then questions about places on it. Out: detections, and an [`ObjectSide`] for each object.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;
use serde::Serialize;

use super::matching::{Named, folded};
use crate::check::{Check, Checker};
use crate::crp::{Composite, Propagator, RelevanceSummary, Target};
use crate::detect::manifest::DetectorKind;
use crate::detect::{
    Absence, ClassId, Detection, Detector, Forward, Labels, MissingPlace, Model, Thresholds,
    preprocess,
};
use crate::error::internal::Context;
use crate::error::{ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::heatmap::ColourMap;
use crate::runtime::SessionOptions;
use crate::truth::{Annotated, Judgement, Truth, judge};

/// A model with its networks.
pub struct ComparedModel {
    /// The model.
    pub model: Arc<Model>,
    detector: Detector,
    propagator: Propagator,
    thresholds: Thresholds,
    truth: Option<Truth>,
}

/// What a model sees in a photo.
pub(super) struct Sight {
    forward: Forward,
    /// Best first.
    pub detections: Vec<Detection>,
    /// Beside ground truth, where the photo is annotated.
    pub judgement: Option<Judgement>,
}

/// An object that a model is asked about.
pub(super) struct ObjectQuestion {
    /// Which of its detections it is, if it detects it.
    pub detected: Option<usize>,
    /// What the other model detects.
    pub elsewhere: Option<Named>,
    /// The photo's.
    pub size: Size,
    /// Whether the explanation is checked.
    pub checked: bool,
}

/// A detection that is not the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum OtherDetection {
    /// It lies beside the place.
    #[serde(rename = "beside it")]
    Beside,
    /// It lies there, and is the other model's detection of another object.
    #[serde(rename = "on another object")]
    OnAnother,
}

impl OtherDetection {
    /// Where it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Beside => "beside it",
            Self::OnAnother => "on another object",
        }
    }
}

/// What one model says of an object, or why it says nothing.
pub type ObjectAnswer = std::result::Result<ObjectSide, String>;

/// What one model says of an object.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectSide {
    /// The class that was explained.
    pub label: String,
    /// Of that class, 0 to 1.
    pub score: f32,
    /// x0, y0, x1, y1 in pixels of the photo.
    #[serde(rename = "box")]
    pub corners: [f32; 4],
    /// The default box.
    pub default_box: usize,
    /// Whether the model detects it. Where not, the default box that comes nearest is explained.
    pub detected: bool,
    /// Where the model does not detect it, and that box is a detection all the same: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<OtherDetection>,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Beside ground truth: "correct", "background", …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// What was asked, in words.
    pub question: String,
    /// Σ|R| in the box / Σ|R|.
    pub in_box_share: f64,
    /// By how much the asked quantity falls without the reddest part, logits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Whether that is more than by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    /// The check in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// In shares of the photo.
    #[serde(skip)]
    pub rect: Rect,
    /// Relevance `[H, W]` over the photo.
    #[serde(skip)]
    pub map: Array2<f32>,
}

impl ComparedModel {
    /// Loads the networks. `thresholds` says what becomes a detection, `truth` reads annotations by the model's labels.
    ///
    /// # Errors
    /// As [`Detector::new`] and [`Propagator::new`].
    pub fn new(
        model: Arc<Model>,
        session: SessionOptions,
        thresholds: Thresholds,
        truth: Option<Truth>,
    ) -> Result<Self> {
        let composite = Composite::of(&model)?;
        let mut propagator = Propagator::new(model.clone(), composite, session)?;
        let handed = propagator.reads().to_vec();
        Ok(Self {
            detector: Detector::handing_over(model.clone(), handed, session)?,
            propagator,
            thresholds,
            truth,
            model,
        })
    }

    /// Looks at a photo, of whose `file` annotations may be.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, or a photo without pixels.
    pub(super) fn look(&mut self, file: Option<&Path>, photo: &RgbImage) -> Result<Sight> {
        let input = preprocess::sample(photo, self.model.input_size, &self.model.manifest.input)?;
        let forward = self.detector.forward(input)?;
        let detections = self.detector.detections(&forward, self.thresholds)?;
        let truth: Option<&[Annotated]> =
            (self.truth.as_ref().zip(file)).and_then(|(truth, file)| truth.of(file));
        Ok(Sight {
            judgement: truth.map(|truth| judge(&detections, truth)),
            forward,
            detections,
        })
    }

    /// Detections by the names of their classes.
    pub(super) fn named(&self, detections: &[Detection]) -> Vec<Named> {
        let labels = &self.model.manifest.labels;
        let named = detections.iter().map(|detection| Named {
            label: folded(&labels.name(detection.class)),
            name: labels.name(detection.class).into_owned(),
            rect: detection.rect,
        });
        named.collect()
    }

    /// Explains the object, if the model detects it, and why it does not otherwise; without an explanation where it has no such class, or no box there.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, or relevance that cannot pass the network.
    pub(super) fn answer(
        &mut self,
        sight: &Sight,
        question: &ObjectQuestion,
    ) -> Result<ObjectAnswer> {
        if let Some(index) = question.detected {
            let detection = &sight.detections[index];
            let target = Target::predicted_class(detection);
            let side = self.explain(sight, detection, &target, question)?;
            let verdicts = sight.judgement.as_ref();
            let verdict = verdicts.and_then(|judgement| judgement.verdicts.get(index));
            return Ok(Ok(ObjectSide {
                verdict: verdict.map(|verdict| verdict.name()),
                ..side
            }));
        }
        let elsewhere = question.elsewhere.as_ref();
        let elsewhere = elsewhere.context("neither model detects the object")?;
        let manifest = &self.model.manifest;
        if manifest.kind == DetectorKind::Classifier {
            return Ok(Err("is a classifier, and finds no places".to_owned()));
        }
        let class = class(&manifest.labels, &elsewhere.label);
        let Some(class) = class.filter(|&class| manifest.is_detectable(class)) else {
            return Ok(Err(format!("detects no class \"{}\"", elsewhere.name)));
        };
        let place = MissingPlace::Box(elsewhere.rect);
        let absence = (self.detector).absence(&sight.forward, place, Some(class), self.thresholds);
        let absence = match absence {
            // No box of this network comes near, or none has a score.
            Err(error) if error.kind() == ErrorKind::Argument => {
                return Ok(Err(format!("{error:#}")));
            }
            absence => absence?,
        };
        let target = match &absence {
            Absence::Found(found) => Target::predicted_class(found),
            Absence::Missed(miss) => Target::near_miss(miss),
        };
        let side = self.explain(sight, absence.detection(), &target, question)?;
        let mut reason = absence.words(&self.model.manifest.labels);
        let instead = match &absence {
            Absence::Found(_) => Some(OtherDetection::OnAnother),
            Absence::Missed(_) if absence.is_detection() => Some(OtherDetection::Beside),
            Absence::Missed(_) => None,
        };
        if instead == Some(OtherDetection::OnAnother) {
            reason += &format!(", {}", OtherDetection::OnAnother.words());
        }
        Ok(Ok(ObjectSide {
            detected: false,
            instead,
            reason: Some(reason),
            ..side
        }))
    }

    /// Explains a default box, and checks that where it is asked for.
    fn explain(
        &mut self,
        sight: &Sight,
        detection: &Detection,
        target: &Target,
        &ObjectQuestion { size, checked, .. }: &ObjectQuestion,
    ) -> Result<ObjectSide> {
        let forward = &sight.forward;
        let explanations = (self.propagator).explain(forward, std::slice::from_ref(target))?;
        let explanation = explanations.first().context("there is no explanation")?;
        let map = explanation.map();
        let mut check = None;
        if checked {
            let mut checker = Checker::new(&self.model, &mut self.detector, forward);
            check = Some(checker.check(&explanation.question, &map)?);
        }
        let red = ColourMap::default().positive_name();
        Ok(ObjectSide {
            label: self.model.manifest.label(detection.class).into_owned(),
            score: detection.score,
            corners: detection.rect.in_pixels(size).edges(),
            default_box: detection.default_box,
            detected: true,
            instead: None,
            reason: None,
            verdict: None,
            question: explanation.question.wording.to_string(),
            in_box_share: RelevanceSummary::of(&map, &detection.rect).in_box_share,
            effect: check.as_ref().map(Check::effect),
            checked: check.as_ref().map(Check::passed),
            check: check.as_ref().map(|check| check.words(red)),
            rect: detection.rect,
            map,
        })
    }
}

/// The class of a [`folded`] label.
fn class(labels: &Labels, label: &str) -> Option<ClassId> {
    let is_it = |class: &ClassId| labels.is_named(*class) && folded(&labels.name(*class)) == label;
    labels.classes().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_in_any_case_of_any_script() {
        let labels: Labels = ["background", "", "Öltank", "Собака"].into_iter().collect();
        for (label, expected) in [("öltank", 2), ("ÖLTANK", 2), ("собака", 3)] {
            assert_eq!(class(&labels, &folded(label)), Some(ClassId(expected)));
        }
        // A number is no name.
        for label in ["", "1", "class 1"] {
            assert_eq!(class(&labels, label), None, "{label}");
        }
    }
}
