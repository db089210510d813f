//! The inputs that fuzzing found worth keeping, and those that once broke something, each given to its reader again: `fuzz/corpus`, a folder a reader.

#[path = "../fuzz/src/cases.rs"]
mod cases;

use std::path::Path;

/// Gives all of a folder to a reader.
fn replay(name: &str, reader: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 8, "{name}: {}", files.len());
    for file in files {
        println!("{}", file.display());
        reader(&std::fs::read(file).unwrap());
    }
}

#[test]
fn models() {
    replay("model", cases::model);
}

#[test]
fn manifests() {
    replay("manifest", cases::manifest);
}

#[test]
fn manifests_beside_networks() {
    replay("fit", cases::fit);
}

#[test]
fn words() {
    replay("grammar", cases::grammar);
}

#[test]
fn annotations() {
    replay("annotations", cases::annotations);
}

#[test]
fn lines_of_events() {
    replay("events", cases::events);
}
