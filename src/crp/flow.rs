//! Which way relevance takes through a graph: of a node's inputs those that are explained, while weights, gates and norms are constants of the picture.

use crate::error::Result;
use crate::error::model::bail;
use crate::onnx::ops::{Arithmetic, Convolution, Matrix, Moving, Normalisation, Op, Resizing};
use crate::onnx::{Graph, LONGEST_PATTERN, NodeExt, gives_other_axes, proto::NodeProto};

/// Linear layers of a canonical graph: those that have a layer type and a rule. Resizing to the nearest pixel moves numbers and has none.
pub(super) fn is_linear(node: &NodeProto) -> bool {
    match Op::of(node) {
        Op::Convolution(Convolution::Conv | Convolution::ConvTranspose) => true,
        Op::Resizing(Resizing::Resize) => node.string("mode") == Some("linear"),
        _ => false,
    }
}

/// The inputs of `node` to which relevance flows.
///
/// # Errors
/// A product or quotient of two feature maps of which neither is known to be a gate or norm.
pub(super) fn explained<'a>(graph: &Graph, node: &'a NodeProto) -> Result<Vec<&'a str>> {
    let computed = graph.computed(node);
    match Op::of(node) {
        Op::Arithmetic(Arithmetic::Mul) => match computed[..] {
            [a, b] if a != b => Ok(vec![signal(graph, node, a, b)?]),
            _ => Ok(computed.into_iter().take(1).collect()),
        },
        Op::Arithmetic(Arithmetic::Div) => match computed[..] {
            [a, b] if !graph.is_norm(b) => bail!(
                "it divides '{a}' by '{b}', which is not understood: only division by a constant or by a norm (ReduceL2) is"
            ),
            _ => Ok(node.input_at(0).into_iter().collect()),
        },
        Op::Matrix(Matrix::MatMul) => match computed[..] {
            [a, b] => Ok(vec![attended(graph, a, b)?]),
            _ => Ok(computed),
        },
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum) | Op::Moving(Moving::Concat) => {
            Ok(computed)
        }
        _ => Ok(node.input_at(0).into_iter().collect()),
    }
}

/// Indices of the nodes that relevance put on `tensors` passes, ascending. Where it is not known which way it takes, it takes all.
pub(super) fn passed<'a>(graph: &Graph, tensors: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut passed = vec![false; graph.nodes().len()];
    let mut open: Vec<usize> = tensors
        .into_iter()
        .filter_map(|t| graph.producer(t))
        .collect();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut passed[index], true) {
            continue;
        }
        let node = &graph.nodes()[index];
        let all = || node.input.iter().map(String::as_str).collect();
        let inputs: Vec<&str> = explained(graph, node).unwrap_or_else(|_| all());
        open.extend(inputs.into_iter().filter_map(|input| graph.producer(input)));
    }
    (0..passed.len()).filter(|&index| passed[index]).collect()
}

/// Which factor of a·b is the signal, the other one being its gate: what comes from a sigmoid is a gate, one over a norm is, and so is what is made of the other factor by an activation
/// (x·σ(x), and the hard swish x·clip(x + 3)/6 of old exporters).
fn signal<'a>(graph: &Graph, node: &NodeProto, a: &'a str, b: &'a str) -> Result<&'a str> {
    let whole = graph.shape(node.first_output())?;
    let norms = [a, b].map(|factor| is_inverse_norm(graph, factor));
    // What is divided by its norm may come from a sigmoid itself.
    let gates = match norms {
        [false, false] => [a, b].map(|factor| is_gate(graph, factor)),
        norms => norms,
    };
    let found = match gates {
        [true, false] => b,
        [false, true] => a,
        _ if graph.is_elementwise_of(b, a) => a,
        _ if graph.is_elementwise_of(a, b) => b,
        _ => bail!(
            "it multiplies '{a}' and '{b}', neither or both of which come from a sigmoid or a norm: it is not known which one gates the other"
        ),
    };
    if graph.shape(found)? != whole {
        bail!(
            "the signal '{found}' is smaller than what gates it in {}",
            node.describe()
        );
    }
    Ok(found)
}

/// Which factor of a matrix product is the signal, the other one being what a softmax made.
fn attended<'a>(graph: &Graph, a: &'a str, b: &'a str) -> Result<&'a str> {
    match [a, b].map(|factor| is_attention(graph, factor)) {
        [true, false] => Ok(b),
        [false, true] => Ok(a),
        _ => bail!(
            "it multiplies the matrices '{a}' and '{b}', neither or both of which come from a softmax: it is not known which one weights the other"
        ),
    }
}

/// Whether a tensor comes straight from a softmax, but for constant factors and its axes.
fn is_attention(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    for _ in 0..LONGEST_PATTERN {
        let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
            return false;
        };
        let input = match Op::of(node) {
            Op::Normalisation(Normalisation::Softmax) => return true,
            Op::Arithmetic(Arithmetic::Mul | Arithmetic::Div) => graph.elementwise_source(node),
            Op::Passing(_) => node.input_at(0),
            _ if gives_other_axes(node) => node.input_at(0),
            _ => None,
        };
        let Some(input) = input else { return false };
        tensor = input;
    }
    false
}

/// Whether a tensor comes straight from a sigmoid, but for factors and its shape.
fn is_gate(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    for _ in 0..LONGEST_PATTERN {
        let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
            return false;
        };
        if Op::of(node).is_gate() {
            return true;
        }
        let input = match Op::of(node) {
            Op::Arithmetic(Arithmetic::Mul | Arithmetic::Div) => graph.elementwise_source(node),
            _ if gives_other_axes(node) => node.input_at(0),
            _ => None,
        };
        let Some(input) = input else { return false };
        tensor = input;
    }
    false
}

/// Whether a tensor is one over a norm, as TensorFlow has it, but for factors and its shape.
fn is_inverse_norm(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    for _ in 0..LONGEST_PATTERN {
        let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
            return false;
        };
        let input = |index| node.input_at(index);
        let inverse = match Op::of(node) {
            Op::Arithmetic(Arithmetic::Reciprocal) => {
                return input(0).is_some_and(|norm| graph.is_norm(norm));
            }
            Op::Arithmetic(Arithmetic::Div) => {
                return input(0).is_some_and(|name| graph.is_constant(name))
                    && input(1).is_some_and(|norm| graph.is_norm(norm));
            }
            // A learned scale may be joined with it.
            Op::Arithmetic(Arithmetic::Mul) => graph.elementwise_source(node),
            _ if gives_other_axes(node) => input(0),
            _ => return false,
        };
        let Some(inverse) = inverse else { return false };
        tensor = inverse;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::ops::{Activation, Reduction, Reshaping};
    use crate::onnx::{Attribute, Emitter, small_graph};

    /// What of the inputs of the last node relevance goes to, by the operators that make them; x has none.
    fn explained_of(build: impl FnOnce(&mut Emitter) -> String) -> Result<Vec<String>> {
        let graph = small_graph(build);
        let last = graph.nodes().last().unwrap();
        let operators = explained(&graph, last)?.into_iter().map(|input| {
            let producer = graph.producer(input);
            producer.map_or(String::new(), |index| graph.nodes()[index].operator())
        });
        Ok(operators.collect())
    }

    #[test]
    fn whatever_is_made_of_a_factor_element_by_element_gates_it() {
        // Behind a Concat, so that a summand has no convolution to join.
        for operator in [
            Arithmetic::Add,
            Arithmetic::Sub,
            Arithmetic::Mul,
            Arithmetic::Div,
            Arithmetic::Pow,
            Arithmetic::Min,
            Arithmetic::Max,
        ] {
            for outer in [
                Op::Activation(Activation::Clip),
                Activation::Tanh.into(),
                Activation::Elu.into(),
                Arithmetic::Sqrt.into(),
                Arithmetic::Exp.into(),
            ] {
                let found = explained_of(|e| {
                    let two = e.scalar(2.0);
                    let x = e.op(Moving::Concat, &["x", "x"], &[Attribute::Int("axis", 1)]);
                    let inner = e.op(operator, &[&x, &two], &[]);
                    let gate = e.op(outer, &[&inner], &[]);
                    e.op(Arithmetic::Mul, &[&gate, &x], &[])
                });
                assert_eq!(found.unwrap(), ["Concat"], "{operator:?} {outer:?}");
            }
        }
    }

    #[test]
    fn a_quotient_by_a_norm_is_understood_whatever_keeps_it_from_zero() {
        for keep in [Arithmetic::Add, Arithmetic::Max, Arithmetic::Div] {
            let found = explained_of(|e| {
                let (axes, epsilon) = (e.int64s(&[1]), e.scalar(1e-3));
                let keeps = [Attribute::Int("keepdims", 0)];
                let squares = e.op(Arithmetic::Mul, &["x", "x"], &[]);
                let sum = e.op(Reduction::ReduceSum, &[&squares, &axes], &keeps);
                // The axis is put back before the summand.
                let deeper = e.op(Reshaping::Unsqueeze, &[&sum, &axes], &[]);
                let kept = e.op(keep, &[&deeper, &epsilon], &[]);
                let norm = e.op(Arithmetic::Sqrt, &[&kept], &[]);
                let y = e.op(Activation::Relu, &["x"], &[]);
                e.op(Arithmetic::Div, &[&y, &norm], &[])
            });
            assert_eq!(found.unwrap(), ["Relu"], "{keep:?}");
        }
        let error = explained_of(|e| {
            let y = e.op(Activation::Relu, &["x"], &[]);
            e.op(Arithmetic::Div, &[&y, "x"], &[])
        });
        assert!(
            format!("{:#}", error.unwrap_err())
                .contains("only division by a constant or by a norm")
        );
    }
}
