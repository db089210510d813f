//! Numbers of eight bits and fewer, and the way back from them.

use super::family::{Signature, family};
use super::known::KnownTensors;
use crate::onnx::proto::NodeProto;

/// Why blocks have no part in it.
const NO_PICTURE: &str =
    "weights alone have it, and weights that are stored so are no constants here";

family! {
    /// Operators between float32 and small integers.
    Quantisation {
        /// round(x / scale) + zero point, cut off at the type's ends.
        QuantizeLinear => Signature::new(&["x", "y_scale", "y_zero_point?"], &["y"])
            .used(&["axis"])
            .unneeded(&[
                ("block_size", NO_PICTURE),
                ("output_dtype", "relevance passes no rounding, to whatever type"),
                ("precision", "relevance passes no rounding, however it is computed"),
                ("saturate", "relevance passes no rounding, whatever is cut off"),
            ]),
        /// (x − zero point) · scale
        DequantizeLinear => Signature::new(&["x", "x_scale", "x_zero_point?"], &["y"])
            .used(&["axis", "block_size"])
            .unneeded(&[("output_dtype", "what it gives is taken in float32")]),
    }
}

impl Quantisation {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        Some(vec![known.shape(node, 0)?.clone()])
    }
}
