//! Where a default box lies in the network: from its index in the outputs [D, K] and [D, 4] to head, row, column and shape, and back.

/// The grid of one head: a feature map of `rows` × `cols` cells with `shapes` default boxes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadGrid {
    /// Height of the feature map.
    pub rows: usize,
    /// Width of the feature map.
    pub cols: usize,
    /// Default boxes per cell.
    pub shapes: usize,
}

impl HeadGrid {
    /// The number of this head's default boxes.
    pub fn boxes(&self) -> usize {
        self.rows * self.cols * self.shapes
    }
}

/// One default box: `shape` of the cell (`row`, `col`) of `head`, all counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Number of the head, in the order of the outputs.
    pub head: usize,
    /// Row of the cell.
    pub row: usize,
    /// Column of the cell.
    pub col: usize,
    /// Number of the default box within its cell.
    pub shape: usize,
}

/// The heads in the order in which their outputs are concatenated. A default box's index is
/// (boxes of the heads before) + (row · cols + col) · shapes + shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadLayout {
    /// Their grids.
    pub heads: Vec<HeadGrid>,
}

impl HeadLayout {
    /// D, the number of default boxes of all heads.
    pub fn len(&self) -> usize {
        self.heads.iter().map(HeadGrid::boxes).sum()
    }

    /// Whether there is no default box at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the default box `index`, or `None` from D on.
    pub fn locate(&self, index: usize) -> Option<Location> {
        let mut rest = index;
        for (head, grid) in self.heads.iter().enumerate() {
            if rest < grid.boxes() {
                let cell = rest / grid.shapes;
                return Some(Location {
                    head,
                    row: cell / grid.cols,
                    col: cell % grid.cols,
                    shape: rest % grid.shapes,
                });
            }
            rest -= grid.boxes();
        }
        None
    }

    /// Width and height of the cell of the default box `index`, in shares of the picture; `None` from D on.
    pub fn cell(&self, index: usize) -> Option<[f32; 2]> {
        let grid = self.heads.get(self.locate(index)?.head)?;
        Some([1.0 / grid.cols as f32, 1.0 / grid.rows as f32])
    }

    /// The index of the default box at `location`, or `None` where there is none.
    pub fn index_of(&self, location: Location) -> Option<usize> {
        let Location {
            head,
            row,
            col,
            shape,
        } = location;
        let grid = self.heads.get(head)?;
        if row >= grid.rows || col >= grid.cols || shape >= grid.shapes {
            return None;
        }
        let before: usize = self.heads[..head].iter().map(HeadGrid::boxes).sum();
        Some(before + (row * grid.cols + col) * grid.shapes + shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> HeadLayout {
        let head = |rows, cols, shapes| HeadGrid { rows, cols, shapes };
        HeadLayout {
            heads: vec![
                head(19, 19, 3),
                head(10, 10, 6),
                head(2, 3, 6),
                head(1, 1, 4),
            ],
        }
    }

    #[test]
    fn known_indices_have_known_places() {
        let layout = layout();
        let at = |index| {
            layout
                .locate(index)
                .map(|l| [l.head, l.row, l.col, l.shape])
        };
        assert_eq!(at(0), Some([0, 0, 0, 0]));
        assert_eq!(at(3 * 19 + 3 + 2), Some([0, 1, 1, 2]));
        assert_eq!(at(1082), Some([0, 18, 18, 2]));
        assert_eq!(at(1083), Some([1, 0, 0, 0]));
        assert_eq!(at(1436), Some([1, 5, 8, 5]));
        assert_eq!(at(1683 + 6 * 3 + 6 + 1), Some([2, 1, 1, 1]));
        assert_eq!(at(layout.len() - 1), Some([3, 0, 0, 3]));
        assert_eq!(at(layout.len()), None);
    }

    #[test]
    fn index_and_place_are_one_to_one() {
        let layout = layout();
        assert_eq!(layout.len(), 1083 + 600 + 36 + 4);
        for index in 0..layout.len() {
            assert_eq!(
                layout
                    .locate(index)
                    .and_then(|place| layout.index_of(place)),
                Some(index)
            );
        }
    }

    #[test]
    fn a_place_outside_the_grids_has_no_index() {
        let layout = layout();
        for (head, row, col, shape) in [(4, 0, 0, 0), (2, 2, 0, 0), (2, 0, 3, 0), (2, 0, 0, 6)] {
            assert_eq!(
                layout.index_of(Location {
                    head,
                    row,
                    col,
                    shape
                }),
                None
            );
        }
    }
}
