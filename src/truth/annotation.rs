//! Annotations of pictures by file name, in the classes of a model.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// By the picture's file name, without folders.
    pictures: BTreeMap<String, Vec<Annotated>>,
    /// The first of these names, by the name without its ending.
    stems: BTreeMap<String, String>,
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
    fn picture(&mut self, path: &str) -> &mut Vec<Annotated> {
        let name = file_name(path);
        let first = self.stems.entry(stem(&name)).or_insert(name.clone());
        if name < *first {
            first.clone_from(&name);
        }
        self.pictures.entry(name).or_default()
    }

    /// What is on the picture of that file name, or of one that differs in its ending; `None` where nobody has looked.
    pub fn of(&self, name: &str) -> Option<&[Annotated]> {
        let name = file_name(name);
        let found = self.pictures.get(&name).or_else(|| {
            let alike = self.stems.get(&stem(&name))?;
            self.pictures.get(alike)
        });
        found.map(Vec::as_slice)
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

fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or(OsStr::new(path));
    name.to_string_lossy().into_owned()
}

fn stem(name: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or(OsStr::new(name));
    stem.to_string_lossy().into_owned()
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
