//! How long to wait before the next try: failures in, times out that grow up to a limit.

use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(1);
/// What played for so long begins anew with short times.
const STABLE: Duration = Duration::from_secs(30);

/// Counts tries of one thing.
#[derive(Debug)]
pub struct Backoff {
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// With `most` between two tries.
    pub fn new(most: Duration) -> Self {
        Self { most, failures: 0 }
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
