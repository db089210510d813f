//! The measures by which the field compares explanations of detectors; docs/evaluation.md defines each and names its source.
//!
//! In: a map, the boxes on the picture, and what the detector says while pixels are taken away. Out: [`FieldScores`].

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::photo::Subject;
use crate::crp::RelevanceSummary;
use crate::geometry::Rect;

/// What the field's measures say of one map, that of the first column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldScores {
    /// The detector's score × overlap while the most relevant pixels go first, from the whole picture to the blurred one in even steps, 0 to 1.
    pub deletion: Vec<f64>,
    /// The same while the most relevant pixels come first, from the blurred picture to the whole one.
    pub insertion: Vec<f64>,
    /// The score as a share of that of the whole picture while the most relevant pixels, a tenth of the object's area a step, become noise.
    pub odam_deletion: Vec<f64>,
    /// Whether the most relevant pixel lies in the detection's box.
    pub pointing: bool,
    /// The same of the true box and the share of the positive relevance in that, where the truth is given and the detection found an object.
    pub truth: Option<TruthScores>,
    /// Share of the positive relevance on objects that is on others, 0 to 1; where there are others.
    pub discrimination: Option<f64>,
    /// Largest over mean positive relevance, at least 1; where there is some.
    pub sparsity: Option<f64>,
    /// Cosine of the map with that of the picture with a little noise, −1 to 1.
    pub repeatability: f64,
}

/// A map against the box that somebody drew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthScores {
    /// Whether the most relevant pixel lies in it.
    pub pointing: bool,
    /// Share of the positive relevance in it, 0 to 1.
    pub energy: f64,
}

/// The curves of [`FieldScores`], whose ranges are there.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldCurves {
    /// Likeness, 0 to 1, at `STEPS + 1` places from the whole picture to the blurred one.
    pub deletion: Vec<f64>,
    /// Likeness, 0 to 1, at `STEPS + 1` places from the blurred picture to the whole one.
    pub insertion: Vec<f64>,
    /// Score as a share of that of the whole picture, 0 or more, at `ODAM_STEPS + 1` places.
    pub odam_deletion: Vec<f64>,
}

impl FieldScores {
    /// Measures `map` `[H, W]` of the picture in the network's input.
    pub fn new(
        map: &Array2<f32>,
        subject: &Subject,
        curves: FieldCurves,
        repeatability: f64,
    ) -> Self {
        let positive = map.mapv(|r| r.max(0.0));
        let truth = subject.truth.map(|rect| TruthScores {
            pointing: points_at(map, &rect),
            energy: RelevanceSummary::of(&positive, &rect).in_box_share,
        });
        Self {
            deletion: curves.deletion,
            insertion: curves.insertion,
            odam_deletion: curves.odam_deletion,
            pointing: points_at(map, &subject.detection.rect),
            truth,
            discrimination: discrimination(&positive, &subject.object(), &subject.others),
            sparsity: sparsity(&positive),
            repeatability,
        }
    }

    /// Area under the deletion curve, 0 to 1; lower is better.
    pub fn deletion_auc(&self) -> f64 {
        area(&self.deletion)
    }

    /// Area under the insertion curve, 0 to 1; higher is better.
    pub fn insertion_auc(&self) -> f64 {
        area(&self.insertion)
    }

    /// Insertion minus deletion, −1 to 1; higher is better.
    pub fn overall(&self) -> f64 {
        self.insertion_auc() - self.deletion_auc()
    }

    /// Area under the curve of ODAM's deletion; lower is better.
    pub fn odam_deletion_auc(&self) -> f64 {
        area(&self.odam_deletion)
    }
}

/// The area under a curve over 0 to 1, by trapezoids; 0 of less than two points.
fn area(curve: &[f64]) -> f64 {
    let steps = curve.len().saturating_sub(1).max(1) as f64;
    let trapezoids = curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    trapezoids.sum::<f64>() / steps
}

/// Whether the largest value, the first of equals, lies in `rect`; never where nothing is above 0.
fn points_at(map: &Array2<f32>, rect: &Rect) -> bool {
    let (height, width) = map.dim();
    let largest = map.indexed_iter().filter(|(_, r)| **r > 0.0);
    let largest = largest.reduce(|best, other| if other.1 > best.1 { other } else { best });
    largest.is_some_and(|((y, x), _)| rect.contains(centre([x, y], [width, height])))
}

/// A pixel's centre in shares of the picture.
fn centre([x, y]: [usize; 2], [width, height]: [usize; 2]) -> [f32; 2] {
    [
        (x as f32 + 0.5) / width as f32,
        (y as f32 + 0.5) / height as f32,
    ]
}

/// The object discrimination index: of what a map without negative values has on `object` and the `others`, the share on the others.
fn discrimination(map: &Array2<f32>, object: &Rect, others: &[Rect]) -> Option<f64> {
    if others.is_empty() {
        return None;
    }
    let (height, width) = map.dim();
    let (mut on_objects, mut on_others) = (0.0, 0.0);
    for ((y, x), &relevance) in map.indexed_iter() {
        let place = centre([x, y], [width, height]);
        let is_on_other = others.iter().any(|other| other.contains(place));
        if is_on_other {
            on_others += f64::from(relevance);
        }
        if is_on_other || object.contains(place) {
            on_objects += f64::from(relevance);
        }
    }
    // A map that is on no object is not on the right one.
    Some(if on_objects > 0.0 {
        on_others / on_objects
    } else {
        1.0
    })
}

/// Largest over mean value of a map without negative values.
fn sparsity(map: &Array2<f32>) -> Option<f64> {
    let sum: f64 = map.iter().map(|&r| f64::from(r)).sum();
    let largest = map.iter().copied().fold(0.0_f32, f32::max);
    (sum > 0.0).then(|| f64::from(largest) * map.len() as f64 / sum)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn an_area_is_that_of_the_trapezoids() {
        assert_eq!(area(&[1.0, 0.0]), 0.5);
        assert!((area(&[1.0, 0.5, 0.0, 0.0]) - (0.75 + 0.25) / 3.0).abs() < 1e-12);
        assert_eq!(area(&[]), 0.0);
    }

    #[test]
    fn a_map_points_at_its_first_largest_value() {
        let map = array![[0.0, 2.0], [1.0, 2.0]];
        assert!(points_at(&map, &Rect::new(0.5, 0.0, 1.0, 0.5)));
        assert!(!points_at(&map, &Rect::new(0.0, 0.5, 1.0, 1.0)));
        let none = array![[-1.0, 0.0], [-1.0, -2.0]];
        assert!(!points_at(&none, &Rect::new(0.0, 0.0, 1.0, 1.0)));
    }

    #[test]
    fn what_is_on_other_objects_does_not_discriminate() {
        let map = array![[1.0, 2.0, 3.0, 4.0]];
        let [own, other] = [
            Rect::new(0.0, 0.0, 0.5, 1.0),
            Rect::new(0.5, 0.0, 0.75, 1.0),
        ];
        assert_eq!(discrimination(&map, &own, &[other]), Some(0.5));
        assert_eq!(discrimination(&map, &own, &[]), None);
        // What both share is on the other.
        assert_eq!(discrimination(&map, &own, &[own]), Some(1.0));
        let nothing = map.mapv(|_| 0.0);
        assert_eq!(discrimination(&nothing, &own, &[other]), Some(1.0));
    }

    #[test]
    fn one_bright_pixel_of_four_is_four_times_the_mean() {
        assert_eq!(sparsity(&array![[0.0, 0.0], [3.0, 0.0]]), Some(4.0));
        assert_eq!(sparsity(&array![[2.0, 2.0]]), Some(1.0));
        assert_eq!(sparsity(&array![[0.0, 0.0]]), None);
    }
}
