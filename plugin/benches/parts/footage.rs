//! Frames of the footage in memory, decoded beforehand.

use anyhow::{Context, Result};
use gst::prelude::*;

use super::video::Video;

#[path = "../../../tests/cache/mod.rs"]
mod cache;

use cache::cached;

/// The first `count` frames, one after the other, as the video has them.
pub fn frames(video: Video, count: usize) -> Result<Vec<gst::Buffer>> {
    let pipeline = gst::parse::launch(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale ! {} ! appsink name=sink sync=false max-buffers=1",
        cached("footage/vtest.avi").display(),
        video.picture()
    ))?;
    let pipeline = pipeline.downcast::<gst::Pipeline>();
    let pipeline = pipeline.ok().context("no pipeline")?;
    let sink = pipeline.by_name("sink");
    let sink = sink.and_then(|sink| sink.downcast::<gst_app::AppSink>().ok());
    let sink = sink.context("no appsink")?;
    pipeline.set_state(gst::State::Playing)?;
    let frame = |_| {
        let sample = sink.pull_sample();
        let sample = sample.context("the footage has no more frames")?;
        // A copy belongs to nobody's pool.
        Ok(sample.buffer().context("no frame")?.copy_deep()?)
    };
    let frames = (0..count).map(frame).collect();
    pipeline.set_state(gst::State::Null)?;
    frames
}
