//! Pictures of what was explained, with their answers beside them: a folder that does not grow beyond its limits. What else lies in it is not touched.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{Cursor, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use image::{ImageFormat, RgbImage};

use ssdcrp::atomic_file;
use ssdcrp::lock::lock;

use super::event::{FrigateEvent, Phase};
use crate::configuration::PicturesPlan;

/// Whose unfinished files they are.
const OWNER: &str = "frigate";
const ENDINGS: [&str; 2] = [".png", ".json"];
/// Nobody writes a file for so long.
const ABANDONED: Duration = Duration::from_secs(600);

/// The folder.
#[derive(Clone)]
pub struct PictureFolder {
    plan: PicturesPlan,
    /// Looked for when something is to be written for the first time: whoever wrote there before has ended by then.
    kept: Arc<Mutex<Option<KeptAnswers>>>,
}

/// The folder's own files, so that it is not looked through for each new one.
#[derive(Default)]
struct KeptAnswers {
    /// Those that were written first are the first.
    by_age: BTreeMap<u64, KeptAnswer>,
    /// Where each stem is in `by_age`.
    places: HashMap<String, u64>,
    next: u64,
    bytes: u64,
    files: usize,
}

/// A picture and its answer, or one of them.
#[derive(Clone, Default)]
struct KeptAnswer {
    stem: String,
    /// Names of files, with their sizes.
    files: BTreeMap<String, u64>,
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

impl KeptAnswer {
    fn bytes(&self) -> u64 {
        self.files.values().sum()
    }
}

impl KeptAnswers {
    /// It is the newest.
    fn put(&mut self, answer: KeptAnswer) {
        self.bytes += answer.bytes();
        self.files += answer.files.len();
        self.places.insert(answer.stem.clone(), self.next);
        self.by_age.insert(self.next, answer);
        self.next += 1;
    }

    fn take(&mut self, stem: &str) -> Option<KeptAnswer> {
        let place = self.places.remove(stem)?;
        let answer = self.by_age.remove(&place)?;
        self.bytes -= answer.bytes();
        self.files -= answer.files.len();
        Some(answer)
    }

    fn oldest(&self) -> Option<&KeptAnswer> {
        self.by_age.values().next()
    }
}

impl PictureFolder {
    /// Makes it where it is not there yet, and tries whether it can be written to.
    ///
    /// # Errors
    /// It cannot.
    pub fn open(plan: &PicturesPlan) -> Result<Self> {
        let folder = &plan.folder;
        let words = || format!("pictures cannot be kept in {}", folder.display());
        fs::create_dir_all(folder).with_context(words)?;
        atomic_file::write(&folder.join(".try"), OWNER, b"").with_context(words)?;
        fs::remove_file(folder.join(".try")).with_context(words)?;
        Ok(Self {
            plan: plan.clone(),
            kept: Arc::default(),
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
        self.write(name, &file, png.get_ref())?;
        Ok(file)
    }

    /// Keeps an answer under this name with ".json" behind it.
    ///
    /// # Errors
    /// As [`PictureFolder::keep`].
    pub fn keep_answer(&self, name: &str, answer: &str) -> Result<()> {
        let file = format!("{name}.json");
        self.write(name, &file, format!("{answer}\n").as_bytes())
    }

    fn write(&self, stem: &str, file: &str, bytes: &[u8]) -> Result<()> {
        let mut kept = lock(&self.kept);
        let kept = match &mut *kept {
            Some(kept) => kept,
            unknown => unknown.insert(self.found()?),
        };
        // What belongs to the new file makes no room for it.
        let before = kept.take(stem).unwrap_or_else(|| KeptAnswer {
            stem: stem.to_owned(),
            files: BTreeMap::new(),
        });
        let mut after = before.clone();
        after.files.insert(file.to_owned(), bytes.len() as u64);
        let path = self.plan.folder.join(file);
        let written = self.make_room(kept, file, &after).and_then(|()| {
            atomic_file::write(&path, OWNER, bytes)
                .with_context(|| format!("cannot write {}", path.display()))
        });
        let now = if written.is_ok() { after } else { before };
        // An answer none of whose files could be written is nothing to be kept.
        if !now.files.is_empty() {
            kept.put(now);
        }
        written
    }

    /// Removes what is oldest, until there is room for an answer with this new file.
    fn make_room(&self, kept: &mut KeptAnswers, file: &str, new: &KeptAnswer) -> Result<()> {
        let PicturesPlan {
            folder,
            bytes: most_bytes,
            files: most_files,
        } = &self.plan;
        ensure!(
            new.bytes() <= *most_bytes,
            "{file} is left out: with it there would be {} bytes of one event, and {} may have {most_bytes} in all",
            new.bytes(),
            folder.display()
        );
        let has_room = |kept: &KeptAnswers| {
            kept.bytes + new.bytes() <= *most_bytes && kept.files + new.files.len() <= *most_files
        };
        while !has_room(kept)
            && let Some(oldest) = kept.oldest()
        {
            for path in oldest.files.keys().map(|name| folder.join(name)) {
                match fs::remove_file(&path) {
                    // Somebody else has removed it.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => {
                        removed.with_context(|| format!("cannot remove {}", path.display()))?;
                    }
                }
            }
            let stem = oldest.stem.clone();
            kept.take(&stem);
        }
        Ok(())
    }

    /// What there is of the folder's own files. What a killed process has left is removed, if it is not so new that somebody may be writing it.
    fn found(&self) -> Result<KeptAnswers> {
        let now = SystemTime::now();
        let mut found = HashMap::<String, (SystemTime, KeptAnswer)>::new();
        for entry in fs::read_dir(&self.plan.folder)?.flatten() {
            let name = entry.file_name();
            let (Some(name), Ok(file)) = (name.to_str(), entry.metadata()) else {
                continue;
            };
            let modified = file.modified()?;
            let is_unfinished = atomic_file::is_unfinished(name, OWNER);
            let age = now.duration_since(modified).unwrap_or_default();
            if is_unfinished && age > ABANDONED {
                let _ = fs::remove_file(entry.path());
            } else if let Some(stem) = stem_of(name).or(is_unfinished.then_some(name)) {
                let entry = found.entry(stem.to_owned());
                let (newest, answer) = entry.or_insert_with(|| (modified, KeptAnswer::default()));
                *newest = modified.max(*newest);
                answer.stem = stem.to_owned();
                answer.files.insert(name.to_owned(), file.len());
            }
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|(modified, _)| *modified);
        let mut kept = KeptAnswers::default();
        for (_, answer) in found {
            kept.put(answer);
        }
        Ok(kept)
    }
}

#[cfg(test)]
#[path = "../../../tests/folder_names/mod.rs"]
mod folder_names;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::folder_names::names;
    use super::*;

    /// Makes a file older by so many seconds.
    fn age(file: &Path, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(then).unwrap();
    }

    /// A folder with these limits.
    fn opened(folder: &Path, bytes: u64, files: usize) -> PictureFolder {
        let folder = folder.to_owned();
        let plan = PicturesPlan {
            folder,
            bytes,
            files,
        };
        PictureFolder::open(&plan).unwrap()
    }

    /// The names of the files of these stems.
    fn both(stems: &[&str]) -> Vec<String> {
        let files = stems
            .iter()
            .flat_map(|stem| ENDINGS.map(|ending| format!("{stem}{ending}")));
        let mut files: Vec<String> = files.collect();
        files.sort();
        files
    }

    const STEMS: [&str; 4] = [
        "gate-7.5-x-new-1.000",
        "gate-7.5-x-update-2.500",
        "gate-7.5-x-end-3.125",
        "yard-9.5-x-new-4.000",
    ];

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
        // What was abandoned goes at once, what was not yet when it is the oldest.
        for (name, seconds) in [(".frigate-abcdef.part", 9999), (".frigate-ghijkl.part", 0)] {
            fs::write(folder.join(name), "half").unwrap();
            age(&folder.join(name), seconds);
        }
        let pictures = opened(&folder, 2000, 99);
        let answer = "y".repeat(600);
        let [a, b, c, _] = STEMS;
        for name in [a, b] {
            pictures.keep(name, &RgbImage::new(8, 8)).unwrap();
            pictures.keep_answer(name, &answer).unwrap();
        }
        let left = names(&folder);
        assert!(!left.contains(&".frigate-abcdef.part".to_owned()));
        assert!(left.contains(&".frigate-ghijkl.part".to_owned()));
        let name = pictures.keep(c, &RgbImage::new(8, 8)).unwrap();
        assert_eq!(name, format!("{c}.png"));
        pictures.keep_answer(c, &answer).unwrap();
        // The oldest went as a whole.
        let mut expected = both(&[b, c]);
        expected.extend(others.map(str::to_owned));
        expected.sort();
        assert_eq!(names(&folder), expected);
        assert!(image::open(folder.join(name)).is_ok());

        // What could never have room pushes nothing out.
        let error = pictures.keep_answer(a, &"z".repeat(2001)).unwrap_err();
        assert!(error.to_string().contains("is left out"), "{error}");
        assert_eq!(names(&folder), expected);
        let remembered = lock(&pictures.kept).as_ref().map(|kept| kept.by_age.len());
        assert_eq!(remembered, Some(2), "what was not written takes no memory");
    }

    #[test]
    fn there_are_no_more_files_than_there_may_be_also_after_a_new_start() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let keep = |pictures: &PictureFolder, stem: &str| {
            pictures.keep(stem, &RgbImage::new(8, 8)).unwrap();
            pictures.keep_answer(stem, "{}").unwrap();
        };
        let [a, b, c, d] = STEMS;
        let pictures = opened(folder, 1 << 20, 4);
        for stem in [a, b, a, c] {
            keep(&pictures, stem);
        }
        // What was written again was not the oldest any more.
        assert_eq!(names(folder), both(&[a, c]));
        // Who has removed files by hand is in nobody's way.
        fs::remove_file(folder.join(format!("{a}.png"))).unwrap();
        keep(&pictures, b);
        assert_eq!(names(folder), both(&[c, b]));

        // At a new start the files' own times count, and those that are too many go with the first new one.
        for (stem, seconds) in [(c, 10), (b, 20)] {
            for file in both(&[stem]) {
                age(&folder.join(file), seconds);
            }
        }
        keep(&opened(folder, 1 << 20, 4), d);
        assert_eq!(names(folder), both(&[c, d]));
        keep(&opened(folder, 1 << 20, 2), a);
        assert_eq!(names(folder), both(&[a]));
    }

    #[test]
    fn the_folder_is_looked_through_once() {
        let place = tempfile::tempdir().unwrap();
        let [a, b, c, _] = STEMS;
        let pictures = opened(place.path(), 1 << 20, 2);
        pictures.keep_answer(a, "{}").unwrap();
        let later = place.path().join(format!("{b}.json"));
        fs::write(&later, "{}").unwrap();
        age(&later, 99);
        pictures.keep_answer(c, "{}").unwrap();
        assert_eq!(names(place.path()).len(), 3, "the newcomer is not known");
        let pictures = opened(place.path(), 1 << 20, 2);
        pictures.keep_answer(c, "{ }").unwrap();
        assert!(!later.exists(), "it is the oldest");
        assert_eq!(names(place.path()).len(), 2);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let plan = PicturesPlan {
            folder: file.join("x"),
            bytes: 1,
            files: 2,
        };
        let error = PictureFolder::open(&plan).err().unwrap();
        assert!(error.to_string().contains("cannot be kept in"), "{error}");
    }
}
