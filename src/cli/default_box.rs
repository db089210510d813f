//! Which default box is meant: `--best`, `--at X,Y`, `--box N` or `--missing …` in, what the network said there out.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ssdcrp::crp::TargetOutput;
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::detect::{Absence, Detection, MissingPlace};
use ssdcrp::geometry::{Normalised, Pixel, Rect};

use super::detected_photo::DetectedPhoto;
use super::text;

/// The options that choose the default box.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct DefaultBoxArgs {
    /// Explain the detection with the highest score (default). If nothing is detected, --target class:NAME is explained at the default box where NAME scores highest
    #[arg(long)]
    best: bool,
    /// Explain the best of the detections at this point, in pixels from the top left
    #[arg(long, value_name = "X,Y")]
    at: Option<Point>,
    /// Explain the default box with this number, detected or not; `detect` prints the numbers of detections
    #[arg(long = "box", value_name = "N")]
    default_box: Option<usize>,
    /// Explain why nothing was found at this place: a point near the object's middle, or a box, in pixels from the top left. The default box that came nearest to a detection is explained, for the
    /// class of --target class:NAME, or for the likeliest class that was not detected there
    #[arg(long, value_name = "X,Y|X0,Y0,X1,Y1")]
    missing: Option<Spot>,
}

impl MissingObject {
    /// Why, for people.
    pub fn words(&self, detected: &DetectedPhoto) -> String {
        self.absence.words(&detected.model.manifest.labels)
    }
}

/// Where an object is missing, pixels of the photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spot {
    Point([f32; 2]),
    Box(Rect<Pixel>),
}

impl FromStr for Spot {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split(',').map(|n| n.trim().parse().ok());
        let numbers = numbers.map(|n| n.filter(|n: &f32| n.is_finite()));
        let spot = match numbers.collect::<Option<Vec<f32>>>().as_deref() {
            Some(&[x, y]) => Some(Self::Point([x, y])),
            Some(&[x0, y0, x1, y1]) if x0 < x1 && y0 < y1 => {
                Some(Self::Box(Rect::new(x0, y0, x1, y1)))
            }
            _ => None,
        };
        spot.context(
            "a point or the corners of a box are expected, as in 320,200 or 100,50,300,250",
        )
    }
}

/// An object that is missing: where, in shares of the photo, and why.
#[derive(Clone, Debug)]
pub struct MissingObject {
    pub place: MissingPlace,
    pub absence: Absence,
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
    /// Whether the question is why something is missing.
    pub fn is_missing(&self) -> bool {
        self.missing.is_some()
    }

    /// Why a class is missing at the place that the user gave; without a class, the likeliest one. `None` if the user gave no place.
    ///
    /// # Errors
    /// The place is outside of the photo, the question is not about a class, or as [`Detector::absence`](ssdcrp::detect::Detector::absence).
    pub fn missing(
        &self,
        detected: &DetectedPhoto,
        asked: Option<&TargetOutput>,
    ) -> Result<Option<MissingObject>> {
        let Some(spot) = self.missing else {
            return Ok(None);
        };
        let (width, height) = detected.image.dimensions();
        let (width, height) = (width as f32, height as f32);
        let whole = Rect::<Pixel>::new(0.0, 0.0, width, height);
        let (is_inside, place) = match spot {
            Spot::Point([x, y]) => {
                let place = MissingPlace::Point([x / width, y / height]);
                (whole.contains([x, y]), place)
            }
            Spot::Box(rect) => {
                let share = rect.scaled(1.0 / width, 1.0 / height).edges();
                let place = MissingPlace::Box(Rect::<Normalised>::from(share).clipped());
                (rect.intersection(&whole).area() > 0.0, place)
            }
        };
        ensure!(
            is_inside,
            "--missing lies outside of {}, which is {width}x{height}",
            detected.path.display()
        );
        let class = match asked {
            None => None,
            Some(TargetOutput::Class(class)) => Some(detected.model.manifest.class(class)?),
            Some(other) => {
                bail!("--missing asks for a class, not for {other}: --target class:NAME")
            }
        };
        let absence =
            (detected.detector).absence(&detected.forward, place, class, detected.thresholds)?;
        Ok(Some(MissingObject { place, absence }))
    }

    /// What the network said at the chosen default box; `asked` is the output to explain, if the user gave one.
    ///
    /// A classifier has one default box, the picture. If nothing was detected, a class that the user named is explained where it scores highest: why it
    /// was not detected is a question too.
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
    fn a_spot_is_a_point_or_a_box() {
        let spot = |text: &str| text.parse::<Spot>().ok();
        assert_eq!(spot("3, 4.5"), Some(Spot::Point([3.0, 4.5])));
        let rect = Rect::new(1.0, 2.0, 30.0, 40.0);
        assert_eq!(spot("1,2,30,40"), Some(Spot::Box(rect)));
        for text in [
            "",
            "1",
            "1,2,3",
            "30,2,1,40",
            "1,40,30,40",
            "NaN,2",
            "1,2,inf,4",
            "1,2,3,4,5",
        ] {
            assert_eq!(spot(text), None, "{text}");
        }
    }

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
