//! Activations, gates and norms pass relevance through: what y receives, z receives.

use std::collections::HashSet;

use super::compiler::{Compiler, RelevanceTerm};
use super::form::RelevanceForm;
use crate::crp::flow;
use crate::crp::rules::STABILISER;
use crate::error::Result;
use crate::error::model::ensure;
use crate::onnx::ops::{
    Activation, Arithmetic, Convolution, Moving, Normalisation, Op, Pooling, Reshaping,
};
use crate::onnx::{Graph, NodeExt, Tensor, proto::NodeProto};

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
) -> Result<()> {
    for input in flow::explained(compiler.graph, node)? {
        compiler.give(input, share.clone());
    }
    Ok(())
}

/// Gates, norms and other factors that are constants of the picture: relevance goes on as it is. Where [`super::rescale`] goes on from it, what arrives as R = c ⊙ y or
/// R = m ⊙ Δy goes on as c ⊙ factor ⊙ x or m ⊙ factor ⊙ Δx.
pub(super) fn scale(compiler: &mut Compiler, node: &NodeProto, share: RelevanceTerm) -> Result<()> {
    let form = compiler.form(&share, node.first_output());
    if form == RelevanceForm::Plain || !compiler.rescales() {
        return propagate(compiler, node, share);
    }
    for x in flow::explained(compiler.graph, node)? {
        let other = node.input.iter().find(|input| *input != x);
        let scaled = match (Op::of(node), other) {
            (Op::Arithmetic(operator), Some(factor)) => Some((operator, factor.clone())),
            (Op::Normalisation(Normalisation::LRN), _) => {
                Some((Arithmetic::Div, response(compiler, node, x)?))
            }
            (Op::Normalisation(_), _) => Some((Arithmetic::Div, norm(compiler, node, x)?)),
            _ => None,
        };
        let arrived = compiler.whole(&share.coefficient);
        let back = match scaled {
            Some((operator, factor)) => compiler.emitter.op(operator, &[&arrived, &factor], &[]),
            None => arrived,
        };
        compiler.give_in(form, x, back);
    }
    Ok(())
}

/// What an LpNormalization over the channels divides x by, never 0.
fn norm(compiler: &mut Compiler, node: &NodeProto, x: &str) -> Result<String> {
    let [_, channels, _, _] = compiler.graph.feature_map(x)?;
    ensure!(
        matches!(node.int("axis", -1), 1 | -3),
        "rescale passes a norm over the channels only"
    );
    let emitter = &mut compiler.emitter;
    let is_l1 = node.int("p", 2) == 1;
    let part = match is_l1 {
        true => emitter.op(Arithmetic::Abs, &[x], &[]),
        false => emitter.op(Arithmetic::Mul, &[x, x], &[]),
    };
    // A convolution is the sum over channels that reads the same in every operator set.
    let ones = emitter.constant_with(&format!("ones:{channels}"), || Tensor {
        dims: vec![1, channels, 1, 1],
        data: vec![1.0; channels],
    });
    let sum = emitter.op(Convolution::Conv, &[&part, &ones], &[]);
    let norm = match is_l1 {
        true => sum,
        false => emitter.op(Arithmetic::Sqrt, &[&sum], &[]),
    };
    let stabiliser = emitter.scalar(STABILISER);
    Ok(emitter.op(Arithmetic::Max, &[&norm, &stabiliser], &[]))
}

/// What an LRN divides x by.
fn response(compiler: &mut Compiler, node: &NodeProto, x: &str) -> Result<String> {
    let [_, channels, _, _] = compiler.graph.feature_map(x)?;
    let size = usize::try_from(node.int("size", 0)).unwrap_or(0);
    ensure!(
        (1..=2 * channels).contains(&size),
        "its 'size' is {size}, and its input has {channels} channels"
    );
    let emitter = &mut compiler.emitter;
    let squares = emitter.op(Arithmetic::Mul, &[x, x], &[]);
    // The sum over channels around each, times alpha/size, is a convolution.
    let (before, after) = ((size - 1) / 2, size / 2);
    let weight = node.float("alpha", 1e-4) / size as f32;
    let sums = emitter.constant_with(&format!("around:{channels}:{size}:{weight}"), || {
        let is_near = |from: usize, to: usize| from + before >= to && from <= to + after;
        let weights = (0..channels * channels)
            .map(|index| is_near(index % channels, index / channels))
            .map(|near| if near { weight } else { 0.0 });
        Tensor {
            dims: vec![channels, channels, 1, 1],
            data: weights.collect(),
        }
    });
    let sum = emitter.op(Convolution::Conv, &[&squares, &sums], &[]);
    let bias = emitter.scalar(node.float("bias", 1.0));
    let kept = emitter.op(Arithmetic::Add, &[&sum, &bias], &[]);
    let beta = emitter.scalar(node.float("beta", 0.75));
    Ok(emitter.op(Arithmetic::Pow, &[&kept, &beta], &[]))
}

/// Whether a tensor can hold no negative number, judged by the operators that write it and those before.
pub(super) fn is_non_negative(graph: &Graph, tensor: &str) -> bool {
    let mut open = vec![tensor];
    let mut seen = HashSet::new();
    while let Some(tensor) = open.pop() {
        if !seen.insert(tensor) {
            continue;
        }
        let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
            return false;
        };
        match Op::of(node) {
            Op::Activation(Activation::Relu | Activation::Sigmoid | Activation::HardSigmoid)
            | Op::Normalisation(Normalisation::Softmax) => {}
            Op::Activation(Activation::Clip) => {
                let low = node.input_at(1).and_then(|low| graph.constant(low).ok());
                if low.is_none_or(|low| low.data.iter().any(|&value| value < 0.0)) {
                    return false;
                }
            }
            Op::Pooling(Pooling::MaxPool)
            | Op::Reshaping(
                Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
            )
            | Op::Moving(Moving::Transpose | Moving::Slice | Moving::Gather) => {
                open.push(node.input_at(0).unwrap_or_default());
            }
            Op::Moving(Moving::Concat) => open.extend(node.input.iter().map(String::as_str)),
            _ => return false,
        }
    }
    true
}

/// Whether y is an activation of z that is 0 for every z ≤ 0.
pub(super) fn rectifies(graph: &Graph, y: &str, z: &str) -> bool {
    let Some(node) = graph.producer(y).map(|index| &graph.nodes()[index]) else {
        return false;
    };
    let clips_at_zero = || {
        let low = node.input_at(1).and_then(|low| graph.constant(low).ok());
        low.is_some_and(|low| low.data.iter().all(|&value| value == 0.0))
    };
    node.input_at(0) == Some(z)
        && (Op::of(node) == Activation::Relu || Op::of(node) == Activation::Clip && clips_at_zero())
}
