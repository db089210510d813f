//! Nodes of older operator sets whose meaning depends on the shape of their input or on a constant: what [`upgrade`] had to leave open.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::Attribute;
use crate::onnx::attributes::{NodeExt, int, set, string};
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Normalisation, Op, Reshaping, Resizing, axis_of};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::upgrade;

/// Softmax and its like before operator set 13, Resize before 11, where enough is known of them.
pub(super) fn settle(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, this) in graph.nodes().iter().enumerate() {
        if !upgrade::is_marked(this) {
            continue;
        }
        let nodes = match Op::of(this) {
            Op::Normalisation(
                Normalisation::Softmax | Normalisation::LogSoftmax | Normalisation::Hardmax,
            ) => along_one_axis(graph, &mut rewrite, this),
            Op::Resizing(Resizing::Resize) => to_the_nearest(graph, this),
            _ => None,
        };
        if let Some(nodes) = nodes {
            rewrite.replace(index, nodes);
        }
    }
    Ok(rewrite.finish())
}

/// Over all axes from one on, which are a single one where the others have the size 1, and are made a single one elsewhere.
fn along_one_axis(
    graph: &Graph,
    rewrite: &mut Rewrite,
    this: &NodeProto,
) -> Option<Vec<NodeProto>> {
    let input = this.input_at(0)?;
    let output = this.first_output();
    let shape = graph.shape(input).ok()?;
    let axis = axis_of(this.int("axis", 1), shape.len())?;
    let mut single = upgrade::unmarked(this);
    if shape[axis + 1..].iter().all(|&size| size == 1) {
        set(&mut single, int("axis", axis as i64));
        return Some(vec![single]);
    }
    let [flat, over] = ["flat", "over"].map(|what| format!("{output}:{what}"));
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let sizes = rewrite.int64s(format!("{output}:sizes"), &sizes);
    let first = [Attribute::Int("axis", axis as i64)];
    let flatten = node(Reshaping::Flatten, &[input], &flat, &first);
    set(&mut single, int("axis", 1));
    single.input = vec![flat];
    single.output = vec![over.clone()];
    Some(vec![
        flatten,
        single,
        node(Reshaping::Reshape, &[&over, &sizes], output, &[]),
    ])
}

/// Of the nearest inputs it takes the one before where it enlarges and the one behind where it shrinks, as ONNX Runtime does: the operator itself does not say.
fn to_the_nearest(graph: &Graph, this: &NodeProto) -> Option<Vec<NodeProto>> {
    let scales = graph.constant(this.input_at(2)?).ok()?.data;
    let rounding = if scales.iter().all(|&scale| scale >= 1.0) {
        "floor"
    } else if scales.iter().all(|&scale| scale <= 1.0) {
        "ceil"
    } else {
        return None;
    };
    let mut resize = upgrade::unmarked(this);
    set(&mut resize, string("nearest_mode", rounding));
    Some(vec![resize])
}
