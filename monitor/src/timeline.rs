//! One time for all connections of a camera: what frames say of their time in, and out a time that goes on from connection to connection as the clock does.
//!
//! Intervals, confirmations and limits by the minute are counted in it, so it passes for frames that say nothing, and does not begin anew where a camera flaps.

use std::time::{Duration, Instant};

/// The time of a camera, 0 when it was started.
#[derive(Debug)]
pub struct Timeline {
    started: Instant,
    connected: Instant,
    /// The time of the connection's beginning.
    offset: Duration,
    /// The latest time so far.
    latest: Duration,
}

impl Timeline {
    /// From `now` on.
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            connected: now,
            offset: Duration::ZERO,
            latest: Duration::ZERO,
        }
    }

    /// Frames that come after `now` are those of another connection.
    pub fn connect(&mut self, now: Instant) {
        self.connected = now;
        // A file may be read faster than it would be seen.
        self.offset = (now - self.started).max(self.latest);
    }

    /// The time of a frame that came at `now`, and was made so long after its stream began, as far as it says so.
    pub fn time(&mut self, stream: Option<Duration>, now: Instant) -> Duration {
        let time = self.offset + stream.unwrap_or(now - self.connected);
        self.latest = self.latest.max(time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_passes_without_timestamps_and_goes_on_across_connections() {
        let start = Instant::now();
        let mut line = Timeline::new(start);
        line.connect(start + seconds(2));
        let told = line.time(Some(seconds(3)), start + seconds(6));
        assert_eq!(told, seconds(5), "what the stream says counts");
        let silent = [7, 8, 12].map(|now| line.time(None, start + seconds(now)));
        assert_eq!(silent, [7, 8, 12].map(seconds));
        line.connect(start + seconds(40));
        assert_eq!(
            line.time(Some(seconds(0)), start + seconds(41)),
            seconds(40)
        );
        // A file of a hour, read in a second.
        line.time(Some(seconds(3600)), start + seconds(42));
        line.connect(start + seconds(43));
        let next = line.time(Some(seconds(1)), start + seconds(44));
        assert_eq!(next, seconds(3641));
    }
}
