//! The ONNX file of a [`Net`], as exporters write one, and the graph that the engine reads out of it.

mod attention;

use prost::Message;
use ssdcrp::Result;
use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use ssdcrp::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use ssdcrp::onnx::{Graph, Tensor, parse};

use crate::net::{Activation, Constants, Convolution, Net, Node, Norm, Resize, SelfGate};
use crate::window::Window;

/// The first that has Mish.
const OPERATOR_SET: i64 = 18;
/// ONNX's number for int64.
const INT64: i32 = 7;

impl Net {
    /// The network by way of its ONNX file.
    pub fn graph(&self) -> Result<Graph> {
        let mut file = File {
            net: self,
            graph: GraphProto {
                name: Some("net".to_owned()),
                input: vec![self.value_info(Self::IMAGE)],
                output: self.heads.iter().map(|&h| self.value_info(h)).collect(),
                ..Default::default()
            },
        };
        for (index, node) in self.nodes.iter().enumerate() {
            file.write(node, index + 1);
        }
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(OPERATOR_SET),
            }],
            graph: Some(file.graph),
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

struct File<'a> {
    net: &'a Net,
    graph: GraphProto,
}

impl File<'_> {
    /// Writes what makes the tensor `made`.
    #[expect(clippy::too_many_lines, reason = "an arm for each family of operators")]
    fn write(&mut self, node: &Node, made: usize) {
        let y = Net::name(made);
        let inputs: Vec<String> = node.inputs().into_iter().map(Net::name).collect();
        let x = inputs[0].as_str();
        match node {
            Node::Conv(conv) => self.convolution("Conv", conv, &y, None),
            Node::ConvTranspose(conv, more) => {
                self.convolution("ConvTranspose", conv, &y, Some(more));
            }
            Node::ByChannel(_, constants) => self.by_channel(constants, x, &y),
            Node::Activation(_, activation) => self.activation(activation, x, &y),
            Node::SelfGated(_, gate) => self.self_gated(*gate, x, &y),
            Node::Gated { gate_first, .. } => {
                let gate = inputs[1].as_str();
                let factors = if *gate_first { [gate, x] } else { [x, gate] };
                self.node("Mul", &factors, &y, vec![]);
            }
            Node::MaxPool(_, window) => self.node("MaxPool", &[x], &y, attributes(window)),
            Node::AveragePool {
                window,
                counts_pads,
                ..
            } => {
                let mut attributes = attributes(window);
                // Operator set 18 has none for averages.
                attributes.retain(|attribute| attribute.name() != "dilations");
                attributes.push(int("count_include_pad", i64::from(*counts_pads)));
                self.node("AveragePool", &[x], &y, attributes);
            }
            Node::GlobalAveragePool(_, as_mean) if *as_mean => {
                let axes = self.int64s(&y, "axes", &[2, 3]);
                self.node("ReduceMean", &[x, &axes], &y, vec![]);
            }
            Node::GlobalAveragePool(..) => self.node("GlobalAveragePool", &[x], &y, vec![]),
            Node::Norm(_, norm) => self.norm(*norm, x, &y),
            Node::Attention(input, attention) => self.attention(*input, *attention, &y),
            Node::Add(..) => self.node("Add", &[x, &inputs[1]], &y, vec![]),
            Node::Concat(.., axis) => {
                let axis = int("axis", *axis as i64 + 1);
                self.node("Concat", &[x, &inputs[1]], &y, vec![axis]);
            }
            // The first part's Split makes both.
            Node::Part {
                is_second: true, ..
            } => {}
            Node::Part { axis, sizes, .. } => {
                let sizes = self.int64s(&y, "sizes", &sizes.map(|size| size as i64));
                let axis = int("axis", *axis as i64 + 1);
                self.node("Split", &[x, &sizes], &y, vec![axis]);
                let split = self.graph.node.last_mut().expect("the Split");
                split.output.push(Net::name(made + 1));
            }
            Node::Slice {
                axis,
                start,
                step,
                size,
                ..
            } => {
                let end = start + (size - 1) * step + 1;
                let bounds = [
                    ("start", *start),
                    ("end", end),
                    ("axis", axis + 1),
                    ("step", *step),
                ];
                let [start, end, axis, step] =
                    bounds.map(|(what, value)| self.int64s(&y, what, &[value as i64]));
                self.node("Slice", &[x, &start, &end, &axis, &step], &y, vec![]);
            }
            Node::Gather { axis, places, .. } => {
                let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
                let places = self.int64s(&y, "places", &places);
                let axis = int("axis", *axis as i64 + 1);
                self.node("Gather", &[x, &places], &y, vec![axis]);
            }
            Node::Pad {
                before,
                after,
                value,
                ..
            } => {
                let pads: Vec<i64> = [before, after]
                    .into_iter()
                    .flat_map(|sides| std::iter::once(0).chain(sides.map(|size| size as i64)))
                    .collect();
                let pads = self.int64s(&y, "pads", &pads);
                let value = self.constant(&y, "value", &[], &[*value]);
                self.node("Pad", &[x, &pads, &value], &y, vec![]);
            }
            Node::Resize(input, resize) => self.resize(*input, resize, &y),
            Node::Transpose(_) => self.transpose(x, &[0, 2, 3, 1], &y),
            Node::Shuffle(input, groups) => self.shuffle(*input, *groups, &y),
            Node::Reshape(_, sizes, flattens) => {
                let flat = format!("{y}.flat");
                if *flattens {
                    self.node("Flatten", &[x], &flat, vec![int("axis", 1)]);
                }
                let [channels, rows, columns] = *sizes;
                let x = if *flattens { flat.as_str() } else { x };
                self.reshape(x, &[1, channels, rows, columns], &y);
            }
        }
    }

    fn convolution(&mut self, op: &str, conv: &Convolution, y: &str, more: Option<&[usize; 2]>) {
        let [h, w] = conv.window.kernel;
        let inputs = self.net.shape(conv.input)[0];
        let dims = match more {
            None => [conv.outputs, inputs / conv.groups, h, w],
            Some(_) => [inputs, conv.outputs / conv.groups, h, w],
        };
        let weight = self.constant(y, "weight", &dims, &conv.weight);
        let mut operands = vec![Net::name(conv.input), weight];
        if let Some(bias) = &conv.bias {
            operands.push(self.constant(y, "bias", &[conv.outputs], bias));
        }
        let mut attributes = attributes(&conv.window);
        attributes.push(int("group", conv.groups as i64));
        attributes.extend(more.map(|more| ints("output_padding", more)));
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        self.node(op, &operands, y, attributes);
    }

    fn by_channel(&mut self, constants: &Constants, x: &str, y: &str) {
        let (op, values) = match constants {
            Constants::BatchNormalization {
                scale,
                shift,
                mean,
                variance,
            } => {
                let mut operands = vec![x.to_owned()];
                for (what, values) in [
                    ("scale", scale),
                    ("shift", shift),
                    ("mean", mean),
                    ("variance", variance),
                ] {
                    operands.push(self.constant(y, what, &[values.len()], values));
                }
                let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
                return self.node("BatchNormalization", &operands, y, vec![]);
            }
            Constants::Mul(values) => ("Mul", values),
            Constants::Div(values) => ("Div", values),
            Constants::Add(values) => ("Add", values),
            Constants::Sub(values) => ("Sub", values),
        };
        let dims = match values.len() {
            1 => vec![],
            channels => vec![1, channels, 1, 1],
        };
        let values = self.constant(y, "values", &dims, values);
        self.node(op, &[x, &values], y, vec![]);
    }

    fn activation(&mut self, activation: &Activation, x: &str, y: &str) {
        let (op, attributes) = match activation {
            Activation::Relu => ("Relu", vec![]),
            Activation::Clip(low, high) => return self.clip(x, *low, Some(*high), y),
            Activation::LeakyRelu(slope) => ("LeakyRelu", vec![float("alpha", *slope)]),
            Activation::PRelu(slopes) => {
                let slopes = self.constant(y, "slope", &[slopes.len(), 1, 1], slopes);
                return self.node("PRelu", &[x, &slopes], y, vec![]);
            }
            Activation::Sigmoid => ("Sigmoid", vec![]),
            Activation::HardSigmoid(alpha, beta) => (
                "HardSigmoid",
                vec![float("alpha", *alpha), float("beta", *beta)],
            ),
            Activation::Elu(alpha) => ("Elu", vec![float("alpha", *alpha)]),
            Activation::Softplus => ("Softplus", vec![]),
            Activation::Tanh => ("Tanh", vec![]),
        };
        self.node(op, &[x], y, attributes);
    }

    fn clip(&mut self, x: &str, low: f32, high: Option<f32>, y: &str) {
        let mut operands = vec![x.to_owned(), self.constant(y, "low", &[], &[low])];
        operands.extend(high.map(|high| self.constant(y, "high", &[], &[high])));
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        self.node("Clip", &operands, y, vec![]);
    }

    fn self_gated(&mut self, gate: SelfGate, x: &str, y: &str) {
        match gate {
            SelfGate::HardSwish => self.node("HardSwish", &[x], y, vec![]),
            SelfGate::Mish => self.node("Mish", &[x], y, vec![]),
            SelfGate::ClippedHardSwish => {
                let [raised, clipped, product] =
                    ["raised", "clipped", "product"].map(|step| format!("{y}.{step}"));
                let three = self.constant(y, "three", &[], &[3.0]);
                self.node("Add", &[x, &three], &raised, vec![]);
                self.clip(&raised, 0.0, Some(6.0), &clipped);
                self.node("Mul", &[x, &clipped], &product, vec![]);
                let six = self.constant(y, "six", &[], &[6.0]);
                self.node("Div", &[&product, &six], y, vec![]);
            }
        }
    }

    fn norm(&mut self, norm: Norm, x: &str, y: &str) {
        let made = |what: &str| format!("{y}.{what}");
        match norm {
            Norm::Lp(p) => {
                let attributes = vec![int("axis", 1), int("p", p)];
                self.node("LpNormalization", &[x], y, attributes);
            }
            Norm::Quotient(least) => {
                let axes = self.int64s(y, "axes", &[1]);
                self.node("ReduceL2", &[x, &axes], &made("norm"), vec![]);
                self.clip(&made("norm"), least, None, &made("clipped"));
                self.node("Div", &[x, &made("clipped")], y, vec![]);
            }
            Norm::Inverse(epsilon) => {
                let axes = self.int64s(y, "axes", &[1]);
                let epsilon = self.constant(y, "epsilon", &[], &[epsilon]);
                self.node("ReduceSumSquare", &[x, &axes], &made("squares"), vec![]);
                self.node("Add", &[&made("squares"), &epsilon], &made("sum"), vec![]);
                self.node("Sqrt", &[&made("sum")], &made("norm"), vec![]);
                self.node("Reciprocal", &[&made("norm")], &made("inverse"), vec![]);
                self.node("Mul", &[x, &made("inverse")], y, vec![]);
            }
        }
    }

    /// With scales where they are exact, else with sizes.
    fn resize(&mut self, input: usize, resize: &Resize, y: &str) {
        let [channels, height, width] = self.net.shape(input);
        let [rows, cols] = resize.size;
        let scales = [(rows, height), (cols, width)].map(|(to, from)| to as f32 / from as f32);
        let is_exact = |scale: f32| (scale * 1024.0).fract() == 0.0;
        let mut operands = vec![Net::name(input), String::new()];
        if scales.into_iter().all(is_exact) {
            let scales = [1.0, 1.0, scales[0], scales[1]];
            operands.push(self.constant(y, "scales", &[4], &scales));
        } else {
            let sizes = [1, channels, rows, cols].map(|size| size as i64);
            operands.extend([String::new(), self.int64s(y, "sizes", &sizes)]);
        }
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let mode = if resize.is_linear {
            "linear"
        } else {
            "nearest"
        };
        let attributes = vec![
            text("mode", mode),
            text("coordinate_transformation_mode", resize.coordinates),
            text("nearest_mode", resize.rounding),
        ];
        self.node("Resize", &operands, y, attributes);
    }

    fn shuffle(&mut self, input: usize, groups: usize, y: &str) {
        let [channels, height, width] = self.net.shape(input);
        let (grouped, turned) = (format!("{y}.grouped"), format!("{y}.turned"));
        let apart = [1, groups, channels / groups, height, width];
        self.reshape(&Net::name(input), &apart, &grouped);
        self.transpose(&grouped, &[0, 2, 1, 3, 4], &turned);
        self.reshape(&turned, &[1, channels, height, width], y);
    }

    fn reshape(&mut self, x: &str, sizes: &[usize], y: &str) {
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let sizes = self.int64s(y, "shape", &sizes);
        self.node("Reshape", &[x, &sizes], y, vec![]);
    }

    fn transpose(&mut self, x: &str, order: &[usize], y: &str) {
        self.node("Transpose", &[x], y, vec![ints("perm", order)]);
    }

    fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            op_type: Some(op.to_owned()),
            name: Some(format!("{op}:{output}")),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..Default::default()
        });
    }

    fn constant(&mut self, of: &str, what: &str, dims: &[usize], data: &[f32]) -> String {
        let name = format!("{of}.{what}");
        let tensor = Tensor {
            dims: dims.to_vec(),
            data: data.to_vec(),
        };
        self.graph.initializer.push(tensor.to_proto(&name));
        name
    }

    fn int64s(&mut self, of: &str, what: &str, values: &[i64]) -> String {
        let name = format!("{of}.{what}");
        self.graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            data_type: Some(INT64),
            dims: vec![values.len() as i64],
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }
}

fn attributes(window: &Window) -> Vec<AttributeProto> {
    vec![
        ints("kernel_shape", &window.kernel),
        ints("strides", &window.strides),
        ints("dilations", &window.dilations),
        ints("pads", &window.pads),
    ]
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        ints: values.iter().map(|&v| v as i64).collect(),
        ..attribute(name, AttributeType::Ints)
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, AttributeType::Int)
    }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, AttributeType::Float)
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..attribute(name, AttributeType::String)
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..Default::default()
    }
}
