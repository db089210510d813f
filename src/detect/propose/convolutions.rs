//! The convolutions that a network ends in.

use std::collections::HashSet;

use crate::onnx::ops::{Convolution, Moving, Normalisation, Op, Passing, Reshaping};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// Convolutions behind which there is no other one, with their outputs' shapes.
pub(super) fn last_convolutions(graph: &Graph) -> Option<Vec<(&str, [usize; 4])>> {
    let convolutions = || {
        let nodes = graph.nodes().iter();
        nodes.filter(|node| Op::of(node) == Convolution::Conv && !is_mean(graph, node))
    };
    let read = convolutions().filter_map(|node| node.input_at(0));
    let inner: HashSet<usize> = graph.ancestors(read).into_iter().collect();
    let is_last = |tensor: &&str| {
        let producer = graph.producer(tensor);
        producer.is_some_and(|index| !inner.contains(&index))
    };
    convolutions()
        .map(NodeExt::first_output)
        .filter(is_last)
        .map(|tensor| Some((tensor, graph.feature_map(tensor).ok()?)))
        .collect()
}

/// Whether an operator only moves numbers.
pub(super) fn moves(operator: Op) -> bool {
    matches!(
        operator,
        Op::Passing(Passing::Identity | Passing::Cast)
            | Op::Reshaping(
                Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze
            )
            | Op::Moving(Moving::Transpose | Moving::Concat | Moving::Slice | Moving::Gather)
    )
}

/// Whether a convolution is no layer, but the mean of a distribution: it reads what a softmax made.
fn is_mean(graph: &Graph, node: &NodeProto) -> bool {
    if Op::of(node) != Convolution::Conv {
        return false;
    }
    let mut tensor = node.input_at(0).unwrap_or_default();
    while let Some(before) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        match Op::of(before) {
            Op::Normalisation(Normalisation::Softmax) => return true,
            operator if moves(operator) && before.input.len() < 3 => {
                tensor = before.input_at(0).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

/// Whether a tensor's name is one that scores have.
pub(super) fn is_named_like_scores(tensor: &str) -> bool {
    let tensor = tensor.to_lowercase();
    ["class", "cls", "score", "conf", "logit"]
        .iter()
        .any(|part| tensor.contains(part))
}
