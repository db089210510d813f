//! Words that people and other programs see, without what they must not: passwords of cameras and brokers, tokens of the page.
//!
//! In: what is a secret ([`keep_secret`]), and a text. Out: the text without any of them, and without what stands before the `@` of an address.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{PoisonError, RwLock};

use ssdcrp::printable::printable;

use crate::speaker::SPEAKER;

/// Bytes of a line that is said, and of a reason in it.
const LONGEST_LINE: usize = 2000;
const LONGEST_REASON: usize = 1500;
/// Stands where a secret stood.
const HIDDEN: &str = "***";
/// A secret that is shorter is hidden in addresses alone: its letters would be hidden in every other word.
pub const SHORTEST: usize = 4;

static SECRETS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// From now on this is hidden in every text.
pub fn keep_secret(secret: &str) {
    if secret.len() >= SHORTEST {
        let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(secret.to_owned());
    }
}

/// The text without secrets.
pub fn redact(text: &str) -> String {
    let mut hidden = without_users(text);
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    // A long secret first, for a short one may be a part of it.
    let mut longest_first: Vec<&String> = secrets.iter().collect();
    longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in longest_first {
        if hidden.contains(secret.as_str()) {
            hidden = hidden.replace(secret.as_str(), HIDDEN);
        }
    }
    hidden
}

/// The text without secrets in one line of moderate length: others have written parts of it, who could make other lines of it or fill a disk.
pub fn one_line(text: &str) -> String {
    line(text, LONGEST_REASON)
}

fn line(text: &str, most: usize) -> String {
    let mut line = printable(&redact(text)).replace('\n', "\\n");
    if line.len() > most {
        let left_out = line.len() - most;
        line.truncate(line.floor_char_boundary(most));
        line.push_str(&format!("… (about {left_out} bytes more)"));
    }
    line
}

/// Says something to whoever runs the program, on standard error, and waits for nobody.
pub fn say(words: impl Display) {
    SPEAKER.say(format!(
        "monitor: {}",
        line(&words.to_string(), LONGEST_LINE)
    ));
}

/// Hides what stands between `://` and the `@` of the same address.
fn without_users(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, authority) = rest.split_at(start + "://".len());
        hidden.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'');
        let end = authority.find(ends).unwrap_or(authority.len());
        rest = match authority[..end].rfind('@') {
            Some(at) => {
                hidden.push_str(HIDDEN);
                &authority[at..]
            }
            None => authority,
        };
    }
    hidden.push_str(rest);
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_passwords_of_addresses_are_hidden() {
        for (text, shown) in [
            ("rtsp://a:b@gate/1", "rtsp://***@gate/1"),
            (
                "no 'http://u@h:1/x@y' and rtsp://p:q@r@s?t",
                "no 'http://***@h:1/x@y' and rtsp://***@s?t",
            ),
            ("rtsp://gate/a@b", "rtsp://gate/a@b"),
            ("mail a@b", "mail a@b"),
            ("://", "://"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn what_others_wrote_stays_in_its_line() {
        assert_eq!(
            one_line("a\u{1b}[2K\nmonitor: all is well\r"),
            "a\\u{1b}[2K\\nmonitor: all is well\\r"
        );
        let long = one_line(&"ä".repeat(450_000));
        assert!(long.len() < 1600, "{} bytes", long.len());
        assert!(long.ends_with("… (about 898500 bytes more)"), "{long}");
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands() {
        keep_secret("swordfish-of-this-test");
        keep_secret("swordfish-of-this");
        keep_secret("of");
        assert_eq!(
            redact("of 'swordfish-of-this-test', swordfish-of-this!"),
            "of '***', ***!"
        );
    }
}
