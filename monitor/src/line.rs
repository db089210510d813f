//! An event as a line of JSON, for standard output and for the page.

use serde::Serialize;

use ssdcrp::check::Check;
use ssdcrp::detect::Labels;
use ssdcrp::stream::ObservedEvent;

/// What is told of an event.
#[derive(Clone, Debug, Serialize)]
pub struct EventLine {
    /// From 1 on.
    pub stream: usize,
    /// Counts the stream's events.
    pub number: u64,
    /// Seconds since the stream began.
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
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Worth {
    /// By how much the asked quantity falls without the reddest part.
    pub effect: f64,
    /// The same on average without as much elsewhere.
    pub effect_of_chance: f64,
    /// Whether it did better than chance.
    pub checked: bool,
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

impl EventLine {
    /// Of an event of the stream with this index.
    pub fn of(index: usize, observed: &ObservedEvent, labels: &Labels) -> Self {
        let event = &observed.event;
        let detection = &event.detection;
        Self {
            stream: index + 1,
            number: observed.number,
            time: event.time.as_secs_f64(),
            kind: event.finding.kind().to_string(),
            words: event.words(labels),
            severity: event.severity,
            object: event.object,
            label: labels.name(detection.class).into_owned(),
            score: detection.score,
            rect: detection.rect.edges(),
            answer: None,
            worth: None,
        }
    }
}
