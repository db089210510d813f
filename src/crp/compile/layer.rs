//! From a node to the linear layer that it is.
//!
//! Canonical graphs have three kinds: convolutions (fully connected layers, averages and batch normalisation among them), transposed convolutions, and resizing
//! that interpolates.

use anyhow::{Result, bail};

use super::convolution::Convolution;
use super::interpolation::Interpolation;
use super::linear::Linear;
use super::transposed::TransposedConvolution;
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

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
