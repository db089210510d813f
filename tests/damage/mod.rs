//! Models changed at random: bytes flipped, cut and spliced, or a single field of the decoded file set to what no exporter writes; texts in [`text`].

pub mod text;

use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_shape_proto::dimension;
use ssdcrp::onnx::proto::{AttributeProto, GraphProto, TensorProto, ValueInfoProto, type_proto};

use crate::random::Random;

/// Numbers that sizes, strides, axes and the like are set to.
const NUMBERS: [i64; 20] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    4,
    7,
    100,
    255,
    1 << 13,
    (1 << 16) - 1,
    1 << 16,
    1 << 20,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 62,
    i64::MAX,
    i64::MIN,
];

const VALUES: [f32; 9] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-38,
    3e38,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

impl Random {
    pub fn one_of<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    pub fn one_of_mut<'a, T>(&mut self, from: &'a mut [T]) -> Option<&'a mut T> {
        let index = self.below(from.len());
        from.get_mut(index)
    }

    pub fn number(&mut self) -> i64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    pub fn value(&mut self) -> f32 {
        VALUES[self.below(VALUES.len())]
    }
}

/// Bytes flipped, put in, taken out, or replaced by those of another file.
pub fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            // A number of many digits, where lengths and sizes may stand.
            2 => drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([1]))),
            3 => {
                let from = random.below(other.len());
                let length = random.below(64).min(other.len() - from);
                let part = other[from..from + length].to_vec();
                let end = (at + length).min(bytes.len());
                drop(bytes.splice(at..end, part));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// One field set to what no exporter writes.
#[expect(clippy::too_many_lines, reason = "a list: each way to damage a graph")]
pub fn change(graph: &mut GraphProto, operators: &[String], random: &mut Random) {
    let tensors: Vec<String> = graph
        .node
        .iter()
        .flat_map(|node| node.input.iter().chain(&node.output))
        .cloned()
        .collect();
    let tensor = random.one_of(&tensors).cloned().unwrap_or_default();
    let place = random.below(graph.node.len());
    let Some(node) = graph.node.get_mut(place) else {
        return;
    };
    match random.below(16) {
        0 => node.op_type = random.one_of(operators).cloned(),
        1 => {
            if let Some(input) = random.one_of_mut(&mut node.input) {
                *input = tensor;
            }
        }
        2 => drop(node.input.pop()),
        3 => node.input.push(tensor),
        4 => {
            if let Some(output) = random.one_of_mut(&mut node.output) {
                *output = tensor;
            }
        }
        5 => {
            let node = graph.node.remove(place);
            let to = random.below(graph.node.len() + 1);
            graph.node.insert(to, node);
        }
        6..=10 => {
            let names = [
                "pads",
                "strides",
                "dilations",
                "kernel_shape",
                "group",
                "axis",
                "axes",
                "perm",
                "output_padding",
                "ceil_mode",
                "auto_pad",
                "mode",
                "alpha",
                "keepdims",
                "to",
                "p",
                "transB",
                "output_shape",
                "count_include_pad",
                "epsilon",
                "starts",
                "split",
                "k",
                "min",
            ];
            if node.attribute.is_empty() || random.below(4) == 0 {
                let name = names[random.below(names.len())];
                node.attribute.push(AttributeProto {
                    name: Some(name.to_owned()),
                    r#type: Some(AttributeType::Ints as i32),
                    ints: vec![random.number(); random.below(9)],
                    ..Default::default()
                });
            }
            if let Some(attribute) = random.one_of_mut(&mut node.attribute) {
                change_attribute(attribute, random);
            }
        }
        11..=13 => {
            let operands: Vec<&String> = node.input.iter().collect();
            let named = random.one_of(&operands).map(|name| (*name).clone());
            let mut constants = graph.initializer.iter_mut();
            let constant = constants.find(|constant| Some(constant.name()) == named.as_deref());
            match constant {
                Some(constant) => change_constant(constant, random),
                None => {
                    if let Some(constant) = random.one_of_mut(&mut graph.initializer) {
                        change_constant(constant, random);
                    }
                }
            }
        }
        14 => {
            // A shape that is claimed and not so.
            let Some(mut info) = graph.input.first().cloned() else {
                return;
            };
            info.name = Some(tensor);
            change_shape(&mut info, random);
            graph.value_info.push(info);
        }
        _ => {
            let infos = graph.input.iter_mut().chain(&mut graph.output);
            let mut infos: Vec<&mut ValueInfoProto> = infos.collect();
            if let Some(info) = random.one_of_mut(&mut infos) {
                change_shape(info, random);
            }
        }
    }
}

fn change_attribute(attribute: &mut AttributeProto, random: &mut Random) {
    match random.below(6) {
        0 => attribute.i = Some(random.number()),
        1 => attribute.f = Some(random.value()),
        2 => drop(attribute.ints.pop()),
        3 => attribute.ints.push(random.number()),
        _ => match random.one_of_mut(&mut attribute.ints) {
            Some(value) => *value = random.number(),
            None => {
                let modes = [
                    "SAME_UPPER",
                    "SAME_LOWER",
                    "VALID",
                    "linear",
                    "cubic",
                    "reflect",
                    "\0",
                ];
                attribute.s = Some(modes[random.below(modes.len())].as_bytes().to_vec());
                attribute.i = Some(random.number());
            }
        },
    }
}

fn change_constant(constant: &mut TensorProto, random: &mut Random) {
    match random.below(7) {
        0 => drop(constant.dims.pop()),
        1 => constant.dims.push(random.number()),
        2 => {
            if let Some(size) = random.one_of_mut(&mut constant.dims) {
                *size = random.number();
            }
        }
        3 => constant.data_type = Some(random.below(20) as i32),
        4 => {
            let raw = constant.raw_data.take().unwrap_or_default();
            constant.raw_data = Some(raw.slice(..random.below(raw.len())));
        }
        // Values: of int64 the sizes and axes, of float32 the weights.
        _ => {
            let mut raw = constant.raw_data.take().unwrap_or_default().to_vec();
            let bytes: Vec<u8> = match constant.data_type() {
                7 => random.number().to_le_bytes().to_vec(),
                _ => random.value().to_le_bytes().to_vec(),
            };
            let at = random.below(raw.len() / bytes.len()) * bytes.len();
            if let Some(place) = raw.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(&bytes);
            }
            constant.raw_data = Some(raw.into());
        }
    }
}

fn change_shape(info: &mut ValueInfoProto, random: &mut Random) {
    let value = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        return;
    };
    if random.below(8) == 0 {
        tensor.elem_type = Some(random.below(20) as i32);
    }
    let Some(shape) = &mut tensor.shape else {
        return;
    };
    match random.below(4) {
        0 => drop(shape.dim.pop()),
        1 => shape.dim.push(Default::default()),
        _ => {
            if let Some(size) = random.one_of_mut(&mut shape.dim) {
                size.value = Some(dimension::Value::DimValue(random.number()));
            }
        }
    }
}
