//! The folder beside a page that has its pictures in files: the page's name in; a folder that takes the place of an earlier page's when page and pictures are whole out.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ssdcrp::inputs::PAGE_MARK;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::{PagePictures, is_page_picture};
use tempfile::TempDir;

use super::super::output;

/// What stands below the page's name in the file by which a folder is known to be a page's.
const MARK_TEXT: &[u8] =
    b"\nThe page of ssdcrp report whose pictures these are. The next page of that name replaces the folder.\n";
/// Characters that tell hidden folders apart.
const RANDOM: usize = 6;

/// A folder that is being filled.
pub struct PagePictureFolder {
    made: TempDir,
    place: PathBuf,
}

/// The pictures of a page in the place of those of an earlier one, which come back unless the page is written, too.
pub struct PictureExchange {
    place: PathBuf,
    /// Where those of the earlier page are meanwhile, if there were any.
    earlier: Option<TempDir>,
    /// Whether there are new ones.
    is_new: bool,
    is_done: bool,
}

/// Where the pictures of a page lie: `report-files` beside `report.html`. A page that is a device or pipe has them itself.
pub fn place(page: &Path) -> Option<PathBuf> {
    let mut name = page.file_stem()?.to_owned();
    name.push("-files");
    output::is_file_place(page).then(|| page.with_file_name(name))
}

/// Fails where files lie there that another page or none has made, or that are among the `inputs`. An empty folder is in nobody's way.
pub fn check<'a>(page: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Some(place) = place(page) else {
        return Ok(());
    };
    let name = place.display();
    let entries = match fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("the page's pictures go into {name}"));
        }
    };
    // Pictures without the mark may be anybody's.
    let (mut is_marked, mut unmarked) = (false, None);
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let is_file = entry.file_type()?.is_file();
        if file == PAGE_MARK {
            is_marked = true;
        } else if is_file && is_page_picture(&file.to_string_lossy()) {
            unmarked.get_or_insert(file);
        } else {
            unmarked = Some(file);
            is_marked = false;
            break;
        }
    }
    if let Some(file) = unmarked.filter(|_| !is_marked) {
        bail!(
            "the page's pictures would replace the folder {name}, which has other files, as {}: name another page",
            file.display()
        );
    }
    if is_marked {
        check_mark(page, &place)?;
    }
    let place = fs::canonicalize(&place)?;
    let is_inside = |input: &Path| fs::canonicalize(input).is_ok_and(|it| it.starts_with(&place));
    ensure!(
        !inputs.into_iter().any(is_inside),
        "the page's pictures would replace the folder {name}, from which photos are read: name another page"
    );
    Ok(())
}

/// Fails where the pictures in a folder are those of another page: `report.htm` has the same folder as `report.html`.
fn check_mark(page: &Path, place: &Path) -> Result<()> {
    let mark = place.join(PAGE_MARK);
    let found = limits::read(&mark, FileKind::Manifest)
        .with_context(|| format!("cannot read {}", mark.display()))?;
    let other = found.strip_suffix(MARK_TEXT).unwrap_or(&found);
    ensure!(
        found == mark_of(page),
        "the page's pictures would replace the folder {}, which has those of {}: name another page",
        place.display(),
        String::from_utf8_lossy(other).trim_end()
    );
    Ok(())
}

/// What the mark of a page's pictures says.
fn mark_of(page: &Path) -> Vec<u8> {
    let name = page.file_name().unwrap_or_default();
    [name.as_encoded_bytes(), MARK_TEXT].concat()
}

/// Removes what runs that were killed have left of the page's pictures. No other run may be writing this page.
pub fn clear(page: &Path) -> Result<()> {
    if place(page).is_none() {
        return Ok(());
    }
    let prefix = hidden(page);
    let entries = match fs::read_dir(output::folder_of(page)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("cannot look for what earlier runs have left"),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.as_encoded_bytes();
        let random = random.strip_prefix(prefix.as_encoded_bytes());
        let is_ours =
            |random: &[u8]| random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric);
        if random.is_some_and(is_ours) && entry.file_type()?.is_dir() {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// How the names of hidden folders for a page's pictures begin.
fn hidden(page: &Path) -> OsString {
    let mut prefix = OsString::from(format!(".{}-", output::OWNER));
    prefix.push(page.file_name().unwrap_or_default());
    prefix.push("-");
    prefix
}

/// A hidden folder beside a page.
fn hidden_folder(page: &Path) -> Result<TempDir> {
    let beside = output::folder_of(page);
    // As others may read it as the process's mask lets them.
    tempfile::Builder::new()
        .prefix(&hidden(page))
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(beside)
        .with_context(|| format!("cannot make a folder in {}", beside.display()))
}

impl PagePictureFolder {
    /// Begins a folder for the pictures of `page`; nothing where it has none.
    pub fn begin(page: &Path) -> Result<Option<Self>> {
        let Some(place) = place(page) else {
            return Ok(None);
        };
        let made = hidden_folder(page)?;
        let mark = made.path().join(PAGE_MARK);
        fs::write(&mark, mark_of(page))
            .with_context(|| format!("cannot write {}", mark.display()))?;
        Ok(Some(Self { made, place }))
    }

    /// Where a report puts its pictures.
    pub fn pictures(&self) -> PagePictures {
        PagePictures::beside(self.made.path(), self.place.file_name().unwrap_or_default())
    }
}

impl PictureExchange {
    /// Puts the pictures of `page` in the place of those of an earlier page, which [`check`] has looked at; a page without such a folder takes its pictures within.
    ///
    /// # Errors
    /// They cannot be moved; all is as before then.
    pub fn begin(page: &Path, folder: Option<PagePictureFolder>) -> Result<Option<Self>> {
        let Some(place) = place(page) else {
            return Ok(None);
        };
        let mut exchange = Self {
            earlier: None,
            place,
            is_new: false,
            is_done: false,
        };
        let place = &exchange.place;
        let context = || format!("cannot replace {}", place.display());
        if place.exists() {
            let aside = hidden_folder(page)?;
            fs::rename(place, Self::within(&aside)).with_context(context)?;
            exchange.earlier = Some(aside);
        }
        if let Some(folder) = folder {
            fs::rename(folder.made.path(), &exchange.place).with_context(context)?;
            // It has another name by now.
            drop(folder.made.keep());
            exchange.is_new = true;
        }
        Ok(Some(exchange))
    }

    fn within(aside: &TempDir) -> PathBuf {
        aside.path().join("earlier")
    }

    /// The page is written. Gives the folder of its pictures, if there is one.
    pub fn finish(mut self) -> Option<PathBuf> {
        self.is_done = true;
        self.is_new.then(|| self.place.clone())
    }
}

impl Drop for PictureExchange {
    /// What is left of the earlier page goes or comes back. Where that fails nothing more can be done.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if self.is_new {
            let _ = fs::remove_dir_all(&self.place);
        }
        if let Some(aside) = &self.earlier {
            let _ = fs::rename(Self::within(aside), &self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::folder_names::names;

    /// A page with a picture of that name beside it.
    fn written(page: &Path, picture: &str) -> PictureExchange {
        check(page, []).unwrap();
        let begun = PagePictureFolder::begin(page).unwrap().unwrap();
        fs::write(begun.made.path().join(picture), "new").unwrap();
        let exchange = PictureExchange::begin(page, Some(begun)).unwrap();
        exchange.unwrap()
    }

    #[test]
    fn pictures_take_the_place_of_an_earlier_pages_when_the_page_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        let done = written(&page, "photo-7.jpeg").finish();
        assert_eq!(done, Some(place.clone()));
        // The page cannot be written: the earlier one has its pictures.
        let exchange = written(&page, "photo-1.jpeg");
        assert_eq!(names(&place), [PAGE_MARK, "photo-1.jpeg"]);
        drop(exchange);
        assert_eq!(names(&place), [PAGE_MARK, "photo-7.jpeg"]);
        assert_eq!(names(folder.path()), ["a-files"]);
        written(&page, "photo-1.jpeg").finish();
        assert_eq!(names(&place), [PAGE_MARK, "photo-1.jpeg"]);
        assert_eq!(names(folder.path()), ["a-files"]);
        // One that is not finished leaves nothing.
        drop(PagePictureFolder::begin(&page).unwrap());
        // A page that has its pictures within.
        let within = PictureExchange::begin(&page, None).unwrap().unwrap();
        assert_eq!(within.finish(), None);
        assert_eq!(names(folder.path()), [""; 0]);
        let device = Path::new("/dev/null");
        assert!(PagePictureFolder::begin(device).unwrap().is_none());
        assert!(PictureExchange::begin(device, None).unwrap().is_none());
    }

    #[test]
    fn pages_whose_folder_is_the_same_leave_each_other_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["a.html", "a.htm"].map(|name| folder.path().join(name));
        let begun = PagePictureFolder::begin(&one).unwrap().unwrap();
        clear(&other).unwrap();
        assert!(begun.made.path().exists(), "the other page's run goes on");
        written(&one, "photo-7.jpeg").finish();
        let error = check(&other, []).unwrap_err().to_string();
        assert!(
            error.ends_with("a-files, which has those of a.html: name another page"),
            "{error}"
        );
        check(&one, []).unwrap();
    }

    #[test]
    fn what_killed_runs_of_this_page_have_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let left = PagePictureFolder::begin(&page)
            .unwrap()
            .unwrap()
            .made
            .keep();
        let other = folder.path().join("b.html");
        let other = PagePictureFolder::begin(&other).unwrap().unwrap();
        clear(&page).unwrap();
        assert!(!left.exists() && other.made.path().exists());
        clear(&folder.path().join("nowhere/a.html")).unwrap();
    }

    #[test]
    fn a_folder_of_others_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        fs::create_dir(&place).unwrap();
        check(&page, []).unwrap();
        let photo = place.join("photo-7.jpeg");
        fs::write(&photo, "").unwrap();
        let refused = |name: &str| {
            let error = check(&page, []).unwrap_err().to_string();
            let words = format!("has other files, as {name}: name another page");
            assert!(error.ends_with(&words), "{error}");
        };
        // Somebody's own photos may be called so.
        refused("photo-7.jpeg");
        fs::write(place.join(PAGE_MARK), mark_of(&page)).unwrap();
        check(&page, []).unwrap();
        let error = check(&page, [photo.as_path()]).unwrap_err().to_string();
        assert!(
            error.contains("from which photos are read: name another page"),
            "{error}"
        );
        fs::create_dir(place.join("photo-8.png")).unwrap();
        refused("photo-8.png");
        fs::remove_dir(place.join("photo-8.png")).unwrap();
        fs::write(place.join("holiday.jpeg"), "").unwrap();
        refused("holiday.jpeg");
    }
}
