//! Folders of events as inputs of a report: a folder in, the frames of its worst events out, those of all its streams where it has several.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::PhotoSource;
use ssdcrp::stream::evidence::{LINES, Mark, Marks, Record, Records};

use super::super::source_picture::SourcePicture;
use super::input::ReportInput;

/// How deep the folders of streams may lie: the monitor has one for each camera, an archive one for each video by its name.
const DEEPEST: usize = 3;

/// A folder with the events of one stream.
struct StreamFolder {
    folder: PathBuf,
    /// Its own name.
    stream: String,
}

/// What folders of events are made of.
#[derive(Default)]
pub struct EventFolders {
    /// One for each stream.
    pub folders: Vec<PathBuf>,
    pub frames: Vec<ReportInput>,
    /// What cannot be used.
    pub notes: Vec<String>,
}

/// Reads a folder of events, or one that has such folders, of which the `most` severe events count; nothing of another folder.
pub fn read(path: &Path, most: usize) -> Result<Option<EventFolders>> {
    let streams = streams(path)?;
    if streams.is_empty() {
        return Ok(None);
    }
    let mut evidence = EventFolders::default();
    let mut all: Vec<(usize, Record, Option<Mark>)> = Vec::new();
    for (index, StreamFolder { folder, .. }) in streams.iter().enumerate() {
        let kept = Records::read(folder)?;
        let lines = folder.join(LINES);
        let lines = lines.display();
        evidence.notes.extend(match kept.unreadable {
            0 => None,
            1 => Some(format!("one line that is no event in {lines}")),
            count => Some(format!("{count} lines that are no events in {lines}")),
        });
        let marks = Marks::read(folder)?;
        all.extend(kept.records.into_iter().map(|record| {
            let mark = marks.of(record.id, &record.recorded);
            (index, record, mark)
        }));
    }
    all.sort_by(|(_, a, _), (_, b, _)| b.event.severity.total_cmp(&a.event.severity));
    all.truncate(most);
    all.sort_by_key(|(stream, record, _)| (*stream, record.id));
    for (stream, record, mark) in all {
        evidence.add(&streams[stream], record, mark);
    }
    evidence.folders = streams.into_iter().map(|stream| stream.folder).collect();
    Ok(Some(evidence))
}

impl EventFolders {
    /// Adds an event: to its frame where that is there already.
    fn add(&mut self, stream: &StreamFolder, record: Record, mark: Option<Mark>) {
        let folder = &stream.folder;
        let time = record.event.running_time;
        // Two runs may have a frame at the same time, but not within the same second.
        let is_of = |frame: &&mut ReportInput| {
            let (last, _) = frame.events.last()?;
            let source = &frame.source;
            let is_here = source.stream.as_ref() == Some(&stream.stream)
                && frame.picture.path.parent() == Some(folder.as_path())
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
        let place = folder.join(&name);
        match limits::inside(folder, Path::new(&name), FileKind::Picture) {
            Ok(_) => {}
            // What is not there is said where it is read.
            Err(error) if error.io().is_some() => {}
            Err(error) => {
                self.notes.push(format!("{}: {error}", place.display()));
                return;
            }
        }
        let at = time.map(|time| format!(" at {:.1} s", time as f64 / 1e9));
        self.frames.push(ReportInput {
            source: PhotoSource {
                name: format!("{}{}", record.frame, at.unwrap_or_default()),
                file: place.display().to_string(),
                stream: Some(stream.stream.clone()),
                recorded: (!record.recorded.is_empty()).then_some(record.recorded),
            },
            picture: SourcePicture::photo(&place, name),
            events: vec![(record.event, mark)],
        });
    }
}

/// The folder itself where it is one of events, else those below it, in the order of their names.
fn streams(path: &Path) -> Result<Vec<StreamFolder>> {
    let mut found = Vec::new();
    add_streams(path, DEEPEST, &mut found)?;
    Ok(found)
}

fn add_streams(path: &Path, deepest: usize, found: &mut Vec<StreamFolder>) -> Result<()> {
    if path.join(LINES).is_file() {
        let whole = fs::canonicalize(path);
        let whole = whole.with_context(|| format!("cannot read {}", path.display()))?;
        found.push(StreamFolder {
            folder: path.to_owned(),
            stream: whole
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        });
        return Ok(());
    }
    if deepest == 0 {
        return Ok(());
    }
    let folders = || -> std::io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Links are not followed: they may lead in a circle.
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    };
    let mut folders = folders().with_context(|| format!("cannot read {}", path.display()))?;
    folders.sort();
    for folder in folders {
        add_streams(&folder, deepest - 1, found)?;
    }
    Ok(())
}
