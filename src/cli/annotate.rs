//! `ssdcrp annotate`: hands over to the program `ssdcrp-annotate`, which decodes videos by GStreamer; the engine and this command know none.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use super::engine::Engine;
use super::{decoder, output};

/// Detect and explain in every frame of videos and in photos, whole folders of them, and write tables, and explained videos if wanted: ssdcrp annotate --help
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
        let mut command = Command::new(decoder::program());
        command.args(engine.arguments());
        if output::is_quiet() {
            command.arg("--quiet");
        }
        command.args(&self.arguments);
        replace_by(&mut command).map_err(|error| decoder::cannot_start("annotate", error))
    }
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
