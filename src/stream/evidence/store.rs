//! The folder: records and pictures in; what does not fit any more goes, the oldest first.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pictures::Pictures;
use super::record::{DAMAGED, EventRecord, LINES, PICTURES, Record, Records, id_of, picture};
use crate::atomic_file;
use crate::error::Result;
use crate::error::evidence::{Context, bail, ensure};
use crate::folder_lock::FolderLock;
use crate::limits::{self, FileKind};

/// Whose files are unfinished where a process is killed.
const OWNER: &str = "evidence";
/// Who has the file locked writes into the folder.
const LOCK: &str = ".lock";
const MINUTE: Duration = Duration::from_secs(60);
/// Bytes of all lines together: a quarter of what is read of such a file at most. Where pictures are small, lines are what grows.
const LINES_BYTES: u64 = FileKind::Events.most_bytes() / 4;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all pictures together.
    pub bytes: u64,
    /// Events in any minute of the stream.
    pub per_minute: usize,
}

/// An event that is kept.
#[derive(Debug)]
struct KeptRecord {
    record: Record,
    /// Bytes of its pictures.
    pictures: u64,
    /// Bytes of its line, with its end.
    line: u64,
}

impl KeptRecord {
    fn new(record: Record, pictures: u64) -> Result<Self> {
        let line = line(&record)?.len() as u64;
        Ok(Self {
            record,
            pictures,
            line,
        })
    }
}

/// A folder of evidence that this process writes into, and no other.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    limits: Limits,
    /// Oldest first.
    kept: VecDeque<KeptRecord>,
    /// Bytes that their lines may have.
    lines_limit: u64,
    next: u64,
    /// When, in the stream, the last events were kept.
    recent: VecDeque<Duration>,
    /// What was found damaged when it was opened.
    damage: Option<String>,
    /// Released when it is dropped, also by a process that is killed.
    _lock: FolderLock,
}

impl Store {
    /// Opens a folder, which need not be there yet, and removes what is in pieces. Files that are not of a store's making are left alone.
    ///
    /// # Errors
    /// The folder cannot be made, read or written to, or another store has it open.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self> {
        let name = folder.display();
        let lock = match FolderLock::take(folder, LOCK) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => bail!(
                "events are already written into the folder {name}: every stream needs a folder of its own"
            ),
            lock => lock?,
        };
        let mut store = Self {
            folder: folder.to_owned(),
            limits,
            kept: VecDeque::new(),
            lines_limit: LINES_BYTES,
            next: 1,
            recent: VecDeque::new(),
            damage: None,
            _lock: lock,
        };
        store
            .recover()
            .with_context(|| format!("cannot tidy the folder {name}"))?;
        Ok(store)
    }

    /// What of the folder was damaged when it was opened, in words: nothing of it is removed before somebody has looked at it.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// How many events are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether an event at this time of the stream may be kept, as far as the limit by the minute goes: whoever asks first need not draw in vain.
    pub fn has_time_for(&mut self, time: Duration) -> bool {
        // A seek back begins anew.
        let is_recent = |&then: &Duration| then <= time && time - then < MINUTE;
        self.recent.retain(is_recent);
        self.recent.len() < self.limits.per_minute
    }

    /// Keeps an event of this time of the stream, and lets the oldest go where there is no room. Returns its line.
    ///
    /// # Errors
    /// Something cannot be written: then nothing of the event is kept, and the next one may be tried.
    pub fn keep(
        &mut self,
        time: Duration,
        recorded: String,
        event: EventRecord,
        pictures: &Pictures,
    ) -> Result<Record> {
        let id = self.next;
        let record = Record {
            id,
            recorded,
            frame: picture(id, PICTURES[0]),
            annotated: picture(id, PICTURES[1]),
            heatmap: pictures.heatmap.as_ref().map(|_| picture(id, PICTURES[2])),
            fed: pictures.fed.as_ref().map(|_| picture(id, PICTURES[3])),
            event,
        };
        let bytes = pictures.bytes();
        ensure!(
            bytes <= self.limits.bytes,
            "an event's pictures take {bytes} bytes, more than the budget of {}: give it more",
            self.limits.bytes
        );
        let new = KeptRecord::new(record, bytes)?;
        self.make_room(bytes, new.line)?;
        // Also where it fails: a file of this name may be left.
        self.next += 1;
        let kept = self.write(&new.record, pictures);
        if let Err(error) = kept {
            self.remove_pictures(id);
            return Err(error).with_context(|| {
                format!(
                    "cannot keep an event in the folder {}",
                    self.folder.display()
                )
            });
        }
        let record = new.record.clone();
        self.kept.push_back(new);
        self.recent.push_back(time);
        Ok(record)
    }

    fn write(&self, record: &Record, pictures: &Pictures) -> Result<()> {
        let files = [
            (Some(&record.frame), Some(&pictures.frame)),
            (Some(&record.annotated), Some(&pictures.annotated)),
            (record.heatmap.as_ref(), pictures.heatmap.as_ref()),
            (record.fed.as_ref(), pictures.fed.as_ref()),
        ];
        for (name, bytes) in files {
            if let (Some(name), Some(bytes)) = (name, bytes) {
                self.write_file(name, bytes)?;
            }
        }
        self.append_line(record)?;
        Ok(self.settle()?)
    }

    /// One line more, behind the others. Where somebody else has changed the file, all of them anew.
    fn append_line(&self, record: &Record) -> Result<()> {
        let path = self.folder.join(LINES);
        let expected: u64 = self.kept.iter().map(|kept| kept.line).sum();
        let file = limits::ensure_writable_place(&path)
            .and_then(|()| OpenOptions::new().append(true).open(path));
        let file = file.ok().filter(|file| {
            let found = file.metadata();
            found.is_ok_and(|found| found.is_file() && found.len() == expected)
        });
        let Some(mut file) = file else {
            return self.write_lines(Some(record));
        };
        let written = file
            .write_all(&line(record)?)
            .and_then(|()| file.sync_data());
        if written.is_err() {
            // A part of it may stand there. Where it cannot be cut off, the next line finds another length.
            drop(file.set_len(expected));
        }
        Ok(written?)
    }

    /// All lines anew, with one more.
    fn write_lines(&self, new: Option<&Record>) -> Result<()> {
        let mut lines = Vec::new();
        for record in self.kept.iter().map(|kept| &kept.record).chain(new) {
            lines.extend(line(record)?);
        }
        Ok(self.write_file(LINES, &lines)?)
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        atomic_file::write(&self.folder.join(name), OWNER, bytes)
    }

    /// Puts the names themselves on the disk, after files were renamed or removed. On systems where a folder cannot be opened that is not in our hands.
    fn settle(&self) -> io::Result<()> {
        File::open(&self.folder).map_or(Ok(()), |folder| folder.sync_all())
    }

    /// Lets the oldest events go until there is room for so many bytes of pictures and of a line.
    fn make_room(&mut self, pictures: u64, line: u64) -> Result<()> {
        let sum = |of: fn(&KeptRecord) -> u64| self.kept.iter().map(of).sum::<u64>();
        let mut taken = sum(|kept| kept.pictures) + pictures;
        let mut lines = sum(|kept| kept.line) + line;
        let mut gone = Vec::new();
        while (taken > self.limits.bytes || lines > self.lines_limit)
            && let Some(oldest) = self.kept.pop_front()
        {
            taken -= oldest.pictures;
            lines -= oldest.line;
            gone.push(oldest.record.id);
        }
        if !gone.is_empty() {
            // The lines first: no line names a file that is not there. Where they cannot be written for want of space, the files go all the same and make some.
            let written = self.write_lines(None);
            gone.into_iter().for_each(|id| self.remove_pictures(id));
            written?;
        }
        Ok(())
    }

    fn remove_pictures(&self, id: u64) {
        for what in PICTURES {
            // What is not there or cannot be removed is looked for again at the next start.
            drop(fs::remove_file(self.folder.join(picture(id, what))));
        }
    }

    /// Keeps lines beside the file of which they were, behind those that were put there before.
    fn set_aside(&self, lines: &[u8]) -> io::Result<()> {
        let path = self.folder.join(DAMAGED);
        limits::ensure_writable_place(&path)?;
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(lines)?;
        file.sync_all()
    }

    /// Reads the lines of an earlier store; where some are damaged or missing, keeps them as they are.
    fn readable(&mut self, text: &[u8], names: &[String]) -> Result<Vec<Record>> {
        // A line without an end is what a crash leaves.
        let end = text.iter().rposition(|&byte| byte == b'\n');
        let whole = &text[..end.map_or(0, |end| end + 1)];
        let Records {
            records,
            unreadable,
        } = Records::parse(whole);
        let last = records.iter().map(|record| record.id).max().unwrap_or(0);
        // A crash leaves the pictures of one event behind the last line, and what could not be written may leave some of them.
        let is_whole = |id: &u64| {
            let both = [PICTURES[0], PICTURES[1]].map(|what| picture(*id, what));
            both.iter().all(|name| names.contains(name))
        };
        let behind: BTreeSet<u64> = (names.iter().filter_map(|name| id_of(name)))
            .filter(|id| *id > last && is_whole(id))
            .collect();
        let is_known = self.folder.join(DAMAGED).exists();
        if unreadable > 0 || (behind.len() > 1 && !is_known) {
            let what = match unreadable {
                0 => format!("pictures of {} events have no line", behind.len()),
                1 => "1 line cannot be read".to_owned(),
                _ => format!("{unreadable} lines cannot be read"),
            };
            let kept = match self.set_aside(text) {
                // Nothing is written then, and nothing removed.
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    format!("no room is left to keep it as {DAMAGED}")
                }
                kept => {
                    kept.with_context(|| {
                        format!("{what}, and {LINES} cannot be kept as {DAMAGED}")
                    })?;
                    format!(
                        "it is kept as {DAMAGED}, and pictures without a line stay for as long as that is there"
                    )
                }
            };
            self.damage = Some(format!(
                "{LINES} in {} is damaged: {what}; {kept}",
                self.folder.display()
            ));
        }
        Ok(records)
    }

    /// Takes up what an earlier store left.
    fn recover(&mut self) -> Result<()> {
        let text = read_lines(&self.folder)?;
        let names: Vec<String> = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        let is_known = self.folder.join(DAMAGED).exists();
        let records = self.readable(&text, &names)?;
        let may_remove = !is_known && self.damage.is_none();
        let size = |id: u64, what: &str| fs::metadata(self.folder.join(picture(id, what))).ok();
        let mut kept = VecDeque::new();
        let mut known = BTreeSet::new();
        for record in records {
            let further = [record.heatmap.is_some(), record.fed.is_some()];
            let has = [true, true].into_iter().chain(further);
            let whats = PICTURES.into_iter().zip(has).filter(|(_, has)| *has);
            let sizes: Option<Vec<u64>> = whats
                .map(|(what, _)| Some(size(record.id, what)?.len()))
                .collect();
            // A line without its pictures, or a second one of the same number, is nothing to look at.
            if let Some(sizes) = sizes
                && known.insert(record.id)
            {
                kept.push_back(KeptRecord::new(record, sizes.iter().sum())?);
            }
        }
        self.kept = kept;
        let mut last = known.last().copied().unwrap_or_default();
        for name in names {
            let id = id_of(&name);
            last = last.max(id.unwrap_or_default());
            let is_orphan = id.is_some_and(|id| !known.contains(&id));
            if is_orphan && may_remove || atomic_file::is_unfinished(&name, OWNER) {
                fs::remove_file(self.folder.join(&name))?;
            }
        }
        self.next = last + 1;
        if self.damage.is_some() && !self.folder.join(DAMAGED).exists() {
            return Ok(());
        }
        self.make_room(0, 0)?;
        let written = self.write_lines(None);
        match written.and_then(|()| Ok(self.settle()?)) {
            // What is in pieces stays, and is left out again when it is read; as in a run that meets a full disk, new events wait for room.
            Err(error) if (error.io()).is_some_and(|io| io.kind() == ErrorKind::StorageFull) => {
                Ok(())
            }
            written => written,
        }
    }
}

/// The file of all lines; nothing where there is none.
fn read_lines(folder: &Path) -> Result<Vec<u8>> {
    match Records::text(folder) {
        Err(error) if limits::is_missing(&error) => Ok(Vec::new()),
        text => text,
    }
}

/// As it stands in the file, with its end.
fn line(record: &Record) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::ClassId;
    use crate::stream::monitor::EventKind;

    const ROOMY: Limits = Limits {
        bytes: 1 << 20,
        per_minute: 1000,
    };

    fn told(words: &str) -> EventRecord {
        EventRecord {
            kind: EventKind::Merge,
            words: words.to_owned(),
            severity: 0.5,
            class: ClassId(1),
            default_box: 9,
            target: "offset:w+".to_owned(),
            contrast: None,
            event_id: None,
            running_time: Some(5),
            rest: serde_json::Map::new(),
        }
    }

    /// A thousand bytes.
    fn pictures() -> Pictures {
        Pictures {
            frame: vec![1; 500],
            annotated: vec![2; 300],
            heatmap: Some(vec![3; 100]),
            fed: Some(vec![4; 100]),
        }
    }

    fn keep(store: &mut Store, words: &str) -> Result<u64> {
        let kept = store.keep(Duration::ZERO, "now".to_owned(), told(words), &pictures());
        kept.map(|record| record.id)
    }

    /// The words of the lines, and the names of all files but the lock.
    fn found(folder: &Path) -> (Vec<String>, Vec<String>) {
        let records = Records::read(folder).unwrap().records;
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name != LOCK)
            .collect();
        names.sort();
        (records.into_iter().map(|r| r.event.words).collect(), names)
    }

    fn names(ids: &[u64]) -> Vec<String> {
        let mut names: Vec<String> = ids
            .iter()
            .flat_map(|&id| PICTURES.map(|what| picture(id, what)))
            .collect();
        names.push(LINES.to_owned());
        names.sort();
        names
    }

    #[test]
    fn the_oldest_make_room_and_numbers_go_on_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            bytes: 2500,
            ..ROOMY
        };
        let mut store = Store::open(folder.path(), limits).unwrap();
        for words in ["a", "b", "c"] {
            keep(&mut store, words).unwrap();
        }
        let expected = (vec!["b".to_owned(), "c".to_owned()], names(&[2, 3]));
        assert_eq!(found(folder.path()), expected);
        drop(store);
        let smaller = Limits {
            bytes: 1999,
            ..ROOMY
        };
        let mut store = Store::open(folder.path(), smaller).unwrap();
        assert_eq!(store.len(), 1);
        assert_eq!(keep(&mut store, "d").unwrap(), 4);
        assert_eq!(found(folder.path()).0, ["d"]);
        drop(store);
        let tiny = Limits {
            bytes: 999,
            ..ROOMY
        };
        let error = keep(&mut Store::open(folder.path(), tiny).unwrap(), "e").unwrap_err();
        assert!(error.to_string().contains("1000 bytes"), "{error:#}");
    }

    #[test]
    fn lines_make_room_too_and_one_more_is_written_behind_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        let file = folder.path().join(LINES);
        let length = || fs::metadata(&file).unwrap().len();
        keep(&mut store, "a").unwrap();
        let one = length();
        // Of three lines and a half.
        store.lines_limit = 3 * one + one / 2;
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap());
        let before = inode();
        keep(&mut store, "b").unwrap();
        keep(&mut store, "c").unwrap();
        assert_eq!(
            (inode(), length()),
            (before, 3 * one),
            "all were written anew"
        );
        for words in ["d", "e"] {
            keep(&mut store, words).unwrap();
            assert_eq!(length(), 3 * one);
        }
        let words = |found: (Vec<String>, _)| found.0.concat();
        assert_eq!(found(folder.path()).1, names(&[3, 4, 5]));
        // What somebody else left there goes.
        fs::write(&file, "half a li").unwrap();
        store.lines_limit = LINES_BYTES;
        keep(&mut store, "f").unwrap();
        assert_eq!(words(found(folder.path())), "cdef");
    }

    #[test]
    fn what_is_in_pieces_goes_and_what_others_put_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        keep(&mut store, "a").unwrap();
        keep(&mut store, "b").unwrap();
        drop(store);
        fs::remove_file(path("000002-heatmap.png")).unwrap();
        for name in [
            ".evidence-x1y2z3.part",
            "000003-frame.png",
            "notes.png",
            ".mine.part",
        ] {
            fs::write(path(name), "x").unwrap();
        }
        let mut lines = fs::read(path(LINES)).unwrap();
        lines.extend(b"{\"id\": 4, \"rec");
        fs::write(path(LINES), lines).unwrap();

        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        let mut expected = names(&[1]);
        expected.extend([".mine.part", "notes.png"].map(str::to_owned));
        expected.sort();
        assert_eq!(found(folder.path()), (vec!["a".to_owned()], expected));
        assert_eq!(keep(&mut store, "c").unwrap(), 4);
    }

    #[test]
    fn nothing_is_removed_for_want_of_a_line_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        for words in ["a", "b", "c"] {
            keep(&mut store, words).unwrap();
        }
        drop(store);
        let text = fs::read_to_string(path(LINES)).unwrap();
        // As of a newer program, with kinds that this one does not know.
        let newer = text.replace("\"words\":\"b\"", "\"words\":5");
        assert_ne!(newer, text);
        fs::write(path(LINES), &newer).unwrap();
        let with_aside = |ids: &[u64]| {
            let mut names = names(ids);
            names.push(DAMAGED.to_owned());
            names.sort();
            names
        };
        for found_damaged in [true, false] {
            let store = Store::open(folder.path(), ROOMY).unwrap();
            assert_eq!(store.damage().is_some(), found_damaged);
            let expected = (vec!["a".to_owned(), "c".to_owned()], with_aside(&[1, 2, 3]));
            assert_eq!(found(folder.path()), expected);
            assert_eq!(fs::read_to_string(path(DAMAGED)).unwrap(), newer);
        }
        // Who has looked at it removes it.
        fs::remove_file(path(DAMAGED)).unwrap();
        drop(Store::open(folder.path(), ROOMY).unwrap());
        assert_eq!(found(folder.path()).1, names(&[1, 3]));

        fs::remove_file(path(LINES)).unwrap();
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        let words = store.damage().unwrap();
        assert!(words.contains("pictures of 2 events"), "{words}");
        assert_eq!(keep(&mut store, "d").unwrap(), 4);
        drop(store);
        let store = Store::open(folder.path(), ROOMY).unwrap();
        assert_eq!(store.damage(), None);
        assert_eq!(
            found(folder.path()),
            (vec!["d".to_owned()], with_aside(&[1, 3, 4]))
        );
    }

    #[test]
    fn what_a_failure_of_the_power_makes_of_the_lines_removes_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LINES);
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        for words in ["a", "b", "c"] {
            keep(&mut store, words).unwrap();
        }
        drop(store);
        let text = fs::read(&path).unwrap();
        for damaged in [vec![], vec![0; 4096], text[..text.len() / 3 + 5].to_vec()] {
            fs::write(&path, damaged).unwrap();
            let store = Store::open(folder.path(), ROOMY).unwrap();
            assert!(store.damage().is_some());
            let pictures = fs::read_dir(folder.path()).unwrap();
            let pictures = pictures.filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                id_of(&name.to_string_lossy()).is_some()
            });
            assert_eq!(pictures.count(), 3 * PICTURES.len());
            drop(store);
            fs::remove_file(folder.path().join(DAMAGED)).unwrap();
        }
    }

    #[test]
    fn a_folder_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), ROOMY).unwrap();
        let error = Store::open(folder.path(), ROOMY).unwrap_err();
        assert!(
            error.to_string().contains("a folder of its own"),
            "{error:#}"
        );
        drop(store);
        Store::open(folder.path(), ROOMY).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Store::open(&file, ROOMY).is_err());
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_and_the_next_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), ROOMY).unwrap();
        keep(&mut store, "a").unwrap();
        // A folder has the name of the next heatmap: it cannot be replaced by a file.
        let blocked = folder.path().join(picture(2, PICTURES[2]));
        fs::create_dir(&blocked).unwrap();
        assert!(keep(&mut store, "b").is_err());
        fs::remove_dir(&blocked).unwrap();
        assert_eq!(found(folder.path()), (vec!["a".to_owned()], names(&[1])));
        keep(&mut store, "c").unwrap();
        assert_eq!(found(folder.path()).0, ["a", "c"]);
    }

    #[test]
    fn a_minute_has_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            per_minute: 2,
            ..ROOMY
        };
        let mut store = Store::open(folder.path(), limits).unwrap();
        let mut kept = Vec::new();
        for second in [0, 1, 2, 59, 60, 61, 62, 30, 31] {
            let time = Duration::from_secs(second);
            if store.has_time_for(time) {
                (store.keep(time, String::new(), told(""), &pictures())).unwrap();
                kept.push(second);
            }
        }
        assert_eq!(kept, [0, 1, 60, 61, 30, 31]);
    }
}
