//! Where the explanations of pictures go: `-o` and `--npy` in, the file of each explanation out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ssdcrp::inputs::plain_name;

use super::super::destination::{self, Destination};
use super::super::input_files::InputFiles;
use super::super::output;
use super::super::result_stem::told_apart;
use super::super::source_picture::SourcePicture;

/// Bytes of a target in a file's name.
const LONGEST_TARGET: usize = 60;

/// What is written, and where.
pub struct ExplainPlaces {
    pub pictures: Option<Destination>,
    pub maps: Option<Destination>,
}

impl ExplainPlaces {
    /// What `-o` and `--npy` mean, the latter with a name or without, where `several` pictures may be explained.
    ///
    /// # Errors
    /// Names that do not fit, or each other.
    pub fn of(pictures: Option<&Path>, maps: Option<Option<&Path>>, several: bool) -> Result<Self> {
        let pictures = pictures.map(|path| Destination::of(path, "png", several));
        let pictures = pictures.transpose()?;
        let maps = maps.map(|path| match (path, &pictures) {
            (Some(path), _) => Destination::of(path, "npy", several),
            (None, Some(pictures)) => Ok(pictures.with_ending("npy")),
            (None, None) => Err(anyhow::anyhow!(
                "--npy without a name writes beside the pictures of -o: name a file, or give -o too"
            )),
        });
        let places = Self {
            pictures,
            maps: maps.transpose()?,
        };
        let folders =
            [&places.pictures, &places.maps].map(|it| it.as_ref().map(Destination::folder));
        if let [Some(pictures), Some(maps)] = folders {
            ensure!(
                pictures == maps,
                "pictures and maps go into one folder: give --npy without a name"
            );
        }
        Ok(places)
    }

    /// Fails where something could not be written, or would replace what is read.
    pub fn check(&self, read: &InputFiles) -> Result<()> {
        let places = [("picture", &self.pictures), ("NPY", &self.maps)];
        let places: Vec<(&str, &Destination)> = (places.into_iter())
            .filter_map(|(what, place)| Some((what, place.as_ref()?)))
            .collect();
        destination::check(&places, read)?;
        if let Some(path) = self.pictures.as_ref().and_then(Destination::only_file) {
            output::check_ending(path, "pictures", "PNG")?;
        }
        if let Some(path) = self.maps.as_ref().and_then(Destination::only_file) {
            output::check_ending(path, "maps", "NPY")?;
        }
        Ok(())
    }

    /// The folder, if results go into one.
    pub fn folder(&self) -> Option<&Path> {
        let mut places = [&self.pictures, &self.maps].into_iter().flatten();
        places.find_map(Destination::folder)
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_none() && self.maps.is_none()
    }
}

/// The file of the explanation `index` of a picture: the one that was named, with a number if the question `may_be_several`; in a folder, called by the picture, a number and the target.
pub fn file_of(
    place: &Destination,
    picture: &SourcePicture,
    target: &str,
    index: usize,
    may_be_several: bool,
) -> PathBuf {
    match place.only_file() {
        Some(path) if may_be_several => output::numbered(path, index),
        Some(path) => path.to_owned(),
        None => {
            let target = short(plain_name(target, "+"));
            let stem = picture.stem.name();
            place.file(&format!("{stem}-{}-{target}", index + 1))
        }
    }
}

/// A target as a part of a file's name: file systems take 255 bytes, of which the picture's name needs some.
fn short(target: String) -> String {
    if target.len() <= LONGEST_TARGET {
        return target;
    }
    let end = target.floor_char_boundary(LONGEST_TARGET);
    told_apart(&target[..end], target.as_bytes())
}

/// How JSON and people are told of a file: in a folder by its name.
pub fn name_of(place: &Destination, file: &Path) -> Result<String> {
    let name = match place.folder() {
        Some(folder) => file.strip_prefix(folder).context("a file elsewhere")?,
        None => file,
    };
    Ok(name.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(pictures: Option<&str>, maps: Option<Option<&str>>) -> Result<ExplainPlaces> {
        ExplainPlaces::of(
            pictures.map(Path::new),
            maps.map(|it| it.map(Path::new)),
            false,
        )
    }

    #[test]
    fn maps_without_a_name_lie_beside_the_pictures() {
        let dog = SourcePicture::photo(Path::new("a/dog.jpg"), "dog".to_owned());
        let both = places(Some("out"), Some(None)).unwrap();
        assert_eq!(both.folder(), Some(Path::new("out")));
        let maps = both.maps.unwrap();
        let file = file_of(&maps, &dog, "offset:w+", 1, true);
        assert_eq!(file, Path::new("out/dog-2-offset-w+.npy"));
        assert_eq!(name_of(&maps, &file).unwrap(), "dog-2-offset-w+.npy");
        let one = places(Some("new/why.png"), Some(None)).unwrap();
        assert!(one.folder().is_none() && !one.is_empty());
        let maps = one.maps.unwrap();
        let file = file_of(&maps, &dog, "class:dog", 0, false);
        assert_eq!(file, Path::new("new/why.npy"));
        // One of what may be several, such as the detections of --all, has a number too.
        let first = file_of(&maps, &dog, "class:dog", 0, true);
        assert_eq!(first, Path::new("new/why-1.npy"));
        assert_eq!(name_of(&maps, &file).unwrap(), "new/why.npy");
    }

    #[test]
    fn a_long_label_gives_names_that_file_systems_take() {
        let dog = SourcePicture::photo(Path::new("dog.jpg"), "dog".to_owned());
        let maps = places(Some("out"), Some(None)).unwrap().maps.unwrap();
        let name = |label: &str| {
            let file = file_of(&maps, &dog, &format!("class:{label}"), 0, false);
            name_of(&maps, &file).unwrap()
        };
        let long = "写".repeat(100);
        let names = [name(&format!("{long}a")), name(&format!("{long}b"))];
        assert_ne!(names[0], names[1]);
        for name in names {
            assert!(
                name.len() <= 100 && name.starts_with("dog-1-class-写"),
                "{name}"
            );
        }
        assert_eq!(
            name(&"a".repeat(54)),
            format!("dog-1-class-{}.npy", "a".repeat(54))
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (pictures, maps, words) in [
            (None, Some(None), "--npy without a name"),
            (Some("out"), Some(Some("other")), "go into one folder"),
            (Some("out"), Some(Some("a.npy")), "go into one folder"),
        ] {
            let error = places(pictures, maps).err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(places(Some("a.png"), Some(Some("b.npy"))).is_ok());
        assert!(places(None, None).unwrap().is_empty());
    }
}
