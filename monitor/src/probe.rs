//! Folders that need not be there yet: a path in, and whether this process could write there out.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// A folder must have room for so many bytes.
const ROOM: usize = 64 << 10;

/// Writes into what there is of a folder's path, and leaves nothing behind.
///
/// # Errors
/// The folder could not be made or written to.
pub fn probe(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|part| part.exists());
    let there = there.unwrap_or(Path::new("."));
    let file = there.join(format!(".ssdcrp-check-{}", std::process::id()));
    let written = File::create_new(&file).and_then(|mut file| {
        // On a full disk a file can be made, but nothing written into it.
        file.write_all(&[0; ROOM])?;
        file.sync_all()
    });
    // One that another process made is not ours to remove.
    let removed = match &written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        _ if file.exists() => std::fs::remove_file(&file),
        _ => Ok(()),
    };
    written
        .and(removed)
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
