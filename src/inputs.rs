//! What a command line names as inputs: files, folders, patterns, lists and standard input in; each file once, in the order in which they are named, out.
//!
//! The command's verbs and `ssdcrp-annotate` find their inputs here, so that all take the same.

mod container;
mod file;
mod finder;
mod list;
mod results;

use std::path::{Path, PathBuf};

pub use self::container::{container, video};
use self::file::is_standard_input;
pub use self::file::{InputFile, STANDARD_INPUT, plain_name};
use self::finder::InputFinder;
pub use self::finder::{FoundInputs, LeftOutFolder};
use self::list::{LIST, list_of, names_of};
pub use self::results::{ARCHIVE_MANIFEST, EXPLANATION_SETTINGS, PAGE_MARK, archive_of};
use crate::error::Result;
use crate::error::argument::{Context, ensure};

/// Finds all inputs. Of folders, the one of results at `output` is left out; of folders, patterns and lists, what `ssdcrp annotate`, `explain` and `report` wrote for people to look at.
///
/// # Errors
/// As [`search`]; there is nothing but what is left out.
pub fn resolve(given: &[PathBuf], output: Option<&Path>) -> Result<FoundInputs> {
    let found = search(given, output)?;
    found.check_any()?;
    Ok(found)
}

/// The same where there may be nothing.
///
/// # Errors
/// A list that cannot be read, a folder that has none in it or is that of the results, a pattern that fits nothing, an address. A file that is not there is no error here.
pub fn search(given: &[PathBuf], output: Option<&Path>) -> Result<FoundInputs> {
    let mut finder = InputFinder::new(output)?;
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
                let names = names_of(list);
                let names = names.with_context(|| format!("cannot read the list {list}"))?;
                finder.add_list(&names)?;
            }
            None => finder.add(path)?,
        }
    }
    Ok(finder.finish())
}

impl FoundInputs {
    /// Fails where there is nothing, with why.
    ///
    /// # Errors
    /// There are no files.
    pub fn check_any(&self) -> Result<()> {
        let why = self.unreadable.first().or(self.notes.first());
        ensure!(
            !self.files.is_empty(),
            "no input is named: {}",
            why.map_or("the list is empty", String::as_str)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        // The folder for the results is none, also by the way of the link.
        assert_eq!(names(root, &[""]), ["a/1.jpg", "a/2.AVI", "b.mp4"]);
        assert_eq!(names(root, &["*/?.*"]), ["a/1.jpg", "a/2.AVI"]);
        assert_eq!(names(root, &["film", "out*"]), ["film"]);
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
        // The link leads to all of it.
        assert_eq!((found.files.len(), found.several), (4, true));
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
    fn standard_input_counts_once() {
        let found = resolve(&["-".into(), "-".into()], None).unwrap();
        assert_eq!(found.files.len(), 1);
        assert!(found.files[0].is_standard_input());
    }

    #[test]
    fn links_to_folders_are_followed_and_circles_end() {
        let folder = folder(&["disk/1.mp4", "a/2.mp4", "b/note.txt"]);
        let root = folder.path();
        symlink(root.join("disk"), root.join("a/gate")).unwrap();
        symlink(root.join("a"), root.join("a/circle")).unwrap();
        symlink(root.join("disk"), root.join("b/gate")).unwrap();
        symlink(root.join("nowhere"), root.join("b/gone")).unwrap();
        assert_eq!(names(root, &["a"]), ["a/2.mp4", "disk/1.mp4"]);
        // What is known already is no reason to say that there is nothing.
        assert_eq!(names(root, &["disk", "b"]), ["disk/1.mp4"]);
        // A disk that is not there leaves a link that leads nowhere.
        let [gone] = &found(root, &["b"]).unwrap().1.notes[..] else {
            panic!()
        };
        assert!(
            gone.ends_with("/b/gone is a link that leads nowhere"),
            "{gone}"
        );
        fs::create_dir(root.join("c")).unwrap();
        for name in ["1.jpg", "2"] {
            symlink(root.join("nowhere"), root.join("c").join(name)).unwrap();
        }
        let error = format!("{:#}", found(root, &["c"]).unwrap_err());
        assert!(
            error.contains("2 links in ") && error.ends_with("/c/1.jpg the first"),
            "{error}"
        );
    }

    #[test]
    fn names_in_lists_are_those_of_files() {
        let folder = folder(&["gone 1.mp4", "there [2].mp4", "-"]);
        let root = folder.path();
        let list = root.join("list");
        let path = |name: &str| root.join(name).display().to_string();
        // The first one would fit as a pattern, and has gone.
        let text = format!("{}\n{}\n", path("gone [1].mp4"), path("there [2].mp4"));
        fs::write(&list, text).unwrap();
        let given = [PathBuf::from(format!("@{}", list.display()))];
        let found = resolve(&given, None).unwrap();
        let found: Vec<_> = found.files.iter().map(|file| file.path.clone()).collect();
        assert_eq!(
            found,
            ["gone [1].mp4", "there [2].mp4"].map(|name| root.join(name))
        );
        fs::write(&list, "-\n").unwrap();
        let found = resolve(&given, None).unwrap();
        assert!(!found.files[0].is_standard_input());
    }

    #[test]
    fn results_are_no_inputs_however_they_are_met() {
        let folder = folder(&[
            "clip.mp4",
            "old/results/videos/clip-1.mp4",
            "old/results/evidence/clip-1/1-frame.png",
            "old/results/own.mp4",
        ]);
        let root = folder.path();
        let manifest = root.join("old/results").join(ARCHIVE_MANIFEST);
        fs::write(manifest, r#"{"model": {"manifest_sha256": "00"}}"#).unwrap();
        let (all, told) = found(root, &[""]).unwrap();
        assert_eq!(all, ["clip.mp4", "old/results/own.mp4"]);
        assert_eq!(told.notes.len(), 1, "{:?}", told.notes);
        assert!(told.notes[0].ends_with("old/results"), "{:?}", told.notes);
        let (all, told) = found(root, &["clip.mp4", "*/*/*/*.mp4"]).unwrap();
        assert_eq!(all, ["clip.mp4"]);
        assert!(
            told.notes[0].contains("clip-1.mp4 is a result"),
            "{:?}",
            told.notes
        );
        // A pattern that fits their folders, or such in them.
        for (pattern, count) in [("*/*/[evo]*", 2), ("*/*/*/clip-1", 1)] {
            let (all, told) = found(root, &["clip.mp4", pattern]).unwrap();
            assert_eq!(all[0], "clip.mp4");
            assert!(all[1..].iter().all(|file| file == "old/results/own.mp4"));
            assert_eq!((told.notes.len(), told.results.len()), (1, count));
            // Somebody takes the evidence alone.
            let mut told = told;
            told.use_results(|folder| folder.ends_with("evidence"));
            assert_eq!(told.notes.len(), 1);
            told.use_results(|_| true);
            assert_eq!(told.notes.len(), 0);
        }
        let list = root.join("list");
        let listed = |name: &str| {
            fs::write(&list, format!("{}\n", root.join(name).display())).unwrap();
            let given = [PathBuf::from(format!("@{}", list.display()))];
            resolve(&given, None).unwrap_err().to_string()
        };
        let error = listed("old/results/videos/clip-1.mp4");
        assert!(error.contains("clip-1.mp4 is a result"), "{error}");
        let error = listed("old/results/videos");
        assert!(error.contains("annotate has written into "), "{error}");
        // What is named itself is wanted.
        assert_eq!(
            names(root, &["old/results/videos"]),
            ["old/results/videos/clip-1.mp4"]
        );
        assert_eq!(
            names(root, &["old/results/videos/clip-1.mp4"]),
            ["old/results/videos/clip-1.mp4"]
        );
    }

    /// Else a second run would explain the first one's pictures, and a third those of the second.
    #[test]
    fn explanations_are_no_inputs_of_a_later_run() {
        let folder = folder(&["dog.jpg", "all/explained/dog-1-class-dog.png"]);
        let root = folder.path();
        let settings = r#"{"model_hash": "00", "composite": "crp"}"#;
        fs::write(root.join("all/explained/settings.json"), settings).unwrap();
        let list = root.join("list");
        let picture = root.join("all/explained/dog-1-class-dog.png");
        fs::write(&list, format!("{}\n", picture.display())).unwrap();
        let list = format!("@{}", list.display());
        let dog = root.join("dog.jpg");
        for given in [
            vec![root.to_owned()],
            vec![root.join("*.jpg"), root.join("*/*")],
            vec![root.join("*.jpg"), root.join("*/*/*.png")],
            vec![dog.clone(), list.into()],
        ] {
            // Also where they are those of another run.
            for output in [root.join("all/explained"), root.join("new")] {
                let found = resolve(&given, Some(&output)).unwrap();
                let files: Vec<_> = found.files.iter().map(|file| &file.path).collect();
                assert_eq!(files, [&dog], "{given:?}");
                let is_told = found.notes.len() == 1 && found.notes[0].contains("ssdcrp explain");
                assert!(is_told || output.ends_with("explained"), "{given:?}");
            }
        }
        let error = found(root, &["all"]).unwrap_err().to_string();
        assert!(error.contains("explain has written into "), "{error}");
        let named = ["all/explained/dog-1-class-dog.png"];
        assert_eq!(names(root, &named), named);
    }
}
