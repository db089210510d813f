//! What a command line names as inputs: files, folders, patterns, lists and standard input in; each file once, in the order in which they are named, out.
//!
//! The command's verbs and `ssdcrp-annotate` find their inputs here, so that all take the same.

mod container;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

pub use self::container::{container, video};
use crate::error::Result;
use crate::error::argument::{Context, bail, ensure};
use crate::limits::{self, FileKind};

/// How files end that are taken of folders. What is named itself is taken whatever it is called.
const VIDEOS: [&str; 22] = [
    "3gp", "asf", "avi", "divx", "dv", "flv", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4",
    "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "webm", "wmv", "y4m",
];
const PHOTOS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Pictures of other formats, as cameras and editors name them. Files of any other name in a folder are none.
const OTHER_PICTURES: [&str; 14] = [
    "heic", "heif", "avif", "webp", "jxl", "jp2", "gif", "bmp", "tif", "tiff", "dng", "cr2", "nef",
    "arw",
];

/// How standard input is called; a file of that name is `./-`.
pub const STANDARD_INPUT: &str = "-";

/// What a list's name begins with.
const LIST: char = '@';

/// Characters of a result's name that the input's own name gives.
const LONGEST_STEM: usize = 80;

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// As it was named, which is how messages call it.
    pub path: PathBuf,
    /// Absolute, and free of links where the file is there: files with the same one are one file.
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
            false => {
                let absolute = || std::path::absolute(path);
                let real = fs::canonicalize(path).or_else(|_| absolute());
                real.context("a name is empty")?
            }
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
        let stem: String = stem.chars().take(LONGEST_STEM).collect();
        // A name that begins with a dot is hidden from patterns.
        plain_name(&stem, "").trim_start_matches('.').to_owned()
    }
}

/// A text as a part of a file's name: letters, digits, `.`, `_` and what is in `kept` as they are, all else as `-`.
pub fn plain_name(text: &str, kept: &str) -> String {
    let is_kept = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_') || kept.contains(c);
    text.chars()
        .map(|c| if is_kept(c) { c } else { '-' })
        .collect()
}

/// What was found.
#[derive(Debug, Default)]
pub struct FoundInputs {
    /// In the order in which they are named, those of folders and patterns by their names; each once.
    pub files: Vec<InputFile>,
    /// Whether several may be meant, however many there are: more than one is named, or a folder, pattern or list.
    pub several: bool,
    /// What of the folders cannot be used, for people.
    pub notes: Vec<String>,
}

/// Finds all inputs. What lies in `output` is none.
///
/// # Errors
/// A folder or list that cannot be read or has none in it, a pattern that fits nothing, an address. A file that is not there is no error here.
pub fn resolve(given: &[PathBuf], output: Option<&Path>) -> Result<FoundInputs> {
    let output = output.and_then(|output| fs::canonicalize(output).ok());
    let mut finder = InputFinder {
        found: FoundInputs::default(),
        known: BTreeSet::new(),
        output,
    };
    finder.found.several = given.len() > 1;
    let lists = given.iter().filter_map(|path| list_of(path));
    let takes_standard_input = lists.filter(|list| *list == STANDARD_INPUT).count();
    let is_photo = given.iter().any(|path| is_standard_input(path));
    ensure!(
        takes_standard_input + usize::from(is_photo) <= 1,
        "standard input can be one list ({LIST}{STANDARD_INPUT}) or one photo ({STANDARD_INPUT}), and is named more than once"
    );
    for path in given {
        match list_of(path) {
            Some(list) => {
                finder.found.several = true;
                let text = list_text(list);
                let text = text.with_context(|| format!("cannot read the list {list}"))?;
                let names = text.lines().filter(|line| !line.is_empty());
                names.map(Path::new).try_for_each(|path| finder.add(path))?;
            }
            None => finder.add(path)?,
        }
    }
    ensure!(
        !finder.found.files.is_empty(),
        "no input is named: the list is empty"
    );
    Ok(finder.found)
}

/// The name of a list behind its `@`. A file whose own name begins so is none.
fn list_of(path: &Path) -> Option<&str> {
    let list = path.to_str()?.strip_prefix(LIST)?;
    (!path.exists()).then_some(list)
}

fn list_text(list: &str) -> Result<String> {
    if list != STANDARD_INPUT {
        return limits::read_text(Path::new(list), FileKind::List);
    }
    ensure!(
        !stdin().is_terminal(),
        "standard input is a terminal: give it names, a line each, as in find . -name '*.jpg' | ssdcrp detect @-"
    );
    limits::read_text_from(stdin().lock(), FileKind::List)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or(OsStr::new(""));
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

struct InputFinder {
    found: FoundInputs,
    /// The real paths of what was found.
    known: BTreeSet<PathBuf>,
    /// A real path, too.
    output: Option<PathBuf>,
}

impl InputFinder {
    /// A file, a folder, or a pattern.
    fn add(&mut self, path: &Path) -> Result<()> {
        let name = path.display();
        if path.is_dir() {
            ensure!(
                !self.is_output(path),
                "{name} is the folder for the results: name another one"
            );
            return self.add_folder(path);
        }
        let text = path.to_string_lossy();
        if text.contains("://") {
            bail!(
                "{name} is an address: ssdcrp-monitor watches those, pipelines/record.sh records one"
            );
        }
        if !path.exists() && text.contains(['*', '?', '[']) {
            return self.add_pattern(&text);
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
            let path = path.with_context(|| format!("cannot use the pattern {pattern}"))?;
            fits = true;
            match path.is_dir() {
                true => self.look_into(&path, &mut FolderContents::default())?,
                false => self.add_file(&path)?,
            }
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
        self.look_into(folder, &mut contents)?;
        let others = contents.others_in_words(folder);
        ensure!(
            contents.taken > 0,
            "there is no photo (JPEG or PNG) or video in {}: {}",
            folder.display(),
            others
                .as_deref()
                .unwrap_or("a file with another ending has to be named itself")
        );
        self.found.notes.extend(others);
        Ok(())
    }

    /// The videos and photos below a folder; what is hidden is left out, and so are links to folders, which may lead round in a circle.
    fn look_into(&mut self, folder: &Path, contents: &mut FolderContents) -> Result<()> {
        let context = || format!("cannot read the folder {}", folder.display());
        if self.is_output(folder) {
            return Ok(());
        }
        let entries = fs::read_dir(folder).with_context(context)?;
        let mut entries: Vec<fs::DirEntry> = entries
            .collect::<std::io::Result<_>>()
            .with_context(context)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().with_context(context)?.is_dir() {
                self.look_into(&path, contents)?;
                continue;
            }
            let is_taken = has_ending(&path, &VIDEOS) || has_ending(&path, &PHOTOS);
            if is_taken && path.is_file() {
                contents.taken += 1;
                self.add_file(&path)?;
            } else if has_ending(&path, &OTHER_PICTURES) && path.is_file() {
                contents.others += 1;
                contents.first_other.get_or_insert(path);
            }
        }
        Ok(())
    }

    fn is_output(&self, folder: &Path) -> bool {
        self.output.is_some() && self.output == fs::canonicalize(folder).ok()
    }
}

/// What lies below a folder.
#[derive(Default)]
struct FolderContents {
    /// Photos and videos.
    taken: usize,
    /// Pictures of other formats.
    others: usize,
    first_other: Option<PathBuf>,
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
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    /// The real names below `root` of what is found there, and all else about it.
    fn found(root: &Path, given: &[&str]) -> Result<(Vec<String>, FoundInputs)> {
        let given: Vec<PathBuf> = given.iter().map(|path| root.join(path)).collect();
        let found = resolve(&given, Some(&root.join("out")))?;
        let root = fs::canonicalize(root).unwrap();
        let name = |input: &InputFile| {
            let inside = input.real.strip_prefix(&root).unwrap();
            inside.display().to_string()
        };
        Ok((found.files.iter().map(name).collect(), found))
    }

    fn names(root: &Path, given: &[&str]) -> Vec<String> {
        found(root, given).unwrap().0
    }

    #[test]
    fn folders_patterns_and_lists_give_each_file_once_as_they_are_named() {
        let folder = folder(&[
            "b.mp4",
            "a/2.AVI",
            "a/1.jpg",
            "a/note.txt",
            "a/.hidden.mp4",
            "out/videos/x.mp4",
            "film",
        ]);
        let root = folder.path();
        symlink(root.join("b.mp4"), root.join("link.mp4")).unwrap();
        symlink(root, root.join("a/circle")).unwrap();
        assert_eq!(
            names(root, &["b.mp4", "a", "link.mp4", "a/../b.mp4"]),
            ["b.mp4", "a/1.jpg", "a/2.AVI"]
        );
        assert_eq!(names(root, &[""]), ["a/1.jpg", "a/2.AVI", "b.mp4"]);
        assert_eq!(names(root, &["*/?.*"]), ["a/1.jpg", "a/2.AVI"]);
        // What is hidden has to be named. A link to a folder that the pattern names is followed.
        assert_eq!(
            names(root, &["a/*"]),
            ["a/1.jpg", "a/2.AVI", "b.mp4", "a/note.txt"]
        );
        assert_eq!(names(root, &["film"]), ["film"]);
        let list = root.join("list");
        fs::write(&list, format!("{0}/b.mp4\r\n\n{0}/a\n", root.display())).unwrap();
        let given = [PathBuf::from(format!("@{}", list.display()))];
        let found = resolve(&given, None).unwrap();
        assert_eq!((found.files.len(), found.several), (3, true));
    }

    #[test]
    fn whether_several_may_be_meant_depends_on_how_they_are_named() {
        let folder = folder(&["a/1.jpg", "@b.jpg"]);
        let root = folder.path();
        for (given, several) in [
            (&["a/1.jpg"][..], false),
            (&["a/1.jpg", "a/1.jpg"], true),
            (&["a"], true),
            (&["a/*.jpg"], true),
        ] {
            let (names, found) = found(root, given).unwrap();
            assert_eq!((names.len(), found.several), (1, several), "{given:?}");
        }
        // A file whose own name begins as a list's does.
        assert_eq!(names(root, &["@b.jpg"]), ["@b.jpg"]);
    }

    #[test]
    fn pictures_that_have_to_be_converted_are_told() {
        let folder = folder(&["a/1.jpg", "a/2.HEIC", "a/b/3.webp", "c/4.gif", "c/5.jpg"]);
        let notes = |given: &[&str]| found(folder.path(), given).unwrap().1.notes;
        assert_eq!(notes(&["a/1.jpg"]).len(), 0);
        let [one] = &notes(&["c"])[..] else { panic!() };
        assert!(
            one.ends_with("/c/4.gif is neither JPEG nor PNG: convert it"),
            "{one}"
        );
        let [two] = &notes(&["a"])[..] else { panic!() };
        assert!(
            two.starts_with("2 pictures in ") && two.contains("/a/2.HEIC the first"),
            "{two}"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_an_input_all_the_same() {
        let folder = folder(&[]);
        assert_eq!(names(folder.path(), &["gone.mp4"]), ["gone.mp4"]);
    }

    #[test]
    fn what_gives_no_input_is_refused() {
        let folder = folder(&["texts/a.txt", "old/a.heic", "list", "out/a.jpg"]);
        let root = folder.path();
        for (given, words) in [
            ("texts", "there is no photo (JPEG or PNG) or video in"),
            ("old", "old/a.heic is neither JPEG nor PNG"),
            ("*.mp4", "nothing fits the pattern"),
            ("[", "cannot use the pattern"),
            ("out", "is the folder for the results"),
        ] {
            let error = format!("{:#}", found(root, &[given]).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        for (given, words) in [
            (
                &["@/nonexistent/list"][..],
                "cannot read the list /nonexistent/list",
            ),
            (&["rtsp://gate/"], "ssdcrp-monitor"),
            (&["-", "@-"], "standard input can be one list"),
            (&["@-", "@-"], "standard input can be one list"),
        ] {
            let given: Vec<PathBuf> = given.iter().map(PathBuf::from).collect();
            let error = format!("{:#}", resolve(&given, None).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let empty = [PathBuf::from(format!("@{}", root.join("list").display()))];
        assert!(resolve(&empty, None).is_err());
    }

    #[test]
    fn standard_input_counts_once_and_results_have_harmless_names() {
        let found = resolve(&["-".into(), "-".into()], None).unwrap();
        assert_eq!(found.files.len(), 1);
        assert!(found.files[0].is_standard_input());
        for (path, stem) in [
            ("-", "standard-input"),
            ("./-", "-"),
            ("a/gate 1.mp4", "gate-1"),
            ("a/.b;c.png", "b-c"),
            ("ä_ö+.tar.gz", "ä_ö-.tar"),
        ] {
            assert_eq!(InputFile::new(Path::new(path)).unwrap().stem(), stem);
        }
        assert_eq!(plain_name("offset:w+", "+"), "offset-w+");
    }
}
