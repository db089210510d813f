//! Random masks, after D-RISE (Petsiuk et al., *Black-box Explanation of Object Detectors via Saliency Maps*, CVPR 2021): a pixel matters as much as the quantity rises
//! with its being left in the picture.
//!
//! As there, masks are random grids of 16 × 16 cells, each left with a probability of one half, enlarged bilinearly and shifted at random. Two things are adapted to
//! the protocol: what is masked is replaced by the blurred picture, and the weight of a mask is the target's quantity minus its mean over all masks, rather than the
//! likeness to a detection, so that quantities may be negative.

use std::sync::Arc;
use std::time::Instant;

use ndarray::Array2;

use super::{Attribution, Method};
use crate::bilinear::{Tap, stretched};
use crate::crp::{Quantity, Target};
use crate::detect::{Detector, Model, NetworkInput};
use crate::error::Result;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::evaluate::random::Random;
use crate::runtime::SessionOptions;

/// Cells on a side of a mask.
const CELLS: usize = 16;
/// The probability with which a cell stays.
const KEPT: f64 = 0.5;

/// What a method needs that asks the network about masked pictures.
pub(super) struct MaskedRuns {
    pub(super) model: Arc<Model>,
    pub(super) detector: Detector,
    /// Masks a picture, at least 1.
    pub(super) count: usize,
    seed: u64,
}

impl MaskedRuns {
    /// `count` masks, at least 1, the same for every picture; the network runs as `options` say.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub(super) fn new(
        model: Arc<Model>,
        count: usize,
        seed: u64,
        options: SessionOptions,
    ) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(model.clone(), options)?,
            model,
            count: count.max(1),
            seed,
        })
    }

    /// What the masks of a picture are drawn from: the same for every picture, others in each repetition.
    pub(super) fn random(&self, photo: &EvaluatedPhoto) -> Random {
        match photo.repetition {
            0 => Random::new(self.seed, "masks"),
            repetition => Random::new(self.seed, &format!("masks {repetition}")),
        }
    }
}

/// One forward pass a mask, shared by all targets.
pub struct RandomMasks {
    name: String,
    runs: MaskedRuns,
}

impl RandomMasks {
    /// `count` masks, at least 1, the same for every picture; the network runs as `options` say.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub fn new(
        model: Arc<Model>,
        count: usize,
        seed: u64,
        options: SessionOptions,
    ) -> Result<Self> {
        Ok(Self {
            name: format!("masks:{count}"),
            runs: MaskedRuns::new(model, count, seed, options)?,
        })
    }
}

impl Method for RandomMasks {
    fn name(&self) -> &str {
        &self.name
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        let started = Instant::now();
        let quantities = Quantity::all(targets, &self.runs.model, &photo.forward)?;
        let whole: Vec<f64> = quantities
            .iter()
            .map(|quantity| quantity.value(&photo.forward))
            .collect();
        let (_, _, height, width) = photo.reference.dim();
        let mut random = self.runs.random(photo);
        let mut kept = Array2::<f64>::zeros((height, width));
        let mut weighted = vec![kept.clone(); targets.len()];
        let mut sums = vec![0.0; targets.len()];
        for _ in 0..self.runs.count {
            let mask = mask(&mut random, height, width);
            kept.zip_mut_with(&mask, |sum, &m| *sum += f64::from(m));
            let blurred = |channel, y, x| photo.reference[[0, channel, y, x]];
            let input = masked(photo, &mask, blurred);
            let forward = self.runs.detector.forward(input)?;
            for (index, quantity) in quantities.iter().enumerate() {
                // Measured from the whole picture's value, which keeps the sums small.
                let value = quantity.value(&forward) - whole[index];
                sums[index] += value;
                weighted[index].zip_mut_with(&mask, |sum, &m| *sum += value * f64::from(m));
            }
        }
        let count = self.runs.count as f64;
        let maps: Vec<Array2<f32>> = weighted
            .into_iter()
            .zip(sums)
            .map(|(mut map, sum)| {
                map.zip_mut_with(&kept, |r, kept| *r = (*r - sum / count * kept) / count);
                map.mapv(|r| r as f32)
            })
            .collect();
        // One map needs all the forward passes too.
        let took = started.elapsed();
        Ok(maps
            .into_iter()
            .map(|map| Attribution { map, took })
            .collect())
    }
}

/// A mask `[height, width]` of values from 0 (replaced) to 1 (kept).
pub(super) fn mask(random: &mut Random, height: usize, width: usize) -> Array2<f32> {
    // One cell more for the shift, and one for the interpolation to end at.
    let grid = Array2::from_shape_simple_fn((CELLS + 2, CELLS + 2), || {
        if random.unit() < KEPT { 1.0_f32 } else { 0.0 }
    });
    let shift = [random.unit(), random.unit()];
    let taps = |size: usize, shift: f64| -> Vec<Tap> {
        let place = |pixel| (pixel * CELLS) as f64 / size as f64 + shift;
        (0..size)
            .map(|pixel| Tap::at(place(pixel), CELLS as u32 + 2))
            .collect()
    };
    let (rows, columns) = (taps(height, shift[0]), taps(width, shift[1]));
    stretched(&grid, &rows, &columns)
}

/// mask · picture + (1 − mask) · what `hidden` has there, by channel, row and column.
pub(super) fn masked(
    photo: &EvaluatedPhoto,
    mask: &Array2<f32>,
    hidden: impl Fn(usize, usize, usize) -> f32,
) -> NetworkInput {
    let mut input = NetworkInput::clone(&photo.forward.input);
    let mut picture = input.fit.of_picture_mut(input.tensor.view_mut());
    for ((_, channel, y, x), value) in picture.indexed_iter_mut() {
        let hidden = hidden(channel, y, x);
        *value = hidden + (*value - hidden) * mask[[y, x]];
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_soft_half_and_repeatable() {
        let mean = |seed: u64| {
            let mut random = Random::new(seed, "masks");
            let masks: Vec<Array2<f32>> = (0..200).map(|_| mask(&mut random, 60, 45)).collect();
            let values = || masks.iter().flatten().copied();
            assert!(values().all(|m| (0.0..=1.0).contains(&m)));
            assert!(values().any(|m| m > 0.1 && m < 0.9));
            values().sum::<f32>() / values().count() as f32
        };
        assert!((mean(1) - 0.5).abs() < 0.02);
        assert_eq!(mean(1), mean(1));
        assert_ne!(mean(1), mean(2));
    }
}
