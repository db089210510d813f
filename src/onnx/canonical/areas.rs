//! Attention within areas (YOLO12's): a map is cut into areas, which take the place of the batch until they are put together again. In between every tensor gets an axis
//! of 1 before the others, so that the first axis stays the batch.

use std::collections::HashSet;

use super::rewrite::Rewrite;
use crate::error::Result;
use crate::onnx::attributes::{NodeExt, int, ints, set};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Matrix, Moving, Normalisation, Op, Reshaping, axis_of, permutation};
use crate::onnx::proto::{GraphProto, NodeProto};

/// Every such part of the graph.
pub(super) fn keep_the_batch(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, node) in graph.nodes().iter().enumerate() {
        if rewrite.has_replaced(index) || !leaves_the_batch(graph, node) {
            continue;
        }
        if let Some(nodes) = lifted(graph, index) {
            for (index, node, constants) in nodes {
                for (name, values) in constants {
                    rewrite.int64s(name, &values);
                }
                rewrite.replace(index, vec![node]);
            }
        }
    }
    Ok(rewrite.finish())
}

/// Whether a node gives one picture's numbers a first axis of more than 1.
fn leaves_the_batch(graph: &Graph, node: &NodeProto) -> bool {
    let first = |tensor: Option<&str>| graph.shape(tensor?).ok()?.first().copied();
    Op::of(node) == Reshaping::Reshape
        && first(node.input_at(0)) == Some(1)
        && first(Some(node.first_output())).is_some_and(|areas| areas > 1)
        && node
            .input_at(0)
            .is_some_and(|input| !graph.is_constant(input))
}

/// A node anew, and the lists of numbers that it reads.
type Lifted = (usize, NodeProto, Vec<(String, Vec<i64>)>);

/// The nodes from the Reshape at `first` to those that put areas together again; `None` if one among them is not known, or areas are never put together.
fn lifted(graph: &Graph, first: usize) -> Option<Vec<Lifted>> {
    let mut inside: HashSet<&str> = HashSet::new();
    let mut nodes = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate().skip(first) {
        let reads = node
            .input
            .iter()
            .any(|input| inside.contains(input.as_str()));
        if index != first && !reads {
            continue;
        }
        let computed = graph.computed(node);
        let all = index == first || computed.iter().all(|input| inside.contains(input));
        let output = node.first_output();
        let shape = graph.shape(output).ok()?;
        if !all || node.output.len() > 1 || graph.outputs().any(|name| name == output) {
            return None;
        }
        let ends = Op::of(node) == Reshaping::Reshape && shape.first() == Some(&1);
        let mut lifted = deeper(graph, index, ends)?;
        for input in &mut lifted.1.input {
            if inside.contains(input.as_str()) {
                *input = within(input);
            }
        }
        if !ends {
            lifted.1.output = vec![within(output)];
            inside.insert(output);
        }
        nodes.push(lifted);
    }
    let is_read = |tensor: &&str| !graph.consumers(tensor).is_empty();
    inside.iter().all(is_read).then_some(nodes)
}

/// The name of a tensor with an axis more.
fn within(tensor: &str) -> String {
    format!("{tensor}:areas")
}

/// The node for inputs with one axis more.
fn deeper(graph: &Graph, index: usize, ends: bool) -> Option<Lifted> {
    let node = &graph.nodes()[index];
    let output = node.first_output();
    let shape = graph.shape(output).ok()?;
    let rank = shape.len();
    let mut new = node.clone();
    let mut constants = Vec::new();
    let mut list = |new: &mut NodeProto, place: usize, values: Vec<i64>| {
        let name = format!("{output}:area{place}");
        new.input[place].clone_from(&name);
        constants.push((name, values));
    };
    match Op::of(node) {
        Op::Reshaping(Reshaping::Reshape) => {
            let sizes = shape.iter().map(|&size| size as i64);
            let one = (!ends).then_some(1);
            list(&mut new, 1, one.into_iter().chain(sizes).collect());
        }
        Op::Moving(Moving::Transpose) => {
            let order = permutation(node, rank)?;
            let order = order.into_iter().map(|axis| axis as i64 + 1);
            let order: Vec<i64> = std::iter::once(0).chain(order).collect();
            set(&mut new, ints("perm", &order));
        }
        Op::Moving(Moving::Slice) if node.input.len() > 3 => {
            let axes = graph.constant_int64s(node.input_at(3)?).ok()?;
            let axes = axes
                .into_iter()
                .map(|axis| Some(axis_of(axis, rank)? as i64 + 1));
            list(&mut new, 3, axes.collect::<Option<_>>()?);
        }
        Op::Normalisation(Normalisation::Softmax) => {
            let axis = axis_of(node.int("axis", -1), rank)?;
            set(&mut new, int("axis", axis as i64 + 1));
        }
        Op::Matrix(Matrix::MatMul) if graph.computed(node).len() == 2 => {}
        Op::Arithmetic(_) => {
            let mut shapes = node.input.iter().map(|input| graph.shape(input));
            // What has fewer axes is laid out from the last one on, as before.
            if !shapes.all(|shape| shape.is_ok_and(|shape| shape.len() <= rank)) {
                return None;
            }
        }
        _ => return None,
    }
    Some((index, new, constants))
}
