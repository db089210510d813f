//! The heatmap on the canvas: signed values are interpolated to the canvas's size first and coloured then, so that the border
//! between red and blue runs through transparent, not through violet. Costs a pass over the hot part of the canvas only.

use super::canvas::{Area, Canvas, PremultipliedColour, draw_over};
use crate::bilinear::Tap;
use crate::heatmap::{ColourMap, FAINT, Heatmap};

/// Draws the heatmap, stretched over the whole canvas. `opacity` (0..1, beyond as at the end, not a number as 0) scales the
/// alpha of the heatmap's colours.
pub(super) fn draw(canvas: &mut Canvas, heatmap: &Heatmap, colours: ColourMap, opacity: f32) {
    if heatmap.values().is_empty() || opacity.is_nan() || opacity <= 0.0 {
        return;
    }
    let table = ColourTable::new(colours, opacity);
    let columns = Tap::centred(heatmap.width() as u32, canvas.width);
    let rows = Tap::centred(heatmap.height() as u32, canvas.height);
    let mut line = vec![[0.0; 2]; heatmap.width()];
    for (y, row) in rows.iter().enumerate() {
        interpolate_row(heatmap, row, &mut line);
        let Some((first, last)) = hot_range(&line) else {
            continue;
        };
        let from = columns.partition_point(|tap| tap.low as usize + 1 < first);
        let to = columns.partition_point(|tap| tap.low as usize <= last);
        let span = Area {
            x0: from as i64,
            x1: to as i64,
            ..canvas.area()
        };
        let (pixels, desaturations) = canvas.row_and_desaturation_mut(y as i64, span);
        let pixels = pixels.as_chunks_mut::<4>().0.iter_mut().zip(desaturations);
        for ((pixel, desaturation), tap) in pixels.zip(&columns[from..to]) {
            let [low, high] = line[tap.low as usize];
            let colour = table.colour(tap.lerp(low, high));
            if !colour.is_clear() {
                draw_over(pixel, colour);
                *desaturation = ColourTable::desaturation(colour);
            }
        }
    }
}

/// How much faster than the heat's opacity the picture's own colour goes: weak heat already tells red from blue.
const DESATURATION: u8 = 6;

/// The values of one canvas row at the map's columns, each with the next column's.
fn interpolate_row(heatmap: &Heatmap, tap: &Tap, line: &mut [[f32; 2]]) {
    let width = heatmap.width();
    let [above, below] =
        [tap.low, tap.high].map(|row| &heatmap.values()[row as usize * width..][..width]);
    for ((out, &above), &below) in line.iter_mut().zip(above).zip(below) {
        out[0] = tap.lerp(above, below);
    }
    let mut behind = line[width - 1][0];
    for [value, next] in line.iter_mut().rev() {
        *next = behind;
        behind = *value;
    }
}

/// The first and the last value that is not transparent.
fn hot_range(line: &[[f32; 2]]) -> Option<(usize, usize)> {
    let hot = |[value, _]: &[f32; 2]| value.abs() > FAINT;
    Some((line.iter().position(hot)?, line.iter().rposition(hot)?))
}

/// The colours of the values from -1 to 1 with the opacity applied: worked out once, looked up for each pixel.
pub(super) struct ColourTable(Vec<PremultipliedColour>);

/// Steps on either side of 0: finer than the 8 bits of alpha, also where that is steep.
const STEPS: i32 = 1024;

impl ColourTable {
    /// `opacity` 0..1, beyond as at the end, not a number as 0.
    pub fn new(colours: ColourMap, opacity: f32) -> ColourTable {
        let entries = (-STEPS..=STEPS).map(|step| {
            let [r, g, b, alpha] = colours.colour(step as f32 / STEPS as f32);
            let alpha = (f32::from(alpha) * opacity.clamp(0.0, 1.0)).round() as u8;
            PremultipliedColour::new([r, g, b], alpha)
        });
        ColourTable(entries.collect())
    }

    /// The colour of a value in -1..1.
    #[inline]
    pub fn colour(&self, value: f32) -> PremultipliedColour {
        // Truncation of the shifted, positive value rounds to the nearest step.
        let step = ((value + 1.0) * STEPS as f32 + 0.5) as i32;
        self.0[step.clamp(0, 2 * STEPS) as usize]
    }

    /// How far the picture is desaturated under a colour.
    #[inline]
    pub fn desaturation(colour: PremultipliedColour) -> u8 {
        colour.alpha().saturating_mul(DESATURATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatmap::Scale;
    use ndarray::{Array2, array};

    fn painted(map: &Array2<f32>, width: u32, height: u32, opacity: f32) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        draw(
            &mut canvas,
            &Heatmap::normalise(map.view(), Scale::Fixed(1.0)),
            ColourMap::default(),
            opacity,
        );
        canvas
    }

    fn colour(value: f32) -> [u8; 4] {
        colours(&[value])[0]
    }

    /// What each value looks like on an empty canvas.
    fn colours(values: &[f32]) -> Vec<[u8; 4]> {
        let table = ColourTable::new(ColourMap::default(), 1.0);
        let mut canvas = Canvas::new(values.len() as u32, 1);
        for (x, &value) in values.iter().enumerate() {
            canvas.dot(x as i64, 0, table.colour(value));
        }
        canvas.pixels.as_chunks::<4>().0.to_vec()
    }

    /// The signed value at a canvas pixel, straight from the definition.
    fn sampled(map: &Array2<f32>, x: usize, y: usize, width: u32, height: u32) -> f32 {
        let place = |pixel: usize, from: usize, to: u32| {
            let position = (pixel as f64 + 0.5) * from as f64 / f64::from(to) - 0.5;
            let position = position.max(0.0).min(from as f64 - 1.0);
            let index = position.floor() as usize;
            (
                index,
                (index + 1).min(from - 1),
                (position - position.floor()) as f32,
            )
        };
        let (top, bottom, down) = place(y, map.nrows(), height);
        let (left, right, along) = place(x, map.ncols(), width);
        let row = |y| map[(y, left)] * (1.0 - along) + map[(y, right)] * along;
        row(top) * (1.0 - down) + row(bottom) * down
    }

    #[test]
    fn a_constant_map_is_the_same_everywhere() {
        for value in [0.7, -0.3, 1.0] {
            let canvas = painted(&Array2::from_elem((5, 4), value), 33, 21, 1.0);
            assert!(colour(value)[3] > 0);
            assert!(
                canvas
                    .pixels
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .all(|pixel| *pixel == colour(value))
            );
        }
    }

    #[test]
    fn corners_are_those_of_the_map() {
        let canvas = painted(&array![[0.8, 0.1], [-0.4, -1.0]], 40, 30, 1.0);
        assert_eq!(canvas.pixel(0, 0), Some(colour(0.8)));
        assert_eq!(canvas.pixel(39, 0), Some(colour(0.1)));
        assert_eq!(canvas.pixel(0, 29), Some(colour(-0.4)));
        assert_eq!(canvas.pixel(39, 29), Some(colour(-1.0)));
    }

    #[test]
    fn at_its_own_size_a_map_is_drawn_value_for_value() {
        let map = array![[0.5, -0.5, 0.0], [0.02, 1.0, -0.9]];
        let canvas = painted(&map, 3, 2, 1.0);
        for ((y, x), &value) in map.indexed_iter() {
            assert_eq!(canvas.pixel(x as u32, y as u32), Some(colour(value)));
        }
    }

    #[test]
    fn red_meets_blue_in_transparency() {
        let canvas = painted(&array![[1.0, -1.0]], 101, 1, 1.0);
        assert_eq!(canvas.pixel(50, 0), Some([0; 4]));
        for x in 0..101 {
            let [r, _, b, _] = canvas.pixel(x, 0).unwrap();
            assert!(if x < 50 { r >= b } else { b >= r }, "{x}");
        }
    }

    #[test]
    fn skipping_what_is_not_hot_changes_nothing() {
        let mut map = Array2::zeros((13, 17));
        for (y, x, value) in [
            (0, 0, 0.9),
            (5, 8, -1.0),
            (5, 9, 0.6),
            (6, 2, 0.05),
            (12, 16, -0.5),
        ] {
            map[(y, x)] = value;
        }
        for (width, height) in [(170, 91), (17, 13), (9, 40), (5, 4)] {
            let canvas = painted(&map, width, height, 1.0);
            let (columns, rows) = (width as usize, height as usize);
            let values: Vec<f32> = (0..columns * rows)
                .map(|place| sampled(&map, place % columns, place / columns, width, height))
                .collect();
            let drawn = canvas.pixels.as_chunks::<4>().0;
            for (place, (drawn, expected)) in drawn.iter().zip(colours(&values)).enumerate() {
                // Rounding may fall on either side of a step of the table.
                let close = drawn.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4);
                assert!(close, "{place}: {drawn:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn heat_takes_the_colour_from_what_is_below() {
        let map = array![[0.0, 0.2, -1.0]];
        let desaturation = |opacity| painted(&map, 3, 1, opacity).desaturation;
        assert_eq!(desaturation(0.0), [0; 3]);
        let full = desaturation(1.0);
        assert!(full[0] == 0 && full[1] > 100 && full[2] == 255, "{full:?}");
        assert!(desaturation(0.2)[2] < 255);
    }

    #[test]
    fn opacity_scales_alpha() {
        let map = array![[1.0]];
        let alpha = |opacity| painted(&map, 1, 1, opacity).pixels[3];
        assert_eq!(alpha(0.5), alpha(1.0).div_ceil(2));
        assert_eq!(alpha(7.0), alpha(1.0));
        assert_eq!([alpha(0.0), alpha(-1.0), alpha(f32::NAN)], [0; 3]);
    }

    #[test]
    fn a_heatmap_lies_over_what_was_drawn() {
        let mut canvas = Canvas::new(2, 1);
        canvas.fill(canvas.area(), PremultipliedColour::new([0, 255, 0], 255));
        let map = array![[1.0, 0.0]];
        draw(
            &mut canvas,
            &Heatmap::normalise(map.view(), Scale::Fixed(1.0)),
            ColourMap::default(),
            1.0,
        );
        let [r, g, _, alpha] = canvas.pixel(0, 0).unwrap();
        assert!(r > 150 && g < 110 && alpha == 255);
        assert_eq!(canvas.pixel(1, 0), Some([0, 255, 0, 255]));
    }

    #[test]
    fn nothing_has_no_size() {
        assert!(painted(&array![[1.0]], 0, 9, 1.0).pixels.is_empty());
        assert!(painted(&array![[1.0]], 9, 0, 1.0).pixels.is_empty());
        assert_eq!(painted(&Array2::zeros((0, 4)), 1, 1, 1.0).pixels, [0; 4]);
    }
}
