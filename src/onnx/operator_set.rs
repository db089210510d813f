//! Which of ONNX's operator sets a network is of, and the smallest network of any of them, by which a runtime can be asked whether it takes it.
//!
//! In: a network as bytes, or a number. Out: the number, or a network as bytes.

use prost::Message;
use prost::bytes::Bytes;

use super::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use super::shapes;

/// The IR version of files that are written, the one that goes with operator set 15: nothing that a newer one brings is in them, and older runtimes refuse newer ones.
pub(super) const IR_VERSION: i64 = 8;

/// Whether a set is of ONNX's own domain, which has two names.
pub(super) fn is_onnx(set: &OperatorSetIdProto) -> bool {
    matches!(set.domain(), "" | "ai.onnx")
}

/// The operator set of a network; nothing where the bytes are none.
pub(crate) fn operator_set(model: &[u8]) -> Option<i64> {
    let model = ModelProto::decode(Bytes::copy_from_slice(model)).ok()?;
    let set = model.opset_import.iter().find(|set| is_onnx(set))?;
    Some(set.version())
}

/// A network that gives what it is given, of an operator set that need not exist.
pub(crate) fn identity(operator_set: i64) -> Vec<u8> {
    let (input, output) = ("x", "y");
    let node = NodeProto {
        op_type: Some("Identity".to_owned()),
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        ..NodeProto::default()
    };
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(operator_set),
        }],
        graph: Some(GraphProto {
            name: Some("identity".to_owned()),
            node: vec![node],
            input: vec![shapes::value_info(input, &[1], None)],
            output: vec![shapes::value_info(output, &[1], None)],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_says_which_operator_set_it_is_of() {
        assert_eq!(operator_set(&identity(29)), Some(29));
        assert_eq!(operator_set(b"GIF89a"), None);
    }
}
