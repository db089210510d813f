//! `ssdcrp annotate`: hands over to the program `ssdcrp-annotate`, which decodes videos by GStreamer; the engine and this command know none.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow};
use clap::Args;

use super::engine::Engine;

/// The program, beside this one or on the path.
const PROGRAM: &str = "ssdcrp-annotate";

/// Detect and explain in every frame of videos, whole folders of them, and keep the results as tables and as explained videos: ssdcrp annotate --help
#[derive(Debug, Args)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Annotate {
    /// What ssdcrp-annotate takes
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    arguments: Vec<OsString>,
}

impl Annotate {
    /// Becomes that program.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn run(&self, engine: &Engine) -> Result<ExitCode> {
        let mut command = Command::new(program());
        command.args(engine.arguments()).args(&self.arguments);
        replace_by(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow!(
                "annotate needs {PROGRAM}, which decodes videos by GStreamer and is neither beside this program nor on the path: build it with cargo build --release --workspace, or use make install"
            ),
            _ => anyhow!(error).context(format!("cannot start {PROGRAM}")),
        })
    }
}

/// The program's path, or its name for the system to look for.
fn program() -> PathBuf {
    let beside = ssdcrp::runtime::this_program();
    let beside = beside.map(|own| {
        own.with_file_name(PROGRAM)
            .with_extension(env::consts::EXE_EXTENSION)
    });
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PROGRAM.into())
}

/// Runs `command` in place of this process, so that signals and the exit status are its own.
#[cfg(unix)]
fn replace_by(command: &mut Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(command.exec())
}

/// Runs `command` to its end.
#[cfg(not(unix))]
fn replace_by(command: &mut Command) -> io::Result<ExitCode> {
    let code = command.status()?.code();
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}
