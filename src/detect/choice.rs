//! Which default box of a picture is meant: how somebody names it and what was detected in, what the network said there out.

use super::class::ClassRef;
use super::detection::Detection;
use super::detector::{Detector, Forward};
use super::manifest::DetectorKind;
use crate::error::Result;
use crate::geometry::smallest_under;

/// How a default box is named.
#[derive(Clone, Debug, PartialEq)]
pub enum BoxChoice {
    /// That of the detection with the highest score.
    Best,
    /// That of the smallest detection whose box holds a point, as shares of the picture's width and height: what a click in a video picks.
    At([f32; 2]),
    /// That of a class's detection with the highest score; where the class is not detected, as [`BoxChoice::Strongest`]. There is background everywhere, so that it is asked about at
    /// the best detection, if there is one.
    Class(ClassRef),
    /// The one where a class scores highest, detected or not.
    Strongest(ClassRef),
    /// The one of this number, 0..D, detected or not.
    Number(usize),
}

impl Detector {
    /// What the network said at the default box that is meant; `None` where a detection is meant and there is none. `detections` are those of the forward pass, best first.
    ///
    /// A classifier has one default box, the picture. It is what every choice but a number means, whether a class scores above the threshold or not.
    ///
    /// # Errors
    /// There is no such class or default box, or as [`Detector::detections`].
    pub fn choose(
        &self,
        forward: &Forward,
        detections: &[Detection],
        choice: &BoxChoice,
    ) -> Result<Option<Detection>> {
        let manifest = &self.model().manifest;
        let best = || detections.first().cloned();
        Ok(match choice {
            BoxChoice::Number(number) => Some(self.describe(forward, *number)?),
            BoxChoice::Strongest(class) => Some(self.strongest(forward, manifest.class(class)?)?),
            _ if manifest.kind == DetectorKind::Classifier => Some(self.describe(forward, 0)?),
            BoxChoice::Best => best(),
            BoxChoice::At(point) => {
                let under = smallest_under(detections.iter().map(|d| d.rect), *point);
                under.and_then(|index| detections.get(index)).cloned()
            }
            BoxChoice::Class(class) => {
                let class = manifest.class(class)?;
                let of_class = detections.iter().find(|found| found.class == class);
                let is_background = manifest.background() == Some(class);
                let found = of_class.cloned();
                Some(match found.or_else(|| best().filter(|_| is_background)) {
                    Some(found) => found,
                    None => self.strongest(forward, class)?,
                })
            }
        })
    }
}
