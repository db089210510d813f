//! An input on its way through the element: a file in; its messages, JSON Lines, and an explained video if wanted, out.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

use crate::element_settings::ElementSettings;

/// Elements that every run needs, and those that a video needs besides.
const NEEDED: [&str; 4] = ["uridecodebin", "videoconvert", "videoflip", "taginject"];
const NEEDED_TO_RECORD: [&str; 4] = ["videoscale", "x264enc", "mp4mux", "queue"];

/// The name of the first in a pipeline.
const READER: &str = "reader";

/// As pipelines/record.sh encodes. I420, because RGB left alone would become 4:4:4, which few players show; even sizes, because 4:2:0 has no others. Constant quality
/// without a limit on the bit rate: under a limit x264's threads make each recording a little different.
const RECORDER: &str = "queue ! videoconvert ! videoscale ! \
    video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2] ! \
    x264enc speed-preset=veryfast pass=qual quantizer=20 vbv-buf-capacity=0 ! \
    mp4mux name=muxer faststart=true ! filesink name=file";

/// A file from which nothing comes for so long will give nothing more.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(600);

/// How long is waited at a time.
const LOOK: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// So many different warnings are kept.
const MOST_WARNINGS: usize = 20;

/// The networks of all inputs, loaded for as long as this is there.
pub struct LoadedNetworks(#[allow(dead_code, reason = "it is there to be dropped last")] Running);

/// What an input's run writes.
pub struct VideoOutputs<'a> {
    /// JSON Lines.
    pub results: &'a Path,
    /// A folder.
    pub evidence: Option<&'a Path>,
    /// An MP4, and a file for its making.
    pub video: Option<(&'a Path, &'a Path)>,
}

/// How a run went.
pub struct VideoSummary {
    pub frames: u64,
    pub frames_damaged: u64,
    /// Each once.
    pub warnings: Vec<String>,
}

/// A pipeline that stops when it is dropped.
struct Running {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
}

impl LoadedNetworks {
    /// Loads them, so that what is wrong with the model or a setting is said before any input is touched.
    ///
    /// # Errors
    /// An element is missing; a setting, the model, ONNX Runtime.
    pub fn load(settings: &ElementSettings, records: bool) -> Result<Self> {
        let further = NEEDED_TO_RECORD.iter().filter(|_| records);
        for name in NEEDED.iter().chain(further) {
            ensure!(
                gst::ElementFactory::find(name).is_some(),
                "GStreamer's element {name} is missing: Debian has it in gstreamer1.0-plugins-base, -good or -ugly"
            );
        }
        let running = Running::new()?;
        running.pipeline.add(&settings.element()?)?;
        running.start(gst::State::Paused)?;
        Ok(Self(running))
    }
}

/// Plays the file at `input` to its end, and hands each message of the element to `take`.
///
/// # Errors
/// It cannot be decoded, has no video, or stops; something cannot be written; what `take` gives.
pub fn play(
    input: &Path,
    settings: &ElementSettings,
    outputs: &VideoOutputs,
    mut take: impl FnMut(&gst::StructureRef) -> Result<()>,
) -> Result<VideoSummary> {
    let element = settings.for_run()?;
    element.set_property("results-location", utf8(outputs.results)?);
    if let Some(evidence) = outputs.evidence {
        element.set_property("events-location", utf8(evidence)?);
    }
    let running = Running::new()?;
    let has_video = running.build(input, &element, outputs.video)?;
    running.start(gst::State::Playing)?;
    let (mut warnings, mut lacks) = (Vec::new(), Vec::new());
    let (mut silence, mut ended) = (gst::ClockTime::ZERO, false);
    loop {
        let Some(message) = running.bus.timed_pop(LOOK) else {
            silence += LOOK;
            ensure!(
                silence < PATIENCE,
                "nothing has come of it for {} minutes",
                PATIENCE.minutes()
            );
            // A demuxer may come to the end of a file that is cut off without a word.
            let ends = !has_video.load(Ordering::Relaxed) && running.has_read_all();
            ensure!(
                !(ended && ends),
                "it is damaged or cut off: there is no picture in it"
            );
            ended = ends;
            continue;
        };
        (silence, ended) = (gst::ClockTime::ZERO, false);
        match message.view() {
            gst::MessageView::Element(message) => {
                let Some(structure) = message.structure() else {
                    continue;
                };
                match structure.name().as_str() == "missing-plugin" {
                    true => lacks.extend(structure.get::<String>("name")),
                    false => take(structure)?,
                }
            }
            gst::MessageView::Warning(warning) => {
                let words = warning.error().to_string();
                if warnings.len() < MOST_WARNINGS && !warnings.contains(&words) {
                    warnings.push(words);
                }
            }
            gst::MessageView::Error(error) => {
                let error = error.error();
                ensure!(
                    has_video.load(Ordering::Relaxed),
                    "{}",
                    no_video(&lacks, &error)
                );
                return Err(error.into());
            }
            gst::MessageView::Eos(_) => break,
            _ => {}
        }
    }
    let stats: gst::Structure = element.property("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or(0);
    let (frames, frames_damaged) = (count("frames"), count("frames-damaged"));
    ensure!(frames > 0, "there is no picture in it");
    Ok(VideoSummary {
        frames,
        frames_damaged,
        warnings,
    })
}

/// Why nothing in a file can be shown; `lacks` names what GStreamer would need for the streams in it.
fn no_video(lacks: &[String], error: &gst::glib::Error) -> String {
    match lacks {
        [] => format!("there is no video in it that can be decoded: {error}"),
        _ => format!(
            "there is no video in it that can be decoded; GStreamer has no {}",
            lacks.join(", no ")
        ),
    }
}

impl Running {
    fn new() -> Result<Self> {
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
    fn start(&self, state: gst::State) -> Result<()> {
        if self.pipeline.set_state(state).is_ok() {
            return Ok(());
        }
        let message = self.bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => bail!("{}", error.error()),
            _ => bail!("GStreamer does not start, and does not say why"),
        }
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

    /// Puts the pipeline together. The flag is set as soon as a video is found in the file.
    fn build(
        &self,
        input: &Path,
        element: &gst::Element,
        video: Option<(&Path, &Path)>,
    ) -> Result<Arc<AtomicBool>> {
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
        let end = match video {
            Some((path, temporary)) => recorder(path, temporary)?,
            None => gst::ElementFactory::make("fakesink")
                .property("sync", false)
                .property("enable-last-sample", false)
                .build()?,
        };
        let chain = [&convert, &turn, &upright, element, &end];
        self.pipeline.add(&source)?;
        self.pipeline.add_many(chain)?;
        gst::Element::link_many(chain)?;

        let entry = convert.static_pad("sink").context("no sink pad")?;
        let has_video = Arc::new(AtomicBool::new(false));
        let found = has_video.clone();
        source.connect_pad_added(move |_, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let is_video = caps
                .structure(0)
                .is_some_and(|caps| caps.name().as_str() == "video/x-raw");
            // Of several videos in a file the first counts.
            if is_video && !entry.is_linked() && pad.link(&entry).is_ok() {
                found.store(true, Ordering::Relaxed);
            }
        });
        let found = has_video.clone();
        source.connect_no_more_pads(move |source| {
            if !found.load(Ordering::Relaxed) {
                gst::element_error!(
                    source,
                    gst::StreamError::WrongType,
                    ("nothing in it is video")
                );
            }
        });
        Ok(has_video)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// What encodes raw video into the file at `path`.
fn recorder(path: &Path, temporary: &Path) -> Result<gst::Element> {
    let recorder = gst::parse::bin_from_description(RECORDER, true)?;
    let named = |name| {
        recorder
            .by_name(name)
            .context("the recorder is not as it should be")
    };
    named("muxer")?.set_property("faststart-file", utf8(temporary)?);
    named("file")?.set_property("location", utf8(path)?);
    Ok(recorder.upcast())
}

/// GStreamer takes file names as text.
fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8: rename the folder", path.display()))
}
