//! How alike two maps are, and how sure a mean is: cosine, Spearman's rank correlation, bootstrap intervals.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::random::Random;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// Two maps compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Σab / √(Σa²·Σb²), −1 to 1; 0 where one of them is zero everywhere.
    pub cosine: f64,
    /// Pearson's correlation of the ranks, ties getting their mean rank, −1 to 1; 0 where one of them is constant.
    pub spearman: f64,
}

impl Similarity {
    /// Compares two maps of one size, pixel by pixel.
    pub fn of(a: &Array2<f32>, b: &Array2<f32>) -> Self {
        let numbers = |map: &Array2<f32>| map.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let (a, b) = (numbers(a), numbers(b));
        Self {
            cosine: cosine(&a, &b),
            spearman: cosine(&centred_ranks(&a), &centred_ranks(&b)),
        }
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if aa > 0.0 && bb > 0.0 {
        // Rounding may lead beyond.
        (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

/// The ranks, from which their mean is subtracted.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mean = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (tied.len() as f64 - 1.0) / 2.0 - mean;
        for &index in tied {
            ranks[index] = rank;
        }
        first += tied.len();
    }
    ranks
}

/// A mean over detections and where it lies with a probability of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean itself.
    pub mean: f64,
    /// 2.5th percentile of the means of the resamples.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl Mean {
    /// The mean of `values` with its bootstrap interval (percentile method, seeded); `None` where there is no value. Series of one length are resampled alike,
    /// so that what differs between two methods is not the luck of the draw.
    pub fn of(values: &[f64], seed: u64) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mut random = Random::new(seed, "bootstrap");
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn = (0..values.len()).map(|_| values[random.below(values.len())]);
                drawn.sum::<f64>() / count
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
        Some(Self {
            mean: values.iter().sum::<f64>() / count,
            low: at(0.025),
            high: at(0.975),
        })
    }
}

/// The median; `None` where there is no value.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (
        sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    Some((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn no_similarity_is_beyond_one() {
        for count in 1..300 {
            let map = Array2::from_shape_fn((1, count), |(_, x)| (x as f32 * 0.7).sin());
            let opposite = -&map;
            let (same, other) = (Similarity::of(&map, &map), Similarity::of(&map, &opposite));
            for value in [same.cosine, same.spearman, other.cosine, other.spearman] {
                assert!((-1.0..=1.0).contains(&value), "{count}: {value}");
            }
        }
    }

    #[test]
    fn spearman_agrees_with_known_values() {
        // Without ties: 1 − 6·Σd²/(n(n² − 1)) with d = 1, 1, 1, 1, 0 → 1 − 24/120 = 0.8.
        let similarity = Similarity::of(
            &array![[1., 2., 3., 4., 5.]],
            &array![[20., 10., 40., 30., 90.]],
        );
        assert!((similarity.spearman - 0.8).abs() < 1e-12, "{similarity:?}");
        // With a tie: ranks 1.5, 1.5, 3 and 1, 2, 3; Pearson = 1.5/√(1.5·2).
        let similarity = Similarity::of(&array![[0., 0., 7.]], &array![[1., 2., 3.]]);
        assert!((similarity.spearman - 1.5 / 3f64.sqrt()).abs() < 1e-12);
        // −0 and 0 are one value.
        let similarity = Similarity::of(&array![[-0.0, 0., 7.]], &array![[0., 0., 3.]]);
        assert!((similarity.spearman - 1.0).abs() < 1e-12);
    }

    #[test]
    fn cosine_knows_direction_only() {
        let a = array![[3., 0.], [0., -4.]];
        let similar = |b: &Array2<f32>| Similarity::of(&a, b).cosine;
        assert!((similar(&(&a * 2.0)) - 1.0).abs() < 1e-12);
        assert!((similar(&-&a) + 1.0).abs() < 1e-12);
        assert!((similar(&array![[1., 5.], [5., 0.]]) - 3.0 / (5.0 * 51f64.sqrt())).abs() < 1e-12);
        assert_eq!(similar(&Array2::zeros((2, 2))), 0.0);
        assert_eq!(Similarity::of(&a, &Array2::ones((2, 2))).spearman, 0.0);
    }

    #[test]
    fn the_bootstrap_is_repeatable_and_covers_the_mean() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 7)).collect();
        let mean = Mean::of(&values, 1).unwrap();
        assert_eq!(Mean::of(&values, 1).unwrap(), mean);
        assert_ne!(Mean::of(&values, 2).unwrap(), mean);
        assert!(mean.low < mean.mean && mean.mean < mean.high, "{mean:?}");
        // The normal approximation: mean ± 1.96·σ/√n.
        let variance = values.iter().map(|v| (v - mean.mean).powi(2)).sum::<f64>() / 40.0;
        let half = 1.96 * (variance / 40.0).sqrt();
        assert!(
            ((mean.high - mean.low) / 2.0 - half).abs() < 0.1 * half,
            "{mean:?}, {half}"
        );
        let single = Mean::of(&[3.5], 0).unwrap();
        assert_eq!((single.low, single.mean, single.high), (3.5, 3.5, 3.5));
        assert_eq!(Mean::of(&[], 0), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
