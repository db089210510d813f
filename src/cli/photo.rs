//! Reads a photo that may be anything: an upright RGB picture out, or one line that says why not.

use std::fs::File;
use std::io::{IsTerminal, Read, stdin};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::photo::decode;

use super::video_file;

/// The name of the photo that comes on standard input; a file of that name is `./-`.
const STANDARD_INPUT: &str = "-";

/// Reads the JPEG or PNG at `path` and turns it upright as its EXIF data says. Transparency is dropped, 16 bits a channel become 8. `-` is standard input.
///
/// # Errors
/// A file that is missing, unreadable, too large, of another format or damaged; a pipe or device, which could keep whoever opens it for ever. Each message names the file.
pub fn read(path: &Path) -> Result<RgbImage> {
    if path == Path::new(STANDARD_INPUT) {
        return standard_input()
            .and_then(|bytes| Ok(decode(bytes)?))
            .context("cannot use standard input");
    }
    let name = path.display();
    if let Some(container) = video(path) {
        bail!(
            "cannot use {name}: it is a video ({container}), a photo is expected; {}",
            video_file::INSTEAD
        );
    }
    let bytes = limits::read(path, FileKind::Picture).with_context(|| {
        let is_pipe = path
            .metadata()
            .is_ok_and(|it| !it.is_file() && !it.is_dir());
        match is_pipe {
            true => format!(
                "cannot open {name} (a photo on standard input is called '{STANDARD_INPUT}')"
            ),
            false => format!("cannot open {name}"),
        }
    })?;
    decode(&bytes).with_context(|| format!("cannot use {name}"))
}

/// What kind of video a file is, if it is one. Videos may be of any size, so that no more of it is read than tells that; what cannot be read is told by who reads it.
fn video(path: &Path) -> Option<&'static str> {
    let mut head = [0; video_file::HEAD];
    let regular = path.metadata().ok()?.is_file();
    let mut file = regular.then(|| File::open(path).ok())??;
    let read = file.read(&mut head).ok()?;
    video_file::container(&head[..read])
}

/// What came on standard input. It can be read once, and is kept for whoever asks again.
fn standard_input() -> Result<&'static [u8]> {
    static GIVEN: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = GIVEN.get() {
        return Ok(bytes);
    }
    ensure!(
        !stdin().is_terminal(),
        "it is a terminal: give it a photo, as in ssdcrp detect - < photo.jpg"
    );
    let bytes = limits::read_from(stdin().lock(), FileKind::Picture)?;
    Ok(GIVEN.get_or_init(|| bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_told_apart_with_what_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.avi");
        std::fs::write(&path, b"RIFF\x10\0\0\0AVI LIST").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(
            error.contains("it is a video (AVI)") && error.contains("ssdcrp annotate"),
            "{error}"
        );
    }
}
