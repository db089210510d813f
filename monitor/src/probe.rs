//! Folders that need not be there yet: a path in, and whether this process could write there out.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes into what there is of a folder's path, and leaves nothing behind.
///
/// # Errors
/// The folder could not be made or written to.
pub fn probe(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|part| part.exists());
    let there = there.unwrap_or(Path::new("."));
    let file = there.join(format!(".ssdcrp-check-{}", std::process::id()));
    File::create_new(&file)
        .and_then(|_| std::fs::remove_file(&file))
        .with_context(|| format!("cannot write into {}", there.display()))
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
