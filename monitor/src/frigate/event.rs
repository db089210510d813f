//! What Frigate tells of an object that it follows: a message of its topic `…/events` in, what of it is needed to explain the object out.
//!
//! Source: Frigate's documentation, "MQTT", <https://docs.frigate.video/integrations/mqtt/#frigateevents>. Boxes are x0, y0, x1, y1 in pixels of the camera's `detect` resolution. Where the message
//! says which frame the snapshot is of (`snapshot`, since version 0.13), its box and region are those of the snapshot, while `box` is where the object is now.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const LONGEST_ID: usize = 64;
const LONGEST_LABEL: usize = 100;
/// The end of the year 9999 or so, in seconds since 1970.
const LAST_TIME: f64 = 2.6e11;

/// How far an object has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    New,
    Update,
    /// It is seen no more.
    End,
}

/// An object that Frigate follows, as a message has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FrigateEvent {
    /// Letters, digits, '.', '-' and '_'.
    pub id: String,
    /// As `id`.
    pub camera: String,
    pub phase: Phase,
    pub label: String,
    /// 0..=1.
    pub score: Option<f32>,
    /// Of the snapshot, in pixels of the camera's `detect` resolution.
    pub rect: [f32; 4],
    /// What Frigate's network was fed, in the same pixels; it may reach beyond the picture.
    pub region: Option<[f32; 4]>,
    /// When the snapshot's frame was seen: seconds since 1970, `0..=LAST_TIME`.
    pub frame_time: f64,
    /// Whether there is one.
    pub has_snapshot: bool,
}

#[derive(Deserialize)]
struct EventUpdate {
    #[serde(rename = "type")]
    phase: Phase,
    after: TrackedState,
}

#[derive(Deserialize)]
struct TrackedState {
    id: String,
    camera: String,
    label: String,
    score: Option<f32>,
    #[serde(rename = "box")]
    rect: [f32; 4],
    region: Option<[f32; 4]>,
    frame_time: f64,
    /// When the snapshot was taken, in versions before 0.13.
    snapshot_time: Option<f64>,
    snapshot: Option<SnapshotState>,
    #[serde(default)]
    has_snapshot: bool,
}

#[derive(Deserialize)]
struct SnapshotState {
    frame_time: f64,
    #[serde(rename = "box")]
    rect: [f32; 4],
    region: Option<[f32; 4]>,
    score: Option<f32>,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "update",
            Self::End => "end",
        }
    }
}

impl FrigateEvent {
    /// Reads a message.
    ///
    /// # Errors
    /// It is no event, or has names that no file and no topic could have.
    pub fn parse(message: &[u8]) -> Result<Self> {
        let EventUpdate { phase, after } =
            serde_json::from_slice(message).context("not a message of Frigate's events")?;
        for name in [&after.id, &after.camera] {
            ensure!(is_plain(name), "a strange name: {name:?}");
        }
        ensure!(
            after.label.len() <= LONGEST_LABEL,
            "a label of {} bytes",
            after.label.len()
        );
        let (frame_time, rect, region, score) = match after.snapshot {
            Some(of) => (of.frame_time, of.rect, of.region, of.score),
            None => {
                let time = after.snapshot_time.unwrap_or(after.frame_time);
                (time, after.rect, after.region, None)
            }
        };
        ensure!(
            (0.0..=LAST_TIME).contains(&frame_time),
            "a strange time: {frame_time}"
        );
        Ok(Self {
            id: after.id,
            camera: after.camera,
            phase,
            label: after.label,
            score: score.or(after.score).map(|score| score.clamp(0.0, 1.0)),
            rect,
            region,
            frame_time,
            has_snapshot: after.has_snapshot,
        })
    }
}

/// Whether a name can be a part of a file's name, of a topic and of an address as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=LONGEST_ID).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Frigate's documentation has it, with the fields that are needed and some that are not.
    const NEWEST: &str = r#"{"type": "update", "before": {"id": "1607123955.475377-mxklsc"}, "after": {
        "id": "1607123955.475377-mxklsc", "camera": "front_door", "frame_time": 1607123962.082975,
        "snapshot": {"frame_time": 1607123961.837752, "box": [415, 489, 528, 700], "area": 12728,
            "region": [260, 446, 660, 846], "score": 0.77546, "attributes": []},
        "label": "person", "sub_label": ["John Smith", 0.79], "top_score": 0.958984375, "false_positive": false,
        "start_time": 1607123955.475377, "end_time": null, "score": 0.87890625, "box": [432, 496, 544, 854],
        "area": 40096, "ratio": 1.251397, "region": [218, 440, 693, 915], "stationary": false,
        "entered_zones": ["yard"], "has_snapshot": true, "has_clip": false}}"#;

    #[test]
    fn of_a_message_the_box_is_that_of_the_snapshot() {
        let event = FrigateEvent::parse(NEWEST.as_bytes()).unwrap();
        let expected = FrigateEvent {
            id: "1607123955.475377-mxklsc".to_owned(),
            camera: "front_door".to_owned(),
            phase: Phase::Update,
            label: "person".to_owned(),
            score: Some(0.77546),
            rect: [415.0, 489.0, 528.0, 700.0],
            region: Some([260.0, 446.0, 660.0, 846.0]),
            frame_time: 1_607_123_961.837_752,
            has_snapshot: true,
        };
        assert_eq!(event, expected);
        // As versions before 0.13 have it.
        let snapshot = NEWEST.find("\"snapshot\"").unwrap();
        let label = NEWEST.find("\"label\"").unwrap();
        let older = format!(
            "{}\"snapshot_time\": 1607123961.5, {}",
            &NEWEST[..snapshot],
            &NEWEST[label..]
        );
        let event = FrigateEvent::parse(older.as_bytes()).unwrap();
        assert_eq!(event.rect, [432.0, 496.0, 544.0, 854.0]);
        assert_eq!(event.region, Some([218.0, 440.0, 693.0, 915.0]));
        assert_eq!(
            (event.frame_time, event.score),
            (1_607_123_961.5, Some(0.878_906_25))
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for id in [
            "../../etc/passwd",
            "a/b",
            "",
            "a#",
            "a+b",
            ".hidden",
            "a b",
            "ä",
        ] {
            let message = NEWEST.replace("1607123955.475377-mxklsc", id);
            assert!(FrigateEvent::parse(message.as_bytes()).is_err(), "{id}");
        }
        for time in ["-1", "1e300", "2.7e11"] {
            let message = NEWEST.replace("1607123961.837752", time);
            let error = FrigateEvent::parse(message.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("strange time"), "{error}");
        }
        let long = NEWEST.replace("front_door", &"x".repeat(LONGEST_ID + 1));
        assert!(FrigateEvent::parse(long.as_bytes()).is_err());
        for message in ["", "[]", "{}", r#"{"type":"old","after":{}}"#, "\u{0}"] {
            let error = FrigateEvent::parse(message.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("not a message"), "{error}");
        }
    }
}
