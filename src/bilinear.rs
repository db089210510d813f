//! Bilinear interpolation. In: places along the sides of a picture or map, in its pixels. Out: the two pixels on either side of each
//! place, and what lies between their values.

use ndarray::Array2;

/// The two neighbouring columns (or rows) that a place lies between: (1 − fraction)·low + fraction·high.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// The one before.
    pub low: u32,
    /// The one behind, next to it; at the last column (or row) the same.
    pub high: u32,
    /// 0..1, 0 at `low`.
    pub fraction: f32,
}

impl Tap {
    /// The tap at `position`, counted from the centre of the first of `length` pixels. Beyond the outermost centres the border's value
    /// stands; what is not a number is the first pixel. The position comes in the precision in which it was computed.
    #[inline]
    pub fn at(position: impl Into<f64>, length: u32) -> Tap {
        let last = length.saturating_sub(1);
        let position = position.into().max(0.0).min(f64::from(last));
        let low = position as u32;
        Tap {
            low,
            high: (low + 1).min(last),
            fraction: position.fract() as f32,
        }
    }

    /// The tap at a share of a side of `length` pixels: 0 is its first pixel's outer edge, 1 its last one's.
    pub fn at_share(share: f32, length: u32) -> Tap {
        Tap::at(share * length as f32 - 0.5, length)
    }

    /// One tap for the centre of each of `target` pixels that are stretched over a side of `source` pixels.
    pub fn centred(source: u32, target: u32) -> Vec<Tap> {
        let scale = f64::from(source) / f64::from(target);
        (0..target)
            .map(|i| Tap::at((f64::from(i) + 0.5) * scale - 0.5, source))
            .collect()
    }

    /// What lies between the values of `low` and `high`.
    #[inline(always)]
    pub fn lerp(self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.fraction
    }
}

/// The value where a row and a column meet, between those of the four `corners`: above left and right, below left and right.
#[inline(always)]
pub fn bilinear(row: Tap, column: Tap, [above, below]: [[f32; 2]; 2]) -> f32 {
    let [above, below] = [above, below].map(|[left, right]| column.lerp(left, right));
    row.lerp(above, below)
}

/// A grid `[rows, columns]` read at a place for each row and column of what comes out.
pub fn stretched(grid: &Array2<f32>, rows: &[Tap], columns: &[Tap]) -> Array2<f32> {
    Array2::from_shape_fn((rows.len(), columns.len()), |(y, x)| {
        let (row, column) = (rows[y], columns[x]);
        let at = |y: u32, x: u32| grid[[y as usize, x as usize]];
        let corners = [row.low, row.high].map(|y| [column.low, column.high].map(|x| at(y, x)));
        bilinear(row, column, corners)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(low: u32, high: u32, fraction: f32) -> Tap {
        Tap {
            low,
            high,
            fraction,
        }
    }

    #[test]
    fn a_place_lies_between_its_neighbours_and_stays_inside() {
        assert_eq!(Tap::at(1.25_f32, 4), tap(1, 2, 0.25));
        assert_eq!(Tap::at(2.0_f64, 4), tap(2, 3, 0.0));
        for (outside, inside) in [
            (-0.5, tap(0, 1, 0.0)),
            (3.0, tap(3, 3, 0.0)),
            (3.5, tap(3, 3, 0.0)),
            (f64::INFINITY, tap(3, 3, 0.0)),
            (f64::NAN, tap(0, 1, 0.0)),
        ] {
            assert_eq!(Tap::at(outside, 4), inside, "{outside}");
        }
        assert_eq!(Tap::at(7.0, 0), tap(0, 0, 0.0));
    }

    #[test]
    fn a_single_precision_place_keeps_its_bits() {
        for i in 0..1000 {
            let position = i as f32 * 0.737;
            let found = Tap::at(position, 5000);
            assert_eq!(found.low, position as u32);
            assert_eq!(found.fraction.to_bits(), position.fract().to_bits());
        }
    }

    #[test]
    fn pixels_and_shares_are_counted_from_the_outer_edge() {
        let halved = [tap(0, 1, 0.5), tap(2, 3, 0.5)];
        assert_eq!(Tap::centred(4, 2), halved);
        assert_eq!(Tap::at_share(0.25, 4), halved[0]);
        let same: Vec<u32> = Tap::centred(5, 5).iter().map(|tap| tap.low).collect();
        assert_eq!(same, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_value_of_a_plane_is_exact() {
        let corners = [[1.0, 3.0], [5.0, 7.0]];
        let value = bilinear(tap(0, 1, 0.25), tap(0, 1, 0.5), corners);
        assert_eq!(value, 1.0 + 0.5 * 2.0 + 0.25 * 4.0);
    }

    #[test]
    fn a_stretched_grid_lies_between_its_values() {
        let grid = ndarray::array![[0.0, 2.0], [4.0, 6.0]];
        let [rows, columns] = [1, 4].map(|size| Tap::centred(2, size));
        let expected = ndarray::array![[2.0, 2.5, 3.5, 4.0]];
        assert_eq!(stretched(&grid, &rows, &columns), expected);
    }
}
