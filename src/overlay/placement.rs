//! Where labels go: boxes, the text's sizes and what is taken already in; one plate for each label out, inside of the frame
//! and, where that is easy, clear of the others.

use super::canvas::Area;

/// A plate that would take more than this part of a box, one quarter, lies outside of it, if there is room.
const HIDDEN: i64 = 4;

/// Where a label may be, and what it is not to cover there.
pub(super) struct LabelRoom<'a> {
    /// The part of the canvas that is free for it.
    pub frame: Area,
    /// Plates.
    pub taken: &'a [Area],
    /// All boxes; one that is no larger than a plate could vanish under it.
    pub boxes: &'a [Area],
}

/// A place for a plate of `width` by `height` pixels at a box: above it, else inside, below, and the same at its right edge,
/// the first that is clear of what is taken and of boxes that the plate could hide; where none is, the one that covers the least, plates
/// before boxes. A plate that would hide much of its own box stands above it, else below or beside it, and inside only if it would cover
/// more of others elsewhere. None where the plate is larger than the frame, or the box is nowhere in it.
///
/// `inset` is the width of the box's line, which a plate inside of the box stays clear of.
pub(super) fn place(
    marked: Area,
    width: i64,
    height: i64,
    inset: i64,
    room: &LabelRoom,
) -> Option<Area> {
    let frame = room.frame;
    let seen = marked.intersection(frame);
    if seen.is_empty() || width > frame.x1 - frame.x0 || height > frame.y1 - frame.y0 {
        return None;
    }
    let (above, below) = (seen.y0 - height, seen.y1);
    let (top, bottom) = (seen.y0 + inset, seen.y1 - inset - height);
    let (left, right) = (seen.x0, seen.x1 - width);
    let outside = [(left, above), (right, above), (left, below), (right, below)];
    let inside = [
        (left + inset, top),
        (right - inset, top),
        (left + inset, bottom),
        (right - inset, bottom),
    ];
    let is_small = HIDDEN * width * height > seen.size();
    let places: Vec<(i64, i64)> = if is_small {
        let beside = [(seen.x1, seen.y0), (seen.x0 - width, seen.y0)]
            .into_iter()
            .filter(|&(x, _)| x >= frame.x0 && x + width <= frame.x1);
        outside.into_iter().chain(beside).chain(inside).collect()
    } else {
        let [first, second, below, last] = outside;
        let [left, right, low, lowest] = inside;
        vec![first, second, left, below, right, last, low, lowest]
    };
    let hidden = is_small.then_some(seen);
    // Nothing else can be covered.
    let reach = seen.grown(width.max(height));
    let is_near = |area: &Area| !reach.intersection(*area).is_empty();
    let near: Vec<Area> = (room.taken.iter().copied().filter(is_near))
        .chain(hidden)
        .collect();
    let tiny: Vec<Area> = (room.boxes.iter().copied())
        .filter(|area| area.size() <= width * height && is_near(area))
        .collect();
    places
        .into_iter()
        .filter(|&(_, y)| y >= frame.y0 && y + height <= frame.y1)
        .chain([(
            seen.x0,
            (seen.y0 - height).clamp(frame.y0, frame.y1 - height),
        )])
        .map(|(x, y)| {
            let x = x.clamp(frame.x0, frame.x1 - width);
            Area {
                x0: x,
                y0: y,
                x1: x + width,
                y1: y + height,
            }
        })
        .min_by_key(|plate| (covered(*plate, &near), covered(*plate, &tiny)))
}

/// How many pixels of `areas` a plate covers.
fn covered<'a>(plate: Area, areas: impl IntoIterator<Item = &'a Area>) -> i64 {
    let areas = areas.into_iter();
    areas.map(|area| plate.intersection(*area).size()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Area = area(0, 0, 320, 240);

    const fn area(x0: i64, y0: i64, x1: i64, y1: i64) -> Area {
        Area { x0, y0, x1, y1 }
    }

    /// A place for a plate of 40 by 12 pixels, clear of `taken`.
    fn placed(marked: Area, taken: &[Area]) -> Option<Area> {
        let room = LabelRoom {
            frame: FRAME,
            taken,
            boxes: &[],
        };
        place(marked, 40, 12, 2, &room)
    }

    /// A place for a plate of another size, where nothing else is.
    fn in_frame(frame: Area, marked: Area, [width, height]: [i64; 2]) -> Option<Area> {
        let room = LabelRoom {
            frame,
            taken: &[],
            boxes: &[],
        };
        place(marked, width, height, 2, &room)
    }

    #[test]
    fn a_label_stands_above_its_box_or_inside_where_that_touches_the_top() {
        let plate = placed(area(50, 60, 150, 200), &[]);
        assert_eq!(plate, Some(area(50, 48, 90, 60)));
        let plate = placed(area(50, 5, 150, 200), &[]);
        assert_eq!(plate, Some(area(52, 7, 92, 19)));
    }

    #[test]
    fn a_label_moves_out_of_the_way() {
        let marked = area(50, 60, 150, 200);
        let mut taken = Vec::new();
        for count in 0..8 {
            let plate = placed(marked, &taken).unwrap();
            assert!(
                taken
                    .iter()
                    .all(|other| plate.intersection(*other).is_empty()),
                "{count}"
            );
            taken.push(plate);
        }
        // Every place is taken; the first covers no more than any other.
        assert_eq!(placed(marked, &taken), Some(taken[0]));
    }

    #[test]
    fn a_label_does_not_hide_a_small_box() {
        let low = area(50, 3, 80, 40);
        for (marked, expected) in [
            // At the top: below. From top to bottom: beside it.
            (low, area(50, 40, 90, 52)),
            (area(50, 0, 57, 240), area(57, 0, 97, 12)),
            (area(313, 0, 320, 240), area(273, 0, 313, 12)),
        ] {
            assert_eq!(placed(marked, &[]), Some(expected));
        }
        // Also where others are in the way.
        let others = [area(40, 40, 130, 52)];
        let plate = placed(low, &others);
        assert_eq!(plate, Some(area(80, 3, 120, 15)));
    }

    #[test]
    fn a_label_does_not_hide_another_box_either_if_that_could_vanish_under_it() {
        let marked = area(50, 60, 150, 200);
        let tiny = area(60, 48, 75, 58);
        let among = |boxes: &[Area], taken: &[Area]| {
            let room = LabelRoom {
                frame: FRAME,
                taken,
                boxes,
            };
            place(marked, 40, 12, 2, &room)
        };
        assert_eq!(among(&[marked, tiny], &[]), Some(area(110, 48, 150, 60)));
        // A larger one is seen beside the label.
        let larger = area(60, 38, 110, 58);
        assert_eq!(among(&[marked, larger], &[]), placed(marked, &[]));
        // Where everything else is taken, words are not written over each other.
        let others = [area(100, 0, 320, 240), area(0, 60, 320, 240)];
        assert_eq!(among(&[marked, tiny], &others), placed(marked, &[]));
    }

    #[test]
    fn a_label_never_leaves_the_frame() {
        let sides = [-500, -20, 0, 3, 150, 310, 318, 330, 900];
        for x0 in sides {
            for y0 in sides {
                for (width, height) in [(1, 1), (12, 300), (300, 12), (1000, 1000)] {
                    let marked = area(x0, y0, x0 + width, y0 + height);
                    let plate = in_frame(FRAME, marked, [60, 14]);
                    assert_eq!(
                        plate.is_some(),
                        !marked.intersection(FRAME).is_empty(),
                        "{marked:?}"
                    );
                    if let Some(plate) = plate {
                        assert_eq!(plate.intersection(FRAME), plate, "{marked:?}");
                        assert_eq!((plate.x1 - plate.x0, plate.y1 - plate.y0), (60, 14));
                    }
                }
            }
        }
    }

    #[test]
    fn in_a_low_frame_a_label_lies_over_its_box() {
        let plate = in_frame(area(0, 0, 60, 20), area(0, 4, 50, 12), [30, 15]);
        assert_eq!(plate, Some(area(0, 0, 30, 15)));
    }

    #[test]
    fn a_label_larger_than_the_frame_has_no_place() {
        let marked = area(10, 10, 50, 50);
        assert_eq!(in_frame(FRAME, marked, [321, 10]), None);
        assert_eq!(in_frame(FRAME, marked, [10, 241]), None);
    }
}
