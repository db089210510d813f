//! Tiles: close-ups of what was explained, each with its heatmap alone on it, in columns along one side of the frame.
//!
//! In: pictures and maps of the network's size, and which part of each is shown. Out: opaque pixels on the canvas, and the area
//! that they take, which other drawings stay out of; and, for whoever shows one frame after another, the side on which they hide less.

use image::RgbImage;

use super::canvas::{Area, Canvas, PremultipliedColour, desaturated, draw_over};
use super::heat::ColourTable;
use super::labelled_box::{LabelledBox, whole_pixels};
use super::style::{self, Style};
use super::text;
use crate::bilinear::{Tap, bilinear};
use crate::geometry::{Rect, Size};
use crate::heatmap::{ColourMap, Heatmap};

/// An edge of the frame along which tiles are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    #[default]
    Right,
}

impl Side {
    /// The side on which `count` tiles hide less of `boxes` in a frame of this size. So that they
    /// do not jump to and fro it is `self` unless they would hide less than half as much on the other one.
    #[must_use]
    pub fn clearer(self, count: usize, boxes: &[LabelledBox], size: Size) -> Self {
        let margin = Style::for_frame(size.width, size.height).margin;
        let frame = Area::of(size);
        let boxes: Vec<Area> = (boxes.iter())
            .filter_map(|labelled| whole_pixels(&labelled.rect))
            .collect();
        let hidden = |side: Self| -> i64 {
            let places = places(count, margin, frame, side);
            let overlaps = places.iter().flat_map(|place| {
                let boxes = boxes.iter();
                boxes.map(|area| place.intersection(*area).size())
            });
            overlaps.sum()
        };
        let other = match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        };
        if 2 * hidden(other) < hidden(self) {
            other
        } else {
            self
        }
    }
}

/// A close-up.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// The picture that was explained, in any size: it is as wide and high as the frame all the same.
    pub picture: &'a RgbImage,
    /// Of the whole picture.
    pub heatmap: &'a Heatmap,
    /// The box that is explained.
    pub rect: Rect,
    /// At the tile's foot: "1 dog 0.89".
    pub label: &'a str,
    /// The box's, red, green and blue.
    pub colour: [u8; 3],
}

/// In how many rows tiles are laid out at least: few tiles are not to be larger than this.
const ROWS: usize = 4;

/// How much of a tile's side the box takes at most; the rest is what lies around it.
const BOX: f32 = 0.7;

/// Lines that a label may take, and which share of the tile.
const LINES: i64 = 3;
const FOOT: f64 = 0.6;

/// Draws the tiles along `side`, the first at its top. Returns the area that they take together; None where there are none.
pub(super) fn draw(
    canvas: &mut Canvas,
    style: &Style,
    (tiles, side): (&[Tile], Side),
    colours: ColourMap,
    opacity: f32,
) -> Option<Area> {
    let frame = canvas.area();
    let places = places(tiles.len(), style.margin, frame, side);
    let table = ColourTable::new(colours, opacity);
    for (tile, &place) in tiles.iter().zip(&places) {
        picture(canvas, tile, place, &table);
        let (line, edge) = (style.line + style.edge, style.edge);
        canvas.outline(place, line, PremultipliedColour::new(tile.colour, 255));
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

/// Where `count` tiles of the frame's shape lie: from the top downwards, then in the next column further in. The more there
/// are, the smaller they become, so that they take a third of the frame at most.
fn places(count: usize, margin: i64, frame: Area, side: Side) -> Vec<Area> {
    let rows = ROWS.max((4.0 * count as f64).sqrt().ceil() as usize) as i64;
    let across = (frame.x1 - frame.x0 - margin) / rows;
    let down = (frame.y1 - frame.y0 - margin) / rows;
    let gap = (margin / 2).max(1);
    (0..count as i64)
        .map(|index| {
            let (column, row) = (index / rows, index % rows);
            let in_from_edge = margin / 2 + column * across;
            let width = across - gap;
            let x0 = match side {
                Side::Left => frame.x0 + in_from_edge,
                Side::Right => frame.x1 - in_from_edge - width,
            };
            let y0 = frame.y0 + margin / 2 + row * down;
            Area {
                x0,
                y0: y0 + gap / 2,
                x1: x0 + width,
                y1: y0 + down - gap / 2,
            }
        })
        .filter(|place| !place.is_empty())
        .collect()
}

/// The part of the picture that a tile shows, x0, y0 and side in shares of it: the box and what lies around it, all of it
/// inside of the picture; and so in the picture's shape, which the tile has too.
fn part(rect: &Rect) -> [f32; 3] {
    if !rect.is_finite() {
        return [0.0, 0.0, 1.0];
    }
    let [x0, y0, x1, y1] = rect.edges();
    let side = (rect.width().max(rect.height()) / BOX).clamp(0.05, 1.0);
    let start = |from: f32, to: f32| ((from + to - side) / 2.0).clamp(0.0, 1.0 - side);
    [start(x0, x1), start(y0, y1), side]
}

/// The part of the picture, with the heat over it.
fn picture(canvas: &mut Canvas, tile: &Tile, place: Area, table: &ColourTable) {
    let [left, top, side] = part(&tile.rect);
    let seen = place.intersection(canvas.area());
    // The places in the picture and in the map of a row or column of the tile.
    let taps = |at: i64, from: i64, to: i64, start: f32, lengths: [u32; 2]| {
        let share = start + side * ((at - from) as f32 + 0.5) / (to - from) as f32;
        lengths.map(|length| Tap::at_share(share, length))
    };
    let (picture, heatmap) = (tile.picture, tile.heatmap);
    let across = [picture.width(), heatmap.width() as u32];
    let down = [picture.height(), heatmap.height() as u32];
    let columns: Vec<[Tap; 2]> = (seen.x0..seen.x1)
        .map(|x| taps(x, place.x0, place.x1, left, across))
        .collect();
    for y in seen.y0..seen.y1 {
        let rows = taps(y, place.y0, place.y1, top, down);
        let pixels = canvas.row_mut(y, seen).as_chunks_mut::<4>().0;
        for (pixel, columns) in pixels.iter_mut().zip(&columns) {
            let colour = table.colour(heat(heatmap, rows[1], columns[1]));
            let below = sample(picture, rows[0], columns[0]);
            let [r, g, b] = desaturated(below, ColourTable::desaturation(colour));
            *pixel = [r, g, b, 255];
            draw_over(pixel, colour);
        }
    }
}

/// The picture's colour where a row and a column meet.
fn sample(picture: &RgbImage, row: Tap, column: Tap) -> [u8; 3] {
    let at = |x: u32, y: u32| {
        picture
            .get_pixel_checked(x, y)
            .map_or([0; 3], |pixel| pixel.0)
    };
    let corners = [row.low, row.high].map(|y| [column.low, column.high].map(|x| at(x, y)));
    std::array::from_fn(|i| {
        let corners = corners.map(|row| row.map(|pixel| f32::from(pixel[i])));
        bilinear(row, column, corners).round() as u8
    })
}

/// The heatmap's value there.
fn heat(heatmap: &Heatmap, row: Tap, column: Tap) -> f32 {
    let at = |x: u32, y: u32| {
        let value = heatmap
            .values()
            .get(y as usize * heatmap.width() + x as usize);
        value.copied().unwrap_or(0.0)
    };
    let corners = [row.low, row.high].map(|y| [column.low, column.high].map(|x| at(x, y)));
    bilinear(row, column, corners)
}

/// The label at the tile's foot, on a plate in the box's colour, in as many lines as there is room for, and cut where it is longer.
fn foot(canvas: &mut Canvas, style: &Style, tile: &Tile, place: Area) {
    let (width, height) = (place.x1 - place.x0, place.y1 - place.y0);
    let room = (width - 2 * style.padding) as f32;
    let line_height = text::lay_out("", style.type_size, room).height.ceil() as i64;
    let most = (height as f64 * FOOT) as i64 - 2 * style.edge;
    let lines = (most / line_height).min(LINES);
    if lines < 1 {
        return;
    }
    let lines = text::wrap(tile.label, style.type_size, room, lines as usize);
    let widest = lines.iter().map(|line| line.width.ceil() as i64).max();
    let Some(widest) = widest else { return };
    let plate = Area {
        y0: place.y1 - line_height * lines.len() as i64 - 2 * style.edge,
        x1: place.x0 + widest + 2 * style.padding,
        ..place
    };
    canvas.fill(plate, PremultipliedColour::new(tile.colour, 255));
    let x = plate.x0 + style.padding;
    for (line, index) in lines.iter().zip(0..) {
        let y = plate.y0 + style.edge + index * line_height;
        line.draw(canvas, x, y, style::text_on(tile.colour));
    }
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
    fn tiles_lie_at_one_side_apart_from_each_other_and_take_a_third_at_most() {
        for count in [0, 1, 4, 5, 8, 9, 40, 100] {
            let places = places(count, 8, FRAME, Side::Right);
            assert_eq!(places.len(), count);
            let left = places.iter().map(|place| place.x0).min().unwrap_or(640);
            assert!(3 * left >= 2 * 640, "{count}: from {left} on");
            let mirrored: Vec<Area> = (super::places(count, 8, FRAME, Side::Left).iter())
                .map(|place| Area {
                    x0: 640 - place.x1,
                    x1: 640 - place.x0,
                    ..*place
                })
                .collect();
            assert_eq!(mirrored, places);
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
                },
                Side::Right
            )
            .is_empty()
        );
    }

    #[test]
    fn the_clearer_side_is_taken_where_it_is_much_clearer() {
        let at = |x: f32, width: f32| LabelledBox {
            rect: [x, 40.0, x + width, 140.0].into(),
            label: String::new(),
            colour: [0; 3],
            explained: false,
            dashed: false,
        };
        let (left, right) = (at(20.0, 80.0), at(540.0, 80.0));
        let clearer =
            |side: Side, boxes: &[LabelledBox]| side.clearer(2, boxes, Size::new(640, 480));
        for side in [Side::Left, Side::Right] {
            assert_eq!(clearer(side, &[]), side);
            assert_eq!(clearer(side, &[left.clone(), right.clone()]), side);
            assert_eq!(clearer(side, std::slice::from_ref(&left)), Side::Right);
            assert_eq!(clearer(side, std::slice::from_ref(&right)), Side::Left);
        }
        // A third less is no reason to jump.
        let boxes = [at(20.0, 60.0), right];
        assert_eq!(clearer(Side::Right, &boxes), Side::Right);
    }

    #[test]
    fn a_long_label_takes_several_lines() {
        let picture = RgbImage::from_pixel(30, 30, image::Rgb([90; 3]));
        let heatmap = Heatmap::normalise(Array2::zeros((30, 30)).view(), Scale::default());
        let rows = |label: &str, width: u32, height: u32| {
            let tile = Tile {
                picture: &picture,
                heatmap: &heatmap,
                rect: Rect::new(0.2, 0.2, 0.4, 0.4),
                label,
                colour: [255, 200, 0],
            };
            let mut canvas = Canvas::new(width, height);
            let style = Style::for_frame(width, height);
            let colours = ColourMap::default();
            let taken = draw(&mut canvas, &style, (&[tile], Side::Right), colours, 1.0).unwrap();
            let x = taken.x0 + style.line + 2 * style.edge + 1;
            let plate = |y: &i64| canvas.pixel(x as u32, *y as u32).unwrap()[..3] == [255, 200, 0];
            let inside = taken.grown(-style.line - 2 * style.edge);
            (inside.y0..inside.y1).filter(plate).count()
        };
        let (short, long) = (
            rows("1 dog 0.89", 320, 240),
            rows("1 person 0.89: not expected", 320, 240),
        );
        assert!(short > 5 && long > 2 * short - 4, "{short}, {long}");
        assert!(rows("1 person 0.89: not expected", 160, 120) > 5);
    }

    #[test]
    fn a_part_holds_its_box_and_lies_in_the_picture() {
        for rect in [
            [0.4, 0.4, 0.6, 0.5],
            [0.0, 0.0, 0.1, 0.3],
            [0.9, 0.7, 1.0, 1.0],
            [0.0, 0.1, 1.0, 0.9],
        ] {
            let [x, y, side] = part(&rect.into());
            let [x0, y0, x1, y1] = rect;
            assert!(x >= 0.0 && y >= 0.0 && x + side < 1.000_01 && y + side < 1.000_01);
            assert!(x <= x0 && y <= y0 && x + side > x1 - 1e-5 && y + side > y1 - 1e-5);
        }
        assert_eq!(part(&[f32::NAN; 4].into()), [0.0, 0.0, 1.0]);
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
        let map = Array2::from_shape_fn((100, 100), |(y, x)| f32::from(x < 25 && y < 50));
        let heatmap = Heatmap::normalise(map.view(), Scale::Fixed(1.0));
        let mut canvas = Canvas::new(width, height);
        let tile = Tile {
            picture: &picture,
            heatmap: &heatmap,
            rect: Rect::new(0.05, 0.05, 0.4, 0.4),
            label: "1 dog 0.89",
            colour: [255, 200, 0],
        };
        let style = Style::for_frame(width, height);
        let colours = ColourMap::RedBlue;
        let tiles = (&[tile][..], Side::Right);
        let taken = draw(&mut canvas, &style, tiles, colours, 1.0).unwrap();
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
        let none = (&[][..], Side::Left);
        assert_eq!(draw(&mut canvas, &style, none, colours, 1.0), None);
    }

    #[test]
    fn no_size_and_no_box_panics() {
        let picture = RgbImage::new(0, 3);
        let heatmap = Heatmap::normalise(Array2::zeros((0, 4)).view(), Scale::Fixed(1.0));
        for rect in [[f32::NAN; 4], [0.9, 0.9, 0.1, 0.1], [f32::INFINITY; 4]] {
            let tile = Tile {
                picture: &picture,
                heatmap: &heatmap,
                rect: rect.into(),
                label: "label",
                colour: [1, 2, 3],
            };
            for (width, height) in [(0, 0), (1, 1), (33, 17), (300, 200)] {
                let style = Style::for_frame(width, height);
                let mut canvas = Canvas::new(width, height);
                for side in [Side::Left, Side::Right] {
                    let tiles = (&[tile; 9][..], side);
                    draw(&mut canvas, &style, tiles, ColourMap::default(), 1.0);
                    assert_eq!(side.clearer(9, &[], Size::new(width, height)), side);
                }
            }
        }
    }
}
