//! Brings a graph into the one form that the compiler reads: constants as initialisers, no Identity or Dropout,
//! batch normalisation folded into its convolution.

use std::collections::HashMap;

use anyhow::{Result, ensure};

use super::Tensor;
use super::attributes::NodeExt;
use super::graph::{Graph, describe};
use super::proto::{GraphProto, NodeProto, OperatorSetIdProto};

pub(super) fn canonicalise(
    mut graph: GraphProto,
    opset_import: Vec<OperatorSetIdProto>,
    ir_version: i64,
) -> Result<Graph> {
    constants_to_initializers(&mut graph);
    drop_pass_through(&mut graph);
    let graph = Graph::new(graph, opset_import.clone(), ir_version)?;
    match fold_batch_normalisation(&graph)? {
        Some(folded) => Graph::new(folded, opset_import, ir_version),
        None => Ok(graph),
    }
}

fn constants_to_initializers(graph: &mut GraphProto) {
    let nodes = std::mem::take(&mut graph.node);
    for node in nodes {
        let value = node.attribute_named("value").and_then(|a| a.t.clone());
        match value {
            Some(mut tensor) if node.op() == "Constant" => {
                tensor.name = Some(node.first_output().to_owned());
                graph.initializer.push(tensor);
            }
            _ => graph.node.push(node),
        }
    }
}

/// Removes Identity and Dropout (at inference the identity) unless they name an output of the graph.
fn drop_pass_through(graph: &mut GraphProto) {
    let nodes = std::mem::take(&mut graph.node);
    let mut renamed: HashMap<String, String> = HashMap::new();
    for mut node in nodes {
        for input in &mut node.input {
            if let Some(source) = renamed.get(input) {
                input.clone_from(source);
            }
        }
        let names_output = graph.output.iter().any(|o| o.name() == node.first_output());
        match node.input_at(0) {
            Some(source) if matches!(node.op(), "Identity" | "Dropout") && !names_output => {
                renamed.insert(node.first_output().to_owned(), source.to_owned());
            }
            _ => graph.node.push(node),
        }
    }
}

/// `y = (W∗x + b − mean)·scale/√(var + ε) + shift` is again a convolution; only one that nothing else reads can be folded.
fn fold_batch_normalisation(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut nodes: Vec<Option<NodeProto>> = graph.nodes().iter().cloned().map(Some).collect();
    let mut made = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        if node.op() != "BatchNormalization" {
            continue;
        }
        let Some(source) = node.input_at(0).and_then(|t| graph.producer(t)) else {
            continue;
        };
        let convolution = &graph.nodes()[source];
        let shared = graph.consumers(convolution.first_output()).len() != 1
            || graph.outputs().any(|o| o == convolution.first_output());
        if convolution.op() != "Conv" || shared {
            continue;
        }
        let folded = fold(graph, convolution, node)?;
        let name = node.first_output();
        let [weight_name, bias_name] = [format!("{name}:weight"), format!("{name}:bias")];
        made.push(folded.0.to_proto(&weight_name));
        made.push(folded.1.to_proto(&bias_name));
        let input = convolution.input_at(0).unwrap_or_default().to_owned();
        nodes[source] = None;
        nodes[index] = Some(NodeProto {
            input: vec![input, weight_name, bias_name],
            output: vec![name.to_owned()],
            ..convolution.clone()
        });
    }
    if made.is_empty() {
        return Ok(None);
    }
    let mut proto = graph.to_proto();
    proto.node = nodes.into_iter().flatten().collect();
    proto.initializer.extend(made);
    Ok(Some(proto))
}

/// Weights and bias of the convolution that does both.
fn fold(graph: &Graph, convolution: &NodeProto, norm: &NodeProto) -> Result<(Tensor, Tensor)> {
    let operand =
        |node: &NodeProto, index: usize| graph.constant(node.input_at(index).unwrap_or_default());
    let mut weight = operand(convolution, 1)?;
    let channels = weight.dims.first().copied().unwrap_or(0);
    let bias = match convolution.input_at(2) {
        Some(name) => graph.constant(name)?.data,
        None => vec![0.0; channels],
    };
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|i| operand(norm, i));
    let [scale, shift, mean, variance] = [scale?.data, shift?.data, mean?.data, variance?.data];
    let lengths = [
        bias.len(),
        scale.len(),
        shift.len(),
        mean.len(),
        variance.len(),
    ];
    ensure!(
        channels > 0 && lengths.iter().all(|&len| len == channels),
        "{} has parameters of lengths {lengths:?} for {channels} channels",
        describe(norm)
    );
    let epsilon = norm.float("epsilon", 1e-5);
    let per_channel = weight.data.len() / channels;
    let mut folded_bias = Vec::with_capacity(channels);
    for channel in 0..channels {
        let factor = scale[channel] / (variance[channel] + epsilon).sqrt();
        for w in &mut weight.data[channel * per_channel..(channel + 1) * per_channel] {
            *w *= factor;
        }
        folded_bias.push((bias[channel] - mean[channel]) * factor + shift[channel]);
    }
    Ok((
        weight,
        Tensor {
            dims: vec![channels],
            data: folded_bias,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::emit::tests::small_graph;
    use super::*;

    #[test]
    fn batch_normalisation_becomes_part_of_the_convolution() {
        let graph = small_graph(|e| {
            let w = e.constant(
                "w",
                Tensor {
                    dims: vec![2, 1, 1, 1],
                    data: vec![2.0, 3.0],
                },
            );
            let x = e.op("Conv", &["x", &w], &[]);
            let of = |data: [f32; 2]| Tensor {
                dims: vec![2],
                data: data.to_vec(),
            };
            let scale = e.constant("scale", of([4.0, 1.0]));
            let shift = e.constant("shift", of([1.0, -1.0]));
            let mean = e.constant("mean", of([0.5, 2.0]));
            let variance = e.constant("variance", of([4.0 - 1e-5, 1.0 - 1e-5]));
            let y = e.op(
                "BatchNormalization",
                &[&x, &scale, &shift, &mean, &variance],
                &[],
            );
            e.op("Relu", &[&y], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op()).collect();
        assert_eq!(operators, ["Conv", "Relu"]);
        let convolution = &graph.nodes()[0];
        let weight = graph.constant(&convolution.input[1]).unwrap();
        let bias = graph.constant(&convolution.input[2]).unwrap();
        for (got, want) in weight
            .data
            .iter()
            .chain(&bias.data)
            .zip([4.0, 3.0, 0.0, -3.0])
        {
            assert!((got - want).abs() < 1e-6, "{got} instead of {want}");
        }
    }

    #[test]
    fn identity_and_dropout_disappear_but_an_output_keeps_its_name() {
        let graph = small_graph(|e| {
            let a = e.op("Identity", &["x"], &[]);
            let b = e.op("Dropout", &[&a], &[]);
            let c = e.op("Relu", &[&b], &[]);
            e.op("Identity", &[&c], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op()).collect();
        assert_eq!(operators, ["Relu", "Identity"]);
        assert_eq!(graph.nodes()[0].input, ["x"]);
    }
}
