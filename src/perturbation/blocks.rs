//! The picture cut into blocks, and the order in which a map says that they matter.
//!
//! In: a relevance map `[H, W]`. Out: block numbers in an order, and pictures in which the first of them are replaced.

use ndarray::{Array2, Array4};

/// Side of a block, pixels of the network's input.
pub const BLOCK: usize = 20;

/// A grid of square blocks over a picture; those at the right and lower edge may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    height: usize,
    width: usize,
    side: usize,
}

impl Blocks {
    /// Blocks of `side` pixels, at least 1, over a picture.
    pub fn new(height: usize, width: usize, side: usize) -> Self {
        Self {
            height,
            width,
            side: side.max(1),
        }
    }

    /// The number of blocks.
    pub fn count(&self) -> usize {
        self.height.div_ceil(self.side) * self.columns()
    }

    fn columns(&self) -> usize {
        self.width.div_ceil(self.side)
    }

    /// The block, counted row by row from the top left, that holds a pixel.
    fn at(&self, y: usize, x: usize) -> usize {
        y / self.side * self.columns() + x / self.side
    }

    /// ΣR of each block.
    pub fn sums(&self, map: &Array2<f32>) -> Vec<f64> {
        let mut sums = vec![0.0; self.count()];
        for ((y, x), &relevance) in map.indexed_iter() {
            sums[self.at(y, x)] += f64::from(relevance);
        }
        sums
    }

    /// A map `[H, W]` that gives each pixel the value of its block.
    pub fn spread(&self, values: &[f32]) -> Array2<f32> {
        Array2::from_shape_fn((self.height, self.width), |(y, x)| values[self.at(y, x)])
    }

    /// The blocks in the order in which they are replaced: the most (or the least) relevant first, equal ones row by row from the top left in both cases.
    pub fn order(&self, map: &Array2<f32>, first: First) -> Vec<usize> {
        let sums = self.sums(map);
        let mut order: Vec<usize> = (0..sums.len()).collect();
        match first {
            First::Most => order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a])),
            First::Least => order.sort_by(|&a, &b| sums[a].total_cmp(&sums[b])),
        }
        order
    }

    /// Up to `most` blocks that a map speaks for, the most relevant first: only such as have a sum above 0.
    pub fn strongest(&self, map: &Array2<f32>, most: usize) -> Vec<usize> {
        let sums = self.sums(map);
        let order = self.order(map, First::Most).into_iter().take(most);
        order.filter(|&block| sums[block] > 0.0).collect()
    }

    /// `blocks` as many rows further down and columns further right; what leaves the picture comes in again on the other side.
    pub fn shifted(&self, blocks: &[usize], [down, right]: [usize; 2]) -> Vec<usize> {
        let [rows, columns] = self.grid();
        let shifted = |&block: &usize| {
            let (row, column) = (block / columns, block % columns);
            (row + down) % rows * columns + (column + right) % columns
        };
        blocks.iter().map(shifted).collect()
    }

    /// Rows and columns of blocks.
    pub fn grid(&self) -> [usize; 2] {
        [self.count() / self.columns(), self.columns()]
    }

    /// Puts `block` of `reference` into `picture`, both `[1, C, H, W]`.
    pub fn replace(&self, picture: &mut Array4<f32>, reference: &Array4<f32>, block: usize) {
        let (row, column) = (block / self.columns(), block % self.columns());
        let range =
            |index: usize, end: usize| index * self.side..((index + 1) * self.side).min(end);
        for channel in 0..picture.dim().1 {
            for y in range(row, self.height) {
                for x in range(column, self.width) {
                    picture[[0, channel, y, x]] = reference[[0, channel, y, x]];
                }
            }
        }
    }
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// The most relevant block.
    Most,
    /// The least relevant block.
    Least,
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_order_is_that_of_the_blocks_sums() {
        // 2 × 3 blocks of 2 pixels, the last column and row cut.
        let blocks = Blocks::new(3, 5, 2);
        assert_eq!(blocks.count(), 6);
        let map = array![
            [1., 1., 0., 0., -9.],
            [1., 1., 0., 0., 2.],
            [2., 3., 0., -1., 5.],
        ];
        assert_eq!(blocks.sums(&map), [4., 0., -7., 5., -1., 5.]);
        assert_eq!(blocks.order(&map, First::Most), [3, 5, 0, 1, 4, 2]);
        assert_eq!(blocks.order(&map, First::Least), [2, 4, 1, 0, 3, 5]);
    }

    #[test]
    fn the_strongest_are_those_with_a_sum_above_0_and_can_be_moved() {
        let blocks = Blocks::new(3, 5, 2);
        let map = array![
            [1., 1., 0., 0., -9.],
            [1., 1., 0., 0., 2.],
            [2., 3., 0., -1., 5.],
        ];
        assert_eq!(blocks.strongest(&map, 2), [3, 5]);
        assert_eq!(blocks.strongest(&map, 6), [3, 5, 0]);
        assert_eq!(blocks.grid(), [2, 3]);
        assert_eq!(blocks.shifted(&[3, 5, 0], [0, 0]), [3, 5, 0]);
        assert_eq!(blocks.shifted(&[3, 5, 0], [1, 2]), [2, 1, 5]);
    }

    #[test]
    fn a_map_that_says_nothing_has_one_order() {
        let blocks = Blocks::new(4, 4, 2);
        for first in [First::Most, First::Least] {
            assert_eq!(blocks.order(&Array2::zeros((4, 4)), first), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_value_reaches_all_pixels_of_its_block() {
        let map = Blocks::new(3, 3, 2).spread(&[1., 2., 3., 4.]);
        assert_eq!(map, array![[1., 1., 2.], [1., 1., 2.], [3., 3., 4.]]);
    }

    #[test]
    fn replacing_all_blocks_gives_the_reference() {
        let blocks = Blocks::new(5, 3, 2);
        let reference =
            Array4::from_shape_fn((1, 3, 5, 3), |(_, c, y, x)| (c * 100 + y * 10 + x) as f32);
        let mut picture = Array4::zeros((1, 3, 5, 3));
        blocks.replace(&mut picture, &reference, 3);
        assert_eq!(picture.iter().filter(|&&v| v != 0.0).count(), 6);
        assert_eq!(picture[[0, 2, 3, 2]], 232.0);
        for block in 0..blocks.count() {
            blocks.replace(&mut picture, &reference, block);
        }
        assert_eq!(picture, reference);
    }
}
