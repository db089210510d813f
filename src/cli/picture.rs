//! An explanation drawn over its photo: the heatmap, the explained box, the other detections, and in words what is explained.

use anyhow::Result;
use image::RgbImage;
use ndarray::Array2;
use ssdcrp::detect::Detection;
use ssdcrp::heatmap::{ColourMap, Heatmap, PALE, Scale};
use ssdcrp::overlay::{self, LabelledBox, Scene, Side};

use super::detected_photo::DetectedPhoto;

/// The photo at its own size with `map` `[H, W]` over it, paler where it is `doubtful`. `explained` is marked as the explained box, whether it was detected or not; `caption` says what of it.
pub fn draw(
    detected: &DetectedPhoto,
    map: &Array2<f32>,
    explained: &Detection,
    caption: &str,
    colours: ColourMap,
    doubtful: bool,
) -> Result<RgbImage> {
    let strength = if doubtful { PALE } else { 1.0 };
    let heatmap = Heatmap::normalise(map.view(), Scale::default()).paler(strength);
    let is_explained = |other: &Detection| {
        (other.default_box, other.class) == (explained.default_box, explained.class)
    };
    let others = detected
        .detections
        .iter()
        .filter(|other| !is_explained(other));
    let labelled = |detection: &Detection, explained| LabelledBox {
        rect: detected.pixels(detection),
        label: detected.label(detection),
        colour: overlay::class_colour(detection.class.0),
        explained,
    };
    let boxes: Vec<LabelledBox> = std::iter::once(labelled(explained, true))
        .chain(others.map(|other| labelled(other, false)))
        .collect();
    let mut picture = detected.image.clone();
    let canvas = overlay::render(&Scene {
        size: picture.dimensions().into(),
        pixel_aspect: 1.0,
        heatmap: Some(&heatmap),
        tiles: &[],
        tiles_side: Side::default(),
        colours,
        opacity: 1.0,
        boxes: &boxes,
        draw_boxes: true,
        draw_labels: true,
        caption: Some(caption),
        corner_text: None,
    });
    canvas.compose_onto(&mut picture)?;
    Ok(picture)
}
