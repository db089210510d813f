//! What a long run has done so far, in a file beside what it writes in the end: one that was interrupted goes on from there.
//!
//! The file of `scores.json` is `scores.json.partial`. Its first line holds the settings that results depend on, each further line is one result. It goes when the run has written all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;
use ssdcrp::limits::{FileKind, Lines, is_missing};

/// How a run speaks of its file.
pub struct PartialWords {
    /// What is unfinished: "evaluation".
    pub unfinished: &'static str,
    /// What names another file: "--json".
    pub option: &'static str,
}

/// The file, open at its end.
pub struct PartialFile {
    path: PathBuf,
    file: File,
}

impl PartialFile {
    /// Opens the file beside `result`, or begins one, and gives what is in it as `read` makes it of each line; without a result, or beside a device or pipe, nothing is kept.
    ///
    /// # Errors
    /// It was made with other settings, is no such file, or cannot be written.
    pub fn open<T>(
        result: Option<&Path>,
        settings: &impl Serialize,
        words: &PartialWords,
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<(Option<Self>, Vec<T>)> {
        let is_file = |result: &&Path| result.is_file() || !result.exists();
        let Some(result) = result.filter(is_file) else {
            return Ok((None, Vec::new()));
        };
        let path = beside(result);
        let name = path.display();
        let head = serde_json::to_value(settings)?;
        let mut whole = 0;
        let mut known = Vec::new();
        let lines = match Lines::open(&path, FileKind::Scores) {
            Ok(lines) => Some(lines),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
        };
        for (index, line) in lines.into_iter().flatten().enumerate() {
            let line = line.with_context(|| format!("cannot read {name}, line {}", index + 1))?;
            // A line that does not end was not finished.
            let Some(ended) = line.strip_suffix('\n') else {
                break;
            };
            if index == 0 {
                check(&path, ended, &head, words)?;
            } else {
                known.push(read(ended).with_context(|| {
                    format!(
                        "cannot go on from {name}: line {} is damaged; remove the file to begin anew",
                        index + 1
                    )
                })?);
            }
            whole += line.len() as u64;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).with_context(|| format!("cannot write {name}"))?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&path);
        let mut file = file.with_context(|| format!("cannot write {name}"))?;
        file.set_len(whole)?;
        if whole == 0 {
            writeln!(file, "{head}").with_context(|| format!("cannot write {name}"))?;
        }
        Ok((Some(Self { path, file }), known))
    }

    /// Keeps a result. One whose line would be longer than what is read again is not kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, result: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_string(result)?;
        line.push('\n');
        if line.len() as u64 > FileKind::Scores.most_bytes() {
            return Ok(());
        }
        let written = self.file.write_all(line.as_bytes());
        let written = written.and_then(|()| self.file.flush());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All is done and written elsewhere.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn finish(self) -> Result<()> {
        let name = self.path.display();
        fs::remove_file(&self.path).with_context(|| format!("cannot remove {name}"))
    }
}

/// `NAME.partial`.
pub fn beside(result: &Path) -> PathBuf {
    let mut name = OsString::from(result);
    name.push(".partial");
    name.into()
}

/// Fails where the first line of the file has other settings.
fn check(path: &Path, found: &str, head: &Value, words: &PartialWords) -> Result<()> {
    let name = path.display();
    let PartialWords { unfinished, option } = words;
    let found: Value = serde_json::from_str(found).with_context(|| {
        format!("cannot go on from {name}: it is no unfinished {unfinished}; remove it, or name another {option}")
    })?;
    for (setting, value) in head.as_object().into_iter().flatten() {
        let before = found.get(setting).unwrap_or(&Value::Null);
        if before != value {
            bail!(
                "cannot go on from {name}: its {setting} was {before}, now it is {value}; ask as before, remove the file, or name another {option}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORDS: PartialWords = PartialWords {
        unfinished: "count",
        option: "--json",
    };

    fn open(result: Option<&Path>, seed: u64) -> Result<(Option<PartialFile>, Vec<u64>)> {
        let number = |line: &str| Ok(serde_json::from_str(line)?);
        PartialFile::open(result, &json!({"seed": seed}), &WORDS, number)
    }

    #[test]
    fn what_was_done_is_there_again_and_goes_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("scores.json");
        let (file, known) = open(Some(&result), 7).unwrap();
        assert!(known.is_empty());
        let mut file = file.unwrap();
        file.add(&1).unwrap();
        file.add(&2).unwrap();
        let path = file.path.clone();
        assert_eq!(path, folder.path().join("scores.json.partial"));
        drop(file);
        // Interrupted in the middle of a line.
        let mut text = fs::read_to_string(&path).unwrap();
        text += "3";
        fs::write(&path, &text).unwrap();
        let (file, known) = open(Some(&result), 7).unwrap();
        assert_eq!(known, [1, 2]);
        let mut file = file.unwrap();
        file.add(&4).unwrap();
        drop(file);
        let (file, known) = open(Some(&result), 7).unwrap();
        assert_eq!(known, [1, 2, 4]);
        file.unwrap().finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn beside_a_device_nothing_is_kept() {
        assert!(open(Some(Path::new("/dev/null")), 7).unwrap().0.is_none());
        assert!(!Path::new("/dev/null.partial").exists());
        assert!(open(None, 7).unwrap().0.is_none());
    }

    #[test]
    fn what_cannot_be_gone_on_from_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("scores.json");
        drop(open(Some(&result), 7).unwrap());
        let error = |seed| format!("{:#}", open(Some(&result), seed).err().unwrap());
        let words =
            "its seed was 7, now it is 8; ask as before, remove the file, or name another --json";
        assert!(error(8).contains(words), "{}", error(8));
        let path = beside(&result);
        fs::write(&path, "{\"seed\":7}\nhello\n").unwrap();
        assert!(error(7).contains("line 2 is damaged"));
        fs::write(&path, "hello\n").unwrap();
        assert!(error(7).contains("it is no unfinished count"));
    }
}
