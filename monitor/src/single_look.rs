//! What comes of looking at one picture: the engine's news in, what was found and explained out, for whoever waits for it.

use std::sync::{Arc, Mutex};

use ssdcrp::lock::lock;
use ssdcrp::stream::{ExplainedObject, News, Observation, Unmatched};

/// News of the picture that is looked at, until they are taken.
#[derive(Default)]
pub struct SingleLook(Mutex<LookOutcome>);

/// What was found in a picture.
#[derive(Default)]
pub struct LookOutcome {
    /// What somebody else detected and cannot be explained.
    pub unmatched: Vec<Unmatched>,
    /// Best first.
    pub explained: Vec<Arc<ExplainedObject>>,
    /// In which colour it is drawn what speaks for an answer.
    pub colour: &'static str,
    /// Why there is no explanation.
    pub failure: Option<String>,
}

impl SingleLook {
    /// What was told since the last call.
    pub fn take(&self) -> LookOutcome {
        std::mem::take(&mut lock(&self.0))
    }

    pub fn tell(&self, news: News) {
        let mut found = lock(&self.0);
        match news {
            News::Frame {
                observation,
                explained,
                ..
            } => {
                found.unmatched.clone_from(&observation.unmatched);
                found.colour = colour(observation);
                if !explained.is_empty() {
                    found.explained = explained.to_vec();
                }
            }
            News::Unexplained(error) => found.failure = Some(format!("{error:#}")),
            News::Event { .. }
            | News::EvidenceKept { .. }
            | News::Missing { .. }
            | News::EvidenceLeftOut { .. } => {}
        }
    }
}

/// What speaks for an answer is drawn in.
pub fn colour(observation: &Observation) -> &'static str {
    let display = &observation.settings().display;
    display.colours.positive_name()
}
