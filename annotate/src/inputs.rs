//! What the command line names as inputs: files, folders, patterns and lists in; each file once, in order, out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::digest;

/// How files end that are taken of folders. What is named itself is taken whatever it is called.
const VIDEOS: [&str; 22] = [
    "3gp", "asf", "avi", "divx", "dv", "flv", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4",
    "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "webm", "wmv", "y4m",
];
const PHOTOS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Characters of a name that the file's own name gives.
const LONGEST_STEM: usize = 80;

/// A file that is annotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveInput {
    /// Absolute, and free of links where the file is there.
    pub path: PathBuf,
    /// What files of results are called: the file's name without its ending, and a part of its path's hash, so that files of one name in different folders differ.
    pub name: String,
}

impl ArchiveInput {
    /// A file that need not be there.
    fn new(path: &Path) -> Result<Self> {
        let absolute = || std::path::absolute(path);
        let path = fs::canonicalize(path).or_else(|_| absolute());
        let path = path.with_context(|| "a name is empty")?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let kept = |character: char| match character {
            '.' | '_' => character,
            _ if character.is_alphanumeric() => character,
            _ => '-',
        };
        let stem: String = stem.chars().take(LONGEST_STEM).map(kept).collect();
        let hash = digest::of_bytes(path.as_os_str().as_encoded_bytes());
        // A name that begins with a dot is hidden from patterns.
        let name = format!("{}-{}", stem.trim_start_matches('.'), &hash[..12]);
        Ok(Self { path, name })
    }

    /// Whether it is a photo, of which there is no video.
    pub fn is_photo(&self) -> bool {
        has_ending(&self.path, &PHOTOS)
    }

    /// As tables have it.
    pub fn source(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// Finds all inputs, sorted by path, each once whatever it is called. What lies in `output` is none.
///
/// # Errors
/// A folder or list that cannot be read or has none in it, a pattern that fits nothing, an address. A file that is not there is no error here.
pub fn resolve(given: &[PathBuf], output: Option<&Path>) -> Result<Vec<ArchiveInput>> {
    let output = output.and_then(|output| fs::canonicalize(output).ok());
    let mut found = FoundInputs {
        inputs: BTreeMap::new(),
        output: output.as_deref(),
    };
    for path in given {
        match path.to_str().and_then(|path| path.strip_prefix('@')) {
            Some(list) if !path.exists() => {
                let text =
                    read_list(list).with_context(|| format!("cannot read the list {list}"))?;
                let names = text.lines().filter(|line| !line.is_empty());
                names.map(Path::new).try_for_each(|path| found.add(path))?;
            }
            _ => found.add(path)?,
        }
    }
    ensure!(
        !found.inputs.is_empty(),
        "no input is named: the list is empty"
    );
    Ok(found.inputs.into_values().collect())
}

fn read_list(list: &str) -> Result<String> {
    if list != "-" {
        return Ok(fs::read_to_string(list)?);
    }
    let mut text = String::new();
    stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

struct FoundInputs<'a> {
    inputs: BTreeMap<PathBuf, ArchiveInput>,
    output: Option<&'a Path>,
}

impl FoundInputs<'_> {
    /// A file, a folder, or a pattern.
    fn add(&mut self, path: &Path) -> Result<()> {
        let name = path.display();
        if path.is_dir() {
            let is_output =
                self.output.is_some() && self.output == fs::canonicalize(path).ok().as_deref();
            ensure!(
                !is_output,
                "{name} is the folder for the results: name another one"
            );
            let mut seen = 0;
            self.add_folder(path, &mut seen)?;
            ensure!(
                seen > 0,
                "there is no video or photo in {name}: a file with another ending has to be named itself"
            );
            return Ok(());
        }
        let text = path.to_string_lossy();
        if text.contains("://") {
            bail!(
                "{name} is an address: ssdcrp-monitor watches those, pipelines/record.sh records one"
            );
        }
        if !path.exists() && text.contains(['*', '?', '[']) {
            let fitting =
                glob::glob(&text).with_context(|| format!("cannot use the pattern {name}"))?;
            let fitting = fitting.collect::<Result<Vec<_>, _>>()?;
            ensure!(!fitting.is_empty(), "nothing fits the pattern {name}");
            return fitting.iter().try_for_each(|path| match path.is_dir() {
                true => self.add_folder(path, &mut 0),
                false => self.add_file(path),
            });
        }
        self.add_file(path)
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let input = ArchiveInput::new(path)?;
        self.inputs.insert(input.path.clone(), input);
        Ok(())
    }

    /// The videos and photos below a folder; what is hidden is left out, and so are links to folders, which may lead round in a circle. `seen` counts them.
    fn add_folder(&mut self, folder: &Path, seen: &mut usize) -> Result<()> {
        let context = || format!("cannot read the folder {}", folder.display());
        if self.output.is_some() && self.output == fs::canonicalize(folder).ok().as_deref() {
            return Ok(());
        }
        for entry in fs::read_dir(folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().with_context(context)?.is_dir() {
                self.add_folder(&path, seen)?;
            } else if path.is_file() && (has_ending(&path, &VIDEOS) || has_ending(&path, &PHOTOS)) {
                *seen += 1;
                self.add_file(&path)?;
            }
        }
        Ok(())
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or(OsStr::new(""));
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
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

    fn names(root: &Path, given: &[&str]) -> Result<Vec<String>> {
        let given: Vec<PathBuf> = given.iter().map(|path| root.join(path)).collect();
        let found = resolve(&given, Some(&root.join("out")))?;
        let root = fs::canonicalize(root).unwrap();
        let name = |input: ArchiveInput| {
            input
                .path
                .strip_prefix(&root)
                .unwrap()
                .display()
                .to_string()
        };
        Ok(found.into_iter().map(name).collect())
    }

    #[test]
    fn folders_patterns_and_lists_give_each_file_once_in_order() {
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
            names(root, &["a", "b.mp4", "link.mp4", "a/../b.mp4"]).unwrap(),
            ["a/1.jpg", "a/2.AVI", "b.mp4"]
        );
        assert_eq!(names(root, &[""]).unwrap(), ["a/1.jpg", "a/2.AVI", "b.mp4"]);
        assert_eq!(names(root, &["*/?.*"]).unwrap(), ["a/1.jpg", "a/2.AVI"]);
        assert_eq!(names(root, &["film"]).unwrap(), ["film"]);
        let list = root.join("list");
        fs::write(&list, format!("{0}/b.mp4\n\n{0}/a\n", root.display())).unwrap();
        let given = [PathBuf::from(format!("@{}", list.display()))];
        assert_eq!(resolve(&given, None).unwrap().len(), 3);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_input_all_the_same() {
        let folder = folder(&[]);
        assert_eq!(names(folder.path(), &["gone.mp4"]).unwrap(), ["gone.mp4"]);
    }

    #[test]
    fn what_gives_no_input_is_refused() {
        let folder = folder(&["texts/a.txt", "list"]);
        let root = folder.path();
        for (given, words) in [
            ("texts", "there is no video or photo in"),
            ("*.mp4", "nothing fits the pattern"),
            ("[", "cannot use the pattern"),
        ] {
            let error = format!("{:#}", names(root, &[given]).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        for (given, words) in [
            (
                "@/nonexistent/list",
                "cannot read the list /nonexistent/list",
            ),
            ("rtsp://gate/", "ssdcrp-monitor"),
        ] {
            let error = format!("{:#}", resolve(&[given.into()], None).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let empty = [PathBuf::from(format!("@{}", root.join("list").display()))];
        assert!(resolve(&empty, None).is_err());
    }

    #[test]
    fn names_tell_folders_apart_and_stay_the_same() {
        let folder = folder(&["a/gate 1.mp4", "b/gate 1.mp4"]);
        let inputs = resolve(&[folder.path().to_owned()], None).unwrap();
        let [one, other] = &inputs[..] else {
            panic!("{inputs:?}")
        };
        assert!(
            one.name.starts_with("gate-1-") && one.name.len() == 19,
            "{}",
            one.name
        );
        assert_ne!(one.name, other.name);
        assert_eq!(&ArchiveInput::new(&one.path).unwrap(), one);
    }
}
