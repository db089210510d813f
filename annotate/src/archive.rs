//! The folder of results: what is where in it, who is at work on what, and how results of an input appear: all or none.
//!
//! An input is worked on in `work/NAME`, which one process at a time has. When everything is there it is moved to its place, and the record `inputs/NAME.json` is
//! written last: what has no record that says *done* is not done, whatever else is there, and is done anew.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{ErrorKind, Result as IoResult};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use ssdcrp::atomic_file;

use crate::columns::ResultTable;
use crate::inputs::ArchiveInput;
use crate::manifest::{ArchiveManifest, OWNER};

/// Folders.
const RECORDS: &str = "inputs";
const WORK: &str = "work";
/// The file by which a process has an input, in its folder of work.
const LOCK: &str = "lock";

/// What there is of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// JSON Lines.
    Messages,
    Table(ResultTable),
    Video,
    /// A folder.
    Evidence,
}

impl Product {
    fn folder(self) -> &'static str {
        match self {
            Self::Messages => "results",
            Self::Table(table) => table.name(),
            Self::Video => "videos",
            Self::Evidence => "evidence",
        }
    }

    fn file(self, name: &str) -> String {
        match self {
            Self::Messages => format!("{name}.jsonl"),
            Self::Table(_) => format!("{name}.parquet"),
            Self::Video => format!("{name}.mp4"),
            Self::Evidence => name.to_owned(),
        }
    }
}

/// How a file was when it was read: one that has changed since is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputStamp {
    pub bytes: u64,
    /// Nanoseconds since 1970 in UTC.
    pub modified: u64,
}

impl InputStamp {
    /// How a file is now.
    ///
    /// # Errors
    /// It is not there, or no regular file.
    pub fn of(path: &Path) -> IoResult<Self> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let modified = found.modified()?.duration_since(UNIX_EPOCH);
        Ok(Self {
            bytes: found.len(),
            modified: modified.map_or(0, |since| since.as_nanos().try_into().unwrap_or(u64::MAX)),
        })
    }
}

/// What has become of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    pub source: String,
    /// Missing where the file was not there.
    #[serde(flatten)]
    pub stamp: Option<InputStamp>,
    #[serde(flatten)]
    pub outcome: InputOutcome,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum InputOutcome {
    Done(InputCounts),
    Failed { error: String },
}

/// What was found in an input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputCounts {
    pub frames: u64,
    /// Frames that could not be read, and passed without a result.
    pub frames_damaged: u64,
    pub detections: u64,
    pub explanations: u64,
    pub events: u64,
    /// What GStreamer warned of, each once.
    pub warnings: Vec<String>,
    /// Which decoded it.
    pub gstreamer: String,
}

/// A folder of results.
pub struct Archive {
    root: PathBuf,
    products: Vec<Product>,
}

/// An input's own folder for as long as it is worked on.
pub struct Workplace<'a> {
    archive: &'a Archive,
    name: &'a str,
    folder: PathBuf,
    /// Held until this process ends, however it ends.
    lock: File,
}

impl Archive {
    /// Opens or makes the folder of results that are made with `manifest`.
    ///
    /// # Errors
    /// It cannot be written; its results were made otherwise.
    pub fn open(root: &Path, manifest: &ArchiveManifest) -> Result<Self> {
        let context = || format!("cannot use the folder {}", root.display());
        fs::create_dir_all(root).with_context(context)?;
        let root = fs::canonicalize(root).with_context(context)?;
        manifest.agree(&root)?;
        let mut products = vec![Product::Messages];
        products.extend(ResultTable::ALL.map(Product::Table));
        products.extend(manifest.video.then_some(Product::Video));
        products.extend(manifest.evidence.then_some(Product::Evidence));
        let folders = products.iter().map(|product| product.folder());
        for folder in folders.chain([RECORDS]) {
            fs::create_dir_all(root.join(folder)).with_context(context)?;
        }
        Ok(Self { root, products })
    }

    /// What has become of an input so far; `None` where nothing has, also where results are not there any more.
    pub fn record(&self, input: &ArchiveInput) -> Option<InputRecord> {
        let text = fs::read(self.record_path(&input.name)).ok()?;
        let record: InputRecord = serde_json::from_slice(&text).ok()?;
        let expected = self.expected(input);
        let all = expected
            .iter()
            .all(|&product| self.place(product, &input.name).exists());
        (all || !matches!(record.outcome, InputOutcome::Done(_))).then_some(record)
    }

    /// The folder of all records.
    pub fn records(&self) -> PathBuf {
        self.root.join(RECORDS)
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.records().join(format!("{name}.json"))
    }

    /// Begins with an input, for which nobody else then works. `None` where another process does.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin<'a>(&'a self, input: &'a ArchiveInput) -> Result<Option<Workplace<'a>>> {
        let folder = self.root.join(WORK).join(&input.name);
        let context = || format!("cannot write to {}", folder.display());
        fs::create_dir_all(&folder).with_context(context)?;
        let path = folder.join(LOCK);
        let mut options = File::options();
        let lock = match options.write(true).create(true).truncate(false).open(&path) {
            // Somebody else is done with it at this moment.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.with_context(context)?,
        };
        // Some file systems have no locks: there the user sees to it that shards differ.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Ok(None);
        }
        let number = |found: IoResult<Metadata>| found.map(|found| found.ino()).ok();
        if number(lock.metadata()) != number(fs::metadata(&path)) {
            return Ok(None);
        }
        let work = Workplace {
            archive: self,
            name: &input.name,
            folder,
            lock,
        };
        work.clear()
            .with_context(|| format!("cannot write to {}", work.folder.display()))?;
        Ok(Some(work))
    }

    /// What an input gives.
    fn expected(&self, input: &ArchiveInput) -> Vec<Product> {
        let is_wanted = |product: &Product| *product != Product::Video || !input.is_photo();
        self.products.iter().copied().filter(is_wanted).collect()
    }

    fn place(&self, product: Product, name: &str) -> PathBuf {
        self.root.join(product.folder()).join(product.file(name))
    }

    /// Says for all to see what has become of an input.
    ///
    /// # Errors
    /// It cannot be written.
    fn write_record(&self, name: &str, record: &InputRecord) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        let path = self.record_path(name);
        atomic_file::write(&path, OWNER, &text)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Workplace<'_> {
    /// Where a product is to be made; `None` where it is not wanted.
    pub fn path(&self, product: Product, input: &ArchiveInput) -> Option<PathBuf> {
        let is_wanted = self.archive.expected(input).contains(&product);
        is_wanted.then(|| self.folder.join(product.folder()))
    }

    /// A file that goes when the work is done.
    pub fn temporary(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Moves what was made to its place, and says that it is done.
    ///
    /// # Errors
    /// Something cannot be written, or was not made.
    pub fn finish(self, input: &ArchiveInput, record: &InputRecord) -> Result<()> {
        self.forget()?;
        for product in self.archive.expected(input) {
            let made = self.folder.join(product.folder());
            let place = self.archive.place(product, self.name);
            let context = || format!("cannot write {}", place.display());
            if product == Product::Evidence {
                // The element makes the folder for the first event.
                fs::create_dir_all(&made).with_context(context)?;
                remove(&place).with_context(context)?;
            } else {
                let file = File::open(&made).with_context(context)?;
                file.sync_all().with_context(context)?;
            }
            fs::rename(&made, &place).with_context(context)?;
        }
        self.archive.write_record(self.name, record)?;
        self.leave();
        Ok(())
    }

    /// Says that it failed. What an earlier run made of the file, as it was then, goes.
    ///
    /// # Errors
    /// That cannot be written.
    pub fn fail(self, input: &ArchiveInput, record: &InputRecord) -> Result<()> {
        self.forget()?;
        for product in self.archive.expected(input) {
            let place = self.archive.place(product, self.name);
            remove(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        }
        self.archive.write_record(self.name, record)?;
        self.leave();
        Ok(())
    }

    /// What was said before does not hold from here on.
    fn forget(&self) -> Result<()> {
        let record = self.archive.record_path(self.name);
        remove(&record).with_context(|| format!("cannot remove {}", record.display()))
    }

    /// Removes what a process that was killed left.
    fn clear(&self) -> IoResult<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The folder goes with its lock; where it cannot, the next run removes it.
    fn leave(self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_dir(self.archive.root.join(WORK));
        drop(self.lock);
    }
}

/// Removes a file or a folder with all that is in it, if it is there.
fn remove(path: &Path) -> IoResult<()> {
    let removed = match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
