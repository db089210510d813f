//! The search for inputs: names of files, folders and patterns in, one after the other; files, each once, and what cannot be used, out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::container::{OTHER_PICTURES, PHOTOS, VIDEOS, has_ending};
use super::file::{InputFile, is_standard_input, real};
use super::results::{ResultFolder, results_of};
use crate::error::Result;
use crate::error::argument::{Context, bail, ensure};

/// What was found.
#[derive(Debug, Default)]
pub struct FoundInputs {
    /// In the order in which they are named, those of folders and patterns by their names; each once.
    pub files: Vec<InputFile>,
    /// Whether several may be meant, however many there are: more than one is named, or a folder, pattern or list.
    pub several: bool,
    /// What is left out, for people.
    pub notes: Vec<String>,
    /// Folders that could not be read, in words: there may be more inputs in them.
    pub unreadable: Vec<String>,
    /// Folders of results that were not looked into.
    pub results: Vec<LeftOutFolder>,
}

/// A folder of results of ssdcrp, or one in it.
#[derive(Clone, Debug)]
pub struct LeftOutFolder {
    pub path: PathBuf,
    /// What of [`FoundInputs::notes`] tells it; those of one folder of results have one.
    note: String,
}

impl FoundInputs {
    /// Nothing is told of folders of results that are used in another way, which `is_used` says.
    pub fn use_results(&mut self, mut is_used: impl FnMut(&Path) -> bool) {
        let results = self.results.drain(..);
        let (used, left): (Vec<_>, Vec<_>) = results.partition(|folder| is_used(&folder.path));
        let has = |folders: &[LeftOutFolder], note: &String| {
            folders.iter().any(|folder| folder.note == *note)
        };
        self.notes
            .retain(|note| !has(&used, note) || has(&left, note));
        self.results = left;
    }
}

/// Finds inputs, name by name.
pub(super) struct InputFinder {
    pub found: FoundInputs,
    /// The real paths of what was found.
    known: BTreeSet<PathBuf>,
    /// A real path, too, whether it is there yet or not.
    output: Option<PathBuf>,
    results: LeftOutResults,
}

/// Results of ssdcrp that were met.
#[derive(Default)]
struct LeftOutResults {
    /// Of patterns and lists, by the verb that wrote them: how many, and the first.
    files: BTreeMap<&'static str, (usize, PathBuf)>,
    /// What is told of folders.
    notes: BTreeSet<String>,
}

impl InputFinder {
    /// With nothing found yet.
    ///
    /// # Errors
    /// The name of `output` is empty.
    pub fn new(output: Option<&Path>) -> Result<Self> {
        let output = output.map(real).transpose();
        Ok(Self {
            found: FoundInputs::default(),
            known: BTreeSet::new(),
            output: output.context("the name of the folder for the results is empty")?,
            results: LeftOutResults::default(),
        })
    }

    /// A file, a folder, or a pattern.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let text = path.to_string_lossy();
        let is_pattern = text.contains(['*', '?', '[']) && !path.exists();
        match is_pattern && !text.contains("://") {
            true => self.add_pattern(&text),
            false => self.add_named(path),
        }
    }

    /// All files and folders that a list names. A name with `*` or `[` in it is none but that of a file.
    pub fn add_list(&mut self, names: &[PathBuf]) -> Result<()> {
        self.found.several = true;
        for path in names {
            if !self.leave_out_result(path)? {
                // There may be a file of the name that standard input has.
                let path = match is_standard_input(path) {
                    true => &Path::new(".").join(path),
                    false => path,
                };
                self.add_named(path)?;
            }
        }
        Ok(())
    }

    /// All of it, with what there is to say.
    pub fn finish(mut self) -> FoundInputs {
        self.found.notes.extend(self.results.notes);
        for (verb, (count, first)) in &self.results.files {
            let first = first.display();
            self.found.notes.push(match count {
                1 => format!("{first} is a result of ssdcrp {verb}"),
                count => format!("{count} results of ssdcrp {verb}, {first} the first"),
            });
        }
        self.found
    }

    /// A file or a folder.
    fn add_named(&mut self, path: &Path) -> Result<()> {
        let name = path.display();
        if path.is_dir() {
            ensure!(
                !self.is_output(path),
                "{name} is the folder for the results: name another one"
            );
            return self.add_folder(path);
        }
        if path.to_string_lossy().contains("://") && !path.exists() {
            bail!(
                "{name} is an address: ssdcrp-monitor watches those, pipelines/record.sh records one"
            );
        }
        self.add_file(path)
    }

    /// As shells take it: what is hidden has to be named.
    fn add_pattern(&mut self, pattern: &str) -> Result<()> {
        self.found.several = true;
        let options = glob::MatchOptions {
            require_literal_leading_dot: true,
            ..glob::MatchOptions::default()
        };
        let fitting = glob::glob_with(pattern, options)
            .with_context(|| format!("cannot use the pattern {pattern}"))?;
        let mut fits = false;
        for path in fitting {
            match path {
                Ok(path) if self.leave_out_result(&path)? => {}
                Ok(path) if path.is_dir() => {
                    self.look_into(&path, &mut FolderContents::default())?;
                }
                Ok(path) => self.add_file(&path)?,
                Err(error) => self.cannot_read(error.path(), error.error()),
            }
            fits = true;
        }
        ensure!(fits, "nothing fits the pattern {pattern}");
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let input = InputFile::new(path)?;
        if self.known.insert(input.real.clone()) {
            self.found.files.push(input);
        }
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        self.found.several = true;
        let mut contents = FolderContents::default();
        let left_out = |found: &FoundInputs| found.unreadable.len() + found.results.len();
        let before = left_out(&self.found);
        self.look_into(folder, &mut contents)?;
        let notes: Vec<String> = (contents.others_in_words(folder).into_iter())
            .chain(contents.links_in_words(folder))
            .collect();
        ensure!(
            contents.taken > 0 || left_out(&self.found) > before,
            "there is no photo (JPEG or PNG) or video in {}: {}",
            folder.display(),
            match notes.is_empty() {
                true => "a file with another ending has to be named itself".to_owned(),
                false => notes.join("; "),
            }
        );
        self.found.notes.extend(notes);
        Ok(())
    }

    /// The videos and photos below a folder; what is hidden is left out, and so are results, unless the folder itself is one of them. Links to folders are followed, each folder once.
    fn look_into(&mut self, folder: &Path, contents: &mut FolderContents) -> Result<()> {
        let mut paths = match entries(folder) {
            Ok(paths) => paths,
            // It has gone since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.cannot_read(folder, &error);
                return Ok(());
            }
        };
        let real = real(folder).context("a name is empty")?;
        if self.output.as_ref() == Some(&real) || !contents.folders.insert(real) {
            return Ok(());
        }
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if path.is_dir() {
                if !self.is_folder_of_results(folder, &path) {
                    self.look_into(&path, contents)?;
                }
                continue;
            }
            let is_taken = has_ending(&path, &VIDEOS) || has_ending(&path, &PHOTOS);
            if is_taken && path.is_file() {
                contents.taken += 1;
                self.add_file(&path)?;
            } else if has_ending(&path, &OTHER_PICTURES) && path.is_file() {
                contents.others += 1;
                contents.first_other.get_or_insert(path);
            } else if path.is_symlink() && !path.exists() {
                contents.links += 1;
                contents.first_link.get_or_insert(path);
            }
        }
        Ok(())
    }

    /// Whether results begin with this entry of a folder. Those of others than this run are told then.
    fn is_folder_of_results(&mut self, folder: &Path, entry: &Path) -> bool {
        let [Ok(folder), Ok(real)] = [folder, entry].map(fs::canonicalize) else {
            return false;
        };
        // Everybody knows that.
        if self.output.as_ref() == Some(&real) {
            return true;
        }
        match (results_of(&folder), results_of(&real)) {
            (None, Some(results)) => {
                self.leave_out_folder(entry, results);
                true
            }
            _ => false,
        }
    }

    /// Whether what a pattern fits or a list names is a result, or has nothing but results, which is told then.
    fn leave_out_result(&mut self, path: &Path) -> Result<bool> {
        let real = real(path).context("a name is empty")?;
        let Some(results) = results_of(&real) else {
            return Ok(false);
        };
        if path.is_dir() {
            self.leave_out_folder(path, results);
        } else {
            let files = self.results.files.entry(results.verb);
            files.or_insert_with(|| (0, path.to_owned())).0 += 1;
        }
        Ok(true)
    }

    fn leave_out_folder(&mut self, path: &Path, of: ResultFolder) {
        let ResultFolder { folder, verb } = of;
        let folder = folder.display();
        let note = format!("pictures and videos that ssdcrp {verb} has written into {folder}");
        self.results.notes.insert(note.clone());
        let path = path.to_owned();
        self.found.results.push(LeftOutFolder { path, note });
    }

    fn cannot_read(&mut self, folder: &Path, error: &std::io::Error) {
        let folder = folder.display();
        let words = format!("cannot read the folder {folder}: {error}");
        self.found.unreadable.push(words);
    }

    fn is_output(&self, folder: &Path) -> bool {
        self.output.is_some() && self.output == fs::canonicalize(folder).ok()
    }
}

/// What lies in a folder.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// What lies below a folder.
#[derive(Default)]
struct FolderContents {
    /// The real paths of it and those below, as far as they were looked into: links may lead round in a circle.
    folders: BTreeSet<PathBuf>,
    /// Photos and videos.
    taken: usize,
    /// Pictures of other formats.
    others: usize,
    first_other: Option<PathBuf>,
    /// Links that lead nowhere, such as to a disk that is not there.
    links: usize,
    first_link: Option<PathBuf>,
}

impl FolderContents {
    fn others_in_words(&self, folder: &Path) -> Option<String> {
        let first = self.first_other.as_ref()?.display();
        Some(match self.others {
            1 => format!("{first} is neither JPEG nor PNG: convert it"),
            count => format!(
                "{count} pictures in {} are neither JPEG nor PNG, {first} the first: convert them",
                folder.display()
            ),
        })
    }

    fn links_in_words(&self, folder: &Path) -> Option<String> {
        let first = self.first_link.as_ref()?.display();
        Some(match self.links {
            1 => format!("{first} is a link that leads nowhere"),
            count => format!(
                "{count} links in {} lead nowhere, {first} the first",
                folder.display()
            ),
        })
    }
}
