//! The canvas: a transparent picture of the frame's size that the overlay is drawn on, and its way onto a photo. Rectangles
//! and single pixels in, premultiplied RGBA out; everything is clipped to the canvas.

use image::RgbImage;

use crate::error::Result;
use crate::error::picture::ensure;
use crate::geometry::Size;

/// Premultiplied RGBA, 8 bits each, row-major, tightly packed: `pixels.len() == 4 * width * height`. No colour component
/// exceeds its alpha.
#[derive(Clone, Debug, PartialEq)]
pub struct Canvas {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue, alpha of each pixel, row by row.
    pub pixels: Vec<u8>,
    /// How much of its own colour, not of its brightness, the picture below loses at each pixel, 0 none, 255 all: a blue
    /// jacket must not look like blue heat. `desaturation.len() == width * height`; 0 wherever the canvas is transparent.
    pub desaturation: Vec<u8>,
}

/// A rectangle of whole pixels, x0 ≤ x < x1 and y0 ≤ y < y1; empty where x1 ≤ x0 or y1 ≤ y0. It may lie outside of the
/// canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x0: i64,
    /// First row.
    pub y0: i64,
    /// Column after the last.
    pub x1: i64,
    /// Row after the last.
    pub y1: i64,
}

/// A colour with its opacity, premultiplied: what a canvas takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PremultipliedColour([u8; 4]);

impl PremultipliedColour {
    /// `colour` (red, green, blue) at `alpha`, 0 transparent, 255 opaque.
    pub fn new([r, g, b]: [u8; 3], alpha: u8) -> PremultipliedColour {
        PremultipliedColour([scaled(r, alpha), scaled(g, alpha), scaled(b, alpha), alpha])
    }

    /// The same colour, `coverage` (0..1) of it: the edge of a letter, say. A coverage that is not a number is none.
    pub fn covering(self, coverage: f32) -> PremultipliedColour {
        let share = (255.0 * coverage.clamp(0.0, 1.0)).round() as u8;
        PremultipliedColour(self.0.map(|component| scaled(component, share)))
    }

    /// The opacity, 0 transparent, 255 opaque.
    pub fn alpha(self) -> u8 {
        self.0[3]
    }

    /// Whether it leaves no trace.
    pub fn is_clear(self) -> bool {
        self.0[3] == 0
    }
}

impl Area {
    /// All pixels of a canvas or frame.
    pub fn of(size: Size) -> Area {
        Area {
            x0: 0,
            y0: 0,
            x1: i64::from(size.width),
            y1: i64::from(size.height),
        }
    }

    /// What both have in common, possibly empty.
    pub fn intersection(self, other: Area) -> Area {
        Area {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }

    /// Grown by `margin` pixels on every side; shrunk where it is negative.
    pub fn grown(self, margin: i64) -> Area {
        Area {
            x0: self.x0 - margin,
            y0: self.y0 - margin,
            x1: self.x1 + margin,
            y1: self.y1 + margin,
        }
    }

    /// Whether no pixel lies inside.
    pub fn is_empty(self) -> bool {
        self.x1 <= self.x0 || self.y1 <= self.y0
    }

    /// Pixels across; 0 where it is empty.
    pub fn width(self) -> i64 {
        (self.x1 - self.x0).max(0)
    }

    /// Pixels down; 0 where it is empty.
    pub fn height(self) -> i64 {
        (self.y1 - self.y0).max(0)
    }

    /// Pixels inside.
    pub fn size(self) -> i64 {
        self.width() * self.height()
    }
}

impl Canvas {
    /// A transparent canvas. Either side may be 0.
    pub fn new(width: u32, height: u32) -> Canvas {
        Canvas {
            width,
            height,
            pixels: vec![0; width as usize * height as usize * 4],
            desaturation: vec![0; width as usize * height as usize],
        }
    }

    /// The whole canvas.
    pub fn area(&self) -> Area {
        Area::of(Size::new(self.width, self.height))
    }

    /// The premultiplied RGBA at a pixel, None outside.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let start = (y as usize * self.width as usize + x as usize) * 4;
        self.pixels.get(start..start + 4)?.try_into().ok()
    }

    /// The smallest area that holds everything drawn; None where nothing is.
    pub fn drawn(&self) -> Option<Area> {
        let pixels = self.pixels.as_chunks::<4>().0;
        let rows = pixels.chunks_exact((self.width as usize).max(1)).zip(0..);
        let drawn = rows.filter_map(|(row, y)| {
            // Most rows hold nothing, which is seen many pixels at a time.
            let any = |any, &pixel: &[u8; 4]| any | u32::from_le_bytes(pixel);
            if row.iter().fold(0, any) >> 24 == 0 {
                return None;
            }
            let first = row.iter().position(|pixel| pixel[3] != 0)? as i64;
            let last = row.iter().rposition(|pixel| pixel[3] != 0)? as i64;
            Some(Area {
                x0: first,
                y0: y,
                x1: last + 1,
                y1: y + 1,
            })
        });
        drawn.reduce(|all, row| Area {
            x0: all.x0.min(row.x0),
            x1: all.x1.max(row.x1),
            y1: row.y1,
            ..all
        })
    }

    /// The pixels of a row that lie in `area`, 4 bytes each; nothing where the row or the area lies outside.
    pub fn row(&self, y: i64, area: Area) -> &[u8] {
        let (from, to) = self.indices(y, area);
        self.pixels.get(from * 4..to * 4).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(super) fn row_mut(&mut self, y: i64, area: Area) -> &mut [u8] {
        let (from, to) = self.indices(y, area);
        self.pixels.get_mut(from * 4..to * 4).unwrap_or_default()
    }

    /// The same, with the desaturation of each pixel.
    pub(super) fn row_and_desaturation_mut(
        &mut self,
        y: i64,
        area: Area,
    ) -> (&mut [u8], &mut [u8]) {
        let (from, to) = self.indices(y, area);
        (
            self.pixels.get_mut(from * 4..to * 4).unwrap_or_default(),
            self.desaturation.get_mut(from..to).unwrap_or_default(),
        )
    }

    /// Where the pixels of a row that lie in `area` begin and end among all pixels.
    fn indices(&self, y: i64, area: Area) -> (usize, usize) {
        let area = area.intersection(self.area());
        if area.is_empty() || y < area.y0 || y >= area.y1 {
            return (0, 0);
        }
        let start = y as usize * self.width as usize;
        (start + area.x0 as usize, start + area.x1 as usize)
    }

    /// Draws `colour` over one pixel.
    pub fn dot(&mut self, x: i64, y: i64, colour: PremultipliedColour) {
        let pixel = Area {
            x0: x,
            y0: y,
            x1: x.saturating_add(1),
            y1: y.saturating_add(1),
        };
        self.fill(pixel, colour);
    }

    /// Draws `colour` over a filled rectangle.
    pub fn fill(&mut self, area: Area, colour: PremultipliedColour) {
        let visible = area.intersection(self.area());
        for y in visible.y0..visible.y1 {
            for pixel in self.row_mut(y, visible).as_chunks_mut::<4>().0 {
                draw_over(pixel, colour);
            }
        }
    }

    /// Draws a frame of `thickness` pixels along the inside of `area`, each pixel once. Where the area is too small for a
    /// hole, it is filled.
    pub fn outline(&mut self, area: Area, thickness: i64, colour: PremultipliedColour) {
        let hole = area.grown(-thickness);
        if hole.is_empty() {
            return self.fill(area, colour);
        }
        self.fill(
            Area {
                y1: hole.y0,
                ..area
            },
            colour,
        );
        self.fill(
            Area {
                y0: hole.y1,
                ..area
            },
            colour,
        );
        let (y0, y1) = (hole.y0, hole.y1);
        self.fill(
            Area {
                x1: hole.x0,
                y0,
                y1,
                ..area
            },
            colour,
        );
        self.fill(
            Area {
                x0: hole.x1,
                y0,
                y1,
                ..area
            },
            colour,
        );
    }

    /// Lays the canvas over a photo of the same size. Errors where the sizes differ.
    pub fn compose_onto(&self, photo: &mut RgbImage) -> Result<()> {
        ensure!(
            photo.dimensions() == (self.width, self.height),
            "an overlay of {}x{} pixels does not fit a picture of {}x{}: render it at the picture's size",
            self.width,
            self.height,
            photo.width(),
            photo.height()
        );
        let overlay = self
            .pixels
            .as_chunks::<4>()
            .0
            .iter()
            .zip(&self.desaturation);
        for (below, (&[r, g, b, alpha], &desaturation)) in photo.pixels_mut().zip(overlay) {
            if alpha > 0 {
                below.0 = desaturated(below.0, desaturation);
                for (component, drawn) in below.0.iter_mut().zip([r, g, b]) {
                    *component = drawn.saturating_add(scaled(*component, 255 - alpha));
                }
            }
        }
        Ok(())
    }
}

/// Source-over for one premultiplied pixel. Rounding is monotonic, so that no component comes to exceed its alpha, nor
/// alpha 255.
#[inline]
pub(super) fn draw_over(pixel: &mut [u8; 4], PremultipliedColour(colour): PremultipliedColour) {
    if *pixel == [0; 4] || colour[3] == 255 {
        *pixel = colour;
        return;
    }
    let transparency = 255 - colour[3];
    for (below, drawn) in pixel.iter_mut().zip(colour) {
        *below = drawn + scaled(*below, transparency);
    }
}

/// How much red, green and blue count for brightness, of 256: luma after ITU-R BT.601.
pub const LUMA: [u8; 3] = [77, 150, 29];

/// A colour that has lost `desaturation`/255 of its distance from the grey of its brightness.
pub fn desaturated(rgb: [u8; 3], desaturation: u8) -> [u8; 3] {
    if desaturation == 0 {
        return rgb;
    }
    let [r, g, b] = rgb.map(u32::from);
    let [red, green, blue] = LUMA.map(u32::from);
    let grey = ((red * r + green * g + blue * b + 128) >> 8) as u8;
    rgb.map(|component| {
        scaled(component, 255 - desaturation).saturating_add(scaled(grey, desaturation))
    })
}

/// `component * share / 255`, rounded to nearest.
#[inline]
fn scaled(component: u8, share: u8) -> u8 {
    let product = u32::from(component) * u32::from(share) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desaturating_takes_colour_and_leaves_brightness() {
        let blue = [20, 80, 200];
        assert_eq!(desaturated(blue, 0), blue);
        let grey = desaturated(blue, 255);
        assert_eq!(grey, [76; 3]);
        let half = desaturated(blue, 128);
        assert!(half[0] > blue[0] && half[0] < grey[0] && half[2] < blue[2] && half[2] > grey[2]);
        for v in [0, 1, 127, 254, 255] {
            assert!(desaturated([v; 3], 77).iter().all(|&c| c.abs_diff(v) <= 1));
        }
    }

    #[test]
    fn red_heat_on_a_blue_thing_is_red() {
        let mut canvas = Canvas::new(1, 1);
        canvas.dot(0, 0, PremultipliedColour::new([240, 24, 36], 70));
        canvas.desaturation[0] = 210;
        let mut photo = RgbImage::from_pixel(1, 1, image::Rgb([20, 80, 200]));
        canvas.compose_onto(&mut photo).unwrap();
        let [r, _, b] = photo.get_pixel(0, 0).0;
        assert!(r > b, "{r} {b}");
    }
    use image::Rgb;

    const AREA: Area = Area {
        x0: 3,
        y0: 2,
        x1: 11,
        y1: 9,
    };

    fn drawn(canvas: &Canvas) -> Vec<(i64, i64)> {
        let mut places = Vec::new();
        for y in 0..canvas.height {
            for x in 0..canvas.width {
                if canvas.pixel(x, y) != Some([0; 4]) {
                    places.push((i64::from(x), i64::from(y)));
                }
            }
        }
        places
    }

    #[test]
    fn an_outline_draws_its_line_and_nothing_else() {
        let mut canvas = Canvas::new(16, 12);
        canvas.outline(AREA, 2, PremultipliedColour::new([255, 0, 0], 255));
        let hole = AREA.grown(-2);
        for y in 0..12 {
            for x in 0..16 {
                let inside =
                    |area: Area| (area.x0..area.x1).contains(&x) && (area.y0..area.y1).contains(&y);
                let expected = if inside(AREA) && !inside(hole) {
                    [255, 0, 0, 255]
                } else {
                    [0; 4]
                };
                assert_eq!(canvas.pixel(x as u32, y as u32), Some(expected), "{x}, {y}");
            }
        }
    }

    #[test]
    fn an_outline_draws_each_pixel_once() {
        let mut canvas = Canvas::new(16, 12);
        canvas.outline(AREA, 1, PremultipliedColour::new([0, 0, 0], 100));
        assert!(
            drawn(&canvas)
                .iter()
                .all(|&(x, y)| canvas.pixel(x as u32, y as u32) == Some([0, 0, 0, 100]))
        );
        assert_eq!(drawn(&canvas).len(), 2 * 8 + 2 * 5);
    }

    #[test]
    fn an_outline_without_a_hole_is_filled() {
        let mut canvas = Canvas::new(16, 12);
        canvas.outline(AREA, 4, PremultipliedColour::new([9, 9, 9], 255));
        assert_eq!(drawn(&canvas).len() as i64, AREA.size());
    }

    #[test]
    fn drawing_is_clipped() {
        let mut canvas = Canvas::new(4, 3);
        let colour = PremultipliedColour::new([255, 255, 255], 255);
        for (x0, y0, x1, y1) in [
            (-9, -9, 0, 9),
            (4, 0, 9, 3),
            (0, 3, 4, 9),
            (3, 2, 1, 1),
            (i64::MIN, 0, i64::MIN + 1, 1),
        ] {
            canvas.fill(Area { x0, y0, x1, y1 }, colour);
        }
        for (x, y) in [
            (-1, 0),
            (0, -1),
            (4, 0),
            (0, 3),
            (i64::MAX, 0),
            (i64::MIN, i64::MAX),
        ] {
            canvas.dot(x, y, colour);
        }
        assert_eq!(drawn(&canvas), []);
        canvas.fill(
            Area {
                x0: -5,
                y0: 2,
                x1: 1,
                y1: 70,
            },
            colour,
        );
        assert_eq!(drawn(&canvas), [(0, 2)]);
        Canvas::new(0, 5).fill(AREA, colour);
        assert_eq!(Canvas::new(4, 3).pixel(4, 0), None);
        assert_eq!(Canvas::new(4, 3).pixel(0, 3), None);
    }

    #[test]
    fn no_colour_exceeds_its_alpha_however_much_is_drawn() {
        let mut canvas = Canvas::new(1, 1);
        for below in (0..=255).step_by(5) {
            for over in (0..=255).step_by(3) {
                canvas.pixels.fill(0);
                canvas.dot(0, 0, PremultipliedColour::new([255, below, 128], below));
                canvas.dot(0, 0, PremultipliedColour::new([over, 255, 1], over));
                canvas.dot(
                    0,
                    0,
                    PremultipliedColour::new([254, 253, 252], 7).covering(0.5),
                );
                let [r, g, b, alpha] = canvas.pixel(0, 0).unwrap();
                assert!(r.max(g).max(b) <= alpha, "{below}, {over}");
                assert!(alpha >= below.max(over), "{below}, {over}");
            }
        }
    }

    #[test]
    fn source_over_is_exact_to_half_a_step() {
        let mut canvas = Canvas::new(1, 1);
        canvas.dot(0, 0, PremultipliedColour::new([200, 100, 0], 255));
        canvas.dot(0, 0, PremultipliedColour::new([0, 100, 250], 102));
        // 0.6 of the first and 0.4 of the second.
        assert_eq!(canvas.pixel(0, 0), Some([120, 100, 100, 255]));
        let edge = PremultipliedColour::new([255, 255, 255], 255).covering(0.2);
        assert_eq!(edge, PremultipliedColour::new([255, 255, 255], 51));
        assert!(
            PremultipliedColour::new([255, 255, 255], 255)
                .covering(f32::NAN)
                .is_clear()
        );
    }

    #[test]
    fn what_is_drawn_is_found() {
        let mut canvas = Canvas::new(16, 12);
        assert_eq!(canvas.drawn(), None);
        canvas.fill(AREA, PremultipliedColour::new([1, 2, 3], 1));
        assert_eq!(canvas.drawn(), Some(AREA));
        assert_eq!(canvas.row(2, AREA).len(), 4 * 8);
        canvas.dot(15, 11, PremultipliedColour::new([1, 2, 3], 255));
        let all = Area {
            x1: 16,
            y1: 12,
            ..AREA
        };
        assert_eq!(canvas.drawn(), Some(all));
        assert_eq!(Canvas::new(0, 4).drawn(), None);
    }

    #[test]
    fn composing_mixes_by_alpha() {
        let mut photo = RgbImage::from_pixel(3, 1, Rgb([10, 200, 30]));
        let mut canvas = Canvas::new(3, 1);
        canvas.dot(1, 0, PremultipliedColour::new([1, 2, 3], 255));
        canvas.dot(2, 0, PremultipliedColour::new([250, 0, 50], 51));
        canvas.compose_onto(&mut photo).unwrap();
        let pixels: Vec<[u8; 3]> = photo.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(pixels, [[10, 200, 30], [1, 2, 3], [58, 160, 34]]);
    }

    #[test]
    fn composing_onto_another_size_is_an_error() {
        let mut photo = RgbImage::new(3, 2);
        let message = Canvas::new(2, 3)
            .compose_onto(&mut photo)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("2x3") && message.contains("3x2"),
            "{message}"
        );
    }
}
