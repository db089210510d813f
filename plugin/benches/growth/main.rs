//! What the element costs as frames and what is in them grow: `cargo bench -p gst-plugin-ssdcrp --bench growth`.
//!
//! In a real pipeline, live, at 25 frames a second: the time of a frame on the thread that carries the video, how many frames a second are explained, and what a frame that is looked at takes of the
//! processor, against the number of pixels and against that of objects in a frame. All rows of either take turns. `ROUNDS` (default 2) says how often, `DURATION` (default 4) for how many seconds each is watched.

#[path = "../parts/camera.rs"]
mod camera;
#[path = "../parts/footage.rs"]
mod footage;
#[path = "../parts/pace.rs"]
mod pace;
#[path = "../parts/pipeline.rs"]
mod pipeline;
#[path = "../parts/video.rs"]
mod video;

use std::time::Duration;

use anyhow::{Context, Result};
use bench_report::{Quartiles, Record, exponent, setting};

use camera::{Seen, watch};
use footage::frames;
use pace::play;
use pipeline::Running;
use video::Video;

const SIZES: [(u32, u32); 6] = [
    (320, 240),
    (640, 480),
    (768, 576),
    (1280, 720),
    (1920, 1080),
    (3840, 2160),
];
/// The lower the score, the more is taken for an object: in the footage from some six to as many as the model gives.
const SCORES: [&str; 5] = ["0.5", "0.25", "0.15", "0.1", "0.05"];
/// Distinct frames that come over and over.
const FRAMES: usize = 20;
const WARMING: Duration = Duration::from_millis(1500);

/// What was seen of one amount of work in all rounds.
struct Row {
    name: String,
    line: String,
    video: Video,
    frames: Vec<gst::Buffer>,
    seen: Vec<Seen>,
}

fn main() -> Result<()> {
    gst::init()?;
    gstssdcrp::register_static()?;
    let mut sizes = Vec::new();
    for (width, height) in SIZES {
        let video = Video {
            width,
            height,
            ..Video::USUAL
        };
        sizes.push(Row {
            name: format!("{width}x{height}"),
            line: "ssdcrp".to_owned(),
            video,
            frames: frames(video, FRAMES)?,
            seen: vec![],
        });
    }
    let mut scores = Vec::new();
    for score in SCORES {
        scores.push(Row {
            name: format!("score {score}"),
            line: format!("ssdcrp iou-threshold=0.9 score-threshold={score}"),
            video: Video::USUAL,
            frames: frames(Video::USUAL, FRAMES)?,
            seen: vec![],
        });
    }
    take_turns(&mut sizes)?;
    report("Growth: frames", "pixels", &sizes, |row| {
        f64::from(row.video.width) * f64::from(row.video.height)
    })?;
    drop(sizes);
    take_turns(&mut scores)?;
    report("Growth: objects in a frame", "objects", &scores, objects)
}

fn take_turns(rows: &mut [Row]) -> Result<()> {
    let rounds = setting("ROUNDS", 2)?;
    let length = Duration::from_secs(setting("DURATION", 4)?);
    for _ in 0..rounds {
        for row in &mut *rows {
            let mut running = Running::start(&row.line, row.video)?;
            play(&mut running, &row.frames, WARMING)?;
            row.seen.push(watch(&mut running, &row.frames, length)?);
        }
    }
    Ok(())
}

/// Objects in a frame, in the mean.
fn objects(row: &Row) -> f64 {
    row.seen.iter().map(|seen| seen.objects).sum::<f64>() / row.seen.len() as f64
}

/// `amount` gives a row's amount of work.
fn report(section: &str, work: &str, rows: &[Row], amount: fn(&Row) -> f64) -> Result<()> {
    println!("{section}");
    let (mut times, mut costs) = (Vec::new(), Vec::new());
    for row in rows {
        let (name, amount) = (&row.name, amount(row));
        let all: Vec<f64> = row
            .seen
            .iter()
            .flat_map(|seen| seen.times.clone())
            .collect();
        let time = Record::of(section, &format!("{name}: streaming thread"), "ms", &all)?;
        let rate = f64::from(row.video.rate);
        let rates: Vec<f64> = (row.seen.iter())
            .map(|seen| rate * seen.explained as f64 / seen.frames_in as f64)
            .collect();
        // What a frame costs that is looked at: where the cores are busy others are left out.
        let cost =
            |seen: &Seen| 10.0 * seen.cpu * (seen.frames_in as f64 / rate) / seen.detected as f64;
        let cost: Vec<f64> = row.seen.iter().map(cost).collect();
        let cost = Quartiles::of(&cost)
            .context("no frame was looked at")?
            .median;
        let explanations: u64 = row.seen.iter().map(|seen| seen.explanations).sum();
        let (frames_in, frames_out) = row.seen.iter().fold((0, 0), |(all, out), seen| {
            (all + seen.frames_in, out + seen.frames_out)
        });
        let detected: usize = row.seen.iter().map(|seen| seen.detected).sum();
        times.push((amount, time.quartiles.median));
        costs.push((amount, cost));
        time.with(format!("{:.1} objects", objects(row)))
            .with(format!("{frames_out} of {frames_in} frames came out"))
            .keep()?;
        Record::of(section, &format!("{name}: frames explained"), "/s", &rates)?
            .with(format!("processor {cost:.0} ms a frame looked at"))
            .with(format!("detected in {detected} of {frames_in}"))
            .with(format!("{explanations} explanations"))
            .keep()?;
    }
    for (name, points) in [
        ("time on the streaming thread", times),
        ("processor a frame", costs),
    ] {
        if let Some(exponent) = exponent(&points) {
            let name = format!("{name} against {work}, fitted");
            Record::of(section, &name, "exponent", &[exponent])?.keep()?;
        }
    }
    Ok(())
}
