//! Activations, gates and norms pass relevance through: what y receives, z receives.

use anyhow::Result;

use super::{Compiler, Share};
use crate::crp::flow;
use crate::crp::rules::STABILISER;
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

pub(super) fn propagate(compiler: &mut Compiler, node: &NodeProto, share: Share) -> Result<()> {
    for input in flow::explained(compiler.graph, node)? {
        compiler.give(input, share.clone());
    }
    Ok(())
}

/// Gates, norms and other factors that are constants of the picture: relevance goes on as it is, and what arrives as R = m ⊙ Δy ([`super::rescale`]) as
/// m ⊙ factor ⊙ Δx.
pub(super) fn scale(compiler: &mut Compiler, node: &NodeProto, share: Share) -> Result<()> {
    let y = node.first_output();
    let Some(multiplier) = compiler.arrived_as_multiplier(&share, y) else {
        return propagate(compiler, node, share);
    };
    for x in flow::explained(compiler.graph, node)? {
        let other = || node.input.iter().find(|input| *input != x);
        let back = match (node.op(), other()) {
            (operator @ ("Mul" | "Div"), Some(factor)) => {
                compiler.emitter.op(operator, &[&multiplier, factor], &[])
            }
            ("Identity", _) => multiplier.clone(),
            _ => {
                let stabiliser = compiler.emitter.scalar(STABILISER);
                let denominator = compiler.stabilised(x, &stabiliser);
                let factor = compiler.emitter.op("Div", &[y, &denominator], &[]);
                compiler.emitter.op("Mul", &[&multiplier, &factor], &[])
            }
        };
        compiler.give_multiplier(x, back);
    }
    Ok(())
}

/// Whether a tensor can hold no negative number, judged by the operator that writes it.
pub(super) fn is_non_negative(graph: &Graph, tensor: &str) -> bool {
    let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
        return false;
    };
    match node.op() {
        "Relu" | "Sigmoid" | "HardSigmoid" | "Softmax" => true,
        "Clip" => node
            .input_at(1)
            .and_then(|low| graph.constant(low).ok())
            .is_some_and(|low| low.data.iter().all(|&value| value >= 0.0)),
        "MaxPool" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Slice" => node
            .input_at(0)
            .is_some_and(|input| is_non_negative(graph, input)),
        "Concat" => node.input.iter().all(|input| is_non_negative(graph, input)),
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
