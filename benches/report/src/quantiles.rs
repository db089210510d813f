//! The median and the quartiles of samples.

use serde::{Deserialize, Serialize};

/// Where a quarter, a half and three quarters of the samples lie below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter lies below.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// Three quarters lie below.
    pub high: f64,
}

impl Quartiles {
    /// Those of samples in any order, between two of them by a straight line; `None` where there is no sample or one that is no number.
    pub fn of(samples: &[f64]) -> Option<Self> {
        if samples.is_empty() || !samples.iter().all(|sample| sample.is_finite()) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (sorted.len() - 1) as f64 * share;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            sorted[below] + (sorted[above] - sorted[below]) * place.fract()
        };
        Some(Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        })
    }

    /// Whether all between the one's quartiles lies apart from all between the other's.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.low > other.high || self.high < other.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_samples() {
        let found = Quartiles::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((found.low, found.median, found.high), (1.75, 2.5, 3.25));
        let one = Quartiles::of(&[7.0]).unwrap();
        assert_eq!((one.low, one.median, one.high), (7.0, 7.0, 7.0));
    }

    #[test]
    fn nothing_and_what_is_no_number_have_none() {
        assert_eq!(Quartiles::of(&[]), None);
        assert_eq!(Quartiles::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn those_that_touch_are_not_apart() {
        let of = |low, high| Quartiles {
            low,
            median: (low + high) / 2.0,
            high,
        };
        assert!(of(3.0, 4.0).is_apart_from(&of(1.0, 2.0)));
        assert!(of(1.0, 2.0).is_apart_from(&of(3.0, 4.0)));
        assert!(!of(1.0, 2.0).is_apart_from(&of(2.0, 3.0)));
    }
}
