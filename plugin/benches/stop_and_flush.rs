//! How long a flush and a stop take while the networks are at work: `cargo bench -p gst-plugin-ssdcrp --bench stop_and_flush`.
//!
//! A photo in which up to 100 detections are to be explained, which takes seconds, goes into the element; then it is flushed or stopped. `ROUNDS` (default 5) says how often. Each row gives
//! the median and the most of the time from the call until it and whatever waited for the networks have returned.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_report::{Record, setting};
use gst::prelude::*;
use gst_check::Harness;

#[path = "../../tests/cache/mod.rs"]
mod cache;

use cache::cached;

const SECTION: &str = "Stop and flush while the networks are at work";
/// How long explanations have been under way when they are cut short.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// How long it took.
type Row = fn() -> Result<Duration>;

fn main() -> Result<()> {
    gst::init()?;
    gstssdcrp::register_static()?;
    let rounds = setting("ROUNDS", 5)?;
    let rows: [(&str, Row); 4] = [
        (
            "flush while the end of the stream is awaited",
            flush_at_the_end,
        ),
        ("flush, mode=every-frame", flush_every_frame),
        ("to NULL, mode=every-frame", stop_every_frame),
        ("to NULL, mode=live", stop_live),
    ];
    println!("{SECTION}");
    for (name, row) in rows {
        let times = (0..rounds).map(|_| row()).collect::<Result<Vec<_>>>();
        let times = times.with_context(|| name.to_owned())?.into_iter();
        let times: Vec<f64> = times.map(|time| 1e3 * time.as_secs_f64()).collect();
        let most = times.iter().copied().fold(0.0, f64::max);
        Record::of(SECTION, name, "ms", &times)?
            .with(format!("most {most:.0} ms"))
            .keep()?;
    }
    Ok(())
}

/// An element at work.
struct Bench {
    element: gst::Element,
    source: gst::Pad,
    frame: gst::Buffer,
    /// Takes what comes out.
    _harness: Harness,
}

impl Bench {
    fn new(mode: &str) -> Result<Self> {
        let element = gst::ElementFactory::make("ssdcrp")
            .property_from_str("mode", mode)
            .property("score-threshold", 0.005_f32)
            .property("iou-threshold", 1_f32)
            .property_from_str("select", "all")
            .property("max-explanations", 100_u32)
            .build()?;
        let photo = image::open(cached("photos/person.jpg"))?.into_rgb8();
        // Its width is a multiple of four: rows are not padded.
        let info = gst_video::VideoInfo::builder(
            gst_video::VideoFormat::Rgb,
            photo.width(),
            photo.height(),
        )
        .build()?;
        let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
        harness.set_src_caps(info.to_caps()?);
        let sink = element.static_pad("sink");
        let source = sink.and_then(|sink| sink.peer());
        let mut frame = gst::Buffer::from_mut_slice(photo.into_raw());
        let timed = frame.get_mut().context("a new buffer is writable")?;
        timed.set_pts(gst::ClockTime::ZERO);
        Ok(Self {
            source: source.context("the element is not linked")?,
            element,
            frame,
            _harness: harness,
        })
    }

    /// Pushes the frame on a thread of its own, and returns when its explanations are under way.
    fn push(&self) -> Result<JoinHandle<Result<gst::FlowSuccess, gst::FlowError>>> {
        let pushing = std::thread::spawn({
            let (source, frame) = (self.source.clone(), self.frame.clone());
            move || source.push(frame)
        });
        loop {
            let stats = self.element.property::<gst::Structure>("stats");
            if stats.get::<u64>("frames-detected")? > 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(UNDER_WAY);
        Ok(pushing)
    }

    fn flush(&self) -> bool {
        self.source.push_event(gst::event::FlushStart::new())
    }
}

fn flush_at_the_end() -> Result<Duration> {
    let bench = Bench::new("live")?;
    let pushing = bench.push()?;
    let _ = pushing.join();
    let source = bench.source.clone();
    let ending = std::thread::spawn(move || source.push_event(gst::event::Eos::new()));
    std::thread::sleep(UNDER_WAY);
    ensure!(!ending.is_finished(), "the end of the stream did not wait");
    let begun = Instant::now();
    ensure!(bench.flush(), "the flush is refused");
    let _ = ending.join();
    Ok(begun.elapsed())
}

fn flush_every_frame() -> Result<Duration> {
    let bench = Bench::new("every-frame")?;
    let pushing = bench.push()?;
    ensure!(!pushing.is_finished(), "the frame did not wait");
    let begun = Instant::now();
    ensure!(bench.flush(), "the flush is refused");
    let _ = pushing.join();
    Ok(begun.elapsed())
}

fn stop_every_frame() -> Result<Duration> {
    let bench = Bench::new("every-frame")?;
    let pushing = bench.push()?;
    ensure!(!pushing.is_finished(), "the frame did not wait");
    let begun = Instant::now();
    bench.element.set_state(gst::State::Null)?;
    let _ = pushing.join();
    Ok(begun.elapsed())
}

fn stop_live() -> Result<Duration> {
    let bench = Bench::new("live")?;
    let _ = bench.push()?.join();
    let begun = Instant::now();
    bench.element.set_state(gst::State::Null)?;
    Ok(begun.elapsed())
}
