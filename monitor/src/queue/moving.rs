//! Notes of moves: a queue that takes over what waits in another folder keeps that folder's name until all of it is here, so that a process that is killed between goes on with it at its next start.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ssdcrp::atomic_file;
use ssdcrp::limits::{self, FileKind};

const NOTE: &str = "moved-from";

/// A move from another folder begins.
///
/// # Errors
/// That cannot be noted.
pub fn begin(folder: &Path, from: &Path) -> io::Result<()> {
    let from = std::path::absolute(from)?;
    atomic_file::write(&folder.join(NOTE), "queue", from.as_os_str().as_bytes())
}

/// The folder from which a move has begun that has not ended.
pub fn begun(folder: &Path) -> Option<PathBuf> {
    let from = limits::read(&folder.join(NOTE), FileKind::Manifest).ok()?;
    Some(PathBuf::from(OsStr::from_bytes(&from))).filter(|from| from.is_absolute())
}

/// Everything is here.
///
/// # Errors
/// The note cannot be removed: the next start looks into the other folder once more.
pub fn end(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NOTE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
