//! `ssdcrp annotate` as its users have it: real footage in, a folder of results out, also where it is killed, where inputs fail, and where several work at once.
//!
//! Needs ONNX Runtime and the footage, which `make test` puts into the cache.

#[path = "../../../tests/cache/mod.rs"]
mod cache;
mod faults;
mod footage;
mod frames;
mod kills;
#[path = "../../../tests/manual/mod.rs"]
mod manual;
#[path = "../../../tests/random/mod.rs"]
mod random;
mod results;
mod runs;
mod tables;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program with inputs and a folder for results, and further arguments.
fn annotate(inputs: &[&Path], output: &Path, further: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssdcrp-annotate"));
    command.args(inputs).arg("-o").arg(output).args(further);
    command.stdin(Stdio::null());
    command
}

/// What a run printed that has to end well.
fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The last line on standard error of a run that has to fail.
fn fail(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output).lines().last().unwrap_or_default().to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn its_page_and_completions_name_every_option() {
    let program = env!("CARGO_BIN_EXE_ssdcrp-annotate");
    manual::check("ssdcrp-annotate", program, &[]);
}
