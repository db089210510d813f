//! Derivatives by the pixels, for methods that relevance is compared with: the backward pass of the gradient, and DeepLIFT's, in which an activation's slope is
//! the difference quotient between the picture and a reference picture (rule Rescale of Shrikumar et al., *Learning Important Features Through Propagating
//! Activation Differences*, ICML 2017).
//!
//! A tensor's share is a coefficient without a base here.

use std::collections::HashMap;

use super::compiler::{Compiler, Propagation, RelevanceTerm};
use super::{layer, max_pool, route};
use crate::crp::composite::PoolRule;
use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};
use crate::onnx::ops::{
    Activation, Arithmetic, Comparison, Convolution, Moving, Op, Pooling, Reshaping, Resizing,
};
use crate::onnx::{NodeExt, proto::NodeProto};

/// The name of the input that takes the reference picture.
pub const REFERENCE_INPUT: &str = "reference";

/// Where z and its reference differ by less, the quotient is the gradient.
const NEAR: f32 = 1e-7;

/// Which derivative is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivative {
    /// ∂q/∂x
    Gradient,
    /// DeepLIFT's multipliers under Rescale; Σ multiplier·(x − reference) is q(x) − q(reference).
    Rescale,
}

/// A second copy of all that `heads` depend on, for the reference picture: the copy's tensor names by the model's.
pub(super) fn reference_pass(
    compiler: &mut Compiler,
    heads: &[&str],
) -> Result<HashMap<String, String>> {
    let graph = compiler.graph;
    let (image, [_, channels, height, width]) = graph.image_input()?;
    compiler
        .emitter
        .batch_input(REFERENCE_INPUT, &[channels, height, width]);
    let mut names = HashMap::from([(image.to_owned(), REFERENCE_INPUT.to_owned())]);
    for index in graph.ancestors(heads.iter().copied()) {
        let node = &graph.nodes()[index];
        for further in node.output.iter().skip(1) {
            ensure!(
                graph.consumers(further).is_empty(),
                "{} has the output '{further}' besides, which has no reference",
                node.describe()
            );
        }
        let inputs = node.input.iter();
        let inputs = inputs.map(|name| names.get(name).unwrap_or(name).clone());
        let copy = compiler.emitter.copy(node, inputs.collect());
        names.insert(node.first_output().to_owned(), copy);
    }
    Ok(names)
}

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
) -> Result<()> {
    let whole = |coefficient: String| RelevanceTerm {
        coefficient,
        base: None,
    };
    let rescales = matches!(compiler.propagation, Propagation::Derivative(Some(_)));
    match Op::of(node) {
        Op::Moving(
            Moving::Concat | Moving::Slice | Moving::Pad | Moving::Transpose | Moving::Gather,
        )
        | Op::Reshaping(
            Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
        ) => route::propagate(compiler, node, share)?,
        Op::Convolution(Convolution::Conv | Convolution::ConvTranspose)
        | Op::Resizing(Resizing::Resize) => {
            let layer = layer::read(compiler.graph, node)?;
            let back = layer.backward(&mut compiler.emitter, &share.coefficient, WeightPart::WHOLE);
            compiler.give(layer.input(), whole(back));
        }
        Op::Activation(Activation::Relu | Activation::Clip | Activation::LeakyRelu) => {
            let z = node.input_at(0).context("it has no input")?;
            let slope = slope(compiler, node, z)?;
            let back = compiler
                .emitter
                .op(Arithmetic::Mul, &[&share.coefficient, &slope], &[]);
            compiler.give(z, whole(back));
        }
        Op::Arithmetic(Arithmetic::Add) => {
            for index in 0..2 {
                let input = node
                    .input_at(index)
                    .context("it has less than two inputs")?;
                let shapes = [input, node.first_output()].map(|name| compiler.graph.shape(name));
                let [input_shape, output_shape] = shapes;
                if input_shape? != output_shape? {
                    bail!("only the sum of two feature maps of one shape is supported");
                }
                compiler.give(input, share.clone());
            }
        }
        Op::Pooling(Pooling::MaxPool) if !rescales => {
            max_pool::propagate(compiler, node, share, PoolRule::Winner)?;
        }
        _ => bail!("{} has no derivative here", node.describe()),
    }
    Ok(())
}

/// The activation's slope at z: the gradient, or the difference quotient.
fn slope(compiler: &mut Compiler, node: &NodeProto, z: &str) -> Result<String> {
    let gradient = gradient(compiler, node, z);
    let (before, after) = match &compiler.propagation {
        Propagation::Derivative(Some(reference)) => {
            let name = |tensor: &str| {
                let name = reference.get(tensor);
                name.cloned().context("it has no reference")
            };
            (name(z)?, name(node.first_output())?)
        }
        _ => return Ok(gradient),
    };
    let emitter = &mut compiler.emitter;
    let rise = emitter.op(Arithmetic::Sub, &[node.first_output(), &after], &[]);
    let run = emitter.op(Arithmetic::Sub, &[z, &before], &[]);
    let magnitude = emitter.op(Arithmetic::Abs, &[&run], &[]);
    let (near, one) = (emitter.scalar(NEAR), emitter.scalar(1.0));
    let is_near = emitter.op(Comparison::Less, &[&magnitude, &near], &[]);
    let run = emitter.op(Comparison::Where, &[&is_near, &one, &run], &[]);
    let quotient = emitter.op(Arithmetic::Div, &[&rise, &run], &[]);
    Ok(emitter.op(Comparison::Where, &[&is_near, &gradient, &quotient], &[]))
}

fn gradient(compiler: &mut Compiler, node: &NodeProto, z: &str) -> String {
    let emitter = &mut compiler.emitter;
    let (zero, one) = (emitter.scalar(0.0), emitter.scalar(1.0));
    if Op::of(node) != Activation::Clip {
        let outside = match Op::of(node) {
            Op::Activation(Activation::LeakyRelu) => emitter.scalar(node.float("alpha", 0.01)),
            _ => zero.clone(),
        };
        let rises = emitter.op(Comparison::Greater, &[z, &zero], &[]);
        return emitter.op(Comparison::Where, &[&rises, &one, &outside], &[]);
    }
    let bounds = [
        (1, Op::Comparison(Comparison::Greater)),
        (2, Op::Comparison(Comparison::Less)),
    ];
    let inside: Vec<String> = bounds
        .into_iter()
        .filter_map(|(index, operator)| Some((node.input_at(index)?, operator)))
        .map(|(bound, operator)| {
            let inside = emitter.op(operator, &[z, bound], &[]);
            emitter.op(Comparison::Where, &[&inside, &one, &zero], &[])
        })
        .collect();
    match &inside[..] {
        [] => one,
        [single] => single.clone(),
        [low, high, ..] => emitter.op(Arithmetic::Mul, &[low, high], &[]),
    }
}
