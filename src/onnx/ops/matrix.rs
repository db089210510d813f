//! Matrix products.

use super::family::{Signature, family};
use super::known::{KnownTensors, broadcast};
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

family! {
    /// Products of matrices, fully connected layers among them.
    Matrix {
        /// α·A·B + β·C, each of A and B transposed if an attribute says so.
        Gemm => Signature::new(&["A", "B", "C?"], &["Y"]).used(&["alpha", "beta", "transA", "transB"]),
        /// A·B of the last two axes.
        MatMul => Signature::new(&["A", "B"], &["Y"]),
    }
}

impl Matrix {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let (a, b) = (known.shape(node, 0)?, known.shape(node, 1)?);
        Some(vec![match self {
            Self::Gemm => gemm(node, a, b)?,
            Self::MatMul => product(a, b)?,
        }])
    }
}

fn gemm(node: &NodeProto, a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let of = |shape: &[usize], turned: &str| {
        let [rows, columns] = <[usize; 2]>::try_from(shape).ok()?;
        Some(match node.int(turned, 0) {
            0 => [rows, columns],
            _ => [columns, rows],
        })
    };
    let (a, b) = (of(a, "transA")?, of(b, "transB")?);
    (a[1] == b[0]).then(|| vec![a[0], b[1]])
}

fn product(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let [rows, inner] = *a.last_chunk()?;
    let [depth, columns] = *b.last_chunk()?;
    let mut shape = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
    shape.extend([rows, columns]);
    (inner == depth).then_some(shape)
}
