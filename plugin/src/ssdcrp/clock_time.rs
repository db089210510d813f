//! The engine's times as GStreamer's.

use std::time::Duration;

/// A time as GStreamer has it; the longest that there is where it is longer.
pub fn clock_time(time: Duration) -> gst::ClockTime {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    gst::ClockTime::from_nseconds(nanoseconds.min(gst::ClockTime::MAX.nseconds()))
}
