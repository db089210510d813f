//! Whether one of an SSD's classes means "nothing here", as far as its graph says so.

use super::found::{Found, FoundOutputs};
use super::text::GUESS;
use crate::onnx::ops::{Activation, Moving, Normalisation, Op, Passing, Reshaping, axis_of};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// More tensors than lie between scores and their suppression.
const MOST_TENSORS: usize = 64;

/// What a manifest says of the background.
pub(super) struct Background {
    /// Whether the first class is one.
    pub is_first: bool,
    /// What is written behind it.
    pub mark: &'static str,
}

impl Background {
    /// As it stands in the manifest.
    pub fn value(&self) -> &'static str {
        if self.is_first { "0" } else { "\"none\"" }
    }
}

/// Class 0 is cut off before objects are chosen where it is the background. Where classes are scored one by one and all of them are chosen from, there is none.
/// A single class is an object's.
pub(super) fn find(graph: &Graph, found: &Found) -> Background {
    let known = |is_first| Background {
        is_first,
        mark: "# found in the graph",
    };
    let guessed = Background {
        is_first: true,
        mark: GUESS,
    };
    let FoundOutputs::Ssd { classes, .. } = &found.outputs else {
        return known(false);
    };
    if found.class_count == 1 {
        return known(false);
    }
    let mut open: Vec<&str> = classes.iter().map(String::as_str).collect();
    let mut seen = 0;
    while let Some(tensor) = open.pop()
        && seen < MOST_TENSORS
    {
        seen += 1;
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            match Op::of(node) {
                Op::Moving(Moving::Slice) if cuts_off_the_first(graph, node, found.class_count) => {
                    return known(true);
                }
                Op::Activation(Activation::Sigmoid)
                | Op::Normalisation(Normalisation::Softmax)
                | Op::Moving(Moving::Transpose | Moving::Concat)
                | Op::Passing(Passing::Identity | Passing::Cast)
                | Op::Reshaping(
                    Reshaping::Reshape
                    | Reshaping::Squeeze
                    | Reshaping::Unsqueeze
                    | Reshaping::Flatten,
                ) => open.push(node.first_output()),
                // A softmax with a background may be suppressed as a whole too, and class 0 dropped behind it.
                _ if node.op_type() == "NonMaxSuppression"
                    && node.input_at(1) == Some(tensor)
                    && found.activation == ("sigmoid", true) =>
                {
                    return known(false);
                }
                _ => {}
            }
        }
    }
    guessed
}

/// Whether a slice keeps all classes but the first.
fn cuts_off_the_first(graph: &Graph, node: &NodeProto, class_count: usize) -> bool {
    let shape = node.input_at(0).and_then(|input| graph.shape(input).ok());
    let list = |index: usize| graph.constant_int64s(node.input_at(index)?).ok();
    let (Some(shape), Some(starts), Some(axes)) = (shape, list(1), list(3)) else {
        return false;
    };
    let cut = starts.iter().zip(&axes);
    let mut cut = cut.filter_map(|(start, axis)| Some((*start, axis_of(*axis, shape.len())?)));
    cut.any(|(start, axis)| start == 1 && shape[axis] == class_count)
}
