//! Patterns of several nodes: what is made of one tensor element by element, and what is a norm. Which products are gated and which quotients are normalised is found by
//! them, and which summands belong to a gate or a norm.

use std::collections::HashSet;

use super::attributes::NodeExt;
use super::graph::Graph;
use super::ops::{Moving, Op, Reshaping};
use super::proto::NodeProto;

/// More operators than any gate or norm is made of: a search further back from each of many nodes would take their number squared.
pub(crate) const LONGEST_PATTERN: usize = 64;

impl Graph {
    /// The inputs of a node that are computed rather than constant.
    pub fn computed<'n>(&self, node: &'n NodeProto) -> Vec<&'n str> {
        let inputs = node.input.iter().map(String::as_str);
        inputs
            .filter(|name| !name.is_empty() && !self.is_constant(name))
            .collect()
    }

    /// The one tensor that a node makes its output of, element by element and with constants alone.
    pub fn elementwise_source<'n>(&self, node: &'n NodeProto) -> Option<&'n str> {
        match self.computed(node)[..] {
            [source] if Op::of(node).is_elementwise() => Some(source),
            _ => None,
        }
    }

    /// Whether a tensor is made of `source` by elementwise operations with constants alone.
    pub fn is_elementwise_of(&self, tensor: &str, source: &str) -> bool {
        let mut tensor = tensor;
        for _ in 0..LONGEST_PATTERN {
            let Some(index) = self.producer(tensor) else {
                return false;
            };
            match self.elementwise_source(&self.nodes()[index]) {
                Some(before) if before == source => return true,
                Some(before) => tensor = before,
                None => return false,
            }
        }
        false
    }

    /// Whether a tensor is a norm of something: a sum or an L2 norm along axes, or made of such ones by elementwise operations (the root of a sum of squares, kept away
    /// from 0 by adding to it) and given other axes.
    pub fn is_norm(&self, tensor: &str) -> bool {
        let mut open = vec![tensor];
        let mut seen = HashSet::new();
        while let Some(tensor) = open.pop() {
            let Some(index) = self.producer(tensor) else {
                return false;
            };
            if !seen.insert(index) {
                continue;
            }
            if seen.len() > LONGEST_PATTERN {
                return false;
            }
            let node = &self.nodes()[index];
            match self.computed(node) {
                _ if Op::of(node).is_norm() => {}
                made_of if Op::of(node).is_elementwise() && !made_of.is_empty() => {
                    open.extend(made_of);
                }
                _ if gives_other_axes(node) => open.push(node.input_at(0).unwrap_or_default()),
                _ => return false,
            }
        }
        true
    }
}

/// Whether a node gives its first input other axes, repeated along them perhaps.
pub fn gives_other_axes(node: &NodeProto) -> bool {
    matches!(
        Op::of(node),
        Op::Reshaping(
            Reshaping::Reshape | Reshaping::Unsqueeze | Reshaping::Squeeze | Reshaping::Expand
        ) | Op::Moving(Moving::Transpose)
    )
}

#[cfg(test)]
mod tests {
    use super::super::emit::tests::small_graph;
    use super::*;
    use crate::onnx::Emitter;
    use crate::onnx::ops::{Arithmetic, Reduction};

    /// Whether what `build` makes of x is a norm.
    fn is_norm(build: impl FnOnce(&mut Emitter) -> String) -> bool {
        let graph = small_graph(build);
        let output = graph.outputs().next().unwrap().to_owned();
        graph.is_norm(&output)
    }

    fn squares(e: &mut Emitter) -> String {
        let axes = e.int64s(&[1]);
        let squared = e.op(Arithmetic::Mul, &["x", "x"], &[]);
        e.op(Reduction::ReduceSum, &[&squared, &axes], &[])
    }

    #[test]
    fn a_norm_stays_one_under_constants_roots_and_other_axes() {
        let by_constants = [
            Arithmetic::Add,
            Arithmetic::Sub,
            Arithmetic::Mul,
            Arithmetic::Div,
            Arithmetic::Max,
            Arithmetic::Min,
            Arithmetic::Pow,
        ];
        for operator in by_constants {
            assert!(
                is_norm(|e| {
                    let (sum, two) = (squares(e), e.scalar(2.0));
                    let changed = e.op(operator, &[&sum, &two], &[]);
                    e.op(Arithmetic::Sqrt, &[&changed], &[])
                }),
                "{operator:?}"
            );
        }
        assert!(is_norm(|e| {
            let (sum, axes) = (squares(e), e.int64s(&[0]));
            let deeper = e.op(Reshaping::Unsqueeze, &[&sum, &axes], &[]);
            e.op(Arithmetic::Sqrt, &[&deeper], &[])
        }));
    }

    #[test]
    fn what_holds_anything_but_norms_is_none() {
        assert!(!is_norm(|e| e.op(Arithmetic::Sqrt, &["x"], &[])));
        assert!(!is_norm(|e| {
            let sum = squares(e);
            e.op(Arithmetic::Add, &[&sum, "x"], &[])
        }));
        assert!(is_norm(|e| {
            let sum = squares(e);
            e.op(Arithmetic::Add, &[&sum, &sum], &[])
        }));
    }
}
