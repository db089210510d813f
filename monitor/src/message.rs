//! What the monitor tells other programs, as JSON. `docs/schema/event.json` says of events what their readers may rely on.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use gst::glib;
use serde::Serialize;

use ssdcrp::check::Check;
use ssdcrp::detect::Labels;
use ssdcrp::stream::ObservedEvent;

/// Counts changes of the messages that their readers must know of.
pub const SCHEMA: u32 = 1;

/// Tells the runs of this program apart: microseconds of its start since 1970, in base 16.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("{:x}", since.unwrap_or_default().as_micros())
});

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
    pub state: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when: RFC 3339, UTC.
    pub since: String,
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
    /// Of an event of the camera with this name and place, counted from 1 on.
    pub fn new(camera: &str, stream: usize, observed: &ObservedEvent, labels: &Labels) -> Self {
        let event = &observed.event;
        let detection = &event.detection;
        Self {
            schema: SCHEMA,
            id: event_id(camera, observed.number),
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

/// Names the event of a camera with this number: no other one, of any run, has the same.
pub fn event_id(camera: &str, number: u64) -> String {
    format!("{}-{camera}-{number}", &*RUN)
}

/// The time on the clock: RFC 3339, UTC.
pub fn now() -> String {
    let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
    now.map(String::from).unwrap_or_default()
}
