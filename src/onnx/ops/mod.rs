//! The operators that are known: for each family a file with what ONNX's schema says of its operators, the shapes of their outputs, and what they are.
//!
//! In: a node as it stands in the file. Out: its [`Op`], by which everything behind the reader tells operators apart; no name is compared there. An operator of another
//! domain than ONNX's own, and one that no family has, is [`Op::Other`].

mod activation;
mod arithmetic;
mod constant;
mod convolution;
mod family;
mod known;
mod matrix;
mod moving;
mod normalisation;
mod passing;
mod pooling;
mod quantisation;
mod reduction;
mod reshaping;
mod resize;
mod selecting;

pub use activation::Activation;
pub use arithmetic::{Arithmetic, Comparison};
pub use constant::Constants;
pub use convolution::Convolution;
pub(super) use family::{Moved, MovedKind};
use family::{RefusedPart, Signature};
pub(super) use known::KnownTensors;
pub use known::axis_of;
pub use matrix::Matrix;
pub use moving::{Moving, pads_of_all_axes, permutation, places, slice_bounds};
pub use normalisation::Normalisation;
pub use passing::Passing;
pub(super) use pooling::COUNTED_PADS;
pub use pooling::Pooling;
pub use quantisation::Quantisation;
pub use reduction::Reduction;
pub use reshaping::Reshaping;
pub use resize::Resizing;
pub use selecting::Selecting;

use super::attributes::NodeExt;
use super::proto::{AttributeProto, NodeProto, TensorProto};

/// The prefix of attributes that are put on nodes on the way through this program; a node that still has one cannot be written.
pub(super) const OWN: &str = "ssdcrp_";

/// The enum over all families, and what is asked of each in turn.
macro_rules! operators {
    ($($(#[$what:meta])* $family:ident,)+) => {
        /// An operator, by its family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $($(#[$what])* $family($family),)+
            /// One that is not known, or of another domain than ONNX's.
            Other,
        }

        $(
            impl From<$family> for Op {
                fn from(operator: $family) -> Self {
                    Self::$family(operator)
                }
            }

            impl PartialEq<$family> for Op {
                fn eq(&self, operator: &$family) -> bool {
                    *self == Self::from(*operator)
                }
            }
        )+

        impl Op {
            /// All that are known.
            pub fn all() -> impl Iterator<Item = Self> {
                let families = [$($family::ALL.iter().map(|&op| op.into()).collect::<Vec<Self>>(),)+];
                families.into_iter().flatten()
            }

            /// The name that ONNX has for it; empty for [`Op::Other`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$family(operator) => operator.name(),)+
                    Self::Other => "",
                }
            }

            /// The operator of ONNX's own domain that is called so.
            pub fn named(name: &str) -> Self {
                $(if let Some(operator) = $family::named(name) {
                    return operator.into();
                })+
                Self::Other
            }

            /// What a node does.
            pub fn of(node: &NodeProto) -> Self {
                match node.domain() {
                    "" | "ai.onnx" => Self::named(node.op_type()),
                    _ => Self::Other,
                }
            }

            /// What the schema says of it; `None` for [`Op::Other`].
            pub(super) fn signature(self) -> Option<&'static Signature> {
                match self {
                    $(Self::$family(operator) => Some(operator.signature()),)+
                    Self::Other => None,
                }
            }

            /// The shapes of a node's outputs in their order; `None` where an operand is not known.
            pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
                match self {
                    $(Self::$family(operator) => operator.shapes(node, known),)+
                    Self::Other => None,
                }
            }
        }
    };
}

operators! {
    /// Convolutions and transposed ones.
    Convolution,
    /// Matrix products.
    Matrix,
    /// Batch normalisation, norms and softmax.
    Normalisation,
    /// Windows of which one number is kept.
    Pooling,
    /// One number along axes.
    Reduction,
    /// Functions of one number.
    Activation,
    /// Sums, products and their like.
    Arithmetic,
    /// Comparisons.
    Comparison,
    /// Numbers in other places.
    Moving,
    /// Maps of another size.
    Resizing,
    /// Numbers in their order under other axes.
    Reshaping,
    /// What is passed on as it is.
    Passing,
    /// Between float32 and small integers.
    Quantisation,
    /// Constants.
    Constants,
    /// Picking by value.
    Selecting,
}

impl Op {
    /// Whether each number of its output is made of those in the same place of its inputs alone.
    pub const fn is_elementwise(self) -> bool {
        matches!(self, Self::Activation(_) | Self::Arithmetic(_))
    }

    /// Whether its output says how much of something goes through: between 0 and 1.
    pub const fn is_gate(self) -> bool {
        matches!(
            self,
            Self::Activation(Activation::Sigmoid | Activation::HardSigmoid)
                | Self::Normalisation(Normalisation::Softmax)
        )
    }

    /// Whether it adds up, or takes a norm, along axes.
    pub const fn is_norm(self) -> bool {
        matches!(
            self,
            Self::Reduction(
                Reduction::ReduceL2 | Reduction::ReduceSumSquare | Reduction::ReduceSum
            )
        )
    }
}

/// Why a node is not understood as it stands, with what to do about it: a part of its operator has a form that is refused, or is none that the operator has.
pub(super) fn refusal<'a>(
    node: &NodeProto,
    constant: impl Fn(&str) -> Option<&'a TensorProto>,
) -> Option<String> {
    let signature = Op::of(node).signature()?;
    let refused = signature.refused.iter().find(|refused| match refused.part {
        RefusedPart::Integer(plain) => node.int(refused.name, plain) != plain,
        RefusedPart::Text(plain) => node.string(refused.name).is_some_and(|text| text != plain),
        RefusedPart::Attribute => node.attribute_named(refused.name).is_some(),
        RefusedPart::False(place) => node.input_at(place).is_some_and(|name| {
            let is_false = constant(name).is_some_and(is_false);
            !is_false
        }),
        RefusedPart::Output(place) => node.output.get(place).is_some_and(|name| !name.is_empty()),
    });
    if let Some(refused) = refused {
        return Some(refused.because.to_owned());
    }
    let unknown = |attribute: &&AttributeProto| !signature.has_attribute(attribute.name());
    let further = if let Some(attribute) = node.attribute.iter().find(unknown) {
        format!("the attribute '{}'", attribute.name())
    } else if beyond(&node.input, signature.inputs) {
        format!("{} inputs", node.input.len())
    } else if beyond(&node.output, signature.outputs) {
        format!("{} outputs", node.output.len())
    } else {
        return None;
    };
    Some(format!(
        "it has {further}, which the operator has in no operator set that is read: export without"
    ))
}

/// Whether a node names more tensors than its operator has.
fn beyond(named: &[String], known: &[&str]) -> bool {
    let repeats = known.last().is_some_and(|name| name.ends_with('*'));
    !repeats && named.iter().skip(known.len()).any(|name| !name.is_empty())
}

impl Signature {
    fn has_attribute(&self, name: &str) -> bool {
        name.starts_with(OWN)
            || self.used.contains(&name)
            || self.unneeded.iter().any(|(known, _)| *known == name)
            || self.refused.iter().any(|refused| refused.name == name)
            || self.moved.iter().any(|moved| moved.attribute == name)
    }
}

/// Whether a constant is a single false.
fn is_false(tensor: &TensorProto) -> bool {
    let raw = tensor.raw_data.iter().flatten().all(|&byte| byte == 0);
    raw && tensor.int32_data.iter().all(|&value| value == 0)
}

#[cfg(test)]
mod tests;
