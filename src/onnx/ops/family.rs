//! How a family of operators is written down: the enum of its operators, and what each has in the file.

/// What ONNX's schema says of an operator, in all operator sets that are read, and what is made of it here. Nothing of it is passed over: an attribute, a further input or a
/// further output is named below, or the operator is refused where one has it.
#[derive(Clone, Copy, Debug)]
pub(in crate::onnx) struct Signature {
    /// Inputs in their order, as the newest operator set has them; optional ones end with `?`, repeated ones with `*`.
    pub inputs: &'static [&'static str],
    /// Outputs, in the same way.
    pub outputs: &'static [&'static str],
    /// Attributes that shapes, constants or relevance depend on.
    pub used: &'static [&'static str],
    /// Attributes and optional inputs that they do not depend on, and why.
    pub unneeded: &'static [(&'static str, &'static str)],
    /// Attributes, inputs and outputs of a form that is not understood.
    pub refused: &'static [Refused],
    /// Attributes that are inputs in the operator set that all files are brought to.
    pub moved: &'static [Moved],
    /// What else differs in older operator sets.
    pub older: Option<Older>,
}

impl Signature {
    /// Of an operator without attributes.
    pub const fn new(inputs: &'static [&'static str], outputs: &'static [&'static str]) -> Self {
        Self {
            inputs,
            outputs,
            used: &[],
            unneeded: &[],
            refused: &[],
            moved: &[],
            older: None,
        }
    }

    pub const fn used(self, used: &'static [&'static str]) -> Self {
        Self { used, ..self }
    }

    pub const fn unneeded(self, unneeded: &'static [(&'static str, &'static str)]) -> Self {
        Self { unneeded, ..self }
    }

    pub const fn refused(self, refused: &'static [Refused]) -> Self {
        Self { refused, ..self }
    }

    pub const fn moved(self, moved: &'static [Moved]) -> Self {
        Self { moved, ..self }
    }

    pub const fn older(self, older: Older) -> Self {
        Self {
            older: Some(older),
            ..self
        }
    }
}

/// A part of an operator that is refused unless it says what it says where it is left out.
#[derive(Clone, Copy, Debug)]
pub(in crate::onnx) struct Refused {
    /// Its name in the schema.
    pub name: &'static str,
    pub part: RefusedPart,
    /// What a node that has it does, and what to do about it.
    pub because: &'static str,
}

/// Where a refused part stands, and what may stand there nevertheless.
#[derive(Clone, Copy, Debug)]
pub(in crate::onnx) enum RefusedPart {
    /// An attribute that may be this integer.
    Integer(i64),
    /// An attribute that may be this text.
    Text(&'static str),
    /// An attribute that may not be there.
    Attribute,
    /// The input at a place, which may be a constant that is false.
    False(usize),
    /// The output at a place, which may not be there.
    Output(usize),
}

/// An attribute that has become an input.
#[derive(Clone, Copy, Debug)]
pub(in crate::onnx) struct Moved {
    pub attribute: &'static str,
    /// The place of the input.
    pub place: usize,
    /// The first operator set that has the input.
    pub since: i64,
    pub kind: MovedKind,
}

/// What an attribute holds that has become an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::onnx) enum MovedKind {
    /// Integers; an empty list says the same as none.
    List,
    /// Integers that have to be there.
    NeededList,
    /// One integer that has to be there, as a list.
    NeededInteger,
    /// A number.
    Number,
    /// What does not matter any more.
    Dropped,
}

/// Rewrites a node of an older operator set, given that set's number; says why where it cannot.
pub(in crate::onnx) type Older = fn(&mut crate::onnx::proto::NodeProto, i64) -> Result<(), String>;

/// The enum of a family, whose variants are called as ONNX calls the operators, with their signatures.
macro_rules! family {
    ($(#[$about:meta])* $family:ident { $($(#[$what:meta])* $operator:ident => $signature:expr,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $family { $($(#[$what])* $operator,)+ }

        impl $family {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$operator,)+];

            /// The name that ONNX has for it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$operator => stringify!($operator),)+ }
            }

            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($operator) => Some(Self::$operator),)+
                    _ => None,
                }
            }

            pub(super) fn signature(self) -> &'static $crate::onnx::ops::family::Signature {
                match self {
                    $(Self::$operator => {
                        const SIGNATURE: $crate::onnx::ops::family::Signature = $signature;
                        &SIGNATURE
                    })+
                }
            }
        }
    };
}

pub(super) use family;
