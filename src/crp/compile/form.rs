//! The forms in which relevance arrives at a tensor x. The rule `rescale` goes on from the factor, so that what moves numbers, picks or scales them keeps the form.

use super::compiler::{Compiler, RelevanceTerm};
use crate::onnx::ops::{Arithmetic, Pooling};

/// How relevance is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RelevanceForm {
    /// R itself.
    Plain,
    /// R = c ⊙ x
    OfValue,
    /// R = m ⊙ Δ, Δ = x − the mean of its channel over the map.
    OfDistance,
}

impl Compiler<'_> {
    /// The form of a share that arrived at `tensor`.
    pub(super) fn form(&self, share: &RelevanceTerm, tensor: &str) -> RelevanceForm {
        match share.base.as_deref() {
            Some(base) if base == tensor => RelevanceForm::OfValue,
            Some(base) if self.distances.get(tensor).is_some_and(|d| d == base) => {
                RelevanceForm::OfDistance
            }
            _ => RelevanceForm::Plain,
        }
    }

    /// Its factor c or m, or R itself.
    pub(super) fn factor(&mut self, share: &RelevanceTerm, form: RelevanceForm) -> String {
        match form {
            RelevanceForm::Plain => self.materialise(share),
            RelevanceForm::OfValue | RelevanceForm::OfDistance => share.coefficient.clone(),
        }
    }

    /// Hands relevance with that factor to `tensor`, in the same form.
    pub(super) fn give_in(&mut self, form: RelevanceForm, tensor: &str, factor: String) {
        let base = match form {
            RelevanceForm::Plain => None,
            RelevanceForm::OfValue => Some(tensor.to_owned()),
            RelevanceForm::OfDistance => Some(self.distance(tensor)),
        };
        let share = RelevanceTerm {
            coefficient: factor,
            base,
        };
        self.give(tensor, share);
    }

    /// The mean of each channel over its map; what is no map is its own mean.
    pub(super) fn mean(&mut self, tensor: &str) -> String {
        match self.graph.feature_map(tensor) {
            Ok(_) if self.has_own_operators => {
                let [mean, _] = self.emitter.own_moments(tensor);
                mean
            }
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
