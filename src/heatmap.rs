//! From relevance to a heatmap: a channel-summed relevance map, float32 [H, W] at the network's input resolution, goes in;
//! signed values in -1..1 with an unmoved zero come out, and the colour that each value is drawn in.
//!
//! Smoothing is a display setting and works on the relevance, before it is normalised: [`smoothed`], then
//! [`Heatmap::normalise`]. Whoever writes data leaves it out.

mod colour_map;

pub use colour_map::ColourMap;
pub(crate) use colour_map::FAINT;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Zip};

/// How strongly a map is drawn that did no better than chance when it was checked, beside others.
pub const PALE: f32 = 0.5;

/// The relevance that is drawn in full colour. One scale serves both signs, so that zero stays neutral.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// The given percentile, 0..100, of |R| over all pixels of the map (those of no relevance included), by nearest rank:
    /// the smallest |R| of the map that at least so many per cent of the pixels do not exceed. 100 is the maximum. Where
    /// that is 0, because relevance reaches too few pixels, the maximum is taken in its place.
    Percentile(f32),
    /// This |R| in the map's own unit, for heatmaps that are to be compared: two classes of one picture, say.
    Fixed(f32),
}

impl Default for Scale {
    /// The 99.5th percentile, which a handful of hot pixels cannot move.
    fn default() -> Self {
        Scale::Percentile(99.5)
    }
}

impl Scale {
    /// The |R| that is drawn in full colour for `map`, always finite and above 0. None where there is nothing to draw: the
    /// map is empty or zero everywhere, a value of the map is not finite, or the scale is (a percentile that is not a
    /// number, a fixed relevance of 0 or less).
    ///
    /// `Fixed(scale.magnitude(a)?)` draws a second map on the scale of `a`.
    pub fn magnitude(self, map: ArrayView2<f32>) -> Option<f32> {
        if !map.iter().all(|r| r.is_finite()) {
            return None;
        }
        let greatest = map
            .iter()
            .fold(0.0_f32, |greatest, r| greatest.max(r.abs()));
        if greatest == 0.0 {
            return None;
        }
        match self {
            Scale::Percentile(percentile) if percentile.is_nan() => None,
            Scale::Percentile(percentile) => {
                let mut magnitudes: Vec<f32> = map.iter().map(|r| r.abs()).collect();
                let count = magnitudes.len() as f64;
                // Divided last: 0.995 is no binary fraction, 99.5 is.
                let rank =
                    (f64::from(percentile.clamp(0.0, 100.0)) * count / 100.0).ceil() as usize;
                let index = rank.clamp(1, magnitudes.len()) - 1;
                let (_, &mut magnitude, _) =
                    magnitudes.select_nth_unstable_by(index, f32::total_cmp);
                Some(if magnitude > 0.0 { magnitude } else { greatest })
            }
            Scale::Fixed(magnitude) => {
                (magnitude.is_finite() && magnitude > 0.0).then_some(magnitude)
            }
        }
    }
}

/// A relevance map made ready to be drawn: row-major values in -1..1, positive speaks for the explained output, negative
/// against it, 0 says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Heatmap {
    /// Divides `map` [H, W] by the scale's [magnitude](Scale::magnitude) and clips to -1..1. Where there is none, the
    /// heatmap is neutral: 0 everywhere.
    pub fn normalise(map: ArrayView2<f32>, scale: Scale) -> Heatmap {
        let (height, width) = map.dim();
        let values = match scale.magnitude(map) {
            Some(magnitude) => map
                .iter()
                .map(|r| (r / magnitude).clamp(-1.0, 1.0))
                .collect(),
            None => vec![0.0; width * height],
        };
        Heatmap {
            width,
            height,
            values,
        }
    }

    /// All values times `strength`, 0..=1.
    #[must_use]
    pub fn paler(mut self, strength: f32) -> Heatmap {
        self.values.iter_mut().for_each(|value| *value *= strength);
        self
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row, each in -1..1.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// `map` [H, W] under a Gaussian of standard deviation `sigma`, in pixels of the map. The kernel ends at 3σ and, beyond the
/// map's border, where no relevance exists, counts nothing, so that a constant map stays what it is. A `sigma` that is not
/// above 0 leaves the map unchanged.
pub fn smoothed(map: ArrayView2<f32>, sigma: f32) -> Array2<f32> {
    if sigma.is_nan() || sigma <= 0.0 {
        return map.to_owned();
    }
    // Beyond the map's longer side every tap falls outside.
    let longest = map.dim().0.max(map.dim().1);
    let radius = ((3.0 * sigma).ceil() as usize).min(longest);
    let half: Vec<f32> = (0..=radius)
        .map(|distance| (-0.5 * (distance as f32 / sigma).powi(2)).exp())
        .collect();
    smoothed_along(smoothed_along(map, Axis(1), &half).view(), Axis(0), &half)
}

/// One pass of the separable filter. `half` holds the kernel's weights by distance, from 0.
fn smoothed_along(map: ArrayView2<f32>, axis: Axis, half: &[f32]) -> Array2<f32> {
    let length = map.len_of(axis) as isize;
    let radius = half.len() as isize - 1;
    let mut out = Array2::zeros(map.dim());
    for (to, mut lane) in out.axis_iter_mut(axis).enumerate() {
        let to = to as isize;
        let mut total = 0.0;
        for from in (to - radius).max(0)..=(to + radius).min(length - 1) {
            let weight = half[from.abs_diff(to)];
            let source: ArrayView1<f32> = map.index_axis(axis, from as usize);
            Zip::from(&mut lane)
                .and(source)
                .for_each(|sum, &r| *sum += weight * r);
            total += weight;
        }
        lane.map_inplace(|sum| *sum /= total);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// 20 x 10 values of magnitude 1 to 200, each once, signs alternating.
    fn ramp() -> Array2<f32> {
        Array2::from_shape_fn((10, 20), |(y, x)| {
            let magnitude = ((y * 20 + x) * 77 % 200 + 1) as f32;
            if (x + y) % 2 == 0 {
                magnitude
            } else {
                -magnitude
            }
        })
    }

    #[test]
    fn percentile_is_the_nearest_rank_of_the_magnitudes() {
        let map = ramp();
        let at = |percentile| Scale::Percentile(percentile).magnitude(map.view());
        assert_eq!(at(99.5), Some(199.0));
        assert_eq!(at(99.6), Some(200.0));
        assert_eq!(at(50.0), Some(100.0));
        assert_eq!(at(0.0), Some(1.0));
        assert_eq!(at(100.0), Some(200.0));
        assert_eq!(at(250.0), Some(200.0));
        assert_eq!(at(f32::NAN), None);
        assert_eq!(Scale::default().magnitude(map.view()), Some(199.0));
    }

    #[test]
    fn values_are_divided_by_the_scale_and_clipped() {
        let map = array![[0.0, 1.0, -2.0], [4.0, -8.0, -0.5]];
        let heatmap = Heatmap::normalise(map.view(), Scale::Fixed(4.0));
        assert_eq!((heatmap.width(), heatmap.height()), (3, 2));
        assert_eq!(heatmap.values(), [0.0, 0.25, -0.5, 1.0, -1.0, -0.125]);
    }

    #[test]
    fn a_negated_map_gives_the_negated_heatmap() {
        let map = ramp();
        let (speaks, negated) = (
            Heatmap::normalise(map.view(), Scale::default()),
            Heatmap::normalise((-&map).view(), Scale::default()),
        );
        let back: Vec<f32> = negated.values().iter().map(|value| -value).collect();
        assert_eq!(speaks.values(), back);
        assert_eq!(
            speaks
                .values()
                .iter()
                .filter(|value| value.abs() == 1.0)
                .count(),
            2
        );
    }

    #[test]
    fn a_hot_pixel_does_not_dim_the_others() {
        let mut map = ramp();
        let index = map.iter().position(|r| r.abs() == 200.0).unwrap();
        let before = Heatmap::normalise(map.view(), Scale::default());
        map[(index / 20, index % 20)] *= 1e20;
        assert_eq!(Heatmap::normalise(map.view(), Scale::default()), before);
    }

    #[test]
    fn relevance_in_few_pixels_is_scaled_by_its_maximum() {
        let mut map = Array2::zeros((100, 100));
        map[(3, 4)] = -2.0;
        map[(50, 60)] = 1.0;
        let heatmap = Heatmap::normalise(map.view(), Scale::default());
        assert_eq!(heatmap.values()[304], -1.0);
        assert_eq!(heatmap.values()[5060], 0.5);
    }

    #[test]
    fn what_cannot_be_scaled_is_neutral() {
        for broken in [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let map = array![[broken, broken], [broken, 0.0]];
            let heatmap = Heatmap::normalise(map.view(), Scale::default());
            assert_eq!(heatmap.values(), [0.0; 4], "{broken}");
        }
        let map = array![[1.0, f32::NAN, 3.0]];
        assert_eq!(
            Heatmap::normalise(map.view(), Scale::Fixed(1.0)).values(),
            [0.0; 3]
        );
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let heatmap = Heatmap::normalise(ramp().view(), Scale::Fixed(scale));
            assert!(
                heatmap.values().iter().all(|&value| value == 0.0),
                "{scale}"
            );
        }
        let empty = Heatmap::normalise(Array2::zeros((0, 7)).view(), Scale::default());
        assert_eq!(
            (empty.width(), empty.height(), empty.values().len()),
            (7, 0, 0)
        );
    }

    #[test]
    fn the_least_magnitudes_do_not_overflow() {
        let map = array![[f32::from_bits(1), -f32::from_bits(1), 0.0, f32::MAX]];
        let heatmap = Heatmap::normalise(map.view(), Scale::Percentile(50.0));
        assert_eq!(heatmap.values(), [1.0, -1.0, 0.0, 1.0]);
    }

    #[test]
    fn smoothing_is_the_two_dimensional_gaussian() {
        let map = ramp();
        let sigma = 1.3_f32;
        let smooth = smoothed(map.view(), sigma);
        let weight = |a: usize, b: usize| {
            let distance = a.abs_diff(b) as f64;
            let near = distance <= f64::from((3.0 * sigma).ceil());
            if near {
                (-0.5 * (distance / f64::from(sigma)).powi(2)).exp()
            } else {
                0.0
            }
        };
        for ((y, x), &value) in smooth.indexed_iter() {
            let (mut sum, mut total) = (0.0, 0.0);
            for ((v, u), &r) in map.indexed_iter() {
                let share = weight(y, v) * weight(x, u);
                sum += share * f64::from(r);
                total += share;
            }
            assert!((f64::from(value) - sum / total).abs() < 1e-4, "{x}, {y}");
        }
    }

    #[test]
    fn smoothing_keeps_a_constant_map_and_the_sum_of_an_inner_spot() {
        let constant = Array2::from_elem((12, 9), -3.5_f32);
        for sigma in [0.3, 2.0, 50.0, f32::INFINITY] {
            let smooth = smoothed(constant.view(), sigma);
            assert!(
                smooth.iter().all(|value| (value + 3.5).abs() < 1e-5),
                "{sigma}"
            );
        }
        let mut spot = Array2::zeros((31, 31));
        spot[(15, 15)] = 1.0;
        let smooth = smoothed(spot.view(), 2.0);
        assert!((smooth.sum() - 1.0).abs() < 1e-5);
        assert!(smooth[(15, 15)] < 0.05);
    }

    #[test]
    fn no_sigma_leaves_the_map_alone() {
        for sigma in [0.0, -1.0, f32::NAN] {
            assert_eq!(smoothed(ramp().view(), sigma), ramp());
        }
        assert_eq!(smoothed(Array2::zeros((0, 4)).view(), 2.0).dim(), (0, 4));
    }
}
