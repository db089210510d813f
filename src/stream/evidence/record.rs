//! A line of `events.jsonl`: what is told of an event, and which files show it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::mark::MARKS;
use crate::crp::Target;
use crate::detect::ClassId;
use crate::detect::Labels;
use crate::error::Result;
use crate::error::evidence::Context;
use crate::limits::{self, FileKind, LONGEST_LINE};
use crate::stream::explaining::ExplainedObject;
use crate::stream::monitor::EventKind;
use crate::stream::observation::{Observation, ObservedEvent};
use crate::stream::tracking::Tracked;

/// The file of all lines.
pub const LINES: &str = "events.jsonl";

/// Lines that cannot be read are put aside here. While it is there, pictures without a line stay.
pub(super) const DAMAGED: &str = "events.jsonl.damaged";

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Record {
    /// Counts the events that the folder ever had.
    pub id: u64,
    /// When it was written, as the caller tells the time.
    pub recorded: String,
    /// The names of its pictures.
    pub frame: String,
    /// The frame with everything over it.
    pub annotated: String,
    /// `None` where nothing was explained.
    pub heatmap: Option<String>,
    /// What the network was fed when the explanation was checked; `None` where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fed: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: EventRecord,
}

/// What is told of an event; fields that are not known here are kept as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EventRecord {
    /// In which way it looks wrong.
    #[serde(with = "as_text")]
    pub kind: EventKind,
    /// For people.
    pub words: String,
    /// How much is wrong, 0..=1; what a line says beyond that is taken for the nearer end.
    #[serde(deserialize_with = "share")]
    pub severity: f32,
    /// The class's number.
    pub class: ClassId,
    /// Where the network said so.
    pub default_box: usize,
    /// The question that it raises: an output of the network at that default box, in the grammar of [`crate::crp::TargetOutput`].
    pub target: String,
    /// What it is set against; `None` where the composite says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<String>,
    /// What the stream's owner calls it, where it has a name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Nanoseconds; events with the same time are of one frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_time: Option<u64>,
    /// All else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What the files of an event show, in the order in which they are written.
pub const PICTURES: [&str; 4] = ["frame", "annotated", "heatmap", "fed"];

/// The name of a picture of the event `id`.
pub fn picture(id: u64, what: &str) -> String {
    format!("{id:06}-{what}.png")
}

/// The event whose picture has this name.
pub(super) fn id_of(name: &str) -> Option<u64> {
    let (id, what) = name.strip_suffix(".png")?.split_once('-')?;
    let id = id.parse().ok()?;
    (PICTURES.contains(&what) && picture(id, what) == name).then_some(id)
}

/// Whether a file of this name is one that a folder of events has: its lines, its marks or a picture.
pub fn is_own_file(name: &str) -> bool {
    [LINES, DAMAGED, MARKS].contains(&name) || id_of(name).is_some()
}

impl Record {
    /// The frame's file. The name in the line is for others: a line that somebody made could name any file.
    pub fn frame_in(&self, folder: &Path) -> PathBuf {
        folder.join(self.frame_name())
    }

    /// What the frame's file is called within its folder.
    pub fn frame_name(&self) -> String {
        picture(self.id, PICTURES[0])
    }
}

/// What a folder's file of lines holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// Oldest first.
    pub records: Vec<Record>,
    /// Lines that are no record.
    pub unreadable: usize,
}

impl Records {
    /// All lines of a folder.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        Self::text(folder).map(|text| Self::parse(&text))
    }

    /// The file, as it is.
    pub(super) fn text(folder: &Path) -> Result<Vec<u8>> {
        let path = folder.join(LINES);
        limits::inside(folder, Path::new(LINES), FileKind::Events)
            .and_then(|path| limits::read(&path, FileKind::Events))
            .with_context(|| format!("cannot read {}", path.display()))
    }

    /// All lines of a file of that name.
    pub fn parse(text: &[u8]) -> Self {
        let mut parsed = Self::default();
        let lines = text.split(|&byte| byte == b'\n');
        for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
            match serde_json::from_slice(line) {
                Ok(record) if line.len() <= LONGEST_LINE => parsed.records.push(record),
                _ => parsed.unreadable += 1,
            }
        }
        parsed
    }
}

impl EventRecord {
    /// What is told of an event: everything about its detection, and the explanation, if there is one.
    pub fn of(
        observation: &Observation,
        event: &ObservedEvent,
        explained: Option<&ExplainedObject>,
        labels: &Labels,
    ) -> Self {
        let (frame, number, index) = (&observation.frame, event.number, event.index);
        let event = &event.event;
        let (detection, target) = (&event.detection, &event.target);
        let mut rest = Map::new();
        let mut tell = |name: &str, value: Value| drop(rest.insert(name.to_owned(), value));
        tell("frame-width", json!(frame.size.width));
        tell("frame-height", json!(frame.size.height));
        tell("label", json!(labels.name(detection.class)));
        tell("confidence", json!(f64::from(detection.score)));
        let seen = observation.tracked.get(index);
        let tracked = Tracked {
            object: event.object,
            first_seen: seen.and_then(|seen| seen.first_seen),
            detection: detection.clone(),
            upstream: seen.and_then(|seen| seen.upstream.clone()),
        };
        if let Some([x, y, width, height]) = tracked.pixels(frame) {
            tell("x", json!(x));
            tell("y", json!(y));
            tell("width", json!(width));
            tell("height", json!(height));
        }
        tell("offsets", json!(detection.offsets.map(f64::from)));
        tell("object", json!(event.object));
        tell(
            "unexpected",
            json!(observation.is_unexpected(detection.class)),
        );
        if let Some((class, score)) = detection.runner_up {
            tell("runner-up", json!(labels.name(class)));
            tell("runner-up-score", json!(f64::from(score)));
        }
        if let Some(found) = &tracked.upstream {
            tell("upstream-id", json!(found.upstream.id));
            if let Some(confidence) = found.upstream.confidence {
                tell("upstream-confidence", json!(f64::from(confidence)));
            }
            tell("overlap", json!(f64::from(found.overlap)));
        }
        tell("number", json!(number));
        if let Some(timestamp) = frame.time.timestamp {
            tell("timestamp", json!(timestamp.as_nanos() as u64));
        }
        if let Some(explained) = explained {
            let mut told = explanation(explained);
            if let Some(check) = &explained.check {
                let colours = observation.settings().display.evidence_colours;
                told["check"] = json!(check.words(colours.positive_name()));
            }
            tell("explanation", told);
        }
        Self {
            kind: event.finding.kind(),
            words: event.words(labels),
            severity: event.severity,
            class: detection.class,
            default_box: detection.default_box,
            target: target.output.text(labels),
            contrast: (target.contrast.as_ref()).map(|contrast| contrast.text(labels)),
            event_id: None,
            running_time: frame.time.running_time.map(|time| time.as_nanos() as u64),
            rest,
        }
    }

    /// The question.
    ///
    /// # Errors
    /// It is not in the grammar.
    pub fn question(&self) -> Result<Target> {
        Ok(Target {
            default_box: self.default_box,
            output: self.target.parse()?,
            contrast: self.contrast.as_deref().map(str::parse).transpose()?,
        })
    }
}

/// An explanation in a line: what was asked, and the relevance in numbers.
fn explanation(explained: &ExplainedObject) -> Value {
    let (frame, question, summary) = (&explained.frame, &explained.question, &explained.summary);
    let mut told = json!({
        "object": explained.tracked.object,
        "default-box": explained.tracked.detection.default_box,
        "target": question.target,
        "contrast": question.contrast,
        "composite": explained.composite.to_string(),
        "words": question.wording.to_string(),
        "sum-abs": summary.sum_abs,
        "positive-share": summary.positive_share,
        "in-box-share": summary.in_box_share,
        "time-ms": explained.took.as_secs_f64() * 1e3,
    });
    let times = [
        ("timestamp", frame.time.timestamp),
        ("running-time", frame.time.running_time),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            told[name] = json!(time.as_nanos() as u64);
        }
    }
    if let Some(completeness) = explained.completeness {
        told["completeness"] = json!(completeness);
    }
    if let Some(check) = &explained.check {
        told["effect"] = json!(check.effect());
        told["effect-of-chance"] = json!(check.effect_of_chance());
        told["checked"] = json!(check.passed());
    }
    if let Some([x, y]) = summary.centre {
        told["centre-x"] = json!(x * f64::from(frame.size.width));
        told["centre-y"] = json!(y * f64::from(frame.size.height));
    }
    told
}

/// A number of 0..=1. One that is larger than float32 can be would be written as `null`, and the line would be none any more.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(f64::deserialize(deserializer)?.clamp(0.0, 1.0) as f32)
}

/// A value by its text.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err = crate::error::Error>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_with_what_is_not_known_here() {
        let line = r#"{"id":7,"recorded":"today","frame":"../../a","annotated":"b","heatmap":null,"kind":"merge","words":"one box","severity":0.5,"class":19,"default-box":1406,"target":"offset:w+","running-time":400000000,"explanation":{"sum":1.5},"label":"horse"}"#;
        let text = format!("{line}\n{{\"id\":8}}\nno JSON\n");
        let Records {
            records: read,
            unreadable,
        } = Records::parse(text.as_bytes());
        assert_eq!((read.len(), unreadable), (1, 2));
        assert_eq!(read[0].event.rest["explanation"]["sum"], 1.5);
        assert_eq!(
            read[0].event.question().unwrap().output.to_string(),
            "offset:w+"
        );
        assert_eq!(serde_json::to_string(&read[0]).unwrap(), line);
        assert_eq!(
            read[0].frame_in(Path::new("e")),
            Path::new("e/000007-frame.png")
        );
    }

    #[test]
    fn a_severity_beyond_float32_stays_a_number() {
        let line = |severity: &str| {
            format!(
                r#"{{"id":7,"recorded":"","frame":"","annotated":"","heatmap":null,"kind":"merge","words":"","severity":{severity},"class":19,"default-box":1,"target":"offset:w+"}}"#
            )
        };
        for (severity, read) in [
            ("1e300", 1.0),
            ("-7", 0.0),
            ("0.25", 0.25),
            ("65536e38", 1.0),
        ] {
            let records = Records::parse(line(severity).as_bytes()).records;
            assert_eq!(records[0].event.severity, read, "{severity}");
            let again = serde_json::to_vec(&records[0]).unwrap();
            assert_eq!(Records::parse(&again).records, records, "{severity}");
        }
        assert_eq!(Records::parse(line("1e999").as_bytes()).unreadable, 1);
        let padded = format!("{}{}", line("0.5"), " ".repeat(LONGEST_LINE));
        assert_eq!(Records::parse(padded.as_bytes()).unreadable, 1);
    }

    #[test]
    fn only_own_names_are_known() {
        assert_eq!(id_of("000012-heatmap.png"), Some(12));
        assert_eq!(id_of(&picture(12_345_678, "frame")), Some(12_345_678));
        for name in [
            "12-frame.png",
            "000012-photo.png",
            "000012-frame.jpg",
            "frame.png",
            "+00012-frame.png",
        ] {
            assert_eq!(id_of(name), None, "{name}");
        }
        assert!(is_own_file(MARKS) && is_own_file(&picture(7, "fed")) && !is_own_file("notes"));
    }
}
