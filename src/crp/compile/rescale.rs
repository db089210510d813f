//! The rule `rescale`: relevance as R = m ⊙ Δ, where Δ is how far a tensor is from the mean of its map; the multiplier m goes through linear layers by their weights
//! and through activations by a slope.
//!
//! Relevance that other rules hand over arrives as R = c ⊙ x; its coefficient c is the multiplier, R/x where it is not known.

use anyhow::{Context, Result};

use super::convolution::deviations;
use super::linear;
use super::{Compiler, Share};
use crate::crp::composite::Composite;
use crate::crp::layers::LayerTypes;
use crate::crp::rules::{Law, STABILISER, WeightPart};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// m_i = Σ_j w_ij·m_j
pub(super) fn layer(compiler: &mut Compiler, node: &NodeProto, share: Share) -> Result<()> {
    let layer = linear::read(compiler.graph, node)?;
    let multiplier = compiler.multiplier(&share, layer.output());
    let back = layer.backward(&mut compiler.emitter, &multiplier, WeightPart::WHOLE);
    compiler.give_multiplier(layer.input(), back);
    Ok(())
}

/// m_z = s·m_y
pub(super) fn activation(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: Share,
    tolerance: f32,
) -> Result<()> {
    let z = node.input_at(0).context("it has no input")?;
    let multiplier = compiler.multiplier(&share, node.first_output());
    let slope = slope(compiler, node, z, tolerance);
    let back = compiler.emitter.op("Mul", &[&multiplier, &slope], &[]);
    compiler.give_multiplier(z, back);
    Ok(())
}

/// The tolerance with which an activation has a slope, by the rule of the linear layer whose output it takes; `None` where that rule has no slopes.
pub(super) fn tolerance(
    graph: &Graph,
    node: &NodeProto,
    types: &LayerTypes,
    composite: &Composite,
) -> Option<f32> {
    let z = node.input_at(0)?;
    // The nearest one: between layer and activation may lie a residual sum.
    let nearest = graph
        .ancestors([z])
        .into_iter()
        .rev()
        .find_map(|index| types.get(graph.nodes()[index].first_output()))?;
    match composite.law(*nearest) {
        Law::Slopes(tolerance) => Some(tolerance),
        Law::Shares(_) => None,
    }
}

/// (act(b) − act(a)) / (b − a) between z and the mean of its map, F·σ further at both ends.
fn slope(compiler: &mut Compiler, node: &NodeProto, z: &str, tolerance: f32) -> String {
    let margin = deviations(compiler, z, tolerance);
    let mean = compiler.mean(z);
    let emitter = &mut compiler.emitter;
    let low = emitter.op("Min", &[z, &mean], &[]);
    let high = emitter.op("Max", &[z, &mean], &[]);
    let low = emitter.op("Sub", &[&low, &margin], &[]);
    let high = emitter.op("Add", &[&high, &margin], &[]);
    let [before, after] = [&low, &high].map(|end| {
        let mut inputs = node.input.clone();
        inputs[0] = end.to_owned();
        emitter.copy(node, inputs)
    });
    let rise = emitter.op("Sub", &[&after, &before], &[]);
    let run = emitter.op("Sub", &[&high, &low], &[]);
    emitter.op("Div", &[&rise, &run], &[])
}

impl Compiler<'_> {
    /// The mean of each channel over its map; what is no map is its own mean.
    fn mean(&mut self, tensor: &str) -> String {
        match self.graph.feature_map(tensor) {
            Ok(_) => self.emitter.op("GlobalAveragePool", &[tensor], &[]),
            Err(_) => tensor.to_owned(),
        }
    }

    /// The multiplier m of relevance that arrives as R = m ⊙ Δ.
    pub(super) fn arrived_as_multiplier(&self, share: &Share, tensor: &str) -> Option<String> {
        let delta = self.deltas.get(tensor)?;
        (share.base.as_ref() == Some(delta)).then(|| share.coefficient.clone())
    }

    /// The multiplier m of relevance that arrives in whatever form.
    fn multiplier(&mut self, share: &Share, tensor: &str) -> String {
        if let Some(multiplier) = self.arrived_as_multiplier(share, tensor) {
            return multiplier;
        }
        if share.base.as_deref() == Some(tensor) {
            return share.coefficient.clone();
        }
        let stabiliser = self.emitter.scalar(STABILISER);
        let denominator = self.stabilised(tensor, &stabiliser);
        self.divided(share, &denominator)
    }

    /// Hands m ⊙ Δ to `tensor`.
    pub(super) fn give_multiplier(&mut self, tensor: &str, multiplier: String) {
        let mean = self.mean(tensor);
        let delta = self.emitter.op("Sub", &[tensor, &mean], &[]);
        self.deltas.insert(tensor.to_owned(), delta.clone());
        let share = Share {
            coefficient: multiplier,
            base: Some(delta),
        };
        self.give(tensor, share);
    }
}
