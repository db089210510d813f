//! A folder of results, as two runs can be compared by: every file with what is the same in every run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::footage;

/// What a file says, without times of the clock on the wall.
#[derive(Debug, PartialEq)]
pub enum Content {
    Bytes(Vec<u8>),
    Lines(Vec<Value>),
    Pictures(Vec<u64>),
}

/// All files below a folder by their names.
pub fn read(folder: &Path) -> BTreeMap<String, Content> {
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found
}

fn add(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Content>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            // Evidence of no event is a folder too.
            let name = format!("{name}/");
            add(&path, &name, found);
            found.insert(name, Content::Bytes(vec![]));
            continue;
        }
        let content = match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl") => Content::Lines(lines(&path)),
            // Its header has the time of its making.
            Some("mp4") => Content::Pictures(footage::pictures(&path)),
            _ => Content::Bytes(fs::read(&path).unwrap()),
        };
        found.insert(name, content);
    }
}

/// Lines of JSON without what computing took and when it was.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| {
        let mut line = serde_json::from_str(line).unwrap();
        forget_clock(&mut line);
        line
    });
    lines.collect()
}

fn forget_clock(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "time-ms" && name != "recorded");
            fields.values_mut().for_each(forget_clock);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_clock),
        _ => {}
    }
}

/// Fails where two folders of results differ.
pub fn assert_same(one: &Path, other: &Path) {
    let [one, other] = [one, other].map(read);
    let names = |found: &BTreeMap<String, Content>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for (name, content) in &one {
        assert!(content == &other[name], "{name} differs");
    }
}
