//! Who goes first where cores are few: the threads that carry video, before those that run networks.
//!
//! In: work that starts threads. Out: its result; the threads have a lower priority than those of the pipeline.

/// How much nicer than others, of at most 19: decoders, encoders and the streaming thread get four fifths of a core that both
/// want. Where nobody else wants it, nothing becomes slower.
#[cfg(target_os = "linux")]
const NICER: i32 = 6;

/// Runs `start` on a thread of low priority, and waits for it. Threads begun there have the same priority: on Linux each has
/// its own and passes it on. On other systems, where it is the whole process's, nothing is changed.
///
/// # Panics
/// Where `start` does.
pub fn lowered<R: Send>(start: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // Who may not be nice works all the same.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(NICER);
            start()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::nice(0).unwrap()
    }

    #[test]
    fn threads_begun_in_it_yield_and_others_do_not() {
        let before = niceness();
        let [inside, begun] = lowered(|| {
            let begun = std::thread::spawn(niceness);
            [niceness(), begun.join().unwrap()]
        });
        let expected = (before + NICER).min(19);
        assert_eq!([inside, begun, niceness()], [expected, expected, before]);
    }
}
