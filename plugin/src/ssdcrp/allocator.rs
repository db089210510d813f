//! Memory that was freed goes back to the system when the element stops.
//!
//! The C library keeps what is freed, for each group of threads apart (its arenas), and the threads of the next start are seldom those that get it: a process
//! that starts and stops the model again and again would keep twice what one start needs. Threads of other streams that allocate meanwhile wait for
//! some milliseconds.

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
