//! Convolutions and transposed ones: linear layers whose weights are constants.

use super::family::{Signature, family};
use super::known::{KnownTensors, MAX_STEP};
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

family! {
    /// Layers that multiply each window of a map by weights.
    Convolution {
        /// y = W·x + b, window by window.
        Conv => Signature::new(&["X", "W", "B?"], &["Y"])
            .used(&["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"]),
        /// Its transpose: each input is spread over a window.
        ConvTranspose => Signature::new(&["X", "W", "B?"], &["Y"]).used(&[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "output_padding",
            "output_shape",
            "pads",
            "strides",
        ]),
    }
}

impl Convolution {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let (input, weights) = (known.shape(node, 0)?, known.shape(node, 1)?);
        Some(vec![match self {
            Self::Conv => windows(node, input, *weights.first()?, weights.get(2..)?)?,
            Self::ConvTranspose => transposed(node, input, weights)?,
        }])
    }
}

/// The output of a convolution or pooling with a kernel of the size `kernel`.
pub(super) fn windows(
    node: &NodeProto,
    input: &[usize],
    channels: usize,
    kernel: &[usize],
) -> Option<Vec<usize>> {
    let rank = input.len().checked_sub(2)?;
    let at = |name: &str, index: usize, default: i64| step(node, name, index, default);
    let mode = node.string("auto_pad").unwrap_or("NOTSET");
    let rounds_up = node.int("ceil_mode", 0) != 0;
    let mut shape = vec![input[0], channels];
    for axis in 0..rank {
        let stride = at("strides", axis, 1)?.max(1);
        if mode.starts_with("SAME") {
            shape.push(input[axis + 2].div_ceil(stride));
            continue;
        }
        let extent = at("dilations", axis, 1)?.checked_mul(kernel.get(axis)?.checked_sub(1)?)? + 1;
        let (begin, end) = match mode {
            "VALID" => (0, 0),
            _ => (at("pads", axis, 0)?, at("pads", axis + rank, 0)?),
        };
        let room = (input[axis + 2] + begin + end).checked_sub(extent)?;
        let mut size = room / stride + 1;
        // A window more, but none that begins in the padding at the end.
        if rounds_up && !room.is_multiple_of(stride) && size * stride < input[axis + 2] + begin {
            size += 1;
        }
        shape.push(size);
    }
    Some(shape)
}

fn transposed(node: &NodeProto, input: &[usize], weights: &[usize]) -> Option<Vec<usize>> {
    let rank = input.len().checked_sub(2)?;
    let mode = node.string("auto_pad").unwrap_or("NOTSET");
    if mode != "NOTSET" || node.ints("output_shape").is_some() {
        return None;
    }
    let groups = usize::try_from(node.int("group", 1)).ok()?;
    let mut shape = vec![input[0], weights.get(1)?.checked_mul(groups)?];
    for axis in 0..rank {
        let at = |name: &str, index: usize, default: i64| step(node, name, index, default);
        let reach =
            at("dilations", axis, 1)?.checked_mul(weights.get(axis + 2)?.checked_sub(1)?)?;
        let size = input[axis + 2]
            .checked_sub(1)?
            .checked_mul(at("strides", axis, 1)?)?
            .checked_add(reach + 1 + at("output_padding", axis, 0)?)?;
        shape.push(size.checked_sub(at("pads", axis, 0)? + at("pads", axis + rank, 0)?)?);
    }
    Some(shape)
}

fn step(node: &NodeProto, name: &str, index: usize, default: i64) -> Option<usize> {
    let values = node.ints(name).and_then(|v| v.get(index).copied());
    let value = values.unwrap_or(default);
    usize::try_from(value).ok().filter(|_| value <= MAX_STEP)
}
