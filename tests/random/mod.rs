//! Numbers that look random and are the same in every run.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// A stream of numbers.
pub struct Random(SplitMix64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly spread over 0..end; 0 for an end of 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }
}
