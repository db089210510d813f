//! The folder of results: what is where in it, who is at work on what, and how results of an input appear: all or none.
//!
//! An input is worked on in `work/NAME`, which one process at a time has. When everything is there it is moved to its place, and the record `inputs/NAME.json` is
//! written last: what has no record that says *done* is not done, whatever else is there, and is done anew.

use std::fs::{self, File};
use std::io::{ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ssdcrp::atomic_file;
use ssdcrp::folder_lock::FolderLock;

use crate::columns::ResultTable;
use crate::inputs::ArchiveInput;
use crate::manifest::{ArchiveManifest, OWNER};
use crate::record::InputRecord;

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
    /// What its folder is called among the results; in an input's folder of work, the product itself.
    const fn place(self) -> &'static str {
        match self {
            Self::Messages => "results",
            Self::Table(table) => table.name(),
            Self::Video => "videos",
            Self::Evidence => "evidence",
        }
    }

    fn file_of(self, name: &str) -> String {
        match self {
            Self::Messages => format!("{name}.jsonl"),
            Self::Table(_) => format!("{name}.parquet"),
            Self::Video => format!("{name}.mp4"),
            Self::Evidence => name.to_owned(),
        }
    }
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
    lock: Option<FolderLock>,
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
        let folders = products.iter().map(|product| product.place());
        for folder in folders.chain([RECORDS]) {
            fs::create_dir_all(root.join(folder)).with_context(context)?;
        }
        Ok(Self { root, products })
    }

    /// What has become of an input so far; `None` where nothing has.
    ///
    /// # Errors
    /// Its record cannot be read, or not understood: what is there would be computed again, and replaced.
    pub fn record(&self, input: &ArchiveInput) -> Result<Option<InputRecord>> {
        let path = self.record_path(&input.name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let record = serde_json::from_slice(&text).with_context(|| {
            let path = path.display();
            format!("{path} is not understood: remove it, and the input is annotated anew")
        })?;
        Ok(Some(record))
    }

    /// Whether all that an input gives is there.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn is_whole(&self, input: &ArchiveInput) -> Result<bool> {
        for product in self.expected(input) {
            let place = self.place(product, &input.name);
            let exists = place.try_exists();
            if !exists.with_context(|| format!("cannot look for {}", place.display()))? {
                return Ok(false);
            }
        }
        Ok(true)
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
    /// The folder cannot be written, or its file system has no locks.
    pub fn begin<'a>(&'a self, input: &'a ArchiveInput) -> Result<Option<Workplace<'a>>> {
        self.workplace(&input.name, FolderLock::take)
    }

    /// Removes what processes that were killed left of inputs that nobody is at work on. What cannot be removed stays.
    pub fn sweep(&self) {
        let entries = fs::read_dir(self.root.join(WORK));
        for entry in entries.into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str() {
                let _ = self.workplace(name, FolderLock::try_take);
            }
        }
    }

    fn workplace<'a>(
        &'a self,
        name: &'a str,
        take: fn(&Path, &str) -> IoResult<FolderLock>,
    ) -> Result<Option<Workplace<'a>>> {
        let folder = self.root.join(WORK).join(name);
        let lock = match take(&folder, LOCK) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            lock => Some(lock?),
        };
        let work = Workplace {
            archive: self,
            name,
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
        self.root.join(product.place()).join(product.file_of(name))
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
        is_wanted.then(|| self.folder.join(product.place()))
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
            let made = self.folder.join(product.place());
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
        self.archive.write_record(self.name, record)
    }

    /// Says that it failed. What an earlier run made of the file, as it was then, goes, unless there is no file to be seen now.
    ///
    /// # Errors
    /// That cannot be written.
    pub fn fail(self, input: &ArchiveInput, record: &InputRecord) -> Result<()> {
        self.forget()?;
        if record.stamp.is_some() {
            for product in self.archive.expected(input) {
                let place = self.archive.place(product, self.name);
                remove(&place).with_context(|| format!("cannot remove {}", place.display()))?;
            }
        }
        self.archive.write_record(self.name, record)
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
}

impl Drop for Workplace<'_> {
    /// What lies in it goes first and the lock last, so that nobody begins in a folder that is being removed. What cannot be removed stays for the next run.
    fn drop(&mut self) {
        let cleared = self.clear();
        if let (Ok(()), Some(lock)) = (cleared, self.lock.take()) {
            lock.leave();
        }
        let _ = fs::remove_dir(self.archive.root.join(WORK));
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
