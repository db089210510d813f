//! What the page is about: photos that were looked at, and the objects on them.

use super::confused::ConfusedDetection;
use super::event::ReportedEvent;
use super::picture::Photo;
use crate::detect::{ClassId, Detection};
use crate::geometry::Rect;
use crate::truth::{Annotated, Verdict};

/// A photo that was looked at.
pub(super) struct ReportedPhoto {
    pub image: Photo,
    pub objects: Vec<ReportedObject>,
    /// Boxes that are seen there, and have no card.
    pub beside: Vec<Rect>,
    /// Where somebody has annotated the photo.
    pub judged: Option<Judged>,
    /// Whether it is shown for the objects that were missed on it.
    pub shows_missed: bool,
}

/// A photo's ground truth, and what that makes of its detections.
pub(super) struct Judged {
    pub truth: Vec<Annotated>,
    /// Class and verdict of each detection.
    pub verdicts: Vec<(ClassId, Verdict)>,
    /// Indices into `truth`.
    pub missed: Vec<usize>,
}

impl Judged {
    /// The annotated objects that were not found.
    pub fn missed_objects(&self) -> impl Iterator<Item = &Annotated> {
        self.missed
            .iter()
            .filter_map(|&index| self.truth.get(index))
    }
}

/// A default box at which something was detected, with what looks wrong about it.
pub(super) struct ReportedObject {
    pub detection: Detection,
    pub events: Vec<ReportedEvent>,
    /// Of its best class; `None` without ground truth.
    pub verdict: Option<Verdict>,
    /// Each class that was detected here in place of another one.
    pub confused: Vec<ConfusedDetection>,
}
