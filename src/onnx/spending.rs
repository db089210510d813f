//! What a network would take in memory, counted on its shapes before ONNX Runtime is given it: that computes what is made of constants alone as soon as it has loaded
//! a network, however large it becomes.
//!
//! In: the nodes that are to be run, and what is known of their tensors. Out: whether they may be.

use std::collections::{HashMap, HashSet};

use super::attributes::NodeExt;
use super::inner;
use super::proto::NodeProto;
use crate::error::Result;
use crate::error::model::{bail, ensure};
use crate::limits::{MOST_COMPUTED, MOST_MADE, MOST_NUMBERS};

/// Refuses nodes of a graph that make more numbers than there may be.
///
/// # Errors
/// Names the node.
pub(super) fn check(
    nodes: &[NodeProto],
    shapes: &HashMap<String, Vec<usize>>,
    is_stored: impl Fn(&str) -> bool,
) -> Result<()> {
    let (mut made, mut computed) = (0_usize, 0_usize);
    let mut constant: HashSet<&str> = HashSet::new();
    for node in nodes {
        let is_constant = inner::reads(node).all(|name| constant.contains(name) || is_stored(name));
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            let shape = shapes.get(output);
            let Some(count) = shape.map(|shape| shape.iter().product::<usize>()) else {
                // What is computed of the picture may be of any size that its picture's has.
                if is_constant && !node.input.is_empty() {
                    bail!(
                        "{} makes a constant of a size that cannot be told before it is made: fold constants when exporting, with onnxsim for example",
                        node.describe()
                    );
                }
                continue;
            };
            ensure!(
                count <= MOST_NUMBERS,
                "{} makes {count} numbers, {:?}: {MOST_NUMBERS} is the limit",
                node.describe(),
                shape.map(Vec::as_slice).unwrap_or_default()
            );
            if is_constant {
                constant.insert(output);
                made += count;
            }
            computed += count;
            ensure!(
                made <= MOST_MADE && computed <= MOST_COMPUTED,
                "{} is one too many: up to it the network makes {made} numbers of constants alone and {computed} in all, {MOST_MADE} and {MOST_COMPUTED} are the limits",
                node.describe()
            );
        }
    }
    Ok(())
}
