//! What people say of events that are kept: worth a look, or not.
//!
//! In: a record and a mark. Out: a line more in `marks.jsonl` beside the records. Lines are only ever added, each in one go and onto the disk, so that a process that is killed spoils no other one
//! than its last. The last line of an event counts.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::error::evidence::{Context, ensure};
use crate::limits::{self, FileKind};

/// The file of all marks.
pub(super) const MARKS: &str = "marks.jsonl";

/// What somebody says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It is worth a look.
    Worth,
    /// It is not.
    Not,
}

/// A line.
#[derive(Debug, Serialize, Deserialize)]
struct MarkLine {
    /// The event's number in the folder, and when it was recorded: a folder that was emptied by hand begins again with 1.
    id: u64,
    recorded: String,
    /// `None` takes back what was said.
    mark: Option<Mark>,
    /// When it was said, as the caller tells the time.
    marked: String,
}

/// What was said of a folder's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<(u64, String), Mark>);

impl Mark {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Worth => "worth a look",
            Self::Not => "not worth a look",
        }
    }
}

impl Marks {
    /// Those of a folder; none where nothing was said. A line that is none, as the last one of a process that was killed, is left out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MARKS);
        let text = limits::inside(folder, Path::new(MARKS), FileKind::Events)
            .and_then(|path| limits::read(&path, FileKind::Events));
        match text {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if limits::is_missing(&error) => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn parse(text: &[u8]) -> Self {
        let lines = text.split(|&byte| byte == b'\n');
        let mut marks = BTreeMap::new();
        for line in lines.filter_map(|line| serde_json::from_slice::<MarkLine>(line).ok()) {
            let of = (line.id, line.recorded);
            match line.mark {
                Some(mark) => marks.insert(of, mark),
                None => marks.remove(&of),
            };
        }
        Self(marks)
    }

    /// What was said last of the event with this number in the folder, that was recorded then.
    pub fn of(&self, id: u64, recorded: &str) -> Option<Mark> {
        self.0.get(&(id, recorded.to_owned())).copied()
    }

    /// Says something of an event of the folder, or takes it back. `marked` is the time on the clock.
    ///
    /// # Errors
    /// It cannot be written: then what was said before still counts.
    pub fn say(
        folder: &Path,
        (id, recorded): (u64, &str),
        mark: Option<Mark>,
        marked: String,
    ) -> Result<()> {
        let line = MarkLine {
            id,
            recorded: recorded.to_owned(),
            mark,
            marked,
        };
        let path = folder.join(MARKS);
        add_line(&path, &line).with_context(|| format!("cannot write into {}", path.display()))
    }
}

fn add_line(path: &Path, line: &MarkLine) -> Result<()> {
    limits::ensure_writable_place(path)?;
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    let length = file.metadata()?.len();
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::from)?;
    text.push(b'\n');
    let most = FileKind::Events.most_bytes();
    ensure!(
        length + text.len() as u64 <= most,
        "it has {length} bytes, {most} is the limit: put it away"
    );
    // What a process that was killed left without an end is no part of this line.
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.insert(0, b'\n');
        }
    }
    file.write_all(&text)?;
    file.sync_data()?;
    // The name of a new file, too, where the system has a way to put it on the disk.
    if is_new && let Some(Ok(folder)) = path.parent().map(File::open) {
        folder.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_also_after_a_line_that_has_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Marks::read(folder.path()).unwrap();
        let say = |id, mark| {
            Marks::say(folder.path(), (id, "today"), mark, "now".to_owned()).unwrap();
        };
        let said = || [1, 2].map(|id| read().of(id, "today"));
        assert_eq!(read(), Marks::default());
        say(1, Some(Mark::Worth));
        say(2, Some(Mark::Worth));
        say(2, Some(Mark::Not));
        assert_eq!(said(), [Some(Mark::Worth), Some(Mark::Not)]);
        // Another event that was given the number again.
        assert_eq!(read().of(1, "tomorrow"), None);

        let path = folder.path().join(MARKS);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"id\":2,\"recorded\":\"tod");
        std::fs::write(&path, text).unwrap();
        assert_eq!(said(), [Some(Mark::Worth), Some(Mark::Not)]);
        say(1, None);
        assert_eq!(said(), [None, Some(Mark::Not)]);
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count(), 5);
    }

    #[test]
    fn a_file_that_is_full_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join(MARKS)).unwrap();
        file.set_len(FileKind::Events.most_bytes()).unwrap();
        let said = Marks::say(folder.path(), (1, ""), None, String::new());
        let error = format!("{:#}", said.unwrap_err());
        assert!(error.contains("67108864 is the limit"), "{error}");
    }
}
