//! A box and its label on the canvas: lines with an edge that sets them off from any picture, text on a plate.

use super::canvas::{Area, Canvas, PremultipliedColour};
use super::placement::{self, LabelRoom};
use super::style::{self, Style};
use super::text;
use crate::geometry::{Pixel, Rect};

/// A box to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledBox {
    /// In pixels of the frame. What lies outside is cut off; a box with a coordinate that is not finite, or
    /// without an inside, is not drawn.
    pub rect: Rect<Pixel>,
    /// Drawn on a plate at the box: "dog 0.89".
    pub label: String,
    /// Red, green, blue.
    pub colour: [u8; 3],
    /// Whether the heatmap explains this box: it is drawn heavier and over the others.
    pub explained: bool,
    /// Whether it is no detection: its line is in dashes.
    pub dashed: bool,
}

/// The pixels of a box, edges rounded to nearest; None where there is nothing to draw.
pub(super) fn whole_pixels(rect: &Rect<Pixel>) -> Option<Area> {
    let [x0, y0, x1, y1] = rect.edges();
    if !rect.is_finite() || x1 <= x0 || y1 <= y0 {
        return None;
    }
    // Far outside of every frame, and safe to calculate with.
    let whole = |edge: f32| edge.round().clamp(-1e9, 1e9) as i64;
    let (x0, y0) = (whole(x0), whole(y0));
    Some(Area {
        x0,
        y0,
        x1: whole(x1).max(x0 + 1),
        y1: whole(y1).max(y0 + 1),
    })
}

/// A line and a dash take at most this part of a box's side, one fifth: a dash, a gap, a dash, a gap and a dash go on it.
const PARTS: i64 = 5;

/// A dash is so many times as long as the line is wide, and so is the gap behind it.
const DASH: i64 = 4;

/// Draws the box's line along the inside of `area`, set off from the picture by a dark edge on either side. The explained box has
/// a heavier line, and a white edge between the line and the dark one. Of a small box the line is thinner and has no edge inside, so that what is in it is seen.
pub(super) fn draw_box(canvas: &mut Canvas, style: &Style, area: Area, labelled: &LabelledBox) {
    let edge = style.edge;
    let line = match labelled.explained {
        true => style.heavy_line,
        false => style.line,
    };
    let line = line.min(part(area.width().min(area.height())));
    let colour = PremultipliedColour::new(labelled.colour, 255);
    // Those of a small box would fill it.
    let inner_edge = match area.width().min(area.height()) > 4 * (line + 2 * edge) {
        true => edge,
        false => 0,
    };
    if labelled.dashed {
        canvas.outline(area.grown(edge), edge, style::shade());
        canvas.outline(area, line, style::white());
        canvas.outline(area.grown(-line), inner_edge, style::shade());
        for dash in dashes(area, line, canvas.area()) {
            canvas.fill(dash, colour);
        }
    } else if labelled.explained {
        canvas.outline(area.grown(2 * edge), edge, style::shade());
        canvas.outline(area.grown(edge), edge, style::white());
        canvas.outline(area, line, colour);
        canvas.outline(area.grown(-line), inner_edge, style::white());
        canvas.outline(area.grown(-line - edge), inner_edge, style::shade());
    } else {
        canvas.outline(area.grown(edge), edge, style::shade());
        canvas.outline(area, line, colour);
        canvas.outline(area.grown(-line), inner_edge, style::shade());
    }
}

/// One of the [`PARTS`] of a side, a pixel at least.
fn part(side: i64) -> i64 {
    (side / PARTS).max(1)
}

/// The dashes of a line along the inside of `area`, as far as they may be seen in `frame`.
fn dashes(area: Area, line: i64, frame: Area) -> Vec<Area> {
    // A box may reach far beyond the frame.
    let along = |from: i64, to: i64, seen: (i64, i64)| {
        let dash = (DASH * line).min(part(to - from));
        let first = from.max(from + (seen.0 - from) / (2 * dash) * 2 * dash);
        let starts = (first..to.min(seen.1)).step_by(2 * dash as usize);
        starts.map(move |start| (start, (start + dash).min(to)))
    };
    let thick = |from: i64, to: i64| [(from, (from + line).min(to)), ((to - line).max(from), to)];
    let mut dashes = Vec::new();
    for (y0, y1) in thick(area.y0, area.y1) {
        let columns = along(area.x0, area.x1, (frame.x0, frame.x1));
        dashes.extend(columns.map(|(x0, x1)| Area { x0, y0, x1, y1 }));
    }
    for (x0, x1) in thick(area.x0, area.x1) {
        let rows = along(area.y0, area.y1, (frame.y0, frame.y1));
        dashes.extend(rows.map(|(y0, y1)| Area { x0, y0, x1, y1 }));
    }
    dashes
}

/// Draws the box's label where there is room for it. Returns the plate's place, or None where there is no label, or no room for one.
pub(super) fn draw_label(
    canvas: &mut Canvas,
    style: &Style,
    area: Area,
    labelled: &LabelledBox,
    room: &LabelRoom,
) -> Option<Area> {
    // The explained label's plate is all in the box's colour, the others have a bar of it before the text.
    let (bar, inset) = if labelled.explained {
        (0, style.heavy_line)
    } else {
        (style.bar, style.line)
    };
    let longest = room.frame.x1 - room.frame.x0 - bar - 2 * style.padding;
    let line = text::lay_out(&labelled.label, style.type_size, longest as f32);
    if line.is_empty() {
        return None;
    }
    let width = line.width.ceil() as i64 + bar + 2 * style.padding;
    let height = line.height.ceil() as i64 + 2 * style.edge;
    let plate = placement::place(area, width, height, inset, room)?;

    let text_colour = if labelled.explained {
        canvas.fill(plate, PremultipliedColour::new(labelled.colour, 255));
        style::text_on(labelled.colour)
    } else {
        canvas.fill(plate, style::plate());
        let x1 = plate.x0 + bar;
        canvas.fill(
            Area { x1, ..plate },
            PremultipliedColour::new(labelled.colour, 255),
        );
        style::white()
    };
    let (x, y) = (plate.x0 + bar + style.padding, plate.y0 + style.edge);
    line.draw(canvas, x, y, text_colour);
    Some(plate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area {
        x0: 60,
        y0: 80,
        x1: 200,
        y1: 190,
    };

    fn labelled(label: &str, explained: bool) -> LabelledBox {
        LabelledBox {
            rect: [60.0, 80.0, 200.0, 190.0].into(),
            label: label.to_owned(),
            colour: [255, 200, 0],
            explained,
            dashed: false,
        }
    }

    /// A frame with nothing else in it.
    fn free(frame: Area) -> LabelRoom<'static> {
        LabelRoom {
            frame,
            taken: &[],
            boxes: &[],
        }
    }

    fn count(canvas: &Canvas, wanted: [u8; 4]) -> usize {
        canvas
            .pixels
            .as_chunks::<4>()
            .0
            .iter()
            .filter(|&&pixel| pixel == wanted)
            .count()
    }

    #[test]
    fn a_box_is_its_line_and_its_edges() {
        for explained in [false, true] {
            let style = Style::for_frame(320, 240);
            let mut canvas = Canvas::new(320, 240);
            draw_box(&mut canvas, &style, AREA, &labelled("", explained));
            let (edges, line) = if explained {
                (2, style.heavy_line)
            } else {
                (1, style.line)
            };
            let (outer, inner) = (AREA.grown(edges), AREA.grown(-line - edges));
            let coloured = (AREA.size() - AREA.grown(-line).size()) as usize;
            assert_eq!(count(&canvas, [255, 200, 0, 255]), coloured);
            assert_eq!(
                count(&canvas, [0; 4]),
                (320 * 240 - outer.size() + inner.size()) as usize
            );
            assert_eq!(count(&canvas, [255; 4]) > 0, explained);
        }
    }

    #[test]
    fn what_is_no_detection_is_drawn_in_dashes() {
        for explained in [false, true] {
            let style = Style::for_frame(320, 240);
            let mut canvas = Canvas::new(320, 240);
            let dashed = LabelledBox {
                dashed: true,
                ..labelled("", explained)
            };
            draw_box(&mut canvas, &style, AREA, &dashed);
            let line = match explained {
                true => style.heavy_line,
                false => style.line,
            };
            let all = (AREA.size() - AREA.grown(-line).size()) as usize;
            let (coloured, white) = (count(&canvas, [255, 200, 0, 255]), count(&canvas, [255; 4]));
            assert_eq!(coloured + white, all);
            assert!((0.4..0.6).contains(&(coloured as f64 / all as f64)));
        }
    }

    #[test]
    fn the_line_of_a_small_box_has_gaps_on_every_side_and_leaves_its_inside() {
        for (width, height) in [(320, 240), (1920, 1080), (3840, 2160)] {
            let style = Style::for_frame(width, height);
            for (across, down) in [(10, 10), (12, 31), (20, 14), (64, 9)] {
                let (x0, y0) = (60, 80);
                let area = Area {
                    x0,
                    y0,
                    x1: x0 + across,
                    y1: y0 + down,
                };
                let mut canvas = Canvas::new(width, height);
                let dashed = LabelledBox {
                    dashed: true,
                    ..labelled("", true)
                };
                draw_box(&mut canvas, &style, area, &dashed);
                let pixel = |x: i64, y: i64| canvas.pixel(x as u32, y as u32).unwrap();
                let gaps = |along: &mut dyn Iterator<Item = [u8; 4]>| {
                    let pixels: Vec<[u8; 4]> = along.collect();
                    let starts = pixels
                        .windows(2)
                        .filter(|pair| pair[0] == [255, 200, 0, 255] && pair[1] == [255; 4]);
                    starts.count()
                };
                for y in [area.y0, area.y1 - 1] {
                    let gaps = gaps(&mut (area.x0..area.x1).map(|x| pixel(x, y)));
                    assert!(gaps >= 2, "{width}x{height}, {across}x{down}: row {y}");
                }
                for x in [area.x0, area.x1 - 1] {
                    let gaps = gaps(&mut (area.y0..area.y1).map(|y| pixel(x, y)));
                    assert!(gaps >= 2, "{width}x{height}, {across}x{down}: column {x}");
                }
                for explained in [false, true] {
                    let mut canvas = Canvas::new(width, height);
                    draw_box(&mut canvas, &style, area, &labelled("", explained));
                    let line = count(&canvas, [255, 200, 0, 255]) as i64;
                    assert!(4 * line <= 3 * area.size(), "{across}x{down}");
                }
            }
        }
    }

    #[test]
    fn a_label_is_drawn_on_its_plate_alone() {
        for explained in [false, true] {
            let mut canvas = Canvas::new(320, 240);
            let style = Style::for_frame(320, 240);
            let labelled = labelled("Ågj 0.98", explained);
            let frame = canvas.area();
            let plate = draw_label(&mut canvas, &style, AREA, &labelled, &free(frame)).unwrap();
            assert_eq!((plate.x0, plate.y1), (AREA.x0, AREA.y0));
            assert_eq!(count(&canvas, [0; 4]) as i64, 320 * 240 - plate.size());
            let in_colour = count(&canvas, [255, 200, 0, 255]) as i64;
            let bar = style.bar * (plate.y1 - plate.y0);
            assert!(if explained {
                in_colour > plate.size() / 3
            } else {
                in_colour == bar
            });
        }
    }

    #[test]
    fn a_label_longer_than_the_frame_is_cut_to_it() {
        let mut canvas = Canvas::new(320, 240);
        let style = Style::for_frame(320, 240);
        let text = "a label that is far too long ".repeat(20);
        let frame = canvas.area();
        let plate = draw_label(
            &mut canvas,
            &style,
            AREA,
            &labelled(&text, false),
            &free(frame),
        )
        .unwrap();
        assert_eq!(plate.intersection(canvas.area()), plate);
        assert!(plate.x1 - plate.x0 > 280);
        assert_eq!(
            draw_label(
                &mut canvas,
                &style,
                AREA,
                &labelled("", false),
                &free(frame)
            ),
            None
        );
        let mut narrow = Canvas::new(9, 240);
        let frame = narrow.area();
        assert_eq!(
            draw_label(
                &mut narrow,
                &style,
                AREA.grown(-30),
                &labelled("x", false),
                &free(frame)
            ),
            None
        );
    }
}
