//! Windows of maps: what one cell of a head can depend on is a part of each map, and elsewhere its relevance is 0.
//!
//! In: maps, and for each target the cell that it is at. Out: each target's part of the map, or the map with that part in its place. What lies beyond the border is 0.

use crate::error::Result;
use crate::error::internal::{Context, ensure};

/// Along one axis, the window of the target at cell c begins at `stride`·c + `first`, and has `size` places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAxis {
    pub stride: i64,
    pub first: i64,
    pub size: i64,
}

/// A window along rows and columns, and the sizes of the map that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapWindow {
    pub rows: WindowAxis,
    pub columns: WindowAxis,
    pub map: [i64; 2],
}

/// How a window lies over a map along one axis.
struct Overlap {
    /// Where both begin.
    in_map: usize,
    in_window: usize,
    len: usize,
}

impl WindowAxis {
    fn overlap(self, cell: f32, map: i64) -> Overlap {
        let begin = self.stride * cell as i64 + self.first;
        let (from, to) = (begin.max(0), (begin + self.size).min(map));
        Overlap {
            in_map: from.max(0) as usize,
            in_window: (from - begin).max(0) as usize,
            len: (to - from).max(0) as usize,
        }
    }
}

impl MapWindow {
    /// The least window that holds both; `None` where they do not move alike.
    pub fn union(self, other: Self) -> Option<Self> {
        let axis = |a: WindowAxis, b: WindowAxis| {
            let first = a.first.min(b.first);
            let end = (a.first + a.size).max(b.first + b.size);
            (a.stride == b.stride).then_some(WindowAxis {
                stride: a.stride,
                first,
                size: end - first,
            })
        };
        (self.map == other.map).then_some(())?;
        Some(Self {
            rows: axis(self.rows, other.rows)?,
            columns: axis(self.columns, other.columns)?,
            map: self.map,
        })
    }

    /// How many places it has, of those of the map.
    pub fn share_of_map(self) -> f64 {
        (self.rows.size * self.columns.size) as f64 / (self.map[0] * self.map[1]) as f64
    }

    /// As the numbers of an attribute.
    pub fn to_ints(self) -> [i64; 8] {
        let axis = |axis: WindowAxis| [axis.stride, axis.first, axis.size];
        let ([a, b, c], [d, e, f]) = (axis(self.rows), axis(self.columns));
        [a, b, c, d, e, f, self.map[0], self.map[1]]
    }

    /// From the numbers of an attribute.
    ///
    /// # Errors
    /// Another number of them, or sizes that are none.
    pub fn from_ints(ints: &[i64]) -> Result<Self> {
        let ints = <[i64; 8]>::try_from(ints).ok();
        let [a, b, c, d, e, f, height, width] = ints.context("a window has eight numbers")?;
        let axis = |stride, first, size| WindowAxis {
            stride,
            first,
            size,
        };
        let window = Self {
            rows: axis(a, b, c),
            columns: axis(d, e, f),
            map: [height, width],
        };
        ensure!(
            [c, f, height, width].iter().all(|&size| size > 0),
            "a window of nothing"
        );
        Ok(window)
    }

    /// Copies each target's part of a map, `[1, C, H, W]` or `[N, C, H, W]`, into `[N, C, rows, columns]`. `cells` holds row and column of each target.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn take(
        &self,
        map: &[f32],
        channels: usize,
        cells: &[f32],
        parts: &mut [f32],
    ) -> Result<()> {
        let [height, width] = self.map.map(|size| size as usize);
        let (rows, columns) = (self.rows.size as usize, self.columns.size as usize);
        let whole = channels * height * width;
        let part = channels * rows * columns;
        ensure!(
            whole > 0 && parts.len() == cells.len() / 2 * part && map.len().is_multiple_of(whole),
            "a map or window of another size"
        );
        parts.fill(0.0);
        for (target, (cell, part)) in cells.chunks(2).zip(parts.chunks_mut(part)).enumerate() {
            let map = match map.len() / whole {
                1 => map,
                _ => map
                    .get(target * whole..(target + 1) * whole)
                    .context("too few targets")?,
            };
            self.each_row(cell, channels, |in_map, in_part, len| {
                part[in_part..in_part + len].copy_from_slice(&map[in_map..in_map + len]);
            });
        }
        Ok(())
    }

    /// Puts each target's part, `[N, C, rows, columns]`, in its place of a map of zeros, `[N, C, H, W]`.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn put(
        &self,
        parts: &[f32],
        channels: usize,
        cells: &[f32],
        maps: &mut [f32],
    ) -> Result<()> {
        let [height, width] = self.map.map(|size| size as usize);
        let (rows, columns) = (self.rows.size as usize, self.columns.size as usize);
        let whole = channels * height * width;
        let part = channels * rows * columns;
        let targets = cells.len() / 2;
        ensure!(
            part > 0 && parts.len() == targets * part && maps.len() == targets * whole,
            "a map or window of another size"
        );
        maps.fill(0.0);
        for ((cell, part), map) in cells
            .chunks(2)
            .zip(parts.chunks(part))
            .zip(maps.chunks_mut(whole))
        {
            self.each_row(cell, channels, |in_map, in_part, len| {
                map[in_map..in_map + len].copy_from_slice(&part[in_part..in_part + len]);
            });
        }
        Ok(())
    }

    /// Tells of each row that the window of the target at `cell` shares with the map, channel by channel: where it begins in the map and in the window, and how long it is.
    fn each_row(&self, cell: &[f32], channels: usize, mut row: impl FnMut(usize, usize, usize)) {
        let [height, width] = self.map.map(|size| size as usize);
        let (rows, columns) = (self.rows.size as usize, self.columns.size as usize);
        let y = self.rows.overlap(cell[0], self.map[0]);
        let x = self.columns.overlap(cell[1], self.map[1]);
        for channel in 0..channels {
            for step in 0..y.len {
                let in_map = (channel * height + y.in_map + step) * width + x.in_map;
                let in_part = (channel * rows + y.in_window + step) * columns + x.in_window;
                row(in_map, in_part, x.len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3x3 windows from one row and column before the cell on, over a map of 2 rows and 4 columns.
    fn window() -> MapWindow {
        let axis = WindowAxis {
            stride: 1,
            first: -1,
            size: 3,
        };
        MapWindow {
            rows: axis,
            columns: axis,
            map: [2, 4],
        }
    }

    #[test]
    fn what_lies_beyond_the_border_is_zero() {
        let map: Vec<f32> = (1..=8).map(|x| x as f32).collect();
        let mut parts = [9.0; 18];
        window()
            .take(&map, 1, &[0.0, 0.0, 1.0, 2.0], &mut parts)
            .unwrap();
        assert_eq!(parts[..9], [0., 0., 0., 0., 1., 2., 0., 5., 6.]);
        assert_eq!(parts[9..], [2., 3., 4., 6., 7., 8., 0., 0., 0.]);
        let mut maps = [9.0; 16];
        window()
            .put(&parts, 1, &[0.0, 0.0, 1.0, 2.0], &mut maps)
            .unwrap();
        assert_eq!(maps[..8], [1., 2., 0., 0., 5., 6., 0., 0.]);
        assert_eq!(maps[8..], [0., 2., 3., 4., 0., 6., 7., 8.]);
    }

    #[test]
    fn a_window_that_misses_the_map_takes_and_puts_nothing() {
        let mut parts = [9.0; 9];
        window()
            .take(&[1.0; 8], 1, &[7.0, 9.0], &mut parts)
            .unwrap();
        assert_eq!(parts, [0.0; 9]);
        let mut maps = [9.0; 8];
        window().put(&[1.0; 9], 1, &[7.0, 9.0], &mut maps).unwrap();
        assert_eq!(maps, [0.0; 8]);
    }

    #[test]
    fn numbers_read_back() {
        assert_eq!(MapWindow::from_ints(&window().to_ints()).unwrap(), window());
        assert!(MapWindow::from_ints(&[1; 7]).is_err());
        assert!(MapWindow::from_ints(&[1, 0, 0, 1, 0, 3, 4, 4]).is_err());
        assert!(
            window()
                .take(&[1.0; 7], 1, &[0.0, 0.0], &mut [0.0; 9])
                .is_err()
        );
    }
}
