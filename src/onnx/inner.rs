//! Graphs inside of nodes, as branches and bodies of loops are: what they read from outside, and the same under other names.

use std::collections::{BTreeSet, HashSet};

use super::proto::{GraphProto, NodeProto};

/// All tensors that a node reads: its inputs, and what the graphs inside of it read from outside.
pub(super) fn reads(node: &NodeProto) -> impl Iterator<Item = &str> {
    let inputs = node.input.iter().map(String::as_str);
    inputs.chain(captured(node)).filter(|name| !name.is_empty())
}

/// What the graphs inside of a node read from outside.
fn captured(node: &NodeProto) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for graph in inner(node) {
        let own = defined(graph);
        let read = graph.node.iter().flat_map(reads);
        let handed = graph.output.iter().map(|output| output.name());
        found.extend(read.chain(handed).filter(|name| !own.contains(name)));
    }
    found
}

/// The domains of nodes, and of those inside of them.
pub(super) fn domains(nodes: &[NodeProto]) -> HashSet<&str> {
    let mut found = HashSet::new();
    let mut waiting: Vec<&NodeProto> = nodes.iter().collect();
    while let Some(node) = waiting.pop() {
        found.insert(node.domain());
        waiting.extend(inner(node).flat_map(|graph| &graph.node));
    }
    found
}

fn inner(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    (node.attribute.iter()).flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The names that a graph gives.
fn defined(graph: &GraphProto) -> HashSet<&str> {
    let inputs = graph.input.iter().map(|input| input.name());
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let written = graph.node.iter().flat_map(|node| &node.output);
    let written = written.map(String::as_str).filter(|name| !name.is_empty());
    inputs.chain(constants).chain(written).collect()
}

/// Lets a node read other tensors in the place of those that have new names, inside of it too.
pub(super) fn rename(node: &mut NodeProto, renamed: &dyn Fn(&str) -> Option<String>) {
    for input in &mut node.input {
        if let Some(name) = renamed(input) {
            *input = name;
        }
    }
    for attribute in &mut node.attribute {
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            let own: HashSet<String> = defined(graph).into_iter().map(str::to_owned).collect();
            let outer = |name: &str| match own.contains(name) {
                true => None,
                false => renamed(name),
            };
            graph.node.iter_mut().for_each(|node| rename(node, &outer));
            for output in &mut graph.output {
                if let Some(name) = outer(output.name()) {
                    output.name = Some(name);
                }
            }
        }
    }
}
