//! Families of detectors that are not read, told by what only they have.

use crate::onnx::ops::{Activation, Normalisation, Op};
use crate::onnx::{Graph, NodeExt};

use super::convolutions::last_convolutions;

/// What a graph is, and why it is not read, in one line; `None` where it is none of these families.
pub(super) fn family(graph: &Graph) -> Option<String> {
    let has = |names: &[&str]| {
        let mut nodes = graph.nodes().iter();
        nodes.find_map(|node| names.contains(&node.op_type()).then(|| node.describe()))
    };
    if let Some(node) = has(&["RoiAlign", "MaxRoiPool", "RoiAlignRotated", "DeformRoiPool"]) {
        return Some(format!(
            "it is a detector of two stages (Faster R-CNN's kind): {node} cuts regions out that a first network proposes. Such detectors are not read, only single-shot ones are"
        ));
    }
    if has(&["GridSample"]).is_some() && is_attention(graph) {
        return Some(of_detr("deformable attention (GridSample)"));
    }
    None
}

/// The same of a graph in which nothing that is read was found.
pub(super) fn rest(graph: &Graph) -> Option<String> {
    let queries = graph.outputs().any(|output| {
        let shape = graph.shape(output).unwrap_or_default();
        matches!(*shape, [1, rows, columns] if rows > 1 && columns >= 4)
    });
    if queries && is_attention(graph) {
        return Some(of_detr("attention"));
    }
    is_of_centres(graph).then(|| {
        "it is of CenterNet's kind: one map of the centres of objects, and sizes and shifts of two channels each. Such detectors are not read"
            .to_owned()
    })
}

fn of_detr(by: &str) -> String {
    format!(
        "it is a transformer of DETR's kind (RT-DETR is one): its boxes come from queries, by {by}, and belong to no cell of a feature map. Such detectors are not read"
    )
}

/// Whether a softmax is taken of what is no score of a class: of products of two computed matrices.
fn is_attention(graph: &Graph) -> bool {
    let nodes = graph.nodes().iter();
    let mut softmaxes = nodes.filter(|node| Op::of(node) == Normalisation::Softmax);
    softmaxes.any(|node| {
        let consumers = graph.consumers(node.first_output());
        let mut products = consumers.iter().map(|&index| &graph.nodes()[index]);
        products.any(|node| node.op_type() == "MatMul" && graph.computed(node).len() == 2)
    })
}

/// Whether all last convolutions are on one grid, one of many channels with a sigmoid, the others of two.
fn is_of_centres(graph: &Graph) -> bool {
    let last = last_convolutions(graph).unwrap_or_default();
    let Some((_, [_, _, rows, cols])) = last.first() else {
        return false;
    };
    let is_one_grid = last.iter().all(|(_, shape)| shape[2..] == [*rows, *cols]);
    let pairs = last.iter().filter(|(_, shape)| shape[1] == 2).count();
    let heat = |tensor: &str| {
        let mut consumers = graph.consumers(tensor).iter();
        consumers.any(|&index| Op::of(&graph.nodes()[index]) == Activation::Sigmoid)
    };
    let maps = last.iter().filter(|(tensor, _)| heat(tensor)).count();
    is_one_grid && pairs > 0 && maps == 1 && last.len() == pairs + 1
}
