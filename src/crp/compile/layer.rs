//! From a node to the linear layer that it is.
//!
//! Canonical graphs have three kinds: convolutions (fully connected layers, averages and batch normalisation among them), transposed convolutions, and resizing
//! that interpolates.

use super::convolution::ConvolutionLayer;
use super::interpolation::Interpolation;
use super::linear::Linear;
use super::transposed::TransposedLayer;
use crate::error::Result;
use crate::error::model::bail;
use crate::onnx::ops::{Convolution, Op, Resizing};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// The linear layer that a node is.
///
/// # Errors
/// Another operator, weights that are computed, attributes that contradict the shapes.
pub(super) fn read<'a>(graph: &Graph, node: &'a NodeProto) -> Result<Box<dyn Linear + 'a>> {
    Ok(match Op::of(node) {
        Op::Convolution(Convolution::Conv) => Box::new(ConvolutionLayer::read(graph, node)?),
        Op::Convolution(Convolution::ConvTranspose) => {
            Box::new(TransposedLayer::read(graph, node)?)
        }
        Op::Resizing(Resizing::Resize) => Box::new(Interpolation::read(graph, node)?),
        _ => bail!("{} is no linear layer", node.operator()),
    })
}
