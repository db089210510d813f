//! Networks that wait for their next call: an explainer that a call has done with in, the same one for the next call under its composite out.
//!
//! A process that was forked has none of its parent's threads, on which networks run. It leaves the parent's networks alone and loads its own.

use std::mem::{forget, take};
use std::process;

use ssdcrp::{Composite, Explainer};

/// How many are kept, each with networks as large as the model.
const KEPT: usize = 4;

/// A model's explainers, with their composites.
pub struct IdleExplainers {
    /// Whose threads they run on.
    process: u32,
    /// The most recently used first.
    kept: Vec<(Composite, Explainer)>,
}

impl Default for IdleExplainers {
    fn default() -> Self {
        Self {
            process: process::id(),
            kept: Vec::new(),
        }
    }
}

impl IdleExplainers {
    /// The one under a composite, if there is one.
    pub fn take(&mut self, composite: &Composite) -> Option<Explainer> {
        self.leave_the_parents();
        let known = self.kept.iter().position(|(known, _)| known == composite)?;
        Some(self.kept.remove(known).1)
    }

    /// Keeps one. Those that there is no room for are given back, to be dropped where no lock is held.
    pub fn keep(&mut self, composite: Composite, explainer: Explainer) -> impl Sized + use<> {
        self.leave_the_parents();
        self.kept.insert(0, (composite, explainer));
        self.kept.split_off(self.kept.len().min(KEPT))
    }

    /// After a fork, forgets what was loaded before it: dropping that would wait for threads that are not there.
    fn leave_the_parents(&mut self) {
        if self.process != process::id() {
            forget(take(&mut self.kept));
            self.process = process::id();
        }
    }
}

impl Drop for IdleExplainers {
    fn drop(&mut self) {
        self.leave_the_parents();
    }
}
