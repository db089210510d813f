//! The caption: what is explained, in words, at the frame's bottom left, and under it the legend of the heatmap's colours.

use super::canvas::{Area, Canvas, PremultipliedColour};
use super::style::{self, Style};
use super::text::{self, Line};
use crate::heatmap::ColourMap;

/// How many lines a caption may take before it is cut.
const LINES: usize = 4;

/// The legend's type beside that of the caption.
const LEGEND_SIZE: f32 = 0.82;

/// Draws the caption in the part `frame` of the canvas, with a legend of `colours` where there are any. Returns the plate's place, or
/// None where there is no text, or no room for it.
pub(super) fn draw(
    canvas: &mut Canvas,
    style: &Style,
    caption: &str,
    colours: Option<ColourMap>,
    frame: Area,
) -> Option<Area> {
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
    let (x0, y1) = (frame.x0 + style.margin, frame.y1 - style.margin);
    let plate = Area {
        x0,
        y0: y1 - height,
        x1: x0 + widest + 2 * style.padding,
        y1,
    };
    if plate.y0 < frame.y0 {
        return None;
    }
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
    Some(plate)
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
        let frame = canvas.area();
        let plate = draw(&mut canvas, &style, caption, colours, frame);
        (canvas, plate)
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
