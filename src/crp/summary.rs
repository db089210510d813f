//! An explanation in five numbers: how much relevance there is, which way it speaks, and where it lies.
//!
//! In: a channel-summed relevance map `[H, W]` and the explained box. Out: a [`RelevanceSummary`] for messages and JSON.

use ndarray::Array2;

use crate::geometry::Rect;

/// What a relevance map says as a whole. All sums are taken in float64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelevanceSummary {
    /// ΣR over all pixels, in the map's own unit. It is no score: of composites with `rescale` it says nothing of who won, and of the others [`Explanation::completeness`](super::Explanation::completeness)
    /// says how much of the score it is.
    pub sum: f64,
    /// Σ|R| over all pixels.
    pub sum_abs: f64,
    /// Σ max(R, 0) / Σ|R|, 0..=1: above ½ where more speaks for the target than against it. 0 where there is no relevance.
    pub positive_share: f64,
    /// Σ|R| in the box / Σ|R|, 0..=1; a pixel that the box's edge cuts counts by the part of it that is inside. 0 where there is no relevance.
    pub in_box_share: f64,
    /// Centre of mass x, y of |R| in shares of the picture, 0..=1; `None` where there is no relevance.
    pub centre: Option<[f64; 2]>,
}

impl RelevanceSummary {
    /// Sums up `map` `[H, W]` of the box `rect`.
    /// An edge that is not a number leaves nothing in the box.
    pub fn of(map: &Array2<f32>, rect: &Rect) -> Self {
        let (height, width) = map.dim();
        let [x0, y0, x1, y1] = rect.edges().map(f64::from);
        let columns: Vec<f64> = (0..width).map(|x| covered(x, width, x0, x1)).collect();
        let rows: Vec<f64> = (0..height).map(|y| covered(y, height, y0, y1)).collect();

        let (mut sum, mut sum_abs, mut positive, mut in_box) = (0.0, 0.0, 0.0, 0.0);
        let mut moment = [0.0; 2];
        for ((y, x), &relevance) in map.indexed_iter() {
            let relevance = f64::from(relevance);
            let weight = relevance.abs();
            sum += relevance;
            sum_abs += weight;
            positive += relevance.max(0.0);
            in_box += weight * columns[x] * rows[y];
            moment[0] += weight * (x as f64 + 0.5) / width as f64;
            moment[1] += weight * (y as f64 + 0.5) / height as f64;
        }
        let there_is_any = sum_abs > 0.0;
        let share = |part: f64| if there_is_any { part / sum_abs } else { 0.0 };
        Self {
            sum,
            sum_abs,
            positive_share: share(positive),
            in_box_share: share(in_box),
            centre: there_is_any.then(|| moment.map(|m| m / sum_abs)),
        }
    }
}

/// The part, 0..=1, of pixel `index` of `count` that lies between `from` and `to`, shares of the whole side.
fn covered(index: usize, count: usize, from: f64, to: f64) -> f64 {
    let (index, count) = (index as f64, count as f64);
    let part = (to * count).min(index + 1.0) - (from * count).max(index);
    // min and max pass a NaN over.
    if from.is_nan() || to.is_nan() {
        0.0
    } else {
        part.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_definitions() {
        let map = array![[1.0, -2.0, 0.0, 0.0], [3.0, 0.0, 0.0, -4.0]];
        let summary = RelevanceSummary::of(&map, &Rect::new(0.0, 0.0, 0.5, 0.5));
        assert_eq!((summary.sum, summary.sum_abs), (-2.0, 10.0));
        assert_eq!((summary.positive_share, summary.in_box_share), (0.4, 0.3));
        // (1·⅛ + 2·⅜ + 3·⅛ + 4·⅞)/10 and (3·¼ + 7·¾)/10.
        let [x, y] = summary.centre.unwrap();
        assert!(
            (x - 0.475).abs() < 1e-12 && (y - 0.6).abs() < 1e-12,
            "{x}, {y}"
        );
    }

    #[test]
    fn a_pixel_on_the_edge_counts_in_part() {
        let map = Array2::from_elem((10, 10), -1.0);
        for (rect, expected) in [
            ([0.0, 0.0, 1.0, 1.0], 1.0),
            ([0.0, 0.0, 0.25, 1.0], 0.25),
            ([0.33, 0.41, 0.34, 0.42], 0.0001),
            ([-2.0, 0.5, 3.0, 9.0], 0.5),
            ([0.6, 0.2, 0.4, 0.8], 0.0),
            ([f32::NAN, 0.0, 1.0, 1.0], 0.0),
            ([0.0, 0.0, 1.0, f32::NAN], 0.0),
        ] {
            let found = RelevanceSummary::of(&map, &rect.into()).in_box_share;
            assert!((found - expected).abs() < 1e-6, "{rect:?}: {found}");
        }
    }

    #[test]
    fn the_negated_map_swaps_for_and_against() {
        let map = Array2::from_shape_fn((7, 5), |(y, x)| (y as f32 - 2.0) * (x as f32 + 0.5));
        let rect = Rect::new(0.1, 0.2, 0.7, 0.9);
        let (one, other) = (
            RelevanceSummary::of(&map, &rect),
            RelevanceSummary::of(&-&map, &rect),
        );
        assert_eq!(one.sum, -other.sum);
        assert!((one.positive_share + other.positive_share - 1.0).abs() < 1e-12);
        assert_eq!(
            (one.sum_abs, one.in_box_share, one.centre),
            (other.sum_abs, other.in_box_share, other.centre)
        );
    }

    #[test]
    fn without_relevance_there_are_no_shares() {
        for map in [Array2::zeros((3, 4)), Array2::zeros((0, 4))] {
            let summary = RelevanceSummary::of(&map, &Rect::new(0.0, 0.0, 1.0, 1.0));
            assert_eq!((summary.sum, summary.sum_abs), (0.0, 0.0));
            assert_eq!(
                (summary.positive_share, summary.in_box_share, summary.centre),
                (0.0, 0.0, None)
            );
        }
    }
}
