//! The explainer at work: targets in, relevance out, by way of explanation graphs that are compiled when first needed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, Array4, ArrayD, Axis, Ix4};

use super::compile::{self, CELLS, ExplanationGraph, GraphForm, compile, compile_for, seed_name};
use super::composite::Composite;
use super::diagnosis::{Diagnosis, LayerRelevance};
use super::layers::{Layer, LayerType, LayerTypes, layer_types, layers, override_types};
use super::question::{HeadSeed, ResolvedTarget};
use super::rules::{OPPOSING, Rule};
use super::target::{Seed, Target};
use crate::detect::{Fit, Forward, Head, Model};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::{NodeExt, is_fully_connected};
use crate::runtime::{
    CancelToken, ExecutionProvider, Input, Network, RuntimeTensor, SessionOptions, only,
};

/// Explanation networks that are kept, the most recently used ones; each holds the model's weights once or twice.
const KEPT_NETWORKS: usize = 4;

/// Targets that are explained in one run of a network at most: each takes memory of its own, and beyond so many the time for
/// each does not fall any more.
const BATCH: usize = 8;

/// A compiled explanation network.
struct Compiled {
    /// The head tensor at which relevance enters.
    tensor: String,
    /// Whether the head's layer [opposes](HeadSeed::opposes).
    opposes: bool,
    /// The layers whose relevance comes out beside that of the pixels; for an explanation alone, none.
    layers: Vec<String>,
    /// Whether it goes on from what the forward pass hands over.
    goes_on: bool,
    /// What it reads besides seeds.
    reads: Vec<String>,
    network: Network,
}

/// Seeds of several targets at one head tensor, as its network's inputs.
struct SeedBatch {
    /// `[N, C, rows, cols]`, or `[N, C, 1, 1]` of the cells below.
    values: Array4<f32>,
    /// Row and column of each target's cell, `[N, 2]`, for a network that takes one cell a target.
    cells: Option<Array2<f32>>,
    /// Whether the head's layer [opposes](HeadSeed::opposes).
    opposes: bool,
}

/// Explains the outputs of one model under one composite.
pub struct Propagator {
    model: Arc<Model>,
    composite: Composite,
    types: LayerTypes,
    options: SessionOptions,
    /// What a forward pass hands over; found when it is first asked for.
    reads: Option<Vec<String>>,
    /// The most recently used last.
    networks: Vec<Compiled>,
}

/// The answer to a target.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The default box.
    pub default_box: usize,
    /// What was asked.
    pub question: ResolvedTarget,
    /// R of every input value, `[3, H, W]`, at the network's input size, bars included where the picture lies between some.
    pub relevance: Array3<f32>,
    /// How the picture lies in the input.
    pub fit: Fit,
    /// ΣR over the picture / the relevance that it started with: 1 where nothing was lost, in biases above all. `None` where the rules do not keep sums (`rescale`), or it started with none in all:
    /// then ΣR says nothing, and what the explanation is worth a [`Check`](crate::check::Check) says.
    pub completeness: Option<f64>,
    /// The time that propagation took, for the whole batch that it was in; compiling a graph that was not there yet is not counted.
    pub took: Duration,
}

impl Explanation {
    /// Relevance summed over the colour channels, unnormalised, `[H, W]` of the picture in the network's input: what lies on bars is left out.
    pub fn map(&self) -> Array2<f32> {
        self.fit.of_picture(self.relevance.sum_axis(Axis(0)))
    }
}

/// Above this an output leaves float32 little room for what is made of it: products with weights, and their sums.
const LARGE: f32 = 1e15;

/// The reason why relevance is not finite, and what to do, where the network itself has numbers that are too large.
fn too_large(seed: &HeadSeed) -> String {
    let largest = seed
        .values
        .iter()
        .fold(0.0f32, |most, (_, r)| most.max(r.abs()));
    if largest > LARGE {
        format!(
            ": the network's outputs reach {largest:.0e}, and float32 has little room for what is made of them: are its weights those that it was trained to?"
        )
    } else {
        String::new()
    }
}

impl Propagator {
    /// Prepares explanations under `composite`.
    ///
    /// # Errors
    /// A model in which the layer types cannot be found, or whose manifest names others that do not exist.
    pub fn new(model: Arc<Model>, composite: Composite, options: SessionOptions) -> Result<Self> {
        let scores = model.heads.iter().flat_map(Head::score_tensors);
        let scores: Vec<&str> = scores.collect();
        let offsets: Vec<&str> = model
            .heads
            .iter()
            .filter_map(|h| h.offset_tensor.as_deref())
            .collect();
        let mut types = layer_types(&model.graph, &scores, &offsets)?;
        let manifest = &model.manifest;
        override_types(&mut types, &manifest.layer_types)
            .map_err(|error| manifest.source.locate(error))?;
        Ok(Self {
            model,
            composite,
            types,
            options,
            reads: None,
            networks: Vec::new(),
        })
    }

    /// The model's linear layers in the order in which they are computed.
    ///
    /// # Errors
    /// A layer whose shapes are not known.
    pub fn layers(&self) -> Result<Vec<Layer>> {
        layers(&self.model.graph, &self.types)
    }

    /// The network that explains outputs of all heads: relevance may be put on the class scores and offsets of each.
    ///
    /// # Errors
    /// An operator that relevance cannot pass.
    pub fn compile(&self) -> Result<ExplanationGraph> {
        let heads = self.model.heads.iter();
        let tensors = heads.flat_map(Head::tensors);
        let tensors: Vec<&str> = tensors.collect();
        compile(
            &self.model.graph,
            &self.types,
            &self.composite,
            &tensors,
            &[],
            GraphForm::default(),
        )
    }

    /// The tensors that a detector should [hand over](crate::detect::Detector::handing_over), so that explanations go on from its forward pass instead of computing it again. Where it hands over
    /// others, or none, they compute all of it. Empty where relevance cannot pass the model.
    pub fn reads(&mut self) -> &[String] {
        if self.reads.is_none() {
            let mut reads = BTreeSet::new();
            let tensors: Vec<&str> = self.model.heads.iter().flat_map(Head::tensors).collect();
            for of in [LayerType::Classification, LayerType::Localization] {
                let heads = tensors.iter().copied();
                let heads = heads.filter(|&tensor| self.types.get(tensor) == Some(&of));
                let heads: Vec<&str> = heads.collect();
                if !heads.is_empty() {
                    let composite = self.composite.entering_at(of);
                    let found = compile::reads(&self.model.graph, &self.types, &composite, &heads);
                    reads.extend(found.unwrap_or_default());
                }
            }
            reads.remove(&self.model.input_name);
            self.reads = Some(reads.into_iter().collect());
        }
        self.reads.as_deref().unwrap_or_default()
    }

    /// Whether a forward pass has handed over all that explanations go on from. One that has handed over nothing is not asked further: what is read would have to be found first.
    fn has_all(&mut self, forward: &Forward) -> bool {
        let has = |name: &String| forward.handed.get(name).is_some();
        if forward.handed.is_empty() {
            return false;
        }
        let reads = self.reads();
        !reads.is_empty() && reads.iter().all(has)
    }

    /// The composite that it explains with.
    pub fn composite(&self) -> &Composite {
        &self.composite
    }

    /// Whether graphs are run by the CPU, with operators of this program's own.
    fn is_own(&self) -> bool {
        self.options.provider == ExecutionProvider::Cpu
    }

    /// Explains all targets for one picture, in their order. Up to eight targets of one head tensor share the forward pass and every denominator.
    ///
    /// # Errors
    /// A target that the model does not have, a network that cannot be compiled or run, relevance that is not finite.
    pub fn explain(&mut self, forward: &Forward, targets: &[Target]) -> Result<Vec<Explanation>> {
        self.explain_cancellable(forward, targets, &CancelToken::default())
    }

    /// As [`Propagator::explain`], until `cancel` ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), or as [`Propagator::explain`].
    pub fn explain_cancellable(
        &mut self,
        forward: &Forward,
        targets: &[Target],
        cancel: &CancelToken,
    ) -> Result<Vec<Explanation>> {
        let questions = targets
            .iter()
            .map(|target| target.ask(&self.model, &self.composite, forward))
            .collect::<Result<Vec<_>>>()?;
        let mut answers: Vec<Option<(Array3<f32>, Duration)>> = vec![None; questions.len()];
        while let Some(open) = answers.iter().position(Option::is_none) {
            let HeadSeed {
                tensor, opposes, ..
            } = &questions[open].seed;
            let is_alike = |seed: &HeadSeed| &seed.tensor == tensor && seed.opposes == *opposes;
            let batch: Vec<usize> = (open..questions.len())
                .filter(|&i| answers[i].is_none() && is_alike(&questions[i].seed))
                .take(BATCH)
                .collect();
            let seeds: Vec<&HeadSeed> = batch.iter().map(|&i| &questions[i].seed).collect();
            let (relevance, took) = self.propagate(forward, tensor, &seeds, cancel)?;
            for (&index, relevance) in batch.iter().zip(relevance.outer_iter()) {
                ensure!(
                    relevance.iter().all(|r| r.is_finite()),
                    "the relevance of {} is not finite under composite '{}'{}",
                    questions[index].wording,
                    self.composite,
                    too_large(&questions[index].seed)
                );
                answers[index] = Some((relevance.to_owned(), took));
            }
        }
        Ok(targets
            .iter()
            .zip(questions)
            .zip(answers.into_iter().flatten())
            .map(|((target, question), (relevance, took))| Explanation {
                default_box: target.default_box,
                completeness: self.completeness(&question.seed, &relevance, forward.input.fit),
                question,
                relevance,
                fit: forward.input.fit,
                took,
            })
            .collect())
    }

    /// How much of the relevance that entered has arrived in the picture, as a share, where the rules are to keep it.
    fn completeness(&self, seed: &HeadSeed, relevance: &Array3<f32>, fit: Fit) -> Option<f64> {
        /// Shares of the magnitudes below which a sum is what rounding leaves.
        const NOTHING: f64 = 1e-6;
        let keeps = !seed.opposes && !self.composite_at(&seed.tensor, false).rescales();
        // With such a seed it is a layer's inputs that relevance starts with.
        if !keeps || self.composite.seed == Seed::Unit {
            return None;
        }
        let entered = seed.values.iter().map(|&(_, r)| f64::from(r));
        let magnitude: f64 = entered.clone().map(f64::abs).sum();
        let entered: f64 = entered.sum();
        let arrived = fit.of_picture(relevance.sum_axis(Axis(0)));
        let arrived: f64 = arrived.iter().map(|&r| f64::from(r)).sum();
        (entered.abs() > NOTHING * magnitude).then(|| arrived / entered)
    }

    /// Relevance of the pixels, `[N, 3, H, W]`, for N seeds at one head tensor, and the time that the network ran.
    fn propagate(
        &mut self,
        forward: &Forward,
        tensor: &str,
        seeds: &[&HeadSeed],
        cancel: &CancelToken,
    ) -> Result<(Array4<f32>, Duration)> {
        let batch = self.batch(tensor, seeds, self.is_own())?;
        let (outputs, took) = self.run(forward, tensor, &[], &batch, cancel)?;
        let relevance = only(outputs)?
            .into_dimensionality::<Ix4>()
            .context("relevance is not [N, 3, H, W]")?;
        Ok((relevance, took))
    }

    /// Explains one target and keeps the relevance of every layer on the way.
    ///
    /// # Errors
    /// As [`Propagator::explain`].
    pub fn diagnose(&mut self, forward: &Forward, target: &Target) -> Result<Diagnosis> {
        let question = target.ask(&self.model, &self.composite, forward)?;
        let model = self.model.clone();
        let graph = &model.graph;
        let tensor = question.seed.tensor.as_str();
        let composite = self.composite_at(tensor, question.seed.opposes);
        let nodes = graph.ancestors([tensor]).into_iter().rev();
        let (layers, kinds): (Vec<&str>, Vec<_>) = nodes
            .filter_map(|index| {
                let node = &graph.nodes()[index];
                let layer_type = *self.types.get(node.first_output())?;
                let rule = composite.rule_of(layer_type, is_fully_connected(node));
                Some((node.first_output(), (layer_type, rule)))
            })
            // What is spread passes no layer.
            .filter(|(_, (_, rule))| *rule != Rule::Spread)
            .unzip();
        let batch = self.batch(tensor, &[&question.seed], false)?;
        let cancel = CancelToken::default();
        let (mut outputs, _) = self.run(forward, tensor, &layers, &batch, &cancel)?;
        ensure!(
            outputs.len() == layers.len() + 1,
            "the network has other outputs than layers"
        );
        let pixels = outputs.remove(0);
        let layers = layers
            .iter()
            .zip(kinds)
            .zip(&outputs)
            .map(|((layer, kind), relevance)| {
                LayerRelevance::of(layer, Some(kind), relevance.iter())
            })
            .collect();
        let pixels = pixels
            .into_dimensionality::<Ix4>()
            .context("relevance is not [N, 3, H, W]")?;
        Ok(Diagnosis {
            question,
            layers,
            relevance: pixels.index_axis_move(Axis(0), 0),
        })
    }

    /// The outputs of the network for relevance that enters at `tensor`, with that of `layers`, and the time that it ran.
    fn run(
        &mut self,
        forward: &Forward,
        tensor: &str,
        layers: &[&str],
        seeds: &SeedBatch,
        cancel: &CancelToken,
    ) -> Result<(Vec<ArrayD<f32>>, Duration)> {
        let model = self.model.clone();
        let compiled = self.network(forward, tensor, layers, seeds.opposes, cancel)?;
        let seed = seed_name(tensor);
        let mut inputs = vec![(seed.as_str(), Input::Array(seeds.values.view().into_dyn()))];
        if let Some(cells) = &seeds.cells {
            inputs.push((CELLS, Input::Array(cells.view().into_dyn())));
        }
        for name in &compiled.reads {
            let value =
                match forward.handed.get(name) {
                    _ if *name == model.input_name => {
                        Input::Array(forward.input.tensor.view().into_dyn())
                    }
                    handed => Input::Tensor(handed.with_context(|| {
                        format!("the forward pass has not handed over '{name}'")
                    })?),
                };
            inputs.push((name, value));
        }
        let started = Instant::now();
        let outputs = compiled.network.run_on(&inputs, cancel)?;
        let took = started.elapsed();
        let arrays = outputs
            .iter()
            .map(RuntimeTensor::to_array)
            .collect::<Result<_>>()?;
        Ok((arrays, took))
    }

    /// Seeds at one head tensor as its network's inputs, on the whole map or one cell each.
    fn batch(&self, tensor: &str, seeds: &[&HeadSeed], at_cells: bool) -> Result<SeedBatch> {
        let [_, channels, rows, cols] = self.model.graph.feature_map(tensor)?;
        let [rows, cols] = if at_cells { [1, 1] } else { [rows, cols] };
        let mut values = Array4::zeros((seeds.len(), channels, rows, cols));
        for (n, seed) in seeds.iter().enumerate() {
            let [row, col] = if at_cells { [0, 0] } else { seed.cell };
            for (index, &(channel, value)) in seed.values.iter().enumerate() {
                let value = seed.multiples.get(index).copied().unwrap_or(value);
                values[[n, channel, row, col]] = value;
            }
        }
        let cell = |(n, axis): (usize, usize)| seeds[n].cell[axis] as f32;
        let cells = at_cells.then(|| Array2::from_shape_fn((seeds.len(), 2), cell));
        Ok(SeedBatch {
            values,
            cells,
            opposes: seeds.iter().any(|seed| seed.opposes),
        })
    }

    /// The rules for relevance that enters at a head tensor.
    fn composite_at(&self, tensor: &str, opposes: bool) -> Composite {
        let mut composite = match self.types.get(tensor) {
            Some(&head) => self.composite.entering_at(head),
            None => self.composite.clone(),
        };
        if opposes {
            composite.classification = OPPOSING;
        }
        composite
    }

    /// The network for relevance that enters at `tensor`, with that of `layers` as further outputs.
    fn network(
        &mut self,
        forward: &Forward,
        tensor: &str,
        layers: &[&str],
        opposes: bool,
        cancel: &CancelToken,
    ) -> Result<&mut Compiled> {
        // What is watched needs further tensors, and so does another rule.
        let goes_on = layers.is_empty() && !opposes && self.has_all(forward);
        let is_it = |kept: &Compiled| {
            let is_alike = kept.goes_on == goes_on && kept.opposes == opposes;
            kept.tensor == tensor && kept.layers == layers && is_alike
        };
        match self.networks.iter().position(is_it) {
            Some(index) => {
                let kept = self.networks.remove(index);
                self.networks.push(kept);
            }
            None => {
                let composite = self.composite_at(tensor, opposes);
                let graph = &self.model.graph;
                let form = GraphForm {
                    hands_over: goes_on,
                    is_own: self.is_own(),
                    // What is watched is watched on the whole map.
                    at_cells: self.is_own() && layers.is_empty(),
                };
                let compiled = compile_for(graph, &self.types, &composite, tensor, layers, form)?;
                let network = Network::load_cancellable(&compiled.model, self.options, cancel)?;
                if self.networks.len() == KEPT_NETWORKS {
                    self.networks.remove(0);
                }
                self.networks.push(Compiled {
                    tensor: tensor.to_owned(),
                    opposes,
                    layers: layers.iter().map(ToString::to_string).collect(),
                    goes_on,
                    reads: compiled.reads,
                    network,
                });
            }
        }
        self.networks.last_mut().context("no network is kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_leave_no_room_are_told_with_their_size() {
        let of = |value: f32| {
            too_large(&HeadSeed {
                tensor: "scores".to_owned(),
                cell: [0, 0],
                values: vec![(0, 1.0), (1, value)],
                multiples: Vec::new(),
                opposes: false,
            })
        };
        assert!(of(-3e31).contains("reach 3e31"), "{}", of(-3e31));
        assert_eq!(of(1e6), "");
    }
}
