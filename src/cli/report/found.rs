//! What a report is about: the inputs of the command line in; photos, videos and frames of events, one after another, out.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use ssdcrp::inputs::{resolve, search};

use super::super::inputs::PictureInputs;
use super::super::source_picture::is_standard_input;
use super::super::video_frames::FrameArgs;
use super::evidence::{EventFolders, EventFrames};
use super::input::ReportInput;

/// What was found.
pub struct ReportInputs {
    events: EventFrames,
    /// Photos and videos, if any were named.
    others: Option<PictureInputs>,
}

impl ReportInputs {
    /// Finds photos, videos and folders of events, of which the `most` severe events count. Pictures of such folders are no photos, unless they are named themselves; what lies in `output` is no
    /// input.
    ///
    /// # Errors
    /// As [`resolve`]; a folder of events cannot be read.
    pub fn find(
        given: &[PathBuf],
        frames: FrameArgs,
        output: Option<&Path>,
        most: usize,
    ) -> Result<Self> {
        let mut folders = EventFolders::default();
        let mut others = Vec::new();
        for path in given {
            let is_folder = !is_standard_input(path) && path.is_dir();
            if !is_folder || !folders.take(path) || has_others(path, output, &mut folders) {
                others.push(path.clone());
            }
        }
        let named: HashSet<&Path> = given.iter().map(PathBuf::as_path).collect();
        let others = match others.is_empty() {
            true => None,
            false => {
                let mut found = search(&others, output)?;
                // A pattern or list may fit folders of an archive.
                found.use_results(|folder| folders.take(folder));
                let files = &mut found.files;
                files.retain(|file| named.contains(file.path.as_path()) || !folders.take_of(file));
                if folders.is_empty() {
                    found.check_any()?;
                }
                Some(PictureInputs::of(found, frames))
            }
        };
        let events = folders.read(most)?;
        Ok(Self { events, others })
    }

    /// How many there are, a video being one.
    pub fn len(&self) -> usize {
        let others = self.others.iter().flat_map(PictureInputs::paths);
        self.events.frames.len() + others.count()
    }

    /// The photos among them.
    pub fn photos(&self) -> impl Iterator<Item = &Path> {
        self.others.iter().flat_map(PictureInputs::photos)
    }

    /// Whether there are no videos, of which nobody knows how many pictures they have.
    pub fn are_counted(&self) -> bool {
        self.events.frames.len() + self.photos().count() == self.len()
    }

    /// All pictures by their files.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let events = self.events.frames.iter();
        let events = events.map(|frame| &frame.picture.path);
        events.chain(self.others.iter().flat_map(PictureInputs::paths))
    }

    /// Folders of events.
    pub fn folders(&self) -> &[PathBuf] {
        &self.events.folders
    }

    /// What is left out, for people.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        let others = self.others.iter().flat_map(|others| &others.notes);
        self.events.notes.iter().chain(others)
    }

    /// What of the folders of events cannot be used, once.
    pub fn take_failures(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.events.failures)
    }

    /// All pictures, each when its turn comes.
    pub fn all(&self) -> impl Iterator<Item = Result<ReportInput>> {
        let events = self.events.frames.iter().cloned().map(Ok);
        let others = self.others.iter().flat_map(PictureInputs::kept_pictures);
        events.chain(others.map(|picture| picture.map(ReportInput::photo)))
    }
}

/// Whether a folder in which there are events has photos or videos, too. Folders of events to which links lead are taken on the way.
fn has_others(path: &Path, output: Option<&Path>, folders: &mut EventFolders) -> bool {
    let found = resolve(&[path.to_owned()], output);
    found.is_ok_and(|found| {
        let mut files = found.files.iter();
        files.any(|file| !folders.take_of(file))
    })
}
