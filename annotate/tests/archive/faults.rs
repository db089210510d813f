//! Inputs that come and go, computers that fail, and several processes at one input: what is there stays, and nothing is done that does not hold.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ssdcrp::folder_lock::FolderLock;

use crate::footage::{cut, make};
use crate::results;
use crate::tables::only;
use crate::{annotate, fail, said, succeed};

/// A black video that needs little time.
fn small(path: &Path) {
    make(
        path,
        "videotestsrc num-buffers=2 pattern=black ! video/x-raw,width=32,height=32 ! jpegenc ! avimux",
    );
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_was_done_stays_while_its_file_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let clip = cut(folder.path(), "clip.avi", 0, 2);
    let output = folder.path().join("out");
    let told = succeed(annotate(&[&clip], &output, &[]));
    let found = told.split_once(": ").unwrap().1.to_owned();
    let first = results::read(&output);
    let aside = folder.path().join("aside");
    fs::rename(&clip, &aside).unwrap();
    let run = annotate(&[&clip], &output, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let told = String::from_utf8_lossy(&run.stdout);
    assert_eq!(told, format!("done 0, before 0, failed 0, away 1: {found}"));
    let words = said(&run);
    assert!(
        words.contains("what was found in it stays")
            && words.contains("1 of 1 inputs, which were annotated before"),
        "{words}"
    );
    assert_eq!(results::read(&output), first);
    // What of its results is missing cannot be made now, and is no reason to remove the others.
    fs::remove_file(only(&output.join("events"))).unwrap();
    fail(annotate(&[&clip], &output, &[]));
    assert_eq!(entries(&output.join("detections")).len(), 1);
    fs::rename(&aside, &clip).unwrap();
    succeed(annotate(&[&clip], &output, &[]));
    assert_eq!(results::read(&output), first);
}

#[test]
fn an_input_is_taken_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.avi");
    small(&clip);
    let output = folder.path().join("out");
    succeed(annotate(&[&clip], &output, &[]));
    let record = only(&output.join("inputs"));
    let name = record.file_stem().unwrap().to_owned();
    fs::remove_file(&record).unwrap();
    let lock = FolderLock::take(&output.join("work").join(name), "lock").unwrap();
    let run = annotate(&[&clip], &output, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(75), "{}", said(&run));
    assert!(
        said(&run).contains("another process is at work on it"),
        "{}",
        said(&run)
    );
    assert!(String::from_utf8_lossy(&run.stdout).contains("left to others 1"));
    // Whoever had it was killed.
    drop(lock);
    fs::write(
        output
            .join("work")
            .join(record.file_stem().unwrap())
            .join("moov"),
        "x",
    )
    .unwrap();
    fs::create_dir_all(output.join("work/of-somebody-else-0123456789ab/evidence")).unwrap();
    succeed(annotate(&[&clip], &output, &[]));
    assert!(!output.join("work").exists());
}

#[test]
fn processes_that_do_the_same_at_once_make_what_one_makes() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    for name in ["a.avi", "b.avi", "c.avi", "d.avi"] {
        small(&inputs.join(name));
    }
    let outputs = ["one", "many"].map(|name| folder.path().join(name));
    succeed(annotate(&[&inputs], &outputs[0], &["--threads", "1"]));
    let run = || {
        let mut command = annotate(&[&inputs], &outputs[1], &["--threads", "1"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs = [run(), run(), run()];
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        assert!(
            matches!(ended.status.code(), Some(0 | 75)),
            "{}",
            said(&ended)
        );
    }
    succeed(annotate(&[&inputs], &outputs[1], &[]));
    results::assert_same(&outputs[0], &outputs[1]);
}

/// As a full disk does it: files cannot grow beyond some kilobytes.
#[test]
fn a_disk_that_takes_no_more_ends_the_run_and_nothing_counts_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    for name in ["a.avi", "b.avi"] {
        cut(&inputs, name, 0, 12);
    }
    let output = folder.path().join("out");
    let run = annotate(&[&inputs], &output, &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"]);
    limited.arg(run.get_program()).args(run.get_args());
    let ended = limited.output().unwrap();
    let words = said(&ended);
    assert_eq!(ended.status.code(), Some(1), "{words}");
    assert!(
        words.contains("the run ends at 1/2") && !words.contains("2/2"),
        "{words}"
    );
    for none in ["inputs", "results", "detections", "work"] {
        assert_eq!(entries(&output.join(none)), Vec::<PathBuf>::new(), "{none}");
    }
    let told = succeed(annotate(&[&inputs], &output, &[]));
    assert!(
        told.starts_with("done 2, before 0, failed 0: 24 frames"),
        "{told}"
    );
}

#[test]
fn a_name_as_long_as_names_can_be_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join(format!("{}.avi", "門".repeat(83)));
    small(&clip);
    let output = folder.path().join("out");
    succeed(annotate(&[&clip], &output, &["--video", "--evidence"]));
    let table = only(&output.join("detections"));
    assert!(table.file_name().unwrap().len() < 128);
}

#[test]
fn results_are_not_annotated_however_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let camera = folder.path().join("archive/camera");
    fs::create_dir_all(&camera).unwrap();
    small(&camera.join("clip.avi"));
    let output = folder.path().join("out");
    let patterns = ["*/*/*.avi", "*/*/*.mp4"].map(|pattern| folder.path().join(pattern));
    let run = |inputs: &[&Path]| succeed(annotate(inputs, &output, &["--video"]));
    run(&[&patterns[0]]);
    let video = only(&output.join("videos"));
    for inputs in [
        &[&*patterns[0], &patterns[1]][..],
        &[folder.path()],
        &[&camera, &video],
    ] {
        let told = run(inputs);
        assert!(
            told.starts_with("done 0, before 1, failed 0"),
            "{inputs:?}: {told}"
        );
    }
    let error = fail(annotate(&[&output.join("videos")], &output, &["--video"]));
    assert!(error.contains("only results of earlier runs in"), "{error}");
}

#[test]
fn a_record_that_is_not_understood_is_no_reason_to_do_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.avi");
    small(&clip);
    let output = folder.path().join("out");
    succeed(annotate(&[&clip], &output, &[]));
    let record = only(&output.join("inputs"));
    fs::write(&record, r#"{"source": "of a later version"}"#).unwrap();
    let error = fail(annotate(&[&clip], &output, &[]));
    assert!(error.contains("is not understood: remove it"), "{error}");
    assert!(
        fs::read_to_string(&record)
            .unwrap()
            .contains("later version")
    );
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_the_others_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    for name in ["lost+found", "camera"] {
        fs::create_dir_all(inputs.join(name)).unwrap();
    }
    fs::write(inputs.join("camera/a.mp4"), "").unwrap();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&inputs.join("lost+found"), 0o000);
    let mut list = annotate(&[&inputs], &folder.path().join("out"), &["--list"]);
    // Root may read everything.
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        set(folder.path(), 0o755);
        list.uid(65534);
    }
    let ended = list.output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(String::from_utf8_lossy(&ended.stdout).ends_with("/camera/a.mp4\n"));
    let words = said(&ended);
    assert!(
        words.contains("lost+found: ") && words.contains("folders could not be read (1)"),
        "{words}"
    );
    set(&inputs.join("lost+found"), 0o755);
}
