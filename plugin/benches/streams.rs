//! Several live streams in one process, each a pipeline with an element and a model of its own: whether every frame passes, and how the cores are shared
//! between them. `DURATION=600 cargo bench --package gst-plugin-ssdcrp --bench streams`; no part of `make bench`.
//!
//! `STREAMS` (default 8) get the footage at 25 frames a second for `DURATION` seconds (default 60). A row for each: in how many of its frames something was looked for, with the frames
//! that passed, the longest that one took through the element, and explanations; then what the process has resident after each quarter.

#[path = "parts/footage.rs"]
mod footage;
#[path = "parts/pace.rs"]
mod pace;
#[path = "parts/pipeline.rs"]
mod pipeline;
#[path = "parts/video.rs"]
mod video;

use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bench_report::{Record, resident, setting};
use gst::prelude::*;

use pipeline::Running;
use video::Video;

const SECTION: &str = "Several streams in one process";

fn main() -> Result<()> {
    let streams: usize = setting("STREAMS", 8)?;
    let duration = Duration::from_secs(setting("DURATION", 60)?);
    gst::init()?;
    gstssdcrp::register_static()?;
    let video = Video::USUAL;
    let frames = footage::frames(video, 100)?;
    let all: Vec<Running> = (0..streams)
        .map(|_| Running::start("ssdcrp", video))
        .collect::<Result<_>>()?;
    let playing: Vec<JoinHandle<Result<Running>>> = (all.into_iter().zip(0..))
        .map(|(running, index)| {
            let frames = frames.clone();
            // They come at different moments, as those of cameras do.
            let offset = video.interval() * index / streams as u64;
            std::thread::spawn(move || play(running, &frames, duration, offset.into()))
        })
        .collect();
    for quarter in 1..=4 {
        sleep(duration / 4);
        let row = format!("resident after {quarter} of 4 quarters");
        Record::of(SECTION, &row, "MB", &[resident()?])?.keep()?;
    }
    let mut detected = vec![];
    for (index, playing) in playing.into_iter().enumerate() {
        let running = playing
            .join()
            .map_err(|_| anyhow!("a thread has panicked"))??;
        let stats = running.element.property::<gst::Structure>("stats");
        let count = |field: &str| stats.get::<u64>(field);
        let passed = running
            .passed
            .lock()
            .map_or(vec![], |passed| passed.out.clone());
        let longest = passed.iter().map(|out| out.1).fold(0.0, f64::max);
        let row = format!("stream {}", index + 1);
        Record::of(
            SECTION,
            &row,
            "frames looked at",
            &[count("frames-detected")? as f64],
        )?
        .with(format!(
            "{} of {} frames passed",
            passed.len(),
            running.pushed
        ))
        .with(format!("the slowest in {longest:.1} ms"))
        .with(format!("{} explanations", count("explanations")?))
        .keep()?;
        ensure!(passed.len() as u64 == running.pushed, "{row} lost frames");
        detected.push(count("frames-detected")? as f64);
    }
    let least = detected.iter().copied().fold(f64::INFINITY, f64::min);
    let most = detected.iter().copied().fold(0.0, f64::max);
    Record::of(SECTION, "the least of the most", "×", &[least / most])?.keep()
}

/// Pushes frames at their pace; then waits until all have passed.
fn play(
    mut running: Running,
    frames: &[gst::Buffer],
    length: Duration,
    offset: Duration,
) -> Result<Running> {
    // What the element says is dropped; it would be kept for whoever reads it.
    running.pipeline.bus().context("no bus")?.set_flushing(true);
    sleep(offset);
    pace::play(&mut running, frames, length)?;
    let passed = |running: &Running| running.passed.lock().map_or(0, |passed| passed.out.len());
    let patience = Instant::now();
    while (passed(&running) as u64) < running.pushed && patience.elapsed().as_secs() < 10 {
        sleep(Duration::from_millis(5));
    }
    Ok(running)
}
