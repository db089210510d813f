//! What the page is about: photos that were looked at, and the objects on them.

use std::path::PathBuf;

use super::event::ReportedEvent;
use super::photo_detections::FoundBox;
use crate::detect::ClassId;
use crate::geometry::{Rect, Size};
use crate::truth::{Annotated, Verdict};

/// What a photo is called, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoSource {
    /// As the page calls it.
    pub name: String,
    /// The file, as files for machines name it.
    pub file: String,
    /// Of a frame of events: the stream, where it has a name.
    pub stream: Option<String>,
    /// Of a frame of events: the time on the clock when its first event was kept.
    pub recorded: Option<String>,
    /// The photo's file, by which annotations are found. What is part of a file, such as a frame of a video, has none.
    pub annotated_file: Option<PathBuf>,
}

impl PhotoSource {
    /// "gate, 2026-11-30T04:38:51Z, 000042-frame.png at 1.5 s".
    pub(super) fn words(&self) -> String {
        let parts = [self.stream.as_ref(), self.recorded.as_ref()];
        let parts: Vec<&str> = (parts.into_iter().flatten())
            .chain([&self.name])
            .map(String::as_str)
            .collect();
        parts.join(", ")
    }
}

/// A photo that was looked at.
pub(super) struct ReportedPhoto {
    pub source: PhotoSource,
    /// Of the original.
    pub size: Size,
    /// Of its pixels: whether it is the same when it is read again.
    pub fingerprint: u64,
    pub objects: Vec<ReportedObject>,
    /// Boxes that are seen there, and have no card.
    pub beside: Vec<Rect>,
    /// Where somebody has annotated the photo.
    pub judged: Option<Judged>,
}

impl ReportedPhoto {
    /// An annotated object of the photo.
    pub fn annotated(&self, index: usize) -> Option<&Annotated> {
        self.judged.as_ref()?.truth.get(index)
    }
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
    pub found: FoundBox,
    pub events: Vec<ReportedEvent>,
    /// Of its best class; `None` without ground truth.
    pub verdict: Option<Verdict>,
    /// The other classes that were detected here.
    pub also: Vec<AlsoFound>,
}

/// A class that was detected at a default box behind a better one.
pub(super) struct AlsoFound {
    pub found: FoundBox,
    /// `None` without ground truth.
    pub verdict: Option<Verdict>,
}

impl ReportedObject {
    /// Each class that was detected here, with its verdict, the best one first.
    fn classes(&self) -> impl Iterator<Item = (ClassId, Option<Verdict>)> {
        let also = self.also.iter();
        let also = also.map(|also| (also.found.class, also.verdict));
        std::iter::once((self.found.class, self.verdict)).chain(also)
    }

    /// Each class that was detected here in place of another one: that one behind it.
    pub fn confused(&self) -> impl Iterator<Item = (ClassId, ClassId)> {
        self.classes().filter_map(|(class, verdict)| match verdict {
            Some(Verdict::Class { truth }) => Some((class, truth)),
            _ => None,
        })
    }

    /// How many of its classes the annotations call wrong.
    pub fn errors(&self) -> usize {
        let verdicts = self.classes().filter_map(|(_, verdict)| verdict);
        verdicts.filter(|verdict| verdict.is_error()).count()
    }

    /// Whether the annotations say that one of its classes is wrong.
    pub fn is_error(&self) -> bool {
        self.errors() > 0
    }

    /// Whether it is an error, or where that is not known, whether it looks like one.
    pub fn is_wrong(&self) -> bool {
        match self.verdict {
            Some(_) => self.is_error(),
            None => !self.events.is_empty(),
        }
    }
}
