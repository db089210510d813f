//! One line of text on the canvas: a string and a size in, glyphs laid out within a width (cut with an ellipsis where they do
//! not fit), pixels out.
//!
//! The typeface is DejaVu Sans Bold 2.37, out of Debian's fonts-dejavu-core, cut down to Latin with its Latin-1 and Extended-A
//! supplements, Greek, Cyrillic, arrows and a few signs:
//!
//! ```text
//! pyftsubset DejaVuSans-Bold.ttf --output-file=font/DejaVuSans-Bold.ttf --no-hinting --notdef-outline --layout-features= \
//!   --legacy-kern --drop-tables+=GPOS,GSUB,GDEF,FFTM --name-IDs='*' --name-languages=0x409 \
//!   --unicodes=U+20-7E,U+A0-17F,U+370-3FF,U+400-45F,U+490-491,U+2010-2015,U+2018-201E,U+2022,U+2026,U+2030,U+2190-2195,\
//! U+2212,U+2260,U+2264-2265
//! ```

use super::canvas::{Canvas, PremultipliedColour};
use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use std::sync::LazyLock;

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("font/DejaVuSans-Bold.ttf"))
        .expect("the embedded typeface is read by the tests of this file")
});

const ELLIPSIS: char = '…';

/// A laid-out line; its origin is the upper left corner of a box of [`Line::width`] by [`Line::height`] pixels.
pub(super) struct Line {
    glyphs: Vec<Glyph>,
    pub width: f32,
    pub height: f32,
    /// Whether something did not fit.
    pub cut: bool,
}

/// Lays `text` out at `size` pixels to the em. What does not fit `width` pixels is cut and ends in an ellipsis; where not even
/// that fits, the line is empty. Control characters count as spaces. A character that the typeface lacks shows as an empty box.
pub(super) fn lay_out(text: &str, size: f32, width: f32) -> Line {
    let font = FONT.as_scaled(scale(size));
    // On a whole pixel, for sharp feet.
    let baseline = font.ascent().ceil();
    let ellipsis = font.scaled_glyph(ELLIPSIS);
    let ellipsis_advance = font.h_advance(ellipsis.id);

    let mut glyphs: Vec<Glyph> = Vec::new();
    let mut pen = 0.0;
    // How many glyphs fit together with an ellipsis, and where that begins.
    let mut fitting = (0, 0.0);
    let mut cut = false;
    for character in text.trim().chars() {
        let character = if character.is_control() {
            ' '
        } else {
            character
        };
        let mut glyph = font.scaled_glyph(character);
        if let Some(previous) = glyphs.last() {
            pen += font.kern(previous.id, glyph.id);
        }
        glyph.position = point(pen, baseline);
        pen += font.h_advance(glyph.id);
        if pen > width {
            cut = true;
            break;
        }
        glyphs.push(glyph);
        if character != ' ' && pen + ellipsis_advance <= width {
            fitting = (glyphs.len(), pen);
        }
    }
    if cut {
        glyphs.truncate(fitting.0);
        pen = fitting.1;
        if pen + ellipsis_advance <= width {
            let mut glyph = ellipsis;
            glyph.position = point(pen, baseline);
            glyphs.push(glyph);
            pen += ellipsis_advance;
        }
    }
    Line {
        glyphs,
        width: pen,
        height: baseline - font.descent().floor(),
        cut,
    }
}

/// Lays `text` out in at most `lines` lines of `width` pixels, broken between words and where it has a line's end; what does not fit the last one is
/// cut as by [`lay_out`]. No lines where there is no text, or no room.
pub(super) fn wrap(text: &str, size: f32, width: f32, lines: usize) -> Vec<Line> {
    let mut wrapped: Vec<Line> = Vec::new();
    for paragraph in text.lines() {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let mut start = 0;
        while start < words.len() && wrapped.len() < lines {
            let last = wrapped.len() + 1 == lines;
            let fits = |end: &usize| {
                lay_out(&words[start..*end].join(" "), size, f32::INFINITY).width <= width
            };
            let end = if last {
                words.len()
            } else {
                (start + 1..=words.len())
                    .take_while(fits)
                    .last()
                    .unwrap_or(start + 1)
            };
            wrapped.push(lay_out(&words[start..end].join(" "), size, width));
            start = end;
        }
    }
    wrapped.retain(|line| !line.is_empty());
    wrapped
}

impl Line {
    /// Nothing to draw, for want of text or of room.
    pub fn is_empty(&self) -> bool {
        self.glyphs.is_empty()
    }

    /// Draws the line with its origin at a whole pixel.
    pub fn draw(&self, canvas: &mut Canvas, x: i64, y: i64, colour: PremultipliedColour) {
        for glyph in &self.glyphs {
            let Some(outline) = FONT.outline_glyph(glyph.clone()) else {
                continue;
            };
            let bounds = outline.px_bounds();
            let (left, top) = (x + bounds.min.x as i64, y + bounds.min.y as i64);
            outline.draw(|dx, dy, coverage| {
                canvas.dot(
                    left + i64::from(dx),
                    top + i64::from(dy),
                    colour.covering(coverage),
                );
            });
        }
    }
}

/// ab_glyph's scale is the height from the lowest descender to the highest ascender, in pixels; a size here is that of the em.
fn scale(size: f32) -> PxScale {
    let per_em = FONT.units_per_em().unwrap_or(FONT.height_unscaled());
    PxScale::from(size * FONT.height_unscaled() / per_em)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: [u8; 3] = [255; 3];

    fn width(text: &str) -> f32 {
        lay_out(text, 20.0, f32::INFINITY).width
    }

    #[test]
    fn the_typeface_has_what_it_promises() {
        let letters = (0x20..0x7f)
            .chain(0xa0..0x180)
            .chain(0x0391..0x03a2)
            .chain(0x03b1..0x03ca)
            .chain(0x0400..0x0460);
        let signs = "←→↑↓↔↕±−×…–—‘’“”„•≤≥≠‰".chars();
        for character in letters.filter_map(char::from_u32).chain(signs) {
            assert_ne!(FONT.glyph_id(character).0, 0, "{character}");
        }
        assert_eq!(FONT.glyph_id('漢').0, 0);
        assert!(
            width("漢") > 5.0,
            "a missing character leaves a visible box"
        );
    }

    #[test]
    fn sizes_are_those_of_the_em() {
        let mut canvas = Canvas::new(200, 200);
        lay_out("H", 100.0, 200.0).draw(&mut canvas, 0, 0, PremultipliedColour::new(WHITE, 255));
        let rows = (0..200)
            .filter(|&y| (0..200).any(|x| canvas.pixel(x, y).unwrap()[3] > 127))
            .count();
        // DejaVu's capitals are 0.729 em high.
        assert_eq!(rows, 73);
    }

    #[test]
    fn pairs_are_kerned() {
        assert!(width("AV") < width("A") + width("V") - 0.5);
        assert_eq!(width("HH"), 2.0 * width("H"));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let text = "sheep rather than horse";
        let full = width(text);
        let last = |width| {
            lay_out(text, 20.0, width)
                .glyphs
                .last()
                .map(|glyph| glyph.id)
        };
        let ellipsis = FONT.glyph_id(ELLIPSIS);
        assert_eq!(lay_out(text, 20.0, full).glyphs.len(), text.len());
        assert_ne!(last(full), Some(ellipsis));
        assert_eq!(last(full - 0.01), Some(ellipsis));
        for room in 0..full as i32 {
            let line = lay_out(text, 20.0, room as f32);
            assert!(line.width <= room as f32, "{room}");
            let empty = (room as f32) < width("…");
            assert_eq!(line.is_empty(), empty, "{room}");
            assert!(empty || last(room as f32) == Some(ellipsis), "{room}");
        }
        // Not "sheep …", where the cut falls behind a space.
        let line = lay_out(text, 20.0, width("sheep …"));
        assert_eq!(line.width, width("sheep") + width("…"));
    }

    #[test]
    fn no_text_and_no_room_are_empty() {
        for (text, room) in [("", 99.0), (" \n ", 99.0), ("text", 0.0), ("text", -5.0)] {
            assert!(lay_out(text, 20.0, room).is_empty(), "{text:?} {room}");
        }
        assert_eq!(width("a\nb\u{7}c"), width("a b c"));
    }

    #[test]
    fn text_stays_in_the_box_of_the_line() {
        let line = lay_out("Ågj|Щ pläy…Ž", 24.0, 400.0);
        let mut canvas = Canvas::new(420, 80);
        line.draw(&mut canvas, 10, 20, PremultipliedColour::new(WHITE, 255));
        let (mut count, right) = (0, 10 + line.width.ceil() as u32);
        for y in 0..canvas.height {
            for x in 0..canvas.width {
                if canvas.pixel(x, y).unwrap()[3] > 0 {
                    count += 1;
                    assert!(
                        (10..right).contains(&x)
                            && (20..20 + line.height.ceil() as u32).contains(&y),
                        "{x}, {y}"
                    );
                }
            }
        }
        assert!(count > 1000, "{count}");
    }

    #[test]
    fn wrapping_breaks_between_words() {
        let text = "what makes the box wider";
        let lines = wrap(text, 20.0, width("what makes the") + 1.0, 2);
        let widths: Vec<f32> = lines.iter().map(|line| line.width).collect();
        assert_eq!(widths, [width("what makes the"), width("box wider")]);
        assert_eq!(wrap(text, 20.0, 1000.0, 2).len(), 1);
        assert_eq!(wrap("what makes\nthe box wider", 20.0, 1000.0, 3).len(), 2);
        let cut = wrap(text, 20.0, width("makes the"), 2);
        assert_eq!(cut.len(), 2);
        assert_eq!(cut[1].glyphs.last().unwrap().id, FONT.glyph_id(ELLIPSIS));
        assert!(
            wrap("incomprehensibilities are long", 20.0, 60.0, 3)
                .iter()
                .all(|line| line.width <= 60.0)
        );
        assert!(wrap("", 20.0, 60.0, 2).is_empty() && wrap("words", 20.0, 1.0, 2).is_empty());
    }
}
