//! How alike the maps of two models are, whose networks see the photo at different sizes.
//!
//! In: two maps of the whole photo, and the boxes that they explain. Out: numbers that do not depend on the maps' scales.

use ndarray::Array2;
use serde::Serialize;

use crate::evaluate::Similarity;
use crate::geometry::Rect;

/// Maps are compared in a window around both boxes, so many times as wide and high.
const AROUND: f32 = 1.5;
/// Cells of that window along each side.
const CELLS: usize = 24;
/// Points along each side of a cell, at which the map is read.
const POINTS: usize = 4;
/// The share of the cells that counts as the most relevant.
const TOP: f64 = 0.1;

/// Two maps compared, after Ghorbani, Abid and Zou, *Interpretation of Neural Networks Is Fragile*, AAAI 2019, who take both measures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MapAgreement {
    /// Spearman's rank correlation of the cells' relevance, −1 to 1.
    pub rank_correlation: f64,
    /// The share of the most relevant tenth of the cells of one map that is in that of the other, 0 to 1.
    pub top_intersection: f64,
}

impl MapAgreement {
    /// Compares the maps `[H, W]` of two boxes; each map has the photo's whole extent.
    pub fn of(maps: [&Array2<f32>; 2], boxes: [&Rect; 2]) -> Self {
        let window = window(&boxes[0].union(boxes[1]));
        let [a, b] = maps.map(|map| cells(map, &window));
        let [top_a, top_b] = [&a, &b].map(most_relevant);
        let common = top_a.iter().filter(|cell| top_b.contains(cell)).count();
        Self {
            rank_correlation: Similarity::of(&a, &b).spearman,
            top_intersection: common as f64 / top_a.len().max(1) as f64,
        }
    }
}

/// What is around a box, as far as the photo goes.
fn window(rect: &Rect) -> Rect {
    let [x, y] = rect.centre();
    let (width, height) = (0.5 * AROUND * rect.width(), 0.5 * AROUND * rect.height());
    Rect::new(x - width, y - height, x + width, y + height).clipped()
}

/// The mean relevance of each cell of the window.
fn cells(map: &Array2<f32>, window: &Rect) -> Array2<f32> {
    let (rows, columns) = map.dim();
    let share = |index: usize| (index as f32 + 0.5) / (CELLS * POINTS) as f32;
    let pixel = |share: f32, count: usize| ((share * count as f32) as usize).min(count - 1);
    let mut cells = Array2::zeros((CELLS, CELLS));
    if rows == 0 || columns == 0 {
        return cells;
    }
    for row in 0..CELLS * POINTS {
        let y = pixel(window.y0 + share(row) * window.height(), rows);
        for column in 0..CELLS * POINTS {
            let x = pixel(window.x0 + share(column) * window.width(), columns);
            cells[(row / POINTS, column / POINTS)] += map[(y, x)];
        }
    }
    cells / (POINTS * POINTS) as f32
}

/// The most relevant cells, by number; of equals the first.
fn most_relevant(cells: &Array2<f32>) -> Vec<usize> {
    let values: Vec<f32> = cells.iter().copied().collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order.truncate((TOP * values.len() as f64).round() as usize);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of a size, with relevance that falls from a place on.
    fn hill(side: usize, [x, y]: [f32; 2]) -> Array2<f32> {
        Array2::from_shape_fn((side, side), |(row, column)| {
            let place = |index: usize| (index as f32 + 0.5) / side as f32;
            1.0 - (place(column) - x).hypot(place(row) - y)
        })
    }

    #[test]
    fn the_same_map_at_another_size_is_alike() {
        let rect = Rect::new(0.3, 0.3, 0.7, 0.7);
        let agreement = |a: &Array2<f32>, b: &Array2<f32>| MapAgreement::of([a, b], [&rect; 2]);
        let small = hill(120, [0.4, 0.4]);
        let same = agreement(&small, &(hill(300, [0.4, 0.4]) * 70.0));
        assert!(
            same.rank_correlation > 0.99 && same.top_intersection > 0.9,
            "{same:?}"
        );
        let opposite = agreement(&small, &hill(300, [0.6, 0.6]));
        assert!(opposite.rank_correlation < -0.2 && opposite.top_intersection == 0.0);
    }

    #[test]
    fn what_is_far_from_the_object_does_not_count() {
        let rect = Rect::new(0.4, 0.4, 0.6, 0.6);
        let a = hill(300, [0.5, 0.45]);
        let mut b = a.clone();
        let far = b.indexed_iter_mut().filter(|((row, _), _)| *row < 50);
        far.for_each(|(_, relevance)| *relevance = 9.0);
        let agreement = MapAgreement::of([&a, &b], [&rect; 2]);
        assert!((agreement.rank_correlation - 1.0).abs() < 1e-9);
        let nothing = MapAgreement::of([&a, &Array2::zeros((8, 8))], [&rect; 2]);
        assert_eq!(nothing.rank_correlation, 0.0);
    }
}
