//! A class as the engine knows it, and a class as a person names it.
//!
//! A person's name becomes a number in one place, [`Manifest::class`](super::Manifest::class); from there on a class is its number.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A class of a model: its place among the labels and the class scores, 0..K.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClassId(pub usize);

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A class that is asked for. It prints as a text that reads back; but as labels may be numbers, a text for somebody else to read is
/// [`Labels::text`](super::labels::Labels::text) or [`Labels::number`](super::labels::Labels::number).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassRef {
    /// The class itself, as the engine says it.
    Id(ClassId),
    /// What a person wrote: a label in any case, `#12` or `12`.
    Name(String),
}

impl From<ClassId> for ClassRef {
    fn from(class: ClassId) -> Self {
        Self::Id(class)
    }
}

impl FromStr for ClassRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for ClassRef {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Id(class) => write!(f, "#{class}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
