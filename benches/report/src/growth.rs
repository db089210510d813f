//! How cost grows with work: the exponent k of cost = c·work^k.

/// The slope of the line through (log work, log cost) by least squares: 1 where cost grows as work does, 0 where it does not grow. `None` for fewer than two different amounts of work, or
/// for anything that has no logarithm.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let shared: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let spread: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = shared / spread;
    slope.is_finite().then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_found_again() {
        for power in [0.0, 0.5, 1.0, 2.0] {
            let points = [1_f64, 2.0, 8.0, 64.0].map(|work| (work, 3.0 * work.powf(power)));
            let found = exponent(&points).unwrap();
            assert!((found - power).abs() < 1e-9, "{power} {found}");
        }
    }

    #[test]
    fn one_amount_of_work_has_no_growth() {
        assert_eq!(exponent(&[]), None);
        assert_eq!(exponent(&[(2.0, 3.0)]), None);
        assert_eq!(exponent(&[(2.0, 3.0), (2.0, 4.0)]), None);
        assert_eq!(exponent(&[(1.0, 0.0), (2.0, 4.0)]), None);
    }
}
