//! Where the running program lies: as the system says or, where it does not say it (no `/proc`, as in some containers), as the program was called.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The file of the running program; `None` where that cannot be found out.
#[doc(hidden)]
pub fn this_program() -> Option<PathBuf> {
    let as_called = || {
        let name = env::args_os().next()?;
        called(Path::new(&name), env::var_os("PATH").as_deref())
    };
    env::current_exe().ok().or_else(as_called)
}

/// The file that a shell runs for a name: one with a folder is a path, another one is looked for in the folders of `PATH`.
fn called(name: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return name.canonicalize().ok();
    }
    let mut files = env::split_paths(path?).map(|folder| folder.join(name));
    files.find(|file| file.is_file())?.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let program = folder.join("ssdcrp");
        std::fs::write(&program, "").unwrap();
        let path = env::join_paths([Path::new("/nowhere"), &folder]).unwrap();
        let path = Some(path.as_os_str());
        assert_eq!(called(&program, None), Some(program.clone()));
        assert_eq!(called(Path::new("ssdcrp"), path), Some(program));
        assert_eq!(called(Path::new("other"), path), None);
        assert_eq!(called(Path::new("/nowhere/ssdcrp"), path), None);
    }
}
