//! What heads say besides classes and boxes: coefficients of masks and key points, which are left out, and angles, with which boxes are others.

use super::branches::{Branch, GridBranches};
use super::found::Besides;
use crate::onnx::Graph;

/// Takes what is besides out of the grids. `Err` says that boxes are turned by an angle.
pub(super) fn take(
    graph: &Graph,
    grids: &mut Vec<GridBranches>,
) -> Result<Option<Besides>, String> {
    // Prototypes of masks are a map of their own, finer than all heads.
    let is_prototype = match &grids[..] {
        [(_, first), rest @ ..] => {
            first.len() == 1 && rest.len() > 1 && rest.iter().all(|(_, b)| b.len() > 2)
        }
        [] => false,
    };
    let mut tensors = Vec::new();
    if is_prototype {
        let (_, prototype) = grids.remove(0);
        tensors.extend(prototype.iter().map(|branch| branch.tensor.to_owned()));
    }
    if grids.iter().any(|(_, branches)| is_turned(graph, branches)) {
        return Err(
            "its boxes are oriented: the graph takes sine and cosine of an angle that each head says. Boxes with an angle are not read, those of plain detectors are"
                .to_owned(),
        );
    }
    let mut is_linear = false;
    for (_, branches) in grids.iter_mut() {
        // What says classes is known by its sigmoid, or nothing is.
        if branches.len() < 3 || !branches.iter().any(Branch::is_score) {
            continue;
        }
        branches.retain(|branch| {
            let is_kept = branch.is_score() || branch.is_box();
            if !is_kept {
                tensors.push(branch.tensor.to_owned());
                is_linear |= branch.used.linear;
            }
            is_kept
        });
    }
    let what = if is_linear {
        "key points"
    } else {
        "coefficients and prototypes of masks"
    };
    Ok((!tensors.is_empty()).then_some(Besides { what, tensors }))
}

/// Whether sine or cosine is taken behind one of the branches.
fn is_turned(graph: &Graph, branches: &[Branch]) -> bool {
    let nodes = graph.nodes().iter();
    let mut turns = nodes.filter(|node| ["Sin", "Cos"].contains(&node.op_type()));
    turns.any(|node| {
        let inputs = graph.computed(node);
        let before = graph.ancestors(inputs);
        let mut producers = branches.iter().map(|branch| graph.producer(branch.tensor));
        producers.any(|index| index.is_some_and(|index| before.binary_search(&index).is_ok()))
    })
}
