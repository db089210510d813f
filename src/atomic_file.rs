//! Files that are there whole or not at all: bytes in, a file out that has its name when it is on the disk.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// How the name of an unfinished file ends. It begins with a dot, its owner and a dash.
const UNFINISHED: &str = ".part";
/// Characters between, which differ from file to file.
const RANDOM: usize = 6;

/// Makes `bytes` the file at `path`. They are written beside it under a hidden name first, which begins with `owner`: so what was there stays as it was until all of the
/// new file is on the disk, and what a process that is killed leaves behind is known by its name ([`is_unfinished`]).
///
/// # Errors
/// It cannot be written; nothing is left of it then, and what had the name before stays.
pub fn write(path: &Path, owner: &str, bytes: &[u8]) -> io::Result<()> {
    unfinished(path, owner, bytes)?.persist(path)?;
    Ok(())
}

/// The same, unless there is a file at `path` already, which stays: of several processes that do this at once, one is the first. Says whether it was this one.
///
/// # Errors
/// As [`write`].
pub fn write_new(path: &Path, owner: &str, bytes: &[u8]) -> io::Result<bool> {
    match unfinished(path, owner, bytes)?.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// As [`write`], at a place that a person names: a link stays one, and its target is replaced; a device or pipe is simply written to.
///
/// # Errors
/// As [`write`]; `path` is a folder.
pub fn replace(path: &Path, owner: &str, bytes: &[u8]) -> io::Result<()> {
    UnpublishedFile::write(path, owner, bytes)?.publish()
}

/// Where a link leads that leads to no file yet; what is no link stays as it is.
fn target_of(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    // It ends, for the system does not say of a circle that nothing is there.
    while let Ok(target) = fs::read_link(&place) {
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    place
}

/// What is to be at a place that a person names, before it is there: for several files that belong together.
pub struct UnpublishedFile {
    place: PathBuf,
    content: Unpublished,
}

enum Unpublished {
    /// All of it is on the disk, under a hidden name, which goes unless it is published.
    File(NamedTempFile),
    /// A device or pipe gets it when it is published.
    Bytes(Vec<u8>),
}

impl UnpublishedFile {
    /// Writes it under a hidden name; what is at `path` stays as it is.
    ///
    /// # Errors
    /// It cannot be written; nothing is left of it then.
    pub fn write(path: &Path, owner: &str, bytes: &[u8]) -> io::Result<Self> {
        let place = match fs::metadata(path) {
            // By the name that was given: links such as /dev/stdout lead to pipes that have no other.
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                return Ok(Self {
                    place: path.to_owned(),
                    content: Unpublished::Bytes(bytes.to_owned()),
                });
            }
            Ok(_) => fs::canonicalize(path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => target_of(path),
            Err(error) => return Err(error),
        };
        let content = Unpublished::File(unfinished(&place, owner, bytes)?);
        Ok(Self { place, content })
    }

    /// Whether it is a file on the disk, rather than what a device or pipe gets.
    pub fn is_file(&self) -> bool {
        matches!(self.content, Unpublished::File(_))
    }

    /// Removes the file that has the name until now, if there is one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_earlier(&self) -> io::Result<()> {
        match &self.content {
            Unpublished::Bytes(_) => Ok(()),
            Unpublished::File(_) => match fs::remove_file(&self.place) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        }
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// As [`replace`].
    pub fn publish(self) -> io::Result<()> {
        match self.content {
            Unpublished::File(file) => drop(file.persist(self.place)?),
            Unpublished::Bytes(bytes) => fs::write(self.place, bytes)?,
        }
        Ok(())
    }
}

/// The file under its hidden name, all of it on the disk.
fn unfinished(path: &Path, owner: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let prefix = format!(".{owner}-");
    let mut builder = Builder::new();
    builder
        .prefix(&prefix)
        .suffix(UNFINISHED)
        .rand_bytes(RANDOM);
    // Opened and written as every file is: others may read it as far as the process's mask lets them, and an error is the system's own, with its number and
    // without the hidden name.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = builder.make_in(folder, |path| options.open(path))?;
    file.as_file_mut().write_all(bytes)?;
    // Some file systems tell of a full disk only now.
    file.as_file().sync_all()?;
    Ok(file)
}

/// Whether a file of this name was not finished, and is of that owner.
pub fn is_unfinished(name: &str, owner: &str) -> bool {
    let random = name
        .strip_prefix('.')
        .and_then(|name| name.strip_prefix(owner)?.strip_prefix('-'))
        .and_then(|name| name.strip_suffix(UNFINISHED));
    random.is_some_and(|random| random.len() == RANDOM && !random.contains('-'))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::folder_names::names;

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for content in ["first", "the second"] {
            write(&path, "test", content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(names(folder.path()), ["a.png"]);
        }
    }

    #[test]
    fn a_link_stays_one_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, "first").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, "test", b"second").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "second");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        replace(Path::new("/dev/null"), "test", b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(replace(folder.path(), "test", b"x").is_err());
        // The target may not be there yet.
        fs::remove_file(&target).unwrap();
        let second = folder.path().join("to the link");
        std::os::unix::fs::symlink("link", &second).unwrap();
        replace(&second, "test", b"third").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "third");
        let circle = folder.path().join("to the circle");
        std::os::unix::fs::symlink("to the circle", &circle).unwrap();
        assert!(replace(&circle, "test", b"x").is_err());
        assert_eq!(
            names(folder.path()),
            ["link", "target", "to the circle", "to the link"]
        );
    }

    #[test]
    fn what_is_there_already_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(write_new(&path, "test", b"first").unwrap());
        assert!(!write_new(&path, "test", b"second").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert!(write_new(&folder.path().join("nowhere/a"), "test", b"x").is_err());
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        // The rename fails after all was written.
        assert!(write(&path, "test", b"x").is_err());
        let error = write(&folder.path().join("nowhere/a"), "test", b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.raw_os_error().is_some(), "{error}");
        assert!(!error.to_string().contains(UNFINISHED), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
    }

    /// As any other file has: the mask of the process takes some away.
    #[cfg(unix)]
    #[test]
    fn others_may_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        File::create(path("usual")).unwrap();
        write(&path("atomic"), "test", b"x").unwrap();
        let [usual, atomic] =
            ["usual", "atomic"].map(|name| fs::metadata(path(name)).unwrap().permissions().mode());
        assert_eq!(format!("{usual:o}"), format!("{atomic:o}"));
    }

    #[test]
    fn only_own_leftovers_are_known() {
        assert!(is_unfinished(".mine-a1B2c3.part", "mine"));
        for name in [
            ".other-a1B2c3.part",
            ".mine-too-a1B2c3.part",
            ".mine-a-b-c3.part",
            ".mine-.part",
            "mine-a1B2c3.part",
            ".mine-a1B2c3",
            ".mine.part",
        ] {
            assert!(!is_unfinished(name, "mine"), "{name}");
        }
    }
}
