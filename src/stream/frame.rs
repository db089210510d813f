//! What is known of a frame besides its pixels: when it is shown, how large it is, and which run of the stream it belongs to.

use std::time::Duration;

use crate::geometry::Size;

/// When a frame is shown. Either may be missing: a stream need not have times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTime {
    /// The frame's own timestamp (GStreamer's PTS).
    pub timestamp: Option<Duration>,
    /// The time since the stream began to play, which stands still while it is paused and goes on across seeks (GStreamer's running time).
    pub running_time: Option<Duration>,
}

impl FrameTime {
    /// How much earlier this is than `now`, by running time; `None` where either has none.
    pub fn age(self, now: Self) -> Option<Duration> {
        let (then, now) = self.running_time.zip(now.running_time)?;
        Some(now.saturating_sub(then))
    }
}

/// A frame without its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameInfo {
    /// When it is shown.
    pub time: FrameTime,
    /// Its size.
    pub size: Size,
    /// How much wider than high a pixel is when it is displayed; 1 for square ones.
    pub pixel_aspect: f64,
    /// Counts the flushes of the stream: what was found before one says nothing about frames after it.
    pub epoch: u64,
}

impl FrameInfo {
    /// Whether what is drawn for this frame can be drawn over `other`.
    pub fn fits(&self, other: &Self) -> bool {
        (self.size, self.epoch) == (other.size, other.epoch)
    }
}
