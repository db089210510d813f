//! How long to wait before the next try: failures and how long frames came before them in, times out that grow up to a limit.

use std::time::{Duration, Instant};

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// What played for so long begins anew with short times.
const STABLE: Duration = Duration::from_secs(30);

/// The frames of one connection.
#[derive(Debug, Default)]
pub struct Played {
    /// When the first and the last came.
    frames: Option<(Instant, Instant)>,
}

/// Counts tries of one thing.
#[derive(Debug)]
pub struct Backoff {
    most: Duration,
    failures: u32,
}

impl Played {
    /// A frame comes `now`. How long after the one before; `None` for the first.
    pub fn came(&mut self, now: Instant) -> Option<Duration> {
        let before = self.frames;
        let first = before.map_or(now, |(first, _)| first);
        self.frames = Some((first, now));
        before.map(|(_, last)| now - last)
    }

    /// Whether a frame has come.
    pub fn has_begun(&self) -> bool {
        self.frames.is_some()
    }

    /// How long frames came: the silence behind the last one is no good work.
    pub fn lasted(&self) -> Duration {
        self.frames
            .map_or(Duration::ZERO, |(first, last)| last - first)
    }
}

impl Backoff {
    /// With `most` between two tries, or a second where that is less: what is away is not asked without a pause.
    pub fn new(most: Duration) -> Self {
        Self {
            most: most.max(FIRST),
            failures: 0,
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It has failed, after it had worked for a time: how long to wait.
    pub fn failed(&mut self, worked: Duration) -> Duration {
        if worked >= STABLE {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = 2_u32.saturating_pow(self.failures - 1);
        FIRST.saturating_mul(doubled).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_and_a_long_silence_are_no_good_work() {
        let begin = Instant::now();
        let mut played = Played::default();
        assert!(!played.has_begun() && played.lasted().is_zero());
        assert_eq!(played.came(begin), None);
        assert!(played.has_begun() && played.lasted().is_zero());
        let pause = Duration::from_secs(40);
        assert_eq!(played.came(begin + pause), Some(pause));
        assert_eq!(played.lasted(), pause);
    }

    #[test]
    fn times_double_up_to_the_limit_and_begin_anew_after_a_good_while() {
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let mut after = |worked| backoff.failed(Duration::from_secs(worked)).as_secs();
        assert_eq!([0, 0, 29, 5, 0, 0].map(&mut after), [1, 2, 4, 8, 10, 10]);
        assert_eq!([30, 0].map(&mut after), [1, 2]);
        for _ in 0..100 {
            assert!(backoff.failed(Duration::ZERO) <= Duration::from_secs(10));
        }
    }
}
