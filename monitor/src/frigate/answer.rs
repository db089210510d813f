//! What is told of Frigate's event: `docs/schema/frigate.json` says what readers may rely on.

use serde::Serialize;

use ssdcrp::detect::Labels;
use ssdcrp::stream::{ExplainedObject, UnmatchedReason};

use super::api::{FrigateConfig, StoredEvent};
use super::event::FrigateEvent;
use super::view::ObjectView;
use crate::message::{SCHEMA, Worth, now};

/// Letters of a name or a path that Frigate says.
const LONGEST_WORD: usize = 1000;
/// Of its detectors those that a message tells.
const MOST_DETECTORS: usize = 16;

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FrigateAnswer {
    pub schema: u32,
    /// Frigate's own name for the event.
    pub frigate_event: String,
    pub camera: String,
    /// Which message of the event it answers: "new", "update" or "end".
    pub phase: &'static str,
    /// When it was answered, by the clock: RFC 3339, UTC.
    pub recorded: String,
    /// When the snapshot's frame was seen, as Frigate tells it: seconds since 1970.
    pub frame_time: f64,
    /// As Frigate calls the object.
    pub label: String,
    /// Frigate's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// What was looked at; `None` where that could not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotMessage>,
    pub network: NetworkMessage,
    pub frigate: OriginMessage,
    /// For people: the answer, or why there is none.
    pub words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationMessage>,
    /// Why there is no explanation, in one of the words of the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexplained: Option<&'static str>,
    /// The file of the picture, in the folder of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Frigate's picture of the object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SnapshotMessage {
    pub width: u32,
    pub height: u32,
    /// Whether Frigate has drawn nothing into it; `false` where it may have.
    pub is_clean: bool,
    /// x0, y0, x1, y1 of the object in shares of the snapshot.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// The part that the network was fed, likewise; it may reach beyond.
    pub region: [f32; 4],
}

/// The network that explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkMessage {
    pub name: String,
    /// Whether it is known to be the one that raised the event: "yes", or "not known".
    pub raised_the_event: &'static str,
}

/// What Frigate says of the network that raised the event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OriginMessage {
    /// Of its detectors: "openvino", "edgetpu".
    pub detectors: Vec<String>,
    /// Its network's file, on its computer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// MD5 of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_hash: Option<String>,
}

/// An explanation in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplanationMessage {
    /// As the own network calls it.
    pub label: String,
    /// The own network's.
    pub score: f32,
    /// Intersection over union of Frigate's box and that of the default box that stands for it.
    pub overlap: f32,
    pub default_box: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUpMessage>,
    /// What was explained: "sheep rather than horse".
    pub question: String,
    pub composite: String,
    /// Of Σ|R|, what lies in the box.
    pub in_box_share: f64,
    /// Of Σ|R|, what speaks for the class.
    pub positive_share: f64,
    #[serde(flatten)]
    pub worth: Option<Worth>,
}

/// The class with the next largest score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunnerUpMessage {
    pub label: String,
    pub score: f32,
}

/// What Frigate says, as far as a message has room for it.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST_WORD).collect()
}

impl OriginMessage {
    /// Of Frigate's configuration, where it is known, and of what it keeps of the event.
    pub fn new(config: Option<&FrigateConfig>, stored: Option<StoredEvent>) -> Self {
        let stored = stored.unwrap_or_default();
        let detectors = config.iter().flat_map(|config| config.detectors.values());
        let kinds = detectors.filter_map(|detector| detector.kind.as_deref());
        let detectors = match &stored.detector_type {
            Some(kind) => vec![cut(kind)],
            None => kinds.take(MOST_DETECTORS).map(cut).collect(),
        };
        let model = config.and_then(|config| config.model.path.as_deref());
        Self {
            detectors,
            model: model.map(cut),
            model_hash: stored.model_hash.as_deref().map(cut),
        }
    }

    /// Whether the own network, whose file has this MD5, is known to be the one that raised an event.
    pub fn is_of(&self, own: Option<&str>) -> &'static str {
        match self.model_hash.as_deref().zip(own) {
            Some((theirs, own)) if theirs.eq_ignore_ascii_case(own) => "yes",
            _ => "not known",
        }
    }
}

impl SnapshotMessage {
    pub fn new(view: &ObjectView, is_clean: bool) -> Self {
        let (width, height) = view.snapshot_size;
        Self {
            width,
            height,
            is_clean,
            rect: view.rect_in_snapshot.edges(),
            region: view.region.edges(),
        }
    }
}

impl ExplanationMessage {
    pub fn new(explained: &ExplainedObject, labels: &Labels) -> Self {
        let detection = &explained.tracked.detection;
        let upstream = explained.tracked.upstream.as_ref();
        let name = |class| labels.name(class).into_owned();
        let runner_up = detection.runner_up.map(|(class, score)| RunnerUpMessage {
            label: name(class),
            score,
        });
        Self {
            label: name(detection.class),
            score: detection.score,
            overlap: upstream.map_or(0.0, |upstream| upstream.overlap),
            default_box: detection.default_box,
            runner_up,
            question: explained.question.wording.to_string(),
            composite: explained.composite.to_string(),
            in_box_share: explained.summary.in_box_share,
            positive_share: explained.summary.positive_share,
            worth: explained.check.as_deref().map(Worth::of),
        }
    }
}

/// Why an object is not explained, in words of the schema and for people.
pub fn remark(reason: UnmatchedReason, label: &str) -> (&'static str, String) {
    let words = match reason {
        UnmatchedReason::NoPlace => format!("{label}: its box lies beside the picture"),
        UnmatchedReason::NoSuchClass => format!("{label}: this network has no class of that name"),
        UnmatchedReason::NotSeen { overlap } if overlap > 0.0 => format!(
            "{label}: this network sees none there; the nearest box overlaps Frigate's by {overlap:.2}"
        ),
        UnmatchedReason::NotSeen { .. } => format!("{label}: this network sees none there"),
    };
    (reason.name(), words)
}

impl FrigateAnswer {
    /// To an event, with nothing yet of what comes of looking at it.
    pub fn new(event: &FrigateEvent, network: NetworkMessage, frigate: OriginMessage) -> Self {
        Self {
            schema: SCHEMA,
            frigate_event: event.id.clone(),
            camera: event.camera.clone(),
            phase: event.phase.name(),
            recorded: now(),
            frame_time: event.frame_time,
            label: event.label.clone(),
            score: event.score,
            snapshot: None,
            network,
            frigate,
            words: String::new(),
            explanation: None,
            unexplained: None,
            picture: None,
        }
    }

    /// There is none, for this reason.
    #[must_use]
    pub fn unexplained(self, (reason, words): (&'static str, String)) -> Self {
        Self {
            words,
            unexplained: Some(reason),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frigate_says_has_room_in_a_message() {
        let long = "x".repeat(1 << 20);
        let text = format!(
            "{{{}}}",
            (0..5000)
                .map(|number| format!("\"{number}\": {{\"type\": \"cpu\"}}"))
                .collect::<Vec<_>>()
                .join(",")
        );
        let config = FrigateConfig {
            detectors: serde_json::from_str(&text).unwrap(),
            ..serde_json::from_str(&format!("{{\"model\": {{\"path\": \"{long}\"}}}}")).unwrap()
        };
        let stored = StoredEvent {
            model_hash: Some(long),
            detector_type: None,
        };
        let origin = OriginMessage::new(Some(&config), Some(stored));
        assert_eq!(origin.detectors.len(), MOST_DETECTORS);
        assert!(serde_json::to_string(&origin).unwrap().len() < 4096);
    }

    #[test]
    fn a_network_is_known_by_its_file_alone() {
        let origin = |hash: Option<&str>| OriginMessage {
            model_hash: hash.map(str::to_owned),
            ..OriginMessage::default()
        };
        let own = Some("0f343b0931126a20f133d67c2b018a3b");
        assert_eq!(
            origin(Some("0F343B0931126A20F133D67C2B018A3B")).is_of(own),
            "yes"
        );
        assert_eq!(
            origin(Some("00000000000000000000000000000000")).is_of(own),
            "not known"
        );
        assert_eq!(origin(None).is_of(own), "not known");
        assert_eq!(
            origin(Some("0f343b0931126a20f133d67c2b018a3b")).is_of(None),
            "not known"
        );
    }
}
