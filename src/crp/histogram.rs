//! How relevance is distributed around zero: values in, counts in bins out that mirror each other on the two sides.
//!
//! The talk's numerical example of CRP is such a picture: under the contrast relevance lies almost symmetrically around zero.

use std::cmp::Ordering;

/// Counts of values in equal bins from −`limit` to `limit`.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The largest magnitude, which the outermost bins end at; 0 where there is no relevance.
    pub limit: f64,
    /// From the most negative bin to the most positive one, an odd number of them: the bin in the middle lies around zero, so that neither side gets
    /// what is next to nothing.
    pub counts: Vec<usize>,
}

impl Histogram {
    /// Sorts `values` into `2·side + 1` bins. A value on the border of two bins goes to the one further out, whichever sign it has. Values that are not
    /// finite are left out.
    pub fn of<'a>(values: impl Iterator<Item = &'a f32> + Clone, side: usize) -> Self {
        let finite = values
            .map(|&value| f64::from(value))
            .filter(|v| v.is_finite());
        let limit = finite.clone().fold(0.0_f64, |limit, v| limit.max(v.abs()));
        let mut counts = vec![0; 2 * side + 1];
        for value in finite {
            // Each side's bins begin half a bin away from zero.
            let out = if limit > 0.0 {
                (value.abs() / limit * (side as f64 + 0.5) + 0.5).floor() as usize
            } else {
                0
            };
            let out = out.min(side);
            counts[if value < 0.0 { side - out } else { side + out }] += 1;
        }
        Self { limit, counts }
    }

    /// How the values of a bin compare with zero; those of the bin in the middle may have either sign.
    pub fn sign(&self, bin: usize) -> Ordering {
        bin.cmp(&(self.counts.len() / 2))
    }

    /// The `counts.len() + 1` borders of the bins, ascending.
    pub fn edges(&self) -> Vec<f64> {
        let bins = self.counts.len() as f64;
        (0..=self.counts.len())
            .map(|edge| self.limit * (2.0 * edge as f64 - bins) / bins)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_fall_between_the_edges_of_their_bin() {
        // Five bins of width 2: −5 to −3, −3 to −1, −1 to 1, 1 to 3, 3 to 5.
        let values = [-5.0, -3.0, -2.9, -1.0, -0.9, 0.0, 0.5, 1.0, 4.0, 5.0];
        let histogram = Histogram::of(values.iter(), 2);
        assert_eq!(histogram.edges(), [-5.0, -3.0, -1.0, 1.0, 3.0, 5.0]);
        assert_eq!(histogram.counts, [2, 2, 3, 1, 2]);
    }

    #[test]
    fn without_relevance_all_is_in_the_middle() {
        let histogram = Histogram::of([0.0; 7].iter(), 3);
        assert_eq!(histogram.counts, [0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(histogram.limit, 0.0);
        assert_eq!(Histogram::of([].iter(), 1).counts, [0, 0, 0]);
        let broken = [f32::NAN, f32::INFINITY, 2.0, -1.0];
        assert_eq!(Histogram::of(broken.iter(), 1).counts, [1, 0, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_negation_mirrors(
            values in prop::collection::vec(-1e30_f32..1e30, 0..200),
            side in 0_usize..40,
        ) {
            let histogram = Histogram::of(values.iter(), side);
            prop_assert_eq!(histogram.counts.iter().sum::<usize>(), values.len());
            let negated: Vec<f32> = values.iter().map(|value| -value).collect();
            let mut mirrored = Histogram::of(negated.iter(), side);
            mirrored.counts.reverse();
            prop_assert_eq!(mirrored, histogram);
        }
    }
}
