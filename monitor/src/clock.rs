//! The computer's clock: nothing in, the time since 1970 out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970, UTC; 0 on a clock that is set before that.
pub fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}
