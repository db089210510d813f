//! The inputs of the verbs for photos: what the command line names in; pictures, photos and frames of videos alike, one after another, out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Error, Result, ensure};
use clap::Args;
use ssdcrp::fingerprint::hash;
use ssdcrp::inputs::{FoundInputs, InputFile, resolve, video};
use ssdcrp::report::counted;

use super::output;
use super::source_picture::{FrameStore, SourcePicture};
use super::video_frames::{FrameArgs, VideoFrames};

/// What no results of a picture are called, for files of a folder of results are.
pub const SETTINGS: &str = "settings";

/// Digits of a path's hash that tell files of one name apart.
const DIGITS: usize = 8;

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
    files: Vec<(InputFile, String)>,
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
        PictureInputs::of(&self.inputs, self.frames, output)
    }
}

impl PictureInputs {
    /// The same of what another command line has.
    ///
    /// # Errors
    /// As [`resolve`].
    pub fn of(given: &[PathBuf], frames: FrameArgs, output: Option<&Path>) -> Result<Self> {
        let FoundInputs {
            files,
            several,
            notes,
            unreadable,
        } = resolve(given, output)?;
        let several = several || files.iter().any(|file| video(&file.path).is_some());
        Ok(Self {
            files: with_stems(files),
            frames,
            several,
            notes,
            unreadable,
        })
    }

    /// The files by their names, for what must not be replaced.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(|(file, _)| &file.path)
    }

    /// All pictures, each when its turn comes. What cannot be opened is an error in its place, a folder that cannot be read one at the end.
    pub fn pictures(&self) -> impl Iterator<Item = Result<SourcePicture>> {
        let unreadable = self.unreadable.iter();
        let unreadable = unreadable.map(|words| Err(Error::msg(words.clone())));
        let files = self.files.iter().flat_map(|(file, stem)| {
            let pictures: Box<dyn Iterator<Item = Result<SourcePicture>>> = match video(&file.path)
            {
                None => {
                    let photo = SourcePicture::photo(&file.path, stem.clone());
                    Box::new(std::iter::once(Ok(photo)))
                }
                Some(kind) => match VideoFrames::start(&file.path, kind, self.frames) {
                    Err(error) => Box::new(std::iter::once(Err(error))),
                    Ok(frames) => Box::new(
                        frames.map(move |frame| Ok(SourcePicture::frame(&file.path, stem, frame?))),
                    ),
                },
            };
            pictures
        });
        files.chain(unreadable)
    }

    /// All pictures at once, to be read as often as wanted, and what of the videos cannot be used.
    ///
    /// # Errors
    /// There is nothing that can be used, or no room for the frames of videos.
    pub fn kept(&self) -> Result<(Vec<SourcePicture>, Vec<Error>)> {
        let mut store = None;
        let (mut kept, mut failures) = (Vec::new(), Vec::new());
        for picture in self.pictures() {
            match picture {
                Ok(picture) if picture.second.is_none() => kept.push(picture),
                Ok(frame) => {
                    let store = match &store {
                        Some(store) => store,
                        None => store.insert(Arc::new(FrameStore::new()?)),
                    };
                    kept.push(frame.kept_in(store)?);
                }
                Err(error) => failures.push(error),
            }
        }
        if kept.is_empty()
            && let Some(error) = failures.pop()
        {
            return Err(error);
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
        mut work: impl FnMut(SourcePicture) -> Result<()>,
    ) -> Result<()> {
        self.tell_notes();
        let (mut all, mut failed) = (0, 0);
        for picture in self.pictures() {
            all += 1;
            let is_first = all == 1 && self.files.len() == 1 && self.unreadable.is_empty();
            let is_nothing = picture.is_err() && is_first;
            match picture.and_then(&mut work) {
                Err(error) if self.several && !is_nothing => {
                    failed += 1;
                    output::complain(&error);
                }
                worked => worked?,
            }
            if only_prints && output::reader_is_gone() {
                break;
            }
        }
        check_none_failed(failed, all)
    }

    /// Says what is left out.
    pub fn tell_notes(&self) {
        for note in &self.notes {
            output::note(&format!("left out: {note}"));
        }
    }
}

/// Fails where some of `all` pictures did.
pub fn check_none_failed(failed: usize, all: usize) -> Result<()> {
    ensure!(
        failed == 0,
        "{failed} of {} could not be used",
        counted(&all, "picture")
    );
    Ok(())
}

/// The files with what their results are called: their own names, and where several have one name, a hash of their paths besides.
fn with_stems(files: Vec<InputFile>) -> Vec<(InputFile, String)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        *counts.entry(file.stem()).or_default() += 1;
    }
    let named = files.into_iter().map(|file| {
        let stem = file.stem();
        let is_alone = counts.get(&stem) == Some(&1) && stem != SETTINGS;
        let path = file.real.as_os_str().as_encoded_bytes();
        let stem = match is_alone {
            true => stem,
            false => format!("{stem}-{}", &hash(path.iter().copied())[..DIGITS]),
        };
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
        let stems: Vec<&str> = named.iter().map(|(_, stem)| stem.as_str()).collect();
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
}
