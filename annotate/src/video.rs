//! An input on its way through the element: a file in; its messages, JSON Lines, and an explained video if wanted, out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use gst::prelude::*;
use ssdcrp::stream::evidence::{LINES, Records};

use crate::blame::{self, Blame};
use crate::decoding::{self, Decoding, Running};
use crate::element_settings::ElementSettings;
use crate::record::EvidenceCounts;

/// Elements that a recording needs.
const NEEDED_TO_RECORD: [&str; 4] = ["videoscale", "x264enc", "mp4mux", "queue"];

/// As pipelines/record.sh encodes. I420, because RGB left alone would become 4:4:4, which few players show; even sizes, because 4:2:0 has no others. Constant quality
/// without a limit on the bit rate: under a limit x264's threads make each recording a little different.
const RECORDER: &str = "queue ! videoconvert ! videoscale ! \
    video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2] ! \
    x264enc speed-preset=veryfast pass=qual quantizer=20 vbv-buf-capacity=0 ! \
    mp4mux name=muxer faststart=true ! filesink name=file";

/// A picture of which every computer makes something.
const PROBE: &str = "videotestsrc num-buffers=1 pattern=solid-color foreground-color=0xff808080 ! \
    video/x-raw,format=RGB,width=320,height=240 ! videoconvert";

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
#[derive(Debug)]
pub struct VideoSummary {
    pub frames: u64,
    pub frames_damaged: u64,
    pub evidence: Option<EvidenceCounts>,
    /// Each once.
    pub warnings: Vec<String>,
}

impl LoadedNetworks {
    /// Loads them, so that what is wrong with the model or a setting is said before any input is touched.
    ///
    /// # Errors
    /// An element is missing; a setting, the model, ONNX Runtime.
    pub fn load(settings: &ElementSettings, records: bool) -> Result<Self> {
        let further = if records { &NEEDED_TO_RECORD[..] } else { &[] };
        decoding::check_installed(further)?;
        let running = Running::new()?;
        running.pipeline.add(&settings.element()?)?;
        running.start(gst::State::Paused)?;
        Ok(Self(running))
    }

    /// Looks at a grey picture, by which the fault of a file is told from that of the computer.
    ///
    /// # Errors
    /// The networks do not run on it either.
    pub fn probe(&self, settings: &ElementSettings) -> Result<()> {
        let running = Running::new()?;
        let source = gst::parse::bin_from_description(PROBE, true)?;
        let (element, end) = (settings.for_run()?, nowhere()?);
        let chain = [source.upcast_ref(), &element, &end];
        running.pipeline.add_many(chain)?;
        gst::Element::link_many(chain)?;
        Decoding::of(running).play(&mut |_| Ok(()))
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
    let end = match outputs.video {
        Some((path, temporary)) => recorder(path, temporary)?,
        None => nowhere()?,
    };
    let mut decoding = Decoding::new(input, &[&element, &end])?;
    decoding.play(&mut take)?;
    // The element has written everything before it lets the end of the stream pass.
    let stats: gst::Structure = element.property("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or(0);
    let (frames, frames_damaged) = (count("frames"), count("frames-damaged"));
    ensure!(frames > 0, "there is no picture in it");
    ensure!(
        frames > frames_damaged,
        "none of its {frames} frames can be read"
    );
    let evidence = outputs.evidence.map(|folder| {
        let kept = kept_in(folder).map_err(|error| blame::on(Blame::Computer, error))?;
        Ok::<_, anyhow::Error>(EvidenceCounts {
            evidence_kept: kept,
            evidence_left_out: count("events").saturating_sub(kept),
        })
    });
    Ok(VideoSummary {
        frames,
        frames_damaged,
        evidence: evidence.transpose()?,
        warnings: decoding.into_warnings(),
    })
}

/// How many events a folder of evidence has. The element makes the folder at its start, and a file in it for the first event.
fn kept_in(folder: &Path) -> Result<u64> {
    match folder.join(LINES).exists() {
        true => Ok(Records::read(folder)?.records.len() as u64),
        false => Ok(0),
    }
}

/// What takes frames that nobody wants.
fn nowhere() -> Result<gst::Element> {
    Ok(gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .property("enable-last-sample", false)
        .build()?)
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::AnnotateOptions;

    #[test]
    fn networks_that_run_are_found_to_run() {
        gst::init().unwrap();
        gstssdcrp::register_static().unwrap();
        let options = AnnotateOptions::parse_from(["annotate", "a.mp4", "-o", "out"]);
        let settings = ElementSettings::of(&options).unwrap();
        let networks = LoadedNetworks::load(&settings, false).unwrap();
        networks.probe(&settings).unwrap();
    }

    /// As on a full disk: the element goes on with a warning, and the results have holes.
    #[test]
    fn results_that_cannot_be_written_are_a_fault_of_the_computer() {
        gst::init().unwrap();
        gstssdcrp::register_static().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("grey.png");
        image_of_grey(&photo).unwrap();
        let options = AnnotateOptions::parse_from(["annotate", "a.mp4", "-o", "out"]);
        let settings = ElementSettings::of(&options).unwrap();
        let outputs = VideoOutputs {
            results: Path::new("/dev/full"),
            evidence: None,
            video: None,
        };
        let error = play(&photo, &settings, &outputs, |_| Ok(())).unwrap_err();
        assert_eq!(blame::of(&error), Blame::Computer);
        assert!(format!("{error:#}").contains("/dev/full"), "{error:#}");
    }

    fn image_of_grey(path: &Path) -> Result<()> {
        let running = Running::new()?;
        let description = format!("{PROBE} ! pngenc ! filesink location={}", path.display());
        let bin = gst::parse::bin_from_description(&description, false)?;
        running.pipeline.add(&bin)?;
        Decoding::of(running).play(&mut |_| Ok(()))
    }
}
