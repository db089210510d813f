//! Finds a detector's heads in its graph: from the class and offset outputs back through Concat, Reshape and Transpose to the last linear layer of each scale.

use anyhow::{Context, Result, bail, ensure};

use super::layout::{HeadGrid, Layout};
use crate::onnx::{Graph, NodeExt, describe};

/// One scale of the detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Output of the classification layer, `[1, shapes·K, rows, cols]`; class k of shape a is channel a·K + k.
    pub class_tensor: String,
    /// Output of the localization layer, `[1, shapes·4, rows, cols]`; column q of shape a is channel a·4 + q.
    pub offset_tensor: String,
}

/// The heads in the order of the outputs, with their grids.
///
/// # Errors
/// An output that the graph does not have or that is not a concatenation of flattened feature maps; heads whose grids do not belong together.
pub fn find(
    graph: &Graph,
    classes: &str,
    offsets: &str,
    class_count: usize,
) -> Result<(Vec<Head>, Layout)> {
    let class_tensors = branches(graph, classes)?;
    let offset_tensors = branches(graph, offsets)?;
    ensure!(
        class_tensors.len() == offset_tensors.len(),
        "output '{classes}' comes from {} heads, output '{offsets}' from {}",
        class_tensors.len(),
        offset_tensors.len()
    );
    let mut heads = Vec::new();
    let mut grids = Vec::new();
    for (class_tensor, offset_tensor) in class_tensors.into_iter().zip(offset_tensors) {
        let [_, class_channels, rows, cols] = graph.feature_map(&class_tensor)?;
        let offset_shape = graph.feature_map(&offset_tensor)?;
        let shapes = offset_shape[1] / 4;
        ensure!(
            offset_shape == [1, shapes * 4, rows, cols] && shapes > 0,
            "'{offset_tensor}' is {offset_shape:?}: 4 offsets for each box of {rows}x{cols} cells were expected, as '{class_tensor}' has"
        );
        ensure!(
            class_channels == shapes * class_count,
            "'{class_tensor}' has {class_channels} channels, {shapes} boxes per cell times {class_count} labels of the manifest are {}",
            shapes * class_count
        );
        grids.push(HeadGrid { rows, cols, shapes });
        heads.push(Head {
            class_tensor,
            offset_tensor,
        });
    }
    Ok((heads, Layout { heads: grids }))
}

/// The outputs of the convolutions that `output` is put together from, in its order.
fn branches(graph: &Graph, output: &str) -> Result<Vec<String>> {
    let producer = graph.producer(output).with_context(|| {
        let names: Vec<_> = graph.outputs().collect();
        format!("the graph has no output '{output}': its outputs are {names:?}")
    })?;
    let node = &graph.nodes()[producer];
    let parts: Vec<&str> = if node.op() == "Concat" {
        let axis = node.int("axis", 0);
        ensure!(
            axis == 1 || axis == -2,
            "{} joins along axis {axis}, default boxes were expected along axis 1",
            describe(node)
        );
        node.input.iter().map(String::as_str).collect()
    } else {
        vec![output]
    };
    parts
        .into_iter()
        .map(|part| linear_layer(graph, output, part))
        .collect()
}

/// Walks from a flattened head back to the convolution, and checks that channels were moved last on the way.
fn linear_layer(graph: &Graph, output: &str, flattened: &str) -> Result<String> {
    let mut tensor = flattened;
    let mut channels_last = false;
    loop {
        let producer = graph.producer(tensor).with_context(|| {
            format!("output '{output}' reads '{tensor}', which no layer writes")
        })?;
        let node = &graph.nodes()[producer];
        match node.op() {
            "Conv" => {
                let [_, _, rows, cols] = graph.feature_map(tensor)?;
                ensure!(
                    channels_last || rows * cols == 1,
                    "the feature map '{tensor}' is flattened without moving its channels last (Transpose 0,2,3,1): \
                     the order of its default boxes is not known"
                );
                return Ok(tensor.to_owned());
            }
            "Transpose" => {
                let order = node.ints("perm").unwrap_or(&[]);
                ensure!(
                    order == [0, 2, 3, 1],
                    "{} has the order {order:?}, [0, 2, 3, 1] was expected before a head is flattened",
                    describe(node)
                );
                channels_last = true;
            }
            "Reshape" | "Flatten" => {}
            _ => bail!(
                "output '{output}' passes {}: between a head's convolution and the output only Transpose, Reshape, Flatten and Concat are understood. \
                 Export raw logits and offsets, without softmax, decoding or non-maximum suppression",
                describe(node)
            ),
        }
        tensor = node
            .input_at(0)
            .with_context(|| format!("{} has no input", describe(node)))?;
    }
}
