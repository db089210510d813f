//! Operators that pass numbers on as they are: once a network is trained, or but for their type.

use super::family::{Moved, MovedKind, Refused, RefusedPart, Signature, family};
use super::known::KnownTensors;
use crate::onnx::proto::NodeProto;

family! {
    /// Operators that change no number of a picture.
    Passing {
        /// x
        Identity => Signature::new(&["input"], &["output"]),
        /// x, once the network is trained.
        Dropout => Signature::new(&["data", "ratio?", "training_mode?"], &["output", "mask?"])
            .unneeded(&[
                ("ratio", "only in training something is dropped"),
                ("seed", "only in training something is drawn"),
            ])
            .refused(&[Refused {
                name: "training_mode",
                part: RefusedPart::False(2),
                because: "it drops numbers at random, as in training (training_mode): export the model for inference (in PyTorch model.eval())",
            }])
            .moved(&[Moved { attribute: "ratio", place: 1, since: 12, kind: MovedKind::Dropped }]),
        /// x as another type of numbers.
        Cast => Signature::new(&["input"], &["output"]).used(&["to"]).unneeded(&[
            ("saturate", "of numbers of 8 bits alone, from which there is no way back"),
            ("round_mode", "of numbers of 8 bits alone, from which there is no way back"),
        ]),
    }
}

impl Passing {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        // A mask is as large as what it is of.
        Some(vec![
            known.shape(node, 0)?.clone();
            node.output.len().max(1)
        ])
    }
}
