//! Brings a graph into the one form that the compiler reads: constants as initialisers, pictures and feature maps with their channels first, every layer that
//! multiplies by constant weights a convolution where it can be one.
//!
//! In: the graph of a file. Out: a [`Graph`] that computes the same tensors under the same names, apart from those that only lie between two nodes made into one.

mod affine;
mod areas;
mod average;
mod channels_first;
mod constants;
mod dense;
mod gates;
mod gathers;
mod older;
mod pads;
mod resizes;
pub(super) mod rewrite;
mod slices;

use std::collections::{HashMap, HashSet};

pub(crate) use dense::is_fully_connected;

use super::attributes::NodeExt;
use super::graph::Graph;
use super::inner;
use super::ops::{Convolution, Op, Passing, Pooling, refusal};
use super::proto::{GraphProto, OperatorSetIdProto, TensorProto};
use crate::error::Result;
use crate::error::model::ensure;

/// A step: the graph anew, or `None` where it found nothing to do. It is taken until it finds nothing more.
type Step = fn(&Graph) -> Result<Option<GraphProto>>;

/// In this order: what a later step looks at, an earlier one may have made.
const STEPS: [Step; 13] = [
    older::settle,
    resizes::write_sizes,
    channels_first::take_pictures_channels_first,
    channels_first::join_transposes,
    slices::split_into_slices,
    gathers::settle,
    areas::keep_the_batch,
    pads::write_out,
    pads::join_convolutions,
    dense::to_convolutions,
    // Averages later: what is constant for a channel belongs to a convolution of the file.
    affine::join_convolutions,
    average::to_convolutions,
    gates::write_out,
];

pub(super) fn canonicalise(
    mut graph: GraphProto,
    opset_import: Vec<OperatorSetIdProto>,
) -> Result<Graph> {
    constants::to_initializers(&mut graph)?;
    drop_pass_through(&mut graph);
    let new = |graph| Graph::new(graph, opset_import.clone());
    let mut graph = new(graph)?;
    // Folding one constant may make the shape known that another one is computed from.
    while let Some(folded) = constants::fold(&graph)? {
        graph = new(folded)?;
    }
    for step in STEPS {
        while let Some(changed) = step(&graph)? {
            graph = new(changed)?;
        }
    }
    windows_fit(&graph)?;
    Ok(graph)
}

/// Refuses windows that do not fit what they read: ONNX Runtime takes them, and says that their outputs have sizes below 0.
fn windows_fit(graph: &Graph) -> Result<()> {
    for node in graph.nodes() {
        let weights = match Op::of(node) {
            Op::Convolution(Convolution::Conv | Convolution::ConvTranspose) => {
                node.input_at(1).and_then(|name| graph.shape(name).ok())
            }
            Op::Pooling(Pooling::MaxPool | Pooling::AveragePool) => None,
            _ => continue,
        };
        if let (Some(weights), Some(kernel)) = (weights, node.ints("kernel_shape")) {
            let stored = weights.iter().skip(2).map(|&size| size as i64);
            ensure!(
                stored.eq(kernel.iter().copied()),
                "{} has the kernel_shape {kernel:?}, and weights of the shape {weights:?}",
                node.describe()
            );
        }
        let input = node.input_at(0).and_then(|name| graph.shape(name).ok());
        let is_known =
            input.is_some() && (weights.is_some() || matches!(Op::of(node), Op::Pooling(_)));
        ensure!(
            !is_known || Op::of(node) == Convolution::ConvTranspose || graph.infers(node),
            "{} has a kernel, strides or pads that do not fit its input {:?}",
            node.describe(),
            input.unwrap_or_default()
        );
    }
    Ok(())
}

/// Removes Identity and Dropout (at inference the identity) unless they name an output of the graph, or have more to say.
fn drop_pass_through(graph: &mut GraphProto) {
    let nodes = std::mem::take(&mut graph.node);
    let read: HashSet<String> = (nodes.iter().flat_map(inner::reads))
        .map(str::to_owned)
        .collect();
    let outputs: HashSet<&str> = graph.output.iter().map(|output| output.name()).collect();
    let constants: HashMap<&str, &TensorProto> = (graph.initializer.iter())
        .map(|tensor| (tensor.name(), tensor))
        .collect();
    let mut renamed: HashMap<String, String> = HashMap::new();
    for mut node in nodes {
        inner::rename(&mut node, &|name| renamed.get(name).cloned());
        let names_output = |name: &str| outputs.contains(name);
        let constant = |name: &str| constants.get(name).copied();
        let passes = || {
            let mut more = node.output.iter().skip(1);
            matches!(
                Op::of(&node),
                Op::Passing(Passing::Identity | Passing::Dropout)
            ) && !names_output(node.first_output())
                && !more.any(|name| read.contains(name) || names_output(name))
                && refusal(&node, constant).is_none()
        };
        match node.input_at(0) {
            Some(source) if passes() => {
                renamed.insert(node.first_output().to_owned(), source.to_owned());
            }
            _ => graph.node.push(node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::emit::tests::small_graph;
    use crate::onnx::ops::{Activation, Passing};

    #[test]
    fn identity_and_dropout_disappear_but_an_output_keeps_its_name() {
        let graph = small_graph(|e| {
            let a = e.op(Passing::Identity, &["x"], &[]);
            let b = e.op(Passing::Dropout, &[&a], &[]);
            let c = e.op(Activation::Relu, &[&b], &[]);
            e.op(Passing::Identity, &[&c], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Relu", "Identity"]);
        assert_eq!(graph.nodes()[0].input, ["x"]);
    }
}
