//! A picture that a verb works on: where it comes from in, its upright pixels out, as often as they are wanted.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write, stdin};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, bail, ensure};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use ssdcrp::inputs::{STANDARD_INPUT, container};
use ssdcrp::limits::{self, FileKind};
use ssdcrp::lock::lock;

use super::photo;
use super::video_frames::VideoFrame;

/// A photo, or a frame of a video.
#[derive(Clone)]
pub struct SourcePicture {
    /// The file as it was named.
    pub path: PathBuf,
    /// What files of results are called that belong to it.
    pub stem: String,
    /// Of a frame, its place in the video.
    pub second: Option<f64>,
    pixels: SourcePixels,
}

#[derive(Clone)]
enum SourcePixels {
    /// In the file.
    Photo,
    Frame(Arc<RgbImage>),
    /// A frame in the store, at that place.
    Kept(Arc<FrameStore>, u64, usize),
}

impl SourcePicture {
    /// The photo in a file; `-` is standard input.
    pub fn photo(path: &Path, stem: String) -> Self {
        Self {
            path: path.to_owned(),
            stem,
            second: None,
            pixels: SourcePixels::Photo,
        }
    }

    /// A frame of the video in a file.
    pub fn frame(path: &Path, stem: &str, frame: VideoFrame) -> Self {
        Self {
            path: path.to_owned(),
            // In the order of time where they are sorted by name.
            stem: format!("{stem}-{:09.3}s", frame.second),
            second: Some(frame.second),
            pixels: SourcePixels::Frame(Arc::new(frame.image)),
        }
    }

    /// The same with its pixels on the disk, where they take no memory.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn kept_in(mut self, store: &Arc<FrameStore>) -> Result<Self> {
        if let SourcePixels::Frame(image) = &self.pixels {
            let (offset, length) = store.add(image)?;
            self.pixels = SourcePixels::Kept(store.clone(), offset, length);
        }
        Ok(self)
    }

    /// The pixels.
    ///
    /// # Errors
    /// A file that is missing, unreadable, too large, of another format or damaged; a pipe or device, which could keep whoever opens it for ever. Each message names the file.
    pub fn read(&self) -> Result<RgbImage> {
        match &self.pixels {
            SourcePixels::Photo => read(&self.path),
            SourcePixels::Frame(image) => Ok(RgbImage::clone(image)),
            SourcePixels::Kept(store, offset, length) => store.read(*offset, *length),
        }
    }

    /// How messages call it: "clip.mp4 at 2.5 s".
    pub fn name(&self) -> String {
        self.with_second(self.path.display().to_string())
    }

    /// The same without folders.
    pub fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        self.with_second(name.to_string_lossy().into_owned())
    }

    fn with_second(&self, name: String) -> String {
        match self.second {
            None => name,
            // To the millisecond, without zeros at the end.
            Some(second) => format!("{name} at {} s", (1e3 * second).round() / 1e3),
        }
    }
}

/// Frames on the disk, in a file that has no name and goes with this process.
pub struct FrameStore(Mutex<File>);

impl FrameStore {
    /// An empty one.
    ///
    /// # Errors
    /// No file can be made in the system's folder for temporary ones.
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().context("cannot keep frames of videos")?;
        Ok(Self(Mutex::new(file)))
    }

    fn add(&self, image: &RgbImage) -> Result<(u64, usize)> {
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
            .write_image(
                image,
                image.width(),
                image.height(),
                ExtendedColorType::Rgb8,
            )?;
        let mut file = lock(&self.0);
        let offset = file.seek(SeekFrom::End(0))?;
        file.write_all(&bytes).context(
            "cannot keep frames of videos in the folder for temporary files (TMPDIR names another)",
        )?;
        Ok((offset, bytes.len()))
    }

    fn read(&self, offset: u64, length: usize) -> Result<RgbImage> {
        let mut bytes = vec![0; length];
        let mut file = lock(&self.0);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
        photo::decode(&bytes)
    }
}

fn read(path: &Path) -> Result<RgbImage> {
    if path == Path::new(STANDARD_INPUT) {
        return standard_input()
            .and_then(|bytes| match container(bytes) {
                Some(kind) => bail!("it is a video ({kind}): name its file"),
                None => photo::decode(bytes),
            })
            .context("cannot use standard input");
    }
    let name = path.display();
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
    photo::decode(&bytes).with_context(|| format!("cannot use {name}"))
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
    use image::Rgb;

    use super::*;

    fn frame(grey: u8) -> SourcePicture {
        let image = RgbImage::from_fn(9, 7, |x, y| Rgb([grey, x as u8, y as u8]));
        let second = 2.5;
        SourcePicture::frame(
            Path::new("a/clip.mp4"),
            "clip",
            VideoFrame { second, image },
        )
    }

    #[test]
    fn frames_that_are_kept_stay_as_they_are() {
        let store = Arc::new(FrameStore::new().unwrap());
        let kept: Vec<SourcePicture> = [7, 200]
            .map(|grey| frame(grey).kept_in(&store).unwrap())
            .into();
        for (kept, grey) in kept.iter().zip([7, 200]).rev() {
            assert_eq!(kept.read().unwrap(), frame(grey).read().unwrap());
        }
    }

    #[test]
    fn a_frame_is_called_by_its_place_in_the_video() {
        let frame = frame(0);
        assert_eq!(frame.name(), "a/clip.mp4 at 2.5 s");
        assert_eq!(frame.file_name(), "clip.mp4 at 2.5 s");
        assert_eq!(frame.stem, "clip-00002.500s");
        let photo = SourcePicture::photo(Path::new("a/b.jpg"), "b".to_owned());
        assert_eq!(
            (photo.name(), photo.file_name()),
            ("a/b.jpg".into(), "b.jpg".into())
        );
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let name = std::env::temp_dir().join("ssdcrp has no such photo.jpg");
        let photo = SourcePicture::photo(&name, String::new());
        let error = format!("{:#}", photo.read().unwrap_err());
        assert!(
            error.starts_with(&format!("cannot open {}: ", name.display())),
            "{error}"
        );
    }
}
