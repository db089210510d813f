//! Folders of evidence before anything is kept in them: the plan of a camera in, its store, or what stands in the way, out.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use ssdcrp::stream::evidence::Store;

use crate::configuration::CameraPlan;

impl CameraPlan {
    /// Opens the folder of its evidence; `None` where none is kept.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or somebody else has it, with the camera's name and line.
    pub fn open_evidence(&self) -> Result<Option<Store>> {
        let evidence = self.connection.evidence.as_ref();
        let store = evidence.map(|evidence| Store::open(&evidence.folder, evidence.limits));
        store.transpose().with_context(|| self.words())
    }

    /// Whether the folder of its evidence could be opened, as far as that shows without one being made: whoever checks need not be who runs the cameras.
    ///
    /// # Errors
    /// It could not be made or written to.
    pub fn probe_evidence(&self) -> Result<()> {
        let evidence = self.connection.evidence.as_ref();
        let probed = evidence.map_or(Ok(()), |evidence| probe(&evidence.folder));
        probed.with_context(|| self.words())
    }
}

/// Writes into what there is of a folder's path, and leaves nothing behind.
///
/// # Errors
/// That cannot be done.
pub fn probe(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|part| part.exists());
    let there = there.unwrap_or(Path::new("."));
    let file = there.join(format!(".ssdcrp-check-{}", std::process::id()));
    File::create_new(&file)
        .and_then(|_| std::fs::remove_file(&file))
        .with_context(|| {
            let (folder, there) = (folder.display(), there.display());
            format!("evidence cannot be kept in {folder}: cannot write into {there}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_made_is_found_and_none_is_made() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("evidence/gate");
        probe(&folder).unwrap();
        probe(place.path()).unwrap();
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = format!("{:#}", probe(&file.join("gate")).unwrap_err());
        assert!(
            error.contains("cannot write into") && error.contains("file"),
            "{error}"
        );
    }
}
