//! The files of one run, which belong together: texts and their places in; all of them on the disk out.
//!
//! Whoever reads them never finds files of two runs side by side. All are written under hidden names first, and devices and pipes get what is theirs. Then what an earlier run left goes, but for the first file, and
//! then each gets its name. So a run that is killed leaves the earlier files, or some files are not there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ssdcrp::atomic_file::UnpublishedFile;

use super::output;

/// Files that are written, but do not have their names yet.
#[derive(Default)]
pub struct RunFiles(Vec<(PathBuf, UnpublishedFile)>);

impl RunFiles {
    /// Writes text, such as HTML, CSV or JSON, that is to be at `path`.
    ///
    /// # Errors
    /// It cannot be written. Nothing has changed then.
    pub fn add(&mut self, path: &Path, text: &str) -> Result<()> {
        let file = output::unpublished(path, text.as_bytes())?;
        self.0.push((path.to_owned(), file));
        Ok(())
    }

    /// Gives the files their names, and says what they are called. What belongs to the first one is done `with_first`, as soon as that is there.
    ///
    /// # Errors
    /// One of them cannot be written to its place; those behind it are not there then. What a device or pipe does not take leaves earlier files as they were.
    pub fn publish(self, with_first: impl FnOnce()) -> Result<Vec<String>> {
        let context = |path: &Path| format!("cannot write {}", path.display());
        let written = (self.0.iter())
            .map(|(path, _)| path.display().to_string())
            .collect();
        let mut with_first = Some(with_first);
        let mut first_is_there = |index: usize| {
            if index == 0
                && let Some(with_first) = with_first.take()
            {
                with_first();
            }
        };
        let mut files = Vec::new();
        for (index, (path, file)) in self.0.into_iter().enumerate() {
            if file.is_file() {
                files.push((index, path, file));
            } else {
                file.publish().with_context(|| context(&path))?;
                first_is_there(index);
            }
        }
        for (_, path, file) in files.iter().filter(|(index, ..)| *index > 0) {
            file.remove_earlier().with_context(|| context(path))?;
        }
        for (index, path, file) in files {
            file.publish().with_context(|| context(&path))?;
            first_is_there(index);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Read};
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::cli::folder_names::names;

    #[test]
    fn files_of_two_runs_are_never_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (mut reader, writer) = io::pipe().unwrap();
        let pipe = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
        for name in ["a.html", "a.json", "a.csv"] {
            fs::write(path(name), "earlier").unwrap();
        }
        // More than a pipe holds: the run stands still in the middle until it is read.
        let long = "x".repeat(1 << 20);
        let mut files = RunFiles::default();
        for (place, text) in [
            (&path("a.html"), "new"),
            (&pipe, &long),
            (&path("a.json"), "new"),
            (&path("a.csv"), "new"),
        ] {
            files.add(place, text).unwrap();
            let earlier = fs::read_to_string(path("a.csv")).unwrap();
            assert_eq!(earlier, "earlier", "nothing is replaced yet");
        }
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            let seen = &mut seen;
            let run = scope.spawn(move || {
                let page = path("a.html");
                let published = files.publish(|| {
                    let there = [page.clone(), path("a.json"), path("a.csv")];
                    let is_there = there.iter().map(|path| path.exists());
                    seen.extend(is_there);
                    assert_eq!(fs::read_to_string(page).unwrap(), "new");
                });
                // Whoever reads is told of the end, also where it fails.
                drop(writer);
                published.unwrap().len()
            });
            let mut came = vec![0];
            reader.read_exact(&mut came).unwrap();
            let earlier = ["a.html", "a.json", "a.csv"].map(|name| fs::read(path(name)).unwrap());
            assert_eq!(earlier, [b"earlier"; 3], "the pipe comes first");
            came.resize(long.len(), 0);
            reader.read_exact(&mut came[1..]).unwrap();
            assert_eq!(run.join().unwrap(), 4);
        });
        assert_eq!(seen, [true, false, false], "the earlier ones are gone");
        assert_eq!(names(folder.path()), ["a.csv", "a.html", "a.json"]);
        for name in ["a.json", "a.csv"] {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "new");
        }
    }

    #[test]
    fn a_device_that_takes_nothing_costs_no_earlier_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.html", "a.csv"] {
            fs::write(path(name), "earlier").unwrap();
        }
        let mut files = RunFiles::default();
        for place in [path("a.html"), PathBuf::from("/dev/full"), path("a.csv")] {
            files.add(&place, "new").unwrap();
        }
        let failed = files.publish(|| panic!("the page is another one"));
        assert!(format!("{:#}", failed.unwrap_err()).contains("/dev/full"));
        for name in ["a.html", "a.csv"] {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "earlier");
        }
        assert_eq!(names(folder.path()), ["a.csv", "a.html"]);
        let below = RunFiles::default().add(folder.path(), "new");
        assert!(below.is_err(), "a folder is no place");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_earlier_files_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        fs::write(&path, "earlier").unwrap();
        let mut files = RunFiles::default();
        files.add(&path, "new").unwrap();
        assert!(files.add(&path.join("below.json"), "new").is_err());
        drop(files);
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
        assert_eq!(names(folder.path()), ["a.html"]);
    }
}
