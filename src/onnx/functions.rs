//! Functions of a model's own: operators that the file itself makes out of others. Each call becomes the nodes of its body.
//!
//! In: a model with functions. Out: its graph without calls. Bodies may call further functions; the number of nodes that come out is bounded, for it can double with
//! every level.

use std::collections::HashMap;

use super::attributes::NodeExt;
use super::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use super::renaming::Renaming;
use super::upgrade;
use crate::error::Result;
use crate::error::model::ensure;
use crate::limits::MOST_NODES;

/// More levels of calls than any exporter writes; whoever calls itself has no end.
const DEEPEST: usize = 32;

/// Puts the bodies of functions in the place of their calls, in the graphs inside of nodes too.
///
/// # Errors
/// A function that calls itself, more nodes than a network has, an operator set that is not read.
pub(super) fn inline(graph: &mut GraphProto, functions: Vec<FunctionProto>) -> Result<()> {
    if functions.is_empty() {
        return Ok(());
    }
    let mut bodies = HashMap::new();
    for function in functions {
        let set = function.opset_import.iter();
        let set = set.filter(|set| matches!(set.domain(), "" | "ai.onnx"));
        let set = set.map(|set| set.version()).next();
        let mut body = GraphProto {
            node: function.node.clone(),
            ..Default::default()
        };
        if let Some(set) = set.filter(|&set| set < upgrade::CURRENT) {
            ensure!(
                set >= upgrade::OLDEST,
                "the function '{}' is of operator set {set}, {} is the oldest supported",
                function.name(),
                upgrade::OLDEST
            );
            upgrade::upgrade(&mut body, set);
        }
        bodies.insert(
            called(function.domain(), function.name(), function.overload()),
            FunctionBody { function, body },
        );
    }
    Inlining {
        bodies,
        made: 0,
        nodes: 0,
    }
    .graph(graph, 0)
}

struct FunctionBody {
    function: FunctionProto,
    /// Brought to the operator set that is read.
    body: GraphProto,
}

type Called = (String, String, String);

fn called(domain: &str, name: &str, overload: &str) -> Called {
    let domain = if domain == "ai.onnx" { "" } else { domain };
    (domain.to_owned(), name.to_owned(), overload.to_owned())
}

struct Inlining {
    bodies: HashMap<Called, FunctionBody>,
    /// Calls so far, for the names.
    made: usize,
    /// Nodes so far.
    nodes: usize,
}

impl Inlining {
    fn graph(&mut self, graph: &mut GraphProto, depth: usize) -> Result<()> {
        ensure!(
            depth <= DEEPEST,
            "its functions call each other more than {DEEPEST} levels deep, or one calls itself"
        );
        for mut this in std::mem::take(&mut graph.node) {
            self.nodes += 1;
            ensure!(
                self.nodes <= MOST_NODES,
                "it has more than {MOST_NODES} nodes, which is the limit, once its functions are written out"
            );
            for attribute in &mut this.attribute {
                for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.graph(inner, depth)?;
                }
            }
            let key = called(this.domain(), this.op_type(), this.overload());
            let Some(FunctionBody { function, body }) = self.bodies.get(&key) else {
                graph.node.push(this);
                continue;
            };
            self.made += 1;
            let given = function.input.iter().zip(&this.input);
            let mut given: HashMap<String, String> = given
                .map(|(name, tensor)| (name.clone(), tensor.clone()))
                .collect();
            for name in function.input.iter().skip(this.input.len()) {
                given.insert(name.clone(), String::new());
            }
            let mut body = body.clone();
            fill(&mut body, &this, function);
            let mut renaming = Renaming::new(format!("ssdcrp/call_{}/", self.made), given);
            let (nodes, made) = renaming.inlined(body, &function.output, &this.output);
            let mut written = GraphProto {
                node: nodes,
                ..Default::default()
            };
            self.graph(&mut written, depth + 1)?;
            graph.node.append(&mut written.node);
            graph.initializer.extend(made);
        }
        Ok(())
    }
}

/// Puts a call's attributes in the place of those that a body names.
fn fill(body: &mut GraphProto, call: &NodeProto, function: &FunctionProto) {
    let value = |name: &str| -> Option<AttributeProto> {
        let default = function.attribute_proto.iter().find(|a| a.name() == name);
        call.attribute_named(name).or(default).cloned()
    };
    for node in &mut body.node {
        for attribute in std::mem::take(&mut node.attribute) {
            let filled = match attribute.ref_attr_name.as_deref() {
                None | Some("") => Some(attribute),
                Some(named) => value(named).map(|value| AttributeProto {
                    name: attribute.name,
                    ..value
                }),
            };
            node.attribute.extend(filled);
        }
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                fill(inner, call, function);
            }
        }
    }
}
