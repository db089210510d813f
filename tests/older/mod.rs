//! A small network as exporters of the operator sets 9 to 12 wrote it down, with every operator whose form has changed since.

use prost::Message;
use ssdcrp::onnx::Tensor;
use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use ssdcrp::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

use super::random::Random;

/// The operator sets in which it is written.
pub const OPERATOR_SETS: [i64; 4] = [9, 10, 11, 12];
/// The tensor of its head.
pub const HEAD: &str = "scores";
/// Size of its picture, `[1, 3, 12, 16]`.
pub const PICTURE: [usize; 4] = [1, 3, 12, 16];

/// The network that exporters of the operator set `of` would write, `written` in that operator set or in 13. Between picture and head it is the same in both; what
/// lies behind the head, as post-processing does, is there in the older one alone.
pub fn net(of: i64, written: i64) -> ModelProto {
    let mut net = Net {
        written,
        graph: GraphProto {
            name: Some("older".to_owned()),
            ..Default::default()
        },
        random: Random::new(of as u64),
    };
    net.graph.input = vec![info("image", &PICTURE.map(|size| size as i64))];
    net.convolution("image", 8, "features");
    net.features(of);
    net.convolution("resized", 4, HEAD);
    net.output(HEAD, &[]);
    if written < 13 {
        net.behind_the_head();
    }
    ModelProto {
        ir_version: Some(4),
        opset_import: vec![OperatorSetIdProto {
            version: Some(written),
            ..Default::default()
        }],
        graph: Some(net.graph),
        ..Default::default()
    }
}

/// The bytes of a file.
pub fn bytes(of: i64, written: i64) -> Vec<u8> {
    net(of, written).encode_to_vec()
}

struct Net {
    written: i64,
    graph: GraphProto,
    random: Random,
}

impl Net {
    fn features(&mut self, of: i64) {
        if self.written < 11 {
            let bounds = vec![float("min", -0.5), float("max", 1.5)];
            self.node("Clip", &["features"], &["clipped"], bounds);
            let pads = vec![
                ints("pads", &[0, 0, 1, 2, 0, 0, 0, 1]),
                float("value", 0.25),
            ];
            self.node("Pad", &["clipped"], &["padded"], pads);
        } else {
            let [low, high, around] = [-0.5, 1.5, 0.25].map(|value| self.number(value));
            self.node("Clip", &["features", &low, &high], &["clipped"], vec![]);
            let pads = self.list(&[0, 0, 1, 2, 0, 0, 0, 1]);
            self.node("Pad", &["clipped", &pads, &around], &["padded"], vec![]);
        }
        let (starts, ends, axes) = ([1, -18], [i64::MAX, 17], [2, 3]);
        if self.written < 10 {
            let bounds = vec![
                ints("starts", &starts),
                ints("ends", &ends),
                ints("axes", &axes),
            ];
            self.node("Slice", &["padded"], &["cut"], bounds);
        } else {
            let [starts, ends, axes] = [starts, ends, axes].map(|values| self.list(&values));
            let operands = ["padded", &starts, &ends, &axes];
            self.node("Slice", &operands, &["cut"], vec![]);
        }
        let axis = || vec![int("axis", 1)];
        self.listed("Split", "split", &[3, 5], "cut", &["few", "many"], axis());
        self.node("Concat", &["many", "few"], &["turned"], axis());
        self.node("Split", &["turned"], &["one half", "other half"], axis());
        let halves = ["other half", "one half"];
        self.node("Concat", &halves, &["halves"], axis());
        self.listed("Unsqueeze", "axes", &[2], "halves", &["deeper"], vec![]);
        self.listed("Squeeze", "axes", &[2], "deeper", &["flat"], vec![]);
        self.dropout("flat", "kept");
        self.resize("kept", [1.5, 2.5], "nearest", "larger");
        self.resize("larger", [2.0, 1.25], "linear", "smooth");
        match of {
            9 => self.node("Identity", &["smooth"], &["resized"], vec![]),
            10 => self.resize("smooth", [0.6, 0.45], "nearest", "resized"),
            _ => {
                let (mode, rounding) = match self.written {
                    ..13 => ("tf_half_pixel_for_nn", "floor"),
                    _ => ("half_pixel", "round_prefer_ceil"),
                };
                self.resize_by(
                    "smooth",
                    [0.6, 0.45],
                    [mode, "nearest", rounding],
                    "resized",
                );
            }
        }
    }

    /// Softmaxes over several axes and over one, and what else post-processing is made of.
    fn behind_the_head(&mut self) {
        let axis = |axis| vec![int("axis", axis)];
        // Over all channels, rows and columns; over rows and columns; over columns.
        self.node("Softmax", &[HEAD], &["all"], vec![]);
        self.node("LogSoftmax", &[HEAD], &["rows and columns"], axis(2));
        self.node("Softmax", &[HEAD], &["columns"], axis(3));
        let over = vec![ints("axes", &[2, 3])];
        self.node("ReduceMax", &[HEAD], &["largest"], over);
        // Over the channels, for nothing else is there.
        self.node("Softmax", &["largest"], &["channels"], axis(1));
        self.node("Hardmax", &["largest"], &["hard"], axis(1));
        let flat = vec![int("keepdims", 0)];
        self.listed("ReduceSum", "axes", &[2, 3], HEAD, &["sums"], flat);
        if self.written < 10 {
            let count = vec![int("k", 2)];
            self.node("TopK", &["sums"], &["best", "places"], count);
        } else {
            let count = self.list(&[2]);
            self.node("TopK", &["sums", &count], &["best", "places"], vec![]);
        }
        let scatter = match self.written {
            ..11 => "Scatter",
            _ => "ScatterElements",
        };
        let place = self.constant(TensorProto {
            dims: vec![1, 1],
            data_type: Some(7),
            int64_data: vec![2],
            ..Default::default()
        });
        let value = Tensor {
            dims: vec![1, 1],
            data: vec![0.5],
        };
        let value = self.constant(value.to_proto(""));
        self.node(scatter, &["sums", &place, &value], &["put"], axis(1));
        // An output is not renamed away.
        self.dropout("put", "kept again");
        self.branch();
        for (name, shape) in [
            ("all", &[][..]),
            ("rows and columns", &[]),
            ("columns", &[]),
            ("channels", &[]),
            ("hard", &[1, 4, 1, 1]),
            ("sums", &[]),
            ("best", &[1, 2]),
            ("put", &[1, 4]),
            ("kept again", &[]),
            ("branched", &[4]),
        ] {
            self.output(name, shape);
        }
    }

    /// An If whose branches change a constant's shape.
    fn branch(&mut self) {
        let axes = ints("axes", &[0]);
        let branch = |name: &str, values: [f32; 4]| {
            let constant = AttributeProto {
                t: Some(
                    Tensor {
                        dims: vec![1, 4],
                        data: values.to_vec(),
                    }
                    .to_proto(""),
                ),
                ..attribute("value", AttributeType::Tensor)
            };
            let [inner, outer] = ["wide", "narrow"].map(|what| format!("{name}/{what}"));
            let graph = GraphProto {
                name: Some(name.to_owned()),
                node: vec![
                    node("Constant", &[], &[&inner], vec![constant]),
                    node("Squeeze", &[&inner], &[&outer], vec![axes.clone()]),
                ],
                output: vec![info(&outer, &[4])],
                ..Default::default()
            };
            AttributeProto {
                g: Some(graph),
                ..attribute(name, AttributeType::Graph)
            }
        };
        let branches = vec![
            branch("then_branch", [1.0, 2.0, 3.0, 4.0]),
            branch("else_branch", [0.0; 4]),
        ];
        let yes = self.constant(TensorProto {
            data_type: Some(9),
            raw_data: Some(vec![1].into()),
            ..Default::default()
        });
        self.node("If", &[&yes], &["branched"], branches);
    }

    fn dropout(&mut self, input: &str, output: &str) {
        let ratio = match self.written {
            ..12 => vec![float("ratio", 0.5)],
            _ => vec![],
        };
        self.node("Dropout", &[input], &[output], ratio);
    }

    /// An operator with a list that was an attribute before operator set 13.
    fn listed(
        &mut self,
        op: &str,
        name: &str,
        values: &[i64],
        input: &str,
        outputs: &[&str],
        mut attributes: Vec<AttributeProto>,
    ) {
        if self.written < 13 {
            attributes.push(ints(name, values));
            self.node(op, &[input], outputs, attributes);
        } else {
            let list = self.list(values);
            self.node(op, &[input, &list], outputs, attributes);
        }
    }

    /// Rows and columns by factors, as all resizing was before operator set 11.
    fn resize(&mut self, input: &str, [rows, cols]: [f32; 2], mode: &str, output: &str) {
        if self.written < 11 {
            let op = match self.written {
                9 => "Upsample",
                _ => "Resize",
            };
            let scales = self.numbers(&[1.0, 1.0, rows, cols]);
            self.node(op, &[input, &scales], &[output], vec![text("mode", mode)]);
        } else {
            let rounding = match rows {
                1.0.. => "floor",
                _ => "ceil",
            };
            self.resize_by(input, [rows, cols], ["asymmetric", mode, rounding], output);
        }
    }

    fn resize_by(
        &mut self,
        input: &str,
        [rows, cols]: [f32; 2],
        [coordinates, mode, rounding]: [&str; 3],
        output: &str,
    ) {
        let (region, scales) = (self.numbers(&[]), self.numbers(&[1.0, 1.0, rows, cols]));
        let attributes = vec![
            text("coordinate_transformation_mode", coordinates),
            text("mode", mode),
            text("nearest_mode", rounding),
        ];
        self.node("Resize", &[input, &region, &scales], &[output], attributes);
    }

    /// A 3x3 convolution that keeps the map's size.
    fn convolution(&mut self, input: &str, outputs: usize, output: &str) {
        let inputs = if input == "image" { 3 } else { 8 };
        let mut values = |count: usize| -> Vec<f32> {
            let values = (0..count).map(|_| self.random.below(2001) as f32 / 4000.0 - 0.25);
            values.collect()
        };
        let weight = Tensor {
            dims: vec![outputs, inputs, 3, 3],
            data: values(outputs * inputs * 9),
        };
        let bias = Tensor {
            dims: vec![outputs],
            data: values(outputs),
        };
        let [weight, bias] = [weight, bias].map(|values| self.constant(values.to_proto("")));
        let pads = vec![ints("pads", &[1; 4])];
        self.node("Conv", &[input, &weight, &bias], &[output], pads);
    }

    fn number(&mut self, value: f32) -> String {
        let scalar = Tensor {
            dims: vec![],
            data: vec![value],
        };
        self.constant(scalar.to_proto(""))
    }

    fn numbers(&mut self, values: &[f32]) -> String {
        let list = Tensor {
            dims: vec![values.len()],
            data: values.to_vec(),
        };
        self.constant(list.to_proto(""))
    }

    fn list(&mut self, values: &[i64]) -> String {
        self.constant(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(7),
            int64_data: values.to_vec(),
            ..Default::default()
        })
    }

    fn constant(&mut self, mut values: TensorProto) -> String {
        let name = format!("constant {}", self.graph.initializer.len());
        values.name = Some(name.clone());
        self.graph.initializer.push(values);
        name
    }

    fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        self.graph.node.push(node(op, inputs, outputs, attributes));
    }

    fn output(&mut self, name: &str, shape: &[i64]) {
        let mut output = info(name, shape);
        if shape.is_empty() {
            output.r#type = None;
        }
        self.graph.output.push(output);
    }
}

/// A node called after its first output.
fn node(op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        name: outputs.first().map(|&output| output.to_owned()),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: outputs.iter().map(|&output| output.to_owned()).collect(),
        attribute,
        ..Default::default()
    }
}

fn info(name: &str, shape: &[i64]) -> ValueInfoProto {
    let dim = shape.iter().map(|&size| Dimension {
        value: Some(dimension::Value::DimValue(size)),
        ..Default::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: Some(1),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..Default::default()
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

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, AttributeType::Ints)
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..attribute(name, AttributeType::String)
    }
}
