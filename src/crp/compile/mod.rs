//! The compiler: turns a network and a composite into a second network that computes relevance, out of standard ONNX operators.
//!
//! In: a [`Graph`], the type of each linear layer, a [`Composite`] and the head tensors at which relevance may enter. Out: a model file whose inputs are the
//! picture and one seed per head tensor, and whose output is the relevance of the pixels. It walks the graph backwards from the head tensors, one function a
//! family of operators; of boxes and classes it knows nothing.
//!
//! Relevance travels as a product, R = coefficient ⊙ base, where base is a tensor of the forward pass (one picture) and the coefficient has one entry for each of
//! the N targets. So whatever depends on the picture alone, every denominator above all, is computed once for all targets, and activations cost nothing.

mod activation;
mod add;
mod convolution;
mod derivative;
mod form;
mod interpolation;
mod kernel;
mod layer;
mod linear;
mod linear_rule;
mod max_pool;
mod rescale;
mod route;
mod transposed;

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

pub use derivative::{Derivative, REFERENCE_INPUT};

use super::composite::Composite;
use super::flow;
use super::layers::LayerTypes;
use super::rules::Law;
use crate::onnx::{Emitter, Graph, NodeExt, proto::NodeProto};

/// The operators that relevance can pass through, those that canonicalising replaces among them, each with what it takes of that operator where that is not all.
pub const OPERATORS: [(&str, &str); 39] = [
    ("Conv", ""),
    ("ConvTranspose", ""),
    ("Gemm", "with constants"),
    ("MatMul", "with a constant"),
    ("BatchNormalization", ""),
    ("MaxPool", ""),
    ("AveragePool", ""),
    ("GlobalAveragePool", ""),
    ("ReduceMean", "over rows and columns"),
    ("Relu", ""),
    ("LeakyRelu", ""),
    ("PRelu", ""),
    ("Clip", ""),
    ("Sigmoid", ""),
    ("HardSigmoid", ""),
    ("HardSwish", ""),
    ("Elu", ""),
    ("Softplus", ""),
    ("Tanh", ""),
    ("Mish", ""),
    ("Add", ""),
    ("Sub", "of a constant"),
    ("Sum", ""),
    ("Mul", "by a constant or gate"),
    ("Div", "by a constant or norm"),
    ("LpNormalization", ""),
    ("Concat", ""),
    ("Split", ""),
    ("Slice", ""),
    ("Pad", "with a constant"),
    ("Resize", "nearest or linear"),
    ("Reshape", ""),
    ("Flatten", ""),
    ("Squeeze", ""),
    ("Unsqueeze", ""),
    ("Transpose", ""),
    ("Identity", ""),
    ("Dropout", ""),
    ("Cast", "to float32"),
];

fn supported() -> String {
    let operators = OPERATORS.map(|(operator, what)| format!("{operator} {what}"));
    let operators: Vec<&str> = operators.iter().map(|text| text.trim_end()).collect();
    operators.join(", ")
}

/// ONNX's number for float32.
const FLOAT: i64 = crate::onnx::proto::tensor_proto::DataType::Float as i64;

/// A network that computes relevance.
#[derive(Clone, Debug)]
pub struct ExplanationGraph {
    /// The ONNX file. Inputs: the picture, under the model's own name, and [`seed_name`] of each head tensor, `[N, C, H, W]`.
    /// Outputs: `relevance`, `[N, channels, H, W]` at the picture's size, then [`relevance_name`] of each watched tensor, `[N, C, H, W]`.
    pub model: Vec<u8>,
}

/// The name of the input that takes the relevance put on a head tensor.
pub fn seed_name(tensor: &str) -> String {
    format!("seed:{tensor}")
}

/// The name of the output that holds the relevance of a watched tensor.
pub fn relevance_name(tensor: &str) -> String {
    format!("relevance:{tensor}")
}

/// Compiles the relevance graph for seeds at `heads`. `watched` names feature maps whose relevance is an output too, beside that of the pixels.
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
) -> Result<ExplanationGraph> {
    let propagation = Propagation::Relevance { types, composite };
    Compiler::new(graph, propagation).compile(heads, watched)
}

/// The same for seeds at one head that are multiples of its outputs: R = seed ⊙ z, where z is what the compiled network itself computes. A forward pass by another network
/// rounds otherwise, and R = a·z of that one, divided by this one's z, is not a where z is all but 0: of some ninety class scores one often is.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_multiples(
    graph: &Graph,
    types: &LayerTypes,
    composite: &Composite,
    head: &str,
    watched: &[&str],
) -> Result<ExplanationGraph> {
    let propagation = Propagation::Relevance { types, composite };
    let mut compiler = Compiler::new(graph, propagation);
    compiler.seeds_are_multiples = true;
    compiler.compile(&[head], watched)
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
    compiler.compile(heads, &[])
}

/// What is propagated.
enum Propagation<'a> {
    /// Relevance, by the rules of a composite.
    Relevance {
        types: &'a LayerTypes,
        composite: &'a Composite,
    },
    /// A derivative: the gradient, or, where the names of the reference pass's tensors are given, the difference quotient.
    Derivative(Option<HashMap<String, String>>),
}

/// The relevance that a tensor receives from one of its consumers: coefficient ⊙ base, or the coefficient alone.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    coefficient: String,
    base: Option<String>,
}

struct Compiler<'a> {
    graph: &'a Graph,
    propagation: Propagation<'a>,
    /// Whether seeds are multiples of the outputs rather than relevance.
    seeds_are_multiples: bool,
    emitter: Emitter,
    incoming: HashMap<String, Vec<Share>>,
    /// By tensor, how far it is from the mean of its map, where relevance was handed over as a multiple of that.
    distances: HashMap<String, String>,
}

impl<'a> Compiler<'a> {
    fn new(graph: &'a Graph, propagation: Propagation<'a>) -> Self {
        Self {
            graph,
            propagation,
            seeds_are_multiples: false,
            emitter: Emitter::default(),
            incoming: HashMap::new(),
            distances: HashMap::new(),
        }
    }

    /// Walks from `heads` to the picture.
    fn compile(mut self, heads: &[&str], watched: &[&str]) -> Result<ExplanationGraph> {
        ensure!(!heads.is_empty(), "no head tensor to explain");
        let graph = self.graph;
        let (image, [_, channels, height, width]) = graph.image_input()?;
        for head in heads {
            let [_, c, h, w] = graph.feature_map(head)?;
            let seed = seed_name(head);
            self.emitter.batch_input(&seed, &[c, h, w]);
            self.give(
                head,
                Share {
                    coefficient: seed,
                    base: self.seeds_are_multiples.then(|| (*head).to_owned()),
                },
            );
        }
        let mut seen = HashMap::new();
        for index in flow::passed(graph, heads.iter().copied()).into_iter().rev() {
            let node = &graph.nodes()[index];
            let tensor = node.first_output();
            let shares = self.take(tensor);
            if shares.is_empty() {
                continue;
            }
            if watched.contains(&tensor) {
                let sum = self.sum(shares.clone());
                seen.insert(tensor, self.materialise(&sum));
            }
            self.propagate(node, shares)
                .with_context(|| format!("relevance cannot pass {}", node.describe()))?;
        }
        let shares = self.take(image);
        ensure!(
            !shares.is_empty(),
            "none of {heads:?} depends on the picture '{image}'"
        );
        let share = self.sum(shares);
        let relevance = self.materialise(&share);
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
        let model = self.emitter.finish(graph, &outputs)?;
        Ok(ExplanationGraph { model })
    }

    /// Whether a layer has the rule `rescale`.
    fn rescales(&self) -> bool {
        match &self.propagation {
            Propagation::Relevance { composite, .. } => composite.rescales(),
            Propagation::Derivative(_) => false,
        }
    }

    fn propagate(&mut self, node: &NodeProto, shares: Vec<Share>) -> Result<()> {
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
            return match composite.law(*layer_type) {
                Law::Shares(groups) => {
                    let share = self.sum(shares);
                    linear_rule::propagate(self, node, share, groups)
                }
                Law::Slopes(_) => rescale::layer(self, node, &shares),
            };
        }
        if activation::is_activation(node)
            && let Some(tolerance) = rescale::tolerance(self.graph, node, types, composite)
        {
            return rescale::activation(self, node, &shares, tolerance);
        }
        for share in shares {
            self.pass(node, share, composite)?;
        }
        Ok(())
    }

    /// Through what has no rule of its own.
    fn pass(&mut self, node: &NodeProto, share: Share, composite: &Composite) -> Result<()> {
        match node.op() {
            _ if activation::is_activation(node) => activation::propagate(self, node, share),
            "LpNormalization" | "Identity" | "Mul" | "Div" => activation::scale(self, node, share),
            // From another type of numbers there is no way back.
            "Cast" if node.int("to", 0) == FLOAT => activation::scale(self, node, share),
            "Concat" | "Slice" | "Pad" | "Transpose" | "Reshape" | "Flatten" | "Squeeze"
            | "Unsqueeze" | "Resize" => route::propagate(self, node, share),
            "MaxPool" => max_pool::propagate(self, node, share),
            "Add" | "Sum" => add::propagate(self, node, share, composite.add),
            operator => bail!(
                "the operator {operator} is not supported on the way from a head to the picture; supported: {}",
                supported()
            ),
        }
    }

    /// Adds to what a tensor receives.
    fn give(&mut self, tensor: &str, share: Share) {
        self.incoming
            .entry(tensor.to_owned())
            .or_default()
            .push(share);
    }

    /// All that a tensor received. Coefficients of the same base are added before they are multiplied; shares of several bases become one,
    /// unless `rescale` wants to tell them apart.
    fn take(&mut self, tensor: &str) -> Vec<Share> {
        let mut by_base: Vec<Share> = Vec::new();
        for share in self.incoming.remove(tensor).unwrap_or_default() {
            match by_base.iter_mut().find(|sum| sum.base == share.base) {
                Some(sum) => {
                    sum.coefficient =
                        self.emitter
                            .op("Add", &[&sum.coefficient, &share.coefficient], &[]);
                }
                None => by_base.push(share),
            }
        }
        if by_base.len() < 2 || self.rescales() {
            by_base
        } else {
            vec![self.sum(by_base)]
        }
    }

    /// Several shares as one.
    fn sum(&mut self, mut shares: Vec<Share>) -> Share {
        if shares.len() == 1 {
            return shares.remove(0);
        }
        let mut terms = shares
            .iter()
            .map(|share| self.materialise(share))
            .collect::<Vec<_>>()
            .into_iter();
        let first = terms.next().unwrap_or_else(|| self.emitter.scalar(0.0));
        let coefficient = terms.fold(first, |sum, term| {
            self.emitter.op("Add", &[&sum, &term], &[])
        });
        Share {
            coefficient,
            base: None,
        }
    }

    /// Relevance itself.
    fn materialise(&mut self, share: &Share) -> String {
        match &share.base {
            Some(base) => self.emitter.op("Mul", &[&share.coefficient, base], &[]),
            None => share.coefficient.clone(),
        }
    }

    /// coefficient ⊙ base ⊙ factor, where base ⊙ factor is computed once for all targets.
    fn scaled(&mut self, share: &Share, factor: &str) -> String {
        let factor = match &share.base {
            Some(base) => self.emitter.op("Mul", &[base, factor], &[]),
            None => factor.to_owned(),
        };
        self.emitter.op("Mul", &[&share.coefficient, &factor], &[])
    }

    /// coefficient ⊙ base / denominator, where base / denominator is computed once for all targets.
    fn divided(&mut self, share: &Share, denominator: &str) -> String {
        match &share.base {
            Some(base) => {
                let factor = self.emitter.op("Div", &[base, denominator], &[]);
                self.emitter.op("Mul", &[&share.coefficient, &factor], &[])
            }
            None => self
                .emitter
                .op("Div", &[&share.coefficient, denominator], &[]),
        }
    }

    /// The sign of each element, 1 for 0.
    fn sign(&mut self, tensor: &str) -> String {
        let [zero, below, above] = [0.0, -1.0, 1.0].map(|value| self.emitter.scalar(value));
        let negative = self.emitter.op("Less", &[tensor, &zero], &[]);
        self.emitter.op("Where", &[&negative, &below, &above], &[])
    }

    /// denominator + ε·sign(denominator) with sign(0) = 1.
    fn stabilised(&mut self, denominator: &str, epsilon: &str) -> String {
        let zero = self.emitter.scalar(0.0);
        let negative = self.emitter.op("Less", &[denominator, &zero], &[]);
        let below = self.emitter.op("Sub", &[denominator, epsilon], &[]);
        let above = self.emitter.op("Add", &[denominator, epsilon], &[]);
        self.emitter.op("Where", &[&negative, &below, &above], &[])
    }
}
