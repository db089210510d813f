//! Places in the configuration's file: an offset or a name in, the words "file:line" or a path out.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::secret;

/// A text, and where in which file it stands.
pub struct FilePlace<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

impl FilePlace<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        1 + before.matches('\n').count()
    }

    /// The file and the line of an offset in bytes.
    pub fn words(&self, offset: usize) -> String {
        format!("{}:{}", self.file.display(), self.line(offset))
    }

    /// A path that the file names.
    pub fn path(&self, name: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(name)
    }

    /// A file of a secret, which a variable may have a part of.
    ///
    /// # Errors
    /// There is no such variable.
    pub fn secret_file(&self, name: Option<&str>) -> Result<Option<PathBuf>> {
        let file = name.map(|name| Ok(self.path(Path::new(&secret::expand(name)?))));
        file.transpose()
    }
}
