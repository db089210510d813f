//! What a run says: words and paths in, lines on standard error and standard output out.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::{Context, Result};
use ssdcrp::printable::printable;

use crate::inputs::ArchiveInput;

/// Tells a person something, on standard error.
pub fn say(words: &str) {
    // Without a standard error there is nobody left to tell.
    let _ = writeln!(stderr(), "ssdcrp: {}", printable(&words.replace('\n', " ")));
}

/// Prints a line of what was asked for.
///
/// # Errors
/// It cannot be written.
pub fn print(words: &str) -> Result<()> {
    write(format!("{}\n", printable(words)).as_bytes())
}

/// Prints the inputs as they are, whatever is in their names, for other programs to read: a line each, or each ended by a zero byte.
///
/// # Errors
/// As [`print`].
pub fn list(inputs: &[ArchiveInput], null: bool) -> Result<()> {
    let mut text = Vec::new();
    for input in inputs {
        text.extend(input.real().as_os_str().as_encoded_bytes());
        text.push(if null { 0 } else { b'\n' });
    }
    write(&text)
}

/// Who does not read it any more wanted no more.
fn write(text: &[u8]) -> Result<()> {
    match stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
