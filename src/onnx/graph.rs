//! A view of an ONNX graph by tensor name: who makes a tensor, who reads it, what shape it has.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

use super::absorb::Absorbing;
use super::attributes::NodeExt;
use super::fuse::Fusing;
use super::operator_set::{IR_VERSION, is_onnx};
use super::ops::{self, KnownTensors, Op};
use super::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use super::{Tensor, inner, integer_input, shapes, spending, tensor, upgrade};
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};
use crate::limits::MOST_NUMBERS;
use crate::own_operators::OWN_DOMAIN;

/// Limits of a feature map, far above those of any detector.
const MAX_CHANNELS: usize = 1 << 16;
const MAX_SIDE: usize = 1 << 13;
/// Nodes of a network whose chains are fused.
const MOST_FUSED: usize = 1 << 13;

/// A canonical graph: nodes sorted topologically, constants as initialisers, shapes known where they can be inferred.
///
/// A dynamic batch dimension (the first one) counts as 1.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    initializers: BTreeMap<String, TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    opset_import: Vec<OperatorSetIdProto>,
    producers: HashMap<String, usize>,
    consumers: HashMap<String, Vec<usize>>,
    shapes: HashMap<String, Vec<usize>>,
}

/// What a model file is made of, besides what the graph has.
pub(super) struct Assembly<'a> {
    /// Nodes of the graph, by index.
    pub keep: &'a [usize],
    /// Nodes behind them.
    pub nodes: Vec<NodeProto>,
    pub constants: Vec<TensorProto>,
    pub inputs: Vec<ValueInfoProto>,
    pub outputs: Vec<ValueInfoProto>,
    /// Whether chains of the further nodes are fused.
    pub is_fused: bool,
}

impl Graph {
    pub(super) fn new(graph: GraphProto, opset_import: Vec<OperatorSetIdProto>) -> Result<Self> {
        let initializers: BTreeMap<_, _> = graph
            .initializer
            .into_iter()
            .map(|tensor| (tensor.name().to_owned(), tensor))
            .collect();
        // Files up to IR version 3 list every initialiser among the inputs too.
        let inputs: Vec<_> = graph
            .input
            .into_iter()
            .filter(|input| !initializers.contains_key(input.name()))
            .collect();
        let given: HashSet<&str> = inputs.iter().map(|input| input.name()).collect();
        let mut producers: HashMap<String, usize> = HashMap::new();
        let mut consumers: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            for input in inner::reads(node) {
                ensure!(
                    initializers.contains_key(input)
                        || producers.contains_key(input)
                        || given.contains(input),
                    "{} reads '{input}', which no node, input or initialiser provides: the file is incomplete, export it again",
                    node.describe()
                );
                consumers.entry(input.to_owned()).or_default().push(index);
            }
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                ensure!(
                    !initializers.contains_key(output) && !given.contains(output.as_str()),
                    "{} writes '{output}', which is an input or an initialiser of the graph",
                    node.describe()
                );
                if producers.insert(output.clone(), index).is_some() {
                    bail!("two nodes write the tensor '{output}'");
                }
            }
        }
        let shapes = shapes::infer(
            &graph.node,
            &initializers,
            inputs.iter().chain(&graph.value_info).chain(&graph.output),
        );
        Ok(Self {
            nodes: graph.node,
            initializers,
            inputs,
            outputs: graph.output,
            opset_import,
            producers,
            consumers,
            shapes,
        })
    }

    /// All nodes, each after those that it reads from.
    pub fn nodes(&self) -> &[NodeProto] {
        &self.nodes
    }

    /// Index of the node that writes `tensor`; `None` for inputs and initialisers.
    pub fn producer(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// Indices of the nodes that read `tensor`, one entry for each time that it is read.
    pub fn consumers(&self, tensor: &str) -> &[usize] {
        self.consumers.get(tensor).map_or(&[], Vec::as_slice)
    }

    /// Names of the graph's outputs, in the file's order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|output| output.name())
    }

    /// Whether `tensor` is an output of the graph.
    pub(super) fn is_output(&self, tensor: &str) -> bool {
        self.outputs().any(|output| output == tensor)
    }

    /// The one input, which must be a picture: `[1, C, H, W]` with fixed H and W.
    ///
    /// # Errors
    /// Several inputs, or an input of another rank or without a fixed size.
    pub fn image_input(&self) -> Result<(&str, [usize; 4])> {
        let names: Vec<_> = self.inputs.iter().map(|input| input.name()).collect();
        let [name] = names.as_slice() else {
            bail!(
                "the graph has {} inputs {names:?}, one picture was expected",
                names.len()
            );
        };
        if let Some(kind) = self.inputs.iter().find_map(integer_input::other_type) {
            bail!(
                "the network takes the picture '{name}' as {kind}, and makes more of it than float32: name the first float32 tensor behind it as [input] tensor, or export it to take float32"
            );
        }
        let shape = self.feature_map(name)?;
        ensure!(
            shape[0] == 1,
            "input '{name}' has shape {shape:?}, [1, channels, height, width] was expected"
        );
        Ok((name, shape))
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// The shape is neither in the file nor inferable; the node at which inference ended is named.
    pub fn shape(&self, tensor: &str) -> Result<&[usize]> {
        if let Some(shape) = self.shapes.get(tensor) {
            return Ok(shape);
        }
        let origin = self
            .ancestors([tensor])
            .into_iter()
            .map(|index| &self.nodes[index])
            .find(|node| !self.shapes.contains_key(node.first_output()));
        if let Some(node) = origin {
            self.check(node)?;
            ensure!(
                Op::of(node) != Op::Other,
                "the shape of tensor '{tensor}' is not known, because {} is not understood: its operator is not supported, and no relevance passes it; for detections alone save onnx.shape_inference.infer_shapes(model)",
                node.describe()
            );
        }
        let because = origin.map_or(String::new(), |node| {
            format!(", because {} is not understood", node.describe())
        });
        bail!(
            "the shape of tensor '{tensor}' is not known{because}: \
             export with fixed height and width and save onnx.shape_inference.infer_shapes(model)"
        )
    }

    /// The shape of a feature map, `[1, C, H, W]`.
    ///
    /// # Errors
    /// The shape is not known, not of rank 4, empty, or larger than any picture's: sizes that pass here can be multiplied and allocated.
    pub fn feature_map(&self, tensor: &str) -> Result<[usize; 4]> {
        let shape = self.shape(tensor)?;
        let map = <[usize; 4]>::try_from(shape).ok().with_context(|| {
            format!(
                "tensor '{tensor}' has shape {shape:?}, a feature map [1, C, H, W] was expected"
            )
        })?;
        let [_, channels, height, width] = map;
        ensure!(
            (1..=MAX_CHANNELS).contains(&channels)
                && (1..=MAX_SIDE).contains(&height)
                && (1..=MAX_SIDE).contains(&width)
                && channels * height * width <= MOST_NUMBERS,
            "tensor '{tensor}' has shape {shape:?}: 1 to {MAX_CHANNELS} channels of 1x1 to {MAX_SIDE}x{MAX_SIDE} are supported, and {MOST_NUMBERS} numbers in all"
        );
        Ok(map)
    }

    /// Whether `tensor` is a constant.
    pub fn is_constant(&self, tensor: &str) -> bool {
        self.initializers.contains_key(tensor)
    }

    /// Refuses a node that does not mean here what it means in the file: it is of an older operator set and could not be rewritten, or has a form that is not understood.
    ///
    /// # Errors
    /// Names the node, the reason, and what to do.
    pub fn check(&self, node: &NodeProto) -> Result<()> {
        upgrade::check(node)?;
        if let Some(reason) = self.refusal(node) {
            bail!("{} is not understood: {reason}", node.describe());
        }
        Ok(())
    }

    /// Why a node is not understood as it stands.
    pub(super) fn refusal(&self, node: &NodeProto) -> Option<String> {
        ops::refusal(node, |name| self.initializers.get(name))
    }

    /// Whether the shape of a node's output follows from those of its inputs.
    pub(super) fn infers(&self, node: &NodeProto) -> bool {
        let known = KnownTensors {
            shapes: &self.shapes,
            initializers: &self.initializers,
        };
        Op::of(node).shapes(node, &known).is_some()
    }

    /// How many elements all constants have together.
    pub(super) fn constant_elements(&self) -> usize {
        let elements = |tensor: &TensorProto| {
            let dims = tensor.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0));
            dims.product::<usize>()
        };
        self.initializers.values().map(elements).sum()
    }

    /// A float32 constant.
    ///
    /// # Errors
    /// The tensor is computed rather than constant, or not float32.
    pub fn constant(&self, name: &str) -> Result<Tensor> {
        let proto = self.initializers.get(name).with_context(|| {
            format!("tensor '{name}' is computed at run time, a constant was expected")
        })?;
        Tensor::from_proto(proto)
    }

    /// A constant as it stands in the file.
    pub(super) fn stored(&self, name: &str) -> Option<&TensorProto> {
        self.initializers.get(name)
    }

    /// An int64 constant such as a shape.
    ///
    /// # Errors
    /// The tensor is computed rather than constant, or not int64.
    pub fn constant_int64s(&self, name: &str) -> Result<Vec<i64>> {
        let proto = self.initializers.get(name).with_context(|| {
            format!("tensor '{name}' is computed at run time, a constant was expected")
        })?;
        tensor::int64s(proto)
    }

    /// The same graph with other values for some of its constants; each keeps the shape that it had.
    pub fn with_constants(&self, values: HashMap<String, Tensor>) -> Self {
        let mut graph = self.clone();
        for (name, tensor) in values {
            if let Some(constant) = graph.initializers.get_mut(&name) {
                *constant = tensor.to_proto(&name);
            }
        }
        graph
    }

    /// Indices of the nodes that `tensors` depend on, ascending, which is topological order.
    pub fn ancestors<'a>(&self, tensors: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        let mut needed = vec![false; self.nodes.len()];
        let mut open: Vec<usize> = tensors
            .into_iter()
            .filter_map(|t| self.producer(t))
            .collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut needed[index], true) {
                let before = inner::reads(&self.nodes[index]);
                open.extend(before.filter_map(|t| self.producer(t)));
            }
        }
        (0..needed.len()).filter(|&index| needed[index]).collect()
    }

    /// A model file of nodes of the graph with the constants that they read, followed by others.
    ///
    /// # Errors
    /// A node to keep that is of an older operator set and could not be brought to this one.
    pub(super) fn assemble(&self, assembly: Assembly) -> Result<Vec<u8>> {
        let Assembly {
            keep,
            nodes: more,
            constants,
            inputs,
            outputs,
            is_fused,
        } = assembly;
        let mut nodes: Vec<NodeProto> = keep.iter().map(|&i| self.nodes[i].clone()).collect();
        nodes.iter().try_for_each(|node| self.check(node))?;
        spending::check(&nodes, &self.shapes, |name| self.is_constant(name))?;
        nodes.extend(more);
        // Which nodes may be joined takes their number squared, and a network of more is no faster for it.
        if is_fused && nodes.len() <= MOST_FUSED {
            nodes = self.fused(nodes, &constants, &inputs, &outputs)?;
        }
        let mut used: Vec<&str> = nodes.iter().flat_map(inner::reads).collect();
        used.sort_unstable();
        used.dedup();
        let mut initializer: Vec<TensorProto> = used
            .into_iter()
            .filter_map(|name| self.initializers.get(name).cloned())
            .collect();
        initializer.extend(constants);
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import: self.operator_sets(&nodes),
            producer_name: Some("ssdcrp".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(GraphProto {
                name: Some("explanation".to_owned()),
                node: nodes,
                initializer,
                input: inputs,
                output: outputs,
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(model.encode_to_vec())
    }

    /// The operator sets of nodes: a runtime refuses a file for one that it does not know, even where no node is of it.
    fn operator_sets(&self, nodes: &[NodeProto]) -> Vec<OperatorSetIdProto> {
        let used = inner::domains(nodes);
        let own = OperatorSetIdProto {
            domain: Some(OWN_DOMAIN.to_owned()),
            version: Some(1),
        };
        let imported = self.opset_import.iter();
        let onnx = imported.clone().find(|set| is_onnx(set));
        let others = imported.filter(|set| !is_onnx(set) && set.domain() != OWN_DOMAIN);
        (onnx.into_iter())
            .chain(
                others
                    .chain([&own])
                    .filter(|set| used.contains(set.domain())),
            )
            .cloned()
            .collect()
    }

    /// The same nodes with chains fused.
    ///
    /// # Errors
    /// Nodes that read each other in a circle.
    fn fused(
        &self,
        nodes: Vec<NodeProto>,
        constants: &[TensorProto],
        inputs: &[ValueInfoProto],
        outputs: &[ValueInfoProto],
    ) -> Result<Vec<NodeProto>> {
        let mut all = self.initializers.clone();
        let named = |tensor: &TensorProto| (tensor.name().to_owned(), tensor.clone());
        all.extend(constants.iter().map(named));
        let shapes = shapes::infer_more(self.shapes.clone(), &nodes, &all, inputs.iter());
        let wanted: HashSet<&str> = outputs.iter().map(|output| output.name()).collect();
        let fusing = Fusing {
            shapes: &shapes,
            constants: &all,
            wanted: wanted.clone(),
        };
        let absorbing = Absorbing {
            shapes: &shapes,
            constants: &all,
            wanted,
        };
        Ok(absorbing.absorb(fusing.fuse(nodes)?))
    }

    /// The whole model as a file, with `outputs` as its outputs.
    ///
    /// # Errors
    /// An output that no node writes or whose shape is not known; a node that it needs and that could not be brought from an older operator set to this one.
    pub fn to_model(&self, outputs: &[&str]) -> Result<Vec<u8>> {
        let keep = self.ancestors(outputs.iter().copied());
        let outputs = outputs
            .iter()
            .map(|name| {
                ensure!(
                    self.producer(name).is_some(),
                    "no node writes the tensor '{name}'"
                );
                let dims: Vec<_> = self.shape(name)?.iter().map(|&d| d as i64).collect();
                Ok(shapes::value_info(name, &dims, None))
            })
            .collect::<Result<_>>()?;
        self.assemble(Assembly {
            keep: &keep,
            nodes: vec![],
            constants: vec![],
            inputs: self.inputs.clone(),
            outputs,
            is_fused: false,
        })
    }

    /// The graph as it would stand in a file.
    pub(super) fn to_proto(&self) -> GraphProto {
        GraphProto {
            name: Some("graph".to_owned()),
            node: self.nodes.clone(),
            initializer: self.initializers.values().cloned().collect(),
            input: self.inputs.clone(),
            output: self.outputs.clone(),
            value_info: self
                .shapes
                .iter()
                .filter(|(name, _)| self.producers.contains_key(*name))
                .map(|(name, dims)| {
                    let dims: Vec<_> = dims.iter().map(|&d| d as i64).collect();
                    shapes::value_info(name, &dims, None)
                })
                .collect(),
            ..Default::default()
        }
    }

    pub(super) fn opset_import(&self) -> &[OperatorSetIdProto] {
        &self.opset_import
    }

    /// Names of the graph's inputs with their shapes where these are known.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, Option<&[usize]>)> {
        self.inputs.iter().map(|info| {
            let shape = self.shapes.get(info.name()).map(Vec::as_slice);
            (info.name(), shape)
        })
    }

    pub(super) fn input_infos(&self) -> &[ValueInfoProto] {
        &self.inputs
    }
}
