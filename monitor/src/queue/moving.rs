//! Notes of moves: a queue that takes over what waits in other folders keeps their names until all of it is here, so that a process that is killed between goes on with it at its next start.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use ssdcrp::atomic_file;
use ssdcrp::limits::{self, FileKind};

const NOTE: &str = "moved-from.json";

/// A move from another folder begins; where moves to that one have not ended, they go on from here.
///
/// # Errors
/// That cannot be noted.
pub fn begin(folder: &Path, from: &Path) -> io::Result<()> {
    let mut all = begun(folder)?;
    all.extend(begun(from)?);
    all.insert(std::path::absolute(from)?);
    all.remove(&std::path::absolute(folder)?);
    write(folder, &all)
}

/// The folders from which moves have begun that have not ended.
///
/// # Errors
/// The note cannot be read: what it names must not be forgotten.
pub fn begun(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    match limits::read(&folder.join(NOTE), FileKind::Manifest) {
        Err(error) if limits::is_missing(&error) => Ok(BTreeSet::new()),
        text => Ok(serde_json::from_slice(&text.map_err(io::Error::other)?)?),
    }
}

/// Everything of that folder is here.
///
/// # Errors
/// That cannot be noted: the next start looks into that folder once more.
pub fn end(folder: &Path, from: &Path) -> io::Result<()> {
    let mut all = begun(folder)?;
    match all.remove(&std::path::absolute(from)?) {
        true => write(folder, &all),
        false => Ok(()),
    }
}

fn write(folder: &Path, all: &BTreeSet<PathBuf>) -> io::Result<()> {
    let note = folder.join(NOTE);
    if all.is_empty() {
        return std::fs::remove_file(note);
    }
    let text = serde_json::to_vec(all)?;
    atomic_file::write(&note, "queue", &text)
}
