//! What a run ran on, as far as the system tells, and of which commit.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use serde::{Deserialize, Serialize};

/// Said of what the system does not tell.
const UNKNOWN: &str = "unknown";

/// A machine at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of its cores may be used.
    pub cores: usize,
    /// In GB.
    pub memory: u64,
    /// Version of the library that `ORT_DYLIB_PATH` names.
    pub onnx_runtime: String,
    /// The system's.
    pub kernel: String,
    /// Day of the run, UTC.
    pub date: String,
    /// What was measured; `+` where it was changed since.
    pub commit: String,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or(UNKNOWN.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory: memory().unwrap_or_default(),
            onnx_runtime: onnx_runtime().unwrap_or(UNKNOWN.to_owned()),
            kernel: said("uname", &["-r"]),
            date: said("date", &["-u", "+%F"]),
            commit: commit(),
        }
    }
}

/// The first value of a name in one of the system's files of lines `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    value(&text, name).map(str::to_owned)
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = values.filter(|(found, _)| found.trim() == name);
    values.next().map(|(_, value)| value.trim())
}

fn memory() -> Option<u64> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kilobytes: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some((kilobytes + 500_000) / 1_000_000)
}

/// The library's name ends with its version.
fn onnx_runtime() -> Option<String> {
    let library = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH")?);
    let library = fs::canonicalize(library).ok()?;
    version(library.file_name()?.to_str()?).map(str::to_owned)
}

fn version(name: &str) -> Option<&str> {
    name.strip_prefix("libonnxruntime.so.")
}

fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]);
    match changed.as_str() {
        // It says nothing where nothing was changed.
        UNKNOWN => commit,
        _ => commit + "+",
    }
}

/// What a program says, on one line.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let output = output.filter(|output| output.status.success());
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    let text = text.map(|text| text.trim().to_owned());
    text.filter(|text| !text.is_empty())
        .unwrap_or(UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_cores_is_read() {
        let text =
            "processor\t: 0\nmodel name\t: A processor @ 2 GHz\nprocessor\t: 1\nmodel name\t: B\n";
        assert_eq!(value(text, "model name"), Some("A processor @ 2 GHz"));
        assert_eq!(value(text, "flags"), None);
    }

    #[test]
    fn a_library_is_named_by_its_version() {
        assert_eq!(version("libonnxruntime.so.1.32.0"), Some("1.32.0"));
        assert_eq!(version("libonnxruntime.so"), None);
    }

    #[test]
    fn a_program_that_does_not_exist_says_nothing() {
        assert_eq!(said("there-is-no-such-program", &[]), UNKNOWN);
    }
}
