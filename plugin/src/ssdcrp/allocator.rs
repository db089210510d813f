//! Memory that was freed goes back to the system when the element stops, and now and then while it plays.
//!
//! The C library keeps what is freed, for each group of threads apart (its arenas), up to 64 MB of each once something large was freed. The threads of the next start are seldom those that get it:
//! a process that starts and stops the model again and again would keep twice what one start needs, and a live element keeps as much as its largest answers took. Threads that allocate meanwhile
//! wait for some milliseconds.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ::ssdcrp::lock::lock;

/// The time between two givings while an element plays.
const EVERY: Duration = Duration::from_secs(10);

/// When that was done last, by any element of the process: memory is the process's.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Gives back what is free, unless that was done less than ten seconds ago.
pub fn give_back_now_and_then() {
    let now = Instant::now();
    let mut last = lock(&LAST);
    if last.is_none_or(|last| now - last >= EVERY) {
        *last = Some(now);
        drop(last);
        give_back();
    }
}

/// Gives back what is free, where the C library is one that keeps it (glibc).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library's function has no safe name")]
pub fn give_back() {
    // SAFETY: it may be called by any thread at any time, and changes nothing that is in use.
    unsafe { libc::malloc_trim(0) };
}

/// Gives back what is free, where the C library is one that keeps it (glibc).
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
