//! An input of a report: a photo, or a frame with the events that were raised in it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use ssdcrp::report::{PhotoSource, Reporter};
use ssdcrp::stream::evidence::{EventRecord, Mark};

use super::super::photo;
use super::looked::LookedPhotos;

/// A picture that is reported.
pub struct ReportInput {
    pub picture: PathBuf,
    pub source: PhotoSource,
    /// What was raised in it, and what somebody said of that; a photo has none.
    pub events: Vec<(EventRecord, Option<Mark>)>,
}

impl ReportInput {
    /// A photo by its file.
    pub fn photo(picture: PathBuf) -> Self {
        let name = picture.file_name().unwrap_or(picture.as_os_str());
        Self {
            source: PhotoSource {
                name: name.to_string_lossy().into_owned(),
                file: picture.display().to_string(),
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
        let picture = photo::read(&self.picture)?;
        let seen = reporter.look(source, &picture, &self.events);
        let seen = seen.with_context(|| format!("cannot use {}", self.picture.display()))?;
        looked.add(key, seen)
    }
}
