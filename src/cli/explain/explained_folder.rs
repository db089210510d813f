//! A folder of explanations: pictures in, for each a record beside its files out, by which a later run knows what is done.
//!
//! `settings.json` has what all results were made with, and `NAME.json` what `--json` prints of a picture, with the size and time of change of the file that it comes from. A record is written last, so that
//! whoever has one has all of its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use ssdcrp::fingerprint::hash;
use ssdcrp::kept_settings;
use ssdcrp::limits::{self, FileKind};

use super::super::inputs::SETTINGS;
use super::super::json::PhotoRecord;
use super::super::output;
use super::super::source_picture::SourcePicture;

/// Digits of a path's hash that tell files of one name apart.
const DIGITS: usize = 8;

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

/// By which a file is known to be the one that was explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SourceStamp {
    path: String,
    bytes: u64,
    /// Nanoseconds since 1970, if the file system knows.
    modified: Option<u64>,
}

/// What is written.
#[derive(Serialize)]
struct FolderRecord<'a> {
    #[serde(flatten)]
    photo: &'a PhotoRecord<'a>,
    source: Option<SourceStamp>,
}

/// What is read of it again.
#[derive(Deserialize)]
struct EarlierRecord {
    source: Option<SourceStamp>,
    #[serde(default)]
    explanations: Vec<EarlierExplanation>,
}

#[derive(Deserialize)]
struct EarlierExplanation {
    #[serde(default)]
    files: Vec<String>,
}

impl ExplainedFolder {
    /// Makes the folder, or goes on with one that was made with the same settings.
    ///
    /// # Errors
    /// As [`kept_settings::agree`]; it cannot be made.
    pub fn open(folder: &Path, settings: &ExplainSettings) -> Result<Self> {
        let made = fs::create_dir_all(folder);
        made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(format!("{SETTINGS}.json"));
        kept_settings::agree(&path, output::OWNER, settings)?;
        let folder = folder.to_owned();
        Ok(Self { folder })
    }

    /// What an earlier run wrote of the picture, if all of it is still there. A picture that has the name of another one in this folder gets a name of its own.
    pub fn known(&self, picture: &mut SourcePicture) -> Option<String> {
        let stamp = SourceStamp::of(&picture.path)?;
        let mut found = self.read(&picture.stem);
        let is_others = |(_, earlier): &(String, EarlierRecord)| {
            earlier
                .source
                .as_ref()
                .is_some_and(|it| it.path != stamp.path)
        };
        if found.as_ref().is_some_and(is_others) {
            let digits = hash(stamp.path.bytes());
            picture.stem += &format!("-{}", &digits[..DIGITS]);
            found = self.read(&picture.stem);
        }
        let (text, earlier) = found?;
        let mut files = earlier.files();
        let is_whole = files.all(|name| self.folder.join(name).is_file());
        if is_whole && earlier.source == Some(stamp) {
            return Some(text);
        }
        // Another question may have been answered then: its files would be taken for those of this one.
        for name in earlier.files().filter(|name| is_plain(name)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
        None
    }

    /// Keeps what was found in a picture, after its files were written, and gives it as text.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, picture: &SourcePicture, photo: &PhotoRecord) -> Result<String> {
        let source = SourceStamp::of(&picture.path);
        let record = FolderRecord { photo, source };
        let mut text = serde_json::to_string(&record).context("cannot write JSON")?;
        text.push('\n');
        output::write_text(&self.file(&picture.stem), &text)?;
        Ok(text)
    }

    fn file(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.json"))
    }

    /// A record as text and what counts of it; none where there is none that can be read.
    fn read(&self, stem: &str) -> Option<(String, EarlierRecord)> {
        let text = limits::read_text(&self.file(stem), FileKind::Scores).ok()?;
        let record = serde_json::from_str(&text).ok()?;
        Some((text, record))
    }
}

impl EarlierRecord {
    fn files(&self) -> impl Iterator<Item = &String> {
        self.explanations.iter().flat_map(|one| &one.files)
    }
}

/// Whether a name is that of a file in the folder itself.
fn is_plain(name: &str) -> bool {
    Path::new(name).file_name() == Some(name.as_ref())
}

impl SourceStamp {
    /// None of what is no file.
    fn of(path: &Path) -> Option<Self> {
        let real = fs::canonicalize(path).ok()?;
        let metadata = real.metadata().ok().filter(fs::Metadata::is_file)?;
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Some(Self {
            path: real.to_string_lossy().into_owned(),
            bytes: metadata.len(),
            modified: modified.and_then(|time| u64::try_from(time.as_nanos()).ok()),
        })
    }
}
