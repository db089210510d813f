//! Reductions: one number of all that lie along some axes.

use super::family::{Moved, MovedKind, Signature, family};
use super::known::{KnownTensors, axes_of};
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

/// Of an operator whose axes are an attribute up to operator set 17, and an input from 18 on.
const REDUCTION: Signature = Signature::new(&["data", "axes?"], &["reduced"]).used(&[
    "axes",
    "keepdims",
    "noop_with_empty_axes",
]);

family! {
    /// Means, sums, norms and maxima along axes.
    Reduction {
        /// Σ x / their number
        ReduceMean => REDUCTION,
        /// Σ x
        ReduceSum => REDUCTION.used(&["keepdims", "noop_with_empty_axes"]).moved(&[
            Moved { attribute: "axes", place: 1, since: 13, kind: MovedKind::List },
        ]),
        /// √Σ x²
        ReduceL2 => REDUCTION,
        /// Σ x²
        ReduceSumSquare => REDUCTION,
        /// max x
        ReduceMax => REDUCTION,
    }
}

impl Reduction {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let shape = known.shape(node, 0)?;
        let given = match known.list(node, "axes", 1) {
            Some(given) => axes_of(&given, shape.len())?,
            None if node.input_at(1).is_none() => vec![],
            None => return None,
        };
        let over = match given[..] {
            [] if node.int("noop_with_empty_axes", 0) != 0 => given,
            [] => (0..shape.len()).collect(),
            _ => given,
        };
        let keep = node.int("keepdims", 1) != 0;
        let sizes = (0..shape.len())
            .filter(|axis| keep || !over.contains(axis))
            .map(|axis| if over.contains(&axis) { 1 } else { shape[axis] });
        Some(vec![sizes.collect()])
    }
}
