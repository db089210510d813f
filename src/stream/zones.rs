//! Parts of the picture in which objects are treated in a way of their own: where they are ignored, explained, or looked at for what is wrong.
//!
//! In: polygons and a detection's box. Out: yes or no. An object is where its feet are, the middle of its box's lower edge, as far as that is in the picture: a person behind
//! a fence is in the garden, although the head is seen before the house.

use crate::error::Result;
use crate::error::argument::ensure;
use crate::geometry::Rect;

/// A polygon in shares of the picture's sides. Where its sides cross, what lies inside an even number of times is outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<[f32; 2]>);

/// Where in the picture what is done. A list without a polygon means everywhere, of `ignore` nowhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zones {
    /// Detections in here count for nothing.
    pub ignore: Vec<Polygon>,
    /// Detections are explained by the rules of the selection in here alone.
    pub explain: Vec<Polygon>,
    /// What looks wrong is told in here alone.
    pub alarm: Vec<Polygon>,
}

impl Polygon {
    /// From its corners x, y in their order; the last one is joined with the first.
    ///
    /// # Errors
    /// Fewer than three corners, one outside of the picture, or none but those on one line.
    pub fn new(corners: Vec<[f32; 2]>) -> Result<Self> {
        ensure!(
            corners.len() >= 3,
            "a polygon has at least three corners, and {} are given",
            corners.len()
        );
        for corner in &corners {
            ensure!(
                corner.iter().all(|share| (0.0..=1.0).contains(share)),
                "the corner {corner:?} is outside of the picture: shares of its width and height, 0 to 1, are expected"
            );
        }
        let [x0, y0] = corners[0];
        let is_flat = corners[1..].windows(2).all(|pair| {
            let [[ax, ay], [bx, by]] = [pair[0], pair[1]].map(|[x, y]| [x - x0, y - y0]);
            (ax * by - ay * bx).abs() < 1e-9
        });
        ensure!(!is_flat, "all corners of the polygon are on one line");
        Ok(Self(corners))
    }

    /// Whether the point x, y, in shares of the picture, lies inside.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let left = self.crossings(y).into_iter().filter(|&side| side <= x);
        left.count() % 2 == 1
    }

    /// Its sides, from corner to corner.
    pub fn sides(&self) -> impl Iterator<Item = (&[f32; 2], &[f32; 2])> {
        let next = self.0.iter().cycle().skip(1);
        self.0.iter().zip(next)
    }

    /// Where its sides cross the row at `y`, from left to right: inside is what lies between the first and the second, the third and the fourth, and so on.
    pub fn crossings(&self, y: f32) -> Vec<f32> {
        // A corner belongs to the side that goes down from it, so that none counts twice.
        let crossed = self.sides().filter(|(a, b)| (a[1] <= y) != (b[1] <= y));
        let mut crossings: Vec<f32> = crossed
            .map(|(a, b)| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
            .collect();
        crossings.sort_by(f32::total_cmp);
        crossings
    }
}

impl Zones {
    /// Whether a detection with this box counts for nothing.
    pub fn ignores(&self, rect: &Rect) -> bool {
        is_in_any(&self.ignore, rect)
    }

    /// Whether it may be explained.
    pub fn explains(&self, rect: &Rect) -> bool {
        self.explain.is_empty() || is_in_any(&self.explain, rect)
    }

    /// Whether it is looked at for what is wrong.
    pub fn alarms(&self, rect: &Rect) -> bool {
        self.alarm.is_empty() || is_in_any(&self.alarm, rect)
    }
}

fn is_in_any(polygons: &[Polygon], rect: &Rect) -> bool {
    let seen = rect.clipped();
    // The lowest row of the picture is inside, too.
    let feet = [seen.centre()[0], seen.y1.min(LOWEST)];
    polygons.iter().any(|polygon| polygon.contains(feet))
}

/// The last place above the picture's lower edge.
const LOWEST: f32 = 1.0 - f32::EPSILON / 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(corners: &[[f32; 2]]) -> Polygon {
        Polygon::new(corners.to_vec()).unwrap()
    }

    #[test]
    fn inside_is_what_the_sides_go_round() {
        // An L: the upper right quarter is missing.
        let corner = polygon(&[
            [0.0, 0.0],
            [0.5, 0.0],
            [0.5, 0.5],
            [1.0, 0.5],
            [1.0, 1.0],
            [0.0, 1.0],
        ]);
        for (point, inside) in [
            ([0.2, 0.2], true),
            ([0.8, 0.2], false),
            ([0.8, 0.7], true),
            ([0.2, 0.999], true),
            ([f32::NAN, 0.2], false),
        ] {
            assert_eq!(corner.contains(point), inside, "{point:?}");
        }
        assert_eq!(corner.crossings(0.25), [0.0, 0.5]);
        let bow = polygon(&[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
        assert!(bow.contains([0.1, 0.5]) && !bow.contains([0.5, 0.1]));
    }

    #[test]
    fn what_is_no_polygon_is_refused() {
        for (corners, reason) in [
            (&[[0.0, 0.0], [1.0, 1.0]][..], "at least three corners"),
            (&[[0.0, 0.0], [1.2, 0.0], [0.5, 0.5]], "[1.2, 0.0]"),
            (&[[0.0, 0.0], [f32::NAN, 0.0], [0.5, 0.5]], "outside"),
            (&[[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]], "on one line"),
        ] {
            let error = Polygon::new(corners.to_vec()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_object_is_where_its_feet_are() {
        let lower_half = || vec![polygon(&[[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]])];
        let zones = Zones {
            ignore: lower_half(),
            explain: lower_half(),
            alarm: lower_half(),
        };
        let near = Rect::new(0.4, 0.1, 0.6, 0.9);
        let far = Rect::new(0.4, 0.1, 0.6, 0.4);
        let cut_off = Rect::new(-0.5, 0.6, 0.2, 1.3);
        for (rect, inside) in [(near, true), (far, false), (cut_off, true)] {
            assert_eq!(zones.ignores(&rect), inside, "{rect:?}");
            assert_eq!(zones.explains(&rect), inside, "{rect:?}");
            assert_eq!(zones.alarms(&rect), inside, "{rect:?}");
        }
        let none = Zones::default();
        assert!(!none.ignores(&near) && none.explains(&near) && none.alarms(&near));
    }
}
