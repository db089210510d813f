//! Appends nodes to a graph that exists. A node that was already emitted with the same inputs is not emitted again.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::attributes::{self, Attribute};
use super::fuse::PREFIX;
use super::graph::{Assembly, Graph};
use super::ops::{Op, Passing};
use super::proto::{AttributeProto, NodeProto, TensorProto, ValueInfoProto};
use super::{Tensor, inner, shapes, tensor};
use crate::error::Result;
use crate::own_operators::{MOMENTS, MapWindow, OWN_DOMAIN, PLACE, WINDOW, WINDOW_OF};

/// Collects nodes, constants and inputs; [`Emitter::finish`] joins them with the part of the graph that they read.
#[derive(Default)]
pub struct Emitter {
    /// Whether constants are left out, where only what is read is of interest.
    is_draft: bool,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    inputs: Vec<(String, Vec<i64>)>,
    known: HashSet<String>,
    memo: HashMap<String, String>,
}

/// In which form emitted nodes become a model.
#[derive(Clone, Copy)]
pub struct ModelForm<'a> {
    /// Which tensors of the graph are handed over by whoever has them, instead of being computed again.
    pub hands_over: &'a dyn Fn(&str) -> bool,
    /// Whether chains of elementwise nodes become nodes of this program's own domain, which the CPU has a kernel for.
    pub is_fused: bool,
    /// Whether inputs of the graph that are not needed are inputs all the same.
    pub keeps_inputs: bool,
}

impl ModelForm<'_> {
    /// A network that anyone can run on the picture alone.
    pub const STANDARD: ModelForm<'static> = ModelForm {
        hands_over: &|_| false,
        is_fused: false,
        keeps_inputs: true,
    };
}

/// A model file, and what it reads besides the inputs that were emitted.
#[derive(Clone, Debug)]
pub struct Emitted {
    pub model: Vec<u8>,
    /// Tensors of the graph, among them perhaps its input, that are the model's inputs.
    pub reads: Vec<String>,
}

impl Emitter {
    /// An emitter for a model that is not written: see [`Emitter::reads`].
    pub fn draft() -> Self {
        Self {
            is_draft: true,
            ..Self::default()
        }
    }

    /// The mean of each channel of a map, and the standard deviation of all its elements, by the operator [`MOMENTS`].
    pub fn own_moments(&mut self, map: &str) -> [String; 2] {
        let mean = self.own_op(MOMENTS, &[map], vec![]);
        let deviation = format!("{mean}:deviation");
        // A new node is the last one.
        let mut nodes = self.nodes.iter_mut().rev();
        let node = nodes.find(|node| node.output[0] == mean);
        if let Some(node) = node.filter(|node| node.output.len() == 1) {
            node.output.push(deviation.clone());
        }
        [mean, deviation]
    }

    /// Each target's window of a map, by the operator [`WINDOW`].
    pub fn own_window(&mut self, map: &str, cells: &str, window: MapWindow) -> String {
        let window = attributes::ints(WINDOW_OF, &window.to_ints());
        self.own_op(WINDOW, &[map, cells], vec![window])
    }

    /// Windows in their places of whole maps, by the operator [`PLACE`].
    pub fn own_place(&mut self, windows: &str, cells: &str, window: MapWindow) -> String {
        let window = attributes::ints(WINDOW_OF, &window.to_ints());
        self.own_op(PLACE, &[windows, cells], vec![window])
    }

    fn own_op(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let key = format!("{OWN_DOMAIN}:{operator}{inputs:?}{attribute:?}");
        if let Some(output) = self.memo.get(&key) {
            return output.clone();
        }
        let output = format!("{PREFIX}{}_{}", operator.to_lowercase(), self.nodes.len());
        self.nodes.push(NodeProto {
            name: Some(output.clone()),
            op_type: Some(operator.to_owned()),
            domain: Some(OWN_DOMAIN.to_owned()),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.clone()],
            attribute,
            ..Default::default()
        });
        self.memo.insert(key, output.clone());
        output
    }

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
        if self.known.insert(name.clone()) && !self.is_draft {
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
        form: ModelForm,
    ) -> Result<Emitted> {
        self.keep_only(outputs.iter().map(|(tensor, _, _)| tensor.as_str()));
        let (keep, mut reads) = self.needs(graph, form.hands_over);
        let inputs = self
            .inputs
            .iter()
            .map(|(name, dims)| shapes::value_info(name, dims, Some("N")));
        let own = graph.input_infos().iter();
        let own =
            own.filter(|info| form.keeps_inputs || reads.iter().any(|read| read == info.name()));
        let mut infos_in: Vec<ValueInfoProto> = own.cloned().collect();
        for tensor in reads
            .iter()
            .filter(|tensor| graph.producer(tensor).is_some())
        {
            let dims: Vec<i64> = graph.shape(tensor)?.iter().map(|&d| d as i64).collect();
            infos_in.push(shapes::value_info(tensor, &dims, None));
        }
        reads = infos_in.iter().map(|info| info.name().to_owned()).collect();
        infos_in.extend(inputs);
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
        let assembly = Assembly {
            keep: &keep,
            nodes: self.nodes,
            constants: self.constants,
            inputs: infos_in,
            outputs: infos,
            is_fused: form.is_fused,
        };
        let model = graph.assemble(assembly)?;
        Ok(Emitted { model, reads })
    }

    /// What a model with these outputs would read of the graph: tensors that are handed over, and its inputs.
    pub fn reads(
        mut self,
        graph: &Graph,
        outputs: &[(String, String, Vec<usize>)],
        hands_over: &dyn Fn(&str) -> bool,
    ) -> Vec<String> {
        self.keep_only(outputs.iter().map(|(tensor, _, _)| tensor.as_str()));
        self.needs(graph, hands_over).1
    }

    /// Drops nodes that no output depends on.
    fn keep_only<'a>(&mut self, outputs: impl Iterator<Item = &'a str>) {
        let mut needed: HashSet<String> = outputs.map(str::to_owned).collect();
        for node in self.nodes.iter().rev() {
            if node.output.iter().any(|output| needed.contains(output)) {
                needed.extend(node.input.iter().cloned());
            }
        }
        (self.nodes).retain(|node| node.output.iter().any(|output| needed.contains(output)));
    }

    /// The nodes of the graph that have to be computed for the emitted ones, and the tensors that these and those read from outside.
    fn needs(&self, graph: &Graph, hands_over: &dyn Fn(&str) -> bool) -> (Vec<usize>, Vec<String>) {
        let mut keep = BTreeSet::new();
        let mut reads = BTreeSet::new();
        let mut open: Vec<&str> = self
            .nodes
            .iter()
            .flat_map(|n| &n.input)
            .map(String::as_str)
            .collect();
        let is_input = |tensor: &str| graph.input_infos().iter().any(|info| info.name() == tensor);
        while let Some(tensor) = open.pop() {
            match graph.producer(tensor) {
                Some(_) if hands_over(tensor) => drop(reads.insert(tensor.to_owned())),
                Some(index) if keep.insert(index) => {
                    open.extend(inner::reads(&graph.nodes()[index]));
                }
                Some(_) => {}
                None if is_input(tensor) => drop(reads.insert(tensor.to_owned())),
                None => {}
            }
        }
        (keep.into_iter().collect(), reads.into_iter().collect())
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
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                version: Some(13),
                ..Default::default()
            }],
            graph: Some(small_proto_of(build)),
            ..Default::default()
        };
        super::super::parse(Bytes::from(model.encode_to_vec()), "test").unwrap()
    }

    /// The same as it stands in a file.
    pub fn small_proto_of(
        build: impl FnOnce(&mut Emitter) -> (Vec<NodeProto>, String),
    ) -> GraphProto {
        let mut emitter = Emitter::default();
        let (mut nodes, output) = build(&mut emitter);
        nodes.extend(emitter.nodes);
        GraphProto {
            node: nodes,
            initializer: emitter.constants,
            input: vec![shapes::value_info("x", &[1, 1, 4, 4], None)],
            output: vec![ValueInfoProto {
                name: Some(output),
                ..Default::default()
            }],
            ..Default::default()
        }
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
        let emitted = emitter
            .finish(&graph, &outputs, ModelForm::STANDARD)
            .unwrap();
        let model = ModelProto::decode(Bytes::from(emitted.model)).unwrap();
        let graph = model.graph.unwrap();
        let operators: Vec<_> = graph.node.iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Relu", "Mul", "Identity"]);
    }
}
