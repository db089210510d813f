//! Events of earlier runs: a folder of evidence in, what the page lists of it out.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;

use ssdcrp::stream::evidence::{Marks, Record, Records};

use crate::event_log::LoggedEvent;
use crate::kept::KeptEvent;
use crate::message::{EventMessage, SCHEMA, Worth};

/// The run of events that were kept without a name.
const UNKNOWN_RUN: &str = "0";

/// Whose events they are.
pub struct Keeper<'a> {
    pub folder: &'a Arc<Path>,
    /// The camera's name, and its place from 1 on.
    pub camera: &'a str,
    pub stream: usize,
}

impl Keeper<'_> {
    /// The events in its folder, the oldest first.
    ///
    /// # Errors
    /// What is in the folder cannot be read.
    pub fn past(&self) -> Result<Vec<LoggedEvent>> {
        let records = Records::read(self.folder)?.records;
        let marks = Marks::read(self.folder)?;
        let events = records.iter().map(|record| {
            let kept = KeptEvent::new(self.folder, record);
            LoggedEvent {
                check: explained(record, "check")
                    .and_then(|words| Some(words.as_str()?.to_owned())),
                mark: kept.mark_in(&marks),
                message: self.message(record),
                evidence: Some(kept),
                no_evidence: None,
            }
        });
        Ok(events.collect())
    }

    /// What was told of an event; what its line does not say, as where another program has written it, is empty.
    fn message(&self, record: &Record) -> EventMessage {
        let event = &record.event;
        let rest = |name: &str| event.rest.get(name);
        let number = |name: &str| rest(name).and_then(Value::as_u64).unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let measure = |name: &str| explained(record, name).and_then(Value::as_f64);
        let id = event.event_id.clone();
        let share = |at: u64, of: &str| match number(of) {
            0 => 0.0,
            of => (at as f32 / of as f32).clamp(0.0, 1.0),
        };
        let [x, y] = ["x", "y"].map(number);
        let (right, lower) = (
            x.saturating_add(number("width")),
            y.saturating_add(number("height")),
        );
        let checked = explained(record, "checked").and_then(Value::as_bool);
        let worth = || {
            Some(Worth {
                effect: measure("effect")?,
                effect_of_chance: measure("effect-of-chance")?,
                checked: checked?,
            })
        };
        EventMessage {
            schema: SCHEMA,
            id: id.unwrap_or_else(|| format!("{UNKNOWN_RUN}-{}-{}", self.camera, record.id)),
            camera: self.camera.to_owned(),
            stream: self.stream,
            number: number("number"),
            recorded: record.recorded.clone(),
            time: event.running_time.unwrap_or_default() as f64 / 1e9,
            kind: event.kind.to_string(),
            words: event.words.clone(),
            severity: event.severity,
            object: number("object"),
            label: text(rest("label")).unwrap_or_default(),
            score: rest("confidence")
                .and_then(Value::as_f64)
                .unwrap_or_default() as f32,
            rect: [
                share(x, "frame-width"),
                share(y, "frame-height"),
                share(right, "frame-width"),
                share(lower, "frame-height"),
            ],
            answer: text(explained(record, "words")),
            worth: worth(),
        }
    }
}

/// What a line says of its explanation.
fn explained<'a>(record: &'a Record, name: &str) -> Option<&'a Value> {
    record.event.rest.get("explanation")?.get(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssdcrp::stream::evidence::Mark;

    #[test]
    fn lines_become_what_was_told_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"{"id":7,"recorded":"2026-01-01T00:00:00Z","frame":"a","annotated":"b","heatmap":"c","fed":"d","kind":"merge","words":"one box","severity":0.5,"class":19,"default-box":1406,"target":"offset:w+","event-id":"5f-gate-3","running-time":1500000000,"label":"horse","confidence":0.75,"x":100,"y":50,"width":300,"height":100,"frame-width":800,"frame-height":400,"number":3,"object":9,"explanation":{"words":"wider","effect":2.5,"effect-of-chance":0.5,"checked":true,"check":"checked: without the red"}}"#;
        let bare = r#"{"id":8,"recorded":"2026-01-01T00:00:01Z","frame":"../../etc/passwd","annotated":"b","heatmap":null,"kind":"merge","words":"<b>","severity":0.5,"class":19,"default-box":1406,"target":"offset:w+"}"#;
        std::fs::write(
            folder.path().join("events.jsonl"),
            format!("{line}\n{bare}\n"),
        )
        .unwrap();
        std::fs::write(folder.path().join("000008-frame.png"), "PNG").unwrap();
        let keeper = Keeper {
            folder: &folder.path().into(),
            camera: "gate",
            stream: 1,
        };
        let past = keeper.past().unwrap();
        let told = serde_json::to_value(&past[0]).unwrap();
        let expected = serde_json::json!({
            "schema": 1, "id": "5f-gate-3", "camera": "gate", "stream": 1, "number": 3,
            "recorded": "2026-01-01T00:00:00Z", "time": 1.5, "kind": "merge", "words": "one box", "severity": 0.5,
            "object": 9, "label": "horse", "score": 0.75, "box": [0.125, 0.125, 0.5, 0.375], "answer": "wider",
            "effect": 2.5, "effect_of_chance": 0.5, "checked": true, "check": "checked: without the red",
            "evidence": {"heatmap": true, "fed": true},
        });
        assert_eq!(told, expected);
        assert_eq!(past[1].message.id, "0-gate-8");

        // What a line names as its files is not what is read.
        let kept = past[1].evidence.as_ref().unwrap();
        assert_eq!(kept.picture("frame").unwrap(), b"PNG");
        assert!(kept.picture("heatmap").is_err() && kept.picture("../a").is_err());
        kept.say(Some(Mark::Worth)).unwrap();
        let again = keeper.past().unwrap();
        assert_eq!([again[0].mark, again[1].mark], [None, Some(Mark::Worth)]);
    }
}
