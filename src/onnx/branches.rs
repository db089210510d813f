//! Branches that are certain: an If whose condition is constant is its branch.
//!
//! In: a graph as it stands in its file. Out: the same graph with the nodes of such branches in the place of the If.

use std::collections::HashMap;

use super::attributes::NodeExt;
use super::proto::tensor_proto::DataType;
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::renaming::Renaming;
use super::tensor;
use crate::error::Result;
use crate::error::model::ensure;
use crate::limits::MOST_NODES;

/// Puts the branch of every If whose condition is constant in the If's place.
///
/// # Errors
/// A branch with other outputs than its node; more nodes than a network has.
pub(super) fn take_certain(graph: &mut GraphProto) -> Result<()> {
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
