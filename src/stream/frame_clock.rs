//! What time it is in a stream, also where its frames do not say.
//!
//! In: one frame's time after the other. Out: a time for whatever waits or looks back: how long something has lasted, when the next check is due.

use std::time::{Duration, Instant};

use super::frame::FrameTime;

/// By so much a frame with a running time may come behind what was estimated for frames without: the clock waits for it, and does not go back.
const BEHIND: Duration = Duration::from_secs(1);

/// The clock of one stream.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    /// The running time of the last frame that had one.
    timed: Option<Duration>,
    /// The time of the last frame, and when it came.
    last: Option<(Duration, Instant)>,
}

impl FrameClock {
    /// The time of a frame that came at `came`: its running time. Where it has none, the clock goes on from the last frame as time does, from 0 on at the first.
    pub fn at(&mut self, frame: FrameTime, came: Instant) -> Duration {
        let (last, last_came) = self.last.unwrap_or((Duration::ZERO, came));
        let now = match frame.running_time {
            None => last + came.saturating_duration_since(last_came),
            Some(time) => {
                let goes_on = self.timed.is_some_and(|before| before <= time);
                self.timed = Some(time);
                let is_just_behind = goes_on && time < last && last - time <= BEHIND;
                if is_just_behind { last } else { time }
            }
        };
        self.last = Some((now, came));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The clock's times, in ms, of frames with or without a running time that come at these times.
    fn times(frames: &[(Option<u64>, u64)]) -> Vec<u128> {
        let start = Instant::now();
        let mut clock = FrameClock::default();
        let at = |&(running_time, came): &(Option<u64>, u64)| {
            let frame = FrameTime {
                timestamp: None,
                running_time: running_time.map(ms),
            };
            clock.at(frame, start + ms(came)).as_millis()
        };
        frames.iter().map(at).collect()
    }

    #[test]
    fn frames_with_a_running_time_are_believed() {
        let frames = [(Some(70), 0), (Some(110), 500), (Some(30), 501)];
        assert_eq!(times(&frames), [70, 110, 30], "it may go back");
    }

    #[test]
    fn it_goes_on_without_running_times() {
        let frames = [(None, 5), (None, 45), (None, 905)];
        assert_eq!(times(&frames), [0, 40, 900]);
        let first_alone = [(Some(70), 5), (None, 45), (None, 905)];
        assert_eq!(times(&first_alone), [70, 110, 970]);
    }

    #[test]
    fn frames_that_come_a_little_late_do_not_turn_it_back() {
        let mixed = [(Some(0), 0), (None, 45), (Some(40), 46), (Some(80), 80)];
        assert_eq!(times(&mixed), [0, 45, 45, 80]);
        let far_behind = [(Some(0), 0), (None, 5_000), (Some(40), 5_001)];
        assert_eq!(times(&far_behind), [0, 5_000, 40]);
    }
}
