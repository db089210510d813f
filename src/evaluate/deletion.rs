//! Deletion: how much faster a quantity falls when the most relevant blocks are taken away first than when the least relevant ones are.
//!
//! In: a photo, the order in which a map wants its blocks, the quantities. Out: their values after every step. The protocol: blocks of [`BLOCK`](crate::perturbation::BLOCK) pixels of the network's input are replaced
//! ([`Replacement`](super::Replacement)), [`SHARE`] of them a step, [`STEPS`] steps.

use serde::{Deserialize, Serialize};

use super::photo::EvaluatedPhoto;
use crate::crp::Quantity;
use crate::detect::Detector;
use crate::error::Result;
use crate::perturbation::Blocks;

/// The share of the blocks that is replaced in each step: that of a check, which is the first step.
pub use crate::check::SHARE;
/// The number of steps, up to 40 % of the blocks.
pub const STEPS: usize = 10;

/// A quantity while blocks are taken away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Its value for the whole picture.
    pub initial: f64,
    /// After each step, the most relevant blocks first.
    pub most: Vec<f64>,
    /// After each step, the least relevant blocks first.
    pub least: Vec<f64>,
}

impl Curve {
    /// The mean over the steps of (least relevant first − most relevant first): the higher, the better the map knows what matters. Around 0 for a random map.
    pub fn score(&self) -> f64 {
        let differences = self.least.iter().zip(&self.most).map(|(l, m)| l - m);
        differences.sum::<f64>() / self.most.len().max(1) as f64
    }

    /// The score as a share of |initial value|; 0 where that is 0.
    pub fn relative(&self) -> f64 {
        if self.initial == 0.0 {
            0.0
        } else {
            self.score() / self.initial.abs()
        }
    }
}

/// The curves of `quantities` when the `blocks` of a photo go in two `orders`, the most and the least relevant first.
///
/// # Errors
/// A failure inside ONNX Runtime.
pub fn curves(
    detector: &mut Detector,
    photo: &EvaluatedPhoto,
    blocks: Blocks,
    orders: &[Vec<usize>; 2],
    quantities: &[Quantity],
) -> Result<Vec<Curve>> {
    let mut runs = [vec![], vec![]];
    for (order, steps) in orders.iter().zip(&mut runs) {
        let mut picture = photo.forward.input.picture_values();
        let mut done = 0;
        for step in 1..=STEPS {
            let until = (SHARE * (step * blocks.count()) as f64).round() as usize;
            for &block in order.iter().take(until).skip(done) {
                blocks.replace(&mut picture, &photo.replacement, block);
            }
            done = until;
            let input = photo.forward.input.with_picture_values(&picture)?;
            let forward = detector.forward(input)?;
            let values = quantities.iter().map(|quantity| quantity.value(&forward));
            steps.push(values.collect::<Vec<f64>>());
        }
    }
    let [most, least] = runs;
    Ok(quantities
        .iter()
        .enumerate()
        .map(|(index, quantity)| Curve {
            initial: quantity.value(&photo.forward),
            most: most.iter().map(|values| values[index]).collect(),
            least: least.iter().map(|values| values[index]).collect(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_mean_difference() {
        let curve = Curve {
            initial: -4.0,
            most: vec![3.0, 1.0],
            least: vec![5.0, 4.5],
        };
        assert_eq!(curve.score(), 2.75);
        assert_eq!(curve.relative(), 2.75 / 4.0);
    }

    #[test]
    fn steps_end_at_forty_per_cent() {
        let blocks = Blocks::new(300, 300, crate::perturbation::BLOCK).count();
        let replaced = |step: usize| (SHARE * (step * blocks) as f64).round() as usize;
        assert_eq!((blocks, replaced(1), replaced(STEPS)), (225, 9, 90));
    }
}
