//! Places in the configuration file. In: an offset or a name. Out: the text "file:line", or a path.

use std::path::{Path, PathBuf};

use super::expanded::Expanded;

/// The text of a file, and the file's path.
pub struct FilePlace<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl FilePlace<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        1 + before.matches('\n').count()
    }

    /// The file and the line that has the byte at this offset, as "file:line".
    pub fn words(&self, offset: usize) -> String {
        format!("{}:{}", self.file.display(), self.line(offset))
    }

    /// A path that the file names; relative paths start at the file's folder.
    pub fn path(&self, name: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(name)
    }

    /// The path of a file with a secret.
    pub fn secret_file(&self, name: Option<&Expanded>) -> Option<PathBuf> {
        name.map(|name| self.path(Path::new(&name.text)))
    }
}
