//! What keeps a camera's frames from being looked at while they come, as a network that fails does: words and times in, and whether it is over out.

use std::time::{Duration, Instant};

/// A fault that comes and goes within so long is one.
const CALM: Duration = Duration::from_secs(10);

/// Why frames cannot be looked at.
#[derive(Debug)]
pub struct Trouble {
    pub words: String,
    last: Instant,
    /// How many frames had been looked at.
    detected: u64,
}

impl Trouble {
    /// Seen at `now`, when so many frames had been looked at.
    pub fn new(words: String, now: Instant, detected: u64) -> Self {
        Self {
            words,
            last: now,
            detected,
        }
    }

    /// Whether frames have been looked at since, and for some time none failed.
    pub fn is_over(&self, now: Instant, detected: u64) -> bool {
        detected > self.detected && now - self.last >= CALM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_lasts_until_frames_are_looked_at_again() {
        let begin = Instant::now();
        let trouble = Trouble::new("no memory".to_owned(), begin, 7);
        assert!(!trouble.is_over(begin + CALM, 7), "nothing was looked at");
        assert!(!trouble.is_over(begin + CALM / 2, 9), "it may come again");
        assert!(trouble.is_over(begin + CALM, 8));
    }
}
