//! The folder beside a page that has its pictures in files: the page's name in; its pictures out, at first beside those of an earlier page, which go when the new page is written.
//!
//! A page is replaced as a whole, and names its pictures. So a run that is killed leaves the earlier page with all of its pictures, or the new one. What is of neither goes with the next page.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ssdcrp::inputs::PAGE_MARK;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::report::{PagePictures, is_page_picture};

use super::super::output;

/// What stands below the page's name in the file by which a folder is known to be a page's.
const MARK_TEXT: &[u8] =
    b"\nThe page of ssdcrp report whose pictures these are. The next page of that name replaces these pictures.\n";
/// A folder into which a page's pictures are written. Those of an earlier page stay in it until [`finish`](PagePictureFolder::finish); without that the new ones go.
pub struct PagePictureFolder {
    place: PathBuf,
    /// Names of pictures that were there before.
    earlier: BTreeSet<OsString>,
    /// Whether the folder was there before.
    was_there: bool,
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

/// Fails where one of the `results` beside the page would lie among its pictures: the next page would take it for a file of others.
pub fn check_beside<'a>(page: &Path, results: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Some(place) = place(page) else {
        return Ok(());
    };
    let folder = path::absolute(&place)?;
    for result in results {
        ensure!(
            !path::absolute(result)?.starts_with(&folder),
            "cannot write {}: the folder {} is for the page's pictures, name another one",
            result.display(),
            place.display()
        );
    }
    Ok(())
}

/// Fails where the pictures in a folder are those of another page: `report.htm` has the same folder as `report.html`.
fn check_mark(page: &Path, place: &Path) -> Result<()> {
    let mark = place.join(PAGE_MARK);
    let found = limits::read(&mark, FileKind::Manifest)
        .with_context(|| format!("cannot read {}", mark.display()))?;
    // A run was killed as it began.
    if found.is_empty() {
        return Ok(());
    }
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

/// The names of the pictures in a folder; none where it is not there.
fn pictures_in(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name();
        if is_page_picture(&name.to_string_lossy()) {
            names.insert(name);
        }
    }
    Ok(names)
}

/// The names of pictures that the page has now, none where there is no page; `None` where it cannot be read.
fn pictures_of(page: &Path) -> Option<BTreeSet<OsString>> {
    let text = match fs::read_to_string(page) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.ok()?,
    };
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let words = text.split(|letter| !is_of_name(letter));
    Some(
        words
            .filter(|word| is_page_picture(word))
            .map(OsString::from)
            .collect(),
    )
}

/// Removes the pictures of an earlier page that had them beside it, which [`check`] has looked at: the one that is written now has them within.
///
/// # Errors
/// Some of it cannot be removed.
pub fn remove(page: &Path) -> Result<()> {
    let Some(place) = place(page).filter(|place| place.exists()) else {
        return Ok(());
    };
    let context = || format!("cannot remove {}", place.display());
    for picture in pictures_in(&place).with_context(context)? {
        fs::remove_file(place.join(picture)).with_context(context)?;
    }
    // Pictures without their mark would be anybody's.
    match fs::remove_file(place.join(PAGE_MARK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.with_context(context)?,
    }
    fs::remove_dir(&place).with_context(context)
}

impl PagePictureFolder {
    /// Begins the pictures of `page`, whose folder [`check`] has looked at; nothing where it has none.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn begin(page: &Path) -> Result<Option<Self>> {
        let Some(place) = place(page) else {
            return Ok(None);
        };
        let context = || format!("cannot make the folder {}", place.display());
        let was_there = place.exists();
        if !was_there {
            fs::create_dir(&place).with_context(context)?;
        }
        let mark = place.join(PAGE_MARK);
        // Another page may have begun since it was looked at.
        if mark.exists() {
            check_mark(page, &place)?;
        }
        if !fs::metadata(&mark).is_ok_and(|mark| mark.len() > 0) {
            fs::write(mark, mark_of(page)).with_context(context)?;
        }
        let mut earlier = pictures_in(&place).with_context(context)?;
        // What runs left that were killed; of a page that cannot be read nothing is known.
        if let Some(named) = pictures_of(page) {
            earlier.retain(|picture| {
                named.contains(picture) || fs::remove_file(place.join(picture)).is_err()
            });
        }
        Ok(Some(Self {
            earlier,
            place,
            was_there,
            is_done: false,
        }))
    }

    /// Where a report puts its pictures.
    pub fn pictures(&self) -> PagePictures {
        PagePictures::beside(&self.place, self.place.file_name().unwrap_or_default())
    }

    /// The page is written: what is not its own goes. Gives the folder.
    pub fn finish(mut self) -> PathBuf {
        self.is_done = true;
        for picture in &self.earlier {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(self.place.join(picture));
        }
        self.place.clone()
    }
}

impl Drop for PagePictureFolder {
    /// The page was not written: its pictures go. Where that fails nothing more can be done.
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        for picture in pictures_in(&self.place).unwrap_or_default() {
            if !self.earlier.contains(&picture) {
                let _ = fs::remove_file(self.place.join(picture));
            }
        }
        if !self.was_there {
            let _ = fs::remove_file(self.place.join(PAGE_MARK));
            let _ = fs::remove_dir(&self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::folder_names::names;

    /// Begins the pictures of a page, one of that name.
    fn begun(page: &Path, picture: &str) -> PagePictureFolder {
        check(page, []).unwrap();
        let begun = PagePictureFolder::begin(page).unwrap().unwrap();
        fs::write(begun.place.join(picture), "new").unwrap();
        begun
    }

    /// Writes a page that has this picture beside it.
    fn written(page: &Path, picture: &str) -> PathBuf {
        let begun = begun(page, picture);
        fs::write(page, format!("<img src=\"./a-files/{picture}\">")).unwrap();
        begun.finish()
    }

    #[test]
    fn pictures_take_the_place_of_an_earlier_pages_when_the_page_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        // The first page cannot be written.
        drop(begun(&page, "photo-7.jpeg"));
        assert_eq!(names(folder.path()), [""; 0]);
        assert_eq!(written(&page, "photo-7.jpeg"), place);
        // The page cannot be written: the earlier one has its pictures.
        let next = begun(&page, "photo-1.jpeg");
        assert_eq!(names(&place), [PAGE_MARK, "photo-1.jpeg", "photo-7.jpeg"]);
        drop(next);
        assert_eq!(names(&place), [PAGE_MARK, "photo-7.jpeg"]);
        written(&page, "photo-1.jpeg");
        assert_eq!(names(&place), [PAGE_MARK, "photo-1.jpeg"]);
        assert_eq!(names(folder.path()), ["a-files", "a.html"]);
        // A page that has its pictures within.
        remove(&page).unwrap();
        assert_eq!(names(folder.path()), ["a.html"]);
        remove(&page).unwrap();
        let device = Path::new("/dev/null");
        assert!(PagePictureFolder::begin(device).unwrap().is_none());
        remove(device).unwrap();
    }

    #[test]
    fn a_run_that_is_killed_leaves_the_earlier_page_its_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        written(&page, "photo-7.jpeg");
        // Killed: nothing is put away.
        std::mem::forget(begun(&page, "photo-1.jpeg"));
        assert_eq!(names(&place), [PAGE_MARK, "photo-1.jpeg", "photo-7.jpeg"]);
        // The next run keeps what the page has until it is done.
        let next = begun(&page, "photo-2.jpeg");
        assert_eq!(names(&place), [PAGE_MARK, "photo-2.jpeg", "photo-7.jpeg"]);
        next.finish();
        assert_eq!(names(&place), [PAGE_MARK, "photo-2.jpeg"]);
        // Killed before it had written the mark, or all of it.
        fs::remove_dir_all(&place).unwrap();
        fs::create_dir(&place).unwrap();
        begun(&page, "photo-1.jpeg").finish();
        fs::write(place.join(PAGE_MARK), "").unwrap();
        begun(&page, "photo-2.jpeg").finish();
        assert_eq!(names(&place), [PAGE_MARK, "photo-2.jpeg"]);
        assert_eq!(fs::read(place.join(PAGE_MARK)).unwrap(), mark_of(&page));
    }

    #[test]
    fn pages_whose_folder_is_the_same_leave_each_other_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["a.html", "a.htm"].map(|name| folder.path().join(name));
        begun(&one, "photo-7.jpeg").finish();
        let error = check(&other, []).unwrap_err().to_string();
        assert!(
            error.ends_with("a-files, which has those of a.html: name another page"),
            "{error}"
        );
        check(&one, []).unwrap();
        assert!(
            PagePictureFolder::begin(&other).is_err(),
            "they are written meanwhile"
        );
    }

    #[test]
    fn no_other_result_lies_among_the_pictures() {
        let page = Path::new("pages/a.html");
        for beside in ["pages/a.csv", "a-files/a.csv", "pages/a-files.csv"] {
            check_beside(page, [Path::new(beside)]).unwrap();
        }
        for among in ["pages/a-files/a.csv", "./pages/a-files/below/a.csv"] {
            let error = check_beside(page, [Path::new(among)]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("is for the page's pictures"), "{error}");
        }
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
