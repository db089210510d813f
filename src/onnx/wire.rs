//! What a model file becomes in memory, counted on its bytes before they are decoded: an empty attribute takes two bytes of the file and hundreds in memory.
//!
//! In: the bytes of a `.onnx` file. Out: whether its structures fit. Weights count for nothing: they stay as they lie in the file, or are as large as there.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::proto::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    StringStringEntryProto, TensorAnnotation, TensorProto, TrainingInfoProto, TypeProto,
    ValueInfoProto, tensor_shape_proto,
};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::limits::MOST_STRUCTURE;

/// Deeper than the decoder goes.
const DEEPEST: usize = 100;
/// A list that grows holds room for as much again.
const GROWTH: usize = 2;

/// The messages of the schema that a file can have many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
    Type,
    Shape,
    Dimension,
    Function,
    Training,
    Annotation,
    OperatorSet,
    Text,
    /// One that no model here needs: what lies in it is counted as if it were all empty messages.
    Unneeded,
}

/// What a field holds.
enum WireField {
    Inner(Message),
    /// Numbers of so many bytes, which may take a single one in the file.
    Numbers(usize),
    /// Weights, names, texts, and fields that nothing is made of.
    Bytes,
}

impl Message {
    /// What stands under a number of the schema.
    const fn field(self, number: u32) -> WireField {
        use WireField::{Bytes, Inner, Numbers};
        match (self, number) {
            (Self::Model, 7) => Inner(Self::Graph),
            (Self::Model, 8) | (Self::Function, 9) => Inner(Self::OperatorSet),
            (Self::Model, 20) => Inner(Self::Training),
            (Self::Model, 25) => Inner(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Inner(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Inner(Self::Tensor)
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Inner(Self::SparseTensor),
            (Self::Graph, 11..=13) | (Self::Function, 12) => Inner(Self::ValueInfo),
            (Self::Graph, 14) => Inner(Self::Annotation),
            (Self::Node, 5) | (Self::Function, 11) => Inner(Self::Attribute),
            (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => Inner(Self::Graph),
            (Self::Attribute, 14 | 15) | (Self::ValueInfo, 2) => Inner(Self::Type),
            // A list of floats is as long as in the file.
            (Self::Attribute, 8) | (Self::Tensor, 1 | 7 | 11) | (Self::SparseTensor, 3) => {
                Numbers(8)
            }
            (Self::Tensor, 5) => Numbers(4),
            (Self::Type, 1 | 4 | 5 | 8 | 9) => Inner(Self::Type),
            (Self::Type, 2) => Inner(Self::Shape),
            (Self::Shape, 1) => Inner(Self::Dimension),
            (Self::Model | Self::Function, 14)
            | (Self::Graph, 16)
            | (Self::Node, 9)
            | (Self::Tensor, 13 | 16)
            | (Self::ValueInfo, 4)
            | (Self::Training, 3 | 4)
            | (Self::Annotation, 2) => Inner(Self::Text),
            (Self::Model, 26) | (Self::Node, 10) => Inner(Self::Unneeded),
            _ => Bytes,
        }
    }

    /// Bytes that an empty one takes in memory.
    const fn size(self) -> usize {
        match self {
            Self::Model => 0,
            Self::Graph => size_of::<GraphProto>(),
            Self::Node => size_of::<NodeProto>(),
            Self::Attribute => size_of::<AttributeProto>(),
            Self::Tensor => size_of::<TensorProto>(),
            Self::SparseTensor => size_of::<SparseTensorProto>(),
            Self::ValueInfo => size_of::<ValueInfoProto>(),
            Self::Type | Self::Shape => size_of::<TypeProto>(),
            Self::Dimension => size_of::<tensor_shape_proto::Dimension>(),
            Self::Function => size_of::<FunctionProto>(),
            Self::Training => size_of::<TrainingInfoProto>(),
            Self::Annotation => size_of::<TensorAnnotation>(),
            Self::OperatorSet => size_of::<OperatorSetIdProto>(),
            Self::Text | Self::Unneeded => size_of::<StringStringEntryProto>(),
        }
    }
}

/// Refuses a file whose structures take more memory than a model's do.
///
/// # Errors
/// That, or bytes that are no protobuf; `origin` names the file.
pub(super) fn check(bytes: &[u8], origin: &str) -> Result<()> {
    let taken = structure(bytes)
        .with_context(|| format!("{origin} is not an ONNX model, or it is cut off"))?;
    ensure!(
        taken <= MOST_STRUCTURE,
        "{origin} cannot be used: its nodes, attributes and names take more than {} MiB in memory, which is the limit: no network has so many",
        MOST_STRUCTURE >> 20
    );
    Ok(())
}

/// Bytes that the structures of a file take, at the most; counting ends where the limit is reached.
fn structure(bytes: &[u8]) -> Result<usize> {
    let mut taken = 0;
    let mut open = vec![(Message::Model, bytes, 0)];
    while let Some((message, mut rest, depth)) = open.pop() {
        ensure!(depth <= DEEPEST, "it has more than {DEEPEST} levels");
        if message == Message::Unneeded {
            taken += rest.len().saturating_mul(Message::Unneeded.size() / 2);
            continue;
        }
        while !rest.is_empty() && taken <= MOST_STRUCTURE {
            let (number, value) = next_field(&mut rest)?;
            let inner = match value {
                WireValue::Bytes(inner) => inner,
                // Of a list, where it is one.
                WireValue::Number => {
                    taken += GROWTH * size_of::<i64>();
                    continue;
                }
                // Nothing of the schema's: the decoder says so, or passes over it.
                WireValue::Group => continue,
            };
            match message.field(number) {
                WireField::Inner(message) => {
                    taken += GROWTH * message.size();
                    open.push((message, inner, depth + 1));
                }
                WireField::Numbers(size) => taken += GROWTH * size * inner.len(),
                WireField::Bytes => taken += GROWTH * size_of::<String>(),
            }
        }
    }
    Ok(taken)
}

/// How many nodes the graph of a file has, those of branches and functions left out; as far as its bytes are a model.
pub(crate) fn node_count(bytes: &[u8]) -> usize {
    let (mut count, mut open) = (0, vec![(Message::Model, bytes)]);
    while let Some((message, mut rest)) = open.pop() {
        while let Ok((number, value)) = next_field(&mut rest) {
            match (message.field(number), value) {
                (WireField::Inner(Message::Graph), WireValue::Bytes(inner)) => {
                    open.push((Message::Graph, inner));
                }
                (WireField::Inner(Message::Node), _) => count += 1,
                _ => {}
            }
        }
    }
    count
}

/// What stands in the bytes of a field.
enum WireValue<'a> {
    Number,
    Bytes(&'a [u8]),
    Group,
}

/// Takes a field from the front: its number, and its value.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<(u32, WireValue<'a>)> {
    let (number, kind) = decode_key(rest).context(CUT_OFF)?;
    let length = match kind {
        WireType::Varint => {
            decode_varint(rest).context(CUT_OFF)?;
            return Ok((number, WireValue::Number));
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => decode_varint(rest).context(CUT_OFF)?,
        WireType::StartGroup | WireType::EndGroup => return Ok((number, WireValue::Group)),
    };
    let length = usize::try_from(length).ok().filter(|&l| l <= rest.len());
    let (inner, behind) = rest.split_at(length.context(CUT_OFF)?);
    *rest = behind;
    let value = match kind {
        WireType::LengthDelimited => WireValue::Bytes(inner),
        _ => WireValue::Number,
    };
    Ok((number, value))
}

/// What is wrong with bytes that are no protobuf.
const CUT_OFF: &str = "a field has no end";

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::onnx::proto::{ModelProto, tensor_proto::DataType};

    fn model(graph: GraphProto) -> Vec<u8> {
        let graph = Some(graph);
        let model = ModelProto {
            graph,
            ..Default::default()
        };
        model.encode_to_vec()
    }

    #[test]
    fn empty_attributes_are_counted_by_what_they_take_in_memory() {
        let node = |attributes: usize| NodeProto {
            attribute: vec![AttributeProto::default(); attributes],
            ..Default::default()
        };
        let of = |attributes| {
            structure(&model(GraphProto {
                node: vec![node(attributes)],
                ..Default::default()
            }))
            .unwrap()
        };
        let each = of(1001) - of(1000);
        assert_eq!(each, 2 * size_of::<AttributeProto>());
        // 4 MB of the file, which would be more than a gigabyte.
        let bytes = model(GraphProto {
            node: vec![node(2_000_000)],
            ..Default::default()
        });
        assert!(bytes.len() < 5_000_000);
        let error = check(&bytes, "a.onnx").unwrap_err().to_string();
        assert!(error.contains("512 MiB"), "{error}");
    }

    #[test]
    fn nodes_are_counted_and_what_is_none_has_none() {
        let of = |nodes: usize| {
            model(GraphProto {
                name: Some("a".to_owned()),
                node: vec![NodeProto::default(); nodes],
                ..Default::default()
            })
        };
        assert_eq!(
            [0, 1, 70_000].map(|nodes| node_count(&of(nodes))),
            [0, 1, 70_000]
        );
        let whole = of(3);
        for end in 0..whole.len() {
            assert!(node_count(&whole[..end]) < 3);
        }
        assert_eq!(node_count(b"no model"), 0);
    }

    #[test]
    fn weights_count_for_nothing_and_lists_for_their_numbers() {
        let tensor = |length: usize| TensorProto {
            data_type: Some(DataType::Float as i32),
            raw_data: Some(vec![0; length].into()),
            ..Default::default()
        };
        let of = |tensor| {
            structure(&model(GraphProto {
                initializer: vec![tensor],
                ..Default::default()
            }))
            .unwrap()
        };
        assert_eq!(of(tensor(10)), of(tensor(1_000_000)));
        let list = |length: usize| TensorProto {
            int64_data: vec![1; length],
            ..Default::default()
        };
        assert_eq!(
            of(list(1000)) - of(list(0)),
            2 * 8 * 1000 + 2 * size_of::<String>() - 2 * size_of::<String>()
        );
    }

    #[test]
    fn what_is_no_protobuf_is_said_and_depth_ends() {
        for bytes in [&b"GIF89a not a model"[..], &[0x3a, 0xff], &[0x3a]] {
            let error = check(bytes, "a.onnx").unwrap_err().to_string();
            assert!(error.starts_with("a.onnx is not an ONNX model"), "{error}");
        }
        let mut graph = GraphProto::default();
        for _ in 0..60 {
            let attribute = AttributeProto {
                g: Some(graph),
                ..Default::default()
            };
            let node = NodeProto {
                attribute: vec![attribute],
                ..Default::default()
            };
            graph = GraphProto {
                node: vec![node],
                ..Default::default()
            };
        }
        let error = format!("{:#}", check(&model(graph), "a.onnx").unwrap_err());
        assert!(error.contains("100 levels"), "{error}");
    }
}
