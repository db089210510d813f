//! Pictures of what was explained, with their answers beside them: a folder that does not grow beyond its budget.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use image::{ImageFormat, RgbImage};

use ssdcrp::atomic_file;

/// Whose unfinished files they are.
const OWNER: &str = "frigate";
const ENDINGS: [&str; 2] = [".png", ".json"];
/// Nobody writes a file for so long.
const ABANDONED: Duration = Duration::from_secs(600);

/// The folder.
#[derive(Clone)]
pub struct PictureFolder {
    folder: PathBuf,
    /// Bytes of all files.
    budget: u64,
}

impl PictureFolder {
    /// Makes it where it is not there yet, and tries whether it can be written to.
    ///
    /// # Errors
    /// It cannot.
    pub fn open(folder: &Path, budget: u64) -> Result<Self> {
        let words = || format!("pictures cannot be kept in {}", folder.display());
        fs::create_dir_all(folder).with_context(words)?;
        atomic_file::write(&folder.join(".try"), OWNER, b"").with_context(words)?;
        fs::remove_file(folder.join(".try")).with_context(words)?;
        Ok(Self {
            folder: folder.to_owned(),
            budget,
        })
    }

    /// Keeps a picture under this name with ".png" behind it. The oldest files make room for it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, name: &str, picture: &RgbImage) -> Result<String> {
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png)?;
        let file = format!("{name}.png");
        self.write(&file, png.get_ref())?;
        Ok(file)
    }

    /// Keeps an answer under this name with ".json" behind it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_answer(&self, name: &str, answer: &str) -> Result<()> {
        self.write(&format!("{name}.json"), format!("{answer}\n").as_bytes())
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(file);
        self.make_room(bytes.len() as u64)?;
        atomic_file::write(&path, OWNER, bytes)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn make_room(&self, needed: u64) -> Result<()> {
        let now = SystemTime::now();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let (Some(name), Ok(found)) = (name.to_str(), entry.metadata()) else {
                continue;
            };
            let modified = found.modified()?;
            let age = now.duration_since(modified).unwrap_or_default();
            if atomic_file::is_unfinished(name, OWNER) && age > ABANDONED {
                // A process that was killed has left it.
                let _ = fs::remove_file(entry.path());
            } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                files.push((modified, found.len(), entry.path()));
            }
        }
        let mut total = needed + files.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        files.sort();
        for (_, bytes, path) in files {
            if total <= self.budget {
                break;
            }
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            total -= bytes;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a file older by so many seconds.
    fn age(file: &Path, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(then).unwrap();
    }

    #[test]
    fn the_oldest_make_room_and_nothing_else_is_touched() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("frigate");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("notes.txt"), "x".repeat(5000)).unwrap();
        for (name, seconds) in [(".frigate-abcdef.part", 9999), (".frigate-ghijkl.part", 0)] {
            fs::write(folder.join(name), "half").unwrap();
            age(&folder.join(name), seconds);
        }
        let pictures = PictureFolder::open(&folder, 2000).unwrap();
        let answer = "y".repeat(900);
        for (seconds, name) in [(30, "a"), (20, "b")] {
            pictures.keep_answer(name, &answer).unwrap();
            age(&folder.join(format!("{name}.json")), seconds);
        }
        let name = pictures.keep("c", &RgbImage::new(8, 8)).unwrap();
        assert_eq!(name, "c.png");
        pictures.keep_answer("d", &answer).unwrap();
        let entries = fs::read_dir(&folder).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            ".frigate-ghijkl.part",
            "b.json",
            "c.png",
            "d.json",
            "notes.txt",
        ];
        assert_eq!(names, expected);
        assert!(image::open(folder.join("c.png")).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let error = PictureFolder::open(&file.join("x"), 1).err().unwrap();
        assert!(error.to_string().contains("cannot be kept in"), "{error}");
    }
}
