//! Reading a node's attributes with ONNX's defaults, and writing them.

use super::proto::attribute_proto::AttributeType;
use super::proto::{AttributeProto, NodeProto};

/// Accessors that keep the optional fields of protobuf out of the code that reads graphs.
pub trait NodeExt {
    /// The operator's name, `Conv` for example, with its domain where that is not ONNX's own, as in `com.microsoft:Gelu`; empty if the file left it out.
    fn operator(&self) -> String;
    /// The node as error messages name it: operator and name, or the output where the exporter gave no name.
    fn describe(&self) -> String;
    /// The node's first output, the only one of every operator that relevance passes through; empty if there is none.
    fn first_output(&self) -> &str;
    /// Input number `index`, if it is given and not the empty name that ONNX uses for "left out".
    fn input_at(&self, index: usize) -> Option<&str>;
    /// An integer attribute, or `default` where it is absent.
    fn int(&self, name: &str, default: i64) -> i64;
    /// A float attribute, or `default` where it is absent.
    fn float(&self, name: &str, default: f32) -> f32;
    /// An integer list; `None` where it is absent.
    fn ints(&self, name: &str) -> Option<&[i64]>;
    /// A string attribute; `None` where it is absent or no UTF-8.
    fn string(&self, name: &str) -> Option<&str>;
    /// The attribute itself.
    fn attribute_named(&self, name: &str) -> Option<&AttributeProto>;
}

impl NodeExt for NodeProto {
    fn operator(&self) -> String {
        match self.domain() {
            "" | "ai.onnx" => self.op_type().to_owned(),
            domain => format!("{domain}:{}", self.op_type()),
        }
    }

    fn describe(&self) -> String {
        let name = if self.name().is_empty() {
            self.first_output()
        } else {
            self.name()
        };
        format!("{} node '{name}'", self.operator())
    }

    fn first_output(&self) -> &str {
        self.output.first().map_or("", String::as_str)
    }

    fn input_at(&self, index: usize) -> Option<&str> {
        self.input
            .get(index)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute_named(name).map_or(default, |a| a.i())
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute_named(name).map_or(default, |a| a.f())
    }

    fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute_named(name).map(|a| a.ints.as_slice())
    }

    fn string(&self, name: &str) -> Option<&str> {
        self.attribute_named(name)
            .and_then(|a| std::str::from_utf8(a.s()).ok())
    }

    fn attribute_named(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|a| a.name() == name)
    }
}

/// An attribute of a node that is written.
#[derive(Clone, Debug)]
pub enum Attribute<'a> {
    /// A single integer.
    Int(&'a str, i64),
    /// A single number.
    Float(&'a str, f32),
    /// A list of integers.
    Ints(&'a str, &'a [i64]),
}

impl Attribute<'_> {
    /// As it stands in a file.
    pub(super) fn to_proto(&self) -> AttributeProto {
        match self {
            Self::Int(name, value) => int(name, *value),
            Self::Float(name, value) => float(name, *value),
            Self::Ints(name, values) => ints(name, values),
        }
    }
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..typed(name, AttributeType::Int)
    }
}

pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..typed(name, AttributeType::Float)
    }
}

pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..typed(name, AttributeType::Ints)
    }
}

pub(super) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..typed(name, AttributeType::String)
    }
}

/// Puts an attribute in the place of one of the same name.
pub(super) fn set(node: &mut NodeProto, attribute: AttributeProto) {
    node.attribute.retain(|a| a.name() != attribute.name());
    node.attribute.push(attribute);
}

fn typed(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..Default::default()
    }
}
