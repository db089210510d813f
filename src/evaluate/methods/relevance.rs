//! Relevance propagation under a composite.

use std::sync::Arc;

use super::{Attribution, Method};
use crate::crp::{Composite, Contrast, Propagator, Target, TargetOutput};
use crate::detect::Model;
use crate::error::Result;
use crate::evaluate::photo::EvaluatedPhoto;
use crate::runtime::SessionOptions;

/// A [`Propagator`] as a method.
pub struct Relevance {
    propagator: Propagator,
    name: String,
    /// What every class is contrasted with, whatever is asked.
    contrast: Option<Contrast>,
    is_plain: bool,
}

impl Relevance {
    /// Explains under `composite`, with networks that run as `options` say. With a `contrast` of its own its map of a class is one, whatever it is asked against.
    ///
    /// # Errors
    /// As [`Propagator::new`].
    pub fn new(
        model: Arc<Model>,
        composite: Composite,
        contrast: Option<Contrast>,
        options: SessionOptions,
    ) -> Result<Self> {
        let name = match &contrast {
            Some(contrast) => format!("{composite}@{contrast}"),
            None => composite.to_string(),
        };
        let is_plain = contrast.is_some() || composite.contrast == Contrast::None;
        Ok(Self {
            contrast,
            propagator: Propagator::new(model, composite, options)?,
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
            let mut target = targets[index].clone();
            if let (Some(contrast), TargetOutput::Class(_)) = (&self.contrast, &target.output) {
                target.contrast = Some(contrast.clone());
            }
            for explanation in self.propagator.explain(&photo.forward, &[target])? {
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
