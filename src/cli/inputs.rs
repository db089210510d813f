//! The inputs of the verbs for photos: what the command line names in; pictures, photos and frames of videos alike, one after another, out.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::iter;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use clap::Args;
use ssdcrp::inputs::{FoundInputs, InputFile, resolve, video};

use super::failures::{FailureCounts, UnreadablePlace};
use super::interrupt::Interrupt;
use super::output;
use super::result_stem::ResultStem;
use super::source_picture::{FrameStore, SourcePicture};
use super::video_frames::{FrameArgs, VideoFrames};

/// What no results of a picture are called, for files of a folder of results are.
pub const SETTINGS: &str = "settings";

/// What pictures a verb works on.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Photos (JPEG or PNG) and videos; folders, with all photos and videos below them; patterns in quotes, as '*.jpg'; @FILE, a list with a name a line (@- is a list on standard input); - is a photo on standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    frames: FrameArgs,
}

/// The files, found.
pub struct PictureInputs {
    /// Each with what its results are called.
    files: Vec<(InputFile, ResultStem)>,
    frames: FrameArgs,
    /// Whether several pictures may be meant, however many there are.
    pub several: bool,
    /// What is left out, for people.
    pub notes: Vec<String>,
    /// Folders that could not be read, in words.
    unreadable: Vec<String>,
}

impl InputArgs {
    /// Finds the files. What lies in the folder `output` is none.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn find(&self, output: Option<&Path>) -> Result<PictureInputs> {
        Ok(PictureInputs::of(
            resolve(&self.inputs, output)?,
            self.frames,
        ))
    }
}

impl PictureInputs {
    /// Of files that were found.
    pub fn of(found: FoundInputs, frames: FrameArgs) -> Self {
        let FoundInputs {
            files,
            several,
            notes,
            unreadable,
            ..
        } = found;
        let several = several || files.iter().any(|file| video_kind(file).is_some());
        Self {
            files: with_stems(files),
            frames,
            several,
            notes,
            unreadable,
        }
    }

    /// The files by their names, for what must not be replaced.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(|(file, _)| &file.path)
    }

    /// The files that are no videos.
    pub fn photos(&self) -> impl Iterator<Item = &Path> {
        let photos = self
            .files
            .iter()
            .filter(|(file, _)| video_kind(file).is_none());
        photos.map(|(file, _)| file.path.as_path())
    }

    /// All pictures, each when its turn comes. What cannot be opened is an error in its place, a folder that cannot be read one at the end.
    pub fn pictures(&self) -> impl Iterator<Item = Result<SourcePicture>> {
        self.pictures_as(Ok)
    }

    /// The same, each to be read as often as wanted: frames of videos are kept on the disk. A video whose frames there is no room for ends with that.
    pub fn kept_pictures(&self) -> impl Iterator<Item = Result<SourcePicture>> {
        let store: Rc<OnceCell<Arc<FrameStore>>> = Rc::default();
        self.pictures_as(move |frame| {
            let name = frame.path.display().to_string();
            let kept = match store.get() {
                Some(store) => frame.kept_in(store),
                None => FrameStore::new()
                    .and_then(|new| frame.kept_in(store.get_or_init(|| Arc::new(new)))),
            };
            kept.with_context(|| format!("cannot use {name}"))
        })
    }

    /// All pictures, frames of videos as `made` makes them.
    fn pictures_as<'a>(
        &'a self,
        made: impl Fn(SourcePicture) -> Result<SourcePicture> + Clone + 'a,
    ) -> impl Iterator<Item = Result<SourcePicture>> + 'a {
        let unreadable = self.unreadable.iter();
        let unreadable = unreadable.map(|words| Err(Error::new(UnreadablePlace(words.clone()))));
        let files = self.files.iter().flat_map(move |(file, stem)| {
            // The file as it is before anything of it is read.
            let named = SourcePicture::photo(&file.path, stem.clone());
            let pictures: Box<dyn Iterator<Item = Result<SourcePicture>>> = match video_kind(file) {
                None => Box::new(iter::once(Ok(named))),
                Some(kind) => match VideoFrames::start(&file.path, kind, self.frames) {
                    Err(error) => Box::new(iter::once(Err(error))),
                    Ok(frames) => {
                        let frames = SourcePicture::frames(named, frames);
                        let made = made.clone();
                        Box::new(until_error(frames.map(move |frame| made(frame?))))
                    }
                },
            };
            pictures
        });
        files.chain(unreadable)
    }

    /// All of them at once, and what cannot be used.
    ///
    /// # Errors
    /// There is nothing that can be used.
    pub fn kept(&self) -> Result<(Vec<SourcePicture>, Vec<Error>)> {
        let (mut kept, mut failures) = (Vec::new(), Vec::new());
        for picture in self.kept_pictures() {
            match picture {
                Ok(picture) => kept.push(picture),
                Err(error) => failures.push(error),
            }
        }
        if kept.is_empty() {
            FailureCounts::tell(std::mem::take(&mut failures), 0)?;
        }
        Ok((kept, failures))
    }

    /// Has each picture worked on. One that fails is told, and the others go on, unless one alone is meant. Where `only_prints`, the work ends when nobody reads it any more.
    ///
    /// # Errors
    /// That of the only one, or that some failed.
    pub fn each(
        &self,
        only_prints: bool,
        work: impl FnMut(SourcePicture) -> Result<()>,
    ) -> Result<()> {
        self.each_until(None, only_prints, work).map(|_| ())
    }

    /// The same; an `interrupt` before the last picture ends it. Says whether all were worked on.
    ///
    /// # Errors
    /// As [`PictureInputs::each`].
    pub fn each_until(
        &self,
        interrupt: Option<&Interrupt>,
        only_prints: bool,
        mut work: impl FnMut(SourcePicture) -> Result<()>,
    ) -> Result<bool> {
        self.tell_notes();
        let (mut used, mut failed) = (0, FailureCounts::default());
        let came = || interrupt.is_some_and(Interrupt::came);
        for picture in self.pictures() {
            // What decodes a video has been ended, too: its error is not of the file.
            if came() {
                return Ok(false);
            }
            let is_first = used == 0
                && failed.total() == 0
                && self.files.len() == 1
                && self.unreadable.is_empty();
            let is_nothing = picture.is_err() && is_first;
            match picture.and_then(&mut work) {
                Err(error) if self.several && !is_nothing => failed.complain(&error),
                worked => {
                    worked?;
                    used += 1;
                }
            }
            if only_prints && output::reader_is_gone() {
                break;
            }
        }
        failed.check_none(used).map(|()| true)
    }

    /// Says what is left out.
    pub fn tell_notes(&self) {
        for note in &self.notes {
            output::note(&format!("left out: {note}"));
        }
    }
}

/// What comes up to the first error and with it.
fn until_error<T>(mut items: impl Iterator<Item = Result<T>>) -> impl Iterator<Item = Result<T>> {
    let mut ended = false;
    iter::from_fn(move || {
        let next = if ended { None } else { items.next() };
        ended = !matches!(next, Some(Ok(_)));
        next
    })
}

/// What kind of video a file is, if it is one. A file that is called as standard input is not meant by that name.
fn video_kind(file: &InputFile) -> Option<&'static str> {
    match file.is_standard_input() {
        true => None,
        false => video(&file.path),
    }
}

/// The files with what their results are called: their own names, and where several have one name, a hash of their paths besides.
fn with_stems(files: Vec<InputFile>) -> Vec<(InputFile, ResultStem)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        *counts.entry(file.stem()).or_default() += 1;
    }
    let named = files.into_iter().map(|file| {
        let stem = file.stem();
        let is_shared = counts.get(&stem) != Some(&1) || stem == SETTINGS;
        let path = file.real.as_os_str().as_encoded_bytes();
        let stem = ResultStem::new(stem, path, is_shared);
        (file, stem)
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_files_of_one_name_are_told_apart() {
        let files = [
            "a/1.jpg",
            "b/1.jpg",
            "a/2.jpg",
            "a/settings.png",
            "a/2 .jpg",
        ];
        let files = files.map(|path| InputFile::new(Path::new(path)).unwrap());
        let named = with_stems(files.to_vec());
        let stems: Vec<&str> = named.iter().map(|(_, stem)| stem.name()).collect();
        assert!(
            stems[0].starts_with("1-") && stems[0].len() == 10,
            "{stems:?}"
        );
        assert!(
            stems[1].starts_with("1-") && stems[0] != stems[1],
            "{stems:?}"
        );
        assert_eq!((stems[2], stems[4]), ("2", "2-"));
        assert!(stems[3].starts_with("settings-"), "{stems:?}");
    }

    #[test]
    fn nothing_is_asked_for_behind_an_error() {
        let asked = std::cell::Cell::new(0);
        let items = (0..9).map(|item| {
            asked.set(asked.get() + 1);
            if item == 2 {
                Err(Error::msg("full"))
            } else {
                Ok(item)
            }
        });
        assert_eq!(
            until_error(items)
                .map(|item| item.is_ok())
                .collect::<Vec<_>>(),
            [true, true, false]
        );
        assert_eq!(asked.get(), 3);
    }
}
