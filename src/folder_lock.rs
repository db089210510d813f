//! Folders that one process writes into: a folder in, a lock on a file in it out, which goes with the process, however that ends.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limits::ensure_writable_place;

/// How long a folder's last writer may take to go: the system releases the lock of one that was killed only once all of it is torn down.
const WAIT: Duration = Duration::from_millis(50);
const WAITS: usize = 20;

/// Held until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
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
        let mut waits = 0;
        loop {
            match Self::try_take(folder, name) {
                // The last writer may be about to go, or to take the folder with it.
                Err(error)
                    if waits < WAITS
                        && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) =>
                {
                    waits += 1;
                    pause();
                }
                taken => return taken,
            }
        }
    }

    /// The same without any wait.
    ///
    /// # Errors
    /// As [`FolderLock::take`]; [`ErrorKind::NotFound`] also where the folder has gone since it was made.
    pub fn try_take(folder: &Path, name: &str) -> Result<Self> {
        let place = folder.display();
        let with = |words: String| {
            move |error: Error| Error::new(error.kind(), format!("{words}: {error}"))
        };
        fs::create_dir_all(folder).map_err(with(format!("cannot make the folder {place}")))?;
        let path = folder.join(name);
        let words = format!("cannot write into the folder {place}");
        let file = ensure_writable_place(&path).and_then(|()| File::create(&path));
        let file = file.map_err(with(words))?;
        let taken = || {
            let words = format!("another process writes into the folder {place}");
            Error::new(ErrorKind::WouldBlock, words)
        };
        match file.try_lock() {
            // Whoever had it may have removed the file meanwhile: another file of its name is another lock.
            Ok(()) if is_at(&file, &path) => Ok(Self { file, path }),
            Ok(()) | Err(TryLockError::WouldBlock) => Err(taken()),
            Err(TryLockError::Error(error)) => {
                let words = format!(
                    "cannot lock the folder {place}, whose file system may have no locks: name one on another"
                );
                // Of another kind than one that is taken.
                Err(Error::other(format!("{words}: {error}")))
            }
        }
    }

    /// Lets go of a folder that is not needed any more: it is removed with the lock's file, unless there is something else in it.
    pub fn leave(self) {
        // While it is locked, so that nobody has the lock of a file that goes. What cannot be removed stays.
        let _ = fs::remove_file(&self.path);
        let _ = self.path.parent().map(fs::remove_dir);
        drop(self.file);
    }
}

/// Whether an open file is the one that has this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let number = |found: Result<fs::Metadata>| found.map(|found| (found.dev(), found.ino())).ok();
    number(file.metadata()) == number(fs::metadata(path))
}

/// Elsewhere a file that is open is not removed.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
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

    /// Who waits for a lock whose file goes has no lock of that file, but one that others see.
    #[test]
    fn a_folder_that_its_last_writer_removes_is_locked_anew() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("work/a");
        let mut first = Some(FolderLock::take(&place, "lock").unwrap());
        let second = FolderLock::take_after(&place, "lock", || {
            first.take().unwrap().leave();
            assert!(!place.exists());
        });
        let second = second.unwrap();
        assert!(place.join("lock").exists());
        let error = FolderLock::try_take(&place, "lock").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        fs::write(place.join("result"), "").unwrap();
        second.leave();
        assert!(place.join("result").exists() && !place.join("lock").exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_lock_of_a_file_that_has_gone_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        File::create(&path).unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn a_pipe_in_the_place_of_the_lock_keeps_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("lock");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = FolderLock::take(folder.path(), "lock").unwrap_err();
        assert!(error.to_string().contains("remove it"), "{error}");
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
