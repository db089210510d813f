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
use ssdcrp::photo;

use super::result_stem::ResultStem;
use super::source_stamp::SourceStamp;
use super::video_frames::VideoFrame;

/// A photo, or a frame of a video.
#[derive(Clone)]
pub struct SourcePicture {
    /// The file as it was named.
    pub path: PathBuf,
    /// What files of results are called that belong to it.
    pub stem: ResultStem,
    /// Of a frame, its place in the video.
    pub second: Option<f64>,
    /// Its file before anything of it was read; none of standard input and of what is no file.
    pub stamp: Option<SourceStamp>,
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
    pub fn photo(path: &Path, stem: impl Into<ResultStem>) -> Self {
        let is_file = !is_standard_input(path);
        Self {
            path: path.to_owned(),
            stem: stem.into(),
            second: None,
            stamp: is_file.then(|| SourceStamp::of(path)).flatten(),
            pixels: SourcePixels::Photo,
        }
    }

    /// The frames of the `video` in a file, which is as it was when they began, one after another.
    ///
    /// # Errors
    /// Those of the frames.
    pub fn frames(
        video: Self,
        frames: impl Iterator<Item = Result<VideoFrame>>,
    ) -> impl Iterator<Item = Result<Self>> {
        // Results are called by milliseconds, within which there may be several frames.
        let mut last = None;
        frames.map(move |frame| -> Result<Self> {
            let VideoFrame { second, image } = frame?;
            let milliseconds = (1e3 * second).round() as u64;
            let repeated = match last {
                Some((earlier, repeated)) if earlier == milliseconds => repeated + 1,
                _ => 0,
            };
            last = Some((milliseconds, repeated));
            Ok(Self {
                stem: video.stem.at(milliseconds, repeated),
                second: Some(second),
                pixels: SourcePixels::Frame(Arc::new(image)),
                ..video.clone()
            })
        })
    }

    /// The photo's file, by which annotations are found. A frame of a video has none: a photo of the video's name is another picture.
    pub fn annotated_file(&self) -> Option<&Path> {
        self.second.is_none().then_some(self.path.as_path())
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
            SourcePixels::Kept(store, offset, length) => store
                .read(*offset, *length)
                .with_context(|| format!("cannot use {}", self.name())),
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
            )
            .context("cannot keep a frame as PNG")?;
        let mut file = lock(&self.0);
        let begin = file.seek(SeekFrom::End(0));
        let written = begin.and_then(|offset| file.write_all(&bytes).map(|()| offset));
        let offset = written.context(
            "cannot keep frames of videos in the folder for temporary files (TMPDIR names another)",
        )?;
        Ok((offset, bytes.len()))
    }

    fn read(&self, offset: u64, length: usize) -> Result<RgbImage> {
        let mut bytes = vec![0; length];
        let mut file = lock(&self.0);
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .context("cannot read what was kept of it in the folder for temporary files")?;
        Ok(photo::decode(&bytes)?)
    }
}

/// Whether a path means standard input, even where a file is called so.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

fn read(path: &Path) -> Result<RgbImage> {
    if is_standard_input(path) {
        return standard_input()
            .and_then(|bytes| match container(bytes) {
                Some(kind) => bail!("it is a video ({kind}): name its file"),
                None => Ok(photo::decode(bytes)?),
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

    fn frames(seconds: &[f64], grey: u8) -> Vec<SourcePicture> {
        let video = SourcePicture::photo(Path::new("a/clip.mp4"), "clip".to_owned());
        let frames = seconds.iter().map(|&second| {
            let image = RgbImage::from_fn(9, 7, |x, y| Rgb([grey, x as u8, y as u8]));
            Ok(VideoFrame { second, image })
        });
        let frames = SourcePicture::frames(video, frames);
        frames.collect::<Result<_>>().unwrap()
    }

    fn frame(grey: u8) -> SourcePicture {
        frames(&[2.5], grey).remove(0)
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
        assert_eq!(frame.stem.name(), "clip-00002.500s");
        assert_eq!(frame.annotated_file(), None);
        let photo = SourcePicture::photo(Path::new("a/b.jpg"), "b".to_owned());
        assert_eq!(
            (photo.name(), photo.file_name()),
            ("a/b.jpg".into(), "b.jpg".into())
        );
    }

    #[test]
    fn frames_of_one_millisecond_have_results_of_their_own() {
        let frames = frames(&[0.5, 0.5, 0.5001, 1.0, 1.0], 0);
        let stems: Vec<&str> = frames.iter().map(|frame| frame.stem.name()).collect();
        assert_eq!(
            stems,
            [
                "clip-00000.500s",
                "clip-00000.500s-2",
                "clip-00000.500s-3",
                "clip-00001.000s",
                "clip-00001.000s-2"
            ]
        );
    }

    #[test]
    fn a_frame_that_was_kept_and_has_gone_is_named() {
        let store = Arc::new(FrameStore::new().unwrap());
        let kept = frame(7).kept_in(&store).unwrap();
        lock(&store.0).set_len(1).unwrap();
        let error = format!("{:#}", kept.read().unwrap_err());
        let words = "cannot use a/clip.mp4 at 2.5 s: cannot read what was kept of it";
        assert!(error.starts_with(words), "{error}");
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
