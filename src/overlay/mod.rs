//! What is drawn over a frame: a heatmap, the detections' boxes with their labels, and a caption that says in words what is
//! explained. A [`Scene`] in the frame's pixels goes in, a [`Canvas`] comes out, premultiplied, to be laid over a photo
//! ([`Canvas::compose_onto`]) or handed to whatever blends video.

mod aspect;
mod canvas;
mod caption;
mod caption_room;
mod corner_text;
mod heat;
mod labelled_box;
mod placement;
mod style;
mod text;
mod tile;

pub use canvas::{Area, Canvas, PremultipliedColour};
#[doc(hidden)]
pub use canvas::{LUMA, desaturated};
pub use caption_room::Corner;
pub use labelled_box::LabelledBox;
pub use style::class_colour;
pub use tile::{Side, Tile};

use crate::geometry::Size;
use crate::heatmap::{ColourMap, Heatmap};
use caption_room::CaptionRoom;
use labelled_box::whole_pixels;
use placement::LabelRoom;
use style::Style;

/// What a frame needs for words on it: on a smaller one they would hide the picture.
const LEGIBLE: Size = Size::new(160, 120);

/// Everything that is to be seen over one frame.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The frame's.
    pub size: Size,
    /// How much wider than high the frame's pixels are when they are displayed; 1 for square ones. What is drawn has its
    /// right shape there.
    pub pixel_aspect: f64,
    /// Stretched over the whole frame.
    pub heatmap: Option<&'a Heatmap>,
    /// Close-ups of what is explained.
    pub tiles: &'a [Tile<'a>],
    /// Where they are.
    pub tiles_side: Side,
    /// The heatmaps'.
    pub colours: ColourMap,
    /// Of the heatmaps, 0..1.
    pub opacity: f32,
    /// Best first: where labels are in each other's way, the earlier one gets the better place.
    pub boxes: &'a [LabelledBox],
    /// Whether the boxes' lines are drawn.
    pub draw_boxes: bool,
    /// Whether the boxes' labels are drawn, which they never are on frames smaller than 160x120.
    pub draw_labels: bool,
    /// What is explained, in words: "sheep rather than horse". Left out on frames smaller than 160x120.
    pub caption: Option<&'a str>,
    /// Where the caption may be: in the first of these corners, or in another one where it covers less than half as much of the
    /// boxes, of which the explained ones count most. Without a corner there is no caption. The top left one is left to the corner
    /// text, if there is one.
    pub caption_corners: &'a [Corner],
    /// In the top left corner; left out on frames smaller than 160x120.
    pub corner_text: Option<&'a str>,
}

impl Scene<'_> {
    /// Nothing yet, on a frame of this size; what is put in is drawn, opaque and with labels.
    pub fn empty(size: Size, pixel_aspect: f64) -> Self {
        Self {
            size,
            pixel_aspect,
            heatmap: None,
            tiles: &[],
            tiles_side: Side::default(),
            colours: ColourMap::default(),
            opacity: 1.0,
            boxes: &[],
            draw_boxes: true,
            draw_labels: true,
            caption: None,
            caption_corners: &Corner::ALL,
            corner_text: None,
        }
    }
}

/// Draws the scene onto a canvas of the frame's size: the heatmap, the boxes, the explained one over the others, then the
/// tiles, the caption with a legend of the heatmaps' colours, and the labels. Nothing in a scene is an error: what cannot be drawn is not.
pub fn render(scene: &Scene) -> Canvas {
    render_placed(scene).0
}

/// The same, and the corner in which the caption is.
pub(crate) fn render_placed(scene: &Scene) -> (Canvas, Option<Corner>) {
    let size = aspect::displayed(scene.size, scene.pixel_aspect);
    if size == scene.size {
        return render_square(scene);
    }
    let stored = scene.size;
    let [across, down] = [(size.width, stored.width), (size.height, stored.height)]
        .map(|(displayed, stored)| displayed as f32 / stored.max(1) as f32);
    let boxes: Vec<LabelledBox> = (scene.boxes.iter())
        .map(|labelled| LabelledBox {
            rect: labelled.rect.scaled(across, down),
            ..labelled.clone()
        })
        .collect();
    let (canvas, corner) = render_square(&Scene {
        size,
        boxes: &boxes,
        ..*scene
    });
    (aspect::squeezed(&canvas, stored), corner)
}

/// Of square pixels.
fn render_square(scene: &Scene) -> (Canvas, Option<Corner>) {
    let mut canvas = Canvas::new(scene.size.width, scene.size.height);
    let style = Style::for_frame(scene.size.width, scene.size.height);
    if let Some(heatmap) = scene.heatmap {
        heat::draw(&mut canvas, heatmap, scene.colours, scene.opacity);
    }

    // Explained boxes first; the sort keeps the order of the others.
    let mut boxes: Vec<(Area, &LabelledBox)> = scene
        .boxes
        .iter()
        .filter_map(|labelled| Some((whole_pixels(&labelled.rect)?, labelled)))
        .collect();
    boxes.sort_by_key(|(_, labelled)| !labelled.explained);
    if scene.draw_boxes {
        for (area, labelled) in boxes.iter().rev() {
            labelled_box::draw_box(&mut canvas, &style, *area, labelled);
        }
    }

    let mut taken = Vec::new();
    let tiles = tile::draw(
        &mut canvas,
        &style,
        (scene.tiles, scene.tiles_side),
        scene.colours,
        scene.opacity,
    );
    taken.extend(tiles);
    let frame = canvas.area();
    let beside_tiles = match (tiles, scene.tiles_side) {
        (None, _) => frame,
        (Some(Area { x1: x0, .. }), Side::Left) => Area { x0, ..frame },
        (Some(Area { x0: x1, .. }), Side::Right) => Area { x1, ..frame },
    };
    let legible = scene.size.width >= LEGIBLE.width && scene.size.height >= LEGIBLE.height;
    let mut corner = None;
    if let Some(caption) = scene.caption.filter(|_| legible) {
        let heat = scene.heatmap.is_some() || !scene.tiles.is_empty();
        let colours = heat.then_some(scene.colours);
        let areas: Vec<(Area, bool)> = (boxes.iter())
            .map(|(area, labelled)| (*area, labelled.explained))
            .collect();
        let corners: Vec<Corner> = (scene.caption_corners.iter().copied())
            .filter(|corner| scene.corner_text.is_none() || *corner != Corner::TopLeft)
            .collect();
        let place = CaptionRoom {
            frame: beside_tiles,
            corners: &corners,
            boxes: &areas,
        };
        let drawn = caption::draw(&mut canvas, &style, caption, colours, &place);
        corner = drawn.map(|(corner, _)| corner);
        taken.extend(drawn.map(|(_, plate)| plate));
    }
    if let Some(text) = scene.corner_text.filter(|_| legible) {
        taken.extend(corner_text::draw(&mut canvas, &style, text, beside_tiles));
    }
    if scene.draw_labels && legible {
        let areas: Vec<Area> = boxes.iter().map(|(area, _)| *area).collect();
        for (area, labelled) in boxes {
            // What a tile hides has its label in the tile.
            let is_beside = tiles.is_some_and(|tiles| area.y0 < tiles.y1);
            let room = LabelRoom {
                frame: if is_beside { beside_tiles } else { frame },
                taken: &taken,
                boxes: &areas,
            };
            let plate = labelled_box::draw_label(&mut canvas, &style, area, labelled, &room);
            taken.extend(plate);
        }
    }
    (canvas, corner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use crate::heatmap::Scale;
    use ndarray::Array2;

    fn labelled(rect: [f32; 4], label: &str, explained: bool) -> LabelledBox {
        LabelledBox {
            rect: rect.into(),
            label: label.to_owned(),
            colour: class_colour(label.len()),
            explained,
            dashed: false,
        }
    }

    fn scene<'a>(width: u32, height: u32, boxes: &'a [LabelledBox]) -> Scene<'a> {
        Scene {
            size: Size::new(width, height),
            pixel_aspect: 1.0,
            heatmap: None,
            tiles: &[],
            tiles_side: Side::default(),
            colours: ColourMap::default(),
            opacity: 1.0,
            boxes,
            draw_boxes: true,
            draw_labels: true,
            caption: None,
            caption_corners: &Corner::ALL,
            corner_text: None,
        }
    }

    fn heatmap() -> Heatmap {
        let map = Array2::from_shape_fn((30, 30), |(y, x)| (x as f32 - 15.0) * (y as f32 - 9.0));
        Heatmap::normalise(map.view(), Scale::default())
    }

    fn is_clear(canvas: &Canvas) -> bool {
        canvas.pixels.iter().all(|&component| component == 0)
    }

    #[test]
    fn an_empty_scene_is_transparent() {
        let canvas = render(&scene(32, 20, &[]));
        assert_eq!(
            (canvas.width, canvas.height, canvas.pixels.len()),
            (32, 20, 32 * 20 * 4)
        );
        assert!(is_clear(&canvas));
    }

    #[test]
    fn a_caption_leaves_the_top_left_corner_to_the_corner_text() {
        // Only the top left corner is clear of what is explained.
        let boxes = [
            labelled([0.0, 120.0, 400.0, 300.0], "", true),
            labelled([200.0, 0.0, 400.0, 120.0], "", true),
        ];
        let scene = Scene {
            caption: Some("why"),
            ..scene(400, 300, &boxes)
        };
        assert_eq!(render_placed(&scene).1, Some(Corner::TopLeft));
        let scene = Scene {
            corner_text: Some("2 s ago"),
            ..scene
        };
        assert_ne!(render_placed(&scene).1, Some(Corner::TopLeft));
    }

    #[test]
    fn what_is_switched_off_is_not_drawn() {
        let boxes = [labelled([40.0, 60.0, 200.0, 180.0], "person 0.98", false)];
        let all = scene(320, 240, &boxes);
        let none = Scene {
            draw_boxes: false,
            draw_labels: false,
            ..all
        };
        assert!(is_clear(&render(&none)));
        let opaque = |canvas: Canvas| {
            canvas
                .pixels
                .as_chunks::<4>()
                .0
                .iter()
                .filter(|pixel| pixel[3] == 255)
                .count()
        };
        let boxed = opaque(render(&Scene {
            draw_labels: false,
            ..all
        }));
        let labelled = opaque(render(&Scene {
            draw_boxes: false,
            ..all
        }));
        assert_eq!(boxed, 2 * 160 + 2 * 118);
        assert!(labelled > 50 && opaque(render(&all)) > boxed);
    }

    #[test]
    fn boxes_and_labels_leave_the_rest_of_the_frame_alone() {
        let boxes = [labelled([40.0, 60.0, 200.0, 180.0], "person 0.98", true)];
        let canvas = render(&scene(320, 240, &boxes));
        for y in 0..240 {
            for x in 0..320 {
                let outside = !(38..202).contains(&x) || !(42..182).contains(&y);
                let within = (46..194).contains(&x) && (66..174).contains(&y);
                if outside || within {
                    assert_eq!(canvas.pixel(x, y), Some([0; 4]), "{x}, {y}");
                }
            }
        }
    }

    #[test]
    fn what_is_drawn_has_its_shape_where_pixels_are_not_square() {
        let heatmap = heatmap();
        let boxes = [labelled([100.0, 60.0, 300.0, 180.0], "person 0.98", true)];
        let shown = Scene {
            heatmap: Some(&heatmap),
            caption: Some("person"),
            ..scene(640, 240, &boxes)
        };
        let expected = render(&shown);
        // The same frame, stored at half its width.
        let boxes = [labelled([50.0, 60.0, 150.0, 180.0], "person 0.98", true)];
        let stored = render(&Scene {
            size: Size::new(320, 240),
            pixel_aspect: 2.0,
            boxes: &boxes,
            ..shown
        });
        assert_eq!((stored.width, stored.height), (320, 240));
        for y in 0..240 {
            for x in 0..320 {
                let [a, b] = [0, 1].map(|side| expected.pixel(2 * x + side, y).unwrap());
                let found = stored.pixel(x, y).unwrap();
                for c in 0..4 {
                    let mean = (u16::from(a[c]) + u16::from(b[c])).div_ceil(2);
                    assert_eq!(u16::from(found[c]), mean, "{x}, {y}");
                }
            }
        }
    }

    #[test]
    fn the_explained_box_lies_over_the_others() {
        let rect = [40.0, 60.0, 200.0, 180.0];
        let boxes = [
            labelled(rect, "explained", true),
            labelled(rect, "another", false),
            labelled(rect, "third", false),
        ];
        let unlabelled = |boxes| {
            render(&Scene {
                draw_labels: false,
                ..scene(320, 240, boxes)
            })
        };
        let [r, g, b] = boxes[0].colour;
        assert_eq!(unlabelled(&boxes).pixel(40, 100), Some([r, g, b, 255]));
        assert_eq!(
            unlabelled(&boxes[1..]).pixel(40, 100).unwrap()[..3],
            boxes[1].colour
        );
    }

    #[test]
    fn labels_and_caption_stay_out_of_the_tiles() {
        let picture = image::RgbImage::from_pixel(30, 30, image::Rgb([90; 3]));
        let heatmap = Heatmap::normalise(Array2::zeros((30, 30)).view(), Scale::default());
        let tile = Tile {
            picture: &picture,
            heatmap: &heatmap,
            rect: Rect::new(0.2, 0.2, 0.4, 0.4),
            label: "",
            colour: [90; 3],
        };
        let boxes = [
            labelled([200.0, 30.0, 310.0, 100.0], "person 0.98", true),
            labelled([290.0, 100.0, 310.0, 140.0], "hidden 0.98", false),
        ];
        let tiled = |count: usize, boxes: &[LabelledBox]| {
            render(&Scene {
                tiles: &vec![tile; count],
                tiles_side: Side::Right,
                draw_boxes: false,
                caption: Some("a caption that is longer than there is room for beside tiles"),
                ..scene(320, 240, boxes)
            })
        };
        let (bare, labelled) = (tiled(4, &[]), tiled(4, &boxes));
        let changed = |x: u32, y: u32| bare.pixel(x, y) != labelled.pixel(x, y);
        for y in 0..240 {
            let all_tile = (250..310).all(|x| !changed(x, y));
            assert!(all_tile, "row {y}");
        }
        assert!((0..240).any(|y| (0..240).any(|x| changed(x, y))), "a label");
        assert_eq!(
            tiled(4, &boxes),
            tiled(4, &boxes[..1]),
            "what is hidden has none"
        );
        assert!(tiled(1, &boxes) != tiled(1, &boxes[..1]));
    }

    #[test]
    fn there_are_no_words_on_tiny_frames() {
        let boxes = [labelled([8.0, 8.0, 40.0, 40.0], "person 0.98", true)];
        let words = |width, height| {
            let wordy = Scene {
                draw_boxes: false,
                caption: Some("person rather than dog"),
                ..scene(width, height, &boxes)
            };
            let labels = Scene {
                caption: None,
                ..wordy
            };
            let caption = Scene {
                draw_labels: false,
                ..wordy
            };
            [labels, caption].map(|scene| !is_clear(&render(&scene)))
        };
        for (width, height) in [(64, 48), (159, 300), (300, 119)] {
            assert_eq!(words(width, height), [false; 2], "{width}x{height}");
        }
        assert_eq!(words(160, 120), [true; 2]);
        let boxed = render(&scene(64, 48, &boxes));
        assert!(!is_clear(&boxed), "boxes stay");
    }

    #[test]
    fn colours_never_exceed_their_alpha() {
        let heatmap = heatmap();
        let boxes = [
            labelled([10.0, 20.0, 90.0, 140.0], "first", false),
            labelled([50.0, 20.0, 150.0, 140.0], "second", true),
        ];
        let full = Scene {
            heatmap: Some(&heatmap),
            opacity: 0.7,
            caption: Some("second rather than first"),
            ..scene(320, 240, &boxes)
        };
        let canvas = render(&full);
        let sound = |&[r, g, b, alpha]: &[u8; 4]| r.max(g).max(b) <= alpha;
        assert!(canvas.pixels.as_chunks::<4>().0.iter().all(sound));
        assert_ne!(
            canvas,
            render(&Scene {
                heatmap: None,
                ..full
            })
        );
    }

    #[test]
    fn broken_boxes_are_not_drawn() {
        for rect in [
            [f32::NAN, 1.0, 20.0, 20.0],
            [1.0, f32::NEG_INFINITY, 20.0, 20.0],
            [1.0, 1.0, f32::INFINITY, 20.0],
            [20.0, 20.0, 1.0, 1.0],
            [5.0, 5.0, 5.0, 20.0],
            [400.0, 5.0, 500.0, 20.0],
            [-90.0, -90.0, -20.0, -20.0],
        ] {
            for explained in [false, true] {
                let boxes = [labelled(rect, "label", explained)];
                assert!(is_clear(&render(&scene(320, 240, &boxes))), "{rect:?}");
            }
        }
    }

    #[test]
    fn no_size_and_no_coordinate_panics() {
        let heatmap = heatmap();
        let coordinates = [
            f32::MIN,
            -1e9,
            -3.0,
            0.0,
            0.4,
            7.5,
            300.0,
            1e10,
            f32::MAX,
            f32::NAN,
        ];
        let mut boxes = Vec::new();
        for x in coordinates {
            for y in coordinates {
                boxes.push(labelled([x, y, -x, y + 30.0], "label", x > y));
                boxes.push(labelled([x, y, x + 0.2, f32::MAX], "a longer label", false));
            }
        }
        for (width, height) in [
            (0, 0),
            (0, 9),
            (9, 0),
            (1, 1),
            (2, 300),
            (300, 2),
            (33, 17),
            (160, 120),
        ] {
            let canvas = render(&Scene {
                heatmap: Some(&heatmap),
                caption: Some("what is explained"),
                ..scene(width, height, &boxes)
            });
            assert_eq!(canvas.pixels.len(), (width * height * 4) as usize);
        }
    }

    #[test]
    fn a_sliver_of_a_box_is_a_pixel_wide() {
        assert_eq!(
            whole_pixels(&Rect::new(4.1, 7.0, 4.2, 9.0)),
            Some(Area {
                x0: 4,
                y0: 7,
                x1: 5,
                y1: 9
            })
        );
    }
}
