//! What of the command line's inputs is annotated: files, folders, patterns and lists in; each file once, sorted by path, out.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use ssdcrp::inputs::{InputFile, resolve};

use crate::digest;

/// A file that is annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveInput {
    file: InputFile,
    /// What files of results are called: the file's name without its ending, and a part of its path's hash, so that files of one name in different folders differ.
    pub name: String,
}

impl ArchiveInput {
    fn new(file: InputFile) -> Self {
        let hash = digest::of_bytes(file.real.as_os_str().as_encoded_bytes());
        let name = format!("{}-{}", file.stem(), &hash[..12]);
        Self { file, name }
    }

    /// Absolute, and free of links where the file is there.
    pub fn real(&self) -> &Path {
        &self.file.real
    }

    /// Whether it is a photo, of which there is no video.
    pub fn is_photo(&self) -> bool {
        self.file.is_named_photo()
    }

    /// As tables have it.
    pub fn source(&self) -> String {
        self.real().to_string_lossy().into_owned()
    }
}

/// What was found, and what of the folders cannot be used.
pub struct ArchiveInputs {
    pub inputs: Vec<ArchiveInput>,
    pub notes: Vec<String>,
}

/// Finds all inputs. What lies in `output` is none. The order is that of their paths, so that shards are the same however the inputs are named.
///
/// # Errors
/// As [`resolve`]; standard input is named.
pub fn find(given: &[PathBuf], output: Option<&Path>) -> Result<ArchiveInputs> {
    let found = resolve(given, output)?;
    let mut files = found.files;
    ensure!(
        !files.iter().any(InputFile::is_standard_input),
        "annotate takes files: a photo on standard input (-) is for ssdcrp detect, explain and diagnose, a list on standard input is @-"
    );
    files.sort_by(|one, other| one.real.cmp(&other.real));
    let inputs = files.into_iter().map(ArchiveInput::new).collect();
    let notes = found.notes;
    Ok(ArchiveInputs { inputs, notes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_tell_folders_apart_and_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b/gate 1.mp4", "a/gate 1.mp4"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let given = ["b", "a"].map(|name| folder.path().join(name));
        let inputs = find(&given, None).unwrap().inputs;
        let [one, other] = &inputs[..] else {
            panic!("{inputs:?}")
        };
        assert!(one.real() < other.real(), "sorted, whatever is named first");
        assert!(
            one.name.starts_with("gate-1-") && one.name.len() == 19,
            "{}",
            one.name
        );
        assert_ne!(one.name, other.name);
        let again = InputFile::new(one.real()).unwrap();
        assert_eq!(ArchiveInput::new(again).name, one.name);
    }

    #[test]
    fn standard_input_is_for_others() {
        let error = find(&["-".into()], None).err().unwrap().to_string();
        assert!(error.contains("ssdcrp detect"), "{error}");
    }
}
