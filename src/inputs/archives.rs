//! Folders of results of `ssdcrp annotate`: a path in; whether what lies there was written for people to look at, and is no input of another run, out.

use std::path::Path;

use serde_json::Value;

use crate::limits::{self, FileKind};

/// The file by which a folder of such results is known.
pub const ARCHIVE_MANIFEST: &str = "manifest.json";

/// Folders in it that hold videos and pictures.
const OF_ARCHIVES: [&str; 3] = ["evidence", "videos", "work"];

/// The folder of results that a file or folder with this real path belongs to.
pub fn archive_of(real: &Path) -> Option<&Path> {
    real.ancestors().find_map(|folder| {
        let is_named_so = OF_ARCHIVES.iter().any(|name| folder.ends_with(name));
        let archive = folder.parent()?;
        (is_named_so && is_archive(archive)).then_some(archive)
    })
}

/// Web pages have a file of that name, too.
fn is_archive(folder: &Path) -> bool {
    let manifest = limits::read_text(&folder.join(ARCHIVE_MANIFEST), FileKind::Manifest);
    let manifest: Option<Value> = manifest
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    manifest.is_some_and(|manifest| manifest["model"]["manifest_sha256"].is_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn results_are_known_by_their_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("videos/deep")).unwrap();
        let (video, other) = (root.join("videos/deep/a.mp4"), root.join("own/a.mp4"));
        assert_eq!(archive_of(&video), None);
        fs::write(root.join(ARCHIVE_MANIFEST), r#"{"name": "a web page"}"#).unwrap();
        assert_eq!(archive_of(&video), None);
        fs::write(
            root.join(ARCHIVE_MANIFEST),
            r#"{"model": {"manifest_sha256": "00"}}"#,
        )
        .unwrap();
        assert_eq!(archive_of(&video), Some(root));
        assert_eq!(archive_of(&root.join("videos")), Some(root));
        assert_eq!(archive_of(&other), None);
        assert_eq!(archive_of(root), None);
    }
}
