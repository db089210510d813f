//! Text in the frame's top left corner: a line on a plate.

use super::canvas::{Area, Canvas};
use super::style::{self, Style};
use super::text;

/// Draws the text in the part `frame` of the canvas. Returns the plate's place, or None where there is no text, or no room for it.
pub(super) fn draw(canvas: &mut Canvas, style: &Style, text: &str, frame: Area) -> Option<Area> {
    let room = frame.x1 - frame.x0 - 2 * style.margin - 2 * style.padding;
    let line = text::lay_out(text, style.type_size, room as f32);
    if line.is_empty() {
        return None;
    }
    let (x0, y0) = (frame.x0 + style.margin, frame.y0 + style.margin);
    let plate = Area {
        x0,
        y0,
        x1: x0 + line.width.ceil() as i64 + 2 * style.padding,
        y1: y0 + line.height.ceil() as i64 + style.padding,
    };
    if plate.y1 > frame.y1 {
        return None;
    }
    canvas.fill(plate, style::plate());
    let (x, y) = (plate.x0 + style.padding, plate.y0 + style.padding / 2);
    line.draw(canvas, x, y, style::white());
    Some(plate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plate_is_at_the_top_left_and_holds_everything() {
        let mut canvas = Canvas::new(320, 240);
        let style = Style::for_frame(320, 240);
        let frame = canvas.area();
        let plate = draw(&mut canvas, &style, "seen 0.1 s ago", frame).unwrap();
        assert_eq!((plate.x0, plate.y0), (style.margin, style.margin));
        for y in 0..240 {
            for x in 0..320 {
                let on = (plate.x0..plate.x1).contains(&i64::from(x))
                    && (plate.y0..plate.y1).contains(&i64::from(y));
                assert_eq!(canvas.pixel(x, y).unwrap()[3] > 0, on, "{x}, {y}");
            }
        }
    }

    #[test]
    fn text_without_room_is_left_out() {
        for (width, height) in [(0, 0), (320, 12), (9, 240)] {
            let mut canvas = Canvas::new(width, height);
            let style = Style::for_frame(width, height);
            let frame = canvas.area();
            let plate = draw(&mut canvas, &style, "seen", frame);
            assert_eq!(plate, None, "{width}x{height}");
        }
    }
}
