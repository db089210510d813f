//! Relevance layer by layer: how much arrives, how much of it cancels, how it thins out towards the pixels.

use ndarray::Array3;

use super::histogram::Histogram;
use super::layers::LayerType;
use super::question::ResolvedTarget;
use super::rules::Rule;

/// The relevance of one target in every layer.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What was asked.
    pub question: ResolvedTarget,
    /// From the head down to the layer that reads the pixels.
    pub layers: Vec<LayerRelevance>,
    /// R of every input value, `[3, H, W]`.
    pub relevance: Array3<f32>,
}

/// What the outputs of a linear layer, or the pixels, hold.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRelevance {
    /// The layer's output tensor.
    pub tensor: String,
    /// Its type; none for the picture itself.
    pub layer_type: Option<LayerType>,
    /// The rule with which it hands its relevance on; none for the picture itself.
    pub rule: Option<Rule>,
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
    pub(super) fn of<'a>(
        tensor: &str,
        kind: Option<(LayerType, Rule)>,
        relevance: impl Iterator<Item = &'a f32>,
    ) -> Self {
        let mut layer = Self {
            tensor: tensor.to_owned(),
            layer_type: kind.map(|(layer_type, _)| layer_type),
            rule: kind.map(|(_, rule)| rule),
            units: 0,
            sum: 0.0,
            sum_abs: 0.0,
            max_abs: 0.0,
        };
        for &r in relevance {
            let r = f64::from(r);
            layer.units += 1;
            layer.sum += r;
            layer.sum_abs += r.abs();
            layer.max_abs = layer.max_abs.max(r.abs());
        }
        layer
    }

    /// Mean |R| per output.
    pub fn mean_abs(&self) -> f64 {
        self.sum_abs / self.units.max(1) as f64
    }

    /// ΣR / Σ|R|, −1 to 1: near 0 where positive and negative relevance almost cancel. 0 where there is none.
    pub fn balance(&self) -> f64 {
        if self.sum_abs > 0.0 {
            self.sum / self.sum_abs
        } else {
            0.0
        }
    }
}

impl Diagnosis {
    /// The picture itself, as the last row.
    pub fn pixels(&self) -> LayerRelevance {
        LayerRelevance::of("(pixels)", None, self.relevance.iter())
    }

    /// How the R of the input values, the ones that [`Diagnosis::pixels`] adds up, lies around zero, in `2·side + 1` bins.
    pub fn histogram(&self, side: usize) -> Histogram {
        Histogram::of(self.relevance.iter(), side)
    }
}
