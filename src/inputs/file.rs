//! One input: a name in; the file that it stands for, and what results of it are called, out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::container::{PHOTOS, has_ending};
use crate::error::Result;
use crate::error::argument::Context;

/// How standard input is called; a file of that name is `./-`.
pub const STANDARD_INPUT: &str = "-";

/// Bytes of a result's name that the input's own name gives: file systems count bytes, and an ending and a hash come on top.
const LONGEST_STEM: usize = 80;

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// As it was named, which is how messages call it.
    pub path: PathBuf,
    /// Absolute, and free of links as far as it is there: files with the same one are one file.
    pub real: PathBuf,
}

impl InputFile {
    /// A file that need not be there.
    ///
    /// # Errors
    /// The name is empty.
    pub fn new(path: &Path) -> Result<Self> {
        let real = match is_standard_input(path) {
            true => path.to_owned(),
            false => real(path).context("a name is empty")?,
        };
        let path = path.to_owned();
        Ok(Self { path, real })
    }

    /// Whether it is what comes on standard input.
    pub fn is_standard_input(&self) -> bool {
        is_standard_input(&self.path)
    }

    /// Whether it is named as photos are.
    pub fn is_named_photo(&self) -> bool {
        has_ending(&self.real, &PHOTOS)
    }

    /// What results of it are called: its own name without its ending, with nothing that a shell or another system takes for more than a letter.
    pub fn stem(&self) -> String {
        if self.is_standard_input() {
            return "standard-input".to_owned();
        }
        let stem = self.real.file_stem().unwrap_or_default().to_string_lossy();
        let plain = plain_name(&stem, "");
        // A name that begins with a dot is hidden from patterns.
        let visible = plain.trim_start_matches('.');
        visible[..visible.floor_char_boundary(LONGEST_STEM)].to_owned()
    }
}

/// A text as a part of a file's name: letters, digits, `.`, `_` and what is in `kept` as they are, all else as `-`.
pub fn plain_name(text: &str, kept: &str) -> String {
    let is_kept = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_') || kept.contains(c);
    text.chars()
        .map(|c| if is_kept(c) { c } else { '-' })
        .collect()
}

pub(super) fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

/// A path as absolute, with all links resolved in what of it is there.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut ancestors = absolute.ancestors();
    let found = ancestors.find_map(|ancestor| Some((ancestor, fs::canonicalize(ancestor).ok()?)));
    let Some((ancestor, real)) = found else {
        return Ok(absolute);
    };
    Ok(match absolute.strip_prefix(ancestor) {
        Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
        _ => real,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn stem(path: &str) -> String {
        InputFile::new(Path::new(path)).unwrap().stem()
    }

    #[test]
    fn results_have_harmless_names() {
        for (path, expected) in [
            ("-", "standard-input"),
            ("./-", "-"),
            ("a/gate 1.mp4", "gate-1"),
            ("a/.b;c.png", "b-c"),
            ("ä_ö+.tar.gz", "ä_ö-.tar"),
        ] {
            assert_eq!(stem(path), expected);
        }
        assert_eq!(plain_name("offset:w+", "+"), "offset-w+");
    }

    #[test]
    fn names_of_results_fit_a_file_system_whatever_their_letters_take() {
        for (letter, count) in [("a", 80), ("é", 40), ("門", 26), ("𝔸", 20)] {
            let path = format!("{}.mp4", letter.repeat(250 / letter.len()));
            assert_eq!(stem(&path), letter.repeat(count));
        }
    }

    #[test]
    fn a_file_that_has_gone_is_the_same_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("disk")).unwrap();
        symlink(path("disk"), path("gate")).unwrap();
        fs::write(path("gate/1.mp4"), "").unwrap();
        let there = InputFile::new(&path("gate/1.mp4")).unwrap();
        fs::remove_file(path("gate/1.mp4")).unwrap();
        assert_eq!(InputFile::new(&path("gate/1.mp4")).unwrap(), there);
        assert!(InputFile::new(Path::new("")).is_err());
    }
}
