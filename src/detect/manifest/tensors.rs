//! Names of tensors: one for the outputs of all heads, or a list of one a head.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// One tensor's name, or one a head; empty where the manifest names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tensors(Vec<String>);

impl Tensors {
    /// These names.
    pub(super) fn of(names: impl Iterator<Item = String>) -> Self {
        Self(names.collect())
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether the manifest names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Tensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\", \""))
    }
}

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Tensors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tensor's name, or a list of one a head")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Tensors, E> {
        let named = Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(Tensors(named.into_iter().collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Tensors, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(names)).map(Tensors)
    }
}
