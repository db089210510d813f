//! What the element has done since it started, as the property `stats`.
//!
//! In: counts of frames, and of what the engine did. Out: a structure; the element's page documents its fields.

use std::time::Duration;

use ::ssdcrp::stream::StreamStats;

use super::clock_time::clock_time;
use super::streaming::Passed;

/// The property's name.
pub const PROPERTY: &str = "stats";

/// What came of the frames so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameCounts {
    seen: u64,
    skipped: u64,
    damaged: u64,
    failed: u64,
    /// Of the last frame: how old what it shows is.
    age: Option<Duration>,
}

impl FrameCounts {
    /// One frame more.
    pub fn count(&mut self, passed: &Passed) {
        self.seen += 1;
        self.skipped += u64::from(!passed.looked_at);
        self.age = passed.age;
    }

    /// One more that could not be read or written.
    pub fn count_damaged(&mut self) {
        self.seen += 1;
        self.skipped += 1;
        self.damaged += 1;
        self.age = None;
    }

    /// One more that has no result because the engine failed.
    pub fn count_failed(&mut self) {
        self.seen += 1;
        self.failed += 1;
        self.age = None;
    }
}

/// All of it.
pub fn structure(frames: FrameCounts, stream: StreamStats) -> gst::Structure {
    let mut structure = gst::Structure::builder("application/x-ssdcrp-stats")
        .field("frames", frames.seen)
        .field("frames-skipped", frames.skipped)
        .field("frames-damaged", frames.damaged)
        .field("frames-failed", frames.failed)
        .field("frames-detected", stream.detected)
        .field("explanations", stream.explained)
        .field("explanation-time", clock_time(stream.explaining))
        .field("last-explanation-time", clock_time(stream.last_explanation))
        .field("checks", stream.checked)
        .field("events", stream.events)
        .field("evidence-kept", stream.evidence_kept)
        .field("evidence-left-out", stream.evidence_left_out)
        .build();
    if let Some(age) = frames.age {
        structure.set("age", clock_time(age));
    }
    structure
}
