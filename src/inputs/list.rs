//! Lists of inputs: the name of a list in; the names in it, byte for byte, out.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdin};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::file::STANDARD_INPUT;
use crate::error::Result;
use crate::error::argument::ensure;
use crate::limits::{self, FileKind};

/// What a list's name begins with.
pub(super) const LIST: char = '@';

/// The name of a list behind its `@`. A file whose own name begins so is none.
pub(super) fn list_of(path: &Path) -> Option<&str> {
    let list = path.to_str()?.strip_prefix(LIST)?;
    (!path.exists()).then_some(list)
}

/// What a list names.
///
/// # Errors
/// It cannot be read, or is too long.
pub(super) fn names_of(list: &str) -> Result<Vec<PathBuf>> {
    let bytes = match list == STANDARD_INPUT {
        false => limits::read(Path::new(list), FileKind::List)?,
        true => {
            ensure!(
                !stdin().is_terminal(),
                "standard input is a terminal: give it names, a line each, as in find . -name '*.jpg' | ssdcrp detect @-"
            );
            limits::read_from(stdin().lock(), FileKind::List)?
        }
    };
    Ok(names(&bytes))
}

/// Names of a line each. Where there is a zero byte, which no name has, it is what ends a name, as `find -print0` writes it: then a name may have line ends in it.
fn names(list: &[u8]) -> Vec<PathBuf> {
    let by_zeros = list.contains(&0);
    let end = if by_zeros { 0 } else { b'\n' };
    list.split(|&byte| byte == end)
        .map(|name| match name {
            // As Windows ends lines.
            [line @ .., b'\r'] if !by_zeros => line,
            name => name,
        })
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_any_file_that_a_folder_can_have() {
        let paths = |expected: &[&[u8]]| -> Vec<PathBuf> {
            let path = |name: &&[u8]| PathBuf::from(OsStr::from_bytes(name));
            expected.iter().map(path).collect()
        };
        assert_eq!(
            names(b"a b\r\n\ncaf\xe9.mp4\nlast"),
            paths(&[b"a b", b"caf\xe9.mp4", b"last"])
        );
        assert_eq!(names(b"two\nlines\0a\r\0"), paths(&[b"two\nlines", b"a\r"]));
        assert_eq!(names(b""), paths(&[]));
    }
}
