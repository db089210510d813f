//! The picture without its detail: a Gaussian blur of the network's input, which stands for "nothing to see here".

use ndarray::{Array4, ArrayViewMut1, Axis};

/// σ of the blur, pixels of the network's input.
pub const SIGMA: f64 = 12.0;
/// The kernel ends after so many σ.
const REACH: f64 = 4.0;

/// `picture` `[1, C, H, W]` blurred with `sigma` > 0; beyond its edges it is mirrored, the edge pixel included (… b a | a b …).
pub fn blurred(picture: &Array4<f32>, sigma: f64) -> Array4<f32> {
    let kernel = kernel(sigma);
    let mut picture = picture.clone();
    for axis in [Axis(2), Axis(3)] {
        for lane in picture.lanes_mut(axis) {
            smooth(lane, &kernel);
        }
    }
    picture
}

/// Weights at the distances 0, 1, …; all of them, both sides counted, sum to 1.
fn kernel(sigma: f64) -> Vec<f64> {
    let reach = (REACH * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=reach)
        .map(|distance| (-0.5 * (distance as f64 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - 1.0;
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn smooth(mut lane: ArrayViewMut1<f32>, kernel: &[f64]) {
    let line: Vec<f64> = lane.iter().map(|&value| f64::from(value)).collect();
    let (count, reach) = (line.len(), kernel.len() - 1);
    // Mirrored as far as the kernel reaches, over and over where the picture is smaller.
    let mirrored: Vec<f64> = (0..count + 2 * reach)
        .map(|index| {
            let period = 2 * count;
            let place = (index + period * reach.div_ceil(period) - reach) % period;
            line[place.min(period - 1 - place)]
        })
        .collect();
    for (index, value) in lane.iter_mut().enumerate() {
        let centre = index + reach;
        let sides = (1..=reach).map(|d| kernel[d] * (mirrored[centre - d] + mirrored[centre + d]));
        *value = (kernel[0] * mirrored[centre] + sides.sum::<f64>()) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_picture_stays_and_the_mean_is_kept() {
        let plain = Array4::from_elem((1, 3, 7, 90), 0.25);
        assert!(
            blurred(&plain, SIGMA)
                .iter()
                .all(|v| (v - 0.25).abs() < 1e-6)
        );
        let picture =
            Array4::from_shape_fn((1, 1, 30, 17), |(_, _, y, x)| ((y * 7 + x * 3) % 11) as f32);
        // Mirroring makes each pixel's weights sum to 1 over the outputs as well.
        let (before, after) = (picture.sum(), blurred(&picture, 3.0).sum());
        assert!((before - after).abs() < 1e-3 * before, "{before}, {after}");
    }

    #[test]
    fn a_point_becomes_a_gaussian() {
        let mut picture = Array4::zeros((1, 1, 61, 61));
        picture[[0, 0, 30, 30]] = 1.0;
        let blurred = blurred(&picture, 4.0);
        let expected = |d: f64| (-d * d / 32.0).exp() / (32.0 * std::f64::consts::PI);
        for (y, x, distance) in [(30, 30, 0.0), (30, 34, 4.0), (27, 26, 5.0)] {
            let value = f64::from(blurred[[0, 0, y, x]]);
            assert!(
                (value - expected(distance)).abs() < 1e-5,
                "{y},{x}: {value}"
            );
        }
        assert_eq!(blurred[[0, 0, 20, 25]], blurred[[0, 0, 40, 35]]);
    }
}
