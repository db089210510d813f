//! Nodes of the operator sets 9 to 12 as operator set 13 has them, the one that is read and written everywhere else.
//!
//! In: a graph as it stands in its file, and the file's operator set. Out: the same graph of operator set 13: what was an attribute and became an input is a constant,
//! what was renamed has its new name (the changes are those of ONNX's operator changelog, <https://onnx.ai/onnx/operators/>). A node that cannot be rewritten is marked and
//! not refused, for it may lie in an exporter's post-processing, which is cut off; [`check`] refuses it where it is to be kept. What depends on shapes or on constants
//! that are still to be computed is marked too, until [`canonical`](super::canonical) knows them.

use super::attributes::{NodeExt, set, string};
use super::ops::{Moved, MovedKind, Op};
use super::proto::attribute_proto::AttributeType;
use super::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use super::{Tensor, tensor};
use crate::error::Result;
use crate::error::model::bail;

/// The oldest operator set that is rewritten.
pub(super) const OLDEST: i64 = 9;
/// What it is rewritten to.
pub(crate) const CURRENT: i64 = 13;

/// The attribute that marks a node whose meaning is still that of an older operator set. It says why.
const MARK: &str = "ssdcrp_older_operator_set";

/// Rewrites all nodes of a graph, those of the branches and bodies inside of its nodes too.
pub(super) fn upgrade(graph: &mut GraphProto, operator_set: i64) {
    Upgrade {
        operator_set,
        constants: 0,
    }
    .graph(graph);
}

/// Whether a node is marked as one that operator set 13 would take for another.
pub(super) fn is_marked(node: &NodeProto) -> bool {
    node.attribute_named(MARK).is_some()
}

/// The node without its mark.
pub(super) fn unmarked(node: &NodeProto) -> NodeProto {
    let mut node = node.clone();
    node.attribute.retain(|a| a.name() != MARK);
    node
}

/// Refuses a node that is marked, or has one that is inside of it.
///
/// # Errors
/// Names the node, why it is not understood, and what to do.
pub(super) fn check(node: &NodeProto) -> Result<()> {
    if let Some(reason) = node.string(MARK) {
        bail!(
            "{} is of an older operator set and cannot be brought to {CURRENT}: {reason}. Export the model with operator set {CURRENT} or newer",
            node.describe()
        );
    }
    let inner = |attribute: &AttributeProto| {
        let mut graphs = attribute.g.iter().chain(&attribute.graphs);
        graphs.try_for_each(|graph| graph.node.iter().try_for_each(check))
    };
    node.attribute.iter().try_for_each(inner)
}

/// Why a node stays what it was.
type Reason = String;

struct Upgrade {
    operator_set: i64,
    /// Made so far, for their names.
    constants: usize,
}

impl Upgrade {
    fn graph(&mut self, graph: &mut GraphProto) {
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                let inner = attribute.g.iter_mut().chain(&mut attribute.graphs);
                inner.for_each(|graph| self.graph(graph));
            }
            if let Err(reason) = self.node(node, &mut graph.initializer) {
                set(node, string(MARK, &reason));
            }
        }
    }

    /// Rewrites one node.
    fn node(
        &mut self,
        node: &mut NodeProto,
        constants: &mut Vec<TensorProto>,
    ) -> Result<(), Reason> {
        let Some(signature) = Op::of(node).signature() else {
            return Ok(());
        };
        let older = |moved: &&Moved| self.operator_set < moved.since;
        let moved: Vec<&Moved> = signature.moved.iter().filter(older).collect();
        let mut operands = Vec::new();
        for moved in moved {
            operands.extend(self.operand(node, moved)?);
        }
        for operand in operands {
            node.attribute.retain(|a| a.name() != operand.attribute);
            if let Some(value) = operand.value {
                put(node, operand.place, value.name().to_owned());
                constants.push(value);
            }
        }
        match signature.older {
            Some(rewrite) => rewrite(node, self.operator_set),
            None => Ok(()),
        }
    }

    /// What becomes of an attribute that is an input in operator set 13; nothing where the node has none.
    fn operand(&mut self, node: &NodeProto, moved: &Moved) -> Result<Option<Operand>, Reason> {
        let Moved {
            attribute, place, ..
        } = *moved;
        match moved.kind {
            MovedKind::List => Ok(self.list(node, attribute, place)),
            MovedKind::NeededList => self.needed_list(node, attribute, place),
            MovedKind::NeededInteger => {
                let value = node.attribute_named(attribute).and_then(integer);
                let value = value.ok_or(format!("it has no integer '{attribute}'"))?;
                let value = tensor::int64s_to_proto(&[value], &self.name(attribute));
                Ok(Some(Operand::new(attribute, place, value)))
            }
            MovedKind::Number => self.number(node, attribute, place),
            MovedKind::Dropped => Ok(Some(Operand {
                attribute,
                place,
                value: None,
            })),
        }
    }

    /// A list of integers as a constant; nothing where there is none, or an empty one, which says the same.
    fn list(&mut self, node: &NodeProto, attribute: &'static str, place: usize) -> Option<Operand> {
        let values = node.ints(attribute)?;
        if values.is_empty() {
            return Some(Operand {
                attribute,
                place,
                value: None,
            });
        }
        let value = tensor::int64s_to_proto(values, &self.name(attribute));
        Some(Operand::new(attribute, place, value))
    }

    /// The same where there has to be one, unless the input is there already.
    fn needed_list(
        &mut self,
        node: &NodeProto,
        attribute: &'static str,
        place: usize,
    ) -> Result<Option<Operand>, Reason> {
        let operand = self.list(node, attribute, place);
        let is_there = match &operand {
            Some(operand) => operand.value.is_some(),
            None => node.input_at(place).is_some(),
        };
        if !is_there {
            return Err(format!("it has no list '{attribute}'"));
        }
        Ok(operand)
    }

    /// A number as a scalar.
    fn number(
        &mut self,
        node: &NodeProto,
        attribute: &'static str,
        place: usize,
    ) -> Result<Option<Operand>, Reason> {
        let Some(found) = node.attribute_named(attribute) else {
            return Ok(None);
        };
        let number = number(found).ok_or(format!("its '{attribute}' is no number"))?;
        let scalar = Tensor {
            dims: vec![],
            data: vec![number],
        };
        let value = scalar.to_proto(&self.name(attribute));
        Ok(Some(Operand::new(attribute, place, value)))
    }

    /// The name of a constant; no exporter has such a one.
    fn name(&mut self, attribute: &str) -> String {
        self.constants += 1;
        format!("ssdcrp/upgrade/{attribute}_{}", self.constants)
    }
}

/// An attribute that becomes the input at a place, or goes without one.
struct Operand {
    attribute: &'static str,
    place: usize,
    value: Option<TensorProto>,
}

impl Operand {
    fn new(attribute: &'static str, place: usize, value: TensorProto) -> Self {
        Self {
            attribute,
            place,
            value: Some(value),
        }
    }
}

/// An attribute's number. Some writers leave out a 0.
fn number(attribute: &AttributeProto) -> Option<f32> {
    let zero = (attribute.r#type() == AttributeType::Float).then_some(0.0);
    attribute.f.or(zero)
}

fn integer(attribute: &AttributeProto) -> Option<i64> {
    let zero = (attribute.r#type() == AttributeType::Int).then_some(0);
    attribute.i.or(zero)
}

fn put(node: &mut NodeProto, place: usize, input: String) {
    if node.input.len() <= place {
        node.input.resize(place + 1, String::new());
    }
    node.input[place] = input;
}
