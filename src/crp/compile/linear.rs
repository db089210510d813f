//! Linear layers: what the rules ask of a layer y = W·x + b, whatever operator it is.
//!
//! Canonical graphs have three kinds: convolutions (fully connected layers, averages and batch normalisation among them), transposed convolutions, and resizing
//! that interpolates.

use anyhow::{Result, bail};

use super::backward::Convolution;
use super::interpolation::Interpolation;
use super::transposed::TransposedConvolution;
use crate::crp::rules::WeightPart;
use crate::onnx::{Emitter, Graph, NodeExt, proto::NodeProto};

/// A linear layer with constant weights w_ij from input i to output j. Feature maps are `[N, C, H, W]`, N = 1 in the forward pass.
pub(super) trait Linear {
    /// x
    fn input(&self) -> &str;

    /// z
    fn output(&self) -> &str;

    /// Σ_i x_i·ω(w_ij) for every output j; `bias` is added if given.
    fn forward(
        &self,
        emitter: &mut Emitter,
        x: &str,
        part: WeightPart,
        bias: Option<f32>,
    ) -> String;

    /// The same for x = 1; inputs in the padding are none.
    fn forward_ones(&self, emitter: &mut Emitter, part: WeightPart, bias: Option<f32>) -> String;

    /// Σ_j s_j·ω(w_ij) for every input i.
    fn backward(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String;
}

/// The linear layer that a node is.
///
/// # Errors
/// Another operator, weights that are computed, attributes that contradict the shapes.
pub(super) fn read<'a>(graph: &Graph, node: &'a NodeProto) -> Result<Box<dyn Linear + 'a>> {
    Ok(match node.op() {
        "Conv" => Box::new(Convolution::read(graph, node)?),
        "ConvTranspose" => Box::new(TransposedConvolution::read(graph, node)?),
        "Resize" => Box::new(Interpolation::read(graph, node)?),
        operator => bail!("{operator} is no linear layer"),
    })
}
