//! The mean of each channel of a map, and the standard deviation of all its elements.

use pulp::Arch;

/// Numbers that are added up in float32 before they join the sum in float64.
const RUN: usize = 256;

/// Fills `means`, one a channel, and returns the standard deviation (population) of all elements; 0 of nothing.
pub fn moments(numbers: &[f32], means: &mut [f32]) -> f32 {
    // With the widest instructions that the processor has.
    Arch::new().dispatch(|| of_channels(numbers, means))
}

#[inline(always)]
fn of_channels(numbers: &[f32], means: &mut [f32]) -> f32 {
    let places = numbers.len() / means.len().max(1);
    if places == 0 {
        return 0.0;
    }
    let mut whole = 0.0;
    for (channel, mean) in numbers.chunks(places).zip(means) {
        let sum = sum(channel, |x| x);
        whole += sum;
        *mean = (sum / places as f64) as f32;
    }
    let count = numbers.len() as f64;
    let mean = (whole / count) as f32;
    let variance = sum(numbers, |x| (x - mean) * (x - mean)) / count;
    if variance.is_finite() {
        return variance.sqrt() as f32;
    }
    // Of numbers from 10¹⁹ on float32 holds no squares.
    let largest = numbers.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let share = |x: f32| x / largest - mean / largest;
    let variance = sum(numbers, |x| share(x) * share(x)) / count;
    (f64::from(largest) * variance.sqrt()) as f32
}

#[inline(always)]
fn sum(numbers: &[f32], of: impl Fn(f32) -> f32) -> f64 {
    let mut sum = 0.0;
    for run in numbers.chunks(RUN) {
        // So many sums at a time, which the processor adds in a few steps.
        let mut lanes = [0.0f32; 16];
        let rows = run.chunks_exact(16);
        let rest: f32 = rows.remainder().iter().map(|&x| of(x)).sum();
        for row in rows {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane += of(x);
            }
        }
        sum += f64::from(lanes.iter().sum::<f32>() + rest);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_definition() {
        let mut means = [9.0; 2];
        let numbers = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(moments(&numbers, &mut means), 2.0);
        assert_eq!(means, [3.5, 6.5]);
        assert_eq!(moments(&[3.0; 1000], &mut [0.0]), 0.0);
        let large = moments(&[1e20, 3e20, -1e20, 1e20], &mut [0.0]);
        assert!((large / 2f32.sqrt() - 1e20).abs() < 1e14, "{large}");
        assert!(!moments(&[1.0, f32::INFINITY], &mut [0.0]).is_finite());
        let ramp: Vec<f32> = (0..100_001).map(|x| x as f32).collect();
        let exact = ((100_001f64 * 100_001.0 - 1.0) / 12.0).sqrt();
        let mut mean = [0.0];
        assert!((f64::from(moments(&ramp, &mut mean)) / exact - 1.0).abs() < 1e-6);
        assert_eq!(mean, [50_000.0]);
    }
}
