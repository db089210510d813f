//! Nodes in the order in which they can be computed. ONNX asks for it, and some exporters do not keep to it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::attributes::NodeExt;
use super::inner;
use super::proto::NodeProto;
use crate::error::Result;
use crate::error::model::ensure;

/// Sorts nodes, each behind those that it reads from; among those that may come next, the first of the list does. The time grows with their number, however deep they are.
///
/// # Errors
/// Nodes that read each other in a circle.
pub(super) fn sort(nodes: &mut Vec<NodeProto>) -> Result<()> {
    let mut writer: HashMap<&str, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            writer.entry(output).or_insert(index);
        }
    }
    let count = nodes.len();
    let mut missing = vec![0_usize; count];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut is_sorted = true;
    for (index, node) in nodes.iter().enumerate() {
        for before in inner::reads(node).filter_map(|name| writer.get(name).copied()) {
            missing[index] += 1;
            readers[before].push(index);
            is_sorted &= before < index;
        }
    }
    if is_sorted {
        return Ok(());
    }
    let free = (0..count).filter(|&index| missing[index] == 0);
    let mut free: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(index)) = free.pop() {
        order.push(index);
        for &reader in &readers[index] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                free.push(Reverse(reader));
            }
        }
    }
    let stuck = (nodes.iter().zip(&missing)).find(|(_, missing)| **missing > 0);
    ensure!(
        stuck.is_none(),
        "{} reads what is made of its own output: nodes of a network form no circle",
        stuck.map(|(node, _)| node.describe()).unwrap_or_default()
    );
    let mut open: Vec<_> = std::mem::take(nodes).into_iter().map(Some).collect();
    *nodes = order
        .into_iter()
        .filter_map(|index| open[index].take())
        .collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(nodes: &[(&str, &str)]) -> Vec<NodeProto> {
        let node = |&(input, output): &(&str, &str)| NodeProto {
            op_type: Some("Relu".to_owned()),
            input: vec![input.to_owned()],
            output: vec![output.to_owned()],
            ..Default::default()
        };
        nodes.iter().map(node).collect()
    }

    fn outputs(nodes: &[NodeProto]) -> Vec<&str> {
        nodes.iter().map(|node| node.first_output()).collect()
    }

    #[test]
    fn nodes_come_behind_what_they_read_and_else_stay_in_order() {
        let mut mixed = nodes(&[("c", "d"), ("x", "a"), ("b", "c"), ("a", "b"), ("x", "e")]);
        sort(&mut mixed).unwrap();
        assert_eq!(outputs(&mixed), ["a", "b", "c", "d", "e"]);
        let mut sorted = nodes(&[("x", "z"), ("x", "a"), ("z", "b")]);
        sort(&mut sorted).unwrap();
        assert_eq!(outputs(&sorted), ["z", "a", "b"]);
    }

    #[test]
    fn a_circle_is_refused() {
        let error = sort(&mut nodes(&[("x", "y"), ("b", "a"), ("a", "b")])).unwrap_err();
        assert!(
            error.to_string().starts_with("Relu node 'a' reads what"),
            "{error}"
        );
        assert!(sort(&mut nodes(&[("a", "a")])).is_err());
    }
}
