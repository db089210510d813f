//! The detector of a session, whose forward passes hand over what the explanations that are asked for go on from.
//!
//! In: what frames ask. Out: the detector. It is made anew when something is asked that it does not hand over for yet, which takes about as long as a start; it never hands over less, so that settings
//! that go back and forth, or differ between streams, cost that once.

use std::sync::Arc;

use super::settings::StreamSettings;
use crate::crp::{Composite, Propagator};
use crate::detect::{Detector, Model};
use crate::error::Result;
use crate::runtime::SessionOptions;

/// The detector, and what it hands over.
pub(super) struct Detecting {
    model: Arc<Model>,
    options: SessionOptions,
    detector: Detector,
    handed: Vec<String>,
    /// The composite where none is asked for.
    own: Composite,
    /// The composites that it hands over for.
    composites: Vec<Composite>,
}

impl Detecting {
    /// Loads the network, to begin with for explanations by `composite`, or by the video's own.
    ///
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network; the model's composite is none.
    pub fn new(
        model: Arc<Model>,
        composite: Option<&Composite>,
        options: SessionOptions,
    ) -> Result<Self> {
        let own = Composite::for_video(&model)?;
        let first = composite.unwrap_or(&own).clone();
        let handed = reads(&model, &first, options)?;
        Ok(Self {
            detector: Detector::handing_over(model.clone(), handed.clone(), options)?,
            model,
            options,
            handed,
            own,
            composites: vec![first],
        })
    }

    /// The detector for a frame with these settings.
    ///
    /// # Errors
    /// ONNX Runtime does not take the network with further outputs.
    pub fn for_frame(&mut self, settings: &StreamSettings) -> Result<&mut Detector> {
        let asked = settings.question.composite.as_ref().unwrap_or(&self.own);
        if !self.composites.contains(asked) {
            let asked = asked.clone();
            let before = self.handed.len();
            for tensor in reads(&self.model, &asked, self.options)? {
                if !self.handed.contains(&tensor) {
                    self.handed.push(tensor);
                }
            }
            if self.handed.len() > before {
                let (model, handed) = (self.model.clone(), self.handed.clone());
                self.detector = Detector::handing_over(model, handed, self.options)?;
            }
            self.composites.push(asked);
        }
        Ok(&mut self.detector)
    }
}

/// What explanations by a composite go on from; nothing where the model cannot be explained, of which the explainer tells.
fn reads(
    model: &Arc<Model>,
    composite: &Composite,
    options: SessionOptions,
) -> Result<Vec<String>> {
    let mut explainer = Propagator::new(model.clone(), composite.clone(), options)?;
    Ok(explainer.reads().to_vec())
}
