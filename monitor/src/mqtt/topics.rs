//! Names of topics: a camera's name or an event in, where its messages go out.

use crate::message::EventHead;

/// The topics of one monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    base: String,
}

impl Topics {
    /// All of them begin with `base`.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
        }
    }

    /// Whether the monitor is there.
    pub fn monitor(&self) -> String {
        format!("{}/monitor", self.base)
    }

    pub fn state(&self, camera: &str) -> String {
        format!("{}/camera/{camera}/state", self.base)
    }

    pub fn events(&self, camera: &str) -> String {
        format!("{}/camera/{camera}/event", self.base)
    }

    pub fn answers(&self, camera: &str) -> String {
        format!("{}/camera/{camera}/answer", self.base)
    }

    pub fn detections(&self, camera: &str) -> String {
        format!("{}/camera/{camera}/detections", self.base)
    }

    /// Answers to an event of Frigate's, of a camera of Frigate's.
    fn frigate(&self, camera: &str, event: &str) -> String {
        format!("{}/frigate/{camera}/{event}", self.base)
    }

    /// Where an event goes, with its answer or without. `None` where the text is no event.
    pub fn of_event(&self, event: &str) -> Option<String> {
        let head = EventHead::read(event)?;
        Some(match (&head.frigate_event, head.is_answer()) {
            (Some(event), _) => self.frigate(&head.camera, event),
            (None, true) => self.answers(&head.camera),
            (None, false) => self.events(&head.camera),
        })
    }

    /// A camera's name and the first part of its topics in one word of letters, digits, `-` and `_`. Different cameras and different topics never give the same word.
    pub fn word(&self, camera: &str) -> String {
        let mut word = String::new();
        for letter in self.base.chars() {
            match letter {
                '_' => word += "__",
                '/' => word += "_s",
                '.' => word += "_d",
                plain => word.push(plain),
            }
        }
        word + "_c_" + camera
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_to_their_cameras() {
        let topics = Topics::new("site/ssdcrp");
        let of = |event: &str| topics.of_event(event);
        assert_eq!(
            of(r#"{"camera":"gate","id":"1"}"#).unwrap(),
            "site/ssdcrp/camera/gate/event"
        );
        assert_eq!(
            of(r#"{"camera":"gate","id":"1","answer":"a dog"}"#).unwrap(),
            "site/ssdcrp/camera/gate/answer"
        );
        assert_eq!(
            of(r#"{"frigate_event":"16.4-x","camera":"door","words":"a dog"}"#).unwrap(),
            "site/ssdcrp/frigate/door/16.4-x"
        );
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn no_two_cameras_have_one_word() {
        let word = |base: &str, camera: &str| Topics::new(base).word(camera);
        assert_eq!(word("ssdcrp", "gate"), "ssdcrp_c_gate");
        let words = [
            word("site/a", "gate"),
            word("site_a", "gate"),
            word("site.a", "gate"),
            word("home", "gate_1"),
            word("home_gate", "1"),
            word("home_c", "1"),
            word("home", "c_1"),
        ];
        let different: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(different.len(), words.len(), "{words:?}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(
            words.iter().all(|word| word.chars().all(is_plain)),
            "{words:?}"
        );
    }
}
