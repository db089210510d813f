//! How many times slower a recording is in which every frame is explained than one in which objects are detected alone.

use anyhow::{Context, Result, bail};
use bench_report::{Aim, Record, setting};
use gst::prelude::*;

use super::pipeline::Running;
use super::video::Video;

/// Longer than any recording takes.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(600);

/// The first frame's explanation is then the only one; what is measured begins after it.
const ALONE: &str = "explain-interval=3600000000000";

/// All take turns on the same frames.
const CASES: [(&str, &str); 3] = [
    ("detection alone", ALONE),
    ("every-frame", ""),
    ("every-frame, composite=crp", "composite=crp"),
];

/// Measures and reports.
pub fn measure(frames: &[gst::Buffer], video: Video) -> Result<()> {
    let rounds = setting("ROUNDS", 3)?;
    let frames = &frames[..frames.len().min(setting("FRAMES", 100)?)];
    let mut rates = CASES.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, properties), rates) in CASES.iter().zip(&mut rates) {
            let line = format!("ssdcrp mode=every-frame {properties}");
            rates.push(record(Running::start(&line, video)?, frames)?);
        }
    }
    let section = format!(
        "Recording every frame, {}x{}, no encoder",
        video.width, video.height
    );
    println!("{section}");
    let [alone, explained @ ..] = &rates;
    for (index, ((name, _), rates)) in CASES.iter().skip(1).zip(explained).enumerate() {
        let ratios: Vec<f64> = alone.iter().zip(rates).map(|(a, b)| a / b).collect();
        Record::of(
            &section,
            &format!("{name}, time of detection alone"),
            "x",
            &ratios,
        )?
        .aiming((index == 0).then_some(Aim::AtMost(1.8)))
        .keep()?;
    }
    for ((name, _), rates) in CASES.iter().zip(&rates) {
        Record::of(&section, name, "frames/s", rates)?.keep()?;
    }
    Ok(())
}

/// Pushes all frames as fast as they are taken. Returns frames a second between the first that comes out and the last.
fn record(mut running: Running, frames: &[gst::Buffer]) -> Result<f64> {
    for frame in frames {
        running.push(frame.copy_deep()?)?;
    }
    running.source.end_of_stream()?;
    let bus = running.pipeline.bus().context("no bus")?;
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(PATIENCE, &kinds);
    if let gst::MessageView::Error(error) = end.context("the stream does not end")?.view() {
        bail!("{}", error.error());
    }
    let passed = running.passed.lock().ok().context("a probe panicked")?;
    let ends = passed.out.first().zip(passed.out.last());
    let (first, last) = ends.context("no frame came out")?;
    Ok((passed.out.len() - 1) as f64 / (last.0 - first.0).as_secs_f64())
}
