//! Operators that pick by value, which post-processing is made of. They are brought to one operator set, so that what is run of a file means what it meant there.

use super::family::{Moved, MovedKind, Signature, family};
use super::known::KnownTensors;
use crate::onnx::proto::NodeProto;

family! {
    /// Operators whose outputs' places depend on values.
    Selecting {
        /// The largest numbers along an axis.
        TopK => Signature::new(&["X", "K"], &["Values", "Indices"])
            .unneeded(&[
                ("axis", "it is run as it stands"),
                ("largest", "it is run as it stands"),
                ("sorted", "it is run as it stands"),
            ])
            .moved(&[Moved { attribute: "k", place: 1, since: 10, kind: MovedKind::NeededInteger }]),
        /// Numbers put into a tensor at places along an axis.
        ScatterElements => Signature::new(&["data", "indices", "updates"], &["output"]).unneeded(&[
            ("axis", "it is run as it stands"),
            ("reduction", "it is run as it stands"),
        ]),
        /// What ScatterElements was called before operator set 11.
        Scatter => Signature::new(&["data", "indices", "updates"], &["output"])
            .unneeded(&[("axis", "it is run as it stands")])
            .older(scatter),
    }
}

impl Selecting {
    pub(super) fn shapes(self, _: &NodeProto, _: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        None
    }
}

fn scatter(node: &mut NodeProto, _: i64) -> Result<(), String> {
    node.op_type = Some(Selecting::ScatterElements.name().to_owned());
    Ok(())
}
