//! What keeps a camera's frames from being looked at while they come, as a network that fails does: words and times in, and whether they are news and whether it is over out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A fault that comes and goes within so long is one.
const CALM: Duration = Duration::from_secs(10);
/// Kinds of reasons that are told while a fault lasts.
const KINDS: usize = 8;

/// Why frames cannot be looked at.
#[derive(Debug)]
pub struct Trouble {
    pub words: String,
    last: Instant,
    /// How many frames had been looked at.
    detected: u64,
    /// What was told of it, without its numbers.
    told: BTreeSet<String>,
}

impl Trouble {
    /// Seen at `now`, when so many frames had been looked at.
    pub fn new(words: String, now: Instant, detected: u64) -> Self {
        Self {
            last: now,
            detected,
            told: BTreeSet::from([kind(&words)]),
            words,
        }
    }

    /// It is seen again, for this reason. Says whether that is news: reasons that come in turn, or whose numbers change, are told once each.
    pub fn is_seen(&mut self, words: String, now: Instant, detected: u64) -> bool {
        (self.last, self.detected) = (now, detected);
        let is_news = self.told.len() < KINDS && self.told.insert(kind(&words));
        if is_news {
            self.words = words;
        }
        is_news
    }

    /// Whether frames have been looked at since, and for some time none failed.
    pub fn is_over(&self, now: Instant, detected: u64) -> bool {
        detected > self.detected && now - self.last >= CALM
    }
}

/// Words without numbers.
fn kind(words: &str) -> String {
    words.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_reason_is_told_once() {
        let now = Instant::now();
        let mut trouble = Trouble::new("123 MB are left".to_owned(), now, 7);
        let mut is_news = |words: &str| trouble.is_seen(words.to_owned(), now, 7);
        assert!(!is_news("122 MB are left"), "another number");
        assert!(is_news("the device is lost"));
        assert!(!is_news("121 MB are left") && !is_news("the device is lost"));
        let others = (b'a'..=b'z').filter(|&letter| is_news(&char::from(letter).to_string()));
        assert_eq!(others.count(), KINDS - 2);
    }

    #[test]
    fn trouble_lasts_until_frames_are_looked_at_again() {
        let begin = Instant::now();
        let trouble = Trouble::new("no memory".to_owned(), begin, 7);
        assert!(!trouble.is_over(begin + CALM, 7), "nothing was looked at");
        assert!(!trouble.is_over(begin + CALM / 2, 9), "it may come again");
        assert!(trouble.is_over(begin + CALM, 8));
    }
}
