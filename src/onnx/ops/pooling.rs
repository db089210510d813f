//! Pooling: windows of a map whose largest number or average is kept.

use super::convolution::windows;
use super::family::{Refused, RefusedPart, Signature, family};
use super::known::KnownTensors;
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

/// Where it says what an AveragePool whose pads were written out counts as padding: top, left, bottom, right.
pub(in crate::onnx) const COUNTED_PADS: &str = "ssdcrp_counted_pads";

family! {
    /// Operators that keep one number of each window, channel by channel.
    Pooling {
        /// The largest of each window.
        MaxPool => Signature::new(&["X"], &["Y", "Indices?"])
            .used(&["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"])
            .unneeded(&[("storage_order", "it says how Indices count, and no relevance passes those")]),
        /// The average of each window.
        AveragePool => Signature::new(&["X"], &["Y"]).used(&[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ])
        .refused(&[Refused {
            name: COUNTED_PADS,
            part: RefusedPart::Attribute,
            because: "its windows are too large, or reach too far beyond the border, for a ceil_mode that counts padding: export with ceil_mode = 0",
        }]),
        /// The average of each map.
        GlobalAveragePool => Signature::new(&["X"], &["Y"]),
        /// The largest of each map.
        GlobalMaxPool => Signature::new(&["X"], &["Y"]),
    }
}

impl Pooling {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let input = known.shape(node, 0)?;
        let pooled = match self {
            Self::MaxPool | Self::AveragePool => {
                let kernel = node.ints("kernel_shape")?.iter();
                let kernel: Vec<_> = kernel
                    .map(|&k| usize::try_from(k).ok())
                    .collect::<Option<_>>()?;
                windows(node, input, *input.get(1)?, &kernel)?
            }
            Self::GlobalAveragePool | Self::GlobalMaxPool => {
                let spatial = input.len().checked_sub(2)?;
                [&input[..2], &vec![1; spatial]].concat()
            }
        };
        // Indices are as many as what they are of.
        Some(vec![pooled; node.output.len().max(1)])
    }
}
