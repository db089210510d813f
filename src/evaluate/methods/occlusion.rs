//! Occlusion: a block matters as much as the quantity falls when that block alone is blurred (after Zeiler and Fergus, ECCV 2014).

use std::sync::Arc;
use std::time::Instant;

use super::{Attribution, Method};
use crate::crp::{Quantity, Target};
use crate::detect::{Detector, Model};
use crate::error::Result;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::perturbation::{BLOCK, Blocks};
use crate::runtime::SessionOptions;

/// One forward pass a block, shared by all targets.
pub struct Occlusion {
    model: Arc<Model>,
    detector: Detector,
}

impl Occlusion {
    /// Runs the network as `options` say.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub fn new(model: Arc<Model>, options: SessionOptions) -> Result<Self> {
        let detector = Detector::new(model.clone(), options)?;
        Ok(Self { model, detector })
    }
}

impl Method for Occlusion {
    fn name(&self) -> &str {
        "occlusion"
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        let started = Instant::now();
        let quantities = Quantity::all(targets, &self.model, &photo.forward)?;
        let (_, _, height, width) = photo.reference.dim();
        let blocks = Blocks::new(height, width, BLOCK);
        let mut falls = vec![Vec::with_capacity(blocks.count()); targets.len()];
        for block in 0..blocks.count() {
            let mut picture = photo.forward.input.picture_values();
            blocks.replace(&mut picture, &photo.reference, block);
            let input = photo.forward.input.with_picture_values(&picture)?;
            let forward = self.detector.forward(input)?;
            for (quantity, falls) in quantities.iter().zip(&mut falls) {
                falls.push((quantity.value(&photo.forward) - quantity.value(&forward)) as f32);
            }
        }
        let maps = falls.iter().map(|falls| blocks.spread(falls));
        // One map needs all the forward passes too.
        let took = started.elapsed();
        Ok(maps.map(|map| Attribution { map, took }).collect())
    }
}
