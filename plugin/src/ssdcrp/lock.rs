//! Locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// No invariant can be broken halfway in what the element's locks hold.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
