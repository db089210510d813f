//! The program that decodes videos by GStreamer, which the engine and this command do not know: where it is, and what is said where it is missing.

use std::env;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::anyhow;

/// The program, beside this one or on the path.
const PROGRAM: &str = "ssdcrp-annotate";

/// The program's path, or its name for the system to look for.
pub fn program() -> PathBuf {
    let beside = ssdcrp::runtime::this_program();
    let beside = beside.map(|own| {
        own.with_file_name(PROGRAM)
            .with_extension(env::consts::EXE_EXTENSION)
    });
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PROGRAM.into())
}

/// Why the program could not be started for what needs it.
pub fn cannot_start(needed_for: &str, error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow!(
            "{needed_for} needs {PROGRAM}, which decodes videos by GStreamer and is neither beside this program nor on the path: build it with cargo build --release --workspace, or use make install"
        ),
        _ => anyhow!(error).context(format!("cannot start {PROGRAM}")),
    }
}
