//! Every verb takes every kind of input: files, folders, patterns, lists and standard input.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{command, fail, photo, run, succeed};

/// A folder with two photos, one of them below another folder, and what is none.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::copy(photo("eagle.jpg"), folder.path().join("below/eagle.JPG")).unwrap();
    fs::copy(photo("scream.jpg"), folder.path().join("scream.jpg")).unwrap();
    fs::write(folder.path().join("note.txt"), "no photo").unwrap();
    folder
}

/// The names of the pictures in lines of JSON.
fn images(text: &str) -> Vec<String> {
    let image = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let image = Path::new(record["image"].as_str().unwrap()).file_name();
        image.unwrap().to_str().unwrap().to_owned()
    };
    text.lines().map(image).collect()
}

/// A run in a folder that is given `input` on standard input.
fn run_in(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = command(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut given = child.stdin.take().unwrap();
    given.write_all(input.as_bytes()).unwrap();
    drop(given);
    child.wait_with_output().unwrap()
}

#[test]
fn folders_patterns_and_lists_name_pictures_and_each_counts_once() {
    let folder = photos();
    fs::write(folder.path().join("list"), "scream.jpg\nbelow\n").unwrap();
    for (arguments, expected) in [
        (&["."][..], &["eagle.JPG", "scream.jpg"][..]),
        (
            &["scream.jpg", ".", "./scream.jpg"],
            &["scream.jpg", "eagle.JPG"],
        ),
        (&["*/*.JPG"], &["eagle.JPG"]),
        (&["@list"], &["scream.jpg", "eagle.JPG"]),
        (&["@-"], &["scream.jpg"]),
    ] {
        let all = [&["detect", "--json"], arguments].concat();
        let output = run_in(folder.path(), &all, "scream.jpg\n\nbelow/../scream.jpg\n");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{arguments:?}: {said}"
        );
        let found = images(std::str::from_utf8(&output.stdout).unwrap());
        assert_eq!(found, expected, "{arguments:?}");
    }
}

#[test]
fn a_picture_that_cannot_be_used_is_told_and_the_others_go_on() {
    let folder = photos();
    fs::write(folder.path().join("a.jpg"), "no picture").unwrap();
    let name = folder.path().to_str().unwrap();
    for verb in ["detect", "explain", "diagnose"] {
        let output = run(&[verb, name, "--json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            lines[0].ends_with("a.jpg: it is neither JPEG nor PNG"),
            "{verb}: {said}"
        );
        assert_eq!(
            lines.last(),
            Some(&"ssdcrp: 1 of 3 pictures could not be used")
        );
        let found = images(std::str::from_utf8(&output.stdout).unwrap());
        // Also of the one on which nothing is detected.
        assert_eq!(found, ["eagle.JPG", "scream.jpg"], "{verb}");
        let last = output.stdout.trim_ascii_end();
        let last = last.rsplit(|byte| *byte == b'\n').next().unwrap();
        let last: Value = serde_json::from_slice(last).unwrap();
        let nothing = last["nothing"].as_str().unwrap_or_default();
        let is_told = nothing.starts_with("nothing scores above 0.5");
        assert!(is_told || verb == "detect", "{verb}: {last}");
    }
}

#[test]
fn an_evaluation_takes_a_folder_and_tells_what_it_leaves_out() {
    let folder = photos();
    let name = folder.path().to_str().unwrap();
    let methods = ["--no-presets", "--baselines", "random", "--detections", "1"];
    let table = succeed(&[&["evaluate", name], &methods[..]].concat());
    assert!(table.contains("1 detection in 2 photos"), "{table}");
    fs::write(folder.path().join("a.jpg"), "no picture").unwrap();
    let output = run(&[&["evaluate", name], &methods[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a.jpg: it is neither") && said.contains("1 of 3 pictures"),
        "{said}"
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().next(),
        table.lines().next()
    );
}

#[test]
fn a_report_takes_patterns_and_a_comparison_folders() {
    let folder = photos();
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    let pattern = format!("{}/*/*.JPG", folder.path().display());
    let said = succeed(&["report", &pattern, "--no-check", "-o", page]);
    assert!(said.contains("1 object in 1 photo;"), "{said}");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor_free");
    let model = golden.join("distances.onnx");
    let name = folder.path().to_str().unwrap();
    let models = ["compare", "built-in", model.to_str().unwrap()];
    let said = succeed(&[&models[..], &[name, "--no-check"]].concat());
    assert!(said.contains(": 2 photos, "), "{said}");
}

#[test]
fn what_is_no_input_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_str().unwrap();
    let pattern = format!("{name}/*.jpg");
    for (arguments, words) in [
        (
            &["detect", name][..],
            "a file with another ending has to be named itself",
        ),
        (&["explain", &pattern], "nothing fits the pattern"),
        (&["detect", "rtsp://gate/"], "ssdcrp-monitor watches those"),
        (
            &["detect", "@/nowhere/list"],
            "cannot read the list /nowhere/list",
        ),
        (
            &["detect", "-", "@-"],
            "standard input can be one list (@-) or one photo (-)",
        ),
    ] {
        let line = fail(arguments);
        assert!(line.contains(words), "{arguments:?}: {line}");
    }
}

#[test]
fn what_comes_on_standard_input_and_is_no_photo_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let video = "RIFF\u{10}\0\0\0AVI LIST";
    for (input, words) in [
        ("photos/a.jpg\n", "it is neither JPEG nor PNG"),
        (video, "it is a video (AVI): name its file"),
    ] {
        let output = run_in(folder.path(), &["detect", "-"], input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(words), "{said}");
    }
}
