//! Fully connected layers (Gemm, MatMul with a constant) become 1x1 convolutions.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Arithmetic, Convolution, Matrix, Moving, Op, Reshaping};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Attribute, Tensor};

/// Of the convolution that a layer becomes: its output's name is the layer's with this behind it.
const MAP: &str = ":map";

/// Whether a node was a fully connected layer in the file.
pub fn is_fully_connected(node: &NodeProto) -> bool {
    Op::of(node) == Convolution::Conv && node.first_output().ends_with(MAP)
}

/// y = Wᵀx + b with constant W and b.
struct Dense<'a> {
    input: &'a str,
    /// The last tensor that the layer makes: behind a MatMul and the Add of its bias, the sum.
    output: &'a str,
    /// `[outputs, inputs]`
    weight: Tensor,
    bias: Option<Tensor>,
}

/// Gemm `[1, F]`, and MatMul `[1, F]`, `[1, N, F]` or `[1, H, W, F]` with the Add of a bias behind it. The convolution's own output, `[1, outputs, rows, cols]`, is
/// called `NAME:map`, NAME being the layer's output.
pub(super) fn to_convolutions(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, this) in graph.nodes().iter().enumerate() {
        let (dense, bias_node) = match Op::of(this) {
            Op::Matrix(Matrix::Gemm) => (gemm(graph, this), None),
            Op::Matrix(Matrix::MatMul) => match mat_mul(graph, this) {
                Some((dense, bias_node)) => (Some(dense), bias_node),
                None => (None, None),
            },
            _ => (None, None),
        };
        let Some(dense) = dense else { continue };
        let Some(nodes) = convolution(graph, &mut rewrite, this, dense) else {
            continue;
        };
        rewrite.replace(index, nodes);
        if let Some(bias_node) = bias_node {
            rewrite.replace(bias_node, vec![]);
        }
    }
    Ok(rewrite.finish())
}

fn gemm<'a>(graph: &Graph, node: &'a NodeProto) -> Option<Dense<'a>> {
    let mut weight = matrix(graph, node.input_at(1)?, node.int("transB", 0) != 0)?;
    let alpha = node.float("alpha", 1.0);
    weight.data.iter_mut().for_each(|w| *w *= alpha);
    let bias = match node.input_at(2) {
        Some(name) => {
            let mut bias = graph.constant(name).ok()?;
            let beta = node.float("beta", 1.0);
            bias.data.iter_mut().for_each(|b| *b *= beta);
            Some(per_output(bias, weight.dims[0])?)
        }
        None => None,
    };
    (node.int("transA", 0) == 0).then_some(Dense {
        input: node.input_at(0)?,
        output: node.first_output(),
        weight,
        bias,
    })
}

/// The layer and the Add that it takes along.
fn mat_mul<'a>(graph: &'a Graph, node: &'a NodeProto) -> Option<(Dense<'a>, Option<usize>)> {
    let weight = matrix(graph, node.input_at(1)?, false)?;
    let mut dense = Dense {
        input: node.input_at(0)?,
        output: node.first_output(),
        weight,
        bias: None,
    };
    let consumers = graph.consumers(dense.output);
    let names_output = graph.outputs().any(|output| output == dense.output);
    if let ([index], false) = (consumers, names_output)
        && Op::of(&graph.nodes()[*index]) == Arithmetic::Add
    {
        let add = &graph.nodes()[*index];
        let summand = add.input.iter().find(|name| *name != dense.output)?;
        let bias = graph.constant(summand).ok();
        if let Some(bias) = bias.and_then(|bias| per_output(bias, dense.weight.dims[0])) {
            dense.bias = Some(bias);
            dense.output = add.first_output();
            return Some((dense, Some(*index)));
        }
    }
    Some((dense, None))
}

/// A constant matrix as `[outputs, inputs]`; it is stored so if `outputs_first`.
fn matrix(graph: &Graph, name: &str, outputs_first: bool) -> Option<Tensor> {
    let tensor = graph.constant(name).ok()?;
    let [rows, cols] = <[usize; 2]>::try_from(tensor.dims.as_slice()).ok()?;
    if outputs_first {
        return Some(tensor);
    }
    let view = ndarray::ArrayView2::from_shape((rows, cols), &tensor.data).ok()?;
    Some(Tensor {
        dims: vec![cols, rows],
        data: view.t().iter().copied().collect(),
    })
}

/// A bias with one number an output along the last axis, or one for all.
fn per_output(bias: Tensor, outputs: usize) -> Option<Tensor> {
    let data = match (bias.data.len(), bias.dims.last()) {
        (1, _) => vec![bias.data[0]; outputs],
        (count, Some(&last)) if count == outputs && last == outputs => bias.data,
        _ => return None,
    };
    Some(Tensor {
        dims: vec![outputs],
        data,
    })
}

fn convolution(
    graph: &Graph,
    rewrite: &mut Rewrite,
    this: &NodeProto,
    dense: Dense,
) -> Option<Vec<NodeProto>> {
    let shape = graph.shape(dense.input).ok()?.to_vec();
    let [outputs, inputs] = <[usize; 2]>::try_from(dense.weight.dims.as_slice()).ok()?;
    if shape.first() != Some(&1) || shape.last() != Some(&inputs) || outputs == 0 || inputs == 0 {
        return None;
    }
    let output = dense.output;
    let of = |what: &str| format!("{output}:{what}");
    let weight = Tensor {
        dims: vec![outputs, inputs, 1, 1],
        data: dense.weight.data,
    };
    let mut operands = vec![rewrite.constant(of("weight"), &weight)];
    if let Some(bias) = &dense.bias {
        operands.push(rewrite.constant(of("bias"), bias));
    }
    let map = format!("{output}{MAP}");
    let (before, mut nodes) = to_map(rewrite, dense.input, output, &shape)?;
    let mut convolution = node(Convolution::Conv, &[&before], &map, &[]);
    convolution.input.extend(operands);
    convolution.name = this.name.clone();
    nodes.push(convolution);
    nodes.extend(from_map(rewrite, &map, output, outputs, &shape));
    Some(nodes)
}

/// What a layer reads, `input` of `shape`, as a feature map with its channels first: the map's name and the nodes that make it.
fn to_map(
    rewrite: &mut Rewrite,
    input: &str,
    output: &str,
    shape: &[usize],
) -> Option<(String, Vec<NodeProto>)> {
    let of = |what: &str| format!("{output}:{what}");
    let turned = |perm: &[i64]| {
        let first = [Attribute::Ints("perm", perm)];
        node(Moving::Transpose, &[input], &of("channels_first"), &first)
    };
    let (source, mut nodes, sizes) = match *shape {
        [_, inputs] => (input.to_owned(), vec![], [1, inputs, 1, 1]),
        [_, rows, inputs] => {
            let nodes = vec![turned(&[0, 2, 1])];
            (of("channels_first"), nodes, [1, inputs, rows, 1])
        }
        [_, _, _, _] => return Some((of("channels_first"), vec![turned(&[0, 3, 1, 2])])),
        _ => return None,
    };
    let size = rewrite.int64s(of("sizes"), &sizes.map(|d| d as i64));
    nodes.push(node(
        Reshaping::Reshape,
        &[&source, &size],
        &of("reshaped"),
        &[],
    ));
    Some((of("reshaped"), nodes))
}

/// The way back from the convolution's map to `output`, whose axes are as many as those of `shape`.
fn from_map(
    rewrite: &mut Rewrite,
    map: &str,
    output: &str,
    outputs: usize,
    shape: &[usize],
) -> Vec<NodeProto> {
    let of = |what: &str| format!("{output}:{what}");
    match *shape {
        [_, _, _, _] => {
            let last = [Attribute::Ints("perm", &[0, 2, 3, 1])];
            vec![node(Moving::Transpose, &[map], output, &last)]
        }
        [_, rows, _] => {
            let size = rewrite.int64s(of("flat_sizes"), &[1, outputs as i64, rows as i64]);
            let last = [Attribute::Ints("perm", &[0, 2, 1])];
            vec![
                node(Reshaping::Reshape, &[map, &size], &of("flat"), &[]),
                node(Moving::Transpose, &[&of("flat")], output, &last),
            ]
        }
        _ => {
            let size = rewrite.int64s(of("flat_sizes"), &[1, outputs as i64]);
            vec![node(Reshaping::Reshape, &[map, &size], output, &[])]
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Arithmetic, Matrix, Reshaping};
    use crate::onnx::{Attribute, NodeExt, Tensor};

    #[test]
    fn a_matrix_product_takes_its_bias_along() {
        let graph = small_graph(|e| {
            let shape = e.int64s(&[1, 16]);
            let flat = e.op(Reshaping::Reshape, &["x", &shape], &[]);
            let weight = e.constant(
                "w",
                Tensor {
                    dims: vec![16, 2],
                    data: (0..32).map(|i| i as f32).collect(),
                },
            );
            let product = e.op(Matrix::MatMul, &[&flat, &weight], &[]);
            let bias = e.constant(
                "b",
                Tensor {
                    dims: vec![2],
                    data: vec![5.0, 6.0],
                },
            );
            e.op(Arithmetic::Add, &[&bias, &product], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Reshape", "Reshape", "Conv", "Reshape"]);
        let convolution = &graph.nodes()[2];
        let weight = graph.constant(&convolution.input[1]).unwrap();
        assert_eq!(weight.dims, [2, 16, 1, 1]);
        assert_eq!(weight.data[..3], [0.0, 2.0, 4.0]);
        assert_eq!(
            graph.constant(&convolution.input[2]).unwrap().data,
            [5.0, 6.0]
        );
    }

    #[test]
    fn gemm_counts_its_factors() {
        let graph = small_graph(|e| {
            let flat = e.op(Reshaping::Flatten, &["x"], &[]);
            let weight = e.constant(
                "w",
                Tensor {
                    dims: vec![3, 16],
                    data: vec![1.0; 48],
                },
            );
            e.op(
                Matrix::Gemm,
                &[&flat, &weight],
                &[Attribute::Int("transB", 1)],
            )
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Flatten", "Reshape", "Conv", "Reshape"]);
        let output = graph.outputs().next().unwrap();
        assert_eq!(graph.nodes()[2].first_output(), format!("{output}:map"));
        let dense: Vec<bool> = graph
            .nodes()
            .iter()
            .map(super::is_fully_connected)
            .collect();
        assert_eq!(dense, [false, false, true, false]);
    }
}
