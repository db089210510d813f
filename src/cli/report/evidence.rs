//! Folders of events as inputs of a report: folders in, the frames of their worst events out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Error, Result, anyhow};
use ssdcrp::inputs::InputFile;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::PhotoSource;
use ssdcrp::stream::evidence::{LINES, Mark, Marks, Record, Records, is_own_file};

use super::super::failures::UnreadablePlace;
use super::super::output;
use super::super::source_picture::SourcePicture;
use super::super::source_stamp::path_text;
use super::input::ReportInput;

/// Folders of events, each once.
#[derive(Default)]
pub struct EventFolders {
    /// As they were named, one for each stream.
    folders: Vec<PathBuf>,
    /// Their real paths, in the same order.
    real: Vec<PathBuf>,
    known: BTreeSet<PathBuf>,
    /// Whether a folder has events.
    looked_at: BTreeMap<PathBuf, bool>,
}

/// What is in folders of events.
#[derive(Default)]
pub struct EventFrames {
    /// The folders.
    pub folders: Vec<PathBuf>,
    pub frames: Vec<ReportInput>,
    /// What is left out on purpose.
    pub notes: Vec<String>,
    /// What cannot be used.
    pub failures: Vec<Error>,
}

impl EventFolders {
    /// Takes a folder that is one of events, or those of streams below it, however deep. Says whether there are any.
    pub fn take(&mut self, path: &Path) -> bool {
        let is_one = path.join(LINES).is_file() && self.add(path);
        // What cannot be read is told by who looks for photos.
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            // Links are not followed: they may lead in a circle.
            !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
        });
        let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
        folders.sort();
        let found = folders.iter().map(|folder| self.take(folder));
        found.fold(is_one, |any, found| any | found)
    }

    /// Whether none was taken.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    fn add(&mut self, path: &Path) -> bool {
        let Ok(real) = fs::canonicalize(path) else {
            return false;
        };
        if self.known.insert(real.clone()) {
            self.folders.push(path.to_owned());
            self.real.push(real);
        }
        true
    }

    /// Takes the folder of a file, if that file is a picture of its events.
    pub fn take_of(&mut self, file: &InputFile) -> bool {
        if !self.is_picture_of_events(file) {
            return false;
        }
        let named = output::folder_of(&file.path);
        // A link may lead to it.
        let folder = match named.join(LINES).is_file() {
            true => named,
            false => file.real.parent().unwrap_or(named),
        };
        self.add(folder)
    }

    /// Whether a file is a picture that a folder of events has, by its own name or by that of a link: no link may bring a file from elsewhere into the page.
    fn is_picture_of_events(&mut self, file: &InputFile) -> bool {
        let mut names = [&file.path, &file.real].into_iter();
        names.any(|path| self.is_named_so(path))
    }

    fn is_named_so(&mut self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(is_own_file) {
            return false;
        }
        let folder = output::folder_of(path);
        match self.looked_at.get(folder) {
            Some(&has_events) => has_events,
            None => {
                let has_events = folder.join(LINES).is_file();
                self.looked_at.insert(folder.to_owned(), has_events);
                has_events
            }
        }
    }

    /// Reads them, of which the `most` severe events count.
    ///
    /// # Errors
    /// Lines or marks cannot be read.
    pub fn read(self, most: usize) -> Result<EventFrames> {
        let streams = stream_names(&self.real);
        let mut kept = EventFrames::default();
        let mut all: Vec<(usize, Record, Option<Mark>)> = Vec::new();
        for (index, folder) in self.folders.iter().enumerate() {
            let Records {
                records,
                unreadable,
            } = Records::read(folder)?;
            let lines = folder.join(LINES);
            let lines = lines.display();
            kept.failures.extend(
                match unreadable {
                    0 => None,
                    1 => Some(format!("one line that is no event in {lines}")),
                    count => Some(format!("{count} lines that are no events in {lines}")),
                }
                .map(|words| Error::new(UnreadablePlace(words))),
            );
            let marks = Marks::read(folder)?;
            all.extend(records.into_iter().map(|record| {
                let mark = marks.of(record.id, &record.recorded);
                (index, record, mark)
            }));
        }
        let count = all.len();
        if count > most {
            kept.notes.push(format!(
                "{} of {count} events, those of the least severity: --most is {most}",
                count - most
            ));
        }
        all.sort_by(|(_, a, _), (_, b, _)| b.event.severity.total_cmp(&a.event.severity));
        all.truncate(most);
        all.sort_by_key(|(stream, record, _)| (*stream, record.id));
        for (stream, record, mark) in all {
            kept.add(&self.folders[stream], &streams[stream], record, mark);
        }
        kept.folders = self.folders;
        Ok(kept)
    }
}

/// What the streams of folders are called, by their real paths: the folder's own name, and as many of those above it as tell it from others.
fn stream_names(folders: &[PathBuf]) -> Vec<String> {
    let parts = |folder: &Path| -> Vec<String> {
        let parts = folder.components().filter_map(|part| match part {
            Component::Normal(name) => Some(path_text(Path::new(name))),
            _ => None,
        });
        parts.collect()
    };
    let parts: Vec<Vec<String>> = folders.iter().map(|folder| parts(folder)).collect();
    let last =
        |parts: &[String], count: usize| parts[parts.len().saturating_sub(count)..].join("/");
    let mut names: Vec<String> = parts.iter().map(|parts| last(parts, 1)).collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
    for count in 2..=longest {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in &names {
            *counts.entry(name.clone()).or_default() += 1;
        }
        for (name, parts) in names.iter_mut().zip(&parts) {
            if counts[name.as_str()] > 1 {
                *name = last(parts, count);
            }
        }
    }
    names
}

impl EventFrames {
    /// Adds an event: to its frame where that is there already.
    fn add(&mut self, folder: &Path, stream: &str, record: Record, mark: Option<Mark>) {
        let time = record.event.running_time;
        // Two runs may have a frame at the same time, but not within the same second.
        let is_of = |frame: &&mut ReportInput| {
            let (last, _) = frame.events.last()?;
            let source = &frame.source;
            let is_here = source.stream.as_deref() == Some(stream)
                && frame.picture.path.parent() == Some(folder)
                && source.recorded.as_ref() == Some(&record.recorded);
            Some(is_here && time.is_some() && last.running_time == time)
        };
        let last = self.frames.last_mut();
        if let Some(frame) = last.filter(|frame| is_of(frame) == Some(true)) {
            frame.events.push((record.event, mark));
            return;
        }
        // The page is for others: no link may bring a file from elsewhere into it.
        let name = record.frame_name();
        let place = record.frame_in(folder);
        match limits::inside(folder, Path::new(&name), FileKind::Picture) {
            Ok(_) => {}
            // What is not there is said where it is read.
            Err(error) if error.io().is_some() => {}
            Err(error) => {
                self.failures.push(anyhow!("{}: {error}", place.display()));
                return;
            }
        }
        let at = time.map(|time| format!(" at {:.1} s", time as f64 / 1e9));
        self.frames.push(ReportInput {
            source: PhotoSource {
                name: format!("{}{}", record.frame, at.unwrap_or_default()),
                file: path_text(&place),
                stream: Some(stream.to_owned()),
                recorded: (!record.recorded.is_empty()).then_some(record.recorded),
                annotated_file: None,
            },
            picture: SourcePicture::photo(&place, name),
            events: vec![(record.event, mark)],
        });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn streams_of_one_name_are_told_apart_by_the_folders_above() {
        let names = |folders: &[&str]| {
            let folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
            stream_names(&folders)
        };
        assert_eq!(
            names(&["/e/monday/gate", "/e/tuesday/gate", "/e/monday/yard"]),
            ["monday/gate", "tuesday/gate", "yard"]
        );
        assert_eq!(names(&["/a/x/gate", "/b/x/gate"]), ["a/x/gate", "b/x/gate"]);
        assert_eq!(names(&["/gate"]), ["gate"]);
        assert_eq!(names(&["/gate", "/a/gate"]), ["gate", "a/gate"]);
    }

    #[test]
    fn a_folder_of_events_counts_once_however_it_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let deep = "evidence/2026/11/30/a/deep";
        let inner = "evidence/gate/inner";
        for folder in [
            "evidence/gate",
            inner,
            "evidence/.hidden",
            deep,
            "disk/yard",
        ] {
            fs::create_dir_all(path(folder)).unwrap();
            fs::write(path(folder).join(LINES), "").unwrap();
        }
        symlink(path("evidence/gate"), path("link")).unwrap();
        symlink(path("disk"), path("evidence/disk")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        let mut folders = EventFolders::default();
        for named in ["evidence", "evidence/gate", "link", "evidence"] {
            assert!(folders.take(&path(named)), "{named}");
        }
        assert!(!folders.take(&path("empty")));
        assert_eq!(folders.folders, [deep, "evidence/gate", inner].map(path));
        // One to which a link leads is known by its pictures.
        let file = |name: &str| InputFile::new(&path(name)).unwrap();
        assert!(!folders.take_of(&file("evidence/disk/yard/dog.jpg")));
        assert!(folders.take_of(&file("evidence/disk/yard/000001-frame.png")));
        assert!(!folders.take_of(&file("evidence/a/000001-frame.png")));
        assert_eq!(folders.folders.len(), 4);
    }
}
