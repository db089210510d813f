//! What a report has detected so far: one that was interrupted goes on from there.
//!
//! It is a file beside the page, `NAME.html.partial`, in which each line is what was detected on one photo. It goes when the page is written whole.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use ssdcrp::fingerprint::hash;
use ssdcrp::inputs::STANDARD_INPUT;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::PhotoDetections;

use super::super::partial_file::{PartialFile, PartialWords};
use super::super::source_picture::SourcePicture;

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
    /// The file's name as it was given.
    file: String,
    /// A hash of its bytes.
    content: String,
    seen: PhotoDetections,
}

/// The file, and what was in it at the start.
pub struct LookedPhotos {
    file: Option<PartialFile>,
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
            known: lines
                .map(|line| ((line.file, line.content), line.seen))
                .collect(),
        })
    }

    /// How many photos were looked at before.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// What tells a photo apart; nothing for standard input and frames of videos, which have no file of their own.
    pub fn key(picture: &SourcePicture) -> Option<(String, String)> {
        let path = &picture.path;
        let is_file = picture.second.is_none() && path.as_path() != Path::new(STANDARD_INPUT);
        let bytes = is_file.then(|| limits::read(path, FileKind::Picture).ok())??;
        Some((path.display().to_string(), hash(bytes)))
    }

    /// What was seen on a photo before.
    pub fn of(&self, key: &(String, String)) -> Option<&PhotoDetections> {
        self.known.get(key)
    }

    /// Keeps what was just seen.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, key: Option<(String, String)>, seen: PhotoDetections) -> Result<()> {
        let (Some(file), Some((name, content))) = (&mut self.file, key) else {
            return Ok(());
        };
        if !seen.is_finite() {
            return Ok(());
        }
        file.add(&LookedLine {
            file: name,
            content,
            seen,
        })
    }

    /// Where it is kept.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(PartialFile::path)
    }

    /// Nothing could be looked at: a file that holds nothing from before is of no use.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget_nothing(self) -> Result<()> {
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
