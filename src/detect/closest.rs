//! Which default box stands for a box that somebody else detected: of those that the network takes for its class, the one that lies closest to it.
//!
//! In: a forward pass's outputs, and boxes with their classes. Out: a [`BoxMatch`] for each. `docs/method.md` defines it.

use std::collections::BTreeSet;

use super::class::ClassId;
use super::detection::{Detection, Predictions};
use super::near_miss::ON_OBJECT;
use crate::error::Result;
use crate::geometry::Rect;

/// The default box that stands for a box of somebody else.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxMatch {
    /// What the network says there, detected or not, with its own box.
    pub detection: Detection,
    /// The intersection over union of that box and the other one, above 0 and 1 at the most.
    pub overlap: f32,
}

/// The closest default box so far: its overlap and number.
type Closest = Option<(f32, usize)>;

/// The closest of the default boxes that say a class.
#[derive(Clone, Copy, Default)]
struct ClosestOf {
    /// Of those whose score for the class is above the threshold.
    detected: Closest,
    /// Of those where no other class has a larger logit.
    called: Closest,
}

impl ClosestOf {
    /// The one that stands for the box: one that is called so does where none that is detected lies on it.
    fn best(self) -> Closest {
        let overlap = |closest: Closest| closest.map_or(0.0, |(overlap, _)| overlap);
        match overlap(self.detected) >= ON_OBJECT || overlap(self.detected) >= overlap(self.called)
        {
            true => self.detected,
            false => self.called,
        }
    }
}

impl Predictions<'_> {
    /// For each of `boxes`, in shares of the picture, the default box whose own box overlaps it most: of those whose score for its class is above `threshold`, or, where none of them lies on it
    /// ([`ON_OBJECT`]), of those that are called so, where no other trained class has a larger logit, the background aside. Nothing is suppressed. `None` where none of them touches it.
    ///
    /// # Errors
    /// A class that cannot be detected.
    pub fn closest(
        &self,
        boxes: &[(ClassId, Rect)],
        threshold: f32,
    ) -> Result<Vec<Option<BoxMatch>>> {
        let mut closest = vec![ClosestOf::default(); boxes.len()];
        let classes: BTreeSet<ClassId> = boxes.iter().map(|&(class, _)| class).collect();
        for default_box in 0..self.len() {
            let called = self.called(default_box);
            let detected = self.above(default_box, &classes, threshold);
            if detected.is_empty() && !called.is_some_and(|class| classes.contains(&class)) {
                continue;
            }
            let rect = self.rect(default_box).clipped();
            // Of equals the first wins, as everywhere.
            let consider = |place: &mut Closest, overlap: f32| {
                if overlap > 0.0 && place.is_none_or(|(known, _)| overlap > known) {
                    *place = Some((overlap, default_box));
                }
            };
            for (places, (class, other)) in closest.iter_mut().zip(boxes) {
                if detected.contains(class) {
                    consider(&mut places.detected, rect.iou(other));
                }
                if called == Some(*class) {
                    consider(&mut places.called, rect.iou(other));
                }
            }
        }
        let found = closest.into_iter().zip(boxes).map(|(places, &(class, _))| {
            let Some((overlap, default_box)) = places.best() else {
                return Ok(None);
            };
            let detection = self.describe_as(default_box, class)?;
            Ok(Some(BoxMatch { detection, overlap }))
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};

    use super::*;
    use crate::detect::{DefaultBox, HeadGrid, HeadLayout, Manifest};

    const DOG: ClassId = ClassId(1);
    const CAT: ClassId = ClassId(2);

    /// Background, dog, cat, and one that was never trained.
    fn manifest() -> Manifest {
        let text = r#"
kind = "ssd"
name = "a_net"
labels = ["background", "dog", "cat", ""]
input = { colour = "rgb", mean = [0, 0, 0], std = [1, 1, 1], resize = "bilinear" }
output = { classes = "c", offsets = "o", offset_order = ["cx", "cy", "w", "h"], activation = "sigmoid" }
default_boxes = { generator = "tensorflow", aspect_ratios = [1.0] }
"#;
        Manifest::parse(text, "a.toml").unwrap()
    }

    /// Default box and overlap of each, where the network says these logits at boxes 0.2 wide and 0.4 high.
    fn closest(
        centres: &[f32],
        logits: &Array2<f32>,
        boxes: &[(ClassId, Rect)],
        threshold: f32,
    ) -> Vec<Option<(usize, f32)>> {
        let default_boxes: Vec<DefaultBox> = (centres.iter())
            .map(|&cx| DefaultBox {
                cx,
                cy: 0.5,
                w: 0.2,
                h: 0.4,
            })
            .collect();
        let grid = HeadGrid {
            rows: 1,
            cols: centres.len(),
            shapes: 1,
        };
        let layout = HeadLayout { heads: vec![grid] };
        let (manifest, offsets) = (manifest(), Array2::zeros((centres.len(), 4)));
        let predictions = Predictions::new(
            logits.view(),
            offsets.view(),
            &default_boxes,
            &layout,
            &manifest,
        );
        let found = predictions.unwrap().closest(boxes, threshold).unwrap();
        let found = found.into_iter().zip(boxes).map(|(found, (class, _))| {
            let found = found?;
            assert_eq!(found.detection.class, *class);
            Some((found.detection.default_box, found.overlap))
        });
        found.collect()
    }

    #[test]
    fn the_closest_box_of_the_class_is_found_however_unsure_the_network_is() {
        let logits = arr2(&[
            [9.0, -5.0, -6.0, 8.0],
            [-9.0, 4.0, 3.0, 8.0],
            [-9.0, 2.0, 3.0, 8.0],
            [-9.0, f32::NAN, -7.0, 8.0],
        ]);
        let at = |x0: f32| Rect::new(x0, 0.3, x0 + 0.2, 0.7);
        let boxes = [
            // On the first, of which the background and a class that was never trained have larger logits.
            (DOG, at(0.1)),
            // Nearer to the second, though it is less than half on it.
            (DOG, at(0.24)),
            // The cat is at the third.
            (CAT, at(0.24)),
            (CAT, at(0.7)),
            (DOG, at(0.55)),
            (DOG, Rect::new(f32::NAN, 0.3, 0.5, 0.7)),
        ];
        let found = closest(&[0.2, 0.4, 0.45, 0.8], &logits, &boxes, 0.99);
        let which: Vec<Option<usize>> = found.iter().map(|f| f.map(|(at, _)| at)).collect();
        assert_eq!(which, [Some(0), Some(1), Some(2), Some(3), None, None]);
        let overlaps = [1.0, 0.14 / 0.26, 0.09 / 0.31, 1.0];
        for (found, expected) in found.iter().zip(overlaps) {
            let (_, overlap) = found.unwrap();
            assert!((overlap - expected).abs() < 1e-5, "{overlap} {expected}");
        }
    }

    #[test]
    fn one_that_is_detected_stands_before_closer_ones_that_are_not() {
        // σ(2) = 0.88 is above the threshold, σ(1) = 0.73 is not; at the first the cat comes first all the same.
        let logits = arr2(&[
            [-9.0, 2.0, 3.0, 0.0],
            [-9.0, 1.0, -3.0, 0.0],
            [-9.0, 2.0, -3.0, 0.0],
        ]);
        let at = |x0: f32| Rect::new(x0, 0.3, x0 + 0.2, 0.7);
        let boxes = [(DOG, at(0.34)), (CAT, at(0.34)), (DOG, at(0.38))];
        let found = closest(&[0.42, 0.46, 0.8], &logits, &boxes, 0.8);
        let which: Vec<Option<usize>> = found.iter().map(|f| f.map(|(at, _)| at)).collect();
        assert_eq!(which, [Some(0), Some(0), Some(0)]);
        // Nearer to the second, and the first is not half on it.
        let found = closest(&[0.42, 0.46, 0.8], &logits, &[(DOG, at(0.49))], 0.8);
        assert_eq!(found[0].map(|(at, _)| at), Some(1));
    }

    #[test]
    fn of_equals_the_first_wins() {
        let logits = Array2::from_shape_fn((3, 4), |(d, k)| (k == 1) as u8 as f32 + d as f32);
        let rect = Rect::new(0.3, 0.3, 0.5, 0.7);
        let found = closest(&[0.4, 0.4, 0.4], &logits, &[(DOG, rect), (CAT, rect)], 0.99);
        assert_eq!(found[0].map(|(at, _)| at), Some(0));
        assert_eq!(found[1], None);
        assert!(closest(&[0.4], &Array2::zeros((1, 4)), &[], 0.5).is_empty());
    }
}
