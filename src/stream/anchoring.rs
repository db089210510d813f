//! Relevance maps that stay with their objects: a map explains a box in one picture and is shown in later ones, where the box
//! has moved on.
//!
//! In: maps `[H, W]` over the whole picture, each with its box then and now. Out: one map for the picture as it is now.

use ndarray::{Array2, ArrayView2};

use crate::bilinear::Tap;
use crate::geometry::Rect;

/// A relevance map and the box that it explains.
#[derive(Clone, Debug)]
pub struct Anchored<'a> {
    /// Relevance over the whole picture, `[H, W]`, on a scale that all maps which are shown together share.
    pub map: ArrayView2<'a, f32>,
    /// The box when it was explained.
    pub then: Rect,
    /// The same box where the map is to be shown.
    pub now: Rect,
    /// What its values are multiplied by.
    pub strength: f32,
}

/// Of several maps, each is shown so far beyond its box, in sides of the box, before it has faded.
const REACH: f32 = 0.15;

/// One map `[height, width]` that shows all of `anchored`, each moved and scaled with its box.
///
/// A single map is shown whole. Of several, each keeps to its box and a rim around it, and where two meet, the stronger
/// value stands: sums would show relevance that neither has. A box with a corner that is no number shows nothing.
pub fn combined(anchored: &[Anchored], (height, width): (usize, usize)) -> Array2<f32> {
    let mut all = Array2::zeros((height, width));
    for one in anchored {
        let columns = along(one, 0, width, one.map.ncols());
        let rows = along(one, 1, height, one.map.nrows());
        let alone = anchored.len() == 1;
        for (y, row) in rows.iter().enumerate() {
            let Some(row) = row.as_ref().filter(|row| alone || row.weight > 0.0) else {
                continue;
            };
            for (x, column) in columns.iter().enumerate() {
                let Some(column) = column else { continue };
                let weight = if alone {
                    1.0
                } else {
                    row.weight.min(column.weight)
                };
                let value = one.strength * weight * interpolated(&one.map, row.tap, column.tap);
                let shown: &mut f32 = &mut all[[y, x]];
                if value.abs() > shown.abs() {
                    *shown = value;
                }
            }
        }
    }
    all
}

/// Where a row or column of the result lies in the map, and how much of it is shown.
struct WeightedTap {
    /// Where it lies in the map.
    tap: Tap,
    /// How much of a map that is not alone is shown there: 1 in its box, 0 beyond its rim.
    weight: f32,
}

/// All columns (axis 0) or rows (axis 1) of the result; `None` where the map does not reach.
fn along(one: &Anchored, axis: usize, to: usize, from: usize) -> Vec<Option<WeightedTap>> {
    let [then, now] = [one.then, one.now].map(|rect| {
        let edges = rect.edges();
        [edges[axis], edges[axis + 2]]
    });
    let mapping = inverse_mapping(then, now);
    let rim = REACH * (now[1] - now[0]);
    (0..to)
        .map(|index| {
            let (scale, start) = mapping?;
            let place = (index as f32 + 0.5) / to as f32;
            let source = if scale == 1.0 && start == 0.0 {
                place
            } else {
                start + scale * place
            };
            if from == 0 || !(0.0..=1.0).contains(&source) {
                return None;
            }
            let beyond = (now[0] - place).max(place - now[1]).max(0.0);
            Some(WeightedTap {
                tap: Tap::at_share(source, from as u32),
                weight: if rim > 0.0 {
                    (1.0 - beyond / rim).max(0.0)
                } else {
                    f32::from(u8::from(beyond == 0.0))
                },
            })
        })
        .collect()
}

fn interpolated(map: &ArrayView2<f32>, row: Tap, column: Tap) -> f32 {
    let along = |y: u32| {
        let [low, high] = [column.low, column.high].map(|x| map[[y as usize, x as usize]]);
        column.lerp(low, high)
    };
    let above = along(row.low);
    // So it is in all rows of a map that has not moved.
    if row.fraction == 0.0 {
        return above;
    }
    row.lerp(above, along(row.high))
}

/// The scale and start of the way back, then = start + scale·now, along one side of the picture; `None` where there is none.
///
/// Boxes are cut off at the picture's border. An edge that lies there tells nothing of how the object moved, so then
/// the other edge alone carries the map, which keeps its size: somebody who walks out of the picture is not squeezed.
fn inverse_mapping(then: [f32; 2], now: [f32; 2]) -> Option<(f32, f32)> {
    if then.iter().chain(&now).any(|edge| !edge.is_finite()) {
        return None;
    }
    let inside = |edge: usize| {
        let cut = |place: f32| {
            if edge == 0 {
                place <= 0.0
            } else {
                place >= 1.0
            }
        };
        !cut(then[edge]) && !cut(now[edge])
    };
    let (length_then, length_now) = (then[1] - then[0], now[1] - now[0]);
    match (inside(0), inside(1)) {
        (true, true) if length_then > 0.0 && length_now > 0.0 => {
            let scale = length_then / length_now;
            Some((scale, then[0] - scale * now[0]))
        }
        (true, false) => Some((1.0, then[0] - now[0])),
        (false, true) => Some((1.0, then[1] - now[1])),
        (false, false) => Some((1.0, 0.0)),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(shape: (usize, usize), at: (usize, usize), value: f32) -> Array2<f32> {
        let mut map = Array2::zeros(shape);
        map[at] = value;
        map
    }

    fn hottest(map: &Array2<f32>) -> (usize, usize) {
        let (place, _) = (map.indexed_iter())
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
            .unwrap();
        place
    }

    fn unmoved(map: &Array2<f32>, place: Rect) -> Anchored<'_> {
        Anchored {
            map: map.view(),
            then: place,
            now: place,
            strength: 1.0,
        }
    }

    const BOX: Rect = Rect::new(0.2, 0.3, 0.4, 0.6);

    #[test]
    fn a_box_that_stays_keeps_its_map_to_the_bit() {
        let map = Array2::from_shape_fn((7, 9), |(y, x)| (y as f32 - 3.3) * (x as f32 + 0.1));
        assert_eq!(combined(&[unmoved(&map, BOX)], (7, 9)), map);
    }

    #[test]
    fn a_map_moves_with_its_box() {
        let map = spot((100, 100), (45, 30), 2.0);
        let anchored = Anchored {
            map: map.view(),
            then: BOX,
            now: BOX.moved(0.25, 0.25),
            strength: 1.0,
        };
        let moved = combined(&[anchored], (100, 100));
        assert_eq!(hottest(&moved), (70, 55));
        assert!((moved[[70, 55]] - 2.0).abs() < 1e-3);
    }

    #[test]
    fn a_map_grows_with_its_box() {
        // In the middle of the box, and at three quarters of its height.
        let map = spot((200, 200), (105, 60), -1.0);
        let anchored = Anchored {
            map: map.view(),
            then: BOX,
            now: Rect::new(0.1, 0.2, 0.5, 0.8),
            strength: 1.0,
        };
        let grown = combined(&[anchored], (200, 200));
        let (y, x) = hottest(&grown);
        assert!(y.abs_diff(130) <= 1 && x.abs_diff(60) <= 1, "{y}, {x}");
        let area = |map: &Array2<f32>| map.iter().filter(|value| value.abs() > 0.1).count();
        assert!(area(&grown) >= 4 * area(&map));
    }

    #[test]
    fn who_walks_out_of_the_picture_is_not_squeezed() {
        let map = spot((100, 100), (45, 75), 1.0);
        let anchored = Anchored {
            map: map.view(),
            then: Rect::new(0.6, 0.3, 0.9, 0.6),
            now: Rect::new(0.8, 0.3, 1.0, 0.6),
            strength: 1.0,
        };
        assert_eq!(hottest(&combined(&[anchored], (100, 100))), (45, 95));
        assert_eq!(inverse_mapping([0.0, 0.2], [0.0, 0.1]), Some((1.0, 0.1)));
        assert_eq!(inverse_mapping([0.0, 1.0], [0.0, 1.0]), Some((1.0, 0.0)));
    }

    #[test]
    fn of_several_each_keeps_to_its_box_and_the_stronger_value_stands() {
        let one = Array2::from_elem((50, 50), 0.5);
        let other = Array2::from_elem((50, 50), -1.0);
        let (left, right) = (Rect::new(0.0, 0.0, 0.5, 1.0), Rect::new(0.4, 0.2, 0.8, 0.8));
        let both = combined(&[unmoved(&one, left), unmoved(&other, right)], (50, 50));
        assert_eq!(both[[25, 5]], 0.5);
        assert_eq!(both[[25, 22]], -1.0, "where both are");
        assert_eq!(both[[25, 35]], -1.0);
        assert_eq!(both[[25, 48]], 0.0, "where neither is");
        assert_eq!(both[[2, 35]], 0.0);
        let rim = both[[25, 41]];
        assert!(rim < 0.0 && rim > -1.0, "{rim}");
    }

    #[test]
    fn no_box_and_no_map_panics() {
        let map = Array2::from_elem((4, 4), 1.0);
        for place in [
            [f32::NAN; 4],
            [0.5, 0.5, 0.5, 0.5],
            [0.9, 0.9, 0.1, 0.1],
            [f32::INFINITY, 0.0, 1.0, 1.0],
        ] {
            let anchored = Anchored {
                map: map.view(),
                then: place.into(),
                now: BOX,
                strength: 1.0,
            };
            let shown = combined(&[anchored.clone(), anchored], (5, 3));
            assert!(shown.iter().all(|&value| value == 0.0), "{place:?}");
        }
        let empty = Array2::zeros((0, 4));
        let shown = combined(&[unmoved(&empty, BOX)], (2, 2));
        assert_eq!(shown, Array2::<f32>::zeros((2, 2)));
    }
}
