//! The detector's look at pictures: where most subcommands begin. A picture in; its pixels, the forward pass and the detections out.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use image::RgbImage;
use ssdcrp::detect::{Detection, Detector, Forward, Location, Model, Thresholds, preprocess};
use ssdcrp::geometry::{Pixel, Rect, Size};
use ssdcrp::report::counted;

use super::engine::Engine;
use super::output;
use super::source_picture::SourcePicture;

/// Where `--help` lists these options.
const DETECTIONS: &str = "Detections";

/// What becomes a detection, where the manifest's settings are not wanted.
#[derive(Debug, Args)]
pub struct ThresholdArgs {
    /// Only boxes with a score above this are detections, 0 to 1 [default: the model's own]
    #[arg(long, help_heading = DETECTIONS, value_name = "SCORE", value_parser = share)]
    score_threshold: Option<f32>,
    /// If two detections of one class overlap by more than this (intersection over union, 0 to 1), only the better one is kept [default: the model's own]
    #[arg(long, help_heading = DETECTIONS, value_name = "IOU", value_parser = share)]
    iou_threshold: Option<f32>,
}

impl ThresholdArgs {
    /// These, and the model's own where the user named none.
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

/// What looks at pictures, one after another.
pub struct PhotoDetector {
    pub model: Arc<Model>,
    detector: Detector,
    thresholds: Thresholds,
}

/// A picture that the detector has looked at.
pub struct DetectedPhoto<'a> {
    /// Where it comes from.
    pub source: SourcePicture,
    /// Its pixels, upright.
    pub image: RgbImage,
    pub model: Arc<Model>,
    pub detector: &'a mut Detector,
    pub forward: Forward,
    pub thresholds: Thresholds,
    /// Best first.
    pub detections: Vec<Detection>,
}

impl PhotoDetector {
    /// Loads the model.
    pub fn new(engine: &Engine, options: &ThresholdArgs) -> Result<Self> {
        Self::handing_over(engine, options, |_| Ok(vec![]))
    }

    /// The same with forward passes that hand over what `handed` says of the model.
    pub fn handing_over(
        engine: &Engine,
        options: &ThresholdArgs,
        handed: impl FnOnce(&Arc<Model>) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let model = engine.model()?;
        let handed = handed(&model)?;
        Ok(Self {
            detector: Detector::handing_over(model.clone(), handed, engine.session())?,
            thresholds: options.of(&model),
            model,
        })
    }

    /// Reads a picture and looks at it.
    pub fn look(&mut self, source: SourcePicture) -> Result<DetectedPhoto<'_>> {
        let begun = Instant::now();
        let image = source.read()?;
        let read = begun.elapsed();
        let input = &self.model.manifest.input;
        let input = preprocess::sample(&image, self.model.input_size, input)?;
        let forward = self.detector.forward(input)?;
        let detections = self.detector.detections(&forward, self.thresholds)?;
        output::detail(|| {
            let [read, all] = [read, begun.elapsed()].map(|time| time.as_secs_f64() * 1e3);
            let (name, found) = (source.name(), counted(&detections.len(), "detection"));
            format!(
                "{name}: {found}; read in {read:.0} ms, detected in {:.0} ms",
                all - read
            )
        });
        Ok(DetectedPhoto {
            source,
            image,
            model: self.model.clone(),
            detector: &mut self.detector,
            forward,
            thresholds: self.thresholds,
            detections,
        })
    }
}

impl DetectedPhoto<'_> {
    /// Width and height of the photo.
    pub fn size(&self) -> Size {
        self.image.dimensions().into()
    }

    /// A detection's box in pixels of the photo.
    pub fn pixels(&self, detection: &Detection) -> Rect<Pixel> {
        detection.rect.in_pixels(self.size())
    }

    /// Whether this is one of the detections, rather than a box that was asked about.
    pub fn has(&self, asked: &Detection) -> bool {
        let of = |detection: &Detection| (detection.default_box, detection.class);
        self.detections.iter().any(|found| of(found) == of(asked))
    }

    /// The cell that a detection comes from.
    pub fn location(&self, detection: &Detection) -> Result<Location> {
        let location = self.model.layout.locate(detection.default_box);
        location.with_context(|| format!("there is no default box {}", detection.default_box))
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
