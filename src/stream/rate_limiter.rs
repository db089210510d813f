//! When it is time for the next detection or explanation, by running time.

use std::time::Duration;

/// Keeps an interval between frames that are worked on.
#[derive(Clone, Debug)]
pub struct RateLimiter<K> {
    /// The last frame that was, and what it was worked on for.
    last: Option<(Duration, K)>,
}

impl<K> Default for RateLimiter<K> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<K: PartialEq> RateLimiter<K> {
    /// Whether a frame at `now` is due: nothing was before, `interval` has passed since, something else than `what` was
    /// asked then, or time went back. A frame without a time always is.
    pub fn is_due(&self, now: Option<Duration>, interval: Duration, what: &K) -> bool {
        let (Some((last, done)), Some(now)) = (&self.last, now) else {
            return true;
        };
        done != what || now < *last || now - *last >= interval
    }

    /// The frame at `now` is worked on for `what`.
    pub fn begin(&mut self, now: Option<Duration>, what: K) {
        self.last = now.map(|now| (now, what));
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn frames_are_due_at_the_interval() {
        let mut limiter = RateLimiter::default();
        let mut worked = Vec::new();
        for now in (0..1000).step_by(40) {
            if limiter.is_due(Some(ms(now)), ms(100), &"class") {
                limiter.begin(Some(ms(now)), "class");
                worked.push(now);
            }
        }
        assert_eq!(worked, [0, 120, 240, 360, 480, 600, 720, 840, 960]);
        assert!(
            limiter.is_due(Some(ms(961)), ms(100), &"offset"),
            "another question"
        );
        assert!(
            limiter.is_due(Some(ms(3)), ms(100), &"class"),
            "time went back"
        );
        assert!(limiter.is_due(None, ms(100), &"class"));
        assert!(
            limiter.is_due(Some(ms(960)), ms(0), &"class"),
            "every frame"
        );
        limiter.reset();
        assert!(limiter.is_due(Some(ms(961)), ms(100), &"class"));
    }
}
