//! `ssdcrp report` that is ended by Ctrl-C, and goes on.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::patience::until;
use crate::report::between;
use crate::{command, photo, run};

/// What the run says of itself, and its page and JSON.
fn outcome(folder: &Path, output: &std::process::Output) -> (String, String, Value) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    let json = fs::read_to_string(folder.join("report.json")).unwrap();
    crate::schema::assert_valid("report", &json);
    (said, page, serde_json::from_str(&json).unwrap())
}

#[test]
fn what_was_detected_before_ctrl_c_is_not_detected_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [person, horses, eagle] = ["person.jpg", "horses.jpg", "eagle.jpg"].map(photo);
    let [page, json] = [path("report.html"), path("report.json")];
    let files = ["-o", &page, "--json", &json, "--no-check", "--explain", "3"];
    // The third photo is one that does not come, so that the signal does.
    let inputs = ["report", &person, &horses, "-", &eagle];
    let mut child = command(&[&inputs, &files[..]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let partial = folder.path().join("report.html.partial");
    until("two photos", || {
        let kept = fs::read_to_string(&partial).ok()?;
        (kept.matches('\n').count() == 3).then_some(())
    });
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let (said, interrupted, record) = outcome(folder.path(), &output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    // The signal may be noticed one photo later.
    let looked_at = record["photos"].as_u64().unwrap();
    assert!([2, 3].contains(&looked_at), "{said}");
    let words = format!("interrupted: {looked_at} of 4 pictures looked at, ");
    assert!(said.contains(&words), "{said}");
    assert!(
        said.contains(&format!("goes on from {}", partial.display())),
        "{said}"
    );
    assert!(interrupted.contains("left out: interrupted: "));
    assert!(between(&interrupted, "<article", "</article>").len() > 5);
    assert_eq!(record["interrupted"], true);

    let kept = fs::read_to_string(&partial).unwrap();
    assert_eq!(kept.lines().count() as u64, 1 + looked_at);
    let inputs = ["report", &person, &horses, &eagle];
    let other = [&inputs, &files[..], &["--score-threshold", "0.4"]].concat();
    let error = crate::fail(&other);
    assert!(
        error.contains("its score-threshold was ") && error.contains("name another page"),
        "{error}"
    );

    let output = run(&[&inputs, &files[..]].concat());
    let (said, went_on, record) = outcome(folder.path(), &output);
    assert!(output.status.success(), "{said}");
    let words = format!("goes on from {looked_at} pictures looked at before");
    assert!(said.contains(&words), "{said}");
    assert_eq!(record["interrupted"], false);
    assert!(!partial.exists());
    let output = run(&[&inputs, &files[..]].concat());
    let (said, at_once, whole) = outcome(folder.path(), &output);
    assert!(output.status.success() && said.is_empty(), "{said}");
    assert!(went_on == at_once);
    assert_eq!(record, whole);
}

#[test]
fn what_is_kept_is_taken_as_it_is_unless_the_photo_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [page, json, copy] = [path("report.html"), path("report.json"), path("copy.jpg")];
    fs::copy(photo("eagle.jpg"), &copy).unwrap();
    let files = ["-o", &page, "--json", &json, "--no-check", "--explain", "0"];
    let mut child = command(&[&["report", &copy, "-"], &files[..]].concat())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let partial = folder.path().join("report.html.partial");
    until("a photo", || {
        let kept = fs::read_to_string(&partial).ok()?;
        (kept.matches('\n').count() == 2).then_some(())
    });
    // Killed, so that nothing can be put away.
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = fs::read_to_string(&partial).unwrap();
    let score = between(&kept, "\"score\":", ",")[0];
    let changed = kept.replacen(&format!("\"score\":{score}"), "\"score\":0.625", 1);
    fs::write(&partial, &changed).unwrap();
    let score_of = |output: std::process::Output| {
        let (said, _, record) = outcome(folder.path(), &output);
        assert!(output.status.success(), "{said}");
        record["items"][0]["score"].as_f64().unwrap()
    };
    let arguments = [&["report", &copy], &files[..]].concat();
    assert_eq!(score_of(run(&arguments)), 0.625);
    // Another photo of the same name is looked at.
    fs::write(&partial, &changed).unwrap();
    fs::copy(photo("dog.jpg"), &copy).unwrap();
    assert!(score_of(run(&arguments)) != 0.625);
}
