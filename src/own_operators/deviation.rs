//! The standard deviation of all elements of a tensor.

/// Numbers that are added up in float32 before they join the sum in float64.
const RUN: usize = 256;

/// The standard deviation (population); 0 of nothing.
pub fn deviation(numbers: &[f32]) -> f32 {
    if numbers.is_empty() {
        return 0.0;
    }
    let count = numbers.len() as f64;
    let mean = (sum(numbers, |x| x) / count) as f32;
    let variance = sum(numbers, |x| (x - mean) * (x - mean)) / count;
    variance.sqrt() as f32
}

fn sum(numbers: &[f32], of: impl Fn(f32) -> f32) -> f64 {
    let run = |run: &[f32]| {
        // Eight sums at a time, which the processor adds in one step.
        let mut lanes = [0.0f32; 8];
        let eights = run.chunks_exact(8);
        let rest: f32 = eights.remainder().iter().map(|&x| of(x)).sum();
        for eight in eights {
            for (lane, &x) in lanes.iter_mut().zip(eight) {
                *lane += of(x);
            }
        }
        f64::from(lanes.iter().sum::<f32>() + rest)
    };
    numbers.chunks(RUN).map(run).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_population() {
        assert_eq!(deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), 2.0);
        assert_eq!(deviation(&[3.0; 1000]), 0.0);
        let ramp: Vec<f32> = (0..100_001).map(|x| x as f32).collect();
        let exact = ((100_001f64 * 100_001.0 - 1.0) / 12.0).sqrt();
        assert!((f64::from(deviation(&ramp)) / exact - 1.0).abs() < 1e-6);
    }
}
