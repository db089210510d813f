//! What a long run has done so far, in a file beside what it writes in the end: one that was interrupted goes on from there.
//!
//! The file of `scores.json` is `scores.json.partial`. Its first line holds the settings that results depend on, each further line is one result. It goes when the run has written all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use ssdcrp::kept_settings::in_words;
use ssdcrp::limits::{FileKind, Lines};

use super::output;

/// How a run speaks of its file.
pub struct PartialWords {
    /// What is unfinished: "evaluation".
    pub unfinished: &'static str,
    /// What names another file: "--json".
    pub option: &'static str,
}

/// The file, open at its end, which no other process has.
pub struct PartialFile {
    path: PathBuf,
    file: File,
    /// Bytes of the lines that are whole.
    whole: u64,
}

impl PartialFile {
    /// Opens the file beside `result`, or begins one, and gives what is in it as `read` makes it of each line; without a result, or beside a device or pipe, nothing is kept.
    ///
    /// # Errors
    /// It was made with other settings, is no such file, cannot be written, or another process writes it.
    pub fn open<T>(
        result: Option<&Path>,
        settings: &impl Serialize,
        words: &PartialWords,
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<(Option<Self>, Vec<T>)> {
        let Some(path) = result.and_then(beside) else {
            return Ok((None, Vec::new()));
        };
        let name = path.display();
        let head = serde_json::to_value(settings)?;
        let file = begin(&path, words)?;
        let mut whole = 0;
        let mut known = Vec::new();
        let lines = Lines::open(&path, FileKind::Scores);
        let lines = lines.with_context(|| format!("cannot read {name}"))?;
        for (index, line) in lines.enumerate() {
            let line = line.with_context(|| format!("cannot read {name}, line {}", index + 1))?;
            // A line that does not end was not finished. The first one is ours even then.
            let Some(ended) = line.strip_suffix('\n') else {
                ensure!(
                    index > 0 || head.to_string().starts_with(&line),
                    no_such_file(&path, words)
                );
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
        file.set_len(whole)?;
        let mut opened = Self { path, file, whole };
        if whole == 0 {
            opened.write(head.to_string())?;
        }
        Ok((Some(opened), known))
    }

    /// Keeps a result. One whose line would be longer than what is read again is not kept.
    ///
    /// # Errors
    /// It cannot be written; the file ends with the line before then.
    pub fn add(&mut self, result: &impl Serialize) -> Result<()> {
        self.write(serde_json::to_string(result)?)
    }

    fn write(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        let length = line.len() as u64;
        if length > FileKind::Scores.most_bytes() {
            return Ok(());
        }
        let written = self.file.write_all(line.as_bytes());
        let written = written.and_then(|()| self.file.flush());
        match &written {
            Ok(()) => self.whole += length,
            // What follows a line without an end would be taken for a part of it. Where that fails too, nothing more can be done.
            Err(_) => drop(self.file.set_len(self.whole)),
        }
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
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// `NAME.partial`; nothing beside a device or pipe.
pub fn beside(result: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(result);
    name.push(".partial");
    output::is_file_place(result).then(|| name.into())
}

/// Opens the file at its end, and locks it.
fn begin(path: &Path, words: &PartialWords) -> Result<File> {
    let name = path.display();
    // A pipe would wait for a reader.
    let is_other = fs::metadata(path).is_ok_and(|found| !found.is_file());
    ensure!(!is_other, no_such_file(path, words));
    let context = || format!("cannot write {name}");
    fs::create_dir_all(output::folder_of(path)).with_context(context)?;
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(path);
    let file = file.with_context(context)?;
    // A file system without locks is no reason not to work.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        bail!(
            "another process writes {name}: wait until it has ended, or name another {}",
            words.option
        );
    }
    Ok(file)
}

fn no_such_file(path: &Path, words: &PartialWords) -> String {
    let PartialWords { unfinished, option } = words;
    format!(
        "cannot go on from {}: it is no unfinished {unfinished}; remove it, or name another {option}",
        path.display()
    )
}

/// Fails where the first line of the file has other settings.
fn check(path: &Path, found: &str, head: &Value, words: &PartialWords) -> Result<()> {
    let name = path.display();
    let option = words.option;
    let found: Value = serde_json::from_str(found).with_context(|| no_such_file(path, words))?;
    for (setting, value) in head.as_object().into_iter().flatten() {
        let before = found.get(setting).unwrap_or(&Value::Null);
        if before != value {
            let [before, now] = [before, value].map(in_words);
            bail!(
                "cannot go on from {name}: its {setting} was {before}, now it is {now}; ask as before, remove the file, or name another {option}"
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
        let path = beside(&result).unwrap();
        fs::write(&path, "{\"seed\":7}\nhello\n").unwrap();
        assert!(error(7).contains("line 2 is damaged"));
        // What is no such file stays as it is.
        for text in ["hello\n", "hello"] {
            fs::write(&path, text).unwrap();
            assert!(error(7).contains("it is no unfinished count"), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // One that was killed at its first line is.
        fs::write(&path, "{\"see").unwrap();
        drop(open(Some(&result), 7).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"seed\":7}\n");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(error(7).contains("it is no unfinished count"));
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("scores.json");
        let (first, _) = open(Some(&result), 7).unwrap();
        let error = open(Some(&result), 7).err().unwrap().to_string();
        assert!(error.starts_with("another process writes "), "{error}");
        let mut first = first.unwrap();
        first.add(&1).unwrap();
        // Somebody has tidied up.
        fs::remove_file(first.path()).unwrap();
        first.finish().unwrap();
        drop(open(Some(&result), 7).unwrap());
    }

    /// Set in the process of the test below that may not write files beyond a kilobyte.
    const SMALL_FILES: &str = "SSDCRP_TEST_OF_SMALL_FILES";

    #[test]
    fn a_line_that_does_not_fit_leaves_those_before_it_whole() {
        if let Some(result) = std::env::var_os(SMALL_FILES) {
            let mut file = open(Some(Path::new(&result)), 7).unwrap().0.unwrap();
            let error = (0..1000_u64).find_map(|number| file.add(&number).err());
            assert!(error.unwrap().to_string().starts_with("cannot write "));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let result = folder.path().join("scores.json");
        let name =
            "cli::partial_file::tests::a_line_that_does_not_fit_leaves_those_before_it_whole";
        let limited = std::process::Command::new("bash")
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "-"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(SMALL_FILES, &result)
            .output()
            .unwrap();
        assert!(limited.status.success(), "{limited:?}");
        let text = fs::read_to_string(beside(&result).unwrap()).unwrap();
        assert!(text.ends_with('\n') && text.len() > 1000, "{}", text.len());
        let (_, known) = open(Some(&result), 7).unwrap();
        assert!(known.iter().copied().eq(0..known.len() as u64) && known.len() > 100);
    }
}
