//! An event of which there is evidence: what the engine kept in, pictures out, and what somebody says of it onto the disk.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Serialize;

use ssdcrp::limits::{self, FileKind};
use ssdcrp::stream::evidence::{Mark, Marks, PICTURES, Record, picture};

use crate::message::now;

/// Where the evidence of an event is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptEvent {
    #[serde(skip)]
    folder: Arc<Path>,
    /// In the folder.
    #[serde(skip)]
    id: u64,
    #[serde(skip)]
    recorded: String,
    /// Whether there is a heatmap.
    pub heatmap: bool,
    /// Whether there is the picture that the network was fed when the explanation was checked.
    pub fed: bool,
}

impl KeptEvent {
    pub fn new(folder: &Arc<Path>, record: &Record) -> Self {
        Self {
            folder: folder.clone(),
            id: record.id,
            recorded: record.recorded.clone(),
            heatmap: record.heatmap.is_some(),
            fed: record.fed.is_some(),
        }
    }

    /// One of its pictures, as PNG: "frame", "annotated", "heatmap" or "fed".
    ///
    /// # Errors
    /// There is none, or no longer: the oldest make room for new ones.
    pub fn picture(&self, what: &str) -> Result<Vec<u8>> {
        let known = PICTURES.into_iter().find(|known| *known == what);
        let name = picture(self.id, known.context("there is no such picture")?);
        let file = limits::inside(&self.folder, Path::new(&name), FileKind::Picture)?;
        Ok(limits::read(&file, FileKind::Picture)?)
    }

    /// What was said of it, by the folder's marks.
    pub fn mark_in(&self, marks: &Marks) -> Option<Mark> {
        marks.of(self.id, &self.recorded)
    }

    /// Keeps what somebody says of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn say(&self, mark: Option<Mark>) -> Result<()> {
        let of = (self.id, self.recorded.as_str());
        Ok(Marks::say(&self.folder, of, mark, now())?)
    }
}
