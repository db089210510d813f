//! What a queue knows of its files: lines in, where each of them stands out; and which of it all is not on the disk yet.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ssdcrp::limits::{self, FileKind};

use super::line::QueueLine;
use crate::clock::since_1970;

/// A file that has so many bytes is followed by another one.
pub const FILE_BYTES: u64 = 1 << 20;
/// No line is longer: what is, something else has written. A mebibyte has room for one and the topic that it is sent to.
pub const LONGEST_LINE: u64 = (1 << 20) - 4096;
/// No queue gets so far: what has a greater number is none of its own.
pub const LARGEST: u64 = u64::MAX / 2;
const DONE: &str = "done";
const ENDING: &str = "queue";

/// How much a queue keeps. What is beyond it is dropped, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueLimits {
    pub texts: usize,
    pub bytes: u64,
}

pub struct State {
    pub limits: QueueLimits,
    /// What is not done, the oldest first.
    pub slots: VecDeque<Slot>,
    pub bytes: u64,
    pub next: u64,
    /// The greatest number that is on its way, 0 where none is.
    pub held: u64,
    /// Files that are there, by their first numbers, the oldest first. The last one is written to where there is a writer.
    files: VecDeque<u64>,
    pub writer: Option<Writer>,
    /// Files that are no longer written to, and not on the disk yet.
    left: Vec<Arc<File>>,
    /// Whether a file has a name that is not on the disk yet.
    has_new_name: bool,
}

/// The file that is appended to.
pub struct Writer {
    pub file: Arc<File>,
    pub length: u64,
    /// So much of it is on the disk.
    pub synced: u64,
}

/// Where a text stands.
#[derive(Clone, Copy)]
pub struct Slot {
    pub sequence: u64,
    pub queued: u64,
    pub file: u64,
    pub offset: u64,
    pub length: u32,
}

/// What is not on the disk yet.
pub struct Unsynced {
    left: Vec<Arc<File>>,
    /// The file that is appended to, and how long it is.
    current: Option<(Arc<File>, u64)>,
    has_new_name: bool,
}

impl Unsynced {
    /// Waits until it is on the disk.
    pub fn sync(&self, folder: &Path) -> io::Result<()> {
        let current = self.current.iter().map(|(file, _)| file);
        for file in self.left.iter().chain(current) {
            file.sync_data()?;
        }
        match self.has_new_name {
            true => File::open(folder)?.sync_all(),
            false => Ok(()),
        }
    }
}

impl State {
    /// Of no file.
    pub fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            bytes: 0,
            next: 1,
            held: 0,
            files: VecDeque::new(),
            writer: None,
            left: Vec::new(),
            has_new_name: false,
        }
    }

    /// Reads a file of before; says how many damaged lines it has.
    pub fn take_in(&mut self, folder: &Path, first: u64, done: u64) -> io::Result<usize> {
        let name = path(folder, first);
        let mut reader = BufReader::new(File::open(&name)?);
        let (mut offset, mut damaged) = (0, 0);
        let mut line = Vec::new();
        // Whatever its lines say, all numbers before its own were given.
        self.next = self.next.max(first);
        loop {
            line.clear();
            let length = io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            let length = length as u64;
            match QueueLine::read(&line)
                .filter(|found| (self.next..=LARGEST).contains(&found.sequence))
            {
                Some(found) => {
                    self.next = found.sequence.saturating_add(1);
                    if found.sequence > done {
                        self.bytes += length;
                        self.slots.push_back(Slot {
                            sequence: found.sequence,
                            queued: found.queued,
                            file: first,
                            offset,
                            length: u32::try_from(length).map_err(io::Error::other)?,
                        });
                    }
                }
                // What was blanked was told.
                None if line.iter().all(|byte| b" \n".contains(byte)) => {}
                None => {
                    damaged += 1;
                    // On a disk that takes nothing it is told once more.
                    let _ = blank(&name, offset, &line);
                }
            }
            offset += length;
        }
        self.files.push_back(first);
        Ok(damaged)
    }

    /// Takes a text of one line in.
    pub fn add(&mut self, folder: &Path, text: &str) -> io::Result<()> {
        // Where something that is no file has the next one's name, its number is left out.
        let begins_file = (self.writer.as_ref()).is_none_or(|writer| writer.length >= FILE_BYTES);
        while begins_file && limits::ensure_writable_place(&path(folder, self.next)).is_err() {
            self.next += 1;
        }
        let (sequence, queued) = (self.next, milliseconds());
        let line = QueueLine {
            sequence,
            queued,
            text,
        }
        .written();
        let length = line.len() as u64;
        if length > self.limits.bytes.min(LONGEST_LINE) || text.contains('\n') {
            return Err(io::Error::other("it is too long for the queue"));
        }
        let file = self.append(folder, sequence, &line)?;
        let offset = self.writer.as_ref().map_or(0, |w| w.length) - length;
        self.slots.push_back(Slot {
            sequence,
            queued,
            file,
            offset,
            length: u32::try_from(length).map_err(io::Error::other)?,
        });
        self.bytes += length;
        self.next += 1;
        Ok(())
    }

    pub fn is_too_full(&self) -> bool {
        self.slots.len() > self.limits.texts || self.bytes > self.limits.bytes
    }

    /// Drops the oldest that is not on its way; where all are but the newest, the oldest.
    pub fn drop_one(&mut self) {
        let free = (self.slots).partition_point(|slot| slot.sequence <= self.held);
        let has_other = free + 1 < self.slots.len();
        self.forget(if has_other { free } else { 0 });
    }

    /// Writes a line to the last file, or to a new one that is called by the line's number. Says which.
    fn append(&mut self, folder: &Path, sequence: u64, line: &str) -> io::Result<u64> {
        if (self.writer.as_ref()).is_some_and(|writer| writer.length >= FILE_BYTES) {
            self.leave();
        }
        if self.writer.is_none() {
            // What was written to before may end in the middle of a line: it is left alone.
            let file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .open(path(folder, sequence))?;
            self.has_new_name = true;
            if self.files.back() != Some(&sequence) {
                self.files.push_back(sequence);
            }
            self.writer = Some(Writer {
                file: Arc::new(file),
                length: 0,
                synced: 0,
            });
        }
        let (Some(writer), Some(name)) = (&mut self.writer, self.files.back()) else {
            return Err(io::Error::other("no file"));
        };
        match (&*writer.file).write_all(line.as_bytes()) {
            Ok(()) => {
                writer.length += line.len() as u64;
                Ok(*name)
            }
            Err(error) => {
                // A part of the line may stand there, and is no text that was lost besides; the next one goes to another file.
                let _ = writer.file.set_len(writer.length);
                self.leave();
                Err(error)
            }
        }
    }

    /// The file is no longer written to.
    fn leave(&mut self) {
        if let Some(writer) = self.writer.take()
            && writer.synced < writer.length
        {
            self.left.push(writer.file);
        }
    }

    /// What is to be put on the disk.
    pub fn unsynced(&mut self) -> Unsynced {
        let writer = self.writer.as_ref();
        let writer = writer.filter(|writer| writer.synced < writer.length);
        Unsynced {
            left: std::mem::take(&mut self.left),
            current: writer.map(|writer| (writer.file.clone(), writer.length)),
            has_new_name: std::mem::take(&mut self.has_new_name),
        }
    }

    /// It was put there, or has to be tried again.
    pub fn synced(&mut self, unsynced: Unsynced, is_synced: bool) {
        if !is_synced {
            self.left.extend(unsynced.left);
            self.has_new_name |= unsynced.has_new_name;
        } else if let (Some(writer), Some((file, length))) = (&mut self.writer, unsynced.current)
            && Arc::ptr_eq(&writer.file, &file)
        {
            writer.synced = length;
        }
    }

    /// The text at this place is no longer there.
    pub fn forget(&mut self, place: usize) {
        if let Some(slot) = self.slots.remove(place) {
            self.bytes -= u64::from(slot.length);
        }
    }

    /// Notes what is done, and removes files in which nothing is left.
    pub fn tidy(&mut self, folder: &Path) {
        let first = self.slots.front().map_or(self.next, |slot| slot.sequence);
        // On a full disk there may be no room for it, but what is removed makes some.
        let _ = note(folder, first - 1);
        // The last one stays, for its name says which numbers were given.
        while let (Some(file), true) = (self.files.front(), self.files.len() > 1) {
            let is_used = (self.slots.front()).is_some_and(|slot| slot.file <= *file);
            if is_used || !is_gone(fs::remove_file(path(folder, *file))) {
                break;
            }
            self.files.pop_front();
        }
    }
}

/// Whether a file is not there any more, whoever has removed it.
fn is_gone(removed: io::Result<()>) -> bool {
    removed.map_or_else(|error| error.kind() == ErrorKind::NotFound, |()| true)
}

/// The number of the last text that is done, 0 where that is not known.
pub fn noted(folder: &Path) -> u64 {
    let done = limits::read_text(&folder.join(DONE), FileKind::Manifest).ok();
    let done = done.and_then(|text| text.trim().parse::<u64>().ok());
    done.filter(|done| *done <= LARGEST).unwrap_or(0)
}

/// The files of a folder, by the numbers of their first lines, the oldest first.
pub fn files(folder: &Path) -> io::Result<Vec<u64>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A folder or a pipe of such a name is nobody's queue, and no reason to send nothing.
        if !entry.file_type()?.is_file() {
            continue;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let first = name.strip_suffix(ENDING).and_then(|n| n.strip_suffix('.'));
        let first = first.and_then(|first| first.parse::<u64>().ok());
        files.extend(first.filter(|first| *first <= LARGEST));
    }
    files.sort_unstable();
    Ok(files)
}

/// Keeps the number of the last text that is done. The disk is not waited for: an older number costs texts that come twice, and this is written for each of them.
fn note(folder: &Path, done: u64) -> io::Result<()> {
    let (unfinished, name) = (folder.join(".done"), folder.join(DONE));
    limits::ensure_writable_place(&unfinished)?;
    fs::write(&unfinished, format!("{done}\n"))?;
    fs::rename(unfinished, name)
}

/// Writes blanks over a damaged line, so that it is told once.
fn blank(file: &Path, offset: u64, line: &[u8]) -> io::Result<()> {
    let blanks: Vec<u8> = line
        .iter()
        .map(|&byte| if byte == b'\n' { byte } else { b' ' })
        .collect();
    let file = OpenOptions::new().write(true).open(file)?;
    file.write_all_at(&blanks, offset)
}

/// The file whose first line has this number.
pub fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.{ENDING}"))
}

/// Since 1970.
pub fn milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}
