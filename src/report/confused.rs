//! What systematically speaks for sheep on horses: heatmaps of the detected class against the true one, in the coordinates of the box, averaged over all such errors.

use std::collections::BTreeMap;

use image::{Rgb, RgbImage};
use ndarray::Array2;

use crate::crp::{Contrast, Propagator, Target};
use crate::detect::{ClassId, Detection, Forward};
use crate::error::Result;
use crate::geometry::Rect;
use crate::heatmap::{Heatmap, Scale};

/// Cells of a mean map along each side.
pub(super) const CELLS: usize = 96;
/// The map shows so many times the box's width and height.
pub(super) const AROUND: f32 = 1.5;
/// Outside of the photo.
const NOTHING: Rgb<u8> = Rgb([128; 3]);

/// A detection of one class on an object of another.
pub(super) struct ConfusedDetection {
    detection: Detection,
    truth: ClassId,
    /// The photo in the box's coordinates, CELLS by CELLS.
    crop: RgbImage,
}

/// All errors by detected class, then true class.
#[derive(Default)]
pub(super) struct ConfusionMeans {
    pub pairs: BTreeMap<(ClassId, ClassId), ConfusionMean>,
}

/// Sums over the errors of one pair.
pub(super) struct ConfusionMean {
    pub count: usize,
    relevance: Array2<f32>,
    photo: Array2<[f32; 3]>,
}

impl ConfusedDetection {
    pub fn new(detection: &Detection, truth: ClassId, photo: &RgbImage) -> Self {
        let (width, height) = photo.dimensions();
        let crop = RgbImage::from_fn(CELLS as u32, CELLS as u32, |column, row| {
            let [x, y] = place(&detection.rect, [column as usize, row as usize]);
            pixel(x, width as usize)
                .zip(pixel(y, height as usize))
                .map_or(NOTHING, |(x, y)| *photo.get_pixel(x as u32, y as u32))
        });
        Self {
            detection: detection.clone(),
            truth,
            crop,
        }
    }
}

impl ConfusionMeans {
    /// Explains an error and adds it to its pair. Each counts alike, however much relevance it has.
    pub fn add(
        &mut self,
        confused: &ConfusedDetection,
        forward: &Forward,
        propagator: &mut Propagator,
    ) -> Result<()> {
        let target = Target {
            contrast: Some(Contrast::Class(confused.truth.into())),
            ..Target::predicted_class(&confused.detection)
        };
        for explanation in propagator.explain(forward, &[target])? {
            let map = explanation.map();
            let heatmap = Heatmap::normalise(map.view(), Scale::default());
            let pair = (confused.detection.class, confused.truth);
            let mean = self.pairs.entry(pair).or_insert_with(ConfusionMean::new);
            mean.add(&heatmap, confused);
        }
        Ok(())
    }
}

impl ConfusionMean {
    fn new() -> Self {
        Self {
            count: 0,
            relevance: Array2::zeros((CELLS, CELLS)),
            photo: Array2::from_elem((CELLS, CELLS), [0.0; 3]),
        }
    }

    fn add(&mut self, heatmap: &Heatmap, confused: &ConfusedDetection) {
        self.count += 1;
        for ((row, column), sum) in self.relevance.indexed_iter_mut() {
            let [x, y] = place(&confused.detection.rect, [column, row]);
            if let (Some(x), Some(y)) = (pixel(x, heatmap.width()), pixel(y, heatmap.height())) {
                *sum += heatmap.values()[y * heatmap.width() + x];
            }
        }
        for ((row, column), sum) in self.photo.indexed_iter_mut() {
            let Rgb(colour) = confused.crop.get_pixel(column as u32, row as u32);
            for (sum, &component) in sum.iter_mut().zip(colour) {
                *sum += f32::from(component);
            }
        }
    }

    /// Normalised relevance, −1 to 1 each, in the mean.
    pub fn relevance(&self) -> Array2<f32> {
        &self.relevance / self.count.max(1) as f32
    }

    /// What the detector saw, in the mean.
    pub fn photo(&self) -> RgbImage {
        let count = self.count.max(1) as f32;
        RgbImage::from_fn(CELLS as u32, CELLS as u32, |column, row| {
            Rgb(self.photo[(row as usize, column as usize)].map(|sum| (sum / count).round() as u8))
        })
    }
}

/// The middle of a cell, column and row, in shares of the photo.
fn place(rect: &Rect, cell: [usize; 2]) -> [f32; 2] {
    let [column, row] = cell.map(|index| (index as f32 + 0.5) / CELLS as f32 - 0.5);
    let [x, y] = rect.centre();
    [
        x + AROUND * column * rect.width(),
        y + AROUND * row * rect.height(),
    ]
}

/// The pixel of `count` at a share of the side; `None` outside of the picture.
fn pixel(share: f32, count: usize) -> Option<usize> {
    let index = (share * count as f32).floor();
    (index >= 0.0 && index < count as f32).then_some(index as usize)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn detection(rect: Rect) -> Detection {
        Detection {
            class: ClassId(1),
            score: 0.9,
            rect,
            default_box: 0,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        }
    }

    #[test]
    fn maps_are_laid_over_each_other_box_on_box() {
        // Two photos whose box has relevance in its left half, one of them twice as large and at the edge.
        let mut mean = ConfusionMean::new();
        for (rect, scale) in [
            (Rect::new(0.2, 0.2, 0.4, 0.4), 1.0),
            (Rect::new(0.0, 0.4, 0.4, 1.0), 700.0),
        ] {
            let map = Array2::from_shape_fn((200, 200), |(y, x)| {
                let (x, y) = (x as f32 / 200.0, y as f32 / 200.0);
                let inside =
                    (rect.x0..rect.centre()[0]).contains(&x) && (rect.y0..rect.y1).contains(&y);
                if inside { scale } else { 0.0 }
            });
            let photo = RgbImage::from_pixel(20, 10, Rgb([200, 100, 0]));
            let heatmap = Heatmap::normalise(map.view(), Scale::default());
            mean.add(
                &heatmap,
                &ConfusedDetection::new(&detection(rect), ClassId(2), &photo),
            );
        }
        let relevance = mean.relevance();
        assert_eq!(mean.count, 2);
        // The box begins a sixth of the way in.
        let at = |x: f32, y: f32| relevance[((y * 96.0) as usize, (x * 96.0) as usize)];
        for (x, y, expected) in [
            (0.25, 0.5, 1.0),
            (0.45, 0.3, 1.0),
            (0.6, 0.5, 0.0),
            (0.1, 0.5, 0.0),
        ] {
            assert!((at(x, y) - expected).abs() < 1e-5, "{x}, {y}: {}", at(x, y));
        }
        // Left of the second photo there is none.
        let photo = mean.photo();
        assert_eq!(photo.get_pixel(48, 48).0, [200, 100, 0]);
        assert_eq!(photo.get_pixel(2, 48).0, [164, 114, 64]);
    }
}
