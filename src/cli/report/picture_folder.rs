//! The folder beside a page that has its pictures in files: the page's name in, a folder that takes the place of an earlier page's when it is whole out.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ssdcrp::report::{PagePictures, is_page_picture};
use tempfile::TempDir;

/// A folder that is being filled.
pub struct PagePictureFolder {
    made: TempDir,
    place: PathBuf,
}

/// Where the pictures of a page lie: `report-files` beside `report.html`. A page that is a device or pipe has them itself.
pub fn place(page: &Path) -> Option<PathBuf> {
    let is_file = page.is_file() || !page.exists();
    let mut name = page.file_stem()?.to_owned();
    name.push("-files");
    is_file.then(|| page.with_file_name(name))
}

/// Fails where files lie there that no page has made, or that are among the `inputs`.
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
    for entry in entries {
        let file = entry?.file_name();
        if !is_page_picture(&file.to_string_lossy()) {
            bail!(
                "the page's pictures would replace the folder {name}, which has other files, as {}: name another page",
                file.display()
            );
        }
    }
    let place = fs::canonicalize(&place)?;
    let is_inside = |input: &Path| fs::canonicalize(input).is_ok_and(|it| it.starts_with(&place));
    ensure!(
        !inputs.into_iter().any(is_inside),
        "the page's pictures would replace the folder {name}, from which photos are read: name another page"
    );
    Ok(())
}

/// Removes the pictures of an earlier page of that name, which [`check`] has looked at.
pub fn remove_earlier(page: &Path) -> Result<()> {
    match place(page).map(|place| (fs::remove_dir_all(&place), place)) {
        Some((Err(error), place)) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", place.display()))
        }
        _ => Ok(()),
    }
}

impl PagePictureFolder {
    /// Begins a folder for the pictures of `page`; nothing where it has none.
    pub fn begin(page: &Path) -> Result<Option<Self>> {
        let Some(place) = place(page) else {
            return Ok(None);
        };
        let beside = match page.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // As others may read it as the process's mask lets them.
        let made = tempfile::Builder::new()
            .prefix(".ssdcrp-")
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(beside)
            .with_context(|| format!("cannot make a folder in {}", beside.display()))?;
        Ok(Some(Self { made, place }))
    }

    /// Where a report puts its pictures.
    pub fn pictures(&self) -> PagePictures {
        let name = self.place.file_name().unwrap_or_default();
        PagePictures::beside(self.made.path(), &name.to_string_lossy())
    }

    /// Takes the place of what [`remove_earlier`] has removed.
    pub fn finish(self) -> Result<PathBuf> {
        let name = self.place.display();
        fs::rename(self.made.path(), &self.place)
            .with_context(|| format!("cannot write {name}"))?;
        // It has another name by now.
        drop(self.made.keep());
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_take_the_place_of_an_earlier_pages() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("photo-7.jpeg"), "old").unwrap();
        check(&page, []).unwrap();
        let begun = PagePictureFolder::begin(&page).unwrap().unwrap();
        fs::write(begun.made.path().join("photo-1.jpeg"), "new").unwrap();
        remove_earlier(&page).unwrap();
        assert_eq!(begun.finish().unwrap(), place);
        let names: Vec<_> = fs::read_dir(&place)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["photo-1.jpeg"]);
        // One that is not finished leaves nothing.
        drop(PagePictureFolder::begin(&page).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove_earlier(&page).unwrap();
        remove_earlier(&page).unwrap();
        assert!(
            PagePictureFolder::begin(Path::new("/dev/null"))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_folder_of_others_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a.html");
        let place = folder.path().join("a-files");
        fs::create_dir(&place).unwrap();
        let photo = place.join("photo-7.jpeg");
        fs::write(&photo, "").unwrap();
        let error = check(&page, [photo.as_path()]).unwrap_err().to_string();
        assert!(
            error.contains("from which photos are read: name another page"),
            "{error}"
        );
        fs::write(place.join("holiday.jpeg"), "").unwrap();
        let error = check(&page, []).unwrap_err().to_string();
        assert!(
            error.contains("has other files, as holiday.jpeg"),
            "{error}"
        );
    }
}
