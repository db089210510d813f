//! What the live element keeps in memory, with events and evidence on: `make bench-memory`.
//!
//! The whole footage comes at 25 frames a second, over and over, from a file that another process has decoded it into, so that the process that is measured has nothing but the element. After each of
//! `MINUTES` (default 1) of them: what is resident, and what of the heap is in use; the difference is kept by the allocator.

#[path = "../../tests/cache/mod.rs"]
mod cache;
#[path = "parts/pipeline.rs"]
mod pipeline;
#[path = "parts/video.rs"]
mod video;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench_report::{Aim, Record, resident, setting};
use gst::prelude::*;

use cache::cached;
use pipeline::Running;
use video::Video;

const SECTION: &str = "Memory, live, events and evidence on";
/// What is aimed at, in MB.
const MOST: f64 = 250.0;

fn main() -> Result<()> {
    let minutes: String = setting("MINUTES", "1".to_owned())?;
    let minutes = minutes.split(',').map(|text| {
        let minutes = text.trim().parse::<f64>().ok();
        let length = minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        length.with_context(|| format!("MINUTES: '{text}' is no number of minutes"))
    });
    let ends: Vec<Duration> = minutes.collect::<Result<_>>()?;
    gst::init()?;
    gstssdcrp::register_static()?;
    let folder = tempfile::tempdir()?;
    let video = Video::USUAL;
    let raw = folder.path().join("footage.raw");
    decode(video, &raw)?;
    let mut raw = File::open(&raw)?;
    let evidence = folder.path().join("evidence");
    let line = format!("ssdcrp events=all events-location={}", evidence.display());
    let mut running = Running::start(&line, video)?;
    let bus = running.pipeline.bus().context("no bus")?;
    let started = Instant::now();
    println!("{SECTION}");
    for end in ends {
        while started.elapsed() < end {
            let due = Duration::from(video.interval()) * running.pushed as u32;
            sleep(due.saturating_sub(started.elapsed()));
            running.push(next(&mut raw, video)?)?;
            // As a host does; else what the element says would stay in memory.
            for message in bus.iter() {
                if let gst::MessageView::Error(error) = message.view() {
                    bail!("{}", error.error());
                }
            }
        }
        let in_use = in_use();
        let frames_out = running.passed.lock().map_or(0, |passed| passed.out.len());
        let stats = running.element.property::<gst::Structure>("stats");
        let (events, kept) = (
            stats.get::<u64>("events")?,
            stats.get::<u64>("evidence-kept")?,
        );
        let minutes = format!("after {} min", end.as_secs_f64() / 60.0);
        Record::of(SECTION, &minutes, "MB", &[resident()?])?
            .aiming(Aim::AtMost(MOST))
            .with(format!("{in_use:.0} MB of the heap in use"))
            .with(format!(
                "{frames_out} of {} frames came out",
                running.pushed
            ))
            .with(format!("{events} events, evidence of {kept}"))
            .keep()?;
    }
    Ok(())
}

/// Writes all frames of the footage into a file, one behind the other, by another process.
fn decode(video: Video, raw: &Path) -> Result<()> {
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! {} ! filesink location={}",
        cached("footage/vtest.avi").display(),
        video.picture(),
        raw.display()
    );
    let status = Command::new("gst-launch-1.0")
        .arg("--quiet")
        .args(line.split_whitespace())
        .status()?;
    ensure!(status.success(), "gst-launch-1.0 cannot decode the footage");
    Ok(())
}

/// The next frame of the file, which begins again at its end.
fn next(raw: &mut File, video: Video) -> Result<gst::Buffer> {
    let caps = video.caps()?;
    let info = gst_video::VideoInfo::from_caps(&caps)?;
    let mut frame = vec![0; info.size()];
    if raw.read_exact(&mut frame).is_err() {
        raw.rewind()?;
        raw.read_exact(&mut frame)
            .context("the footage has no frame")?;
    }
    Ok(gst::Buffer::from_mut_slice(frame))
}

/// What was asked of the allocator and not given back, in MB, all arenas and mapped blocks together.
fn in_use() -> f64 {
    #[expect(
        unsafe_code,
        reason = "glibc's own count of its heap, which nothing safe gives"
    )]
    // SAFETY: it takes nothing, and returns numbers.
    let counted = unsafe { libc::mallinfo2() };
    (counted.uordblks + counted.hblkhd) as f64 / f64::from(1 << 20)
}
