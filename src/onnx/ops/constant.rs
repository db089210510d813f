//! Constants, and what is constant once shapes are known.

use super::family::{Refused, RefusedPart, Signature, family};
use super::known::KnownTensors;
use crate::onnx::proto::NodeProto;

family! {
    /// Operators that read no numbers of a picture.
    Constants {
        /// A tensor that the node holds.
        Constant => Signature::new(&[], &["output"])
            .used(&["value", "value_float", "value_floats", "value_int", "value_ints"])
            .unneeded(&[
                ("value_string", "texts are no numbers"),
                ("value_strings", "texts are no numbers"),
            ])
            .refused(&[Refused {
                name: "sparse_value",
                part: RefusedPart::Attribute,
                because: "it holds a sparse tensor: export with dense constants",
            }]),
        /// One number, as often as a shape asks for.
        ConstantOfShape => Signature::new(&["input"], &["output"]).used(&["value"]),
        /// The sizes of a tensor's axes.
        Shape => Signature::new(&["data"], &["shape"]).used(&["end", "start"]),
    }
}

impl Constants {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        match self {
            Self::ConstantOfShape => {
                let sizes = known.int64s(node, 0)?;
                let sizes = sizes.into_iter().map(|size| usize::try_from(size).ok());
                Some(vec![sizes.collect::<Option<_>>()?])
            }
            // Both are initialisers before a shape is asked for, where they can be.
            Self::Constant | Self::Shape => None,
        }
    }
}
