//! Frames at the pace of a camera.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::pipeline::Running;

/// Pushes copies of frames for some time, each when it is due.
pub fn play(running: &mut Running, frames: &[gst::Buffer], length: Duration) -> Result<()> {
    let interval = Duration::from(running.video.interval());
    let (started, mut due) = (Instant::now(), Duration::ZERO);
    while due < length {
        sleep(due.saturating_sub(started.elapsed()));
        let frame = &frames[running.pushed as usize % frames.len()];
        running.push(frame.copy_deep()?)?;
        due += interval;
    }
    Ok(())
}
