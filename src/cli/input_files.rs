//! What a command reads, held against what it is to write: nothing that is read is replaced, and no two results are one file.
//!
//! In: photos, models with the weights beside them, annotations and folders of events, and the files that options name. Out: the first mistake, before any work is done.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail, ensure};
use ssdcrp::detect::Model;
use ssdcrp::stream::evidence::{LINES, is_own_file};

use super::output;

/// Finds the real path of a file.
type Resolver = fn(&Path) -> io::Result<PathBuf>;

/// The files that a command reads.
pub struct InputFiles {
    /// With what each is, such as "photo".
    files: Vec<(&'static str, PathBuf)>,
    /// Annotations: a file, or a folder of such.
    truth: Option<PathBuf>,
    /// Models, each with its manifest and perhaps weights in files beside it.
    models: Vec<PathBuf>,
    /// Folders of events, of which pictures and marks are read, too.
    events: Vec<PathBuf>,
    /// How real paths are found.
    resolver: Resolver,
    /// All of these by their real paths, which are looked up once, however many files are written.
    real: OnceCell<RealFiles>,
}

/// What is read, by real paths.
struct RealFiles {
    /// What each file is.
    files: HashMap<PathBuf, &'static str>,
    /// Folders of events.
    events: BTreeSet<PathBuf>,
}

impl Default for InputFiles {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            truth: None,
            models: Vec::new(),
            events: Vec::new(),
            resolver: real_path,
            real: OnceCell::new(),
        }
    }
}

fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

impl InputFiles {
    /// With these photos.
    pub fn photos<'a>(mut self, photos: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let photos = photos.into_iter().cloned();
        self.files.extend(photos.map(|photo| ("photo", photo)));
        self
    }

    /// With a model and its manifest, unless it is the built-in one.
    pub fn model(mut self, model: Option<&Path>) -> Self {
        self.models.extend(model.map(Path::to_owned));
        self
    }

    /// With annotations, if there are any.
    pub fn truth(mut self, truth: Option<&Path>) -> Self {
        self.truth = truth.map(Path::to_owned);
        self
    }

    /// With the files of those of `folders` that are folders of events.
    pub fn events(mut self, folders: &[PathBuf]) -> Self {
        let are_events = folders.iter().filter(|folder| folder.join(LINES).exists());
        self.events.extend(are_events.cloned());
        self
    }

    /// Looks at the files that are to be written, each behind what is written to it, such as "CSV".
    ///
    /// # Errors
    /// One would replace what is read, two are one file, one is `-`, by which other programs mean standard output, or one cannot be written.
    pub fn check(&self, written: &[(&str, &Path)]) -> Result<()> {
        for (_, path) in written {
            check_is_file_name(path)?;
            self.check_kept(path)?;
        }
        check_differ(written)?;
        written
            .iter()
            .try_for_each(|(_, path)| output::check_place(path))
    }

    /// Fails where writing `path` would replace what is read.
    pub fn check_kept(&self, path: &Path) -> Result<()> {
        // What is not there yet is read by nobody.
        let Ok(written) = (self.resolver)(path) else {
            return Ok(());
        };
        let real = self.real.get_or_init(|| self.real_files());
        let what = real.files.get(&written).copied();
        let what = what.or_else(|| real.file_of_events(&written));
        let what = what.or_else(|| self.file_of_annotations(path, &written));
        if let Some(what) = what {
            bail!(
                "cannot write {}: that is the {what} itself, name another file",
                path.display()
            );
        }
        Ok(())
    }

    fn real_files(&self) -> RealFiles {
        let of_models = self.models.iter().flat_map(|model| Model::files(model));
        let mut files = HashMap::new();
        for (what, file) in self.files.iter().cloned().chain(of_models) {
            if let Ok(real) = (self.resolver)(&file) {
                files.entry(real).or_insert(what);
            }
        }
        let events = self.events.iter();
        let events = events.filter_map(|folder| (self.resolver)(folder).ok());
        RealFiles {
            files,
            events: events.collect(),
        }
    }

    /// Of a folder of annotations every file may be read, also by the way of a link in it.
    fn file_of_annotations(&self, path: &Path, written: &Path) -> Option<&'static str> {
        let truth = self.truth.as_ref()?;
        let truth = match path.file_name() {
            Some(name) if truth.is_dir() => truth.join(name),
            _ => truth.clone(),
        };
        let is_it = (self.resolver)(&truth).is_ok_and(|truth| truth == written);
        is_it.then_some("file of annotations")
    }
}

impl RealFiles {
    fn file_of_events(&self, written: &Path) -> Option<&'static str> {
        let name = written.file_name()?.to_str()?;
        let is_it = is_own_file(name) && self.events.contains(written.parent()?);
        is_it.then_some("file of events")
    }
}

fn check_is_file_name(path: &Path) -> Result<()> {
    ensure!(
        path != Path::new("-"),
        "cannot write to '-': standard output is for the summary or the JSON, name a file (./- is one of that name)"
    );
    Ok(())
}

/// Fails where two of the `files` are one, so that the later one would replace the earlier.
fn check_differ(files: &[(&str, &Path)]) -> Result<()> {
    for (index, (what, path)) in files.iter().enumerate() {
        for (earlier, other) in &files[..index] {
            ensure!(
                !are_one(other, path),
                "cannot write {earlier} and {what} both to {}: name two files",
                path.display()
            );
        }
    }
    Ok(())
}

fn are_one(one: &Path, other: &Path) -> bool {
    match (place(one), place(other)) {
        // Devices and pipes take both.
        (Some(one), Some(other)) => one == other && output::is_file_place(&one),
        _ => one == other,
    }
}

/// The absolute path, free of links, of a file that need not be there yet, and neither its folders.
fn place(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut rest = path;
    loop {
        if let Ok(existing) = fs::canonicalize(rest) {
            return Some(missing.into_iter().rev().fold(existing, follow));
        }
        missing.push(rest.components().next_back()?);
        let folder = output::folder_of(rest);
        // The folder in which the process works has gone.
        if folder == rest {
            return None;
        }
        rest = folder;
    }
}

/// Goes on in a path that is free of links.
fn follow(mut path: PathBuf, to: Component) -> PathBuf {
    match to {
        Component::ParentDir => {
            path.pop();
        }
        Component::CurDir => {}
        name => path.push(name),
    }
    path
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use ssdcrp::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};

    use super::*;

    /// A model that keeps a weight in this file beside it.
    fn with_weights_in(file: &str) -> Vec<u8> {
        let location = StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some(file.to_owned()),
        };
        let weight = TensorProto {
            name: Some("weight".to_owned()),
            data_location: Some(1),
            external_data: vec![location],
            ..TensorProto::default()
        };
        let graph = GraphProto {
            initializer: vec![weight],
            ..GraphProto::default()
        };
        let model = ModelProto {
            graph: Some(graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }

    #[test]
    fn what_is_read_is_not_written_under_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.jpg", "net.onnx", "net.toml", LINES, "a.xml", "free"] {
            fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink("net.onnx", path("link")).unwrap();
        let whole = folder.path().to_owned();
        let begin = || {
            InputFiles::default()
                .photos(&[path("a.jpg")])
                .model(Some(&path("net.onnx")))
                .events(std::slice::from_ref(&whole))
        };
        let read = begin();
        let with_truth = InputFiles::default().truth(Some(folder.path()));
        for (inputs, name, what) in [
            (&read, "a.jpg", "photo"),
            (&read, "./net.onnx", "model"),
            (&read, "link", "model"),
            (&read, "net.toml", "manifest"),
            (&read, LINES, "file of events"),
            (&with_truth, "a.xml", "file of annotations"),
        ] {
            let error = inputs.check(&[("JSON", &path(name))]).unwrap_err();
            let words = format!("that is the {what} itself, name another file");
            assert!(error.to_string().ends_with(&words), "{error}");
        }
        // What belongs to these without being named.
        let marks = "marks.jsonl";
        for name in [marks, "000007-frame.png", "weights"] {
            fs::write(path(name), "").unwrap();
        }
        fs::write(path("net.onnx"), with_weights_in("weights")).unwrap();
        let read = begin();
        for (name, what) in [
            (marks, "file of events"),
            ("000007-frame.png", "file of events"),
            ("weights", "file of the model's weights"),
        ] {
            let error = read.check(&[("JSON", &path(name))]).unwrap_err();
            let words = format!("that is the {what} itself, name another file");
            assert!(error.to_string().ends_with(&words), "{error}");
        }
        for name in ["free", "new", "a.xml", "000008-frame.png"] {
            read.check(&[("JSON", &path(name))]).unwrap();
        }
    }

    #[test]
    fn each_file_that_is_read_is_looked_up_once_however_many_are_written() {
        thread_local! {
            static LOOKUPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let photos = ["a.jpg", "b.jpg", "c.jpg"].map(path);
        for photo in &photos {
            fs::write(photo, "").unwrap();
        }
        let mut read = InputFiles::default().photos(&photos);
        read.resolver = |path| {
            LOOKUPS.set(LOOKUPS.get() + 1);
            fs::canonicalize(path)
        };
        read.check_kept(&path("new.png")).unwrap();
        assert_eq!(LOOKUPS.get(), 1, "what is not there yet");
        fs::write(path("old.png"), "").unwrap();
        for _ in 0..10 {
            read.check_kept(&path("old.png")).unwrap();
        }
        assert_eq!(LOOKUPS.get(), 1 + 3 + 10);
        assert!(read.check_kept(&photos[2]).is_err());
    }

    #[test]
    fn results_are_files_of_their_own() {
        let differ =
            |picture: &Path, npy: &Path| check_differ(&[("picture", picture), ("NPY", npy)]);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("below")).unwrap();
        fs::write(path("there"), "").unwrap();
        std::os::unix::fs::symlink("there", path("link")).unwrap();
        for (picture, npy) in [
            ("new", "new"),
            ("new", "./new"),
            ("new", "below/../new"),
            ("there", "there"),
            ("there", "link"),
            ("nowhere/a", "nowhere/a"),
            ("nowhere/a", "./nowhere/a"),
            (
                "nowhere/below/a",
                "link-to-nothing/../nowhere/other/../below/a",
            ),
        ] {
            let error = differ(&path(picture), &path(npy)).unwrap_err();
            assert!(error.to_string().ends_with("name two files"), "{error}");
        }
        assert!(differ(Path::new("same"), Path::new("./same")).is_err());
        for (picture, npy) in [("new", "newer"), ("new", "below/new"), ("there", "new")] {
            differ(&path(picture), &path(npy)).unwrap();
        }
        differ(Path::new("/dev/null"), Path::new("/dev/null")).unwrap();
        let three = [("CSV", "new"), ("JSON", "newer"), ("SVG", "./new")]
            .map(|(what, name)| (what, path(name)));
        let error = check_differ(&three.each_ref().map(|(what, path)| (*what, path.as_path())));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write CSV and SVG both to "),
            "{error}"
        );
    }
}
