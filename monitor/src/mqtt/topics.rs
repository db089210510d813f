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

    /// The same as one word, of letters, digits, `-` and `_`.
    pub fn word(&self) -> String {
        let plain = |c: char| match c.is_ascii_alphanumeric() || c == '-' {
            true => c,
            false => '_',
        };
        self.base.chars().map(plain).collect()
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
        assert_eq!(topics.word(), "site_ssdcrp");
    }
}
