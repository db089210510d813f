//! Which default box is meant: `--best`, `--at X,Y` or `--box N` in, what the network said there out.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ssdcrp::crp::TargetOutput;
use ssdcrp::detect::Detection;
use ssdcrp::detect::manifest::DetectorKind;

use super::detected_photo::DetectedPhoto;
use super::text;

/// How the default box is named.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct DefaultBoxArgs {
    /// Explain the detection with the highest score (this is the default); where nothing is detected, --target class:NAME is explained where NAME scores highest
    #[arg(long)]
    best: bool,
    /// Explain the best of the detections at this point, in pixels from the top left
    #[arg(long, value_name = "X,Y")]
    at: Option<Point>,
    /// Explain this default box, detected or not; `detect` prints the numbers of the detected ones
    #[arg(long = "box", value_name = "N")]
    default_box: Option<usize>,
}

/// A place in the photo, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    x: f32,
    y: f32,
}

impl FromStr for Point {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse().ok().filter(|n: &f32| n.is_finite());
        let point = text.split_once(',').and_then(|(x, y)| {
            Some(Self {
                x: number(x)?,
                y: number(y)?,
            })
        });
        point.context("two numbers with a comma between them are expected, as in 320,200")
    }
}

impl DefaultBoxArgs {
    /// What the network said at the default box that is meant; `asked` is what is to be explained there, if the user said that.
    ///
    /// A classifier has one, the picture. Where nothing was detected, a class that is asked for is explained where it scores highest: that it was not
    /// detected is a question too.
    ///
    /// # Errors
    /// There is no such box, or no detection there; the message says what there is instead.
    pub fn detection(
        &self,
        detected: &DetectedPhoto,
        asked: Option<&TargetOutput>,
    ) -> Result<Detection> {
        let name = detected.path.display();
        if let Some(default_box) = self.default_box {
            return Ok(detected.detector.describe(&detected.forward, default_box)?);
        }
        if detected.model.manifest.kind == DetectorKind::Classifier {
            return Ok(detected.detector.describe(&detected.forward, 0)?);
        }
        let Some(best) = detected.detections.first() else {
            if let (Some(TargetOutput::Class(class)), None) = (asked, self.at) {
                let class = detected.model.manifest.class(class)?;
                return Ok(detected.detector.strongest(&detected.forward, class)?);
            }
            bail!(
                "nothing scores above {} in {name}: lower --score-threshold, name a class with --target class:NAME, or a default box with --box",
                detected.thresholds.score
            );
        };
        let Some(point) = self.at else {
            return Ok(best.clone());
        };
        let (width, height) = detected.image.dimensions();
        ensure!(
            (0.0..=width as f32).contains(&point.x) && (0.0..=height as f32).contains(&point.y),
            "{},{} lies outside of {name}, which is {width}x{height}",
            point.x,
            point.y
        );
        let hit = detected
            .detections
            .iter()
            .find(|detection| detected.pixels(detection).contains([point.x, point.y]));
        hit.cloned().with_context(|| {
            format!(
                "nothing was detected at {},{} in {name}; there is {}",
                point.x,
                point.y,
                text::list(detected)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_two_numbers() {
        assert_eq!(
            "320,200.5".parse::<Point>().unwrap(),
            Point { x: 320.0, y: 200.5 }
        );
        assert_eq!(
            " 3 , 4 ".parse::<Point>().unwrap(),
            Point { x: 3.0, y: 4.0 }
        );
        for text in ["320", "320x200", "1,2,3", "a,b", "NaN,1", "1,inf", ""] {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
    }
}
