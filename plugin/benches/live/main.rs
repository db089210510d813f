//! The element in a real pipeline, live and recording: `cargo bench -p gst-plugin-ssdcrp --bench live`.
//!
//! Frames of the footage lie in memory, so that nothing but the element works. Live they come at 25 a second: how many of them are explained, and what the process uses of the processor. For a
//! recording they come as fast as they are taken: how many times slower every-frame is than detection alone. All rows take turns, round by round. `ROUNDS` (default 3) says how often,
//! `DURATION` (default 6) for how many seconds each is watched live, `FRAMES` (default 100) how many a recording has.

#[path = "../parts/camera.rs"]
mod camera;
#[path = "../parts/footage.rs"]
mod footage;
#[path = "../parts/pace.rs"]
mod pace;
#[path = "../parts/pipeline.rs"]
mod pipeline;
mod recording;
#[path = "../parts/video.rs"]
mod video;

use std::time::Duration;

use anyhow::{Context, Result};
use bench_report::{Aim, Quartiles, Record, setting};

use camera::{Seen, watch};
use footage::frames;
use pace::play;
use pipeline::Running;
use video::Video;

/// Distinct frames that come over and over.
const FRAMES: usize = 200;
/// Not watched: networks are loaded, and compiled when something is explained first.
const WARMING: Duration = Duration::from_secs(2);

/// Settings of the element that are compared.
struct Case {
    name: &'static str,
    properties: &'static str,
    explains: bool,
}

const CASES: [Case; 5] = [
    Case {
        name: "as it comes",
        properties: "",
        explains: true,
    },
    Case {
        name: "composite=crp",
        properties: "composite=crp",
        explains: true,
    },
    Case {
        name: "threads=2",
        properties: "threads=2",
        explains: true,
    },
    Case {
        name: "select=all",
        properties: "select=all",
        explains: true,
    },
    Case {
        // There are no zebras in the footage.
        name: "detection alone",
        properties: "select=label select-label=zebra",
        explains: false,
    },
];

fn main() -> Result<()> {
    gst::init()?;
    gstssdcrp::register_static()?;
    let rounds = setting("ROUNDS", 3)?;
    let length = Duration::from_secs(setting("DURATION", 6)?);
    let video = Video::USUAL;
    let frames = frames(video, FRAMES)?;
    let mut seen: Vec<Vec<Seen>> = CASES.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (case, seen) in CASES.iter().zip(&mut seen) {
            let line = format!("ssdcrp {}", case.properties);
            let mut running = Running::start(&line, video)?;
            play(&mut running, &frames, WARMING)?;
            seen.push(watch(&mut running, &frames, length)?);
        }
    }
    let Video {
        width,
        height,
        rate,
        ..
    } = video;
    let section = format!("Live, {width}x{height} at {rate} frames a second");
    println!("{section}");
    for (case, seen) in CASES.iter().zip(&seen) {
        report(&section, case, seen, rate)?;
    }
    let alone = &seen[CASES.len() - 1];
    let ratios: Vec<f64> = seen[0]
        .iter()
        .zip(alone)
        .map(|(a, b)| a.cpu / b.cpu)
        .collect();
    Record::of(
        &section,
        "processor as it comes, of detection alone",
        "x",
        &ratios,
    )?
    .keep()?;
    recording::measure(&frames, video)
}

fn report(section: &str, case: &Case, seen: &[Seen], rate: u32) -> Result<()> {
    let is_default = case.properties.is_empty();
    // By the clock of the stream: where every frame is explained, it is the rate.
    let a_second = |count: usize, of: usize| f64::from(rate) * count as f64 / of as f64;
    let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
    let (frames_in, frames_out) = (sum(|seen| seen.frames_in), sum(|seen| seen.frames_out));
    if case.explains {
        let rates: Vec<f64> = (seen.iter())
            .map(|seen| a_second(seen.explained, seen.frames_in))
            .collect();
        let explanations: u64 = seen.iter().map(|seen| seen.explanations).sum();
        Record::of(
            section,
            &format!("{}: frames explained", case.name),
            "/s",
            &rates,
        )?
        // All of them, but for one in a hundred that came just then.
        .aiming(is_default.then_some(Aim::AtLeast(0.99 * f64::from(rate))))
        .with(format!(
            "{:.1} explanations /s",
            a_second(explanations as usize, frames_in)
        ))
        .keep()?;
    }
    let cpu: Vec<f64> = seen.iter().map(|seen| seen.cpu).collect();
    let detected = sum(|seen| seen.detected);
    let times: Vec<f64> = seen.iter().flat_map(|seen| seen.times.clone()).collect();
    let time = Quartiles::of(&times).context("no frame came out")?.median;
    let objects = seen.iter().map(|seen| seen.objects).sum::<f64>() / seen.len() as f64;
    Record::of(section, &format!("{}: processor", case.name), "%", &cpu)?
        .aiming(is_default.then_some(Aim::AtMost(120.0)))
        .with(format!("{frames_out} of {frames_in} frames came out"))
        .with(format!("detected in {detected}"))
        .with(format!("{objects:.1} objects"))
        .with(format!("streaming thread {time:.2} ms"))
        .keep()
}
