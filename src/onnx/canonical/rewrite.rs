//! A graph with some of its nodes replaced: what the steps of canonicalising have in common.

use std::collections::HashMap;

use crate::onnx::graph::Graph;
use crate::onnx::ops::Op;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};
use crate::onnx::{Attribute, Tensor, inner, tensor};

/// Collects replacements; [`Rewrite::finish`] makes them.
pub(super) struct Rewrite<'a> {
    graph: &'a Graph,
    replaced: HashMap<usize, Vec<NodeProto>>,
    constants: Vec<TensorProto>,
    renamed: HashMap<String, String>,
}

impl<'a> Rewrite<'a> {
    pub fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            replaced: HashMap::new(),
            constants: Vec::new(),
            renamed: HashMap::new(),
        }
    }

    /// Puts `nodes` in the place of the node at `index`.
    pub fn replace(&mut self, index: usize, nodes: Vec<NodeProto>) {
        self.replaced.insert(index, nodes);
    }

    /// Whether the node at `index` has been replaced.
    pub fn has_replaced(&self, index: usize) -> bool {
        self.replaced.contains_key(&index)
    }

    /// Whether nothing has been replaced or renamed so far.
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.renamed.is_empty()
    }

    /// Lets all nodes read `source` where they read `tensor`.
    pub fn rename(&mut self, tensor: &str, source: &str) {
        self.renamed.insert(tensor.to_owned(), source.to_owned());
    }

    /// Adds a constant and returns its name.
    pub fn constant(&mut self, name: String, value: &Tensor) -> String {
        self.constants.push(value.to_proto(&name));
        name
    }

    /// Adds a list of int64, such as a shape.
    pub fn int64s(&mut self, name: String, values: &[i64]) -> String {
        self.constants.push(tensor::int64s_to_proto(values, &name));
        name
    }

    /// The graph anew; `None` if nothing was changed.
    pub fn finish(self) -> Option<GraphProto> {
        if self.is_empty() {
            return None;
        }
        let mut proto = self.graph.to_proto();
        let nodes = std::mem::take(&mut proto.node);
        for (index, node) in nodes.into_iter().enumerate() {
            match self.replaced.get(&index) {
                Some(nodes) => proto.node.extend(nodes.iter().cloned()),
                None => proto.node.push(node),
            }
        }
        // Chains end: a tensor is only ever renamed to an earlier one.
        let source = |name: &str| {
            let mut source = self.renamed.get(name)?;
            while let Some(earlier) = self.renamed.get(source) {
                source = earlier;
            }
            Some(source.clone())
        };
        if !self.renamed.is_empty() {
            proto
                .node
                .iter_mut()
                .for_each(|node| inner::rename(node, &source));
        }
        proto.initializer.extend(self.constants);
        Some(proto)
    }
}

/// A node with one output, named after it and the operator.
pub(in crate::onnx) fn node(
    op: impl Into<Op>,
    inputs: &[&str],
    output: &str,
    attributes: &[Attribute],
) -> NodeProto {
    let op = op.into().name();
    NodeProto {
        name: Some(format!("{output}:{}", op.to_lowercase())),
        op_type: Some(op.to_owned()),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: attributes.iter().map(Attribute::to_proto).collect(),
        ..Default::default()
    }
}
