//! What is known of tensors while shapes are found, and the arithmetic of axes that operators share.

use std::collections::{BTreeMap, HashMap};

use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::{NodeProto, TensorProto};
use crate::onnx::{Tensor, tensor};

/// The largest stride, pad or dilation.
pub(super) const MAX_STEP: i64 = 1 << 20;

/// What is known of the tensors so far.
pub(in crate::onnx) struct KnownTensors<'a> {
    pub shapes: &'a HashMap<String, Vec<usize>>,
    pub initializers: &'a BTreeMap<String, TensorProto>,
}

impl KnownTensors<'_> {
    pub(super) fn shape(&self, node: &NodeProto, index: usize) -> Option<&Vec<usize>> {
        self.shapes.get(node.input_at(index)?)
    }

    pub(super) fn int64s(&self, node: &NodeProto, index: usize) -> Option<Vec<i64>> {
        tensor::int64s(self.initializers.get(node.input_at(index)?)?).ok()
    }

    pub(super) fn floats(&self, node: &NodeProto, index: usize) -> Option<Vec<f32>> {
        let tensor = Tensor::from_proto(self.initializers.get(node.input_at(index)?)?).ok()?;
        Some(tensor.data)
    }

    /// A list that is an attribute in some operator sets and an input in newer ones.
    pub(super) fn list(&self, node: &NodeProto, attribute: &str, index: usize) -> Option<Vec<i64>> {
        match node.ints(attribute) {
            Some(values) => Some(values.to_vec()),
            None => self.int64s(node, index),
        }
    }
}

/// An axis that may count from the end.
pub fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(rank as i64)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

pub(super) fn axes_of(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    axes.iter().map(|&place| axis_of(place, rank)).collect()
}

/// The shape that two are broadcast to.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |i| shape[i])
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}
