//! Ctrl-C, where a long run has something to put away or to say first: SIGINT in, whether it came out. The second one ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use super::output;

/// As shells say that SIGINT has ended a process.
pub const INTERRUPTED: u8 = 130;

/// Whether the run is to end.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes SIGINT from here on, and says `words` when it comes; a process may do this once.
    ///
    /// # Errors
    /// The system does not let signals be taken.
    pub fn listen(words: &'static str) -> Result<Self> {
        let interrupt = Self(Arc::default());
        let came = interrupt.0.clone();
        ctrlc::set_handler(move || {
            if came.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED.into());
            }
            output::note(&format!("interrupted: {words}; Ctrl-C again ends at once"));
        })
        .context("Ctrl-C cannot be listened to")?;
        Ok(interrupt)
    }

    /// Whether it came.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
