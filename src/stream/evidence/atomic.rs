//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// How the name of an unfinished file begins and ends.
const UNFINISHED: (&str, &str) = (".", ".part");

/// Writes `name` in `folder` under another name first, and gives it its own when it is on the disk.
///
/// # Errors
/// It cannot be written; nothing is left of it then, and what had the name before stays.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (before, after) = UNFINISHED;
    let unfinished = folder.join(format!("{before}{name}{after}"));
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(name))
    });
    if written.is_err() {
        // Where that fails too there is nothing left to try.
        drop(fs::remove_file(&unfinished));
    }
    written
}

/// Puts the names themselves on the disk, after files were renamed or removed. On systems where a folder cannot be opened that is not in our hands.
pub fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// The name of the file that an unfinished one would have become.
pub fn unfinished(name: &str) -> Option<&str> {
    let (before, after) = UNFINISHED;
    name.strip_prefix(before)?.strip_suffix(after)
}
