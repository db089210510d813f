//! What the monitor tells other programs, as JSON. `docs/schema` says what their readers may rely on: `event.json`, `camera.json`, `detections.json` and `monitor.json`.

use std::sync::atomic::{AtomicU64, Ordering};

use gst::glib;
use serde::{Deserialize, Serialize};

use ssdcrp::check::Check;
use ssdcrp::detect::Labels;
use ssdcrp::stream::{Observation, ObservedEvent};

use crate::clock::since_1970;

/// Counts changes of the messages that their readers must know of.
pub const SCHEMA: u32 = 1;

/// The last start of a camera, as [`new_run`] counts.
static LAST_RUN: AtomicU64 = AtomicU64::new(0);

/// An event: told when it is raised, and again when its question is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventMessage {
    pub schema: u32,
    /// Of this event alone, and the same with and without its answer.
    pub id: String,
    pub camera: String,
    /// The camera's place in the configuration or on the command line, from 1 on.
    pub stream: usize,
    /// Counts the camera's events since it was started.
    pub number: u64,
    /// When it was raised, by the clock: RFC 3339, UTC.
    pub recorded: String,
    /// Seconds since the camera was started, as its streams count them.
    pub time: f64,
    pub kind: String,
    /// "sheep, or horse?"
    pub words: String,
    /// 0..=1.
    pub severity: f32,
    pub object: u64,
    pub label: String,
    pub score: f32,
    /// x0, y0, x1, y1 in shares of the picture.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// What was explained, once it was: "sheep rather than horse".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What that is worth, once it was looked at.
    #[serde(flatten)]
    pub worth: Option<Worth>,
}

/// What of an event's message says which one it is, and where it goes.
#[derive(Debug, PartialEq, Deserialize)]
pub struct EventHead {
    /// `None` of an answer to an event of Frigate's.
    id: Option<String>,
    pub camera: String,
    answer: Option<String>,
    /// Which of Frigate's events it answers.
    pub frigate_event: Option<String>,
}

/// What an explanation is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Worth {
    /// By how much the asked quantity falls without the reddest part.
    pub effect: f64,
    /// The same on average without as much elsewhere.
    pub effect_of_chance: f64,
    /// Whether it did better than chance.
    pub checked: bool,
}

/// Whether a camera's pictures come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateMessage {
    pub schema: u32,
    pub camera: String,
    /// What matters of the state to most: "online", "offline", or "failed" where it is not tried again.
    pub availability: &'static str,
    pub state: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when: RFC 3339, UTC.
    pub since: String,
}

/// What is seen in a frame of a camera.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionsMessage {
    pub schema: u32,
    pub camera: String,
    /// When it was seen, by the clock: RFC 3339, UTC.
    pub recorded: String,
    /// Seconds since the camera was started, as its streams count them.
    pub time: f64,
    /// Best first.
    pub detections: Vec<DetectionMessage>,
}

/// An object in a frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionMessage {
    /// The same for as long as it is followed.
    pub object: u64,
    pub label: String,
    pub score: f32,
    /// x0, y0, x1, y1 in shares of the picture.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
}

/// Whether the monitor itself is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonitorMessage {
    pub schema: u32,
    pub state: &'static str,
    pub version: &'static str,
}

impl DetectionsMessage {
    pub fn new(camera: &str, observation: &Observation, labels: &Labels) -> Self {
        let detections = observation.tracked.iter().map(|tracked| {
            let detection = &tracked.detection;
            DetectionMessage {
                object: tracked.object,
                label: labels.name(detection.class).into_owned(),
                score: detection.score,
                rect: detection.rect.clipped().edges(),
            }
        });
        let time = observation.frame.time.running_time;
        Self {
            schema: SCHEMA,
            camera: camera.to_owned(),
            recorded: now(),
            time: time.unwrap_or_default().as_secs_f64(),
            detections: detections.collect(),
        }
    }
}

impl MonitorMessage {
    pub fn new(is_online: bool) -> Self {
        Self {
            schema: SCHEMA,
            state: match is_online {
                true => "online",
                false => "offline",
            },
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl Worth {
    pub fn of(check: &Check) -> Self {
        Self {
            effect: check.effect(),
            effect_of_chance: check.effect_of_chance(),
            checked: check.passed(),
        }
    }
}

impl EventMessage {
    /// Of an event of the camera with this name and place, counted from 1 on, and of its start `run`.
    pub fn new(
        (run, camera): (&str, &str),
        stream: usize,
        observed: &ObservedEvent,
        labels: &Labels,
    ) -> Self {
        let event = &observed.event;
        let detection = &event.detection;
        Self {
            schema: SCHEMA,
            id: event_id(run, camera, observed.number),
            camera: camera.to_owned(),
            stream,
            number: observed.number,
            recorded: now(),
            time: event.time.as_secs_f64(),
            kind: event.finding.kind().to_string(),
            words: event.words(labels),
            severity: event.severity,
            object: event.object,
            label: labels.name(detection.class).into_owned(),
            score: detection.score,
            rect: detection.rect.clipped().edges(),
            answer: None,
            worth: None,
        }
    }
}

impl EventHead {
    /// Of a message; `None` where the text is no event.
    pub fn read(event: &str) -> Option<Self> {
        let head: Self = serde_json::from_str(event).ok()?;
        (head.id.is_some() || head.frigate_event.is_some()).then_some(head)
    }

    /// Whether it is told again, with its answer.
    pub fn is_answer(&self) -> bool {
        self.answer.is_some()
    }

    /// Names the message: of the event without and with its answer two. `None` where it has no number of ours.
    pub fn message_id(self) -> Option<String> {
        let is_answer = self.is_answer();
        let id = self.id?;
        Some(match is_answer {
            true => format!("{id}-answer"),
            false => id,
        })
    }
}

/// Names the event of a camera with this number since its start `run`: no other one has the same.
pub fn event_id(run: &str, camera: &str, number: u64) -> String {
    format!("{run}-{camera}-{number}")
}

/// Tells the starts of cameras apart, by all runs of this program: microseconds since 1970, in base 16. No two are the same.
pub fn new_run() -> String {
    let now = since_1970().as_micros() as u64;
    let next = |last: u64| Some(now.max(last + 1));
    let last = LAST_RUN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    let run = now.max(last.unwrap_or_default() + 1);
    format!("{run:x}")
}

/// A message as it is sent. What is made of numbers and texts can always be written.
pub fn json(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

/// The time on the clock: RFC 3339, UTC.
pub fn now() -> String {
    let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
    now.map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_starts_are_called_the_same() {
        let mut runs: Vec<String> = (0..100).map(|_| new_run()).collect();
        runs.dedup();
        assert_eq!(runs.len(), 100);
    }

    #[test]
    fn an_event_and_its_answer_are_two_messages() {
        let id = |event: &str| EventHead::read(event).and_then(EventHead::message_id);
        let event = r#"{"id":"a-1","camera":"gate"}"#;
        assert_eq!(id(event).unwrap(), "a-1");
        let answered = r#"{"id":"a-1","camera":"gate","answer":"a dog"}"#;
        assert_eq!(id(answered).unwrap(), "a-1-answer");
        for text in ["[]", r#"{"id":"a-1"}"#, r#"{"camera":"gate"}"#] {
            assert_eq!(id(text), None);
        }
    }
}
