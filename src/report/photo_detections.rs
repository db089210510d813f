//! What the detector said of one photo, small enough to be kept for all of them and in a file: detections in, what a report needs of them out.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::detect::{ClassId, Detection, Manifest};
use crate::fingerprint::fingerprint;
use crate::geometry::{Rect, Size};

/// How many classes a card lists.
const TOP: usize = 5;

/// What was detected on a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhotoDetections {
    width: u32,
    height: u32,
    /// Of its pixels.
    pub(super) fingerprint: u64,
    /// Best first.
    pub(super) detections: Vec<FoundBox>,
    /// What the network said at default boxes that were asked about.
    pub(super) described: Vec<FoundBox>,
}

/// A class at a default box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct FoundBox {
    pub class: ClassId,
    /// 0..=1
    pub score: f32,
    /// Left, upper, right and lower edge in shares of the photo.
    edges: [f32; 4],
    pub default_box: usize,
    pub objectness: Option<f32>,
    /// cx, cy, w, h as the network gave them.
    pub offsets: [f32; 4],
    pub runner_up: Option<(ClassId, f32)>,
    /// The best trained classes with their scores, the background aside.
    pub top: Vec<(ClassId, f32)>,
}

impl PhotoDetections {
    pub(super) fn new(
        photo: &RgbImage,
        detections: &[Detection],
        described: &[Detection],
        manifest: &Manifest,
    ) -> Self {
        let found = |all: &[Detection]| -> Vec<FoundBox> {
            all.iter().map(|one| FoundBox::of(one, manifest)).collect()
        };
        Self {
            width: photo.width(),
            height: photo.height(),
            fingerprint: fingerprint_of(photo),
            detections: found(detections),
            described: found(described),
        }
    }

    /// Of the photo.
    pub(super) fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// Whether all of it are numbers: what a file cannot hold is looked at again.
    #[doc(hidden)]
    pub fn is_finite(&self) -> bool {
        let all = self.detections.iter().chain(&self.described);
        all.flat_map(FoundBox::numbers).all(f32::is_finite)
    }

    /// All default boxes, with the classes of which something is said there.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, ClassId)> {
        let all = self.detections.iter().chain(&self.described);
        all.flat_map(|found| {
            let others = found.runner_up.iter().chain(&found.top);
            let classes = others.map(|(class, _)| *class).chain([found.class]);
            classes.map(|class| (found.default_box, class))
        })
    }

    /// What was said of a class at a default box that was asked about.
    pub(super) fn described_as(&self, default_box: usize, class: ClassId) -> Option<&FoundBox> {
        let mut described = self.described.iter();
        described.find(|found| (found.default_box, found.class) == (default_box, class))
    }
}

impl FoundBox {
    fn of(detection: &Detection, manifest: &Manifest) -> Self {
        Self {
            class: detection.class,
            score: detection.score,
            edges: detection.rect.edges(),
            default_box: detection.default_box,
            objectness: detection.objectness,
            offsets: detection.offsets,
            runner_up: detection.runner_up,
            top: top(detection, manifest),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = f32> {
        let single = [Some(self.score), self.objectness];
        let runner_up = self.runner_up.iter().chain(&self.top);
        (self.edges.into_iter().chain(self.offsets))
            .chain(single.into_iter().flatten())
            .chain(runner_up.map(|(_, score)| *score))
    }

    /// In shares of the photo.
    pub fn rect(&self) -> Rect {
        self.edges.into()
    }

    /// As a detection without its logits, which a forward pass has.
    pub fn detection(&self) -> Detection {
        Detection {
            class: self.class,
            score: self.score,
            rect: self.rect(),
            default_box: self.default_box,
            logits: Vec::new(),
            objectness: self.objectness,
            offsets: self.offsets,
            runner_up: self.runner_up,
        }
    }
}

/// Of a photo's pixels.
pub(super) fn fingerprint_of(photo: &RgbImage) -> u64 {
    let sides = [photo.width(), photo.height()].map(u32::to_le_bytes);
    fingerprint(
        sides
            .into_iter()
            .flatten()
            .chain(photo.as_raw().iter().copied()),
    )
}

/// The best trained classes with their scores, the background aside.
fn top(detection: &Detection, manifest: &Manifest) -> Vec<(ClassId, f32)> {
    let scorer = detection.scorer(manifest);
    let mut classes: Vec<ClassId> = (0..detection.logits.len())
        .map(ClassId)
        .filter(|&class| manifest.trained(class) && Some(class) != manifest.background())
        .collect();
    classes.sort_by(|a, b| detection.logits[b.0].total_cmp(&detection.logits[a.0]));
    classes.truncate(TOP);
    let scored = classes.into_iter();
    scored
        .map(|class| (class, scorer.score(detection.logits[class.0])))
        .collect()
}
