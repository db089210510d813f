//! What lies behind a tensor, towards the picture: which rules the layers there have, and whether the sum over its channels is all that they need to know.
//!
//! A layer of the rule `flat` hands the same to all inputs of a window. So below the high level of `low=flat,pixels=flat` only sums over channels count, as long as no operator takes channels apart that
//! differ; residual sums and max pooling must share alike too (`add=half`, `pool=uniform`).

use std::collections::HashMap;

use crate::crp::composite::{AddRule, Composite, PoolRule};
use crate::crp::flow;
use crate::crp::layers::{LayerType, LayerTypes};
use crate::crp::rules::Rule;
use crate::error::Result;
use crate::onnx::ops::{
    Arithmetic, Convolution, Moving, Normalisation, Op, Passing, Pooling, axis_of,
};
use crate::onnx::{Graph, NodeExt, is_fully_connected, proto::NodeProto};

/// Of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    spread: bool,
    flat: bool,
    other: bool,
    /// Whether a layer of the high level, or of a head, is among them.
    pub has_high: bool,
    /// Whether the sum over its channels is enough, whatever they share of it.
    pub sum_is_enough: bool,
    /// Whether it is enough if all channels share alike.
    pub even_sum_is_enough: bool,
}

impl Behind {
    /// Whether all layers from here to the picture are one, of the rule `spread`.
    pub fn is_spread(self) -> bool {
        self.spread && !self.flat && !self.other
    }

    /// Whether all layers from here to the picture have the rule `flat`.
    pub fn is_flat(self) -> bool {
        self.flat && !self.spread && !self.other
    }
}

/// By tensor, for all that relevance of `heads` reaches.
///
/// # Errors
/// No picture.
pub(super) fn behind(
    graph: &Graph,
    types: &LayerTypes,
    composite: &Composite,
    heads: &[&str],
) -> Result<HashMap<String, Behind>> {
    let (image, [_, colours, _, _]) = graph.image_input()?;
    let picture = Behind {
        spread: false,
        flat: false,
        other: false,
        has_high: false,
        sum_is_enough: colours == 1,
        even_sum_is_enough: true,
    };
    let mut known = HashMap::from([(image.to_owned(), picture)]);
    for index in flow::passed(graph, heads.iter().copied()) {
        let node = &graph.nodes()[index];
        let output = node.first_output();
        let rule = types.get(output);
        let rule = rule.map(|&of| composite.rule_of(of, is_fully_connected(node)));
        let is_linear = flow::is_linear(node);
        let rule = rule.filter(|_| is_linear);
        let inputs: Vec<Behind> = flow::explained(graph, node)
            .unwrap_or_default()
            .iter()
            .filter_map(|&input| known.get(input).copied())
            .collect();
        let any = |of: fn(&Behind) -> bool| inputs.iter().any(of);
        let (sum_is_enough, even_sum_is_enough) = enough(graph, composite, node, &inputs);
        let found = Behind {
            spread: any(|i| i.spread) || rule == Some(Rule::Spread),
            flat: any(|i| i.flat) || rule == Some(Rule::Flat),
            other: any(|i| i.other)
                || rule.is_some_and(|rule| rule != Rule::Spread && rule != Rule::Flat),
            has_high: any(|i| i.has_high) || is_linear && is_high(types, output),
            sum_is_enough,
            even_sum_is_enough,
        };
        known.insert(output.to_owned(), found);
    }
    Ok(known)
}

/// By node, the last linear layer up to it that its output depends on, itself among them: between layer and activation may lie a residual sum. All in one walk, for a
/// search from each activation would take their number squared.
pub(super) fn layers_before(graph: &Graph, types: &LayerTypes) -> Vec<Option<usize>> {
    let mut last: Vec<Option<usize>> = Vec::with_capacity(graph.nodes().len());
    for (index, node) in graph.nodes().iter().enumerate() {
        let inputs = node.input.iter().filter_map(|input| graph.producer(input));
        let before = inputs.filter_map(|input| last[input]).max();
        let is_layer = types.contains_key(node.first_output());
        last.push(if is_layer { Some(index) } else { before });
    }
    last
}

/// Whether the layer that writes `tensor` is of the high level, or of a head.
pub(super) fn is_high(types: &LayerTypes, tensor: &str) -> bool {
    let low = [LayerType::Low, LayerType::Pixels];
    types.get(tensor).is_some_and(|of| !low.contains(of))
}

/// Whether a node's output needs to be known by its sum over the channels alone, any or an even one.
fn enough(
    graph: &Graph,
    composite: &Composite,
    node: &NodeProto,
    inputs: &[Behind],
) -> (bool, bool) {
    let sums = !inputs.is_empty() && inputs.iter().all(|i| i.sum_is_enough);
    let even = !inputs.is_empty() && inputs.iter().all(|i| i.even_sum_is_enough);
    let keeps_shape = || {
        let shape = graph.shape(node.first_output());
        let explained = flow::explained(graph, node).unwrap_or_default();
        explained
            .iter()
            .all(|input| match (graph.shape(input), &shape) {
                (Ok(input), Ok(output)) => input == *output,
                _ => false,
            })
    };
    match Op::of(node) {
        // Each output is made of all channels, and makes them alike.
        Op::Convolution(_) if node.int("group", 1) == 1 => (even, even),
        Op::Convolution(Convolution::Conv | Convolution::ConvTranspose) => (sums, even),
        Op::Resizing(_) if flow::is_linear(node) => (sums, even),
        // In the high level the winner takes all.
        Op::Pooling(Pooling::MaxPool)
            if composite.pool == PoolRule::Uniform && !inputs.iter().any(|i| i.has_high) =>
        {
            (sums, even)
        }
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum)
            if composite.add == AddRule::Equal && keeps_shape() =>
        {
            (sums, even)
        }
        Op::Activation(_)
        | Op::Normalisation(Normalisation::LpNormalization | Normalisation::LRN)
        | Op::Passing(Passing::Identity | Passing::Dropout)
        | Op::Arithmetic(Arithmetic::Mul | Arithmetic::Div)
            if keeps_shape() =>
        {
            (sums, even)
        }
        // What one part of the channels gets, the others need not get.
        Op::Moving(Moving::Slice) if slices_channels(graph, node) => (sums, sums),
        // Which branch a channel's relevance goes to is known where all have the same.
        Op::Moving(Moving::Concat) if joins_channels(graph, node) => (false, even),
        _ => (false, false),
    }
}

/// Whether a Slice keeps some channels, and all of each.
fn slices_channels(graph: &Graph, node: &NodeProto) -> bool {
    let map = |tensor: Option<&str>| graph.feature_map(tensor?).ok();
    let output = map(Some(node.first_output()));
    let input = map(node.input_at(0));
    (input.zip(output)).is_some_and(|(input, output)| input[2..] == output[2..])
}

/// Whether a Concat joins channels of maps that are all computed.
fn joins_channels(graph: &Graph, node: &NodeProto) -> bool {
    axis_of(node.int("axis", 0), 4) == Some(1)
        && graph.feature_map(node.first_output()).is_ok()
        && node
            .input
            .iter()
            .all(|input| graph.feature_map(input).is_ok())
        && node.input.iter().all(|input| !graph.is_constant(input))
}
