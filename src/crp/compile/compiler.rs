//! What compiling is made of: relevance on its way, tensor by tensor, and the nodes that compute it.
//!
//! Relevance travels as a product, R = coefficient ⊙ base, where base is a tensor of the forward pass (one picture) and the coefficient has one entry for each of
//! the N targets. So whatever depends on the picture alone, every denominator above all, is computed once for all targets, and activations cost nothing.

use std::collections::HashMap;

use super::behind::{self, Behind};
use crate::crp::composite::Composite;
use crate::crp::layers::LayerTypes;
use crate::error::Result;
use crate::onnx::ops::{Arithmetic, Comparison};
use crate::onnx::{Emitter, Graph};
use crate::own_operators::MapWindow;

/// What is propagated.
pub(super) enum Propagation<'a> {
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
pub(super) struct RelevanceTerm {
    pub coefficient: String,
    pub base: Option<String>,
}

/// Relevance summed over a tensor's channels, `[N, 1, H, W]`.
#[derive(Clone, Debug)]
pub(super) struct ChannelSum {
    pub relevance: String,
    /// Whether every channel has the same share of it.
    pub is_even: bool,
}

pub(super) struct Compiler<'a> {
    pub graph: &'a Graph,
    pub propagation: Propagation<'a>,
    /// The feature map at which a derivative ends, in place of the picture.
    pub until: Option<String>,
    /// Whether seeds are multiples of the outputs rather than relevance.
    pub seeds_are_multiples: bool,
    /// Whether statistics may be computed by operators of this program's own, which the CPU has kernels for.
    pub has_own_operators: bool,
    pub emitter: Emitter,
    /// By coefficient, the windows that it holds, where it is not on the whole map.
    pub windows: HashMap<String, MapWindow>,
    pub incoming: HashMap<String, Vec<RelevanceTerm>>,
    /// What tensors received of which only the sum over the channels is known.
    pub sums: HashMap<String, Vec<ChannelSum>>,
    /// By node, the linear layer whose rule activations behind it go by.
    pub layer_before: Vec<Option<usize>>,
    /// What lies behind each tensor that relevance reaches.
    pub behind: HashMap<String, Behind>,
    /// By tensor, how far it is from the mean of its map, where relevance was handed over as a multiple of that.
    pub distances: HashMap<String, String>,
}

impl<'a> Compiler<'a> {
    pub fn new(graph: &'a Graph, propagation: Propagation<'a>) -> Self {
        Self {
            graph,
            propagation,
            until: None,
            seeds_are_multiples: false,
            has_own_operators: false,
            emitter: Emitter::default(),
            windows: HashMap::new(),
            incoming: HashMap::new(),
            sums: HashMap::new(),
            layer_before: Vec::new(),
            behind: HashMap::new(),
            distances: HashMap::new(),
        }
    }

    /// Whether a layer has the rule `rescale`.
    pub fn rescales(&self) -> bool {
        match &self.propagation {
            Propagation::Relevance { composite, .. } => composite.rescales(),
            Propagation::Derivative(_) => false,
        }
    }

    /// Finds what lies behind the tensors that relevance of `heads` reaches.
    ///
    /// # Errors
    /// No picture.
    pub fn look_behind(&mut self, heads: &[&str]) -> Result<()> {
        if let Propagation::Relevance { types, composite } = &self.propagation {
            self.behind = behind::behind(self.graph, types, composite, heads)?;
            self.layer_before = behind::layers_before(self.graph, types);
        }
        Ok(())
    }

    /// Adds to what a tensor receives.
    pub fn give(&mut self, tensor: &str, share: RelevanceTerm) {
        self.incoming
            .entry(tensor.to_owned())
            .or_default()
            .push(share);
    }

    /// All that a tensor received. Coefficients of the same base are added before they are multiplied; shares of several bases become one,
    /// unless `rescale` wants to tell them apart.
    pub fn take(&mut self, tensor: &str) -> Vec<RelevanceTerm> {
        let mut by_base: Vec<RelevanceTerm> = Vec::new();
        for share in self.incoming.remove(tensor).unwrap_or_default() {
            match by_base.iter_mut().find(|sum| sum.base == share.base) {
                Some(sum) => {
                    sum.coefficient = self.plus(&sum.coefficient, &share.coefficient);
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
    pub fn sum(&mut self, mut shares: Vec<RelevanceTerm>) -> RelevanceTerm {
        if shares.len() == 1 {
            return shares.remove(0);
        }
        let mut terms = shares
            .iter()
            .map(|share| self.materialise(share))
            .collect::<Vec<_>>()
            .into_iter();
        let first = terms.next().unwrap_or_else(|| self.emitter.scalar(0.0));
        let coefficient = terms.fold(first, |sum, term| self.plus(&sum, &term));
        RelevanceTerm {
            coefficient,
            base: None,
        }
    }

    /// Relevance itself.
    pub fn materialise(&mut self, share: &RelevanceTerm) -> String {
        match &share.base {
            Some(base) => self.meet(&share.coefficient, base),
            None => share.coefficient.clone(),
        }
    }

    /// coefficient ⊙ base ⊙ factor, where base ⊙ factor is computed once for all targets.
    pub fn scaled(&mut self, share: &RelevanceTerm, factor: &str) -> String {
        let factor = match &share.base {
            Some(base) => self.emitter.op(Arithmetic::Mul, &[base, factor], &[]),
            None => factor.to_owned(),
        };
        self.meet(&share.coefficient, &factor)
    }

    /// coefficient ⊙ base / denominator, where base / denominator is computed once for all targets.
    pub fn divided(&mut self, share: &RelevanceTerm, denominator: &str) -> String {
        let is_window = self.windows.contains_key(&share.coefficient);
        let factor = match &share.base {
            Some(base) => self.emitter.op(Arithmetic::Div, &[base, denominator], &[]),
            // Beyond the border a window has no denominator, but 0 of a factor.
            None if is_window => {
                let one = self.emitter.scalar(1.0);
                self.emitter.op(Arithmetic::Div, &[&one, denominator], &[])
            }
            None => {
                return self
                    .emitter
                    .op(Arithmetic::Div, &[&share.coefficient, denominator], &[]);
            }
        };
        self.meet(&share.coefficient, &factor)
    }

    /// The sign of each element, 1 for 0.
    pub fn sign(&mut self, tensor: &str) -> String {
        let [zero, below, above] = [0.0, -1.0, 1.0].map(|value| self.emitter.scalar(value));
        let negative = self.emitter.op(Comparison::Less, &[tensor, &zero], &[]);
        self.emitter
            .op(Comparison::Where, &[&negative, &below, &above], &[])
    }

    /// denominator + ε·sign(denominator) with sign(0) = 1.
    pub fn stabilised(&mut self, denominator: &str, epsilon: &str) -> String {
        let zero = self.emitter.scalar(0.0);
        let negative = self
            .emitter
            .op(Comparison::Less, &[denominator, &zero], &[]);
        let below = self
            .emitter
            .op(Arithmetic::Sub, &[denominator, epsilon], &[]);
        let above = self
            .emitter
            .op(Arithmetic::Add, &[denominator, epsilon], &[]);
        self.emitter
            .op(Comparison::Where, &[&negative, &below, &above], &[])
    }
}
