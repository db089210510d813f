//! A run that is killed again and again ends like one that is left alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::footage::cut;
use crate::random::Random;
use crate::results;
use crate::{annotate, succeed};

const KILLS: usize = 10;
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

/// The records of the inputs that are done.
fn done(output: &Path) -> Vec<PathBuf> {
    let records = fs::read_dir(output.join("inputs"))
        .into_iter()
        .flatten()
        .flatten();
    let paths = records.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect()
}

/// Waits until the run has gone on by so many steps, or one more input is done, and a little longer, and kills it. Says whether it was still running.
fn kill(mut child: Child, output: &Path, steps: usize, further: Duration) -> bool {
    let mut last = progress(output);
    let (mut left, before) = (steps, done(output).len());
    while left > 0 && done(output).len() == before && child.try_wait().unwrap().is_none() {
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

/// Makes one of the inputs that are done one that is not, so that there is something to do however fast a run was.
fn undo_one(output: &Path) {
    fs::remove_file(&done(output)[0]).unwrap();
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
    let mut kills = 0;
    while kills < KILLS {
        let mut command = run(&outputs[1]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Every other time an input gets done.
        let steps = match kills % 2 {
            0 => usize::MAX,
            _ => random.below(60),
        };
        let further = Duration::from_millis(random.below(30) as u64);
        let running = kill(child, &outputs[1], steps, further);
        let done = done(&outputs[1]).len();
        println!("killed after {steps} steps and {further:?}: {done} of {INPUTS} inputs were done");
        kills += usize::from(running);
        if done == INPUTS as usize {
            undo_one(&outputs[1]);
        }
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
