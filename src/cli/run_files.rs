//! The files of one run, which belong together: texts and their places in; all of them on the disk out.
//!
//! Whoever reads them never finds files of two runs side by side. All are written under hidden names first. Then what an earlier run left goes, but for the first file, and then each gets its name. So a run that
//! is killed leaves the earlier files, or some files are not there.

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

    /// Gives the files their names, and says what they are called.
    ///
    /// # Errors
    /// One of them cannot get its name; those behind it are not there then.
    pub fn publish(self) -> Result<Vec<String>> {
        let context = |path: &Path| format!("cannot write {}", path.display());
        for (path, file) in self.0.iter().skip(1) {
            file.remove_earlier().with_context(|| context(path))?;
        }
        let mut written = Vec::new();
        for (path, file) in self.0 {
            file.publish().with_context(|| context(&path))?;
            written.push(path.display().to_string());
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
        std::thread::scope(|scope| {
            let run = scope.spawn(|| files.publish().unwrap());
            let mut came = vec![0];
            reader.read_exact(&mut came).unwrap();
            assert_eq!(fs::read_to_string(path("a.html")).unwrap(), "new");
            assert!(!path("a.json").exists() && !path("a.csv").exists());
            came.resize(long.len(), 0);
            reader.read_exact(&mut came[1..]).unwrap();
            assert_eq!(run.join().unwrap().len(), 4);
        });
        assert_eq!(names(folder.path()), ["a.csv", "a.html", "a.json"]);
        for name in ["a.json", "a.csv"] {
            assert_eq!(fs::read_to_string(path(name)).unwrap(), "new");
        }
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
