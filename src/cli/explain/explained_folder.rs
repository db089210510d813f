//! A folder of explanations: pictures in, for each a record beside its files out, by which a later run knows what is done. Files of others stay as they are.
//!
//! `settings.json` has what all results were made with, and `NAME.json` what `--json` prints of a picture, with the size and time of change of the file that it comes from. A record is written last and goes first, so that
//! whoever has one has all of its files.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use ssdcrp::inputs::EXPLANATION_SETTINGS;
use ssdcrp::kept_settings;
use ssdcrp::limits::{self, FileKind, is_missing};

use super::super::json::PhotoRecord;
use super::super::output;
use super::super::source_picture::SourcePicture;
use super::super::source_stamp::SourceStamp;

/// What explanations depend on besides the picture.
#[derive(Serialize)]
pub struct ExplainSettings {
    /// Of this program.
    pub version: &'static str,
    pub model: String,
    /// A hash of the network and what its manifest says of it.
    pub model_hash: String,
    /// The default box that was named.
    pub place: Option<String>,
    /// Whether every detection is explained.
    pub all: bool,
    pub targets: Vec<String>,
    pub contrast: Option<String>,
    pub composite: String,
    pub seed: String,
    pub score_threshold: f32,
    pub iou_threshold: f32,
    pub execution_provider: String,
    /// Whether explanations are checked.
    pub check: bool,
    pub logits: bool,
    pub pictures: bool,
    pub smooth: f32,
    pub colour_map: String,
    /// Whether there are files of relevance.
    pub npy: bool,
}

/// The folder.
pub struct ExplainedFolder {
    folder: PathBuf,
}

/// What is written.
#[derive(Serialize)]
struct FolderRecord<'a> {
    #[serde(flatten)]
    photo: &'a PhotoRecord<'a>,
    source: &'a Option<SourceStamp>,
}

/// What is read of it again.
#[derive(Deserialize)]
struct EarlierRecord {
    /// Each record has it, be it null: a file without it is somebody else's.
    #[serde(deserialize_with = "Option::deserialize")]
    source: Option<SourceStamp>,
    #[serde(default)]
    explanations: Vec<EarlierExplanation>,
}

#[derive(Deserialize)]
struct EarlierExplanation {
    #[serde(default)]
    files: Vec<String>,
}

/// What lies in the place of a record.
enum Earlier {
    Nothing,
    /// As text, and what counts of it.
    Record(String, EarlierRecord),
    /// A file of another program.
    Foreign,
}

impl ExplainedFolder {
    /// Makes the folder, or goes on with one that was made with the same settings.
    ///
    /// # Errors
    /// As [`kept_settings::agree`]; it cannot be made, or has files of others alone.
    pub fn open(folder: &Path, settings: &ExplainSettings) -> Result<Self> {
        let name = folder.display();
        let made = fs::create_dir_all(folder);
        made.with_context(|| format!("cannot make the folder {name}"))?;
        let path = folder.join(EXPLANATION_SETTINGS);
        if !path.exists()
            && let Some(other) = first_file(folder)?
        {
            bail!(
                "the folder {name} has other files, as {other}, and no {EXPLANATION_SETTINGS} of earlier explanations: name another folder"
            );
        }
        kept_settings::agree(&path, output::OWNER, settings)?;
        let folder = folder.to_owned();
        Ok(Self { folder })
    }

    /// What an earlier run wrote of the picture, if all of it is still there. A picture that has the name of another one in this folder gets a name of its own.
    ///
    /// # Errors
    /// Files of others have both of its names; what is left of another answer cannot be removed.
    pub fn known(&self, picture: &mut SourcePicture) -> Result<Option<String>> {
        let path = |stamp: &Option<SourceStamp>| stamp.as_ref().map(|stamp| stamp.path.clone());
        let source = path(&picture.stamp);
        let is_its = |record: &EarlierRecord| path(&record.source) == source;
        // Under which of its names it was explained depends on what else was explained then.
        let earlier = self.read(&picture.stem.plain)?;
        let is_foreign = matches!(earlier, Earlier::Foreign);
        let is_plain = match earlier {
            Earlier::Record(_, record) => is_its(&record),
            Earlier::Nothing => !picture.stem.is_shared,
            Earlier::Foreign => false,
        };
        picture.stem.is_shared = !is_plain;
        let place = self.file(picture.stem.name());
        if is_foreign {
            let plain = self.file(&picture.stem.plain);
            output::note(&format!(
                "{} stays as it is, for it is no record of explanations: {} is written instead",
                plain.display(),
                place.display()
            ));
        }
        let (text, earlier) = match self.read(picture.stem.name())? {
            Earlier::Nothing => return Ok(None),
            Earlier::Record(text, record) if is_its(&record) => (text, record),
            _ => bail!(
                "cannot write {}: it is of something else, name another folder",
                place.display()
            ),
        };
        let mut files = earlier.files();
        // A failure of the power may leave empty ones.
        let is_there = |file: Metadata| file.is_file() && file.len() > 0;
        let is_whole = files.all(|name| self.folder.join(name).metadata().is_ok_and(is_there));
        if is_whole && picture.stamp.is_some() && earlier.source == picture.stamp {
            return Ok(Some(text));
        }
        // Another question may have been answered then: its files would be taken for those of this one.
        let removed = fs::remove_file(&place);
        removed.with_context(|| format!("cannot remove {}", place.display()))?;
        let stem = picture.stem.name();
        for name in earlier.files().filter(|name| is_file_of(stem, name)) {
            let file = self.folder.join(name);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", file.display()));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Keeps what was found in a picture, after its files were written, and gives it as text. The file is said to be as it was before it was read: if it has changed since, a later run finds that.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, picture: &SourcePicture, photo: &PhotoRecord) -> Result<String> {
        let source = &picture.stamp;
        let record = FolderRecord { photo, source };
        let mut text = serde_json::to_string(&record).context("cannot write JSON")?;
        text.push('\n');
        let place = self.file(picture.stem.name());
        ensure!(
            text.len() as u64 <= FileKind::Record.most_bytes(),
            "cannot write {}: it would have {} bytes, more than is read again",
            place.display(),
            text.len()
        );
        output::write_text(&place, &text)?;
        Ok(text)
    }

    fn file(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.json"))
    }

    fn read(&self, stem: &str) -> Result<Earlier> {
        let path = self.file(stem);
        Ok(match limits::read_text(&path, FileKind::Record) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(record) => Earlier::Record(text, record),
                Err(_) => Earlier::Foreign,
            },
            Err(error) if is_missing(&error) => Earlier::Nothing,
            // Nobody knows what it is.
            Err(error) if error.io().is_some() => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
            Err(_) => Earlier::Foreign,
        })
    }
}

impl EarlierRecord {
    fn files(&self) -> impl Iterator<Item = &String> {
        self.explanations.iter().flat_map(|one| &one.files)
    }
}

/// The name of a file in a folder; what is hidden does not count.
fn first_file(folder: &Path) -> Result<Option<String>> {
    let context = || format!("cannot read the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let name = entry.with_context(context)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            return Ok(Some(name.display().to_string()));
        }
    }
    Ok(None)
}

/// Whether a name, which a record says, is one that explanations of the picture with this stem get: `STEM-N-TARGET.png` or `.npy`, in the folder itself.
fn is_file_of(stem: &str, name: &str) -> bool {
    let path = Path::new(name);
    let numbered =
        (name.strip_prefix(stem)).and_then(|rest| rest.strip_prefix('-')?.split_once('-'));
    let is_number = |text: &str| text.parse::<usize>().is_ok();
    path.file_name() == Some(name.as_ref())
        && path
            .extension()
            .is_some_and(|ending| ending == "png" || ending == "npy")
        && numbered.is_some_and(|(number, _)| is_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::result_stem::ResultStem;

    /// A folder of explanations beside the photos.
    fn opened(root: &Path) -> ExplainedFolder {
        let folder = root.join("out");
        fs::create_dir(&folder).unwrap();
        ExplainedFolder { folder }
    }

    fn picture(path: &Path, is_shared: bool) -> SourcePicture {
        fs::write(path, "a photo").unwrap();
        let bytes = path.as_os_str().as_encoded_bytes();
        SourcePicture::photo(path, ResultStem::new("dog".to_owned(), bytes, is_shared))
    }

    /// As if the picture had been explained.
    fn explained(folder: &ExplainedFolder, picture: &SourcePicture) -> PathBuf {
        let name = format!("{}-1-class-dog.png", picture.stem.name());
        fs::write(folder.folder.join(&name), "a picture").unwrap();
        let record = serde_json::json!({
            "image": "dog.jpg", "source": picture.stamp, "explanations": [{"files": [name]}]
        });
        let place = folder.file(picture.stem.name());
        fs::write(&place, record.to_string()).unwrap();
        place
    }

    #[test]
    fn a_record_keeps_its_name_when_another_picture_of_that_name_joins() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path());
        let [first, second] = ["a.jpg", "b.jpg"].map(|name| root.path().join(name));
        let mut alone = picture(&first, false);
        assert_eq!(folder.known(&mut alone).unwrap(), None);
        assert_eq!(alone.stem.name(), "dog");
        explained(&folder, &alone);
        // Both are named now.
        let mut first = picture(&first, true);
        first.stamp = alone.stamp.clone();
        let mut second = picture(&second, true);
        assert!(folder.known(&mut first).unwrap().is_some());
        assert_eq!(folder.known(&mut second).unwrap(), None);
        assert_eq!(first.stem.name(), "dog");
        assert_eq!(second.stem.name(), second.stem.apart);
        explained(&folder, &second);
        // And the other one alone.
        second.stem.is_shared = false;
        assert!(folder.known(&mut second).unwrap().is_some());
    }

    #[test]
    fn files_of_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path());
        let foreign = [r#"{"shapes": [], "imagePath": "dog.jpg"}"#, "no JSON"];
        for text in foreign {
            fs::write(folder.file("dog"), text).unwrap();
            let mut dog = picture(&root.path().join("dog.jpg"), false);
            assert_eq!(folder.known(&mut dog).unwrap(), None);
            assert_eq!(dog.stem.name(), dog.stem.apart);
            assert_eq!(fs::read_to_string(folder.file("dog")).unwrap(), text);
            fs::write(folder.file(dog.stem.name()), text).unwrap();
            let error = folder.known(&mut dog).unwrap_err().to_string();
            assert!(error.ends_with("name another folder"), "{error}");
            fs::remove_file(folder.file(dog.stem.name())).unwrap();
        }
    }

    #[test]
    fn a_record_goes_with_its_files_before_the_picture_is_explained_anew() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path());
        let path = root.path().join("dog.jpg");
        let mut dog = picture(&path, false);
        explained(&folder, &dog);
        assert!(folder.known(&mut dog).unwrap().is_some());
        fs::write(folder.folder.join("dog-1-class-dog.png"), "").unwrap();
        assert_eq!(folder.known(&mut dog).unwrap(), None, "it is empty");
        let place = explained(&folder, &dog);
        fs::write(&path, "another photo").unwrap();
        let mut dog = SourcePicture::photo(&path, "dog".to_owned());
        assert_eq!(folder.known(&mut dog).unwrap(), None);
        assert!(!place.exists(), "it would name files that have gone");
        assert_eq!(fs::read_dir(&folder.folder).unwrap().count(), 0);
        // What comes on standard input may be another photo each time.
        let mut given = SourcePicture::photo(Path::new("-"), "standard-input".to_owned());
        let place = explained(&folder, &given);
        assert_eq!(folder.known(&mut given).unwrap(), None);
        assert!(!place.exists());
        assert_eq!(fs::read_dir(&folder.folder).unwrap().count(), 0);
    }

    #[test]
    fn a_record_takes_only_files_of_its_picture_with_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path());
        let path = root.path().join("dog.jpg");
        let mut dog = picture(&path, false);
        let place = explained(&folder, &dog);
        let foreign = [
            EXPLANATION_SETTINGS,
            "cat-1-class-cat.png",
            "dog-house-1-class-dog.png",
        ];
        for name in foreign {
            fs::write(folder.folder.join(name), "").unwrap();
        }
        fs::write(root.path().join("dog-1-class-dog.png"), "").unwrap();
        let listed = [
            "dog-1-class-dog.png",
            "dog-2-gone.npy",
            "../dog-1-class-dog.png",
        ];
        let files = [&listed[..], &foreign].concat();
        let record =
            serde_json::json!({ "source": null, "explanations": [{ "files": files }] }).to_string();
        fs::write(&place, record).unwrap();
        dog.stamp = None;
        assert_eq!(folder.known(&mut dog).unwrap(), None);
        let left = fs::read_dir(&folder.folder).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            [
                "cat-1-class-cat.png",
                "dog-house-1-class-dog.png",
                EXPLANATION_SETTINGS
            ]
        );
        assert!(root.path().join("dog-1-class-dog.png").exists());

        // One that cannot be removed is told.
        fs::create_dir(folder.folder.join("dog-1-class-dog.png")).unwrap();
        fs::write(
            &place,
            r#"{"source": null, "explanations": [{"files": ["dog-1-class-dog.png"]}]}"#,
        )
        .unwrap();
        let error = folder.known(&mut dog).unwrap_err().to_string();
        assert!(error.starts_with("cannot remove "), "{error}");
    }

    /// It is that of before the photo was read, whatever has happened since.
    #[test]
    fn a_photo_that_changes_while_it_is_explained_is_explained_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = opened(root.path());
        let path = root.path().join("dog.jpg");
        let dog = picture(&path, false);
        fs::write(&path, "another photo").unwrap();
        explained(&folder, &dog);
        let mut dog = SourcePicture::photo(&path, "dog".to_owned());
        assert_eq!(folder.known(&mut dog).unwrap(), None);
    }

    #[test]
    fn a_folder_of_other_files_is_none_for_results() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(first_file(root.path()).unwrap(), None);
        fs::write(root.path().join(".hidden"), "").unwrap();
        assert_eq!(first_file(root.path()).unwrap(), None);
        fs::write(root.path().join("dog.json"), "").unwrap();
        assert_eq!(
            first_file(root.path()).unwrap().as_deref(),
            Some("dog.json")
        );
    }
}
