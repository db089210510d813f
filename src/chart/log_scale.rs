//! Logarithmic scales: values of many magnitudes in, places between 0 and 1 out.

/// Smaller shares of the largest value than this are not drawn: only rounding is there.
const LEAST_SHARE: f64 = 1e-12;
/// How much of a decade lies below a count of one, so that it can be seen.
const BELOW_ONE: f64 = 0.5;

/// The powers of ten between which everything lies that is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogScale {
    from: f64,
    to: f64,
    least: f64,
}

impl LogScale {
    /// Of whole decades around all values that can be drawn; `None` where none can.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let drawn = values.filter(|value| *value > 0.0 && value.is_finite());
        let largest = drawn.clone().reduce(f64::max)?;
        let least = largest * LEAST_SHARE;
        let smallest = drawn.filter(|&value| value >= least).reduce(f64::min)?;
        let from = smallest.log10().floor();
        let to = largest.log10().ceil().max(from + 1.0);
        Some(Self { from, to, least })
    }

    /// Of counts: from somewhat below one to whole decades.
    pub fn of_counts(counts: &[usize]) -> Self {
        let largest = counts.iter().copied().max().unwrap_or(0).max(1);
        Self {
            from: -BELOW_ONE,
            to: (largest as f64).log10().ceil().max(1.0),
            least: 1.0,
        }
    }

    /// The powers of ten on it, exponents.
    pub fn decades(&self) -> impl Iterator<Item = i32> {
        self.from.ceil() as i32..=self.to as i32
    }

    /// Whether a value has a place on it: nought has none.
    pub fn contains(&self, value: f64) -> bool {
        value > 0.0 && value >= self.least && value.is_finite()
    }

    /// 0 at the lower end, 1 at the upper one.
    pub fn share(&self, value: f64) -> f64 {
        (value.log10() - self.from) / (self.to - self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_decades_hold_all_that_is_drawn() {
        let values = [0.0, 0.02, f64::NAN, 300.0, 1e-14, f64::INFINITY, -1.0];
        let scale = LogScale::of(values.into_iter()).unwrap();
        assert_eq!(scale.decades().collect::<Vec<_>>(), [-2, -1, 0, 1, 2, 3]);
        assert!((scale.share(0.1) - 0.2).abs() < 1e-12);
        let drawn: Vec<f64> = values.into_iter().filter(|&v| scale.contains(v)).collect();
        assert_eq!(drawn, [0.02, 300.0]);
        assert_eq!(LogScale::of([0.0, f64::NAN].into_iter()), None);
        // A single value has a decade too.
        assert_eq!(LogScale::of([1.0].into_iter()).unwrap().share(1.0), 0.0);
    }

    #[test]
    fn a_count_of_one_can_be_seen() {
        let scale = LogScale::of_counts(&[0, 10, 1000, 1]);
        assert_eq!(scale.decades().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(scale.share(1000.0), 1.0);
        assert!((scale.share(10.0) / scale.share(1.0) - 1.5 / 0.5).abs() < 1e-12);
        assert!(!scale.contains(0.0));
        assert_eq!(LogScale::of_counts(&[]).decades().count(), 2);
    }
}
