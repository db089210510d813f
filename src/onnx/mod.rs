//! ONNX files: reading with limits, a small view of the graph (producers, consumers, shapes), canonicalising, and appending nodes.
//!
//! In: bytes of a `.onnx` file. Out: a [`Graph`] whose nodes are topologically sorted, whose constants are all initialisers and
//! whose tensor shapes are known; or an [`Emitter`] that writes new nodes. Nothing here knows what a detector or a relevance is.

mod absorb;
mod attributes;
mod branches;
mod canonical;
mod cut;
mod emit;
mod external;
mod functions;
mod fuse;
mod graph;
mod half;
mod inner;
mod integer_input;
mod load;
mod operator_set;
pub mod ops;
mod order;
mod origins;
mod other_formats;
mod parts;
mod patterns;
mod renaming;
mod shapes;
mod sparse;
mod spending;
mod tensor;
mod unshared;
mod upgrade;
mod wire;

/// The ONNX schema (`onnx-ml.proto`, Apache-2.0), compiled at build time.
pub mod proto {
    #![allow(
        missing_docs,
        clippy::all,
        rustdoc::all,
        reason = "made by prost from the schema, with the schema's comments"
    )]
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

pub use attributes::{Attribute, NodeExt};
pub(crate) use canonical::is_fully_connected;
pub use emit::{Emitted, Emitter, ModelForm};
pub use graph::Graph;
pub use load::{parse, parse_own, read, weight_files};
pub(crate) use operator_set::{identity, operator_set};
pub use ops::Op;
pub use origins::Origins;
pub use parts::Parts;
pub(crate) use patterns::{LONGEST_PATTERN, gives_other_axes};
pub use tensor::Tensor;
pub use unshared::unshare_transposed_weights;
pub(crate) use upgrade::CURRENT as OLDEST_KEPT;
pub(crate) use wire::node_count;

#[cfg(test)]
pub(crate) use emit::tests::small_graph;
