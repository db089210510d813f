//! The detector's look at one photo: where every subcommand begins. A photo's name in; the photo, the forward pass and the detections out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use image::RgbImage;
use ssdcrp::detect::{
    ClassId, Detection, Detector, Forward, Location, Model, Thresholds, preprocess,
};
use ssdcrp::geometry::{Pixel, Rect};

use super::engine::Engine;
use super::photo;

/// Thresholds for detections, in place of the manifest's.
#[derive(Debug, Args)]
#[command(next_help_heading = "Detections")]
pub struct ThresholdArgs {
    /// Only boxes with a score above this are detections, 0 to 1 [default: the model's own]
    #[arg(long, value_name = "SCORE", value_parser = share)]
    score_threshold: Option<f32>,
    /// If two detections of one class overlap by more than this (intersection over union, 0 to 1), only the better one is kept [default: the model's own]
    #[arg(long, value_name = "IOU", value_parser = share)]
    iou_threshold: Option<f32>,
}

impl ThresholdArgs {
    /// These thresholds, with the model's own for those that the user did not give.
    pub fn of(&self, model: &Model) -> Thresholds {
        let own = Thresholds::from(&model.manifest.detection);
        Thresholds {
            score: self.score_threshold.unwrap_or(own.score),
            iou: self.iou_threshold.unwrap_or(own.iou),
        }
    }
}

fn share(text: &str) -> Result<f32> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => bail!("a number from 0 to 1 is expected"),
    }
}

/// A photo that the detector has looked at.
pub struct DetectedPhoto {
    /// The photo's name as the user gave it.
    pub path: PathBuf,
    /// Its pixels, upright.
    pub image: RgbImage,
    pub model: Arc<Model>,
    pub detector: Detector,
    pub forward: Forward,
    pub thresholds: Thresholds,
    /// Best first.
    pub detections: Vec<Detection>,
}

impl DetectedPhoto {
    /// Reads the photo at `path`, loads the model and runs it.
    pub fn new(engine: &Engine, path: &Path, options: &ThresholdArgs) -> Result<Self> {
        Self::handing_over(engine, path, options, |_| Ok(vec![]))
    }

    /// The same, with a forward pass that also hands over the tensors that `handed` names for the model.
    pub fn handing_over(
        engine: &Engine,
        path: &Path,
        options: &ThresholdArgs,
        handed: impl FnOnce(&Arc<Model>) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let image = photo::read(path)?;
        let model = engine.model()?;
        let thresholds = options.of(&model);
        let handed = handed(&model)?;
        let mut detector = Detector::handing_over(model.clone(), handed, engine.session())?;
        let input = preprocess::sample(&image, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let detections = detector.detections(&forward, thresholds)?;
        Ok(Self {
            path: path.to_owned(),
            image,
            model,
            detector,
            forward,
            thresholds,
            detections,
        })
    }

    /// A detection's box in pixels of the photo.
    pub fn pixels(&self, detection: &Detection) -> Rect<Pixel> {
        detection.rect.in_pixels(self.image.dimensions().into())
    }

    /// The cell that a detection comes from.
    pub fn location(&self, detection: &Detection) -> Result<Location> {
        let location = self.model.layout.locate(detection.default_box);
        location.with_context(|| format!("there is no default box {}", detection.default_box))
    }

    /// The same default box as a detection of `class`, with the label and score of that class.
    pub fn as_class(&self, detection: &Detection, class: ClassId) -> Result<Detection> {
        let logit = detection
            .logits
            .get(class.0)
            .with_context(|| format!("there is no class {class}"))?;
        let scorer = detection.scorer(&self.model.manifest);
        Ok(Detection {
            class,
            score: scorer.score(*logit),
            ..detection.clone()
        })
    }

    /// "sheep 0.92", for people.
    pub fn label(&self, detection: &Detection) -> String {
        format!(
            "{} {:.2}",
            self.model.manifest.label(detection.class),
            detection.score
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_0_and_1() {
        for (text, expected) in [("0", 0.0), ("0.25", 0.25), ("1", 1.0)] {
            assert_eq!(share(text).unwrap(), expected);
        }
        for text in ["-0.1", "1.01", "NaN", "inf", "half", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
