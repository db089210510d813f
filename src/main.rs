//! The `ssdcrp` command: detections of a photo, and why the network made them. Arguments in; text, JSON and files out.
//!
//! Exit status: 0 done; 1 failed, a question or composite that is not understood included, with one line on standard error that says why; 2 wrong
//! usage, as clap tells it; 3 a limit of `compare` is exceeded; 130 Ctrl-C has ended a run that has put away what is done.

#![forbid(unsafe_code)]

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(status) = ssdcrp_manual::write_if_asked("ssdcrp", cli::shown) {
        return status;
    }
    if let Some(program) = ssdcrp::runtime::this_program() {
        ssdcrp::runtime::installed_at(&program);
    }
    let arguments = cli::with_lists_joined(std::env::args_os());
    match cli::run(&cli::Arguments::parse_from(arguments)) {
        Ok(status) => status,
        Err(error) => {
            // Without a standard error there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "ssdcrp: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes in one line. Causes may come from elsewhere and be of several lines, and file names may hold anything.
fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}").replace(char::is_control, " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_is_one_line() {
        let error = anyhow!("line 3\n  |\n3 | x\u{1b}[31m = ?\n").context("cannot read a.toml");
        assert_eq!(
            one_line(&error),
            "cannot read a.toml: line 3 | 3 | x [31m = ?"
        );
    }
}
