//! What the element costs the thread that carries the video: `cargo bench -p gst-plugin-ssdcrp --bench streaming_thread`.
//!
//! Frames of the footage, at their own size and enlarged to 1080p, go through `ssdcrp` in live mode at the pace of a
//! camera, and for comparison through `identity` and through a `textoverlay` that writes a line. All take turns, round by
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
use gst::MetaAPI;
use gst::prelude::*;
use gst_check::Harness;
use gst_video::{
    CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION as COMPOSITION, VideoOverlayCompositionMeta,
};

#[path = "../../tests/cache/mod.rs"]
mod cache;

use cache::cached;

/// Width, height and frames per second.
const VIDEOS: [(u32, u32, u32); 2] = [(768, 576, 25), (1920, 1080, 30)];
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

const CASES: [Case; 6] = [
    case("identity", "sink", Way::Plain),
    case("textoverlay text=sheep", "video_sink", Way::Plain),
    case("ssdcrp", "sink", Way::Plain),
    case("ssdcrp events=all", "sink", Way::Plain),
    case("ssdcrp", "sink", Way::Shared),
    case("ssdcrp", "sink", Way::Attached),
];

fn main() -> Result<()> {
    gst::init()?;
    gstssdcrp::plugin_register_static()?;
    let (rounds, seconds) = (setting("ROUNDS", 3)?, setting("DURATION", 2)?);
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let picked = |name: &str| {
        word.as_ref()
            .is_none_or(|word| name.contains(word.as_str()))
    };
    let mut rows = Vec::new();
    for (width, height, rate) in VIDEOS {
        for format in FORMATS {
            let caps = format!(
                "video/x-raw,format={format},width={width},height={height},framerate={rate}/1,pixel-aspect-ratio=1/1"
            );
            let frames = frames(&caps)?;
            for case in CASES {
                let name = format!("{width}x{height} {format:5} {}{}", case.line, case.way);
                // Copies cost the same in every format.
                if (case.way == Way::Plain || format == FORMATS[0]) && picked(&name) {
                    rows.push(Row::new(name, case, &caps, &frames, rate)?);
                }
            }
        }
    }
    for _ in 0..rounds {
        for row in &mut rows {
            row.take_turn(Duration::from_secs(seconds))?;
        }
    }
    println!(
        "{:40} {:>8} {:>17} {:>8} {:>8} {:>11} {:>9} {:>6}",
        "", "median", "10 to 90 %", "most", "interval", "frames", "explained", "CPU"
    );
    rows.iter_mut().for_each(Row::report);
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

fn setting(name: &str, default: u64) -> Result<u64> {
    std::env::var(name).map_or(Ok(default), |value| {
        value.parse().with_context(|| format!("{name}={value}"))
    })
}

/// Ten frames of the footage as `caps` says.
fn frames(caps: &str) -> Result<Vec<gst::Buffer>> {
    let footage = cached("footage/vtest.avi");
    let pipeline = gst::parse::launch(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale ! videorate ! {caps} ! appsink name=sink sync=false max-buffers=1",
        footage.display()
    ))?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .ok()
        .context("a pipeline")?;
    let sink = pipeline
        .by_name("sink")
        .and_then(|sink| sink.downcast::<gst_app::AppSink>().ok());
    let sink = sink.context("an appsink")?;
    pipeline.set_state(gst::State::Playing)?;
    let frames = (0..10)
        .map(|_| sink.pull_sample()?.buffer_owned().context("a frame"))
        .collect();
    pipeline.set_state(gst::State::Null)?;
    frames
}

/// One element, fed with one kind of video.
struct Row {
    name: String,
    way: Way,
    harness: Harness,
    bus: gst::Bus,
    frames: Vec<gst::Buffer>,
    interval: Duration,
    next: u64,
    /// Milliseconds, one for each frame that went in.
    times: Vec<f64>,
    came_out: usize,
    results: usize,
    /// Of the whole process, and of the clock.
    cpu: Duration,
    wall: Duration,
}

impl Row {
    fn new(
        name: String,
        case: Case,
        caps: &str,
        frames: &[gst::Buffer],
        rate: u32,
    ) -> Result<Self> {
        let element = gst::parse::launch(case.line)?;
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
        harness.set_src_caps(caps.parse()?);
        let mut row = Self {
            name,
            way: case.way,
            harness,
            bus,
            frames: frames.to_vec(),
            interval: Duration::from_secs(1) / rate,
            next: 0,
            times: Vec::new(),
            came_out: 0,
            results: 0,
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
        };
        // Not counted: the first frames allocate, load fonts and compile the network.
        row.take_turn(Duration::from_millis(1500))?;
        row.times.clear();
        (row.came_out, row.results) = (0, 0);
        (row.cpu, row.wall) = (Duration::ZERO, Duration::ZERO);
        Ok(row)
    }

    fn take_turn(&mut self, length: Duration) -> Result<()> {
        self.results(); // of frames that were still in the worker's hand
        let (started, cpu) = (Instant::now(), cpu_time()?);
        let mut due = started;
        while started.elapsed() < length {
            let mut frame = self.frames[self.next as usize % self.frames.len()].copy_deep()?;
            let time = gst::ClockTime::from_nseconds(self.interval.as_nanos() as u64);
            let frame_mut = frame.get_mut().context("a writable frame")?;
            frame_mut.set_pts(self.next * time);
            frame_mut.set_duration(time);
            self.next += 1;
            let held = (self.way == Way::Shared).then(|| frame.clone());
            let pushed = Instant::now();
            self.harness.push(frame)?;
            self.times.push(pushed.elapsed().as_secs_f64() * 1e3);
            while self.harness.try_pull().is_some() {
                self.came_out += 1;
            }
            drop(held);
            due += self.interval;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        self.cpu += cpu_time()? - cpu;
        self.wall += started.elapsed();
        self.results += self.results();
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

    fn report(&mut self) {
        self.times.sort_by(f64::total_cmp);
        let part = |share: f64| self.times[((self.times.len() - 1) as f64 * share) as usize];
        println!(
            "{:40} {:5.2} ms {:6.2} to {:5.2} ms {:5.2} ms {:5.1} ms {:4} of {:4} {:5.1} /s {:4.0} %",
            self.name,
            part(0.5),
            part(0.1),
            part(0.9),
            part(1.0),
            self.interval.as_secs_f64() * 1e3,
            self.came_out,
            self.times.len(),
            self.results as f64 / self.wall.as_secs_f64(),
            100.0 * self.cpu.as_secs_f64() / self.wall.as_secs_f64(),
        );
    }
}

/// What the process has used of the processor so far, in hundredths of a second.
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name in brackets the third field is the first: utime and stime are the 14th and 15th.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}
