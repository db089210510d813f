//! Normalisation: by statistics that were stored in training, by a norm of the numbers themselves, or to shares of a whole.

use super::family::{Refused, RefusedPart, Signature, family};
use super::known::KnownTensors;
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

/// What to do about batch normalisation that computes its statistics anew.
const IN_TRAINING: &str = "it normalises by the statistics of each batch, as in training, and not by the stored ones: export the model for inference (in PyTorch model.eval())";

family! {
    /// Operators that bring numbers to a scale.
    Normalisation {
        /// (x − mean)·scale/√(variance + ε) + shift, channel by channel, with stored statistics.
        BatchNormalization => Signature::new(
            &["X", "scale", "B", "input_mean", "input_var"],
            &["Y", "running_mean?", "running_var?"],
        )
        .used(&["epsilon"])
        .unneeded(&[("momentum", "of running statistics, which only training has")])
        .refused(&[
            Refused { name: "training_mode", part: RefusedPart::Integer(0), because: IN_TRAINING },
            // Before operator set 14 these further outputs say that it is in training.
            Refused { name: "running_mean", part: RefusedPart::Output(1), because: IN_TRAINING },
            Refused { name: "running_var", part: RefusedPart::Output(2), because: IN_TRAINING },
            Refused { name: "saved_mean", part: RefusedPart::Output(3), because: IN_TRAINING },
            Refused { name: "saved_var", part: RefusedPart::Output(4), because: IN_TRAINING },
        ]),
        /// x / (its L1 or L2 norm along an axis).
        LpNormalization => Signature::new(&["input"], &["output"]).used(&["axis", "p"]),
        /// x / (bias + alpha/size · Σ x²)^beta, the sum over `size` channels around each.
        LRN => Signature::new(&["X"], &["Y"]).used(&["alpha", "beta", "bias", "size"]),
        /// exp x / Σ exp x
        Softmax => Signature::new(&["input"], &["output"]).used(&["axis"]).older(of_one_axis),
        /// The logarithm of Softmax.
        LogSoftmax => Signature::new(&["input"], &["output"]).used(&["axis"]).older(of_one_axis),
        /// 1 for the largest, 0 for all others.
        Hardmax => Signature::new(&["input"], &["output"]).used(&["axis"]).older(of_one_axis),
    }
}

impl Normalisation {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        Some(vec![known.shape(node, 0)?.clone()])
    }
}

/// Before operator set 13 all axes from one on are taken together; of the last axis alone that is what it is now.
fn of_one_axis(node: &mut NodeProto, _: i64) -> Result<(), String> {
    if node.int("axis", 1) == -1 {
        return Ok(());
    }
    Err(
        "it takes all axes from its 'axis' on together, and its input's shape is not known"
            .to_owned(),
    )
}
