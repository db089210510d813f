//! Picks a default box of a picture: in, how somebody names it; out, what the network said there.

use super::class::{ClassId, ClassRef};
use super::detection::Detection;
use super::detector::{Detector, Forward};
use super::manifest::DetectorKind;
use crate::error::Result;
use crate::error::argument::ensure;
use crate::geometry::smallest_under;

/// How a default box is named.
#[derive(Clone, Debug, PartialEq)]
pub enum BoxChoice {
    /// The default box of the detection with the highest score.
    Best,
    /// The default box of the smallest detection that holds a point, as shares of the picture's width and height: what a click in a video picks.
    At([f32; 2]),
    /// The default box of a class's detection with the highest score; where the class is not detected, as [`BoxChoice::Strongest`]. There is background everywhere, so that it is asked about at
    /// the best detection, if there is one.
    Class(ClassRef),
    /// The default box where a class scores highest, detected or not.
    Strongest(ClassRef),
    /// The default box of this number, 0..D, detected or not, as the class that scores highest there.
    Number(usize),
    /// The default box of this number as this class, for one default box may be detected as several.
    NumberAs(usize, ClassId),
}

impl BoxChoice {
    /// What somebody means who may name a number, a point, as shares of the picture's width and height, and a class: the first of these that is named, or else the best detection.
    pub fn of(number: Option<usize>, point: Option<[f32; 2]>, class: Option<&ClassRef>) -> Self {
        match (number, point, class) {
            (Some(number), ..) => Self::Number(number),
            (None, Some(point), _) => Self::At(point),
            (None, None, Some(class)) => Self::Class(class.clone()),
            (None, None, None) => Self::Best,
        }
    }
}

impl Detector {
    /// What the network said at the default box that is meant; `None` where a detection is meant and there is none. `detections` are those of the forward pass, best first.
    ///
    /// A classifier has one default box, the picture. It is what every choice but a number means, whether a class scores above the threshold or not.
    ///
    /// # Errors
    /// There is no such class, default box or place in the picture, or no score that is a number.
    pub fn choose(
        &self,
        forward: &Forward,
        detections: &[Detection],
        choice: &BoxChoice,
    ) -> Result<Option<Detection>> {
        let manifest = &self.model().manifest;
        let is_classifier = manifest.kind == DetectorKind::Classifier;
        let best = || match is_classifier {
            true => self.describe(forward, 0).map(Some),
            false => Ok(detections.first().cloned()),
        };
        match choice {
            BoxChoice::Number(number) => self.describe(forward, *number).map(Some),
            BoxChoice::NumberAs(number, class) => {
                self.describe_as(forward, *number, *class).map(Some)
            }
            BoxChoice::Strongest(class) => {
                self.strongest(forward, manifest.class(class)?).map(Some)
            }
            BoxChoice::Best => best(),
            BoxChoice::At(point) => {
                let [x, y] = *point;
                ensure!(
                    [x, y].iter().all(|share| (0.0..=1.0).contains(share)),
                    "{x}, {y} lies outside of the picture: shares of its width and height are expected, 0 to 1"
                );
                if is_classifier {
                    return best();
                }
                let under = smallest_under(detections.iter().map(|d| d.rect), *point);
                Ok(under.and_then(|index| detections.get(index)).cloned())
            }
            BoxChoice::Class(class) => {
                let class = manifest.class(class)?;
                if manifest.background() == Some(class) {
                    return best();
                }
                match detections.iter().find(|found| found.class == class) {
                    Some(found) => Ok(Some(found.clone())),
                    None => self.strongest(forward, class).map(Some),
                }
            }
        }
    }

    /// What the network said at a default box that was chosen, as the class that is asked about there. Where none is asked about, it is as it was chosen; so it is for the background, as which
    /// nothing is detected.
    ///
    /// # Errors
    /// There is no such class.
    pub fn as_asked(
        &self,
        forward: &Forward,
        chosen: &Detection,
        asked: Option<&ClassRef>,
    ) -> Result<Detection> {
        let manifest = &self.model().manifest;
        let class = asked.map(|class| manifest.class(class)).transpose()?;
        match class.filter(|&class| manifest.background() != Some(class)) {
            Some(class) => self.describe_as(forward, chosen.default_box, class),
            None => Ok(chosen.clone()),
        }
    }
}
