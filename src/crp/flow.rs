//! Which way relevance takes through a graph: of a node's inputs those that are explained, while weights, gates and norms are constants of the picture.

use anyhow::{Result, bail};

use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// Linear layers of a canonical graph: those that have a layer type and a rule. Resizing to the nearest pixel moves numbers and has none.
pub(super) fn is_linear(node: &NodeProto) -> bool {
    match node.op() {
        "Conv" | "ConvTranspose" => true,
        "Resize" => node.string("mode") == Some("linear"),
        _ => false,
    }
}

/// The inputs of `node` to which relevance flows.
///
/// # Errors
/// A product or quotient of two feature maps of which neither is known to be a gate or norm.
pub(super) fn explained<'a>(graph: &Graph, node: &'a NodeProto) -> Result<Vec<&'a str>> {
    let computed = || {
        let inputs = node.input.iter().map(String::as_str);
        inputs.filter(|name| !name.is_empty() && !graph.is_constant(name))
    };
    match node.op() {
        "Mul" => match computed().collect::<Vec<_>>()[..] {
            [a, b] if a != b => Ok(vec![signal(graph, node, a, b)?]),
            _ => Ok(computed().take(1).collect()),
        },
        "Div" => match computed().collect::<Vec<_>>()[..] {
            [a, b] if !is_norm(graph, b) => bail!(
                "it divides '{a}' by '{b}', which is not understood: only division by a constant or by a norm (ReduceL2) is"
            ),
            _ => Ok(node.input_at(0).into_iter().collect()),
        },
        "Add" | "Sum" | "Concat" => Ok(computed().collect()),
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
        _ if follows(graph, b, a) => a,
        _ if follows(graph, a, b) => b,
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

/// Whether a tensor comes straight from a sigmoid, but for factors and its shape.
fn is_gate(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        match node.op() {
            "Sigmoid" | "HardSigmoid" | "Softmax" => return true,
            "Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Transpose" => {}
            "Mul" | "Div" if node.input_at(1).is_some_and(|name| graph.is_constant(name)) => {}
            _ => return false,
        }
        let Some(input) = node.input_at(0) else {
            return false;
        };
        tensor = input;
    }
    false
}

/// Whether a tensor is made of `source` by elementwise operations with constants alone.
fn follows(graph: &Graph, tensor: &str, source: &str) -> bool {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        let mut computed = node.input.iter().filter(|name| !graph.is_constant(name));
        let elementwise = matches!(
            node.op(),
            "Add"
                | "Mul"
                | "Div"
                | "Clip"
                | "Relu"
                | "Min"
                | "Max"
                | "Sigmoid"
                | "HardSigmoid"
                | "Tanh"
                | "Softplus"
        );
        let (Some(input), None, true) = (computed.next(), computed.next(), elementwise) else {
            return false;
        };
        if input == source {
            return true;
        }
        tensor = input;
    }
    false
}

/// Whether a tensor is one over a norm, as TensorFlow has it, but for factors and its shape.
fn is_inverse_norm(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        let input = |index| node.input_at(index);
        let inverse = match node.op() {
            "Reciprocal" => return input(0).is_some_and(|norm| is_norm(graph, norm)),
            "Div" => {
                return input(0).is_some_and(|name| graph.is_constant(name))
                    && input(1).is_some_and(|norm| is_norm(graph, norm));
            }
            // A learned scale may be joined with it.
            "Mul" => {
                let mut computed = node.input.iter().filter(|name| !graph.is_constant(name));
                let one = computed.next().filter(|_| computed.next().is_none());
                one.map(String::as_str)
            }
            "Reshape" | "Unsqueeze" | "Squeeze" | "Expand" | "Transpose" => input(0),
            _ => return false,
        };
        let Some(inverse) = inverse else { return false };
        tensor = inverse;
    }
    false
}

/// Whether a tensor is a norm of something: a sum or L2 norm along an axis, but for roots, bounds and its shape.
fn is_norm(graph: &Graph, tensor: &str) -> bool {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        match node.op() {
            "ReduceL2" | "ReduceSumSquare" | "ReduceSum" => return true,
            "Sqrt" | "Clip" | "Max" | "Add" | "Expand" | "Reshape" | "Unsqueeze" | "Mul"
            | "Pow" => {}
            _ => return false,
        }
        let computed = node.input.iter().find(|name| !graph.is_constant(name));
        let Some(input) = computed else { return false };
        tensor = input;
    }
    false
}
