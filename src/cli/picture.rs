//! An explanation drawn over its photo: the heatmap, the explained box, the other detections, and in words what is explained.

use anyhow::Result;
use image::RgbImage;
use ndarray::Array2;
use ssdcrp::detect::{Detection, MissingPlace};
use ssdcrp::geometry::{Rect, Size};
use ssdcrp::heatmap::{ColourMap, Heatmap, PALE, Scale};
use ssdcrp::overlay::{self, LabelledBox, Scene};

use super::default_box::MissingObject;
use super::detected_photo::DetectedPhoto;

/// How large the mark of a point is, as a share of the photo's shorter side.
const MARK: f32 = 0.03;

/// What is drawn over a photo.
pub struct PhotoOverlay<'a> {
    /// Relevance `[H, W]`.
    pub map: &'a Array2<f32>,
    /// What is marked as the explained box, whether it was detected or not.
    pub explained: &'a Detection,
    /// Where something is missing, if that was asked.
    pub missing: Option<&'a MissingObject>,
    /// What is explained, in words.
    pub caption: &'a str,
    pub colours: ColourMap,
    /// Whether the map is drawn paler.
    pub doubtful: bool,
}

impl PhotoOverlay<'_> {
    /// The photo at its own size with all of it.
    pub fn draw(&self, detected: &DetectedPhoto) -> Result<RgbImage> {
        let strength = if self.doubtful { PALE } else { 1.0 };
        let heatmap = Heatmap::normalise(self.map.view(), Scale::default()).paler(strength);
        let is_explained = |other: &Detection| {
            (other.default_box, other.class) == (self.explained.default_box, self.explained.class)
        };
        let others = detected
            .detections
            .iter()
            .filter(|other| !is_explained(other));
        let labels = &detected.model.manifest.labels;
        let labelled = |detection: &Detection| LabelledBox {
            rect: detected.pixels(detection),
            label: detection.words(labels),
            colour: overlay::class_colour(detection.class.0),
            explained: false,
            dashed: false,
        };
        let is_detected = detected.has(self.explained);
        let explained = LabelledBox {
            label: match self.missing {
                Some(missing) => missing.absence.label(labels),
                None if is_detected => self.explained.words(labels),
                None => self.explained.asked_words(labels),
            },
            explained: true,
            dashed: !is_detected,
            ..labelled(self.explained)
        };
        let mut boxes = vec![explained];
        boxes.extend(self.missing.map(|missing| place(detected, missing)));
        boxes.extend(others.map(labelled));
        let mut picture = detected.image.clone();
        let canvas = overlay::render(&Scene {
            heatmap: Some(&heatmap),
            colours: self.colours,
            opacity: 1.0,
            boxes: &boxes,
            caption: Some(self.caption),
            ..Scene::empty(picture.dimensions().into(), 1.0)
        });
        canvas.compose_onto(&mut picture)?;
        Ok(picture)
    }
}

/// Where the user says that something is missing: of a point, a small box around it.
fn place(detected: &DetectedPhoto, missing: &MissingObject) -> LabelledBox {
    let size = Size::from(detected.image.dimensions());
    let rect = match missing.place {
        MissingPlace::Box(rect) => rect.in_pixels(size),
        MissingPlace::Point([x, y]) => {
            let (x, y) = (x * size.width as f32, y * size.height as f32);
            let side = 0.5 * MARK * size.width.min(size.height) as f32;
            Rect::new(x - side, y - side, x + side, y + side)
        }
    };
    let class = missing.absence.detection().class;
    LabelledBox {
        rect,
        label: format!("{} here?", detected.model.manifest.label(class)),
        colour: [255; 3],
        explained: false,
        dashed: false,
    }
}
