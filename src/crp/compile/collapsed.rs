//! Relevance below the high level of `low=flat,pixels=flat`, where sums over channels are all that counts ([`super::behind`]): each layer is passed in one channel, by windows of ones.

use super::compiler::{ChannelSum, Compiler};
use super::layer;
use super::linear::Linear;
use super::max_pool;
use crate::crp::flow;
use crate::crp::rules::{STABILISER, WeightPart};
use crate::error::Result;
use crate::error::model::Context;
use crate::onnx::ops::{Arithmetic, Moving, Op, Pooling};
use crate::onnx::{NodeExt, proto::NodeProto};

impl Compiler<'_> {
    /// Adds to what a tensor receives in sum.
    fn give_sum(&mut self, tensor: &str, sum: ChannelSum) {
        let sums = self.sums.entry(tensor.to_owned()).or_default();
        sums.push(sum);
    }

    /// All that a tensor received in sums, as one.
    pub fn take_sums(&mut self, tensor: &str) -> Option<ChannelSum> {
        let sums = self.sums.remove(tensor)?.into_iter();
        sums.reduce(|a, b| ChannelSum {
            relevance: (self.emitter).op(Arithmetic::Add, &[&a.relevance, &b.relevance], &[]),
            is_even: a.is_even && b.is_even,
        })
    }
}

/// Through `node`, whose output received `sum`.
///
/// # Errors
/// A layer whose window is not understood.
pub(super) fn propagate(compiler: &mut Compiler, node: &NodeProto, sum: ChannelSum) -> Result<()> {
    let graph = compiler.graph;
    match Op::of(node) {
        Op::Pooling(Pooling::MaxPool) => {
            let window = max_pool::uniform(graph, node)?;
            through(compiler, Box::new(window), &sum, sum.is_even);
        }
        operator if flow::is_linear(node) => {
            let mixes = matches!(operator, Op::Convolution(_)) && node.int("group", 1) == 1;
            let layer = layer::read(graph, node)?;
            through(compiler, layer, &sum, sum.is_even || mixes);
        }
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum) => {
            let each = 1.0 / node.input.len() as f32;
            for input in &node.input {
                give_part(compiler, input, &sum, each);
            }
        }
        Op::Moving(Moving::Slice) => {
            let input = node.input_at(0).context("it has no input")?;
            let is_even = false;
            compiler.give_sum(input, ChannelSum { is_even, ..sum });
        }
        Op::Moving(Moving::Concat) => {
            let [_, all, _, _] = graph.feature_map(node.first_output())?;
            for input in &node.input {
                let [_, channels, _, _] = graph.feature_map(input)?;
                give_part(compiler, input, &sum, channels as f32 / all as f32);
            }
        }
        _ => {
            let input = flow::explained(graph, node)?;
            let input = input.first().context("it has no input")?;
            compiler.give_sum(input, sum);
        }
    }
    Ok(())
}

fn give_part(compiler: &mut Compiler, input: &str, sum: &ChannelSum, part: f32) {
    let factor = compiler.emitter.scalar(part);
    let relevance = (compiler.emitter).op(Arithmetic::Mul, &[&sum.relevance, &factor], &[]);
    let is_even = sum.is_even;
    compiler.give_sum(input, ChannelSum { relevance, is_even });
}

/// r_i = Σ_j r_j / (inputs of j's window)
fn through(compiler: &mut Compiler, layer: Box<dyn Linear + '_>, sum: &ChannelSum, is_even: bool) {
    let input = layer.input().to_owned();
    let layer = layer.in_one_channel();
    let emitter = &mut compiler.emitter;
    let count = layer.forward_ones(emitter, WeightPart::One, Some(STABILISER));
    let each = emitter.op(Arithmetic::Div, &[&sum.relevance, &count], &[]);
    let relevance = layer.backward(emitter, &each, WeightPart::One);
    compiler.give_sum(&input, ChannelSum { relevance, is_even });
}
