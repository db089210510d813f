//! Pictures that a network takes as whole numbers, 0 to 255 for example, and brings to float32 itself: the file's Cast becomes the picture's own type.
//!
//! In: a graph as it stands in its file, half precision widened. Out: the same graph, which takes float32 where nothing but a Cast asked for anything else.

use std::collections::HashSet;

use super::attributes::NodeExt;
use super::inner;
use super::ops::{Constants, Moving, Op, Passing, Reshaping};
use super::proto::tensor_proto::DataType;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{GraphProto, ValueInfoProto};

/// Takes float32 in the place of whole numbers, where all that reads them moves them, asks for their shape, or casts them to float32.
pub(super) fn take_float(graph: &mut GraphProto) {
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name()).collect();
    let inputs: Vec<String> = (graph.input.iter())
        .filter(|input| is_integer(input) && !constants.contains(input.name()))
        .map(|input| input.name().to_owned())
        .collect();
    for input in inputs {
        let Some(moved) = moved_until_cast(graph, &input) else {
            continue;
        };
        for node in &mut graph.node {
            let reads = node.input_at(0).is_some_and(|name| moved.contains(name));
            if reads && Op::of(node) == Passing::Cast {
                node.op_type = Some(Passing::Identity.name().to_owned());
                node.attribute.clear();
            }
        }
        for info in graph.input.iter_mut().chain(&mut graph.value_info) {
            if moved.contains(info.name()) {
                set_float(info);
            }
        }
    }
}

/// The input and what holds the same whole numbers in other places; `None` where anything else is made of them.
fn moved_until_cast(graph: &GraphProto, input: &str) -> Option<HashSet<String>> {
    let mut moved = HashSet::from([input.to_owned()]);
    for node in &graph.node {
        if !inner::reads(node).any(|name| moved.contains(name)) {
            continue;
        }
        let further = node.input.iter().skip(1).any(|name| moved.contains(name));
        let captured = !node.input_at(0).is_some_and(|name| moved.contains(name));
        match Op::of(node) {
            _ if further || captured => return None,
            Op::Passing(Passing::Cast) if node.int("to", 0) == DataType::Float as i64 => {}
            Op::Constants(Constants::Shape) => {}
            Op::Moving(Moving::Transpose | Moving::Slice | Moving::Gather | Moving::Split)
            | Op::Reshaping(
                Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
            )
            | Op::Passing(Passing::Identity) => moved.extend(node.output.iter().cloned()),
            _ => return None,
        }
    }
    let gives = graph
        .output
        .iter()
        .any(|output| moved.contains(output.name()));
    (!gives).then_some(moved)
}

/// The name of an input's type, where it is no float32.
pub(super) fn other_type(info: &ValueInfoProto) -> Option<&'static str> {
    let kind = DataType::try_from(element_type(info)?).ok()?;
    (!matches!(kind, DataType::Float | DataType::Undefined)).then(|| kind.as_str_name())
}

fn is_integer(info: &ValueInfoProto) -> bool {
    let kind = element_type(info).and_then(|kind| DataType::try_from(kind).ok());
    matches!(
        kind,
        Some(
            DataType::Uint8
                | DataType::Int8
                | DataType::Uint16
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
        )
    )
}

fn element_type(info: &ValueInfoProto) -> Option<i32> {
    let TypeValue::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    tensor.elem_type
}

fn set_float(info: &mut ValueInfoProto) {
    if let Some(TypeValue::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
    {
        tensor.elem_type = Some(DataType::Float as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::attributes::int;
    use crate::onnx::proto::NodeProto;
    use crate::onnx::shapes::value_info;

    fn graph(reader: &str) -> GraphProto {
        let node = |operator: &str, input: &str, output: &str| NodeProto {
            op_type: Some(operator.to_owned()),
            input: vec![input.to_owned()],
            output: vec![output.to_owned()],
            attribute: match operator {
                "Cast" => vec![int("to", DataType::Float as i64)],
                _ => vec![],
            },
            ..Default::default()
        };
        let mut picture = value_info("x", &[1, 4, 4, 3], None);
        if let Some(TypeValue::TensorType(tensor)) =
            picture.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            tensor.elem_type = Some(DataType::Uint8 as i32);
        }
        GraphProto {
            input: vec![picture],
            node: vec![
                node("Transpose", "x", "t"),
                node(reader, "t", "f"),
                node("Relu", "f", "y"),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn a_cast_to_float_becomes_the_inputs_own_type() {
        let mut taken = graph("Cast");
        take_float(&mut taken);
        assert_eq!(other_type(&taken.input[0]), None);
        let operators: Vec<_> = taken.node.iter().map(|node| node.op_type()).collect();
        assert_eq!(operators, ["Transpose", "Identity", "Relu"]);
    }

    #[test]
    fn whole_numbers_that_something_else_reads_stay() {
        let mut left = graph("BitShift");
        take_float(&mut left);
        assert_eq!(other_type(&left.input[0]), Some("UINT8"));
    }
}
