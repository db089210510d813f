//! Rectangles and sizes. Shares of a picture and its pixels are told apart by type, so that one is never taken for the other.
//!
//! Nothing here knows what a rectangle is around: corners in, areas, overlaps and other rectangles out.

use std::fmt;
use std::marker::PhantomData;

/// Normalised coordinates, shares of a picture's sides: 0 is the left or upper edge, 1 the right or lower one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalised {}

/// Shares of the sides of a network's input, in which the picture may lie between bars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputNormalised {}

/// Pixels of a picture, counted from the left and upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pixel {}

/// A rectangle with its sides along the picture's, in the `Unit` [`Normalised`], [`InputNormalised`] or [`Pixel`]. It may reach beyond the picture. It is empty
/// where x1 ≤ x0 or y1 ≤ y0; an edge may be no number, as a network gives it, and then every comparison below comes out as "no".
#[derive(Clone, Copy, PartialEq)]
pub struct Rect<Unit = Normalised> {
    /// Left edge.
    pub x0: f32,
    /// Upper edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Lower edge.
    pub y1: f32,
    unit: PhantomData<Unit>,
}

/// Width and height in whole pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl<Unit> Rect<Unit> {
    /// From its edges: left, upper, right, lower.
    pub const fn new(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        Self {
            x0,
            y0,
            x1,
            y1,
            unit: PhantomData,
        }
    }

    /// x0, y0, x1, y1.
    pub const fn edges(&self) -> [f32; 4] {
        [self.x0, self.y0, self.x1, self.y1]
    }

    /// x1 − x0, negative where the edges are the wrong way round.
    pub fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    /// y1 − y0, negative where the edges are the wrong way round.
    pub fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    /// Its middle, x and y.
    pub fn centre(&self) -> [f32; 2] {
        [0.5 * (self.x0 + self.x1), 0.5 * (self.y0 + self.y1)]
    }

    /// Width times height; 0 where it is empty.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Whether all edges are numbers and not infinite.
    pub fn is_finite(&self) -> bool {
        self.edges().iter().all(|edge| edge.is_finite())
    }

    /// Whether the point x, y lies inside or on an edge.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        (self.x0..=self.x1).contains(&x) && (self.y0..=self.y1).contains(&y)
    }

    /// What both have in common, possibly empty.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::new(
            self.x0.max(other.x0),
            self.y0.max(other.y0),
            self.x1.min(other.x1),
            self.y1.min(other.y1),
        )
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(
            self.x0.min(other.x0),
            self.y0.min(other.y0),
            self.x1.max(other.x1),
            self.y1.max(other.y1),
        )
    }

    /// Intersection over union (IoU): the area that both have in common over the area that they cover together, 0..=1; 0 where
    /// either is empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let (area, other_area) = (self.area(), other.area());
        if area <= 0.0 || other_area <= 0.0 {
            return 0.0;
        }
        let common = self.intersection(other).area();
        common / (area + other_area - common)
    }

    /// The part of its area, 0..=1, that lies in `whole`; 0 where it is empty.
    pub fn share_inside(&self, whole: &Self) -> f32 {
        let area = self.area();
        if area > 0.0 {
            self.intersection(whole).area() / area
        } else {
            0.0
        }
    }

    /// The same place where a picture's sides have become `x` and `y` times as long.
    #[must_use]
    pub fn scaled(&self, x: f32, y: f32) -> Self {
        Self::new(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)
    }

    /// Moved by `x` and `y`.
    #[must_use]
    pub fn moved(&self, x: f32, y: f32) -> Self {
        Self::new(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)
    }
}

impl Rect<Normalised> {
    /// The part within the picture, 0..=1. An edge that is no number stays so.
    #[must_use]
    pub fn clipped(&self) -> Self {
        self.edges().map(|edge| edge.clamp(0.0, 1.0)).into()
    }

    /// In pixels of a picture of this size, not rounded.
    pub fn in_pixels(&self, size: Size) -> Rect<Pixel> {
        let (width, height) = (size.width as f32, size.height as f32);
        self.scaled(width, height).edges().into()
    }
}

impl<Unit> From<[f32; 4]> for Rect<Unit> {
    fn from([x0, y0, x1, y1]: [f32; 4]) -> Self {
        Self::new(x0, y0, x1, y1)
    }
}

impl<Unit> fmt::Debug for Rect<Unit> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("Rect").field(&self.edges()).finish()
    }
}

impl Size {
    /// From width and height.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Whether there is no pixel.
    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// A point in pixels from the top left as shares of a picture of this size, 0..=1; `None` where it lies outside of the picture.
    pub fn shares_of(self, [x, y]: [f32; 2]) -> Option<[f32; 2]> {
        let (width, height) = (self.width as f32, self.height as f32);
        let is_inside = (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
        is_inside.then(|| [x / width, y / height])
    }
}

impl From<(u32, u32)> for Size {
    fn from((width, height): (u32, u32)) -> Self {
        Self { width, height }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Which box is meant by a point, both in shares of the picture: of those under it the smallest, which nothing else could reach; of equals the first. A click in a video, a point on the command
/// line and [`Question::at`](crate::Question::at) choose so.
pub fn smallest_under(rects: impl Iterator<Item = Rect>, point: [f32; 2]) -> Option<usize> {
    rects
        .enumerate()
        .filter(|(_, rect)| rect.contains(point))
        .min_by(|(_, a), (_, b)| a.area().total_cmp(&b.area()))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rect(edges: [f32; 4]) -> Rect {
        edges.into()
    }

    #[test]
    fn overlap_is_intersection_over_union() {
        let a = rect([0.0, 0.0, 0.4, 0.4]);
        // .04 of .16 + .16 − .04.
        assert!((a.iou(&rect([0.2, 0.2, 0.6, 0.6])) - 1.0 / 7.0).abs() < 1e-6);
        assert!((a.iou(&a) - 1.0).abs() < 1e-6);
        assert_eq!(a.iou(&rect([0.4, 0.0, 0.8, 0.4])), 0.0);
        assert_eq!(a.iou(&rect([0.3, 0.3, 0.1, 0.1])), 0.0);
        assert_eq!(rect([0.2; 4]).iou(&rect([0.2; 4])), 0.0);
    }

    #[test]
    fn the_share_inside_is_of_its_own_area() {
        let (small, large) = (rect([0.1, 0.1, 0.3, 0.2]), rect([0.2, 0.0, 0.9, 0.9]));
        assert!((small.share_inside(&large) - 0.5).abs() < 1e-6);
        assert!((large.share_inside(&small) - 0.01 / 0.63).abs() < 1e-6);
        assert_eq!(rect([0.2; 4]).share_inside(&large), 0.0);
    }

    #[test]
    fn a_rectangle_contains_its_edges_and_a_broken_one_nothing() {
        let at = |x, y| rect([10.0, 20.0, 30.0, 40.0]).contains([x, y]);
        assert!(at(10.0, 40.0) && at(20.0, 30.0));
        assert!(!at(9.0, 30.0) && !at(20.0, 41.0));
        let broken = rect([f32::NAN; 4]);
        assert!(!broken.contains([0.0, 0.0]) && !broken.is_finite());
        assert_eq!((broken.area(), broken.iou(&broken)), (0.0, 0.0));
    }

    #[test]
    fn clipping_keeps_what_is_in_the_picture() {
        let clipped = |edges| rect(edges).clipped().edges();
        assert_eq!(clipped([-0.5, 0.25, 1.5, 0.75]), [0.0, 0.25, 1.0, 0.75]);
        assert_eq!(clipped([1.5, 0.0, 2.0, 1.0]), [1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn shares_become_pixels_of_the_picture() {
        let pixels = rect([0.5, 0.25, 1.0, -1.0]).in_pixels(Size::new(200, 100));
        assert_eq!(pixels.edges(), [100.0, 25.0, 200.0, -100.0]);
        assert_eq!(Size::from((200, 100)).to_string(), "200x100");
        assert!(Size::new(3, 0).is_empty() && !Size::new(3, 1).is_empty());
    }

    #[test]
    fn a_point_of_the_picture_is_shares_of_it() {
        let shares = |x, y| Size::new(200, 100).shares_of([x, y]);
        assert_eq!(shares(50.0, 100.0), Some([0.25, 1.0]));
        assert_eq!(shares(0.0, 0.0), Some([0.0, 0.0]));
        for [x, y] in [[-0.5, 5.0], [200.5, 5.0], [5.0, 101.0], [f32::NAN, 5.0]] {
            assert_eq!(shares(x, y), None, "{x}, {y}");
        }
    }

    proptest! {
        #[test]
        fn overlaps_are_shares_and_alike_both_ways(
            a in prop::array::uniform4(-1.0f32..2.0), b in prop::array::uniform4(-1.0f32..2.0)
        ) {
            let (a, b) = (rect(a), rect(b));
            prop_assert_eq!(a.iou(&b), b.iou(&a));
            prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
            prop_assert!((0.0..=1.0001).contains(&a.share_inside(&b)));
            prop_assert!(a.iou(&b) <= a.share_inside(&b) + 1e-5);
            prop_assert!(a.union(&b).area() + 1e-5 >= a.area().max(b.area()));
        }
    }

    fn under(rects: &[[f32; 4]], point: [f32; 2]) -> Option<usize> {
        smallest_under(rects.iter().map(|&rect| rect.into()), point)
    }

    #[test]
    fn of_several_boxes_under_a_point_the_smallest_is_meant() {
        let (large, small) = ([0.0, 0.0, 0.9, 0.9], [0.4, 0.4, 0.6, 0.6]);
        assert_eq!(under(&[large, small], [0.5, 0.5]), Some(1));
        assert_eq!(under(&[large, small], [0.1, 0.1]), Some(0));
        assert_eq!(under(&[small, small], [0.5, 0.5]), Some(0));
        assert_eq!(under(&[large, small], [0.95, 0.5]), None);
    }

    #[test]
    fn a_box_without_a_place_is_under_no_point() {
        let rects = [[f32::NAN; 4], [0.6, 0.6, 0.4, 0.4]];
        assert_eq!(under(&rects, [0.5, 0.5]), None);
        assert_eq!(under(&[[0.0; 4]], [f32::NAN, 0.0]), None);
    }
}
