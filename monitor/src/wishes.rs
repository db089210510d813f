//! What signals ask for: signals in, the next thing to do out. A stop is never lost and comes first; what is asked for twice before it is done is done once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use ssdcrp::lock::lock;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    Stop,
    Reload,
}

/// What was asked for and is not done.
#[derive(Default)]
pub struct Wishes {
    /// Whether it is to stop, and whether to reload.
    open: Mutex<(bool, bool)>,
    news: Condvar,
}

impl Wishes {
    /// Those of SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// The system does not let signals be listened to.
    pub fn of_signals(server: &Runtime, at_hangup: Wish) -> Result<Arc<Self>> {
        let wishes = Arc::<Self>::default();
        let _context = server.enter();
        for (kind, wish) in [
            (SignalKind::interrupt(), Wish::Stop),
            (SignalKind::terminate(), Wish::Stop),
            (SignalKind::hangup(), at_hangup),
        ] {
            let mut signal = signal(kind).context("signals cannot be listened to")?;
            let wishes = wishes.clone();
            server.spawn(async move {
                while signal.recv().await.is_some() {
                    wishes.tell(wish);
                }
            });
        }
        Ok(wishes)
    }

    /// Somebody wishes it.
    pub fn tell(&self, wish: Wish) {
        let mut open = lock(&self.open);
        match wish {
            Wish::Stop => open.0 = true,
            Wish::Reload => open.1 = true,
        }
        self.news.notify_all();
    }

    /// The next one, `None` where there is none for so long. Who is to stop is told so again and again.
    pub fn next(&self, patience: Duration) -> Option<Wish> {
        let is_none = |open: &mut (bool, bool)| *open == (false, false);
        let waited = (self.news).wait_timeout_while(lock(&self.open), patience, is_none);
        let (mut open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match *open {
            (true, _) => Some(Wish::Stop),
            (false, true) => {
                open.1 = false;
                Some(Wish::Reload)
            }
            (false, false) => None,
        }
    }

    /// Whether it is to stop.
    pub fn is_stop(&self) -> bool {
        lock(&self.open).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_not_lost_behind_reloads_and_these_are_one() {
        let (wishes, none) = (Wishes::default(), Duration::ZERO);
        assert_eq!(wishes.next(none), None);
        for _ in 0..9 {
            wishes.tell(Wish::Reload);
        }
        assert_eq!(
            [wishes.next(none), wishes.next(none)],
            [Some(Wish::Reload), None]
        );
        for _ in 0..9 {
            wishes.tell(Wish::Reload);
        }
        wishes.tell(Wish::Stop);
        assert!(wishes.is_stop() && wishes.next(none) == Some(Wish::Stop));
    }
}
