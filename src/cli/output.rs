//! Where results go: text onto standard output, files that are there whole or not at all.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::{ImageFormat, RgbImage};
use ndarray::Array2;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;
use ssdcrp::atomic_file;

/// Whose files are unfinished where this process is killed.
const OWNER: &str = "ssdcrp";

/// Prints text that ends with a newline; names in it may come from a file that somebody else made, and tell the terminal nothing. A reader that has gone away, as `head` does, wanted no more: that is no error.
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

/// The text with what controls a terminal written out, as `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    let controls = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(controls) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match controls(character) {
            true => plain.extend(character.escape_default()),
            false => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

/// Prints a value as JSON in one line.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(value).context("cannot write JSON")?;
    text.push('\n');
    print(&text)
}

/// Fails where `path` could not become a picture: another format is meant than PNG.
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

/// Fails where writing `path` would replace `read`, a file that is read; `what` says what that is, such as "photo".
pub fn check_is_not(path: &Path, read: &Path, what: &str) -> Result<()> {
    let same = matches!((fs::canonicalize(path), fs::canonicalize(read)), (Ok(path), Ok(read)) if path == read);
    ensure!(
        !same,
        "cannot write {}: that is the {what} itself, name another file",
        path.display()
    );
    Ok(())
}

/// Fails where writing `path` would replace a model that is read, or its manifest.
pub fn check_is_not_model(path: &Path, model: &Path) -> Result<()> {
    check_is_not(path, model, "model")?;
    check_is_not(path, &model.with_extension("toml"), "manifest")
}

/// Fails where writing `path` would replace annotations that are read: a file, or one of a folder.
pub fn check_is_not_truth(path: &Path, truth: Option<&Path>) -> Result<()> {
    let Some(truth) = truth else {
        return Ok(());
    };
    let read = match (truth.is_dir(), path.file_name()) {
        (true, Some(name)) => truth.join(name),
        _ => truth.to_owned(),
    };
    check_is_not(path, &read, "file of annotations")
}

/// Fails for `-`, by which other programs mean standard output.
pub fn check_is_file_name(path: &Path) -> Result<()> {
    ensure!(
        path != Path::new("-"),
        "cannot write to '-': standard output is for the summary or the JSON, name a file (./- is one of that name)"
    );
    Ok(())
}

/// Fails where two of the `files` are one, so that the later one would replace the earlier; each stands behind what is written to it, such as "CSV".
pub fn check_differ(files: &[(&str, &Path)]) -> Result<()> {
    for (index, (what, path)) in files.iter().enumerate() {
        for (earlier, other) in &files[..index] {
            ensure!(
                !are_one(other, path),
                "cannot write {earlier} and {what} both to {}: name two files",
                path.display()
            );
        }
    }
    Ok(())
}

fn are_one(one: &Path, other: &Path) -> bool {
    match (place(one), place(other)) {
        // Devices and pipes take both.
        (Some(one), Some(other)) => one == other && (one.is_file() || !one.exists()),
        // A folder that is not there fails when it is written to.
        _ => one == other,
    }
}

/// The absolute path, free of links, of a file that need not be there yet.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(existing) = fs::canonicalize(path) {
        return Some(existing);
    }
    let folder = match path.parent()? {
        none if none.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
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
    fn nothing_that_is_printed_controls_the_terminal() {
        assert_eq!(printable("a\tb\n"), "a\tb\n");
        assert_eq!(
            printable("c1\u{1b}[31mRED\r\u{9b}"),
            "c1\\u{1b}[31mRED\\r\\u{9b}"
        );
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
    fn picture_and_npy_are_two_files() {
        let differ =
            |picture: &Path, npy: &Path| check_differ(&[("picture", picture), ("NPY", npy)]);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("below")).unwrap();
        fs::write(path("there"), "").unwrap();
        std::os::unix::fs::symlink("there", path("link")).unwrap();
        for (picture, npy) in [
            ("new", "new"),
            ("new", "./new"),
            ("new", "below/../new"),
            ("there", "there"),
            ("there", "link"),
            ("nowhere/a", "nowhere/a"),
        ] {
            let error = differ(&path(picture), &path(npy)).unwrap_err();
            assert!(error.to_string().ends_with("name two files"), "{error}");
        }
        assert!(differ(Path::new("same"), Path::new("./same")).is_err());
        for (picture, npy) in [("new", "newer"), ("new", "below/new"), ("there", "new")] {
            differ(&path(picture), &path(npy)).unwrap();
        }
        differ(Path::new("/dev/null"), Path::new("/dev/null")).unwrap();
        let three = [("CSV", "new"), ("JSON", "newer"), ("SVG", "./new")]
            .map(|(what, name)| (what, path(name)));
        let error = check_differ(&three.each_ref().map(|(what, path)| (*what, path.as_path())));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot write CSV and SVG both to "),
            "{error}"
        );
    }

    #[test]
    fn only_png_is_promised() {
        for name in ["a.png", "a.PNG", "a", "folder.d/a"] {
            check_picture_name(Path::new(name)).unwrap();
        }
        assert!(check_picture_name(Path::new("a.jpg")).is_err());
    }
}
