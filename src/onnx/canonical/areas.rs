//! Attention within areas (YOLO12's): a map is cut into areas, which take the place of the batch until they are put together again. In between every tensor gets an axis
//! of 1 before the others, so that the first axis stays the batch.

use std::collections::{HashMap, HashSet};

use super::rewrite::Rewrite;
use crate::error::Result;
use crate::onnx::attributes::{NodeExt, int, ints, set};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Matrix, Moving, Normalisation, Op, Reshaping, axis_of, permutation};
use crate::onnx::proto::{GraphProto, NodeProto};

/// Every such part of the graph.
pub(super) fn keep_the_batch(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for part in parts(graph) {
        for (index, node, constants) in lifted(graph, &part).into_iter().flatten() {
            for (name, values) in constants {
                rewrite.int64s(name, &values);
            }
            rewrite.replace(index, vec![node]);
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

/// What lies between the Reshapes with which areas begin and those that put them together again.
#[derive(Default)]
struct Part<'a> {
    nodes: Vec<usize>,
    /// What the nodes write, but for the last ones.
    inside: HashSet<&'a str>,
}

/// The parts of the graph whose areas go into nothing but areas until they are put together again. Q, K and V may each begin by itself: what meets in a node is one part.
fn parts(graph: &Graph) -> Vec<Part<'_>> {
    let mut parts: Vec<Part> = Vec::new();
    // Of each tensor within areas the part that it was found in; of each part the one that it belongs to now, none where nothing is known of its areas.
    let mut found_in: HashMap<&str, usize> = HashMap::new();
    let mut joined: Vec<Option<usize>> = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let computed = graph.computed(node);
        let of_inputs = computed.iter().map(|input| {
            let mut part = *found_in.get(input)?;
            while joined[part] != Some(part) {
                part = joined[part]?;
            }
            Some(part)
        });
        let of_inputs: Vec<Option<usize>> = of_inputs.collect();
        let mut met: Vec<usize> = of_inputs.iter().flatten().copied().collect();
        let begins = met.is_empty() && leaves_the_batch(graph, node);
        if begins {
            met.push(parts.len());
            joined.push(Some(parts.len()));
            parts.push(Part::default());
        }
        // The largest takes the others in.
        let Some(&part) = met.iter().max_by_key(|&&part| parts[part].nodes.len()) else {
            continue;
        };
        let output = node.first_output();
        let all = begins || of_inputs.iter().all(Option::is_some);
        // Else areas meet what has none.
        let is_known = all && node.output.len() == 1 && !graph.is_output(output);
        for other in met {
            joined[other] = is_known.then_some(part);
            if other != part || !is_known {
                let Part { nodes, inside } = std::mem::take(&mut parts[other]);
                if is_known {
                    parts[part].nodes.extend(nodes);
                    parts[part].inside.extend(inside);
                }
            }
        }
        if is_known {
            parts[part].nodes.push(index);
            if !ends(graph, node) {
                parts[part].inside.insert(output);
                found_in.insert(output, part);
            }
        }
    }
    parts
}

/// Whether a node puts areas together.
fn ends(graph: &Graph, node: &NodeProto) -> bool {
    let shape = graph.shape(node.first_output());
    Op::of(node) == Reshaping::Reshape && shape.is_ok_and(|shape| shape.first() == Some(&1))
}

/// The nodes of a part anew; `None` if one among them is not known.
fn lifted(graph: &Graph, part: &Part) -> Option<Vec<Lifted>> {
    let nodes = part.nodes.iter().map(|&index| {
        let node = &graph.nodes()[index];
        let ends = ends(graph, node);
        let mut lifted = deeper(graph, index, ends)?;
        for input in &mut lifted.1.input {
            if part.inside.contains(input.as_str()) {
                *input = within(input);
            }
        }
        if !ends {
            lifted.1.output = vec![within(node.first_output())];
        }
        Some(lifted)
    });
    nodes.collect()
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
        Op::Reshaping(Reshaping::Reshape) if node.input.len() == 2 => {
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
