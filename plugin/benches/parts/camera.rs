//! What comes of frames at the pace of a camera.
//!
//! In: frames, over and over. Out: how many came out, in how many something was detected and explained, what they took, and what the process used of the processor.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench_report::cpu_time;
use gst::prelude::*;

use super::pace::play;
use super::pipeline::Running;

/// Between two looks at whether all frames have come out.
const LOOK: Duration = Duration::from_millis(1);
/// For results of the last frames, which live mode does not wait for.
const AFTERWARDS: Duration = Duration::from_millis(400);

/// What was seen of a stream for some time.
pub struct Seen {
    pub frames_in: usize,
    pub frames_out: usize,
    /// In how many objects were looked for, and how many were explained.
    pub detected: usize,
    pub explained: usize,
    /// Explanations: a frame may have several.
    pub explanations: u64,
    /// Objects in a frame, in the mean.
    pub objects: f64,
    /// Milliseconds that frames took through the element, on the thread that carries them.
    pub times: Vec<f64>,
    /// Of one core, in percent.
    pub cpu: f64,
}

/// What the element said of a frame.
#[derive(Default)]
struct Told {
    objects: usize,
    is_explained: bool,
}

/// Plays frames for some time, and tells what was seen of them.
pub fn watch(running: &mut Running, frames: &[gst::Buffer], length: Duration) -> Result<Seen> {
    while (times(running).len() as u64) < running.pushed {
        sleep(LOOK);
        told(running)?;
    }
    told(running)?;
    let begin = (running.pushed * running.video.interval()).nseconds();
    let (in_before, out_before) = (running.pushed, times(running).len());
    let explanations_before = explanations(running)?;
    let (started, cpu) = (Instant::now(), cpu_time()?);
    play(running, frames, length)?;
    let cpu = (cpu_time()? - cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    sleep(AFTERWARDS);
    let told = told(running)?.split_off(&begin);
    let times = times(running).split_off(out_before);
    let objects: usize = told.values().map(|frame| frame.objects).sum();
    Ok(Seen {
        frames_in: (running.pushed - in_before) as usize,
        frames_out: times.len(),
        detected: told.len(),
        explained: told.values().filter(|frame| frame.is_explained).count(),
        explanations: explanations(running)? - explanations_before,
        objects: objects as f64 / told.len() as f64,
        times,
        cpu: 100.0 * cpu,
    })
}

fn times(running: &Running) -> Vec<f64> {
    let passed = running.passed.lock();
    passed.map_or(vec![], |passed| {
        passed.out.iter().map(|out| out.1).collect()
    })
}

fn explanations(running: &Running) -> Result<u64> {
    let stats = running.element.property::<gst::Structure>("stats");
    Ok(stats.get("explanations")?)
}

/// What the element has said of frames since the last call, by their times in nanoseconds. Of a frame that is explained it tells twice.
fn told(running: &Running) -> Result<BTreeMap<u64, Told>> {
    let bus = running.pipeline.bus().context("no bus")?;
    let mut told: BTreeMap<u64, Told> = BTreeMap::new();
    for message in bus.iter() {
        if let gst::MessageView::Error(error) = message.view() {
            bail!("{}", error.error());
        }
        let report = message.structure();
        let Some(report) = report.filter(|report| report.name() == "ssdcrp") else {
            continue;
        };
        let frame = told.entry(report.get("timestamp")?).or_default();
        frame.objects = report.get::<gst::Array>("detections")?.len();
        frame.is_explained |= report.has_field("explanations");
    }
    Ok(told)
}
