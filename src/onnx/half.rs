//! Half precision: what a file stores or computes in 16 bits is read and computed in float32, which holds every number of float16 and bfloat16.
//!
//! In: a graph as it stands in its file. Out: the same graph with float32 in the place of both, in its constants, inputs, outputs and casts, and in the graphs that its nodes hold.

use prost::bytes::Bytes;

use super::attributes::{NodeExt, int, set};
use super::ops::{Op, Passing};
use super::proto::tensor_proto::DataType;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{GraphProto, TensorProto, ValueInfoProto};
use super::tensor;
use crate::error::Result;

/// Takes float32 for float16 and bfloat16.
///
/// # Errors
/// A constant whose data is not as long as its dimensions say.
pub(super) fn widen(graph: &mut GraphProto) -> Result<()> {
    graph.initializer.iter_mut().try_for_each(constant)?;
    let declared = graph.input.iter_mut().chain(&mut graph.output);
    declared.chain(&mut graph.value_info).for_each(declaration);
    for node in &mut graph.node {
        if Op::of(node) == Passing::Cast && is_half(node.int("to", 0)) {
            set(node, int("to", DataType::Float as i64));
        }
        for attribute in &mut node.attribute {
            attribute.t.iter_mut().try_for_each(constant)?;
            let mut inner = attribute.g.iter_mut().chain(&mut attribute.graphs);
            inner.try_for_each(widen)?;
        }
    }
    Ok(())
}

fn is_half(kind: i64) -> bool {
    kind == DataType::Float16 as i64 || kind == DataType::Bfloat16 as i64
}

fn declaration(info: &mut ValueInfoProto) {
    if let Some(TypeValue::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
        && tensor.elem_type.is_some_and(|kind| is_half(kind.into()))
    {
        tensor.elem_type = Some(DataType::Float as i32);
    }
}

fn constant(proto: &mut TensorProto) -> Result<()> {
    let widened: fn(u16) -> f32 = match DataType::try_from(proto.data_type()) {
        Ok(DataType::Float16) => from_float16,
        Ok(DataType::Bfloat16) => |bits| f32::from_bits(u32::from(bits) << 16),
        _ => return Ok(()),
    };
    tensor::check(proto)?;
    let numbers: Vec<f32> = match proto.raw_data.take() {
        Some(raw) => {
            let halves = raw.as_chunks::<2>().0.iter();
            halves
                .map(|bytes| widened(u16::from_le_bytes(*bytes)))
                .collect()
        }
        // In each the lower 16 bits.
        None => {
            let halves = std::mem::take(&mut proto.int32_data).into_iter();
            halves.map(|bits| widened(bits as u16)).collect()
        }
    };
    let raw: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    proto.raw_data = Some(Bytes::from(raw));
    proto.data_type = Some(DataType::Float as i32);
    tensor::check(proto)
}

/// A sign, five bits of the exponent, ten of the fraction.
fn from_float16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023);
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(kind: DataType, bits: &[u16], is_raw: bool) -> Vec<f32> {
        let raw = || {
            bits.iter()
                .flat_map(|b| b.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let mut proto = TensorProto {
            dims: vec![bits.len() as i64],
            data_type: Some(kind as i32),
            raw_data: is_raw.then(|| raw().into()),
            int32_data: if is_raw {
                vec![]
            } else {
                bits.iter().map(|&b| i32::from(b)).collect()
            },
            ..Default::default()
        };
        constant(&mut proto).unwrap();
        crate::onnx::Tensor::from_proto(&proto).unwrap().data
    }

    #[test]
    fn halves_keep_their_values_however_they_are_stored() {
        let bits = [
            0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0xfc00, 0x8000, 0x3555,
        ];
        let values = [
            1.0,
            -2.0,
            2f32.powi(-24),
            1023.0 * 2f32.powi(-24),
            2f32.powi(-14),
            65504.0,
            f32::NEG_INFINITY,
            -0.0,
            0.333_251_95,
        ];
        for is_raw in [true, false] {
            assert_eq!(numbers(DataType::Float16, &bits, is_raw), values);
            let brain = numbers(DataType::Bfloat16, &[0x3f80, 0xc049, 0x0001], is_raw);
            assert_eq!(brain, [1.0, -3.140_625, f32::from_bits(1 << 16)]);
        }
        assert!(numbers(DataType::Float16, &[0x7e00], true)[0].is_nan());
    }

    #[test]
    fn a_constant_of_another_length_is_refused() {
        let mut proto = TensorProto {
            name: Some("w".to_owned()),
            dims: vec![3],
            data_type: Some(DataType::Float16 as i32),
            int32_data: vec![1, 2],
            ..Default::default()
        };
        assert!(
            constant(&mut proto)
                .unwrap_err()
                .to_string()
                .contains("'w'")
        );
    }
}
