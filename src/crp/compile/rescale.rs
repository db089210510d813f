//! The rule `rescale`: relevance as R = m ⊙ Δ, where Δ is how far a tensor is from the mean of its map; the multiplier m goes through linear layers by their weights
//! and through activations by a slope.
//!
//! Relevance that other rules hand over arrives as R = c ⊙ x; its factor c is the multiplier there, or R/x where a rule gives x no part in what it hands over
//! (`w2`, `flat`, `zb`).

use super::compiler::{Compiler, RelevanceTerm};
use super::form::RelevanceForm;
use super::layer;
use super::linear_rule::deviations;
use crate::crp::composite::Composite;
use crate::crp::layers::LayerTypes;
use crate::crp::rules::{Redistribution, STABILISER, WeightPart};
use crate::error::Result;
use crate::error::model::Context;
use crate::onnx::ops::{Arithmetic, Reduction};
use crate::onnx::{NodeExt, is_fully_connected, proto::NodeProto};

/// m_i = Σ_j w_ij·m_j
pub(super) fn layer(
    compiler: &mut Compiler,
    node: &NodeProto,
    shares: &[RelevanceTerm],
) -> Result<()> {
    let layer = layer::read(compiler.graph, node)?;
    let multiplier = compiler.multiplier(shares, layer.output());
    let back = compiler.back(layer.as_ref(), &multiplier, WeightPart::WHOLE);
    compiler.give_in(RelevanceForm::OfDistance, layer.input(), back);
    Ok(())
}

/// m_z = s·m_y
pub(super) fn activation(
    compiler: &mut Compiler,
    node: &NodeProto,
    shares: &[RelevanceTerm],
    tolerance: f32,
) -> Result<()> {
    let z = node.input_at(0).context("it has no input")?;
    let multiplier = compiler.multiplier(shares, node.first_output());
    let slope = slope(compiler, node, z, tolerance, &multiplier);
    let back = compiler.in_place(Arithmetic::Mul, &multiplier, &slope);
    compiler.give_in(RelevanceForm::OfDistance, z, back);
    Ok(())
}

impl Compiler<'_> {
    /// The tolerance with which an activation has a slope, by the rule of the linear layer whose output it takes; `None` where that rule has no slopes.
    pub fn tolerance(
        &self,
        node: &NodeProto,
        types: &LayerTypes,
        composite: &Composite,
    ) -> Option<f32> {
        let writer = self.graph.producer(node.input_at(0)?)?;
        let layer = &self.graph.nodes()[(*self.layer_before.get(writer)?)?];
        let layer_type = *types.get(layer.first_output())?;
        match composite.redistribution(layer_type, is_fully_connected(layer)) {
            Redistribution::Slopes(tolerance) => Some(tolerance),
            Redistribution::Shares(_) | Redistribution::AsOne => None,
        }
    }
}

/// Of the mean of z: the least that an end of a slope lies beside z, so that float32 tells the two ends apart where all of z is one number.
const LEAST_MARGIN: f32 = 1e-4;

/// (act(b) − act(a)) / (b − a) between z and the mean of its map, F·σ further at both ends; in the windows of `multiplier`, beyond the border of the map any number.
fn slope(
    compiler: &mut Compiler,
    node: &NodeProto,
    z: &str,
    tolerance: f32,
    multiplier: &str,
) -> String {
    let margin = deviations(compiler, z, tolerance);
    let mean = compiler.mean(z);
    let z = &compiler.seen_from(multiplier, z);
    let emitter = &mut compiler.emitter;
    // Maps are of one size.
    let whole = emitter.op(Reduction::ReduceMean, &[&mean], &[]);
    let whole = emitter.op(Arithmetic::Abs, &[&whole], &[]);
    let least = emitter.scalar(LEAST_MARGIN);
    let least = emitter.op(Arithmetic::Mul, &[&whole, &least], &[]);
    let margin = emitter.op(Arithmetic::Max, &[&margin, &least], &[]);
    let low = emitter.op(Arithmetic::Min, &[z, &mean], &[]);
    let high = emitter.op(Arithmetic::Max, &[z, &mean], &[]);
    let low = emitter.op(Arithmetic::Sub, &[&low, &margin], &[]);
    let high = emitter.op(Arithmetic::Add, &[&high, &margin], &[]);
    let [before, after] = [&low, &high].map(|end| {
        let mut inputs = node.input.clone();
        inputs[0] = end.to_owned();
        emitter.copy(node, inputs)
    });
    let rise = emitter.op(Arithmetic::Sub, &[&after, &before], &[]);
    let run = emitter.op(Arithmetic::Sub, &[&high, &low], &[]);
    emitter.op(Arithmetic::Div, &[&rise, &run], &[])
}

impl Compiler<'_> {
    /// Σ of the factors of all that arrived at `tensor`, m for R = m ⊙ Δ and c for R = c ⊙ x; what is written as neither is divided by x.
    fn multiplier(&mut self, shares: &[RelevanceTerm], tensor: &str) -> String {
        let mut sum: Option<String> = None;
        for share in shares {
            let factor = match self.form(share, tensor) {
                RelevanceForm::Plain => {
                    let stabiliser = self.emitter.scalar(STABILISER);
                    let denominator = self.stabilised(tensor, &stabiliser);
                    self.divided(share, &denominator)
                }
                form => self.factor(share, form),
            };
            sum = Some(match sum {
                Some(sum) => self.plus(&sum, &factor),
                None => factor,
            });
        }
        sum.unwrap_or_else(|| self.emitter.scalar(0.0))
    }
}
