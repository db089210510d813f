//! What the element costs the thread that carries the video: `cargo bench -p gst-plugin-ssdcrp --bench streaming_thread`.
//!
//! Frames of the footage, at their own size and enlarged to 1080p, go through `ssdcrp` in live mode at the pace of a
//! camera, and for comparison through `identity`, through a `textoverlay` that writes a line, and through GStreamer's own `overlaycomposition`,
//! which blends what the element draws when its overlay is attached. All take turns, round by
//! round, so that a noisy machine disturbs them alike. A frame's time is what pushing it into the element takes until it
//! has come out: the delay that the element adds, which in live mode must not exceed the interval between frames.
//!
//! Frames are writable, as a decoder's that keeps none of them are. Where they are `shared`, as behind a `tee`, the element has
//! to copy what it paints into; where the overlay is `attached`, for a sink that composites, it has not.
//!
//! A word behind `--` picks the rows that have it in their name. `ROUNDS` (default 3) and `DURATION` (default 2) set how
//! often, and for how many seconds, each takes its turn.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench_report::{Aim, Quartiles, Record, cpu_time, setting};
use gst::MetaAPI;
use gst::prelude::*;
use gst_check::Harness;
use gst_video::{
    CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION as COMPOSITION, VideoOverlayComposition,
    VideoOverlayCompositionMeta,
};

#[path = "parts/footage.rs"]
mod footage;
#[path = "parts/video.rs"]
mod video;

use footage::frames;
use video::Video;

/// Each with how many milliseconds the element may take.
const VIDEOS: [(Video, f64); 2] = [
    (Video::USUAL, 1.0),
    (
        Video {
            width: 1920,
            height: 1080,
            rate: 30,
            ..Video::USUAL
        },
        2.0,
    ),
];
/// Distinct frames that come over and over.
const FRAMES: usize = 10;
const FORMATS: [&str; 3] = ["I420", "NV12", "BGRx"];

/// One element and the way that frames take through it.
#[derive(Clone, Copy, PartialEq)]
struct Case {
    /// As of a launch line.
    line: &'static str,
    /// The name of the pad that takes the video.
    pad: &'static str,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Plain,
    Shared,
    Attached,
}

const fn case(line: &'static str, pad: &'static str, way: Way) -> Case {
    Case { line, pad, way }
}

/// GStreamer's own way to blend the overlay.
const BLEND: &str = "overlaycomposition";

const CASES: [Case; 7] = [
    case("identity", "sink", Way::Plain),
    case("textoverlay text=sheep", "video_sink", Way::Plain),
    case(BLEND, "sink", Way::Plain),
    case("ssdcrp", "sink", Way::Plain),
    case("ssdcrp events=all", "sink", Way::Plain),
    case("ssdcrp", "sink", Way::Shared),
    case("ssdcrp", "sink", Way::Attached),
];

fn main() -> Result<()> {
    gst::init()?;
    gstssdcrp::register_static()?;
    let rounds = setting("ROUNDS", 3)?;
    let length = Duration::from_secs(setting("DURATION", 2)?);
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let picked = |name: &str| {
        word.as_ref()
            .is_none_or(|word| name.contains(word.as_str()))
    };
    for (video, most) in VIDEOS {
        let Video {
            width,
            height,
            rate,
            ..
        } = video;
        let section = format!("Streaming thread, {width}x{height} at {rate} frames a second");
        let mut rows = Vec::new();
        for format in FORMATS {
            let video = Video { format, ..video };
            let frames = frames(video, FRAMES)?;
            for case in CASES {
                let name = format!("{format} {}{}", case.line, case.way);
                // Copies cost the same in every format.
                if (case.way == Way::Plain || format == FORMATS[0]) && picked(&name) {
                    rows.push(Row::new(name, case, video, &frames)?);
                }
            }
        }
        for _ in 0..rounds {
            for row in &mut rows {
                row.take_turn(length)?;
            }
        }
        println!("{section}");
        for row in &rows {
            row.report(&section, most)?;
        }
        for format in FORMATS {
            let of = |line: &str| {
                let name = format!("{format} {line}");
                rows.iter().find(|row| row.name == name)
            };
            if let Some((ours, theirs)) = of("ssdcrp").zip(of(BLEND)) {
                let ratios: Vec<f64> = (ours.medians.iter().zip(&theirs.medians))
                    .map(|(ours, theirs)| ours / theirs)
                    .collect();
                let name = format!("{format} ssdcrp, time of {BLEND}");
                Record::of(&section, &name, "x", &ratios)?.keep()?;
            }
        }
    }
    Ok(())
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "",
            Self::Shared => ", shared",
            Self::Attached => ", attached",
        })
    }
}

/// What the element draws over a frame of the footage, as it hands it to a sink that composites.
fn drawn(video: Video, frames: &[gst::Buffer]) -> Result<VideoOverlayComposition> {
    let case = case("ssdcrp", "sink", Way::Attached);
    let mut row = Row::new("drawn".to_owned(), case, video, frames)?;
    let overlay = row.overlay.take();
    overlay.context("nothing was drawn over the footage within the time to warm up")
}

/// One element, fed with one kind of video.
struct Row {
    name: String,
    way: Way,
    video: Video,
    harness: Harness,
    bus: gst::Bus,
    frames: Vec<gst::Buffer>,
    next: u64,
    /// Milliseconds, one for each frame that went in; and the median of each turn.
    times: Vec<f64>,
    medians: Vec<f64>,
    came_out: usize,
    results: usize,
    /// What was attached last.
    overlay: Option<VideoOverlayComposition>,
    /// Of the whole process, and of the clock.
    cpu: Duration,
    wall: Duration,
}

impl Row {
    fn new(name: String, case: Case, video: Video, frames: &[gst::Buffer]) -> Result<Self> {
        let element = gst::parse::launch(case.line)?;
        if case.line == BLEND {
            let overlay = drawn(video, frames)?;
            element.connect("draw", false, move |_| Some(overlay.to_value()));
        }
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let mut harness = Harness::with_element(&element, Some(case.pad), Some("src"));
        if case.way == Way::Attached {
            harness.set_sink_caps_str(&format!(
                "video/x-raw(memory:SystemMemory, {COMPOSITION}); video/x-raw"
            ));
            let composition = <VideoOverlayCompositionMeta as MetaAPI>::meta_api();
            harness.add_propose_allocation_meta(composition, None);
        }
        harness.set_src_caps(video.caps()?);
        let mut row = Self {
            name,
            way: case.way,
            video,
            harness,
            bus,
            frames: frames.to_vec(),
            next: 0,
            times: Vec::new(),
            medians: Vec::new(),
            came_out: 0,
            results: 0,
            overlay: None,
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
        };
        // Not counted: the first frames allocate, load fonts and compile the network.
        row.take_turn(Duration::from_millis(1500))?;
        row.times.clear();
        row.medians.clear();
        (row.came_out, row.results) = (0, 0);
        (row.cpu, row.wall) = (Duration::ZERO, Duration::ZERO);
        Ok(row)
    }

    fn take_turn(&mut self, length: Duration) -> Result<()> {
        self.results(); // of frames that were still in the worker's hand
        let (started, cpu) = (Instant::now(), cpu_time()?);
        let mut due = started;
        let first = self.times.len();
        while started.elapsed() < length {
            let frame = &self.frames[self.next as usize % self.frames.len()];
            let mut frame = frame.copy_deep()?;
            self.video.stamp(&mut frame, self.next)?;
            self.next += 1;
            let held = (self.way == Way::Shared).then(|| frame.clone());
            let pushed = Instant::now();
            self.harness.push(frame)?;
            self.times.push(pushed.elapsed().as_secs_f64() * 1e3);
            while let Some(frame) = self.harness.try_pull() {
                self.came_out += 1;
                if let Some(attached) = frame.meta::<VideoOverlayCompositionMeta>() {
                    self.overlay = Some(attached.overlay_owned());
                }
            }
            drop(held);
            due += Duration::from(self.video.interval());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        self.cpu += cpu_time()? - cpu;
        self.wall += started.elapsed();
        self.results += self.results();
        let turn = Quartiles::of(&self.times[first..]).context("no frame went in")?;
        self.medians.push(turn.median);
        // What was begun ends before the next one's turn.
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    }

    /// Frames that were explained since the last call.
    fn results(&self) -> usize {
        let explained = |message: &gst::Message| {
            (message.structure()).is_some_and(|report| report.has_field("explanations"))
        };
        self.bus.iter().filter(explained).count()
    }

    fn report(&self, section: &str, most: f64) -> Result<()> {
        let is_ours = self.name.contains("ssdcrp");
        let longest = self.times.iter().copied().fold(0.0, f64::max);
        let mut record = Record::of(section, &self.name, "ms", &self.times)?
            .aiming(is_ours.then_some(Aim::AtMost(most)))
            .with(format!("most {longest:.1} ms"))
            .with(format!("{} of {} frames", self.came_out, self.times.len()));
        if is_ours {
            let explained = self.results as f64 / self.wall.as_secs_f64();
            let cpu = 100.0 * self.cpu.as_secs_f64() / self.wall.as_secs_f64();
            record = record
                .with(format!("{explained:.1} explained /s"))
                .with(format!("processor {cpu:.0} %"));
        }
        record.keep()
    }
}
