//! What a run leaves alone, does anew and refuses; inputs that fail; several runs at once.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::cache::cached;
use crate::footage::{cut, pictures, sound};
use crate::results;
use crate::tables::only;
use crate::{annotate, fail, succeed};

fn record(output: &Path) -> Value {
    serde_json::from_slice(&fs::read(only(&output.join("inputs"))).unwrap()).unwrap()
}

#[test]
fn what_is_done_stays_and_what_has_changed_is_done_anew() {
    let folder = tempfile::tempdir().unwrap();
    let clip = cut(folder.path(), "clip.avi", 0, 3);
    let output = folder.path().join("out");
    let told = succeed(annotate(&[&clip], &output, &[]));
    assert!(
        told.starts_with("done 1, before 0, failed 0: 3 frames"),
        "{told}"
    );
    let first = results::read(&output);

    let table = only(&output.join("detections"));
    let written = fs::metadata(&table).unwrap().modified().unwrap();
    let again = succeed(annotate(&[&clip, folder.path()], &output, &[]));
    let found = told.split_once(": ").unwrap().1;
    assert_eq!(again, format!("done 0, before 1, failed 0: {found}"));
    assert_eq!(fs::metadata(&table).unwrap().modified().unwrap(), written);

    for (further, words) in [
        (
            &["--set", "score-threshold=0.3"][..],
            "score-threshold was '0.5', is '0.3'",
        ),
        (&["--video"], "video was false, is true"),
    ] {
        let error = fail(annotate(&[&clip], &output, further));
        assert!(
            error.contains(words) && error.contains("name another folder"),
            "{error}"
        );
        assert_eq!(results::read(&output), first);
    }

    fs::remove_file(&table).unwrap();
    let told = succeed(annotate(&[&clip], &output, &[]));
    assert!(told.starts_with("done 1,"), "{told}");
    assert_eq!(results::read(&output), first);

    cut(folder.path(), "clip.avi", 20, 4);
    let file = fs::File::options().write(true).open(&clip).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5))
        .unwrap();
    let told = succeed(annotate(&[&clip], &output, &[]));
    assert!(
        told.starts_with("done 1, before 0, failed 0: 4 frames"),
        "{told}"
    );
    assert_eq!(record(&output)["frames"], 4);
}

#[test]
fn an_input_that_fails_is_told_and_the_others_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let clip = cut(folder.path(), "b.avi", 0, 2);
    fs::write(path("a.mp4"), "no video at all").unwrap();
    sound(&path("c.wav"));
    fs::write(path("d.avi"), &fs::read(&clip).unwrap()[..600]).unwrap();
    let photo = cached("photos/dog.jpg");
    let inputs = [
        path("a.mp4"),
        clip,
        path("c.wav"),
        path("d.avi"),
        path("gone.avi"),
        photo,
    ];
    let inputs: Vec<&Path> = inputs.iter().map(|path| path.as_path()).collect();
    let output = folder.path().join("out");
    let error = fail(annotate(&inputs, &output, &["--video"]));
    assert!(
        error.starts_with("ssdcrp: 4 of 6 inputs could not be annotated"),
        "{error}"
    );

    let records = fs::read_dir(output.join("inputs")).unwrap();
    let mut states: Vec<(String, String)> = records
        .map(|entry| {
            let record: Value =
                serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
            let source = Path::new(record["source"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_owned();
            let error = record["error"].as_str().unwrap_or_default();
            assert_eq!(record["state"] == "failed", !error.is_empty(), "{record}");
            (source.into_string().unwrap(), error.to_owned())
        })
        .collect();
    states.sort();
    println!("{states:#?}");
    let failed: Vec<&str> = states
        .iter()
        .filter(|(_, error)| !error.is_empty())
        .map(|(source, _)| source.as_str())
        .collect();
    assert_eq!(failed, ["a.mp4", "c.wav", "d.avi", "gone.avi"]);
    assert!(states.iter().all(|(_, error)| !error.contains('\n')));
    assert!(
        states
            .iter()
            .any(|(source, error)| source == "c.wav" && error.contains("no video in it"))
    );
    // A photo has rows and no video.
    assert_eq!(fs::read_dir(output.join("detections")).unwrap().count(), 2);
    assert_eq!(pictures(&only(&output.join("videos"))).len(), 2);

    // It is tried again, and what is mended is done.
    fs::copy(inputs[1], path("gone.avi")).unwrap();
    let error = fail(annotate(&inputs, &output, &["--video"]));
    assert!(error.starts_with("ssdcrp: 3 of 6"), "{error}");
    assert!(!output.join("work").exists());
}

#[test]
fn shards_that_run_at_once_make_what_one_run_makes() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    for (index, name) in ["a.avi", "b.avi", "c.avi"].into_iter().enumerate() {
        cut(&inputs, name, 10 * index as u64, 2);
    }
    let outputs = ["one", "shards"].map(|name| folder.path().join(name));
    succeed(annotate(&[&inputs], &outputs[0], &[]));
    let listed = |further: &[&str]| {
        let mut command = annotate(&[&inputs], &outputs[1], &[&["--list"], further].concat());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let all = listed(&[]);
    assert_eq!(all.lines().count(), 3);
    let parts = ["1/2", "2/2"]
        .map(|shard| listed(&["--shard", shard]))
        .concat();
    let mut parts: Vec<&str> = parts.lines().collect();
    parts.sort_unstable();
    assert_eq!(parts, all.lines().collect::<Vec<_>>());
    assert_eq!(listed(&["-0"]), all.replace('\n', "\0"));
    assert!(!outputs[1].exists());
    let shards = ["1/2", "2/2"].map(|shard| {
        annotate(&[&inputs], &outputs[1], &["--shard", shard])
            .spawn()
            .unwrap()
    });
    for mut shard in shards {
        assert!(shard.wait().unwrap().success());
    }
    results::assert_same(&outputs[0], &outputs[1]);
}

#[test]
fn what_cannot_begin_ends_in_one_line_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clip = cut(folder.path(), "clip.avi", 0, 1);
    let output = folder.path().join("out");
    for (further, words) in [
        (&["--set", "target=class:nonsense"][..], "nonsense"),
        (&["--set", "colour=red"], "has no property 'colour'"),
        (&["--model", "/nonexistent.onnx"], "/nonexistent.onnx"),
        (&["rtsp://gate/"], "ssdcrp-monitor"),
    ] {
        let error = fail(annotate(&[&clip], &output, further));
        assert!(error.contains(words), "{error}");
        // Else what is refused would be what the folder is for.
        assert!(!output.exists(), "{further:?}");
    }
    let error = fail(annotate(&[folder.path()], folder.path(), &[]));
    assert!(error.contains("is the folder for the results"), "{error}");
}

/// Before many processes write into a folder, one says what it is made with.
#[test]
fn a_folder_can_be_prepared_without_inputs() {
    let work = tempfile::tempdir().unwrap();
    let output = work.path().join("results");
    let prepare = |further: &[&str]| annotate(&[], &output, &[&["--prepare"], further].concat());
    let error = fail(prepare(&["--set", "traget=class:dog"]));
    assert!(error.contains("traget"), "{error}");
    assert!(!output.exists());
    assert_eq!(succeed(prepare(&[])), "");
    assert!(output.join("manifest.json").exists() && !output.join("work").exists());
    assert_eq!(succeed(prepare(&["--threads", "1"])), "");
    let error = fail(prepare(&["--set", "score-threshold=0.3"]));
    assert!(error.contains("made with other settings"), "{error}");
}
