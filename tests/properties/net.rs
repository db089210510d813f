//! A small network as plain data, and as the ONNX file that the engine reads.
//!
//! In: nodes, appended one after the other. Out: shapes, and [`Net::graph`]. Tensor 0 is the picture, tensor n what node n − 1 makes.

use anyhow::Result;
use prost::Message;
use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use ssdcrp::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use ssdcrp::onnx::{Graph, Tensor, parse};

use crate::random::Random;

/// A network for one picture.
#[derive(Debug)]
pub struct Net {
    /// The picture, row-major as all feature maps here.
    pub picture: Vec<f32>,
    /// In topological order.
    pub nodes: Vec<Node>,
    /// The tensors at which relevance enters: class scores, offsets.
    pub heads: Vec<usize>,
    /// Channels, height, width of each tensor.
    shapes: Vec<[usize; 3]>,
}

/// An operator with the tensors that it reads.
#[derive(Debug)]
pub enum Node {
    Conv(Convolution),
    Relu(usize),
    Clip(usize, f32, f32),
    MaxPool(usize, Window),
    Add(usize, usize),
}

#[derive(Debug)]
pub struct Convolution {
    pub input: usize,
    pub outputs: usize,
    pub groups: usize,
    pub window: Window,
    /// `[outputs, inputs / groups, kernel height, kernel width]`
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// A sliding window; pairs are (vertical, horizontal), pads ONNX's top, left, bottom, right.
#[derive(Clone, Debug)]
pub struct Window {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    pub pads: [usize; 4],
}

impl Random {
    /// Evenly spread over −1..1.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

impl Window {
    pub fn square(kernel: usize, pad: usize) -> Self {
        Self {
            kernel: [kernel; 2],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [pad; 4],
        }
    }

    /// The same with a kernel of 1 along an axis that is too short for it.
    pub fn fitted(&self, [_, height, width]: [usize; 3]) -> Self {
        let mut fitted = self.clone();
        for (axis, size) in [height, width].into_iter().enumerate() {
            let extent = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
            if extent > size + self.pads[axis] + self.pads[axis + 2] {
                fitted.kernel[axis] = 1;
                fitted.pads[axis] = 0;
                fitted.pads[axis + 2] = 0;
            }
        }
        fitted
    }

    /// Height and width of the output.
    pub fn output(&self, [_, height, width]: [usize; 3]) -> [usize; 2] {
        [0, 1].map(|axis| {
            let extent = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
            let padded = [height, width][axis] + self.pads[axis] + self.pads[axis + 2];
            (padded - extent) / self.strides[axis] + 1
        })
    }

    /// The row and column that a tap reads for an output cell; none in the padding.
    pub fn source(
        &self,
        [_, height, width]: [usize; 3],
        cell: [usize; 2],
        tap: [usize; 2],
    ) -> Option<[usize; 2]> {
        let place = |axis: usize, size: usize| {
            let at = cell[axis] * self.strides[axis] + tap[axis] * self.dilations[axis];
            at.checked_sub(self.pads[axis]).filter(|&at| at < size)
        };
        Some([place(0, height)?, place(1, width)?])
    }

    fn attributes(&self) -> Vec<AttributeProto> {
        vec![
            ints("kernel_shape", &self.kernel),
            ints("strides", &self.strides),
            ints("dilations", &self.dilations),
            ints("pads", &self.pads),
        ]
    }
}

impl Net {
    /// The tensor that is the picture.
    pub const IMAGE: usize = 0;

    /// A picture of values in −1..1 without nodes.
    pub fn new(image: [usize; 3], random: &mut Random) -> Self {
        Self {
            picture: (0..image.iter().product())
                .map(|_| random.uniform())
                .collect(),
            nodes: Vec::new(),
            heads: Vec::new(),
            shapes: vec![image],
        }
    }

    /// Channels, height, width.
    pub fn shape(&self, tensor: usize) -> [usize; 3] {
        self.shapes[tensor]
    }

    /// Appends a node and returns the tensor that it makes.
    pub fn push(&mut self, node: Node) -> usize {
        let shape = match &node {
            Node::Conv(conv) => {
                let [height, width] = conv.window.output(self.shape(conv.input));
                [conv.outputs, height, width]
            }
            Node::MaxPool(input, window) => {
                let shape = self.shape(*input);
                let [height, width] = window.output(shape);
                [shape[0], height, width]
            }
            Node::Relu(input) | Node::Clip(input, ..) | Node::Add(input, _) => self.shape(*input),
        };
        self.shapes.push(shape);
        self.nodes.push(node);
        self.nodes.len()
    }

    /// A tensor's name in the file.
    pub fn name(tensor: usize) -> String {
        format!("t{tensor}")
    }

    /// The network by way of its ONNX file.
    pub fn graph(&self) -> Result<Graph> {
        let mut graph = GraphProto {
            name: Some("net".to_owned()),
            input: vec![self.value_info(Self::IMAGE)],
            output: self.heads.iter().map(|&h| self.value_info(h)).collect(),
            ..Default::default()
        };
        for (index, node) in self.nodes.iter().enumerate() {
            let output = Self::name(index + 1);
            let mut constant = |suffix: &str, dims: &[usize], data: &[f32]| {
                let name = format!("{output}.{suffix}");
                graph.initializer.push(tensor(&name, dims, data));
                name
            };
            let (op, inputs, attributes) = match node {
                Node::Conv(conv) => {
                    let [h, w] = conv.window.kernel;
                    let dims = [conv.outputs, self.shape(conv.input)[0] / conv.groups, h, w];
                    let mut inputs = vec![
                        Self::name(conv.input),
                        constant("weight", &dims, &conv.weight),
                    ];
                    if let Some(bias) = &conv.bias {
                        inputs.push(constant("bias", &[conv.outputs], bias));
                    }
                    let mut attributes = conv.window.attributes();
                    attributes.push(AttributeProto {
                        i: Some(conv.groups as i64),
                        ..attribute("group", AttributeType::Int)
                    });
                    ("Conv", inputs, attributes)
                }
                Node::Relu(x) => ("Relu", vec![Self::name(*x)], vec![]),
                Node::Clip(x, low, high) => {
                    let bounds = [
                        constant("low", &[], &[*low]),
                        constant("high", &[], &[*high]),
                    ];
                    let [low, high] = bounds;
                    ("Clip", vec![Self::name(*x), low, high], vec![])
                }
                Node::MaxPool(x, window) => ("MaxPool", vec![Self::name(*x)], window.attributes()),
                Node::Add(a, b) => ("Add", vec![Self::name(*a), Self::name(*b)], vec![]),
            };
            graph.node.push(NodeProto {
                op_type: Some(op.to_owned()),
                name: Some(format!("{op}{index}")),
                input: inputs,
                output: vec![output.clone()],
                attribute: attributes,
                ..Default::default()
            });
        }
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(13),
            }],
            graph: Some(graph),
            ..Default::default()
        };
        parse(model.encode_to_vec().into(), "a random net")
    }

    fn value_info(&self, tensor: usize) -> ValueInfoProto {
        let dims = std::iter::once(1).chain(self.shape(tensor));
        let dim = dims
            .map(|size| Dimension {
                value: Some(dimension::Value::DimValue(size as i64)),
                ..Default::default()
            })
            .collect();
        ValueInfoProto {
            name: Some(Self::name(tensor)),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                    elem_type: Some(1),
                    shape: Some(TensorShapeProto { dim }),
                })),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

fn tensor(name: &str, dims: &[usize], data: &[f32]) -> TensorProto {
    Tensor {
        dims: dims.to_vec(),
        data: data.to_vec(),
    }
    .to_proto(name)
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        ints: values.iter().map(|&v| v as i64).collect(),
        ..attribute(name, AttributeType::Ints)
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..Default::default()
    }
}
