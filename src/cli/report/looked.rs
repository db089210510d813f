//! What a report has detected so far: one that was interrupted goes on from there.
//!
//! It is a file beside the page, `NAME.html.partial`, in which each line is what was detected on one photo. It goes when the page is written whole.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use ssdcrp::fingerprint::hash;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::PhotoDetections;

use super::super::output;
use super::super::partial_file::{PartialFile, PartialWords};
use super::super::source_picture::SourcePicture;
use super::super::source_stamp::path_text;

const WORDS: PartialWords = PartialWords {
    unfinished: "report",
    option: "page",
};

/// What detections depend on besides the photo.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DetectionContext {
    /// Of this program.
    pub version: &'static str,
    /// A hash of the network and what its manifest says of it.
    pub model: String,
    pub score_threshold: f32,
    pub iou_threshold: f32,
    /// What the network runs on.
    pub execution_provider: String,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct LookedLine {
    /// The file's name as it was given; of a frame with its place.
    file: String,
    /// A hash of its bytes; of a frame what its video is known by.
    content: String,
    seen: PhotoDetections,
}

/// The file, and what was in it at the start.
pub struct LookedPhotos {
    file: Option<PartialFile>,
    /// Whether the file takes nothing more.
    is_full: bool,
    known: HashMap<(String, String), PhotoDetections>,
}

impl LookedPhotos {
    /// Opens the file beside `page`, or begins one.
    ///
    /// # Errors
    /// As [`PartialFile::open`].
    pub fn open(page: &Path, context: &DetectionContext) -> Result<Self> {
        let read = |line: &str| Ok(serde_json::from_str::<LookedLine>(line)?);
        let (file, lines) = PartialFile::open(Some(page), context, &WORDS, read)?;
        let lines = lines.into_iter();
        Ok(Self {
            file,
            is_full: false,
            known: lines
                .map(|line| ((line.file, line.content), line.seen))
                .collect(),
        })
    }

    /// How many photos were looked at before.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// What tells a picture apart: of a photo its bytes, of a frame its place in the video, and the video's size and time of change. Nothing for standard input.
    pub fn key(picture: &SourcePicture) -> Option<(String, String)> {
        let stamp = picture.stamp.as_ref()?;
        let name = path_text(&picture.path);
        if picture.second.is_none() {
            let bytes = limits::read(&picture.path, FileKind::Picture).ok()?;
            return Some((name, hash(bytes)));
        }
        let place = &picture.stem.plain;
        let content = format!("{} {}", stamp.bytes, stamp.modified?);
        Some((format!("{name} {place}"), content))
    }

    /// What was seen on a photo before.
    pub fn of(&self, key: &(String, String)) -> Option<&PhotoDetections> {
        self.known.get(key)
    }

    /// Keeps what was just seen. Where that cannot be written, this is told once, and the report goes on: it has what it needs.
    pub fn add(&mut self, key: Option<(String, String)>, seen: PhotoDetections) {
        let (Some(open), Some((file, content))) = (&mut self.file, key) else {
            return;
        };
        if self.is_full || !seen.is_finite() {
            return;
        }
        let line = LookedLine {
            file,
            content,
            seen,
        };
        if let Err(error) = open.add(&line) {
            self.is_full = true;
            let error = error.context("what is detected from here on is not kept");
            output::complain(&error);
        }
    }

    /// Where it is kept.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(PartialFile::path)
    }

    /// Removes the file where it has nothing from earlier runs: nothing could be looked at, and an unfinished file without anything in it is of no use.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove_if_new(self) -> Result<()> {
        match self.known.is_empty() {
            true => self.finish(),
            false => Ok(()),
        }
    }

    /// All is written elsewhere.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn finish(self) -> Result<()> {
        self.file.map_or(Ok(()), PartialFile::finish)
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::super::super::video_frames::VideoFrame;
    use super::*;

    #[test]
    fn frames_are_told_apart_by_their_place_and_their_video() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let keys = |content: &str| -> Vec<Option<(String, String)>> {
            std::fs::write(&path, content).unwrap();
            let video = SourcePicture::photo(&path, "clip".to_owned());
            let frames = [0.5, 0.5, 1.0].map(|second| {
                let image = RgbImage::new(1, 1);
                Ok(VideoFrame { second, image })
            });
            let frames = SourcePicture::frames(video, frames.into_iter());
            frames
                .map(|frame| LookedPhotos::key(&frame.unwrap()))
                .collect()
        };
        let before = keys("a video");
        assert!(before.iter().all(Option::is_some));
        assert!(
            before[0] != before[1] && before[1] != before[2],
            "{before:?}"
        );
        let after = keys("another video");
        assert!(before.iter().all(|key| !after.contains(key)), "{after:?}");
        let given = SourcePicture::photo(Path::new("-"), "standard-input".to_owned());
        assert_eq!(LookedPhotos::key(&given), None);
    }
}
