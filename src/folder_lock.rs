//! Folders that one process writes into: a folder in, a lock on a file in it out, which goes with the process, however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::time::Duration;

/// How long a folder's last writer may take to go: the system releases the lock of one that was killed only once all of it is torn down.
const WAIT: Duration = Duration::from_millis(50);
const WAITS: usize = 20;

/// Held until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks the file `name` in a folder, which is made where there is none. A lock that goes within a second is waited for.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`]: somebody else has it. Other kinds: the folder cannot be made or written to, or its file system has no locks. Each says which folder it is.
    pub fn take(folder: &Path, name: &str) -> Result<Self> {
        Self::take_after(folder, name, || std::thread::sleep(WAIT))
    }

    /// The same, where a pause before another look at the lock is the caller's.
    fn take_after(folder: &Path, name: &str, mut pause: impl FnMut()) -> Result<Self> {
        let place = folder.display();
        let with = |words: String| {
            move |error: Error| Error::new(error.kind(), format!("{words}: {error}"))
        };
        fs::create_dir_all(folder).map_err(with(format!("cannot make the folder {place}")))?;
        let words = format!("cannot write into the folder {place}");
        let file = File::create(folder.join(name)).map_err(with(words))?;
        let mut waits = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if waits < WAITS => {
                    waits += 1;
                    pause();
                }
                Err(TryLockError::WouldBlock) => {
                    let words = format!("another process writes into the folder {place}");
                    return Err(Error::new(ErrorKind::WouldBlock, words));
                }
                Err(TryLockError::Error(error)) => {
                    let words = format!(
                        "cannot lock the folder {place}, whose file system may have no locks: name one on another"
                    );
                    // Of another kind than one that is taken.
                    return Err(Error::other(format!("{words}: {error}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_is_about_to_go_is_waited_for_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Some(FolderLock::take(folder.path(), "lock").unwrap());
        let mut pauses = 0;
        let second = FolderLock::take_after(folder.path(), "lock", || {
            pauses += 1;
            if pauses == 3 {
                first = None;
            }
        });
        let second = second.unwrap();
        assert_eq!((pauses, first.is_none()), (3, true));
        let mut pauses = 0;
        let error = FolderLock::take_after(folder.path(), "lock", || pauses += 1).unwrap_err();
        assert_eq!((error.kind(), pauses), (ErrorKind::WouldBlock, WAITS));
        drop(second);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_not_called_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = FolderLock::take(&file.join("below"), "lock").unwrap_err();
        assert!(
            error.kind() != ErrorKind::WouldBlock
                && error.to_string().starts_with("cannot make the folder")
        );
        fs::create_dir(folder.path().join("lock")).unwrap();
        let error = FolderLock::take(folder.path(), "lock").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write into the folder"),
            "{error}"
        );
    }
}
