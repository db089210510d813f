//! Folders of evidence before anything is kept in them: the plan of a camera in, its store, or what stands in the way, out.

use anyhow::{Context, Result};

use ssdcrp::stream::evidence::Store;

use crate::configuration::{CameraPlan, EvidencePlan};
use crate::probe::probe;
use crate::redact::say;

impl CameraPlan {
    /// Opens the folder of its evidence; `None` where none is kept.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or somebody else has it, with the camera's name and line.
    pub fn open_evidence(&self) -> Result<Option<Store>> {
        let evidence = self.connection.evidence.as_ref();
        let store = evidence.map(|evidence| Store::open(&evidence.folder, evidence.limits));
        let store = store.transpose().with_context(|| self.words())?;
        if let Some(damage) = store.as_ref().and_then(Store::damage) {
            say(format_args!("{}: {damage}", self.name.as_str()));
        }
        Ok(store)
    }

    /// Whether the folder of its evidence could be opened, as far as that shows without one being made: whoever checks need not be who runs the cameras.
    ///
    /// # Errors
    /// It could not be made or written to.
    pub fn probe_evidence(&self) -> Result<()> {
        let evidence = self.connection.evidence.as_ref();
        let Some(EvidencePlan { folder, .. }) = evidence else {
            return Ok(());
        };
        probe(folder)
            .with_context(|| format!("evidence cannot be kept in {}", folder.display()))
            .with_context(|| self.words())
    }
}
