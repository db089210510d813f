//! The detector of a session, whose forward passes hand over what the explanations that are asked for go on from.
//!
//! In: what frames ask. Out: the detector. It is made anew when something is asked that it does not hand over for yet, which takes about as long as a start; it never hands over less, so that settings
//! that go back and forth, or differ between streams, cost that once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::explaining::Explaining;
use super::settings::StreamSettings;
use crate::crp::{Composite, Propagator};
use crate::detect::{Detector, Model};
use crate::error::Result;
use crate::runtime::SessionOptions;

/// Composites that are remembered, the newest ones: an older one is looked into again when it is asked for.
const REMEMBERED: usize = 16;

/// The detector, and what it hands over.
pub(super) struct Detecting {
    model: Arc<Model>,
    options: SessionOptions,
    detector: Detector,
    handed: Vec<String>,
    /// The composite where none is asked for.
    own: Composite,
    /// Composites that it hands over for, or cannot.
    composites: VecDeque<Composite>,
}

impl Detecting {
    /// Loads the network, to begin with for what `explaining` begins with.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network.
    pub fn new(
        model: Arc<Model>,
        explaining: &mut Explaining,
        options: SessionOptions,
    ) -> Result<Self> {
        let handed = explaining.reads().to_vec();
        Ok(Self {
            detector: Detector::handing_over(model.clone(), handed.clone(), options)?,
            model,
            options,
            handed,
            own: explaining.own().clone(),
            composites: VecDeque::from([explaining.composite().clone()]),
        })
    }

    /// The detector for a frame with these settings. Where it cannot hand over what they ask for, explanations compute it themselves.
    pub fn for_frame(&mut self, settings: &StreamSettings) -> &mut Detector {
        let asked = settings.question.composite.as_ref().unwrap_or(&self.own);
        if !self.composites.contains(asked) {
            let asked = asked.clone();
            if let Ok(further) = self.further(&asked)
                && !further.is_empty()
            {
                let handed = [self.handed.clone(), further].concat();
                let (model, asked_for) = (self.model.clone(), handed.clone());
                if let Ok(detector) = Detector::handing_over(model, asked_for, self.options) {
                    (self.detector, self.handed) = (detector, handed);
                }
            }
            self.composites.truncate(REMEMBERED - 1);
            self.composites.push_front(asked);
        }
        &mut self.detector
    }

    /// The tensors that explanations by a composite go on from and that are not handed over yet.
    fn further(&self, composite: &Composite) -> Result<Vec<String>> {
        let (model, composite) = (self.model.clone(), composite.clone());
        let mut explainer = Propagator::new(model, composite, self.options)?;
        let reads = explainer.reads().iter();
        let further = reads.filter(|tensor| !self.handed.contains(tensor));
        Ok(further.cloned().collect())
    }
}
