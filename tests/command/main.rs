//! The `ssdcrp` command as a user meets it: arguments and photos in; text, JSON, files and exit status out.
//!
//! Needs ONNX Runtime and the photos, both of which `make test` puts into the cache.

mod annotate;
mod broken_models;
#[path = "../browser/mod.rs"]
#[expect(dead_code, reason = "the application's page is used in more ways")]
mod browser;
#[path = "../cache/mod.rs"]
mod cache;
mod classifier;
mod compare;
mod compile;
mod detect;
mod digit_labels;
#[path = "../digits/mod.rs"]
mod digits;
mod evaluate;
mod explain;
mod failures;
#[path = "../folder_names/mod.rs"]
mod folder_names;
mod folders;
mod inputs;
mod json;
mod layers;
mod manual;
mod missing;
#[path = "../manual/mod.rs"]
mod options;
mod output;
#[path = "../patience/mod.rs"]
mod patience;
mod report;
mod report_events;
mod report_files;
mod report_page;
mod report_resumed;
#[path = "../schema/mod.rs"]
mod schema;
mod videos;
mod yolo;

use std::process::{Command, Output};

use serde_json::Value;

use cache::cached;

/// The default box at which a white horse is called a sheep.
const SHEEP: &str = "1436";

fn photo(name: &str) -> String {
    let path = cached(&format!("photos/{name}"));
    path.to_str().expect("the cache's name is UTF-8").to_owned()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssdcrp"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command starts")
}

/// Standard output of a run that has to succeed without a word on standard error.
fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{arguments:?}: {complaint}"
    );
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    let text = succeed(arguments);
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    serde_json::from_str(&text).expect("output is JSON")
}

/// The one line that a failing run says.
fn failure(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    let line = text
        .strip_prefix("ssdcrp: ")
        .expect("the line says who speaks");
    line.trim_end().to_owned()
}

fn fail(arguments: &[&str]) -> String {
    failure(&run(arguments))
}
