//! The forms in which relevance arrives at a tensor x. The rule `rescale` goes on from the factor, so that what moves numbers, picks or scales them keeps the form.

use super::compiler::{Compiler, Share};
use crate::onnx::ops::{Arithmetic, Pooling};

/// How relevance is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// R itself.
    Plain,
    /// R = c ⊙ x
    OfValue,
    /// R = m ⊙ Δ, Δ = x − the mean of its channel over the map.
    OfDistance,
}

impl Compiler<'_> {
    /// The form of a share that arrived at `tensor`.
    pub(super) fn form(&self, share: &Share, tensor: &str) -> Form {
        match share.base.as_deref() {
            Some(base) if base == tensor => Form::OfValue,
            Some(base) if self.distances.get(tensor).is_some_and(|d| d == base) => Form::OfDistance,
            _ => Form::Plain,
        }
    }

    /// Its factor c or m, or R itself.
    pub(super) fn factor(&mut self, share: &Share, form: Form) -> String {
        match form {
            Form::Plain => self.materialise(share),
            Form::OfValue | Form::OfDistance => share.coefficient.clone(),
        }
    }

    /// Hands relevance with that factor to `tensor`, in the same form.
    pub(super) fn give_in(&mut self, form: Form, tensor: &str, factor: String) {
        let base = match form {
            Form::Plain => None,
            Form::OfValue => Some(tensor.to_owned()),
            Form::OfDistance => Some(self.distance(tensor)),
        };
        let share = Share {
            coefficient: factor,
            base,
        };
        self.give(tensor, share);
    }

    /// The mean of each channel over its map; what is no map is its own mean.
    pub(super) fn mean(&mut self, tensor: &str) -> String {
        match self.graph.feature_map(tensor) {
            Ok(_) => self.emitter.op(Pooling::GlobalAveragePool, &[tensor], &[]),
            Err(_) => tensor.to_owned(),
        }
    }

    fn distance(&mut self, tensor: &str) -> String {
        let mean = self.mean(tensor);
        let distance = self.emitter.op(Arithmetic::Sub, &[tensor, &mean], &[]);
        self.distances.insert(tensor.to_owned(), distance.clone());
        distance
    }
}
