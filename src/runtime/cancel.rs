//! Cancelling: what takes long can be ended from another thread.
//!
//! In: a call of [`CancelToken::cancel`], once and for ever. Out: networks that run or load under the token end within milliseconds, and none begins any more. Whoever wants to go on
//! makes a new token.

use std::fmt;
use std::sync::{Arc, Mutex};

use ort::session::RunOptions;
use ort::session::builder::LoadCanceler;

use crate::lock::lock;

/// Says whether work is still wanted; clones are the same token.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Mutex<Work>>);

/// What is under way under a token.
#[derive(Default)]
struct Work {
    cancelled: bool,
    next: u64,
    running: Vec<(u64, Handle)>,
}

/// What ends a run or a load in ONNX Runtime.
pub(super) enum Handle {
    Run(Arc<RunOptions>),
    Load(LoadCanceler),
}

impl Handle {
    fn end(&self) {
        // What cannot be ended ends by itself.
        match self {
            Self::Run(options) => drop(options.terminate()),
            Self::Load(canceler) => drop(canceler.cancel()),
        }
    }
}

impl CancelToken {
    /// Ends what is under way. Nothing under this token is begun any more.
    pub fn cancel(&self) {
        let mut work = lock(&self.0);
        work.cancelled = true;
        work.running.iter().for_each(|(_, handle)| handle.end());
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        lock(&self.0).cancelled
    }

    /// Puts something under the token for as long as the guard lives; `None` where it was cancelled before.
    pub(super) fn guard(&self, handle: Handle) -> Option<CancelGuard> {
        let mut work = lock(&self.0);
        if work.cancelled {
            return None;
        }
        let id = work.next;
        work.next += 1;
        work.running.push((id, handle));
        drop(work);
        let token = self.clone();
        Some(CancelGuard { token, id })
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let cancelled = self.is_cancelled();
        f.debug_struct("CancelToken")
            .field("cancelled", &cancelled)
            .finish_non_exhaustive()
    }
}

/// Keeps something under a token.
pub(super) struct CancelGuard {
    token: CancelToken,
    id: u64,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let mut work = lock(&self.token.0);
        work.running.retain(|(id, _)| *id != self.id);
    }
}
