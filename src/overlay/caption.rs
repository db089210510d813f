//! The caption: what is explained, in words, in a corner of the frame in which it does not cover what it is about, and under it the legend of the heatmap's colours.

use super::canvas::{Area, Canvas, PremultipliedColour};
use super::style::{self, Style};
use super::text::{self, Line};
use crate::heatmap::ColourMap;

/// How many lines a caption may take before it is cut.
const LINES: usize = 4;

/// The legend's type beside that of the caption.
const LEGEND_SIZE: f32 = 0.82;

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
    /// The first is taken, or another one where the plate covers less than half as much of what is explained.
    pub corners: &'a [Corner],
    /// Boxes, and whether they are explained.
    pub boxes: &'a [(Area, bool)],
}

impl CaptionRoom<'_> {
    /// The corner for a plate of a size, and the plate's place; of those that cover no more of what is explained, the one that covers the least of the other boxes.
    fn corner(&self, size: [i64; 2], margin: i64) -> Option<(Corner, Area)> {
        let covered = |corner: Corner| {
            let plate = corner.place(size, margin, self.frame);
            let of = |wanted: bool| -> i64 {
                let boxes = self
                    .boxes
                    .iter()
                    .filter(|(_, explained)| *explained == wanted);
                boxes
                    .map(|(area, _)| plate.intersection(*area).size())
                    .sum()
            };
            (of(true), of(false))
        };
        let first = *self.corners.first()?;
        let best = self
            .corners
            .iter()
            .copied()
            .min_by_key(|&corner| covered(corner))?;
        let corner = match 2 * covered(best).0 < covered(first).0 {
            true => best,
            false => first,
        };
        Some((corner, corner.place(size, margin, self.frame)))
    }
}

/// Draws the caption where there is room for it, with a legend of `colours` where there are any. Returns its corner and the plate's place, or
/// None where there is no text, or no room for it.
pub(super) fn draw(
    canvas: &mut Canvas,
    style: &Style,
    caption: &str,
    colours: Option<ColourMap>,
    place: &CaptionRoom,
) -> Option<(Corner, Area)> {
    let frame = place.frame;
    let room = frame.x1 - frame.x0 - 2 * style.margin - 2 * style.padding;
    let caption = text::wrap(caption, style.type_size, room as f32, LINES);
    let line_height = caption.first()?.height.ceil() as i64;
    let legend = colours.and_then(|colours| Legend::new(style, colours, room));
    let (legend_width, legend_height) = legend
        .as_ref()
        .map_or((0, 0), |legend| (legend.width, legend.height));
    let widest = caption
        .iter()
        .map(|line| line.width.ceil() as i64)
        .fold(legend_width, i64::max);
    let height = line_height * caption.len() as i64 + legend_height + style.padding;
    if frame.y1 - style.margin - height < frame.y0 {
        return None;
    }
    let (corner, plate) = place.corner([widest + 2 * style.padding, height], style.margin)?;
    canvas.fill(plate, style::plate());
    let x = plate.x0 + style.padding;
    let mut y = plate.y0 + style.padding / 2;
    for line in caption {
        line.draw(canvas, x, y, style::white());
        y += line_height;
    }
    if let Some(legend) = legend {
        legend.draw(canvas, x, y);
    }
    Some((corner, plate))
}

/// A swatch of each of the heatmap's colours and what it says.
struct Legend {
    entries: [(Line, [u8; 3]); 2],
    swatch: i64,
    edge: i64,
    gap: i64,
    width: i64,
    height: i64,
}

impl Legend {
    /// None where it is wider than `room`.
    fn new(style: &Style, colours: ColourMap, room: i64) -> Option<Legend> {
        let size = style.type_size * LEGEND_SIZE;
        let colours = [colours.positive(), colours.negative()];
        let entries = [("speaks for", colours[0]), ("speaks against", colours[1])]
            .map(|(words, colour)| (text::lay_out(words, size, room as f32), colour));
        let swatch = (0.8 * size).round() as i64;
        let gap = (0.4 * size).round() as i64;
        let words: i64 = entries
            .iter()
            .map(|(line, _)| line.width.ceil() as i64)
            .sum();
        let width = words + 2 * (swatch + gap) + 3 * gap;
        let height = entries[0].0.height.ceil() as i64;
        (width <= room).then_some(Legend {
            entries,
            swatch,
            edge: style.edge,
            gap,
            width,
            height,
        })
    }

    fn draw(&self, canvas: &mut Canvas, mut x: i64, y: i64) {
        for (line, colour) in &self.entries {
            let y0 = y + (self.height - self.swatch) / 2;
            let swatch = Area {
                x0: x,
                y0,
                x1: x + self.swatch,
                y1: y0 + self.swatch,
            };
            canvas.fill(swatch, PremultipliedColour::new(*colour, 255));
            // A dark swatch could not be told from the plate.
            canvas.outline(swatch, self.edge, style::white());
            x = swatch.x1 + self.gap;
            line.draw(canvas, x, y, style::white());
            x += line.width.ceil() as i64 + 3 * self.gap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: Option<ColourMap> = Some(ColourMap::OrangeBlue);

    fn drawn(
        width: u32,
        height: u32,
        caption: &str,
        colours: Option<ColourMap>,
    ) -> (Canvas, Option<Area>) {
        let mut canvas = Canvas::new(width, height);
        let style = Style::for_frame(width, height);
        let place = CaptionRoom {
            frame: canvas.area(),
            corners: &Corner::ALL,
            boxes: &[],
        };
        let drawn = draw(&mut canvas, &style, caption, colours, &place);
        (canvas, drawn.map(|(_, plate)| plate))
    }

    fn has(canvas: &Canvas, [r, g, b]: [u8; 3]) -> bool {
        canvas.pixels.as_chunks::<4>().0.contains(&[r, g, b, 255])
    }

    #[test]
    fn the_plate_is_at_the_bottom_left_and_holds_everything() {
        for (width, height) in [(320, 240), (640, 480)] {
            for text in [
                "sheep",
                "what makes the box of the first horse wider, not narrower, as a caption says at length",
            ] {
                let (canvas, plate) = drawn(width, height, text, COLOURS);
                let plate = plate.unwrap();
                assert_eq!(plate.intersection(canvas.area()), plate);
                let margin = Style::for_frame(width, height).margin;
                assert_eq!((plate.x0, plate.y1), (margin, i64::from(height) - margin));
                for y in 0..height {
                    for x in 0..width {
                        let on = (plate.x0..plate.x1).contains(&i64::from(x))
                            && (plate.y0..plate.y1).contains(&i64::from(y));
                        assert_eq!(canvas.pixel(x, y).unwrap()[3] > 0, on, "{x}, {y}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_explained_is_not_covered_where_a_corner_is_free() {
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
        // A box that is not explained may be covered, but not if there is another corner.
        let low = area(0, 60, 100, 100);
        assert_eq!(all(&[(low, false)]), Corner::BottomLeft);
        assert_eq!(all(&[(low, true)]), Corner::TopRight);
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

    #[test]
    fn the_legend_shows_the_colours_of_a_heatmap() {
        let (with, tall) = drawn(320, 240, "sheep rather than horse", COLOURS);
        assert!(
            has(&with, ColourMap::OrangeBlue.positive())
                && has(&with, ColourMap::OrangeBlue.negative())
        );
        let (without, low) = drawn(320, 240, "sheep rather than horse", None);
        assert!(!has(&without, ColourMap::OrangeBlue.positive()) && has(&without, [255; 3]));
        assert!(low.unwrap().y0 > tall.unwrap().y0);
    }

    #[test]
    fn a_caption_without_room_is_left_out() {
        for (width, height) in [(0, 0), (320, 20), (9, 240), (0, 240)] {
            let (canvas, plate) = drawn(width, height, "sheep", COLOURS);
            assert_eq!(plate, None, "{width}x{height}");
            assert!(canvas.pixels.iter().all(|&component| component == 0));
        }
        assert_eq!(drawn(320, 240, "  ", COLOURS).1, None);
        // Too narrow for the legend, which is left out first.
        let (canvas, plate) = drawn(100, 240, "sheep", COLOURS);
        assert!(plate.is_some() && !has(&canvas, ColourMap::OrangeBlue.positive()));
    }
}
