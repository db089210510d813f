//! Graphs inside of nodes, as branches and bodies of loops are: what they read from outside, and those that are taken for certain.
//!
//! In: nodes. Out: the names that a node reads besides its inputs, the same under other names, and a graph in which an If whose condition is constant is its branch.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::attributes::NodeExt;
use super::functions::Renaming;
use super::proto::tensor_proto::DataType;
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::tensor;
use crate::error::Result;
use crate::error::model::ensure;
use crate::limits::MOST_NODES;

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

/// Puts the branch of every If whose condition is constant in the If's place.
///
/// # Errors
/// A branch with other outputs than its node; more nodes than a network has.
pub(super) fn take_certain_branches(graph: &mut GraphProto) -> Result<()> {
    let mut taken = 0;
    let mut waiting: Vec<NodeProto> = std::mem::take(&mut graph.node);
    waiting.reverse();
    let mut constants: HashMap<String, bool> = HashMap::new();
    for tensor in &graph.initializer {
        constants.extend(truth(tensor).map(|truth| (tensor.name().to_owned(), truth)));
    }
    while let Some(mut node) = waiting.pop() {
        if node.operator() == "Constant"
            && let Some(value) = node.attribute_named("value").and_then(|a| a.t.as_ref())
            && let Some(truth) = truth(value)
        {
            constants.insert(node.first_output().to_owned(), truth);
        }
        let condition = (node.operator() == "If")
            .then(|| constants.get(node.input_at(0)?).copied())
            .flatten();
        let Some(condition) = condition else {
            graph.node.push(node);
            continue;
        };
        let name = if condition {
            "then_branch"
        } else {
            "else_branch"
        };
        let attribute = node.attribute.iter_mut().find(|a| a.name() == name);
        let Some(branch) = attribute.and_then(|attribute| attribute.g.take()) else {
            graph.node.push(node);
            continue;
        };
        ensure!(
            branch.output.len() == node.output.len(),
            "{} has {} outputs, its {name} {}",
            node.describe(),
            node.output.len(),
            branch.output.len()
        );
        taken += 1;
        let mut renaming = Renaming::new(format!("ssdcrp/branch_{taken}/"), HashMap::new());
        let results: Vec<String> = branch.output.iter().map(|o| o.name().to_owned()).collect();
        let (nodes, made) = renaming.inlined(branch, &results, &node.output);
        graph.initializer.extend(made);
        ensure!(
            graph.node.len() + waiting.len() + nodes.len() <= MOST_NODES,
            "it has more than {MOST_NODES} nodes, which is the limit"
        );
        waiting.extend(nodes.into_iter().rev());
    }
    Ok(())
}

/// A constant that is one truth value.
fn truth(tensor: &TensorProto) -> Option<bool> {
    if tensor.data_type() != DataType::Bool as i32 || tensor::byte_length(tensor).ok()? != Some(1) {
        return None;
    }
    match (&tensor.raw_data, &tensor.int32_data[..]) {
        (Some(raw), _) => raw.first().map(|&byte| byte != 0),
        (None, [value]) => Some(*value != 0),
        _ => None,
    }
}
