//! Activations pass relevance through: what y receives, z receives.

use anyhow::{Context, Result};

use super::{Compiler, Share};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

pub(super) fn propagate(compiler: &mut Compiler, node: &NodeProto, share: Share) -> Result<()> {
    let input = node.input_at(0).context("it has no input")?;
    compiler.give(input, share);
    Ok(())
}

/// Whether a tensor can hold no negative number, judged by the operator that writes it.
pub(super) fn is_non_negative(graph: &Graph, tensor: &str) -> bool {
    let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
        return false;
    };
    match node.op() {
        "Relu" | "Sigmoid" | "Softmax" => true,
        "Clip" => node
            .input_at(1)
            .and_then(|low| graph.constant(low).ok())
            .is_some_and(|low| low.data.iter().all(|&value| value >= 0.0)),
        "MaxPool" => node
            .input_at(0)
            .is_some_and(|input| is_non_negative(graph, input)),
        _ => false,
    }
}

/// Whether y is an activation of z that is 0 for every z ≤ 0.
pub(super) fn rectifies(graph: &Graph, y: &str, z: &str) -> bool {
    let Some(node) = graph.producer(y).map(|index| &graph.nodes()[index]) else {
        return false;
    };
    let clips_at_zero = || {
        let low = node.input_at(1).and_then(|low| graph.constant(low).ok());
        low.is_some_and(|low| low.data.iter().all(|&value| value == 0.0))
    };
    node.input_at(0) == Some(z) && (node.op() == "Relu" || node.op() == "Clip" && clips_at_zero())
}
