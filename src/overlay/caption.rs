//! The caption: what is explained, in words, and under it the legend of the heatmap's colours, in a corner of the frame in which they cover little.

use super::canvas::{Area, Canvas, PremultipliedColour};
use super::caption_room::{CaptionRoom, Corner};
use super::style::{self, Style};
use super::text::{self, Line};
use crate::heatmap::ColourMap;

/// How many lines a caption may take before it is cut.
const LINES: usize = 4;

/// How many it may take in a narrower plate, which is about as large.
const NARROW_LINES: usize = 6;

/// The legend's type beside that of the caption.
const LEGEND_SIZE: f32 = 0.82;

/// Draws the caption where there is room for it, with a legend of `colours` where there are any; in a narrower plate where that covers
/// less than half as much of the boxes. Returns its corner and the plate's place, or None where there is no text, or no room for it.
pub(super) fn draw(
    canvas: &mut Canvas,
    style: &Style,
    caption: &str,
    colours: Option<ColourMap>,
    place: &CaptionRoom,
) -> Option<(Corner, Area)> {
    let room = place.frame.width() - 2 * style.margin - 2 * style.padding;
    let laid_out =
        |room: i64, lines: usize| LaidOutCaption::new(style, caption, colours, room, lines);
    let wide = laid_out(room, LINES)?;
    let (corner, plate, covered) = place.corner(wide.size, style.margin)?;
    let narrow = (covered.cost() > 0)
        // One more shows whether it is too long.
        .then(|| laid_out(room / 2, NARROW_LINES + 1))
        .flatten()
        .filter(|narrow| narrow.has_all_of(&wide))
        .and_then(|narrow| Some((place.corner(narrow.size, style.margin)?, narrow)))
        .filter(|((.., less), _)| less.is_much_less(covered, plate));
    let (corner, plate, caption) = match narrow {
        Some(((corner, plate, _), narrow)) => (corner, plate, narrow),
        None => (corner, plate, wide),
    };
    canvas.fill(plate, style::plate());
    let x = plate.x0 + style.padding;
    let mut y = plate.y0 + style.padding / 2;
    for line in &caption.lines {
        line.draw(canvas, x, y, style::white());
        y += caption.line_height;
    }
    if let Some(legend) = caption.legend {
        legend.draw(canvas, x, y);
    }
    Some((corner, plate))
}

/// A caption's lines and legend, and the size of their plate.
struct LaidOutCaption {
    lines: Vec<Line>,
    line_height: i64,
    legend: Option<Legend>,
    size: [i64; 2],
}

impl LaidOutCaption {
    /// In at most `lines` lines of `room` pixels; None where there is no text, or no room.
    fn new(
        style: &Style,
        caption: &str,
        colours: Option<ColourMap>,
        room: i64,
        lines: usize,
    ) -> Option<Self> {
        let lines = text::wrap(caption, style.type_size, room as f32, lines);
        let line_height = lines.first()?.height.ceil() as i64;
        let legend = colours.and_then(|colours| Legend::new(style, colours, room));
        let (legend_width, legend_height) = legend
            .as_ref()
            .map_or((0, 0), |legend| (legend.width, legend.height));
        let widest = lines
            .iter()
            .map(|line| line.width.ceil() as i64)
            .fold(legend_width, i64::max);
        let height = line_height * lines.len() as i64 + legend_height + style.padding;
        Some(Self {
            lines,
            line_height,
            legend,
            size: [widest + 2 * style.padding, height],
        })
    }

    /// Whether nothing is cut or left out that the wider one has.
    fn has_all_of(&self, wide: &Self) -> bool {
        let is_whole = self.lines.iter().all(|line| !line.cut);
        is_whole
            && self.lines.len() <= NARROW_LINES
            && self.legend.is_some() == wide.legend.is_some()
    }
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
    fn a_caption_becomes_narrower_where_a_box_would_be_under_it() {
        let words = "no kite found: score 0.06 lacks 2.80 logits to the threshold";
        let (width, height) = (640, 480);
        let style = Style::for_frame(width, height);
        let area = |x0, y0, x1, y1| (Area { x0, y0, x1, y1 }, false);
        let plate = |caption: &str, boxes: &[(Area, bool)]| {
            let mut canvas = Canvas::new(width, height);
            let place = CaptionRoom {
                frame: canvas.area(),
                corners: &Corner::ALL,
                boxes,
            };
            draw(&mut canvas, &style, caption, COLOURS, &place).unwrap()
        };
        let (_, wide) = plate(words, &[]);
        assert!(wide.width() > 400, "{wide:?}");
        let boxes = [area(240, 400, 300, 470), area(290, 10, 350, 60)];
        let (corner, narrow) = plate(words, &boxes);
        assert_eq!(corner, Corner::BottomRight);
        assert!(narrow.width() <= 320 && narrow.height() > wide.height());
        assert!(
            boxes
                .iter()
                .all(|(area, _)| narrow.intersection(*area).is_empty())
        );
        // Not where words would be cut, or nothing is won.
        let long = words.repeat(6);
        assert_eq!(plate(&long, &boxes).1.width(), plate(&long, &[]).1.width());
        assert_eq!(plate(words, &[area(0, 0, 640, 480)]), plate(words, &[]));
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
