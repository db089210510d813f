//! Seeded random numbers that are the same on every machine and in every version of this program, so that an evaluation can be repeated.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::fingerprint::fingerprint;

/// SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, 2014), and what an evaluation draws from it. How numbers become shares, indices
/// and orders is written down here, so that another version of a library does not change them.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The numbers that belong to `seed` for the purpose `what`; different purposes get independent numbers.
    pub fn new(seed: u64, what: &str) -> Self {
        Self(SplitMix64::seed_from_u64(seed ^ fingerprint(what.bytes())))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0..1, 1 left out.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normally distributed with mean 0 and standard deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Uniform in `0..count`; 0 where `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// Brings `values` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first outputs of SplitMix64 for the state 0.
        let mut random = Random(SplitMix64::seed_from_u64(0));
        assert_eq!(random.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.bits(), 0x6e78_9e6a_a1b9_65f4);
        // Of a seed and a purpose, as tables that are published were made with.
        assert_eq!(Random::new(1, "masks").bits(), 0x2b82_2648_ed83_62da);
    }

    #[test]
    fn seeds_and_purposes_are_independent() {
        let first = |seed, what| Random::new(seed, what).bits();
        assert_eq!(first(1, "masks"), first(1, "masks"));
        assert_ne!(first(1, "masks"), first(2, "masks"));
        assert_ne!(first(1, "masks"), first(1, "bootstrap"));
    }

    #[test]
    fn a_shuffle_keeps_all_values_and_numbers_stay_in_range() {
        let mut random = Random::new(7, "test");
        let mut values: Vec<usize> = (0..100).collect();
        random.shuffle(&mut values);
        assert_ne!(values, (0..100).collect::<Vec<_>>());
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
        assert!((0..1000).all(|_| random.below(3) < 3 && random.unit() < 1.0));
        assert_eq!(random.below(0), 0);
        let mean = (0..10_000).map(|_| random.unit()).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn noise_has_the_deviation_of_one() {
        let mut random = Random::new(7, "noise");
        let values: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 1e4;
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05,
            "{mean}, {variance}"
        );
    }
}
