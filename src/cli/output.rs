//! Where results go: text onto standard output, files that are there whole or not at all.

use std::fmt;
use std::fs;
use std::io::{self, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use image::{ImageFormat, RgbImage};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use ndarray::Array2;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;
use ssdcrp::atomic_file::UnpublishedFile;
use ssdcrp::printable::{printable, printable_json};

/// Whose files are unfinished where this process is killed.
pub const OWNER: &str = "ssdcrp";

/// How much is said.
static VERBOSITY: AtomicU8 = AtomicU8::new(NORMAL);
const QUIET: u8 = 0;
const NORMAL: u8 = 1;
const VERBOSE: u8 = 2;

/// Whether whoever read standard output has gone.
static READER_IS_GONE: AtomicBool = AtomicBool::new(false);

/// Decides how much is said from here on: errors and JSON alone, or also what is done in between.
pub fn set_verbosity(quiet: bool, verbose: bool) {
    let verbosity = match (quiet, verbose) {
        (true, _) => QUIET,
        (false, true) => VERBOSE,
        (false, false) => NORMAL,
    };
    VERBOSITY.store(verbosity, Ordering::Relaxed);
}

/// Whether errors and JSON alone are wanted.
pub fn is_quiet() -> bool {
    VERBOSITY.load(Ordering::Relaxed) == QUIET
}

/// Whether nobody reads standard output any more.
pub fn reader_is_gone() -> bool {
    READER_IS_GONE.load(Ordering::Relaxed)
}

/// Prints text that ends with a newline; names in it may come from a file that somebody else made, and tell the terminal nothing.
pub fn print(text: &str) -> Result<()> {
    match is_quiet() {
        true => Ok(()),
        false => print_all(text),
    }
}

/// Texts about several pictures, with an empty line between them.
#[derive(Default)]
pub struct TextBlocks {
    printed: bool,
}

impl TextBlocks {
    /// Prints the next one.
    pub fn print(&mut self, text: &str) -> Result<()> {
        let between = if self.printed { "\n" } else { "" };
        self.printed = true;
        print(&format!("{between}{text}"))
    }
}

/// Prints what was asked for by an option of its own. A reader that has gone away, as `head` does, wanted no more: that is no error.
fn print_all(text: &str) -> Result<()> {
    let text = printable(text);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            READER_IS_GONE.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(error).context("cannot write to standard output"),
        Ok(()) => Ok(()),
    }
}

/// Prints a line on standard error, where notes go.
pub fn note(text: &str) {
    if !is_quiet() {
        say(text);
    }
}

/// The same of what is done in between, where the user wants to know that.
pub fn detail(text: impl FnOnce() -> String) {
    if VERBOSITY.load(Ordering::Relaxed) == VERBOSE {
        say(&text());
    }
}

/// Tells an error of one picture, after which others go on.
pub fn complain(error: &anyhow::Error) {
    say(&format!("{error:#}"));
}

/// A bar on standard error, hidden where that is no terminal or nothing is to be said.
pub fn progress(steps: usize, done: &str) -> Result<ProgressBar> {
    if is_quiet() {
        return Ok(ProgressBar::hidden());
    }
    let template = format!("{{bar:30}} {{pos}}/{{len}} {done}{{left}}: {{msg}}");
    let style = ProgressStyle::with_template(&template)?;
    let style = style.with_key(
        "left",
        |state: &ProgressState, text: &mut dyn fmt::Write| {
            // A bar that is not drawn is in nobody's way.
            let _ = text.write_str(&time_left(state.pos(), state.eta()));
        },
    );
    Ok(ProgressBar::new(steps as u64).with_style(style))
}

/// ", 2m left", or nothing as long as that is not known: before the first step is done, and where no second is expected.
fn time_left(done: u64, expected: Duration) -> String {
    match done == 0 || expected.as_secs() == 0 {
        true => String::new(),
        false => format!(", {:#} left", HumanDuration(expected)),
    }
}

fn say(text: &str) {
    let text = text.replace('\n', " ");
    // Without a standard error there is nobody left to tell.
    let _ = writeln!(io::stderr(), "ssdcrp: {}", printable(&text));
}

/// Prints a value as JSON in one line.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string(value).context("cannot write JSON")?;
    text.push('\n');
    print_json_text(&text)
}

/// Prints lines of JSON as they were printed before.
pub fn print_json_text(text: &str) -> Result<()> {
    print_all(&printable_json(text))
}

/// Fails where `path` is named as a file of another format than `format`, in which `what` is written.
pub fn check_ending(path: &Path, what: &str, format: &str) -> Result<()> {
    let fits = path.extension().is_none_or(|extension| {
        extension.eq_ignore_ascii_case(format)
            || format == "HTML" && extension.eq_ignore_ascii_case("htm")
    });
    ensure!(
        fits,
        "cannot write {}: {what} are written as {format}, name it .{}",
        path.display(),
        format.to_ascii_lowercase()
    );
    Ok(())
}

/// The file for answer `index` of several: `path` with the number behind its stem.
pub fn numbered(path: &Path, index: usize) -> PathBuf {
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

/// As [`ssdcrp::atomic_file::replace`]; folders that are missing are made.
fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let file = unpublished(path, content)?;
    file.publish()
        .with_context(|| format!("cannot write {}", path.display()))
}

/// As [`UnpublishedFile::write`]; folders that are missing are made.
pub fn unpublished(path: &Path, content: &[u8]) -> Result<UnpublishedFile> {
    let is_missing = fs::metadata(path).is_err();
    let made = is_missing.then(|| fs::create_dir_all(folder_of(path)));
    made.unwrap_or(Ok(()))
        .and_then(|()| UnpublishedFile::write(path, OWNER, content))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whether what is written at `path` is a file of its own, rather than what a device or pipe takes.
pub fn is_file_place(path: &Path) -> bool {
    path.is_file() || !path.exists()
}

/// Fails where no file could be written at `path`, before the work whose result it is to be. Nothing is left behind.
pub fn check_place(path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(anyhow!("it is a folder: name a file in it")),
        // A device or pipe says for itself what it takes.
        Ok(found) if !found.is_file() => Ok(()),
        Ok(_) => fs::canonicalize(path)
            .map_err(anyhow::Error::from)
            .and_then(|real| check_folder(folder_of(&real))),
        Err(_) if path.file_name().is_none() => Err(anyhow!("it names no file")),
        Err(_) => check_folder(folder_of(path)),
    }
    .with_context(context)
}

/// Fails where no file could be written into a folder, which need not be there yet: then the nearest one above it that is there has to take a folder.
pub fn check_folder(folder: &Path) -> Result<()> {
    let is_there = |folder: &&Path| folder.symlink_metadata().is_ok();
    let above = folder.ancestors().map(or_here).find(is_there);
    let above = above.context("there is no such folder")?;
    // It goes as soon as it is there.
    tempfile::Builder::new()
        .prefix(&format!(".{OWNER}-"))
        .tempfile_in(above)
        .map(drop)
        .map_err(|error| match error.kind() {
            ErrorKind::NotADirectory => anyhow!("{} is not a folder", above.display()),
            _ => anyhow::Error::from(system_error(error))
                .context(format!("in the folder {}", above.display())),
        })
}

/// The system's own words, without the name of the file that was tried.
fn system_error(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

/// The folder of a file, which is where the process works if none is named.
pub fn folder_of(path: &Path) -> &Path {
    or_here(path.parent().unwrap_or(Path::new("")))
}

/// The folder itself, or where the process works.
fn or_here(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::cli::folder_names::names;

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
        assert!(replace(&folder.path().join(".."), b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn folders_that_are_missing_are_made_when_something_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/newer/a.txt");
        check_place(&path).unwrap();
        assert_eq!(names(folder.path()).len(), 0, "a look makes nothing");
        write_text(&path, "x").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "x");
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_told_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").unwrap();
        for (place, words) in [
            (
                folder.path().to_owned(),
                "it is a folder: name a file in it",
            ),
            (path("file/below/a.png"), "file is not a folder"),
            (path("new/.."), "it names no file"),
            (
                PathBuf::from("/dev/null/a.png"),
                "/dev/null is not a folder",
            ),
        ] {
            let error = format!("{:#}", check_place(&place).unwrap_err());
            let begins = format!("cannot write {}: ", place.display());
            assert!(
                error.starts_with(&begins) && error.ends_with(words),
                "{error}"
            );
        }
        for place in [path("file"), path("new"), "/dev/null".into(), "new".into()] {
            check_place(&place).unwrap();
        }
        // Of the system's own, where not even root may write.
        let error = format!("{:#}", check_place(Path::new("/proc/a.png")).unwrap_err());
        assert!(error.contains("in the folder /proc: "), "{error}");
    }

    #[test]
    fn a_device_is_written_to_and_stays_a_device() {
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        let error = format!("{:#}", replace(Path::new("/dev/full"), b"x").unwrap_err());
        assert!(error.starts_with("cannot write /dev/full: "), "{error}");
    }

    /// As `/dev/stdout` and a shell's `>(…)` are.
    #[test]
    fn a_link_to_a_pipe_stays_one_and_the_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("stdout");
        let (mut reader, writer) = io::pipe().unwrap();
        let pipe = format!("/proc/self/fd/{}", writer.as_raw_fd());
        std::os::unix::fs::symlink(pipe, &link).unwrap();
        check_place(&link).unwrap();
        replace(&link, b"all of it").unwrap();
        drop(writer);
        let mut came = String::new();
        reader.read_to_string(&mut came).unwrap();
        assert_eq!(came, "all of it");
        assert!(link.is_symlink());
        assert_eq!(names(folder.path()), ["stdout"]);
    }

    #[test]
    fn the_time_that_is_left_is_said_where_it_is_known() {
        let left = |done, seconds| time_left(done, Duration::from_secs(seconds));
        assert_eq!(left(0, 90), "");
        assert_eq!(left(3, 0), "");
        assert_eq!(left(3, 40), ", 40s left");
        progress(3, "explained").unwrap();
    }

    #[test]
    fn files_are_numbered_before_their_ending() {
        let name = |path, index| numbered(Path::new(path), index);
        assert_eq!(name("a/why.png", 0), Path::new("a/why-1.png"));
        assert_eq!(name("why", 9), Path::new("why-10"));
    }

    #[test]
    fn only_files_of_the_format_are_promised() {
        for name in ["a.png", "a.PNG", "a", "folder.d/a"] {
            check_ending(Path::new(name), "pictures", "PNG").unwrap();
        }
        check_ending(Path::new("a.htm"), "pages", "HTML").unwrap();
        let error = check_ending(Path::new("a.jpg"), "maps", "NPY").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write a.jpg: maps are written as NPY, name it .npy"
        );
    }
}
