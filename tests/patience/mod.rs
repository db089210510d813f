//! Waiting for what comes in its own time.

use std::time::{Duration, Instant};

/// Longer than anything takes on a computer that others use too: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits for something.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
