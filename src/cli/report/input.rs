//! An input of a report: a photo, or a frame with the events that were raised in it.

use std::path::Path;

use anyhow::{Context, Result};
use ssdcrp::report::{PhotoSource, Reporter};
use ssdcrp::stream::evidence::{EventRecord, Mark};

use super::super::source_picture::SourcePicture;
use super::super::source_stamp::path_text;
use super::looked::LookedPhotos;

/// A picture that is reported.
#[derive(Clone)]
pub struct ReportInput {
    pub picture: SourcePicture,
    pub source: PhotoSource,
    /// What was raised in it, and what somebody said of that; a photo has none.
    pub events: Vec<(EventRecord, Option<Mark>)>,
}

impl ReportInput {
    /// A photo, or a frame of a video.
    pub fn photo(picture: SourcePicture) -> Self {
        Self {
            source: PhotoSource {
                name: picture.file_name(),
                file: path_text(&picture.path),
                annotated_file: picture.annotated_file().map(Path::to_owned),
                ..PhotoSource::default()
            },
            picture,
            events: Vec::new(),
        }
    }

    /// Looks at it, unless that was done before.
    pub fn look(&self, reporter: &mut Reporter, looked: &mut LookedPhotos) -> Result<()> {
        let key = LookedPhotos::key(&self.picture);
        let source = self.source.clone();
        let known = key.as_ref().and_then(|key| looked.of(key));
        if let Some(seen) = known
            && reporter.recall(source.clone(), seen, &self.events).is_ok()
        {
            return Ok(());
        }
        let picture = self.picture.read()?;
        let seen = reporter.look(source, &picture, &self.events);
        let seen = seen.with_context(|| format!("cannot use {}", self.picture.name()))?;
        looked.add(key, seen);
        Ok(())
    }
}
