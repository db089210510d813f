//! Noise: what a map scores that knows nothing.

use std::time::Instant;

use super::{Attribution, Method};
use crate::crp::Target;
use crate::error::Result;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::evaluate::random::Random;
use crate::perturbation::{BLOCK, Blocks};

/// Gives every block a random relevance between −1 and 1.
pub struct RandomMap {
    seed: u64,
}

impl RandomMap {
    /// Maps that depend on `seed` and on the picture's name.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }
}

impl Method for RandomMap {
    fn name(&self) -> &str {
        "random"
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        let (_, _, height, width) = photo.reference.dim();
        let blocks = Blocks::new(height, width, BLOCK);
        let map = |random: &mut Random| {
            let started = Instant::now();
            let values: Vec<f32> = (0..blocks.count())
                .map(|_| (2.0 * random.unit() - 1.0) as f32)
                .collect();
            Attribution {
                map: blocks.spread(&values),
                took: started.elapsed(),
            }
        };
        let what = format!("random maps {} of {}", photo.repetition, photo.name);
        let mut random = Random::new(self.seed, &what);
        Ok(targets.iter().map(|_| map(&mut random)).collect())
    }
}
