//! Appends nodes to a graph that exists. A node that was already emitted with the same inputs is not emitted again.

use std::collections::{HashMap, HashSet};

use super::attributes::Attribute;
use super::graph::Graph;
use super::ops::{Op, Passing};
use super::proto::{NodeProto, TensorProto};
use super::{Tensor, shapes, tensor};
use crate::error::Result;

/// Names of emitted tensors begin with this, so that they cannot meet a name of the model.
const PREFIX: &str = "ssdcrp/";

/// Collects nodes, constants and inputs; [`Emitter::finish`] joins them with the part of the graph that they read.
#[derive(Default)]
pub struct Emitter {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    inputs: Vec<(String, Vec<i64>)>,
    known: HashSet<String>,
    memo: HashMap<String, String>,
}

impl Emitter {
    /// Appends a node with one output and returns the output's name.
    pub fn op(&mut self, op: impl Into<Op>, inputs: &[&str], attributes: &[Attribute]) -> String {
        let op = op.into().name();
        let key = format!("{op}{inputs:?}{attributes:?}");
        if let Some(output) = self.memo.get(&key) {
            return output.clone();
        }
        let output = format!("{PREFIX}{}_{}", op.to_lowercase(), self.nodes.len());
        self.nodes.push(NodeProto {
            name: Some(output.clone()),
            op_type: Some(op.to_owned()),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.clone()],
            attribute: attributes.iter().map(Attribute::to_proto).collect(),
            ..Default::default()
        });
        self.memo.insert(key, output.clone());
        output
    }

    /// Appends a copy of a node with other `inputs` and returns the name of its first output, the only one that it keeps.
    pub fn copy(&mut self, node: &NodeProto, inputs: Vec<String>) -> String {
        let output = format!("{PREFIX}copy_{}", self.nodes.len());
        self.nodes.push(NodeProto {
            name: Some(output.clone()),
            input: inputs,
            output: vec![output.clone()],
            ..node.clone()
        });
        output
    }

    /// Adds a constant and returns its name in the graph. The same `name` must stand for the same values.
    pub fn constant(&mut self, name: &str, value: Tensor) -> String {
        self.constant_with(name, || value)
    }

    /// Like [`Emitter::constant`], but the values are only made if the name is new.
    pub fn constant_with(&mut self, name: &str, value: impl FnOnce() -> Tensor) -> String {
        let name = format!("{PREFIX}{name}");
        if self.known.insert(name.clone()) {
            self.constants.push(value().to_proto(&name));
        }
        name
    }

    /// Adds a scalar constant.
    pub fn scalar(&mut self, value: f32) -> String {
        self.constant(
            &format!("scalar:{value:e}"),
            Tensor {
                dims: vec![],
                data: vec![value],
            },
        )
    }

    /// Adds a list of int64, such as a shape.
    pub fn int64s(&mut self, values: &[i64]) -> String {
        let name = format!("{PREFIX}int64s:{values:?}");
        if self.known.insert(name.clone()) {
            self.constants.push(tensor::int64s_to_proto(values, &name));
        }
        name
    }

    /// Adds a graph input of shape `[N, …]`, N free; `dims` holds the sizes after the first.
    pub fn batch_input(&mut self, name: &str, dims: &[usize]) {
        let dims = std::iter::once(1)
            .chain(dims.iter().map(|&d| d as i64))
            .collect();
        self.inputs.push((name.to_owned(), dims));
    }

    /// The model file: the emitted nodes after the nodes of `graph` that they depend on. Each output is an emitted tensor or input `[N, …]`, the name that
    /// it gets, and its dimensions after the first.
    ///
    /// # Errors
    /// A node of `graph` that is needed and could not be brought from an older operator set to this one.
    pub fn finish(
        mut self,
        graph: &Graph,
        outputs: &[(String, String, Vec<usize>)],
    ) -> Result<Vec<u8>> {
        let read = self.nodes.iter().flat_map(|n| &n.input).map(String::as_str);
        let keep = graph.ancestors(read);
        let inputs = self
            .inputs
            .iter()
            .map(|(name, dims)| shapes::value_info(name, dims, Some("N")));
        let inputs = graph.input_infos().iter().cloned().chain(inputs).collect();
        let mut infos = Vec::new();
        for (tensor, name, dims) in outputs {
            self.nodes.push(NodeProto {
                op_type: Some(Passing::Identity.name().to_owned()),
                input: vec![tensor.clone()],
                output: vec![name.clone()],
                ..Default::default()
            });
            let dims: Vec<i64> = std::iter::once(1)
                .chain(dims.iter().map(|&d| d as i64))
                .collect();
            infos.push(shapes::value_info(name, &dims, Some("N")));
        }
        graph.assemble(&keep, self.nodes, self.constants, inputs, infos)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::onnx::ops::{Activation, Arithmetic, Convolution};
    use prost::Message;
    use prost::bytes::Bytes;

    use super::super::proto::{GraphProto, ModelProto, OperatorSetIdProto, ValueInfoProto};
    use super::*;

    /// A graph of the nodes that `build` emits from the input `x` [1, 1, 4, 4]; `build` returns the output.
    pub fn small_graph(build: impl FnOnce(&mut Emitter) -> String) -> Graph {
        small_graph_of(|emitter| (vec![], build(emitter)))
    }

    /// The same with nodes that an emitter does not write, before those that it does.
    pub fn small_graph_of(build: impl FnOnce(&mut Emitter) -> (Vec<NodeProto>, String)) -> Graph {
        let mut emitter = Emitter::default();
        let (mut nodes, output) = build(&mut emitter);
        nodes.extend(emitter.nodes);
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                version: Some(13),
                ..Default::default()
            }],
            graph: Some(GraphProto {
                node: nodes,
                initializer: emitter.constants,
                input: vec![shapes::value_info("x", &[1, 1, 4, 4], None)],
                output: vec![ValueInfoProto {
                    name: Some(output),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        };
        super::super::parse(Bytes::from(model.encode_to_vec()), "test").unwrap()
    }

    #[test]
    fn the_same_node_is_emitted_once() {
        let mut emitter = Emitter::default();
        let a = emitter.op(Arithmetic::Abs, &["x"], &[]);
        assert_eq!(emitter.op(Arithmetic::Abs, &["x"], &[]), a);
        assert_ne!(emitter.op(Arithmetic::Sign, &["x"], &[]), a);
        assert_ne!(
            emitter.op(Convolution::Conv, &["x"], &[Attribute::Int("group", 1)]),
            emitter.op(Convolution::Conv, &["x"], &[Attribute::Int("group", 2)])
        );
        assert_eq!(emitter.scalar(0.5), emitter.scalar(0.5));
        assert_ne!(emitter.scalar(0.5), emitter.scalar(0.25));
    }

    #[test]
    fn only_what_is_read_comes_along() {
        let graph = small_graph(|e| {
            let used = e.op(Activation::Relu, &["x"], &[]);
            e.op(Arithmetic::Abs, &[&used], &[])
        });
        let relu = graph.nodes()[0].output[0].clone();
        let mut emitter = Emitter::default();
        emitter.batch_input("seed", &[1, 4, 4]);
        let product = emitter.op(Arithmetic::Mul, &["seed", &relu], &[]);
        let outputs = [(product, "relevance".to_owned(), vec![1, 4, 4])];
        let bytes = emitter.finish(&graph, &outputs).unwrap();
        let model = ModelProto::decode(Bytes::from(bytes)).unwrap();
        let graph = model.graph.unwrap();
        let operators: Vec<_> = graph.node.iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Relu", "Mul", "Identity"]);
    }
}
