//! Annotations of pictures by file name, in the classes of a model.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf, absolute};

use super::entries::Entries;
use super::{coco, voc};
use crate::detect::ClassId;
use crate::detect::Labels;
use crate::error::Result;
use crate::error::annotations::{Context, ensure};
use crate::geometry::Rect;
use crate::limits::{self, FileKind};

/// What is really on pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// By the picture's name, with the folders that the annotations give.
    pictures: BTreeMap<String, Vec<Annotated>>,
    /// These names by the file's own, without its ending.
    stems: BTreeMap<String, BTreeSet<String>>,
    unknown: BTreeMap<String, usize>,
}

/// An object that somebody has drawn a box around.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    /// Of the model.
    pub class: ClassId,
    /// Clipped to the picture.
    pub rect: Rect,
    /// Whether it is neither to be found nor an error to find: a crowd, or an object marked as difficult.
    pub ignored: bool,
}

impl Truth {
    /// Reads a COCO file (`.json`), a VOC file (`.xml`), or a folder of VOC files. Class names are looked up in `labels` in any case; boxes of classes that the model
    /// does not have are left out and counted.
    ///
    /// # Errors
    /// A file that is missing, or none of these; each message names the file.
    pub fn read(path: &Path, labels: &Labels) -> Result<Self> {
        let mut truth = Self::default();
        if path.is_dir() {
            let files = voc_files(path)?;
            ensure!(
                !files.is_empty(),
                "there is no annotation in {}: files of Pascal VOC, .xml, are expected in a folder",
                path.display()
            );
            for file in files {
                truth.add(&file, labels)?;
            }
        } else {
            truth.add(path, labels)?;
        }
        Ok(truth)
    }

    fn add(&mut self, path: &Path, labels: &Labels) -> Result<()> {
        let name = path.display();
        let is = |extension: &str| {
            path.extension()
                .is_some_and(|found| found.eq_ignore_ascii_case(extension))
        };
        ensure!(
            is("json") || is("xml"),
            "{name} is neither .json (COCO) nor .xml (Pascal VOC)"
        );
        let text = limits::read_text(path, FileKind::Annotations)
            .with_context(|| format!("cannot read {name}"))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = is("xml").then_some(&*stem);
        self.add_text(&text, stem, labels)
            .with_context(|| format!("cannot use {name}"))
    }

    /// Reads the text of a COCO file, or of the VOC file of a name without its ending.
    ///
    /// # Errors
    /// It is none.
    #[doc(hidden)]
    pub fn add_text(&mut self, text: &str, voc_stem: Option<&str>, labels: &Labels) -> Result<()> {
        let entries = match voc_stem {
            Some(stem) => voc::parse(text, stem)?,
            None => coco::parse(text)?,
        };
        self.enter(entries, labels);
        Ok(())
    }

    pub(super) fn enter(&mut self, entries: Entries, labels: &Labels) {
        for picture in entries.pictures {
            self.picture(&picture);
        }
        for entry in entries.boxes {
            // Only a name counts: a number would be an id of the model's, not of the file's.
            let class = labels.classes().find(|&class| {
                labels.is_named(class)
                    && labels.name(class).to_lowercase() == entry.label.trim().to_lowercase()
            });
            let Some(class) = class else {
                *self.unknown.entry(entry.label).or_default() += 1;
                continue;
            };
            self.picture(&entry.picture).push(Annotated {
                class,
                rect: entry.rect.clipped(),
                ignored: entry.ignored,
            });
        }
    }

    /// What is on a picture, which is known from here on.
    fn picture(&mut self, name: &str) -> &mut Vec<Annotated> {
        let alike = self.stems.entry(stem(Path::new(name))).or_default();
        alike.insert(name.to_owned());
        self.pictures.entry(name.to_owned()).or_default()
    }

    /// What is on a photo, by its file: on the picture of that file name, else of one that differs in its ending. Of several such pictures it is the one whose folders, from the file upwards, agree
    /// most. `None` where nobody has looked, or where it may be [any of them](Self::ambiguous).
    pub fn of(&self, photo: impl AsRef<Path>) -> Option<&[Annotated]> {
        let photo = photo.as_ref();
        if self.ambiguous(photo).is_some() {
            return None;
        }
        let name = self.nearest(photo).into_iter().next()?;
        self.pictures.get(name).map(Vec::as_slice)
    }

    /// Two annotated pictures of different folders, either of which may be the photo.
    pub fn ambiguous(&self, photo: &Path) -> Option<[&str; 2]> {
        let nearest = self.nearest(photo);
        let first = *nearest.first()?;
        let other = nearest
            .into_iter()
            .find(|name| folders(name) != folders(first));
        Some([first, other?])
    }

    /// The names of annotated pictures that are most like a photo's path, in order.
    fn nearest(&self, photo: &Path) -> Vec<&str> {
        let Some(alike) = self.stems.get(&stem(photo)) else {
            return vec![];
        };
        // Where the process works counts, too.
        let photo = absolute(photo).unwrap_or_else(|_| photo.to_owned());
        let above = folders(&photo);
        let likeness = |name: &str| {
            let own = folders(name);
            let common = own.iter().rev().zip(above.iter().rev());
            let common = common.take_while(|(own, above)| own == above).count();
            let is_named_so = Path::new(name).file_name() == photo.file_name();
            (is_named_so, common, Reverse(own.len()))
        };
        let most = alike.iter().map(|name| likeness(name)).max();
        let nearest = alike.iter().filter(|name| Some(likeness(name)) == most);
        nearest.map(String::as_str).collect()
    }

    /// Names of classes that the model does not have, with the number of boxes that were left out for it.
    pub fn unknown(&self) -> &BTreeMap<String, usize> {
        &self.unknown
    }

    /// The same in words: "person (31), sofa (2)"; `None` where the model has all of them.
    pub fn unknown_list(&self) -> Option<String> {
        let all = self.unknown.iter();
        let all: Vec<String> = all
            .map(|(label, count)| format!("{label} ({count})"))
            .collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

fn voc_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut files = listed().with_context(|| format!("cannot read {}", folder.display()))?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("xml"))
    });
    files.sort();
    Ok(files)
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// The folders above a file, the nearest last.
fn folders(path: &(impl AsRef<Path> + ?Sized)) -> Vec<&OsStr> {
    let above = path.as_ref().parent().into_iter();
    let parts = above.flat_map(Path::components);
    parts
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::entries::Entry;

    fn labels() -> Labels {
        ["background", "dog", "", "12"].into_iter().collect()
    }

    fn entry(picture: &str, label: &str, rect: [f32; 4]) -> Entry {
        Entry {
            picture: picture.to_owned(),
            label: label.to_owned(),
            rect: rect.into(),
            ignored: false,
        }
    }

    #[test]
    fn pictures_are_found_by_name_and_unknown_classes_are_counted() {
        let mut truth = Truth::default();
        truth.enter(
            Entries {
                pictures: vec!["train/empty.jpg".to_owned()],
                boxes: vec![
                    entry("train/a.jpg", "Dog ", [-0.1, 0.2, 0.5, 1.5]),
                    entry("a.jpg", "sofa", [0.0; 4]),
                    entry("a.jpg", "", [0.0; 4]),
                    entry("a.jpg", "1", [0.0; 4]),
                ],
            },
            &labels(),
        );
        let dog = Annotated {
            class: ClassId(1),
            rect: Rect::new(0.0, 0.2, 0.5, 1.0),
            ignored: false,
        };
        for name in ["a.jpg", "photos/a.jpg", "a.png"] {
            assert_eq!(truth.of(name), Some(&[dog.clone()][..]), "{name}");
        }
        assert_eq!(truth.of("empty.jpg"), Some(&[][..]));
        assert_eq!(truth.of("b.jpg"), None);
        // Of two names that differ in their endings the first in order counts, whichever was read first.
        let named = |first: &str, second: &str| {
            let mut truth = Truth::default();
            for (name, edge) in [(first, 0.1), (second, 0.1)] {
                let edge = if name == "c.gif" { 0.9 } else { edge };
                let boxes = vec![entry(name, "dog", [0.0, 0.0, edge, 1.0])];
                truth.enter(
                    Entries {
                        pictures: vec![],
                        boxes,
                    },
                    &labels(),
                );
            }
            truth.of("c.png").unwrap()[0].rect.x1
        };
        assert_eq!(
            [named("c.gif", "c.jpg"), named("c.jpg", "c.gif")],
            [0.9, 0.9]
        );
        let unknown: Vec<_> = truth.unknown().keys().map(String::as_str).collect();
        assert_eq!(unknown, ["", "1", "sofa"]);
        assert_eq!(truth.unknown_list().unwrap(), " (1), 1 (1), sofa (1)");
        assert_eq!(Truth::default().unknown_list(), None);
    }

    #[test]
    fn pictures_of_one_name_are_told_apart_by_their_folders() {
        let truth = |names: &[&str]| {
            let mut truth = Truth::default();
            let pictures = names.iter().map(|&name| name.to_owned()).collect();
            let boxes = vec![entry(names[0], "dog", [0.0, 0.0, 0.5, 0.5])];
            truth.enter(Entries { pictures, boxes }, &labels());
            truth
        };
        let two = truth(&["train/1.jpg", "val/1.jpg"]);
        let count = |photo: &str| two.of(photo).map(<[_]>::len);
        assert_eq!(count("/data/train/1.jpg"), Some(1));
        assert_eq!(count("data/val/1.png"), Some(0));
        assert_eq!(count("other/1.jpg"), None);
        let both = two.ambiguous(Path::new("other/1.jpg"));
        assert_eq!(both, Some(["train/1.jpg", "val/1.jpg"]));
        assert_eq!(two.ambiguous(Path::new("a/train/1.jpg")), None);
        // One without folders is of the photo that no other one is of.
        let with_plain = truth(&["1.jpg", "val/1.jpg"]);
        assert_eq!(with_plain.of("other/1.jpg").unwrap().len(), 1);
        assert_eq!(with_plain.of("val/1.jpg").unwrap().len(), 0);
        // One alone counts, wherever the photos lie.
        assert_eq!(truth(&["train/1.jpg"]).of("photos/1.jpg").unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        for (path, reason) in [
            (empty, "there is no annotation in"),
            (folder.path().join("none.json"), "cannot read"),
            (write("a.txt", ""), "neither .json"),
            (write("a.json", "[1, 2"), "cannot use"),
            (write("b.xml", "<annotation>"), "cannot use"),
        ] {
            let error = format!("{:#}", Truth::read(&path, &labels()).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
