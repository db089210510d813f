//! Which default box is meant: `--best`, `--at X,Y`, `--box N` or `--missing …` in, what the network said there out.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ssdcrp::crp::TargetOutput;
use ssdcrp::detect::{Absence, BoxChoice, Detection, MissingPlace, in_words};
use ssdcrp::geometry::{Pixel, Rect};

use super::detected_photo::DetectedPhoto;

/// How the default box is named.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct DefaultBoxArgs {
    /// Explain the detection with the highest score [default, except with --target class:NAME: the detection of NAME with the highest score, or if NAME was not detected, the default box where it scores
    /// highest]
    #[arg(long)]
    best: bool,
    /// Explain the smallest of the detections at this point, in pixels from the top left, as a click in the video does
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true)]
    at: Option<Point>,
    /// Explain the default box with this number, detected or not; `detect` prints the numbers of detections
    #[arg(long = "box", value_name = "N")]
    default_box: Option<usize>,
    /// Explain why nothing was found at this place: a point near the object's middle, or a box, in pixels from the top left. The default box that came nearest to a detection is explained, for the
    /// class of --target class:NAME, or for the likeliest class that was not detected there
    #[arg(long, value_name = "X,Y|X0,Y0,X1,Y1", allow_hyphen_values = true)]
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
    Point(Point),
    Box(Rect<Pixel>),
}

impl FromStr for Spot {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split(',').map(|n| n.trim().parse().ok());
        let numbers = numbers.map(|n| n.filter(|n: &f32| n.is_finite()));
        let spot = match numbers.collect::<Option<Vec<f32>>>().as_deref() {
            Some(&[x, y]) => Some(Self::Point(Point { x, y })),
            Some(&[x0, y0, x1, y1]) if x0 < x1 && y0 < y1 => {
                Some(Self::Box(Rect::new(x0, y0, x1, y1)))
            }
            _ => None,
        };
        spot.context(
            "a point X,Y or a box X0,Y0,X1,Y1 is expected, as in 320,200 or 100,50,300,250: X0 < X1 and Y0 < Y1",
        )
    }
}

/// An object that is missing: where, in shares of the photo, and why.
#[derive(Clone, Debug)]
pub struct MissingObject {
    pub place: MissingPlace,
    pub absence: Absence,
}

/// What is explained of a picture, or why there is nothing.
pub enum ChosenBox {
    Found(Detection),
    /// In words.
    Nothing(String),
}

/// A place in the photo, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    x: f32,
    y: f32,
}

impl Point {
    /// As shares of the photo's width and height.
    ///
    /// # Errors
    /// It lies outside of the photo.
    fn shares_of(self, detected: &DetectedPhoto) -> Result<[f32; 2]> {
        let Self { x, y } = self;
        let size = detected.size();
        let shares = size.shares_of([x, y]);
        shares.with_context(|| {
            let name = detected.source.name();
            format!("{x},{y} lies outside of {name}, which is {size}")
        })
    }
}

/// A box in shares of the photo, as far as it lies in it.
///
/// # Errors
/// All of it lies outside of the photo.
fn shares_of(rect: Rect<Pixel>, detected: &DetectedPhoto) -> Result<Rect> {
    let size = detected.size();
    let (width, height) = (size.width as f32, size.height as f32);
    let share: Rect = rect.scaled(1.0 / width, 1.0 / height).edges().into();
    let inside = share.clipped();
    ensure!(
        inside.area() > 0.0,
        "the box {} lies outside of {}, which is {size}",
        rect.edges().map(|edge| edge.to_string()).join(","),
        detected.source.name()
    );
    Ok(inside)
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
    /// Whether it is asked why something is missing.
    pub fn is_missing(&self) -> bool {
        self.missing.is_some()
    }

    /// What was named, in the words of the command line; nothing where the user left it to us.
    pub fn words(&self) -> Option<String> {
        let Self {
            best,
            at,
            default_box,
            missing,
        } = self;
        let at = at.map(|Point { x, y }| format!("at {x},{y}"));
        let default_box = default_box.map(|number| format!("box {number}"));
        let missing = missing.map(|spot| match spot {
            Spot::Point(Point { x, y }) => format!("missing {x},{y}"),
            Spot::Box(rect) => format!("missing {:?}", rect.edges()),
        });
        let best = best.then(|| "best".to_owned());
        best.or(at).or(default_box).or(missing)
    }

    /// Why a class is missing where the user says that one is, or without a class the likeliest; `None` where the user does not.
    ///
    /// # Errors
    /// A place outside of the photo, another question than about a class, or as [`Detector::absence`](ssdcrp::detect::Detector::absence).
    pub fn missing(
        &self,
        detected: &DetectedPhoto,
        asked: Option<&TargetOutput>,
    ) -> Result<Option<MissingObject>> {
        let Some(spot) = self.missing else {
            return Ok(None);
        };
        let place = match spot {
            Spot::Point(point) => MissingPlace::Point(point.shares_of(detected)?),
            Spot::Box(rect) => MissingPlace::Box(shares_of(rect, detected)?),
        };
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

    /// What the network said at the default box that is meant; `asked` is what is to be explained there, if the user said that.
    ///
    /// A class that is asked for without a place is explained where it was detected with the highest score, or else where it scores highest: that it was not detected is a question too.
    ///
    /// # Errors
    /// There is no such box, class or place.
    pub fn choose(
        &self,
        detected: &DetectedPhoto,
        asked: Option<&TargetOutput>,
    ) -> Result<ChosenBox> {
        let point = self.at.map(|point| point.shares_of(detected)).transpose()?;
        let class = asked.and_then(TargetOutput::class);
        let choice = BoxChoice::of(self.default_box, point, class.filter(|_| !self.best));
        let (forward, detections) = (&detected.forward, &detected.detections);
        let chosen = detected.detector.choose(forward, detections, &choice)?;
        Ok(chosen.map_or_else(
            || ChosenBox::Nothing(self.nothing(detected)),
            ChosenBox::Found,
        ))
    }

    /// Why there is nothing to explain, and what to do.
    fn nothing(&self, detected: &DetectedPhoto) -> String {
        let name = detected.source.name();
        let what_to_name = match self.at {
            Some(Point { x, y }) if !detected.detections.is_empty() => {
                let (labels, size) = (&detected.model.manifest.labels, detected.size());
                let there = in_words::list(&detected.detections, labels, size);
                return format!("nothing was detected at {x},{y} in {name}; there is {there}");
            }
            // The point would hold for the class too.
            Some(_) => "or name a default box with --box",
            None => "name a class with --target class:NAME, or a default box with --box",
        };
        let score = detected.thresholds.score;
        format!("nothing scores above {score} in {name}: lower --score-threshold, {what_to_name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_a_point_or_a_box() {
        let spot = |text: &str| text.parse::<Spot>().ok();
        let point = Point { x: 3.0, y: 4.5 };
        assert_eq!(spot("3, 4.5"), Some(Spot::Point(point)));
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
