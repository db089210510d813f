//! Where the results of pictures go: what the user named in; a file for the only picture, or a folder with files for each, out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::input_files::InputFiles;
use super::output;

/// A file or a folder, and how files end.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    place: ResultPlace,
    ending: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
enum ResultPlace {
    File(PathBuf),
    Folder(PathBuf),
}

impl Destination {
    /// What is meant by `path`. A folder is one that is there, one with a slash at its end, a name without an ending that is not there yet, and whatever is named where `several` pictures are meant.
    ///
    /// # Errors
    /// A file is named where a folder is needed.
    pub fn of(path: &Path, ending: &'static str, several: bool) -> Result<Self> {
        let name = path.as_os_str().as_encoded_bytes();
        let is_folder = path.is_dir() || name.ends_with(b"/");
        let ends_so = |path: &Path| {
            let extension = path.extension().unwrap_or_default();
            extension.eq_ignore_ascii_case(ending)
        };
        let is_file = path.exists() || name == b"-";
        ensure!(
            is_folder || !several || !(is_file || ends_so(path)),
            "results of several pictures go into a folder, and {} is a file: name a folder",
            path.display()
        );
        let is_file = !several && (is_file || path.extension().is_some());
        let place = match is_folder || !is_file {
            true => ResultPlace::Folder(path.to_owned()),
            false => ResultPlace::File(path.to_owned()),
        };
        Ok(Self { place, ending })
    }

    /// The same folder for files of another ending; of a file, the file beside it.
    pub fn with_ending(&self, ending: &'static str) -> Self {
        let place = match &self.place {
            ResultPlace::File(path) => ResultPlace::File(path.with_extension(ending)),
            folder @ ResultPlace::Folder(_) => folder.clone(),
        };
        Self { place, ending }
    }

    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            ResultPlace::Folder(folder) => Some(folder),
            ResultPlace::File(_) => None,
        }
    }

    /// The file, if it is one.
    pub fn only_file(&self) -> Option<&Path> {
        match &self.place {
            ResultPlace::File(path) => Some(path),
            ResultPlace::Folder(_) => None,
        }
    }

    /// The file of a picture whose results are called so.
    pub fn file(&self, stem: &str) -> PathBuf {
        match &self.place {
            ResultPlace::File(path) => path.clone(),
            ResultPlace::Folder(folder) => folder.join(format!("{stem}.{}", self.ending)),
        }
    }
}

/// Fails where what goes to these places, each behind what it is, could not be written or would replace what is read.
pub fn check(destinations: &[(&str, &Destination)], read: &InputFiles) -> Result<()> {
    let files = destinations.iter().filter_map(|(what, destination)| {
        let file = destination.only_file()?;
        Some((*what, file))
    });
    read.check(&files.collect::<Vec<_>>())?;
    let mut folders = destinations.iter().filter_map(|(_, it)| it.folder());
    folders.try_for_each(|folder| {
        output::check_folder(folder)
            .with_context(|| format!("cannot write into {}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_file_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("there"), "").unwrap();
        std::fs::create_dir(path("folder.png")).unwrap();
        let of = |name: &str, several| {
            let destination = Destination::of(&path(name), "png", several);
            destination.map(|it| it.folder().is_some()).ok()
        };
        for (name, of_one, of_several) in [
            ("why.png", Some(false), None),
            ("why.jpg", Some(false), Some(true)),
            ("there", Some(false), None),
            ("out", Some(true), Some(true)),
            ("out.png/", Some(true), Some(true)),
            ("folder.png", Some(true), Some(true)),
        ] {
            assert_eq!(
                (of(name, false), of(name, true)),
                (of_one, of_several),
                "{name}"
            );
        }
        let device = Destination::of(Path::new("/dev/null"), "png", false).unwrap();
        assert_eq!(device.folder(), None);
        assert!(Destination::of(Path::new("-"), "png", true).is_err());
    }

    #[test]
    fn files_in_a_folder_are_called_by_their_pictures() {
        let of = |name: &str| Destination::of(Path::new(name), "png", false).unwrap();
        assert_eq!(of("out").file("dog-1"), Path::new("out/dog-1.png"));
        assert_eq!(of("why.png").file("dog-1"), Path::new("why.png"));
        assert_eq!(
            of("why.png").with_ending("npy").file(""),
            Path::new("why.npy")
        );
        assert_eq!(
            of("out").with_ending("npy").file("a"),
            Path::new("out/a.npy")
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let destination = Destination::of(Path::new("/dev/null/out"), "png", true).unwrap();
        let error = check(&[("picture", &destination)], &InputFiles::default());
        let error = format!("{:#}", error.unwrap_err());
        assert_eq!(
            error,
            "cannot write into /dev/null/out: /dev/null is not a folder"
        );
    }
}
