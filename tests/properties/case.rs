//! A network under a composite, explained in both ways: by the engine, and slowly by the definition.
//!
//! In: a recipe, a composite, relevance of the heads. Out: relevance of the picture, and how far two of them are apart.

use anyhow::{Context, Result};
use ndarray::{Array4, Axis};
use proptest::test_runner::TestCaseError;
use ssdcrp::crp::{Composite, GraphForm, LayerType, LayerTypes, compile, layer_types, seed_name};
use ssdcrp::runtime::{Network, SessionOptions, only};

use crate::net::Net;
use crate::random::Random;
use crate::recipe::Recipe;
use crate::slow::Slow;

/// What the definition adds to a denominator.
pub const STABILISER: f32 = 1e-9;
/// A network is passed over if its relevance changes by more than this in float32 with a stabiliser twice as large: what it would show is a denominator that cancels.
pub const CONDITION: f64 = 1e-5;

/// A network under a composite, ready to be explained in both ways.
pub struct Case {
    pub net: Net,
    composite: Composite,
    types: LayerTypes,
    engine: Network,
}

/// Relevance of each head tensor, `[N, C, H, W]`.
pub type Seeds = Vec<Array4<f32>>;

impl Case {
    pub fn new(recipe: &Recipe, composite: &str) -> Result<Self> {
        // The engine has averages that leave padding out as sums with a factor behind them, and adds ε to the sum.
        let net = if composite.contains("epsilon") {
            recipe.clone().counting_pads().build()
        } else {
            recipe.build()
        };
        Self::of(net, composite)
    }

    /// The same of a network that no recipe makes.
    pub fn of(net: Net, composite: &str) -> Result<Self> {
        let composite = composite.parse()?;
        let graph = net.graph()?;
        let heads: Vec<String> = net.heads.iter().map(|&h| Net::name(h)).collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let types = layer_types(&graph, &heads[..1], &heads[1..])?;
        let engine = compile(&graph, &types, &composite, &heads, &[], GraphForm::own())?;
        Ok(Self {
            engine: Network::load(&engine.model, SessionOptions::on_threads(1))?,
            net,
            composite,
            types,
        })
    }

    /// Relevance on one to three outputs of each head, for `targets` targets.
    pub fn draw(&self, targets: usize, seed: u64) -> Seeds {
        let mut random = Random::new(!seed);
        let mut draw = |head: &usize| {
            let [c, h, w] = self.net.shape(*head);
            let mut seed = Array4::zeros((targets, c, h, w));
            for n in 0..targets {
                for _ in 0..=random.below(3) {
                    seed[[n, random.below(c), random.below(h), random.below(w)]] = random.uniform();
                }
            }
            seed
        };
        self.net.heads.iter().map(&mut draw).collect()
    }

    /// The engine's answer, `[N, channels, height, width]`.
    pub fn explain(&mut self, seeds: &Seeds) -> Result<Array4<f32>> {
        let [c, h, w] = self.net.shape(Net::IMAGE);
        let image = Array4::from_shape_vec((1, c, h, w), self.net.picture.clone())?;
        let names = self.net.heads.iter().map(|&head| Net::name(head));
        let names: Vec<String> = names.map(|name| seed_name(&name)).collect();
        let mut inputs = vec![(Net::name(Net::IMAGE), image.view().into_dyn())];
        inputs.extend(
            names
                .into_iter()
                .zip(seeds.iter().map(|s| s.view().into_dyn())),
        );
        let inputs: Vec<_> = inputs
            .iter()
            .map(|(name, v)| (name.as_str(), v.clone()))
            .collect();
        only(self.engine.run(&inputs)?)?
            .into_dimensionality()
            .context("not a batch of pictures")
    }

    /// Each head's relevance for target `n`.
    fn of_target(&self, seeds: &Seeds, n: usize) -> Vec<(usize, Vec<f32>)> {
        let heads = self.net.heads.iter().zip(seeds);
        heads
            .map(|(&head, seed)| (head, seed.index_axis(Axis(0), n).iter().copied().collect()))
            .collect()
    }

    fn layer_type(&self, tensor: usize) -> LayerType {
        let name = Net::name(tensor);
        let found = self.types.get(&name);
        // An average that counts no pads is a sum with a factor behind it.
        let found = found.or_else(|| self.types.get(&format!("{name}:map")));
        *found.unwrap_or_else(|| panic!("{name} has no layer type"))
    }

    /// The slow answer in float64 for each target. Networks whose answer hangs on a cancelling denominator, or is nothing at all, are passed over.
    pub fn truth(&self, seeds: &Seeds) -> Result<Vec<Vec<f64>>, TestCaseError> {
        let (exact, rounded) = (Slow::<f64>::of(&self.net), Slow::<f32>::of(&self.net));
        let rule = |tensor: usize| self.composite.rule(self.layer_type(tensor));
        let add = self.composite.add;
        let targets = seeds[0].len_of(Axis(0));
        (0..targets)
            .map(|n| {
                let seeds = self.of_target(seeds, n);
                let relevance = exact.relevance(rule, add, &seeds, STABILISER);
                let in_float32 = rounded.relevance(rule, add, &seeds, 2.0 * STABILISER);
                conditioned(&exact, relevance, &in_float32)
            })
            .collect()
    }

    /// The same for the first target where every layer has the rule `rescale`.
    pub fn rescaled(&self, seeds: &Seeds, tolerance: f32) -> Result<Vec<f64>, TestCaseError> {
        let (exact, rounded) = (Slow::<f64>::of(&self.net), Slow::<f32>::of(&self.net));
        let seeds = self.of_target(seeds, 0);
        let relevance = exact.rescaled(tolerance, &seeds, STABILISER);
        let in_float32 = rounded.rescaled(tolerance, &seeds, STABILISER);
        conditioned(&exact, relevance, &in_float32)
    }

    /// Takes relevance from outputs that are 0: they have nothing to divide.
    pub fn leave_out_zeros(&self, seeds: &mut Seeds) {
        let slow = Slow::<f64>::of(&self.net);
        for (&head, seed) in self.net.heads.iter().zip(seeds) {
            for (r, &value) in seed.iter_mut().zip(slow.tensor(head)) {
                *r *= f32::from(value != 0.0);
            }
        }
    }
}

/// The relevance that `slow` gave, if the same in float32 is near.
fn conditioned(
    slow: &Slow<f64>,
    relevance: Vec<f64>,
    in_float32: &[f32],
) -> Result<Vec<f64>, TestCaseError> {
    let in_float32: Vec<f64> = in_float32.iter().map(|&r| f64::from(r)).collect();
    if !slow.is_defined() {
        Err(TestCaseError::reject("a norm of nothing"))
    } else if difference(&in_float32, &relevance) < CONDITION {
        Ok(relevance)
    } else {
        // Not a number where nothing arrives.
        Err(TestCaseError::reject(
            "a denominator cancels, an output is near 0, or nothing arrives",
        ))
    }
}

/// Largest difference as a share of the largest |expected|.
pub fn difference(found: &[f64], expected: &[f64]) -> f64 {
    let differences = found.iter().zip(expected).map(|(f, e)| f - e);
    largest(differences) / largest(expected.iter().copied())
}

/// Largest size; not a number if one of them is none.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let sizes = values.into_iter().map(f64::abs);
    sizes.fold(0.0, |most, size| {
        if size > most || size.is_nan() {
            size
        } else {
            most
        }
    })
}

pub fn target(relevance: &Array4<f32>, n: usize) -> Vec<f64> {
    let target = relevance.index_axis(Axis(0), n);
    target.iter().map(|&r| f64::from(r)).collect()
}

/// Of what goes wrong rather than being passed over.
pub fn fail(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}
