//! By which a file is known to be the one that was looked at before: a path in; its real path, its size and its time of change out.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// A file as it was at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceStamp {
    /// Absolute and free of links.
    pub path: String,
    pub bytes: u64,
    /// Nanoseconds since 1970, if the file system knows.
    pub modified: Option<u64>,
}

impl SourceStamp {
    /// None of what is no file.
    pub fn of(path: &Path) -> Option<Self> {
        let real = fs::canonicalize(path).ok()?;
        let metadata = real.metadata().ok().filter(fs::Metadata::is_file)?;
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Some(Self {
            path: path_text(&real),
            bytes: metadata.len(),
            modified: modified.and_then(|time| u64::try_from(time.as_nanos()).ok()),
        })
    }
}

/// A path as text, in which bytes that are no UTF-8 are written as `\xe9`: two paths are never one text by that.
pub fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn paths_that_are_no_text_stay_apart() {
        let text = |bytes: &[u8]| path_text(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(text("a/ä.jpg".as_bytes()), "a/ä.jpg");
        assert_eq!(text(b"a/caf\xe9.jpg"), "a/caf\\xe9.jpg");
        assert_ne!(text(b"caf\xe9.jpg"), text(b"caf\xe8.jpg"));
    }

    #[test]
    fn a_file_that_has_changed_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        assert_eq!(SourceStamp::of(&path), None);
        fs::write(&path, "one").unwrap();
        let before = SourceStamp::of(&path).unwrap();
        assert_eq!(before.bytes, 3);
        assert_eq!(SourceStamp::of(&path), Some(before.clone()));
        fs::write(&path, "three").unwrap();
        assert_ne!(SourceStamp::of(&path), Some(before));
        assert_eq!(SourceStamp::of(folder.path()), None);
    }
}
