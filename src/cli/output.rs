//! Where results go: text onto standard output, files that are there whole or not at all.

use std::fs;
use std::io::{self, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::{ImageFormat, RgbImage};
use ndarray::Array2;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;
use ssdcrp::atomic_file;
use ssdcrp::printable::printable;

/// The owner in the names of unfinished files, which a killed process leaves behind.
const OWNER: &str = "ssdcrp";

/// Prints text that ends with a newline. Names in it may come from another person's file, so control characters are made harmless. A reader that has gone away, as `head` does, is no error.
pub fn print(text: &str) -> Result<()> {
    let text = printable(text);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Prints a line on standard error, where notes go.
pub fn note(text: &str) {
    // Without a standard error there is nobody left to tell.
    let _ = writeln!(
        io::stderr(),
        "ssdcrp: {}",
        printable(&text.replace('\n', " "))
    );
}

/// Prints a value as JSON in one line.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(value).context("cannot write JSON")?;
    text.push('\n');
    print(&text)
}

/// Fails if the name of `path` means another picture format than PNG.
pub fn check_picture_name(path: &Path) -> Result<()> {
    let png = path
        .extension()
        .is_none_or(|extension| extension.eq_ignore_ascii_case("png"));
    ensure!(
        png,
        "cannot write {}: pictures are written as PNG, name it .png",
        path.display()
    );
    Ok(())
}

/// The file for answer `index` of `count`: `path` itself for a single one, else with the number behind its stem.
pub fn numbered(path: &Path, index: usize, count: usize) -> PathBuf {
    if count == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{}", index + 1));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Writes a picture as PNG.
pub fn write_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    replace(path, bytes.get_ref())
}

/// Writes a map `[H, W]` as NumPy's NPY, float32.
pub fn write_map(path: &Path, map: &Array2<f32>) -> Result<()> {
    let mut bytes = Vec::new();
    map.write_npy(&mut bytes)?;
    replace(path, &bytes)
}

/// Writes text, such as CSV, JSON or SVG.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    replace(path, text.as_bytes())
}

/// Writes a network as an ONNX file.
pub fn write_network(path: &Path, model: &[u8]) -> Result<()> {
    replace(path, model)
}

/// Makes `content` the file at `path`, whole or not at all. A link stays one, and its target is replaced; a device or pipe is simply written to.
fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let written = match fs::canonicalize(path) {
        Ok(existing) if !existing.is_file() => fs::write(existing, content),
        Ok(existing) => atomic_file::write(&existing, OWNER, content),
        Err(_) => atomic_file::write(path, OWNER, content),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink("target", &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert!(link.is_symlink());
    }

    #[test]
    fn a_failure_leaves_nothing_behind_and_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        let error = format!("{:#}", replace(&path, b"x").unwrap_err());
        assert!(
            error.starts_with(&format!("cannot write {}: ", path.display())),
            "{error}"
        );
        assert!(replace(&folder.path().join("nowhere/a.png"), b"x").is_err());
        assert!(replace(&folder.path().join(".."), b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_device_is_written_to_and_stays_a_device() {
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        let error = format!("{:#}", replace(Path::new("/dev/full"), b"x").unwrap_err());
        assert!(error.starts_with("cannot write /dev/full: "), "{error}");
    }

    #[test]
    fn several_files_are_numbered_and_one_is_not() {
        let name = |path, index, count| numbered(Path::new(path), index, count);
        assert_eq!(name("a/why.png", 0, 1), Path::new("a/why.png"));
        assert_eq!(name("a/why.png", 1, 3), Path::new("a/why-2.png"));
        assert_eq!(name("why", 9, 10), Path::new("why-10"));
    }

    #[test]
    fn only_png_is_promised() {
        for name in ["a.png", "a.PNG", "a", "folder.d/a"] {
            check_picture_name(Path::new(name)).unwrap();
        }
        assert!(check_picture_name(Path::new("a.jpg")).is_err());
    }
}
