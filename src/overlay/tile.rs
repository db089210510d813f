//! Tiles: close-ups of what was explained, each with its heatmap alone on it, in columns along the frame's right edge.
//!
//! In: pictures and maps of the network's size, and which part of each is shown. Out: opaque pixels on the canvas, and the area
//! that they take, which other marks stay out of.

use image::RgbImage;

use super::canvas::{Area, Canvas, Ink, draw_over, washed};
use super::heat::Table;
use super::style::{self, Style};
use super::text;
use crate::heatmap::{ColourMap, Heatmap};

/// A close-up.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// The picture that was explained, in any size: it is as wide and high as the frame all the same.
    pub picture: &'a RgbImage,
    /// Of the whole picture.
    pub heatmap: &'a Heatmap,
    /// The box that is explained: x0, y0, x1, y1 in shares of the picture.
    pub rect: [f32; 4],
    /// At the tile's foot: "1 dog 0.89".
    pub label: &'a str,
    /// The box's, red, green and blue.
    pub colour: [u8; 3],
}

/// In how many rows tiles are laid out at least: few tiles are not to be larger than this.
const ROWS: usize = 4;

/// How much of a tile's side the box takes at most; the rest is what lies around it.
const BOX: f32 = 0.7;

/// Draws the tiles, the first at the top right. Returns the area that they take together; None where there are none.
pub(super) fn draw(
    canvas: &mut Canvas,
    style: &Style,
    tiles: &[Tile],
    colours: ColourMap,
    opacity: f32,
) -> Option<Area> {
    let frame = canvas.area();
    let places = places(tiles.len(), style.margin, frame);
    let table = Table::new(colours, opacity);
    for (tile, &place) in tiles.iter().zip(&places) {
        picture(canvas, tile, place, &table);
        let (line, edge) = (style.line + style.edge, style.edge);
        canvas.outline(place, line, Ink::new(tile.colour, 255));
        canvas.outline(place.grown(-line), edge, style::shade());
        foot(canvas, style, tile, place);
    }
    (places.into_iter()).reduce(|all, place| Area {
        x0: all.x0.min(place.x0),
        y0: all.y0.min(place.y0),
        x1: all.x1.max(place.x1),
        y1: all.y1.max(place.y1),
    })
}

/// Where `count` tiles of the frame's shape lie: from the top right downwards, then in the next column to the left. The more there
/// are, the smaller they become, so that they take a third of the frame at most.
fn places(count: usize, margin: i64, frame: Area) -> Vec<Area> {
    let rows = ROWS.max((4.0 * count as f64).sqrt().ceil() as usize) as i64;
    let across = (frame.x1 - frame.x0 - margin) / rows;
    let down = (frame.y1 - frame.y0 - margin) / rows;
    let gap = (margin / 2).max(1);
    (0..count as i64)
        .map(|index| {
            let (column, row) = (index / rows, index % rows);
            let (x1, y0) = (
                frame.x1 - margin / 2 - column * across,
                frame.y0 + margin / 2 + row * down,
            );
            Area {
                x0: x1 - across + gap,
                y0: y0 + gap / 2,
                x1,
                y1: y0 + down - gap / 2,
            }
        })
        .filter(|place| !place.is_empty())
        .collect()
}

/// The part of the picture that a tile shows, x0, y0 and side in shares of it: the box and what lies around it, all of it
/// inside of the picture; and so in the picture's shape, which the tile has too.
fn part(rect: [f32; 4]) -> [f32; 3] {
    if !rect.iter().all(|edge| edge.is_finite()) {
        return [0.0, 0.0, 1.0];
    }
    let [x0, y0, x1, y1] = rect;
    let side = ((x1 - x0).max(y1 - y0) / BOX).clamp(0.05, 1.0);
    let start = |from: f32, to: f32| ((from + to - side) / 2.0).clamp(0.0, 1.0 - side);
    [start(x0, x1), start(y0, y1), side]
}

/// The part of the picture, with the heat over it.
fn picture(canvas: &mut Canvas, tile: &Tile, place: Area, table: &Table) {
    let [left, top, side] = part(tile.rect);
    let seen = place.intersection(canvas.area());
    // The places in the picture and in the map of a row or column of the tile.
    let taps = |at: i64, from: i64, to: i64, start: f32, lengths: [usize; 2]| {
        let share = start + side * ((at - from) as f32 + 0.5) / (to - from) as f32;
        lengths.map(|length| Tap::at(share, length))
    };
    let (picture, heatmap) = (tile.picture, tile.heatmap);
    let across = [picture.width() as usize, heatmap.width()];
    let down = [picture.height() as usize, heatmap.height()];
    let columns: Vec<[Tap; 2]> = (seen.x0..seen.x1)
        .map(|x| taps(x, place.x0, place.x1, left, across))
        .collect();
    for y in seen.y0..seen.y1 {
        let rows = taps(y, place.y0, place.y1, top, down);
        let pixels = canvas.row_mut(y, seen).as_chunks_mut::<4>().0;
        for (pixel, columns) in pixels.iter_mut().zip(&columns) {
            let ink = table.ink(heat(heatmap, rows[1], columns[1]));
            let below = sample(picture, rows[0], columns[0]);
            let [r, g, b] = washed(below, Table::wash(ink));
            *pixel = [r, g, b, 255];
            draw_over(pixel, ink);
        }
    }
}

/// A place between the centres of two neighbouring pixels, and how far on from the first to the second.
#[derive(Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    weight: f32,
}

impl Tap {
    /// Where a share of a side of `length` pixels lies.
    fn at(share: f32, length: usize) -> Self {
        let last = length.saturating_sub(1);
        let position = (share * length as f32 - 0.5).clamp(0.0, last as f32);
        let low = position as usize;
        Self {
            low,
            high: (low + 1).min(last),
            weight: position.fract(),
        }
    }

    fn between(self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.weight
    }
}

fn sample(picture: &RgbImage, row: Tap, column: Tap) -> [u8; 3] {
    let at = |x: usize, y: usize| {
        let pixel = picture.get_pixel_checked(x as u32, y as u32);
        pixel.map_or([0; 3], |pixel| pixel.0)
    };
    let [[a, b], [c, d]] = [row.low, row.high].map(|y| [column.low, column.high].map(|x| at(x, y)));
    std::array::from_fn(|i| {
        let [a, b, c, d] = [a, b, c, d].map(|corner| f32::from(corner[i]));
        row.between(column.between(a, b), column.between(c, d))
            .round() as u8
    })
}

fn heat(heatmap: &Heatmap, row: Tap, column: Tap) -> f32 {
    let line = |y: usize| {
        let at = |x: usize| heatmap.values().get(y * heatmap.width() + x);
        let [low, high] = [column.low, column.high].map(|x| at(x).copied().unwrap_or(0.0));
        column.between(low, high)
    };
    row.between(line(row.low), line(row.high))
}

/// The label at the tile's foot, on a plate in the box's colour, cut where it is too long.
fn foot(canvas: &mut Canvas, style: &Style, tile: &Tile, place: Area) {
    let room = place.x1 - place.x0 - 2 * style.padding;
    let line = text::lay_out(tile.label, style.type_size, room as f32);
    let height = line.height.ceil() as i64 + 2 * style.edge;
    if line.is_empty() || height > (place.y1 - place.y0) / 2 {
        return;
    }
    let plate = Area {
        y0: place.y1 - height,
        x1: place.x0 + line.width.ceil() as i64 + 2 * style.padding,
        ..place
    };
    canvas.fill(plate, Ink::new(tile.colour, 255));
    let (x, y) = (plate.x0 + style.padding, plate.y0 + style.edge);
    line.draw(canvas, x, y, style::text_on(tile.colour));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatmap::Scale;
    use ndarray::Array2;

    const FRAME: Area = Area {
        x0: 0,
        y0: 0,
        x1: 640,
        y1: 480,
    };

    #[test]
    fn tiles_lie_at_the_right_apart_from_each_other_and_take_a_third_at_most() {
        for count in [0, 1, 4, 5, 8, 9, 40, 100] {
            let places = places(count, 8, FRAME);
            assert_eq!(places.len(), count);
            let left = places.iter().map(|place| place.x0).min().unwrap_or(640);
            assert!(3 * left >= 2 * 640, "{count}: from {left} on");
            for (index, place) in places.iter().enumerate() {
                assert_eq!(place.intersection(FRAME), *place);
                for other in &places[..index] {
                    assert!(place.intersection(*other).is_empty(), "{count}: {index}");
                }
            }
        }
        assert!(
            places(
                4,
                8,
                Area {
                    x1: 3,
                    y1: 2,
                    ..FRAME
                }
            )
            .is_empty()
        );
    }

    #[test]
    fn a_part_holds_its_box_and_lies_in_the_picture() {
        for rect in [
            [0.4, 0.4, 0.6, 0.5],
            [0.0, 0.0, 0.1, 0.3],
            [0.9, 0.7, 1.0, 1.0],
            [0.0, 0.1, 1.0, 0.9],
        ] {
            let [x, y, side] = part(rect);
            let [x0, y0, x1, y1] = rect;
            assert!(x >= 0.0 && y >= 0.0 && x + side < 1.000_01 && y + side < 1.000_01);
            assert!(x <= x0 && y <= y0 && x + side > x1 - 1e-5 && y + side > y1 - 1e-5);
        }
        assert_eq!(part([f32::NAN; 4]), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_tile_shows_the_part_with_its_heat_and_nothing_else_changes() {
        let (width, height) = (640, 480);
        // Grey, with a green quarter in which the heat is.
        let picture = RgbImage::from_fn(100, 100, |x, y| {
            image::Rgb(if x < 50 && y < 50 {
                [0, 200, 0]
            } else {
                [90; 3]
            })
        });
        let map = Array2::from_shape_fn((100, 100), |(y, x)| f32::from(u8::from(x < 25 && y < 50)));
        let heatmap = Heatmap::normalise(map.view(), Scale::Fixed(1.0));
        let mut canvas = Canvas::new(width, height);
        let tile = Tile {
            picture: &picture,
            heatmap: &heatmap,
            rect: [0.05, 0.05, 0.4, 0.4],
            label: "1 dog 0.89",
            colour: [255, 200, 0],
        };
        let style = Style::for_frame(width, height);
        let colours = ColourMap::RedBlue;
        let taken = draw(&mut canvas, &style, &[tile], colours, 1.0).unwrap();
        for y in 0..height {
            for x in 0..width {
                let inside = (taken.x0..taken.x1).contains(&i64::from(x))
                    && (taken.y0..taken.y1).contains(&i64::from(y));
                let alpha = canvas.pixel(x, y).unwrap()[3];
                assert_eq!(alpha, if inside { 255 } else { 0 }, "{x}, {y}");
            }
        }
        // A box of 0.35 is shown in a part of 0.5, from 0 to 0.5: its left half is hot.
        let middle = (taken.y0 + taken.y1) / 2;
        let quarter = (taken.x1 - taken.x0) / 4;
        let at = |x: i64| canvas.pixel(x as u32, middle as u32).unwrap();
        let (hot, cold) = (at(taken.x0 + quarter), at(taken.x1 - quarter));
        assert!(hot[0] > 180 && hot[1] < 110, "{hot:?}");
        assert_eq!(cold, [0, 200, 0, 255]);
        assert_eq!(draw(&mut canvas, &style, &[], colours, 1.0), None);
    }

    #[test]
    fn no_size_and_no_box_panics() {
        let picture = RgbImage::new(0, 3);
        let heatmap = Heatmap::normalise(Array2::zeros((0, 4)).view(), Scale::Fixed(1.0));
        for rect in [[f32::NAN; 4], [0.9, 0.9, 0.1, 0.1], [f32::INFINITY; 4]] {
            let tile = Tile {
                picture: &picture,
                heatmap: &heatmap,
                rect,
                label: "label",
                colour: [1, 2, 3],
            };
            for (width, height) in [(0, 0), (1, 1), (33, 17), (300, 200)] {
                let style = Style::for_frame(width, height);
                let mut canvas = Canvas::new(width, height);
                draw(&mut canvas, &style, &[tile; 9], ColourMap::default(), 1.0);
            }
        }
    }
}
