//! Relevance layer by layer: how much arrives, how much of it cancels, how it thins out towards the pixels.

use ndarray::{Array3, ArrayD};

use super::layers::LayerType;
use super::question::Question;
use super::rules::Rule;

/// The relevance of one target in every layer.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What was asked.
    pub question: Question,
    /// From the head down to the layer that reads the pixels.
    pub layers: Vec<LayerRelevance>,
    /// R of every input value, `[3, H, W]`.
    pub relevance: Array3<f32>,
}

/// What the outputs of a linear layer hold.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRelevance {
    /// The layer's output tensor.
    pub tensor: String,
    /// Its type.
    pub layer_type: LayerType,
    /// The rule with which it hands its relevance on.
    pub rule: Rule,
    /// The number of its outputs.
    pub units: usize,
    /// ΣR
    pub sum: f64,
    /// Σ|R|
    pub sum_abs: f64,
    /// max |R|
    pub max_abs: f64,
}

impl LayerRelevance {
    pub(super) fn of(
        tensor: &str,
        layer_type: LayerType,
        rule: Rule,
        relevance: &ArrayD<f32>,
    ) -> Self {
        let values = || relevance.iter().map(|&r| f64::from(r));
        Self {
            tensor: tensor.to_owned(),
            layer_type,
            rule,
            units: relevance.len(),
            sum: values().sum(),
            sum_abs: values().map(f64::abs).sum(),
            max_abs: values().fold(0.0, |most, r| most.max(r.abs())),
        }
    }

    /// Mean |R| per output.
    pub fn mean_abs(&self) -> f64 {
        self.sum_abs / self.units.max(1) as f64
    }
}
