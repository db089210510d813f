//! Relevance propagation under a composite.

use std::sync::Arc;

use super::{Attribution, Method};
use crate::crp::{Composite, Contrast, Propagator, Target, TargetOutput};
use crate::detect::Model;
use crate::error::Result;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::runtime::SessionOptions;

/// An [`Propagator`] as a method.
pub struct Relevance {
    explainer: Propagator,
    name: String,
    is_plain: bool,
}

impl Relevance {
    /// Explains under `composite`, with networks that run as `options` say.
    ///
    /// # Errors
    /// As [`Propagator::new`].
    pub fn new(model: Arc<Model>, composite: Composite, options: SessionOptions) -> Result<Self> {
        let name = composite.to_string();
        let is_plain = composite.contrast == Contrast::None;
        Ok(Self {
            explainer: Propagator::new(model, composite, options)?,
            name,
            is_plain,
        })
    }
}

impl Method for Relevance {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_plain(&self) -> bool {
        self.is_plain
    }

    fn explain(&mut self, photo: &EvaluatedPhoto, targets: &[Target]) -> Result<Vec<Attribution>> {
        // One by one, so that each has a time of its own; sorted, so that those of one head follow each other and find its network.
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|&index| {
            let of_class = matches!(targets[index].output, TargetOutput::Class(_));
            (!of_class, targets[index].default_box)
        });
        let mut answers: Vec<(usize, Attribution)> = Vec::with_capacity(targets.len());
        for index in order {
            let target = std::slice::from_ref(&targets[index]);
            for explanation in self.explainer.explain(&photo.forward, target)? {
                let attribution = Attribution {
                    map: explanation.map(),
                    took: explanation.took,
                };
                answers.push((index, attribution));
            }
        }
        answers.sort_by_key(|(index, _)| *index);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}
