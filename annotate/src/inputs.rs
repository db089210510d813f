//! What of the command line's inputs is annotated: files, folders, patterns and lists in; each file once, sorted by path, out.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use ssdcrp::inputs::{InputFile, archive_of, resolve};

use crate::digest;

/// Hexadecimal digits of a path's hash that names have: 48 bits.
const DIGITS: usize = 12;

/// A file that is annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveInput {
    file: InputFile,
    /// What files of results are called: the file's name without its ending, and a part of its path's hash, so that files of one name in different folders differ.
    pub name: String,
    number: u64,
}

impl ArchiveInput {
    pub fn new(file: InputFile) -> Self {
        let hash = digest::of_bytes(file.real.as_os_str().as_encoded_bytes());
        let hash = &hash[..DIGITS];
        Self {
            name: format!("{}-{hash}", file.stem()),
            number: u64::from_str_radix(hash, 16).unwrap_or(0),
            file,
        }
    }

    /// Absolute, and free of links as far as it is there.
    pub fn real(&self) -> &Path {
        &self.file.real
    }

    /// A number that its path alone gives, below 2^48: numbers of many paths are spread evenly.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether it is a photo, of which there is no video.
    pub fn is_photo(&self) -> bool {
        self.file.is_named_photo()
    }

    /// As tables have it: bytes that are no UTF-8 as `\xE9`, so that two files do not share one.
    pub fn source(&self) -> String {
        let mut source = String::new();
        for chunk in self.real().as_os_str().as_encoded_bytes().utf8_chunks() {
            source += chunk.valid();
            source.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
        }
        source
    }
}

/// What was found.
pub struct ArchiveInputs {
    pub inputs: Vec<ArchiveInput>,
    /// What is left out, for people.
    pub notes: Vec<String>,
    /// Folders that could not be read, in words.
    pub unreadable: Vec<String>,
}

/// Finds all inputs. Results in `output` are none, even where they are named. The order is that of their paths.
///
/// # Errors
/// As [`resolve`]; standard input is named; there are only results.
pub fn find(given: &[PathBuf], output: Option<&Path>) -> Result<ArchiveInputs> {
    let mut found = resolve(given, output)?;
    ensure!(
        !found.files.iter().any(InputFile::is_standard_input),
        "annotate takes files: a photo on standard input (-) is for ssdcrp detect, explain and diagnose, a list on standard input is @-"
    );
    if let Some(output) = output.and_then(|output| output.canonicalize().ok()) {
        let all = found.files.len();
        let is_other = |file: &InputFile| archive_of(&file.real) != Some(&*output);
        found.files.retain(is_other);
        let results = all - found.files.len();
        let words = format!(
            "results of earlier runs in {} ({results})",
            output.display()
        );
        ensure!(
            !found.files.is_empty() || results == 0,
            "no input is named: there are only {words}"
        );
        found.notes.extend((results > 0).then_some(words));
    }
    found.files.sort_by(|one, other| one.real.cmp(&other.real));
    Ok(ArchiveInputs {
        inputs: found.files.into_iter().map(ArchiveInput::new).collect(),
        notes: found.notes,
        unreadable: found.unreadable,
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

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
    fn sources_that_are_no_text_differ() {
        let source = |name: &[u8]| {
            let path = Path::new("/nowhere").join(OsStr::from_bytes(name));
            ArchiveInput::new(InputFile::new(&path).unwrap()).source()
        };
        assert_eq!(source(b"caf\xe9\xff.mp4"), "/nowhere/caf\\xE9\\xFF.mp4");
        assert_eq!(source("café.mp4".as_bytes()), "/nowhere/café.mp4");
    }

    #[test]
    fn own_results_are_none_even_where_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for file in ["a.mp4", "out/videos/a-1.mp4"] {
            fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            fs::write(path(file), "").unwrap();
        }
        let manifest = r#"{"model": {"manifest_sha256": "00"}}"#;
        fs::write(path("out").join(crate::manifest::FILE), manifest).unwrap();
        let found = |given: &[&str], output: &str| {
            let given: Vec<PathBuf> = given.iter().map(|name| path(name)).collect();
            find(&given, Some(&path(output)))
        };
        let inputs = found(&["a.mp4", "out/videos/a-1.mp4"], "out").unwrap();
        assert_eq!((inputs.inputs.len(), inputs.notes.len()), (1, 1));
        let error = found(&["out/videos"], "out").err().unwrap().to_string();
        assert!(error.contains("only results of earlier runs in"), "{error}");
        // Those of another folder are what somebody may want to look at.
        assert_eq!(found(&["out/videos"], "other").unwrap().inputs.len(), 1);
    }

    #[test]
    fn standard_input_is_for_others() {
        let error = find(&["-".into()], None).err().unwrap().to_string();
        assert!(error.contains("ssdcrp detect"), "{error}");
    }
}
