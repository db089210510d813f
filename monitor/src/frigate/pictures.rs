//! Pictures of what was explained, with their answers beside them: a folder that does not grow beyond its budget. What else lies in it is not touched.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use image::{ImageFormat, RgbImage};

use ssdcrp::atomic_file;

use super::event::{FrigateEvent, Phase};

/// Whose unfinished files they are.
const OWNER: &str = "frigate";
const ENDINGS: [&str; 2] = [".png", ".json"];
/// Nobody writes a file for so long.
const ABANDONED: Duration = Duration::from_secs(600);

/// The folder.
#[derive(Clone)]
pub struct PictureFolder {
    folder: PathBuf,
    /// Bytes of all files of its own.
    budget: u64,
}

/// A picture and its answer, or one of them.
#[derive(Default)]
struct KeptAnswer {
    /// When the older of the two was written.
    modified: Option<SystemTime>,
    bytes: u64,
    files: Vec<PathBuf>,
}

/// The name of an event's files, but for their endings: "gate-1607123955.475377-mxklsc-new-1607123961.838", with the snapshot's time, so that none is written over.
pub fn stem(event: &FrigateEvent) -> String {
    let (camera, id, phase) = (&event.camera, &event.id, event.phase.name());
    format!("{camera}-{id}-{phase}-{:.3}", event.frame_time)
}

/// What [`stem`] has made of a file's name; `None` of another's file.
fn stem_of(file: &str) -> Option<&str> {
    let stem = ENDINGS
        .iter()
        .find_map(|ending| file.strip_suffix(ending))?;
    let (rest, time) = stem.rsplit_once('-')?;
    let (second, thousandth) = time.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, phase) = rest.rsplit_once('-')?;
    let phases = [Phase::New, Phase::Update, Phase::End];
    let is_own = digits(second)
        && digits(thousandth)
        && thousandth.len() == 3
        && phases.iter().any(|known| known.name() == phase)
        && rest.contains('-');
    is_own.then_some(stem)
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

    /// Keeps a picture under this name with ".png" behind it. The oldest pictures make room for it, with their answers.
    ///
    /// # Errors
    /// It cannot be written, or has more bytes than the folder may have.
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
        self.make_room(file, bytes.len() as u64)?;
        atomic_file::write(&path, OWNER, bytes)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes what is oldest, until there is room for a file of so many bytes.
    fn make_room(&self, file: &str, needed: u64) -> Result<()> {
        let mut kept = self.kept()?;
        // What belongs to the new file stays.
        let own = stem_of(file).and_then(|stem| kept.remove(stem));
        let mut total = needed + own.map_or(0, |own| own.bytes);
        ensure!(
            total <= self.budget,
            "{file} is left out: with it there would be {total} bytes of one event, and {} may have {} in all",
            self.folder.display(),
            self.budget
        );
        total += kept.values().map(|kept| kept.bytes).sum::<u64>();
        let mut kept: Vec<KeptAnswer> = kept.into_values().collect();
        kept.sort_by_key(|kept| kept.modified);
        for old in kept {
            if total <= self.budget {
                break;
            }
            for path in &old.files {
                let removed = fs::remove_file(path);
                removed.with_context(|| format!("cannot remove {}", path.display()))?;
            }
            total -= old.bytes;
        }
        Ok(())
    }

    /// The folder's own files by their stems. What a killed process has left is removed.
    fn kept(&self) -> Result<BTreeMap<String, KeptAnswer>> {
        let now = SystemTime::now();
        let mut kept = BTreeMap::<String, KeptAnswer>::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let (Some(name), Ok(found)) = (name.to_str(), entry.metadata()) else {
                continue;
            };
            let modified = found.modified()?;
            let age = now.duration_since(modified).unwrap_or_default();
            if atomic_file::is_unfinished(name, OWNER) && age > ABANDONED {
                let _ = fs::remove_file(entry.path());
            } else if let Some(stem) = stem_of(name) {
                let kept = kept.entry(stem.to_owned()).or_default();
                let older = kept.modified.map_or(modified, |other| other.min(modified));
                kept.modified = Some(older);
                kept.bytes += found.len();
                kept.files.push(entry.path());
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
#[path = "../../../tests/folder_names/mod.rs"]
mod folder_names;

#[cfg(test)]
mod tests {
    use super::folder_names::names;
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
        let others = ["holiday-1-new.png", "family-2024-05.json", "notes.txt"];
        for name in others {
            fs::write(folder.join(name), "x".repeat(5000)).unwrap();
            age(&folder.join(name), 99_999);
        }
        for (name, seconds) in [(".frigate-abcdef.part", 9999), (".frigate-ghijkl.part", 0)] {
            fs::write(folder.join(name), "half").unwrap();
            age(&folder.join(name), seconds);
        }
        let pictures = PictureFolder::open(&folder, 2000).unwrap();
        let answer = "y".repeat(600);
        let [a, b, c] =
            ["new-1.000", "update-2.500", "end-3.125"].map(|end| format!("gate-7.5-x-{end}"));
        for (seconds, name) in [(30, &a), (20, &b)] {
            pictures.keep(name, &RgbImage::new(8, 8)).unwrap();
            pictures.keep_answer(name, &answer).unwrap();
            for ending in ENDINGS {
                age(&folder.join(format!("{name}{ending}")), seconds);
            }
        }
        let name = pictures.keep(&c, &RgbImage::new(8, 8)).unwrap();
        assert_eq!(name, format!("{c}.png"));
        pictures.keep_answer(&c, &answer).unwrap();
        // The oldest went as a whole.
        let mut expected = vec![".frigate-ghijkl.part".to_owned()];
        expected.extend(others.map(str::to_owned));
        for name in [&b, &c] {
            expected.extend(ENDINGS.map(|ending| format!("{name}{ending}")));
        }
        expected.sort();
        assert_eq!(names(&folder), expected);
        assert!(image::open(folder.join(name)).is_ok());

        // What could never have room pushes nothing out.
        let error = pictures.keep_answer(&a, &"z".repeat(2001)).unwrap_err();
        assert!(error.to_string().contains("is left out"), "{error}");
        assert_eq!(names(&folder), expected);
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
