//! A run that is killed again and again ends like one that is left alone.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::footage::cut;
use crate::random::Random;
use crate::results;
use crate::{annotate, succeed};

const KILLS: usize = 10;
/// Inputs, of which a kill lets at most one become done.
const INPUTS: u64 = 12;
const FRAMES: u64 = 5;

/// The number of files below a folder, and of lines of results that are being written: what a run has come to, whatever time it took.
fn progress(output: &Path) -> usize {
    let mut seen = 0;
    let mut folders = vec![output.to_owned()];
    while let Some(folder) = folders.pop() {
        // What is listed may be gone.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            seen += 1;
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("results") {
                seen += fs::read(path)
                    .map_or(0, |text| text.iter().filter(|&&byte| byte == b'\n').count());
            }
        }
    }
    seen
}

/// How many inputs are done.
fn done(output: &Path) -> usize {
    let records = fs::read_dir(output.join("inputs"))
        .into_iter()
        .flatten()
        .flatten();
    let names = records.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".json")).count()
}

/// Waits until the run has gone on by so many steps, or one more input is done, and a little longer, and kills it. Says whether it was still running.
fn kill(mut child: Child, output: &Path, steps: usize, further: Duration) -> bool {
    let mut last = progress(output);
    let (mut left, before) = (steps, done(output));
    while left > 0 && done(output) == before {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let now = progress(output);
        left -= usize::from(now != last);
        last = now;
        sleep(Duration::from_millis(1));
    }
    sleep(further);
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn a_run_that_is_killed_ten_times_ends_like_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    for index in 0..INPUTS {
        cut(&inputs, &format!("{index:02}.avi"), 5 * index, FRAMES);
    }
    let outputs = ["undisturbed", "killed"].map(|name| folder.path().join(name));
    let run = |output: &Path| {
        annotate(
            &[&inputs],
            output,
            &["--video", "--evidence", "--set", "event-confirm=100000000"],
        )
    };
    succeed(run(&outputs[0]));

    let mut random = Random::new(18);
    for number in 0..KILLS {
        let mut command = run(&outputs[1]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (steps, further) = (
            random.below(60),
            Duration::from_millis(random.below(30) as u64),
        );
        let running = kill(child, &outputs[1], steps, further);
        let done = done(&outputs[1]);
        println!("killed after {steps} steps and {further:?}: {done} of {INPUTS} inputs were done");
        assert!(running, "kill {number} came too late");
    }
    let told = succeed(run(&outputs[1]));
    println!("{told}");
    results::assert_same(&outputs[0], &outputs[1]);
    // The last run had something left to do, and something was done before.
    assert!(
        !told.starts_with("done 0,") && !told.contains("before 0,"),
        "{told}"
    );
}
