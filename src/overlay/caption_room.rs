//! Where the caption goes: a plate's size and the frame's boxes in; the corner out where the plate covers the least of them.

use super::canvas::Area;

/// A corner of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Corner {
    /// At the bottom, left.
    #[default]
    BottomLeft,
    /// At the bottom, right.
    BottomRight,
    /// At the top, right.
    TopRight,
    /// At the top, left.
    TopLeft,
}

impl Corner {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::BottomLeft,
        Self::BottomRight,
        Self::TopRight,
        Self::TopLeft,
    ];

    /// A plate of a size in this corner of `frame`.
    fn place(self, [width, height]: [i64; 2], margin: i64, frame: Area) -> Area {
        let x0 = match self {
            Self::BottomLeft | Self::TopLeft => frame.x0 + margin,
            Self::BottomRight | Self::TopRight => frame.x1 - margin - width,
        };
        let y0 = match self {
            Self::BottomLeft | Self::BottomRight => frame.y1 - margin - height,
            Self::TopLeft | Self::TopRight => frame.y0 + margin,
        };
        Area {
            x0,
            y0,
            x1: x0 + width,
            y1: y0 + height,
        }
    }
}

/// Where a caption may be, and what it is not to cover there.
pub(super) struct CaptionRoom<'a> {
    /// The part of the canvas that is free for it.
    pub frame: Area,
    /// The first is taken, or another one where the plate covers less than half as much of the boxes.
    pub corners: &'a [Corner],
    /// Boxes, and whether they are explained.
    pub boxes: &'a [(Area, bool)],
}

/// A covered pixel of what is explained counts as so many of other boxes.
const EXPLAINED: i64 = 4;

/// For less than this part of its pixels, a fiftieth, a caption stays where it is.
const LEAST_GAIN: i64 = 50;

/// How many pixels a plate covers, of the explained boxes and of the others; a pixel that lies in two boxes counts twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covered {
    explained: i64,
    other: i64,
}

impl Covered {
    fn by(plate: Area, boxes: &[(Area, bool)]) -> Self {
        let none = Self {
            explained: 0,
            other: 0,
        };
        boxes.iter().fold(none, |mut all, (area, is_explained)| {
            let pixels = plate.intersection(*area).size();
            match is_explained {
                true => all.explained += pixels,
                false => all.other += pixels,
            }
            all
        })
    }

    /// Covered pixels, those of what is explained counted [`EXPLAINED`] times.
    pub fn cost(self) -> i64 {
        EXPLAINED * self.explained + self.other
    }

    /// Whether it is less than half of the cost of `first`. Or, where no more of what is explained is covered, less than half of the other boxes: what is explained may be the whole frame.
    /// The gain has to be a part of the `plate`, for boxes tremble from frame to frame.
    pub fn is_much_less(self, first: Self, plate: Area) -> bool {
        let is_worth = |gain: i64| LEAST_GAIN * gain >= plate.size();
        let (cost, before) = (self.cost(), first.cost());
        (2 * cost < before && is_worth(before - cost))
            || (self.explained <= first.explained
                && 2 * self.other < first.other
                && is_worth(first.other - self.other))
    }
}

/// A corner for a caption, the plate there, and what that covers.
pub(super) type PlacedPlate = (Corner, Area, Covered);

impl CaptionRoom<'_> {
    /// Where a plate of a size is to be: in the corner where it covers the least of the boxes, unless the first is nearly as good, so that a caption does not jump to and fro. None where the plate is too high, or there is no corner.
    pub fn corner(&self, size: [i64; 2], margin: i64) -> Option<PlacedPlate> {
        if self.frame.y1 - margin - size[1] < self.frame.y0 {
            return None;
        }
        let placed = self.corners.iter().map(|&corner| {
            let plate = corner.place(size, margin, self.frame);
            (corner, plate, Covered::by(plate, self.boxes))
        });
        let first = placed.clone().next()?;
        let best = placed.min_by_key(|(.., covered)| covered.cost())?;
        Some(match best.2.is_much_less(first.2, first.1) {
            true => best,
            false => first,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_box_is_covered_where_a_corner_is_free() {
        let frame = Area {
            x0: 0,
            y0: 0,
            x1: 100,
            y1: 100,
        };
        let area = |x0, y0, x1, y1| Area { x0, y0, x1, y1 };
        let corner = |corners: &[Corner], boxes: &[(Area, bool)]| {
            let place = CaptionRoom {
                frame,
                corners,
                boxes,
            };
            place.corner([40, 10], 2).unwrap().0
        };
        let all = |boxes: &[(Area, bool)]| corner(&Corner::ALL, boxes);
        assert_eq!(all(&[]), Corner::BottomLeft);
        let low = area(0, 60, 100, 100);
        for is_explained in [false, true] {
            assert_eq!(all(&[(low, is_explained)]), Corner::TopRight);
        }
        let legs = area(38, 85, 44, 100);
        assert_eq!(all(&[(legs, false)]), Corner::BottomRight);
        // Where none is free, what is explained counts most.
        let high = area(0, 0, 100, 40);
        assert_eq!(all(&[(low, true), (high, false)]), Corner::TopRight);
        assert_eq!(all(&[(low, false), (high, true)]), Corner::BottomLeft);
        // But a pixel of it is no reason to hide all of another.
        let left = area(0, 60, 50, 100);
        let touched = area(97, 80, 100, 92);
        let boxes = [(high, false), (left, false), (touched, true)];
        assert_eq!(all(&boxes), Corner::BottomRight);
        // All of the frame is explained: the others decide.
        assert_eq!(all(&[(frame, true), (low, false)]), Corner::TopRight);
        let left = area(0, 0, 30, 100);
        assert_eq!(all(&[(left, true)]), Corner::BottomRight);
        let right = area(60, 0, 100, 50);
        assert_eq!(all(&[(low, true), (right, false)]), Corner::TopLeft);
        assert_eq!(all(&[(frame, true)]), Corner::BottomLeft);
        // It stays where it was unless that is much worse.
        let stays = [Corner::BottomRight, Corner::BottomLeft];
        assert_eq!(corner(&stays, &[]), Corner::BottomRight);
        assert_eq!(
            corner(&stays, &[(area(50, 0, 90, 100), true)]),
            Corner::BottomLeft
        );
        let both = [(area(45, 0, 100, 100), true), (area(0, 0, 25, 100), true)];
        assert_eq!(corner(&stays, &both), Corner::BottomRight);
        for corner in Corner::ALL {
            let plate = corner.place([40, 10], 2, frame);
            assert_eq!(plate.intersection(frame.grown(-2)), plate);
        }
    }
}
