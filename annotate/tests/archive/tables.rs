//! The tables against the element's own messages, and against their page.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use crate::footage::cut;
use crate::results::lines;
use crate::{annotate, succeed};

/// A row by the names of its columns.
pub type Row = BTreeMap<String, Field>;

/// The only file of a folder.
pub fn only(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    file.clone()
}

pub fn read(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let row = |row: parquet::record::Row| row.into_columns().into_iter().collect();
    rows.map(|found| row(found.unwrap())).collect()
}

fn text(row: &Row, name: &str) -> Option<String> {
    match &row[name] {
        Field::Str(text) => Some(text.clone()),
        Field::Null => None,
        other => panic!("{name}: {other:?}"),
    }
}

fn number(row: &Row, name: &str) -> Option<f64> {
    match row[name] {
        Field::Double(number) => Some(number),
        Field::Long(number) => Some(number as f64),
        Field::Null => None,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// The items of an array of a message; none where it is missing.
fn items<'a>(message: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    message[name].as_array().into_iter().flatten()
}

/// Holds a row against a structure: columns by the fields that fill them.
fn assert_agrees(row: &Row, fields: &Value, columns: &[(&str, &str)]) {
    for (column, field) in columns {
        let expected = &fields[field];
        match &row[*column] {
            Field::Str(text) => assert_eq!(expected, text, "{column}"),
            Field::Bool(truth) => assert_eq!(expected, truth, "{column}"),
            Field::Null => assert_eq!(expected, &Value::Null, "{column}"),
            _ => assert_eq!(expected.as_f64(), number(row, column), "{column}"),
        }
    }
}

/// The columns of explanations by the fields that fill them.
const EXPLANATION: [(&str, &str); 13] = [
    ("question", "words"),
    ("target", "target"),
    ("contrast", "contrast"),
    ("composite", "composite"),
    ("in_box_share", "in-box-share"),
    ("positive_share", "positive-share"),
    ("sum_abs", "sum-abs"),
    ("completeness", "completeness"),
    ("centre_x", "centre-x"),
    ("centre_y", "centre-y"),
    ("effect", "effect"),
    ("effect_of_chance", "effect-of-chance"),
    ("passed", "checked"),
];

/// The columns of detections likewise.
const DETECTION: [(&str, &str); 12] = [
    ("object", "object"),
    ("class", "label"),
    ("class_id", "class"),
    ("score", "confidence"),
    ("runner_up", "runner-up"),
    ("runner_up_score", "runner-up-score"),
    ("x", "x"),
    ("y", "y"),
    ("width", "width"),
    ("height", "height"),
    ("default_box", "default-box"),
    ("unexpected", "unexpected"),
];

/// The columns of events likewise.
const EVENT: [(&str, &str); 5] = [
    ("event", "kind"),
    ("severity", "severity"),
    ("words", "words"),
    ("target", "target"),
    ("contrast", "contrast"),
];

/// The items of all frames, each with its frame.
fn of_frames<'a>(
    frames: &[&'a Value],
    name: &'static str,
) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let of = move |&frame: &&'a Value| items(frame, name).map(move |item| (frame, item));
    frames.iter().flat_map(of)
}

fn assert_detections(rows: &[Row], frames: &[&Value], source: &Path) {
    assert_eq!(rows.len(), of_frames(frames, "detections").count());
    let severity = |event: &Value| event["severity"].as_f64().unwrap();
    for (row, (frame, detection)) in rows.iter().zip(of_frames(frames, "detections")) {
        assert_agrees(row, detection, &DETECTION);
        assert_agrees(
            row,
            frame,
            &[("frame_width", "width"), ("frame_height", "height")],
        );
        assert_eq!(text(row, "source").as_deref(), source.to_str());
        let seconds = frame["running-time"].as_u64().unwrap() as f64 / 1e9;
        assert_eq!(number(row, "time"), Some(seconds));
        let events = items(frame, "events");
        let of_object = events.filter(|event| event["object"] == detection["object"]);
        // Of equal ones the first.
        let severest = of_object.reduce(|first, next| match severity(next) > severity(first) {
            true => next,
            false => first,
        });
        let kind = severest.map(|event| event["kind"].as_str().unwrap());
        assert_eq!(text(row, "event").as_deref(), kind);
    }
}

fn assert_explanations(rows: &[Row], frames: &[&Value], events: &[&Value]) {
    let (answers, selected): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| text(row, "event").is_some());
    assert_eq!(selected.len(), of_frames(frames, "explanations").count());
    for (row, (_, explanation)) in selected.into_iter().zip(of_frames(frames, "explanations")) {
        assert_agrees(row, explanation, &EXPLANATION);
    }
    let answered = events
        .iter()
        .filter(|event| !event["explanation"].is_null());
    let answered: Vec<_> = answered.collect();
    assert_eq!(answers.len(), answered.len());
    for (row, event) in answers.into_iter().zip(answered) {
        assert_agrees(row, &event["explanation"], &EXPLANATION);
        assert_agrees(row, event, &[("event", "kind"), ("class", "label")]);
    }
}

#[test]
fn tables_have_what_the_messages_have() {
    let folder = tempfile::tempdir().unwrap();
    let clip = cut(folder.path(), "clip.avi", 10, 12);
    let output = folder.path().join("out");
    let set = ["--set", "select=all", "--set", "event-confirm=100000000"];
    let told = succeed(annotate(&[&clip], &output, &set));
    let messages = lines(&only(&output.join("results")));
    let (events, frames): (Vec<_>, Vec<_>) =
        messages.iter().partition(|line| !line["kind"].is_null());
    assert_eq!(frames.len(), 12);
    let [detections, explanations, raised] =
        ["detections", "explanations", "events"].map(|table| read(&only(&output.join(table))));
    let counts = format!(
        "done 1, before 0, failed 0: 12 frames, {} detections, {} explanations, {} events",
        detections.len(),
        explanations.len(),
        raised.len()
    );
    assert!(told.starts_with(&counts), "{told}{counts}");

    assert_detections(&detections, &frames, &clip.canonicalize().unwrap());
    assert_explanations(&explanations, &frames, &events);
    assert_eq!(raised.len(), events.len());
    for (row, event) in raised.iter().zip(events) {
        assert_agrees(row, event, &EVENT);
    }
    // All of it occurs in this clip, so that none of the above holds of nothing.
    assert!(detections.len() > 12 && !raised.is_empty() && !explanations.is_empty());
    assert!(
        explanations
            .iter()
            .any(|row| number(row, "effect").is_some())
    );
    assert!(
        explanations
            .iter()
            .any(|row| number(row, "effect").is_none())
    );
    // A field that is misspelled here and in the columns would be missing on both sides.
    let empty = |rows: &[Row]| {
        let columns = rows[0].keys();
        let empty = columns.filter(|column| rows.iter().all(|row| row[*column] == Field::Null));
        empty.cloned().collect::<Vec<_>>()
    };
    assert_eq!(empty(&detections), Vec::<String>::new());
    // The default composite's rules do not conserve relevance.
    assert_eq!(empty(&explanations), ["completeness"]);
    assert_eq!(empty(&raised), Vec::<String>::new());
}
