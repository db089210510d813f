//! Transposed convolutions with constants of their own.
//!
//! In: a network as bytes, as the compiler writes it, where a convolution and its transpose read the same weights. Out: the same network with those weights twice.

use std::collections::{HashMap, HashSet};

use prost::Message;
use prost::bytes::Bytes;

use super::ops::{Convolution, Op};
use super::proto::{ModelProto, NodeProto, TensorProto};
use crate::error::Result;
use crate::error::model::Context;

/// Copies the weights that transposed convolutions share with nodes of another kind.
///
/// # Errors
/// Bytes that are no network.
pub fn unshare_transposed_weights(model: &[u8]) -> Result<Vec<u8>> {
    let mut model = ModelProto::decode(Bytes::copy_from_slice(model))
        .ok()
        .context("the network is no ONNX file")?;
    if let Some(graph) = &mut model.graph {
        let is_transposed = |node: &NodeProto| Op::of(node) == Convolution::ConvTranspose;
        let others = graph.node.iter().filter(|node| !is_transposed(node));
        let others: HashSet<String> = others.flat_map(|node| node.input.clone()).collect();
        let mut names = HashMap::new();
        for node in graph.node.iter_mut().filter(|node| is_transposed(node)) {
            if let Some(weights) = node.input.get_mut(1)
                && others.contains(weights)
            {
                let own = format!("{weights}:transposed");
                let shared = std::mem::replace(weights, own.clone());
                names.insert(shared, own);
            }
        }
        let copies: Vec<TensorProto> = (graph.initializer.iter())
            .filter_map(|constant| {
                let own = names.get(constant.name())?.clone();
                let constant = constant.clone();
                Some(TensorProto {
                    name: Some(own),
                    ..constant
                })
            })
            .collect();
        graph.initializer.extend(copies);
    }
    Ok(model.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::emit::tests::small_graph;
    use super::*;
    use crate::onnx::{Attribute, NodeExt, Tensor};

    #[test]
    fn only_what_a_transposed_convolution_shares_is_copied() {
        let window = [Attribute::Ints("kernel_shape", &[1, 1])];
        let weights = |value| Tensor {
            dims: vec![1, 1, 1, 1],
            data: vec![value],
        };
        let graph = small_graph(|e| {
            let shared = e.constant("shared", weights(2.0));
            let own = e.constant("own", weights(3.0));
            let forth = e.op(Convolution::Conv, &["x", &shared], &window);
            let back = e.op(Convolution::ConvTranspose, &[&forth, &shared], &window);
            e.op(Convolution::ConvTranspose, &[&back, &own], &window)
        });
        let output = graph.nodes()[2].output[0].clone();
        let file = graph.to_model(&[&output]).unwrap();
        let unshared = super::super::parse(
            Bytes::from(unshare_transposed_weights(&file).unwrap()),
            "unshared",
        )
        .unwrap();
        let weights: Vec<&str> = (unshared.nodes().iter())
            .filter_map(|node| node.input_at(1))
            .collect();
        assert_eq!(weights[1], format!("{}:transposed", weights[0]));
        assert!(!weights[2].ends_with(":transposed"), "{weights:?}");
        let value = |name: &str| unshared.constant(name).unwrap().data;
        assert_eq!(value(weights[0]), [2.0]);
        assert_eq!(value(weights[1]), [2.0]);
    }
}
