//! The compiler: turns a network and a composite into a second network that computes relevance, out of standard ONNX operators.
//!
//! In: a [`Graph`], the type of each linear layer, a [`Composite`] and the head tensors at which relevance may enter. Out: a model file whose inputs are the
//! picture and one seed per head tensor, and whose output is the relevance of the pixels. It walks the graph backwards from the head tensors, one function a
//! family of operators; of boxes and classes it knows nothing.

mod activation;
mod add;
mod attention;
mod behind;
mod collapsed;
mod compiler;
mod convolution;
mod derivative;
mod form;
mod gather;
mod interpolation;
mod kernel;
mod layer;
mod linear;
mod linear_rule;
mod max_pool;
mod operators;
mod receptive_field;
mod rescale;
mod route;
mod spread;
mod transposed;
mod window;

use std::collections::HashMap;

pub use derivative::{Derivative, REFERENCE_INPUT};
pub use operators::operators;
pub(super) use window::CELLS;

use compiler::{ChannelSum, Compiler, Propagation, RelevanceTerm};

use form::RelevanceForm;

use super::composite::{Composite, PoolRule};
use super::flow;
use super::layers::LayerTypes;
use super::rules::Redistribution;
use super::target::Seed;
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};
use crate::onnx::ops::{
    Arithmetic, Matrix, Moving, Normalisation, Op, Passing, Pooling, Reshaping, Resizing,
};
use crate::onnx::{Emitter, Graph, ModelForm, NodeExt, is_fully_connected, proto::NodeProto};

/// ONNX's number for float32.
const FLOAT: i64 = crate::onnx::proto::tensor_proto::DataType::Float as i64;

impl GraphForm {
    /// The CPU by this program, on the picture alone.
    pub fn own() -> Self {
        Self {
            is_own: true,
            hands_over: false,
            at_cells: false,
        }
    }
}

/// A network that computes relevance.
#[derive(Clone, Debug)]
pub struct ExplanationGraph {
    /// The ONNX file. Inputs: the picture, under the model's own name, and [`seed_name`] of each head tensor, `[N, C, H, W]`.
    /// Outputs: `relevance`, `[N, channels, H, W]` at the picture's size, then `relevance_name` of each watched tensor, `[N, C, H, W]`.
    pub model: Vec<u8>,
    /// What it reads besides the seeds: the picture, and tensors of the model that are handed over ([`GraphForm::hands_over`]).
    pub reads: Vec<String>,
}

/// How what is compiled will be run.
#[derive(Clone, Copy, Debug, Default)]
pub struct GraphForm {
    /// Whether the detector's forward pass hands over what the explanation reads of it, at the high level and where that begins. What lies below is large, and faster to compute again.
    pub hands_over: bool,
    /// Whether relevance enters at one cell a target: then the seed is that cell's, `[N, C, 1, 1]`, and a further input, `cells` `[N, 2]`, says which one it is. Nothing can be watched.
    pub at_cells: bool,
    /// Whether it is the CPU, by this program: chains of elementwise nodes are one then.
    pub is_own: bool,
}

/// The name of the input that takes the relevance put on a head tensor.
pub fn seed_name(tensor: &str) -> String {
    format!("seed:{tensor}")
}

/// The name of the output that holds the values of a feature map, `[1, C, H, W]`.
const FEATURES: &str = "features";

/// The name of the output that holds the relevance of a watched tensor.
pub(super) fn relevance_name(tensor: &str) -> String {
    format!("relevance:{tensor}")
}

/// Compiles the relevance graph for seeds at `heads`; by default for anyone who runs ONNX, on the picture alone. `watched` names feature maps whose relevance is an output too, beside that of the pixels.
///
/// # Errors
/// An operator on the path that is not supported, named with its node; a tensor of unknown shape; a head that does not depend on the picture; a watched tensor
/// that no relevance passes.
pub fn compile(
    graph: &Graph,
    types: &LayerTypes,
    composite: &Composite,
    heads: &[&str],
    watched: &[&str],
    form: GraphForm,
) -> Result<ExplanationGraph> {
    let propagation = Propagation::Relevance { types, composite };
    Compiler::new(graph, propagation).compile(heads, watched, form)
}

/// The tensors of the model that explanations at `heads` read where they are [handed over](GraphForm::hands_over), the picture among them if they need it.
///
/// # Errors
/// As [`compile`].
pub(super) fn reads(
    graph: &Graph,
    types: &LayerTypes,
    composite: &Composite,
    heads: &[&str],
) -> Result<Vec<String>> {
    let propagation = Propagation::Relevance { types, composite };
    let mut compiler = Compiler::new(graph, propagation);
    compiler.emitter = Emitter::draft();
    compiler.seeds_are_multiples = composite.seed == Seed::Score;
    let outputs = compiler.walk(heads, &[], false)?;
    let emitter = std::mem::take(&mut compiler.emitter);
    Ok(emitter.reads(graph, &outputs, &|tensor| compiler.is_high(tensor)))
}

/// The same for one head and a form, and, where the composite starts with the score, for seeds that are multiples of the head's outputs: R = seed ⊙ z, where z is what the compiled network itself computes. A forward pass by another network
/// rounds otherwise, and R = a·z of that one, divided by this one's z, is not a where z is all but 0: of some ninety class scores one often is.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_for(
    graph: &Graph,
    types: &LayerTypes,
    composite: &Composite,
    head: &str,
    watched: &[&str],
    form: GraphForm,
) -> Result<ExplanationGraph> {
    let propagation = Propagation::Relevance { types, composite };
    let mut compiler = Compiler::new(graph, propagation);
    compiler.seeds_are_multiples = composite.seed == Seed::Score;
    compiler.compile(&[head], watched, form)
}

/// Compiles the backward pass for weights of outputs at `heads`: what comes out in place of the relevance is the derivative by each pixel, not multiplied by the picture.
/// For [`Derivative::Rescale`] the model has the input [`REFERENCE_INPUT`] too, `[1, channels, H, W]`.
///
/// # Errors
/// As [`compile`]; an operator that has no such derivative.
pub fn compile_derivative(
    graph: &Graph,
    derivative: Derivative,
    heads: &[&str],
) -> Result<ExplanationGraph> {
    let mut compiler = Compiler::new(graph, Propagation::Derivative(None));
    if derivative == Derivative::Rescale {
        let reference = derivative::reference_pass(&mut compiler, heads)?;
        compiler.propagation = Propagation::Derivative(Some(reference));
    }
    compiler.compile(heads, &[], GraphForm::default())
}

/// Compiles the gradient of weighted outputs at `head` by a feature map on the way to the picture. What comes out as `relevance` is the derivative by each value of the map, and behind it
/// come these values, as `features`; nothing below is passed.
///
/// # Errors
/// As [`compile_derivative`]; a map that `head` does not depend on.
pub fn compile_feature_gradient(
    graph: &Graph,
    feature_map: &str,
    head: &str,
) -> Result<ExplanationGraph> {
    let mut compiler = Compiler::new(graph, Propagation::Derivative(None));
    compiler.until = Some(feature_map.to_owned());
    compiler.compile(&[head], &[], GraphForm::default())
}

/// Whether relevance R = m ⊙ Δ has another sum over the channels behind an operator than before it.
fn changes_distances(operator: Op) -> bool {
    matches!(
        operator,
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum | Arithmetic::Mul | Arithmetic::Div)
            | Op::Normalisation(Normalisation::LpNormalization)
    )
}

impl Compiler<'_> {
    /// Walks from `heads` to the picture, and writes what was found.
    fn compile(
        mut self,
        heads: &[&str],
        watched: &[&str],
        form: GraphForm,
    ) -> Result<ExplanationGraph> {
        self.has_own_operators = form.is_own;
        if form.at_cells {
            self.emitter.batch_input(CELLS, &[2]);
        }
        let outputs = self.walk(heads, watched, form.at_cells)?;
        let emitter = std::mem::take(&mut self.emitter);
        let written = ModelForm {
            hands_over: &|tensor| form.hands_over && self.is_high(tensor),
            is_fused: form.is_own,
            keeps_inputs: !form.hands_over,
        };
        let emitted = emitter.finish(self.graph, &outputs, written)?;
        Ok(ExplanationGraph {
            model: emitted.model,
            reads: emitted.reads,
        })
    }

    /// Whether a tensor is behind a layer of the high level, or read by one.
    fn is_high(&self, tensor: &str) -> bool {
        let Propagation::Relevance { types, .. } = &self.propagation else {
            return false;
        };
        let is_behind = self
            .behind
            .get(tensor)
            .is_some_and(|behind| behind.has_high);
        let mut readers = self.graph.consumers(tensor).iter();
        is_behind
            || readers
                .any(|&reader| behind::is_high(types, self.graph.nodes()[reader].first_output()))
    }

    /// Emits all that leads from `heads` to the picture. The outputs are the tensors, their names, and their sizes behind the batch.
    fn walk(
        &mut self,
        heads: &[&str],
        watched: &[&str],
        at_cells: bool,
    ) -> Result<Vec<(String, String, Vec<usize>)>> {
        ensure!(!heads.is_empty(), "no head tensor to explain");
        let graph = self.graph;
        let (image, [_, channels, height, width]) = graph.image_input()?;
        for head in heads {
            let [_, c, h, w] = graph.feature_map(head)?;
            let seed = seed_name(head);
            if at_cells {
                self.emitter.batch_input(&seed, &[c, 1, 1]);
                self.enter_at_cell(&seed, [h, w]);
            } else {
                self.emitter.batch_input(&seed, &[c, h, w]);
            }
            self.give(
                head,
                RelevanceTerm {
                    coefficient: seed,
                    base: self.seeds_are_multiples.then(|| (*head).to_owned()),
                },
            );
        }
        self.look_behind(heads)?;
        let mut seen = HashMap::new();
        for index in flow::passed(graph, heads.iter().copied()).into_iter().rev() {
            let node = &graph.nodes()[index];
            let tensor = node.first_output();
            self.check_single(node)?;
            let shares = self.take(tensor);
            if self.until.as_deref() == Some(tensor) {
                return self.at_features(tensor, shares);
            }
            let sum = self.take_sums(tensor);
            if shares.is_empty() && sum.is_none() {
                continue;
            }
            let within = || format!("relevance cannot pass {}", node.describe());
            let left = self.shortcut(node, shares, sum, watched);
            let Some(shares) = left.with_context(within)? else {
                continue;
            };
            graph.check(node)?;
            if watched.contains(&tensor) {
                let sum = self.sum(shares.clone());
                seen.insert(tensor, self.materialise(&sum));
            }
            self.propagate(node, shares).with_context(within)?;
        }
        let mut shares = self.take(image);
        if let Some(sum) = self.take_sums(image) {
            shares.push(self.each_channel(&sum, channels));
        }
        ensure!(
            !shares.is_empty(),
            "none of {heads:?} depends on the picture '{image}'"
        );
        let share = self.sum(shares);
        let relevance = self.materialise(&share);
        let relevance = self.whole(&relevance);
        let mut outputs = vec![(
            relevance,
            "relevance".to_owned(),
            vec![channels, height, width],
        )];
        for tensor in watched {
            let relevance = seen
                .remove(tensor)
                .with_context(|| format!("no relevance passes '{tensor}'"))?;
            let [_, c, h, w] = graph.feature_map(tensor)?;
            outputs.push((relevance, relevance_name(tensor), vec![c, h, w]));
        }
        Ok(outputs)
    }

    /// Fails where anything came to another output of a node than its first.
    fn check_single(&mut self, node: &NodeProto) -> Result<()> {
        for further in node.output.iter().skip(1) {
            ensure!(
                self.take(further).is_empty(),
                "relevance cannot pass {}: it comes to the output '{further}', and '{}' alone is explained",
                node.describe(),
                node.first_output()
            );
        }
        Ok(())
    }

    /// The outputs of a derivative that ends at a feature map: all that reads it lies behind it, and has been passed.
    fn at_features(
        &mut self,
        tensor: &str,
        shares: Vec<RelevanceTerm>,
    ) -> Result<Vec<(String, String, Vec<usize>)>> {
        ensure!(
            !shares.is_empty(),
            "the outputs do not depend on the feature map '{tensor}'"
        );
        let sum = self.sum(shares);
        let derivative = self.materialise(&sum);
        let features = self.emitter.op(Passing::Identity, &[tensor], &[]);
        let [_, c, h, w] = self.graph.feature_map(tensor)?;
        let output = |tensor: String, name: &str| (tensor, name.to_owned(), vec![c, h, w]);
        Ok(vec![
            output(derivative, "relevance"),
            output(features, FEATURES),
        ])
    }

    /// Passes relevance on where the sum over the channels is all that counts behind the node's output; elsewhere it returns all that arrived.
    fn shortcut(
        &mut self,
        node: &NodeProto,
        mut shares: Vec<RelevanceTerm>,
        sum: Option<ChannelSum>,
        watched: &[&str],
    ) -> Result<Option<Vec<RelevanceTerm>>> {
        let tensor = node.first_output();
        let Some(&behind) = self.behind.get(tensor) else {
            return Ok(Some(shares));
        };
        // What has one cell is no map to lay over the picture: it may be what a map was flattened to.
        let is_map = matches!(self.graph.feature_map(tensor), Ok([_, _, h, w]) if h * w > 1);
        if behind.is_spread() && (is_map || flow::is_linear(node)) {
            spread::propagate(self, tensor, shares)?;
            return Ok(None);
        }
        let is_even = shares.is_empty() && sum.as_ref().is_none_or(|sum| sum.is_even);
        let is_enough = behind.sum_is_enough || is_even && behind.even_sum_is_enough;
        // What is watched is wanted channel by channel.
        let collapses = watched.is_empty() && (behind.is_flat() || sum.is_some()) && is_enough;
        if !collapses {
            if let Some(sum) = sum {
                let [_, channels, _, _] = self.graph.feature_map(tensor)?;
                shares.push(self.each_channel(&sum, channels));
            }
            return Ok(Some(shares));
        }
        // What arrived as m ⊙ Δ is another sum behind a gate or a residual sum.
        let is_changed = changes_distances(Op::of(node))
            && (shares.iter()).any(|share| self.form(share, tensor) == RelevanceForm::OfDistance);
        if is_changed {
            if let Some(sum) = sum {
                collapsed::propagate(self, node, sum)?;
            }
            return Ok(Some(shares));
        }
        let mut relevance = sum.map(|sum| sum.relevance);
        if !shares.is_empty() {
            let arrived = self.channel_sum(tensor, shares)?;
            relevance = Some(match relevance {
                Some(sum) => self.emitter.op(Arithmetic::Add, &[&sum, &arrived], &[]),
                None => arrived,
            });
        }
        if let Some(relevance) = relevance {
            self.graph.check(node)?;
            collapsed::propagate(self, node, ChannelSum { relevance, is_even })?;
        }
        Ok(None)
    }

    /// An even sum, channel by channel.
    fn each_channel(&mut self, sum: &ChannelSum, channels: usize) -> RelevanceTerm {
        RelevanceTerm {
            coefficient: self.over_channels(&sum.relevance, channels),
            base: None,
        }
    }

    fn propagate(&mut self, node: &NodeProto, shares: Vec<RelevanceTerm>) -> Result<()> {
        let (types, composite) = match &self.propagation {
            Propagation::Relevance { types, composite } => (*types, *composite),
            Propagation::Derivative(_) => {
                let share = self.sum(shares);
                return derivative::propagate(self, node, share);
            }
        };
        if flow::is_linear(node) {
            let layer_type = types
                .get(node.first_output())
                .context("it has no layer type")?;
            return match composite.redistribution(*layer_type, is_fully_connected(node)) {
                Redistribution::Shares(groups) => {
                    let share = self.sum(shares);
                    linear_rule::propagate(self, node, share, groups)
                }
                Redistribution::Slopes(_) => rescale::layer(self, node, &shares),
                Redistribution::AsOne => bail!(
                    "it has the rule spread, but behind it lies a layer of another rule: spread goes to the pixels"
                ),
            };
        }
        if let Op::Activation(_) = Op::of(node)
            && let Some(tolerance) = self.tolerance(node, types, composite)
        {
            return rescale::activation(self, node, &shares, tolerance);
        }
        for share in shares {
            self.pass(node, share, composite)?;
        }
        Ok(())
    }

    /// How max pooling shares: as the composite says below the high level. Above, where relevance may be m ⊙ Δ, there is nothing that all of a window could share, and the winner takes all.
    fn pool_rule(&self, node: &NodeProto, composite: &Composite) -> PoolRule {
        let behind = self.behind.get(node.first_output());
        match behind.is_some_and(|behind| behind.has_high) {
            true => PoolRule::Winner,
            false => composite.pool,
        }
    }

    /// Through what has no rule of its own.
    fn pass(
        &mut self,
        node: &NodeProto,
        share: RelevanceTerm,
        composite: &Composite,
    ) -> Result<()> {
        match Op::of(node) {
            Op::Activation(_) => activation::propagate(self, node, share),
            Op::Normalisation(Normalisation::LpNormalization | Normalisation::LRN)
            | Op::Passing(Passing::Identity | Passing::Dropout)
            | Op::Arithmetic(Arithmetic::Mul | Arithmetic::Div) => {
                activation::scale(self, node, share)
            }
            // From another type of numbers there is no way back.
            Op::Passing(Passing::Cast) if node.int("to", 0) == FLOAT => {
                activation::scale(self, node, share)
            }
            Op::Moving(
                Moving::Concat | Moving::Slice | Moving::Pad | Moving::Transpose | Moving::Gather,
            )
            | Op::Reshaping(
                Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
            )
            | Op::Resizing(Resizing::Resize) => route::propagate(self, node, share),
            Op::Pooling(Pooling::MaxPool) => {
                let rule = self.pool_rule(node, composite);
                max_pool::propagate(self, node, share, rule)
            }
            Op::Arithmetic(Arithmetic::Add | Arithmetic::Sum) => {
                add::propagate(self, node, share, composite.add)
            }
            Op::Matrix(Matrix::MatMul) if self.graph.computed(node).len() == 2 => {
                attention::propagate(self, node, share)
            }
            Op::Quantisation(_) => bail!(
                "what it reads of the picture is rounded to few bits, and relevance passes no rounding: export the model without quantisation"
            ),
            Op::Matrix(Matrix::Gemm) if node.int("transA", 0) != 0 => bail!(
                "it transposes what it reads (transA): export with transA = 0 and a Transpose before it"
            ),
            _ => bail!(
                "the operator {} is not supported on the way from a head to the picture; supported: {}",
                node.operator(),
                operators::supported()
            ),
        }
    }
}
