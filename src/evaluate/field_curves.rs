//! Pixels taken away and put back as D-RISE and ODAM do it, and what the detector says then of the object.
//!
//! In: a photo, a detection on it and a map. Out: [`FieldCurves`].

use ndarray::{Array2, Array4};

use super::field::FieldCurves;
use super::photo::{EvaluatedPhoto, Subject};
use super::random::Random;
use crate::detect::manifest::InputSection;
use crate::detect::{Detector, Forward, Model};
use crate::error::Result;

/// Steps of deletion and insertion, each of as many pixels.
pub const STEPS: usize = 20;
/// ODAM's deletion is measured so often, up to the object's own area.
pub const ODAM_STEPS: usize = 10;
/// From this intersection over union on, ODAM counts a box as the object's.
const ODAM_OVERLAP: f32 = 0.5;
/// The largest value of a colour.
const WHITE: f64 = 255.0;

/// D-RISE's likeness of what is found to the detection, 0 to 1: the largest overlap × score of its class.
///
/// # Errors
/// Outputs that are not those of the detector's network.
pub fn likeness(detector: &Detector, forward: &Forward, subject: &Subject) -> Result<f64> {
    let detection = &subject.detection;
    let found = detector.matching(forward, &detection.rect, detection.class, |overlap| overlap);
    Ok(f64::from(found?))
}

/// The curves of `map` `[H, W]`, a number for each pixel of the picture's part of the network's input; what is random is drawn from `random`.
///
/// # Errors
/// A failure inside ONNX Runtime.
pub fn curves(
    detector: &mut Detector,
    photo: &EvaluatedPhoto,
    model: &Model,
    subject: &Subject,
    map: &Array2<f32>,
    random: &mut Random,
) -> Result<FieldCurves> {
    let order = descending(map);
    let whole = photo.forward.input.picture_values();
    let run = |detector: &mut Detector, picture: &Array4<f32>| -> Result<Forward> {
        detector.forward(photo.forward.input.with_picture_values(picture)?)
    };
    let mut exchanged = |from: &Array4<f32>, to: &Array4<f32>| -> Result<Vec<f64>> {
        let mut picture = from.clone();
        let mut curve = Vec::with_capacity(STEPS + 1);
        for step in 0..=STEPS {
            for &[y, x] in part(&order, step, STEPS) {
                for channel in 0..picture.dim().1 {
                    picture[[0, channel, y, x]] = to[[0, channel, y, x]];
                }
            }
            let forward = run(detector, &picture)?;
            curve.push(likeness(detector, &forward, subject)?);
        }
        Ok(curve)
    };
    let deletion = exchanged(&whole, &photo.reference)?;
    let insertion = exchanged(&photo.reference, &whole)?;

    let score = |detector: &Detector, forward: &Forward| -> Result<f64> {
        let detection = &subject.detection;
        let counts = |overlap: f32| f32::from(overlap > ODAM_OVERLAP);
        let found = detector.matching(forward, &detection.rect, detection.class, counts);
        Ok(f64::from(found?))
    };
    let area = f64::from(subject.object().clipped().area()) * map.len() as f64;
    let object = &order[..(area.round() as usize).clamp(1, order.len())];
    let mut picture = whole;
    let initial = score(detector, &photo.forward)?;
    let mut odam_deletion = vec![1.0];
    for step in 1..=ODAM_STEPS {
        for &[y, x] in part(object, step, ODAM_STEPS) {
            for channel in 0..picture.dim().1 {
                let value = random.unit() * WHITE;
                picture[[0, channel, y, x]] = normalised(value, channel, &model.manifest.input);
            }
        }
        let forward = run(detector, &picture)?;
        let share = score(detector, &forward)? / initial.max(f64::MIN_POSITIVE);
        odam_deletion.push(share);
    }
    Ok(FieldCurves {
        deletion,
        insertion,
        odam_deletion,
    })
}

/// A colour's value, 0 to 255, as the network reads it in one of its channels, 0 to 2.
pub fn normalised(value: f64, channel: usize, input: &InputSection) -> f32 {
    (value as f32 - input.mean[channel]) / input.std[channel]
}

/// Row and column of all pixels, the most relevant first; of equals those row by row from the top left.
fn descending(map: &Array2<f32>) -> Vec<[usize; 2]> {
    let mut order: Vec<[usize; 2]> = map.indexed_iter().map(|((y, x), _)| [y, x]).collect();
    order.sort_by(|&a, &b| map[b].total_cmp(&map[a]));
    order
}

/// Which of `all` go in step `step` of `steps`, 1 being the first; none go in step 0.
fn part<T>(all: &[T], step: usize, steps: usize) -> &[T] {
    let until = |step: usize| all.len() * step / steps;
    &all[until(step.saturating_sub(1))..until(step)]
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn pixels_go_in_the_order_of_their_relevance() {
        let order = descending(&array![[1.0, -5.0], [1.0, 7.0]]);
        assert_eq!(order, [[1, 1], [0, 0], [1, 0], [0, 1]]);
    }

    #[test]
    fn parts_make_up_the_whole() {
        let all: Vec<usize> = (0..37).collect();
        assert!(part(&all, 0, 5).is_empty());
        let parts: Vec<usize> = (1..=5)
            .flat_map(|step| part(&all, step, 5))
            .copied()
            .collect();
        assert_eq!(parts, all);
    }
}
