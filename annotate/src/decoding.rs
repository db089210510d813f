//! A file decoded by GStreamer: its path in; upright raw video for the elements that are linked behind, and what goes wrong in words, out.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

use crate::blame::{self, Blame};

/// Elements that every file needs.
const NEEDED: [&str; 4] = ["uridecodebin", "videoconvert", "videoflip", "taginject"];

/// The name of the first in a pipeline.
const READER: &str = "reader";

/// How long a message is waited for at a time.
const LOOK: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// A file from which nothing comes for so long will give nothing more.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(600);

/// So many different warnings are kept.
const MOST_WARNINGS: usize = 20;

/// Fails where an element is not installed that decoding needs, or one of `further`.
pub fn check_installed(further: &[&str]) -> Result<()> {
    for name in NEEDED.iter().chain(further) {
        ensure!(
            gst::ElementFactory::find(name).is_some(),
            "GStreamer's element {name} is missing: Debian has it in gstreamer1.0-plugins-base, -good or -ugly"
        );
    }
    Ok(())
}

/// A pipeline that stops when it is dropped.
pub struct Running {
    pub pipeline: gst::Pipeline,
    bus: gst::Bus,
}

/// What has come of a file.
#[derive(Debug, Default)]
struct Decoded {
    /// Set as soon as a video is found in it.
    has_video: AtomicBool,
    frames: AtomicU64,
}

/// A file on its way.
pub struct Decoding {
    pub running: Running,
    decoded: Arc<Decoded>,
    /// Of these frames was heard.
    frames: u64,
    /// What GStreamer would need for the streams in it.
    lacks: Vec<String>,
    warnings: Vec<String>,
    /// How long nothing has come.
    silence: gst::ClockTime,
    /// Whether all was read at the last look.
    has_ended: bool,
}

impl Decoding {
    /// Puts a pipeline together in which the upright video of the file goes through `behind`.
    ///
    /// # Errors
    /// An element is missing, or the elements do not fit; the file is a GIF.
    pub fn new(input: &Path, behind: &[&gst::Element]) -> Result<Self> {
        ensure!(
            !is_gif(input),
            "it is a GIF, of which GStreamer gives no frame: convert it, as with ffmpeg -i IN.gif OUT.mp4"
        );
        let running = Running::new()?;
        let decoded = running.build(input, behind)?;
        let decoding = Self::of(running);
        Ok(Self {
            decoded,
            ..decoding
        })
    }

    /// A pipeline that has no file.
    pub fn of(running: Running) -> Self {
        Self {
            running,
            decoded: Arc::default(),
            frames: 0,
            lacks: Vec::new(),
            warnings: Vec::new(),
            silence: gst::ClockTime::ZERO,
            has_ended: false,
        }
    }

    /// Plays all of it, and hands messages of elements to `take`.
    ///
    /// # Errors
    /// It does not start; as [`Decoding::follow`].
    pub fn play(&mut self, take: &mut impl FnMut(&gst::StructureRef) -> Result<()>) -> Result<()> {
        self.running.start(gst::State::Playing)?;
        while !self.follow(LOOK, take)? {}
        Ok(())
    }

    /// Takes the next message, for which it waits so long; messages of elements go to `take`. Says whether the end has come.
    ///
    /// # Errors
    /// The file cannot be decoded, or gives nothing any more; something cannot be written, even where the video would go on without; what `take` gives.
    pub fn follow(
        &mut self,
        look: gst::ClockTime,
        take: &mut impl FnMut(&gst::StructureRef) -> Result<()>,
    ) -> Result<bool> {
        let Some(message) = self.running.bus.timed_pop(look) else {
            self.silent_for(look)?;
            return Ok(false);
        };
        self.heard();
        match message.view() {
            gst::MessageView::Element(message) => {
                let Some(structure) = message.structure() else {
                    return Ok(false);
                };
                match structure.name().as_str() == "missing-plugin" {
                    true => self.lacks.extend(structure.get::<String>("name")),
                    false => take(structure)?,
                }
            }
            gst::MessageView::Warning(warning) => {
                let warned = warning.error();
                if blame::is_of_writing(&warned) {
                    return Err(blame::on(Blame::Computer, warned));
                }
                let words = warned.to_string();
                if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&words) {
                    self.warnings.push(words);
                }
            }
            gst::MessageView::Error(message) => {
                let error = self.running.blamed(message);
                ensure!(
                    self.has_video() || blame::of(&error) != Blame::File,
                    "{}",
                    no_video(&self.lacks, &message.error())
                );
                return Err(error);
            }
            gst::MessageView::Eos(_) => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn has_video(&self) -> bool {
        self.decoded.has_video.load(Ordering::Relaxed)
    }

    /// Something has come of the file.
    pub fn heard(&mut self) {
        (self.silence, self.has_ended) = (gst::ClockTime::ZERO, false);
    }

    /// Nothing has come of the file for so much longer.
    ///
    /// # Errors
    /// Nothing will come any more.
    pub fn silent_for(&mut self, look: gst::ClockTime) -> Result<()> {
        // Frames that nobody looks at are told of by no message.
        let frames = self.decoded.frames.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.frames, frames) != frames {
            self.heard();
        }
        self.silence += look;
        ensure!(
            self.silence < PATIENCE,
            "nothing has come of it for {} minutes",
            PATIENCE.minutes()
        );
        if look.is_zero() {
            return Ok(());
        }
        // A demuxer may come to the end of a file that is cut off without a word.
        let ends = !self.has_video() && self.running.has_read_all();
        ensure!(
            !(self.has_ended && ends),
            "it is damaged or cut off: there is no picture in it"
        );
        self.has_ended = ends;
        Ok(())
    }

    /// What GStreamer warned of, each once.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings
    }
}

/// Whether a file begins as a GIF. GStreamer's decoders wait for the end of one without a word. What cannot be read is told by who reads it.
fn is_gif(file: &Path) -> bool {
    let mut head = [0; 4];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *b"GIF8"
}

/// Why nothing in a file can be shown; `lacks` names what GStreamer would need for the streams in it.
fn no_video(lacks: &[String], error: &gst::glib::Error) -> String {
    match lacks {
        [] => format!("there is no video in it that can be decoded: {error}"),
        _ => format!(
            "there is no video in it that can be decoded; GStreamer has no {}: Debian has most in gstreamer1.0-libav, and what some files need before it (raw H.264, FLV) in gstreamer1.0-plugins-bad",
            lacks.join(", no ")
        ),
    }
}

impl Running {
    /// An empty pipeline.
    ///
    /// # Errors
    /// GStreamer has none.
    pub fn new() -> Result<Self> {
        let pipeline = gst::Pipeline::new();
        let bus = pipeline.bus().context("a pipeline without a bus")?;
        // The others would pile up, for nobody reads them.
        bus.set_sync_handler(|_, message| match message.type_() {
            gst::MessageType::Element
            | gst::MessageType::Error
            | gst::MessageType::Warning
            | gst::MessageType::Eos => gst::BusSyncReply::Pass,
            _ => gst::BusSyncReply::Drop,
        });
        Ok(Self { pipeline, bus })
    }

    /// # Errors
    /// An element does not start, in its own words.
    pub fn start(&self, state: gst::State) -> Result<()> {
        if self.pipeline.set_state(state).is_ok() {
            return Ok(());
        }
        let message = self.bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(message)) => Err(self.blamed(message)),
            _ => bail!("GStreamer does not start, and does not say why"),
        }
    }

    /// What an element says went wrong, and whose fault it is.
    fn blamed(&self, message: &gst::message::Error) -> anyhow::Error {
        let reader = self.pipeline.by_name(READER);
        let reader = reader.as_ref().map(|reader| reader.upcast_ref());
        blame::on_element(message.src(), reader, message.error())
    }

    /// Whether whatever reads and takes apart the file has come to rest.
    fn has_read_all(&self) -> bool {
        let readers = self.pipeline.by_name(READER);
        let bin = readers.and_then(|readers| readers.downcast::<gst::Bin>().ok());
        let elements = bin
            .iter()
            .flat_map(|bin| bin.iterate_recurse().into_iter().flatten());
        let pads = elements.flat_map(|element| element.pads());
        let states: Vec<gst::TaskState> = pads.map(|pad| pad.task_state()).collect();
        states.contains(&gst::TaskState::Paused) && !states.contains(&gst::TaskState::Started)
    }

    /// Puts the pipeline together. It tells what has come of the file.
    fn build(&self, input: &Path, behind: &[&gst::Element]) -> Result<Arc<Decoded>> {
        let make = |name: &str| gst::ElementFactory::make(name).build();
        let [source, convert, turn, upright] = NEEDED.map(make);
        let (source, convert, turn, upright) = (source?, convert?, turn?, upright?);
        source.set_property("name", READER);
        source.set_property("uri", gst::glib::filename_to_uri(input, None)?);
        // Sound is left undecoded.
        source.set_property("caps", gst::Caps::new_empty_simple("video/x-raw"));
        // Telephones store pictures as the camera was held, and a tag that says how to turn them, which GStreamer 1.22 leaves as it was.
        turn.set_property_from_str("video-direction", "auto");
        upright.set_property_from_str("tags", "image-orientation=rotate-0");
        let chain = [&[&convert, &turn, &upright][..], behind].concat();
        self.pipeline.add(&source)?;
        self.pipeline.add_many(&chain)?;
        gst::Element::link_many(&chain)?;

        let entry = convert.static_pad("sink").context("no sink pad")?;
        let decoded = Arc::<Decoded>::default();
        let counted = decoded.clone();
        entry.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.frames.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let found = decoded.clone();
        source.connect_pad_added(move |_, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let is_video = caps
                .structure(0)
                .is_some_and(|caps| caps.name().as_str() == "video/x-raw");
            // Of several videos in a file the first counts.
            if is_video && !entry.is_linked() && pad.link(&entry).is_ok() {
                found.has_video.store(true, Ordering::Relaxed);
            }
        });
        let found = decoded.clone();
        source.connect_no_more_pads(move |source| {
            if !found.has_video.load(Ordering::Relaxed) {
                gst::element_error!(
                    source,
                    gst::StreamError::WrongType,
                    ("nothing in it is video")
                );
            }
        });
        Ok(decoded)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gif_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mp4");
        std::fs::write(&file, "GIF89a\x01\0\x01\0\0\0\0;").unwrap();
        let error = Decoding::new(&file, &[]).err().unwrap().to_string();
        assert!(error.starts_with("it is a GIF"), "{error}");
    }

    #[test]
    fn a_file_of_which_frames_come_is_waited_for_though_nothing_is_told() {
        gst::init().unwrap();
        let mut decoding = Decoding::of(Running::new().unwrap());
        let nearly = PATIENCE - gst::ClockTime::SECOND;
        for _ in 0..3 {
            decoding.decoded.frames.fetch_add(1, Ordering::Relaxed);
            decoding.silent_for(nearly).unwrap();
        }
        let error = decoding.silent_for(nearly).unwrap_err().to_string();
        assert!(error.contains("for 10 minutes"), "{error}");
    }
}
