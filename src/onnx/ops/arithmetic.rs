//! Arithmetic, number by number: of two or more maps that are broadcast to one shape, or of one.

use super::family::{Signature, family};
use super::known::{KnownTensors, broadcast};
use crate::onnx::proto::NodeProto;

family! {
    /// Sums, products, powers, the larger and the smaller of numbers in the same place.
    Arithmetic {
        /// a + b
        Add => Signature::new(&["A", "B"], &["C"]),
        /// a − b
        Sub => Signature::new(&["A", "B"], &["C"]),
        /// a + b + …
        Sum => Signature::new(&["data_0*"], &["sum"]),
        /// a·b
        Mul => Signature::new(&["A", "B"], &["C"]),
        /// a/b
        Div => Signature::new(&["A", "B"], &["C"]),
        /// xʸ
        Pow => Signature::new(&["X", "Y"], &["Z"]),
        /// The smallest of all.
        Min => Signature::new(&["data_0*"], &["min"]),
        /// The largest of all.
        Max => Signature::new(&["data_0*"], &["max"]),
        /// √x
        Sqrt => Signature::new(&["X"], &["Y"]),
        /// |x|
        Abs => Signature::new(&["X"], &["Y"]),
        /// exp x
        Exp => Signature::new(&["input"], &["output"]),
        /// −x
        Neg => Signature::new(&["X"], &["Y"]),
        /// −1, 0 or 1.
        Sign => Signature::new(&["input"], &["output"]),
        /// 1/x
        Reciprocal => Signature::new(&["X"], &["Y"]),
    }
}

family! {
    /// Questions about numbers, and what is chosen by the answers. Files have them in post-processing alone; graphs that compute relevance are made of them.
    Comparison {
        /// a < b
        Less => Signature::new(&["A", "B"], &["C"]),
        /// a > b
        Greater => Signature::new(&["A", "B"], &["C"]),
        /// a = b
        Equal => Signature::new(&["A", "B"], &["C"]),
        /// x where the condition holds, y elsewhere.
        Where => Signature::new(&["condition", "X", "Y"], &["output"]),
    }
}

impl Arithmetic {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        Some(vec![together(node, known)?])
    }
}

impl Comparison {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        Some(vec![together(node, known)?])
    }
}

/// The shape that all inputs are broadcast to.
fn together(node: &NodeProto, known: &KnownTensors) -> Option<Vec<usize>> {
    let first = known.shape(node, 0)?.clone();
    (1..node.input.len()).try_fold(first, |shape, index| {
        broadcast(&shape, known.shape(node, index)?)
    })
}
