//! Results that ssdcrp has written for people to look at: a path in; whether what lies there is one of them, and no input of another run, out.

use std::path::Path;

use serde_json::Value;

use crate::limits::{self, FileKind};

/// The file by which a folder of results of `ssdcrp annotate` is known.
pub const ARCHIVE_MANIFEST: &str = "manifest.json";

/// The file by which a folder of explanations is known.
pub const EXPLANATION_SETTINGS: &str = "settings.json";

/// The file by which a folder is known to have the pictures of a page of `ssdcrp report`.
pub const PAGE_MARK: &str = ".ssdcrp-page";

/// Folders in an archive that hold videos and pictures.
const OF_ARCHIVES: [&str; 3] = ["evidence", "videos", "work"];

/// A folder of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResultFolder<'a> {
    pub folder: &'a Path,
    /// The verb that wrote it.
    pub verb: &'static str,
}

/// The folder of results, of whatever verb, that a file or folder with this real path belongs to.
pub(super) fn results_of(real: &Path) -> Option<ResultFolder<'_>> {
    // These have nothing but files.
    let mut flat = real.ancestors().take(2);
    flat.find_map(|folder| {
        let verb = flat_results(folder)?;
        Some(ResultFolder { folder, verb })
    })
    .or_else(|| {
        archive_of(real).map(|folder| ResultFolder {
            folder,
            verb: "annotate",
        })
    })
}

/// The folder of results of `ssdcrp annotate` that a file or folder with this real path belongs to.
pub fn archive_of(real: &Path) -> Option<&Path> {
    real.ancestors().find_map(|folder| {
        let is_named_so = OF_ARCHIVES.iter().any(|name| folder.ends_with(name));
        let archive = folder.parent()?;
        (is_named_so && is_archive(archive)).then_some(archive)
    })
}

/// The verb that has written this folder's files.
fn flat_results(folder: &Path) -> Option<&'static str> {
    if folder.join(PAGE_MARK).is_file() {
        return Some("report");
    }
    let settings = json(&folder.join(EXPLANATION_SETTINGS))?;
    let is_ours = ["model_hash", "composite"]
        .iter()
        .all(|name| settings[name].is_string());
    is_ours.then_some("explain")
}

/// Web pages have a file of that name, too.
fn is_archive(folder: &Path) -> bool {
    let manifest = json(&folder.join(ARCHIVE_MANIFEST));
    manifest.is_some_and(|manifest| manifest["model"]["manifest_sha256"].is_string())
}

fn json(path: &Path) -> Option<Value> {
    let text = limits::read_text(path, FileKind::Manifest).ok()?;
    serde_json::from_str(&text).ok()
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
        assert_eq!(results_of(&video).unwrap().verb, "annotate");
    }

    #[test]
    fn explanations_and_pictures_of_pages_are_known_by_files_of_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (file, text, verb) in [
            (EXPLANATION_SETTINGS, r#"{"font": "DejaVu"}"#, None),
            (
                EXPLANATION_SETTINGS,
                r#"{"model_hash": "00", "composite": "crp"}"#,
                Some("explain"),
            ),
            (PAGE_MARK, "", Some("report")),
        ] {
            fs::write(root.join(file), text).unwrap();
            for path in [root.to_owned(), root.join("dog-1-class-dog.png")] {
                let expected = verb.map(|verb| ResultFolder { folder: root, verb });
                assert_eq!(results_of(&path), expected);
            }
            assert_eq!(results_of(&root.join("own/dog.jpg")), None);
        }
    }
}
