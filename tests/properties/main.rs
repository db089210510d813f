//! What holds of relevance in any network, tried on random small ones: convolutions of every shape, activations, residual sums, pooling, under every rule.
//!
//! Each property is tried on the same networks in every run; a network that fails is made as small as it can be while it still fails, and printed.

mod net;
#[path = "../random/mod.rs"]
mod random;
mod recipe;
mod slow;

use std::cell::Cell;

use anyhow::{Context, Result};
use ndarray::{Array4, Axis, concatenate};
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use ssdcrp::crp::{Composite, LayerTypes, compile, layer_types, seed_name};
use ssdcrp::runtime::{Network, only};

use net::Net;
use random::Random;
use recipe::{Recipe, recipes};

/// What the definition adds to a denominator.
const STABILISER: f32 = 1e-9;
/// Largest error allowed, as a share of the largest |R|.
const TOLERANCE: f64 = 1e-4;
/// A network is passed over if its relevance changes by more than this in float32 with a stabiliser twice as large: what it would show is a denominator that cancels.
const CONDITION: f64 = 1e-5;

const RULES: [&str; 12] = [
    "simple",
    "epsilon:0.01",
    "epsilon:0.25std",
    "alphabeta:2,1",
    "alphabeta:1,0",
    "zplus",
    "abs",
    "gamma:0.25",
    "gamma:1",
    "w2",
    "flat",
    // Bounds that no picture here reaches: at a bound there may be nothing to divide by.
    "zb:-1.5,1.25",
];

/// Tries a property on `cases` networks; as many may be passed over.
fn holds<S: Strategy>(
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        max_global_rejects: cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2019),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    if let Err(error) = runner.run(&strategy, property) {
        panic!("{error}");
    }
    println!("{runner}");
}

fn fail(error: anyhow::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:#}"))
}

/// Any rule for any layer type.
fn composites() -> impl Strategy<Value = String> {
    let rule = || select(&RULES[..]);
    let add = select(vec!["prop", "abs"]);
    (rule(), rule(), rule(), rule(), rule(), add).prop_map(
        |(classification, localization, high, low, pixels, add)| {
            format!(
                "classification={classification},localization={localization},high={high},low={low},pixels={pixels},add={add}"
            )
        },
    )
}

/// One rule for all layers. Sums share by magnitude: by value, what is left of a sum that cancels depends on the stabiliser.
fn everywhere(rules: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(rules).prop_map(|r| {
        format!("classification={r},localization={r},high={r},low={r},pixels={r},add=abs")
    })
}

/// A network under a composite, ready to be explained in both ways.
struct Case {
    net: Net,
    composite: Composite,
    types: LayerTypes,
    engine: Network,
}

/// Relevance of each head tensor, `[N, C, H, W]`.
type Seeds = Vec<Array4<f32>>;

impl Case {
    fn new(recipe: &Recipe, composite: &str) -> Result<Self> {
        let (net, composite) = (recipe.build(), composite.parse()?);
        let graph = net.graph()?;
        let heads: Vec<String> = net.heads.iter().map(|&h| Net::name(h)).collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let types = layer_types(&graph, &heads[..1], &heads[1..])?;
        let engine = compile(&graph, &types, &composite, &heads, &[])?;
        Ok(Self {
            engine: Network::load(&engine.model, 1)?,
            net,
            composite,
            types,
        })
    }

    /// Relevance on one to three outputs of each head, for `targets` targets.
    fn draw(&self, targets: usize, seed: u64) -> Seeds {
        let mut random = Random(!seed);
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
    fn explain(&mut self, seeds: &Seeds) -> Result<Array4<f32>> {
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

    /// The slow answer for target `n`.
    fn slowly<T: slow::Number>(
        &self,
        seeds: &Seeds,
        n: usize,
        stabiliser: f32,
    ) -> Result<Vec<f64>> {
        let rule = |tensor: usize| self.composite.rule(self.types[&Net::name(tensor)]);
        let seeds = self.of_target(seeds, n);
        let tensors = slow::forward::<T>(&self.net);
        let add = self.composite.add;
        let relevance = slow::relevance(&self.net, &tensors, rule, add, &seeds, stabiliser);
        Ok(relevance.into_iter().map(Into::into).collect())
    }

    /// The slow answer in float64 for each target. Networks whose answer hangs on a cancelling denominator, or is nothing at all, are passed over.
    fn truth(&self, seeds: &Seeds) -> Result<Vec<Vec<f64>>, TestCaseError> {
        let targets = seeds[0].len_of(Axis(0));
        (0..targets)
            .map(|n| {
                let exact = self.slowly::<f64>(seeds, n, STABILISER).map_err(fail)?;
                let rounded = self
                    .slowly::<f32>(seeds, n, 2.0 * STABILISER)
                    .map_err(fail)?;
                // Not a number where nothing arrives.
                if difference(&rounded, &exact) < CONDITION {
                    Ok(exact)
                } else {
                    Err(TestCaseError::reject(
                        "a denominator cancels, or nothing arrives",
                    ))
                }
            })
            .collect()
    }
}

/// Largest difference as a share of the largest |expected|.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    let differences = found.iter().zip(expected).map(|(f, e)| f - e);
    largest(differences) / largest(expected.iter().copied())
}

/// Largest size; not a number if one of them is none.
fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let sizes = values.into_iter().map(f64::abs);
    sizes.fold(0.0, |most, size| {
        if size > most || size.is_nan() {
            size
        } else {
            most
        }
    })
}

fn target(relevance: &Array4<f32>, n: usize) -> Vec<f64> {
    let target = relevance.index_axis(Axis(0), n);
    target.iter().map(|&r| f64::from(r)).collect()
}

fn check(error: f64, limit: f64, what: &str) -> Result<(), TestCaseError> {
    if error <= limit {
        Ok(())
    } else {
        Err(TestCaseError::fail(format!("{what}: off by {error:.1e}")))
    }
}

#[test]
fn the_engine_equals_the_definition() {
    let worst = Cell::new(0f64);
    holds(400, (recipes(), composites()), |(recipe, composite)| {
        let mut case = Case::new(&recipe, &composite).map_err(fail)?;
        let seeds = case.draw(2, recipe.seed);
        let expected = case.truth(&seeds)?;
        let found = case.explain(&seeds).map_err(fail)?;
        for (n, expected) in expected.iter().enumerate() {
            let error = difference(&target(&found, n), expected);
            check(error, TOLERANCE, "relevance")?;
            worst.set(worst.get().max(error));
        }
        Ok(())
    });
    println!("worst error {:.1e}", worst.get());
}

#[test]
fn rescaling_layers_equal_their_definition() {
    let worst = Cell::new(0f64);
    let strategy = (recipes(), select(vec![0.05f32, 0.75, 2.0]));
    holds(200, strategy, |(recipe, tolerance)| {
        let rule = format!("rescale:{tolerance}");
        let composite = format!(
            "classification={rule},localization={rule},high={rule},low={rule},pixels={rule}"
        );
        let mut case = Case::new(&recipe, &composite).map_err(fail)?;
        let seeds = case.draw(1, recipe.seed);
        let of_target = case.of_target(&seeds, 0);
        let (exact, rounded) = (
            slow::forward::<f64>(&case.net),
            slow::forward::<f32>(&case.net),
        );
        let exact = slow::rescaled(&case.net, &exact, tolerance, &of_target, STABILISER);
        let rounded = slow::rescaled(&case.net, &rounded, tolerance, &of_target, STABILISER);
        let rounded: Vec<f64> = rounded.into_iter().map(f64::from).collect();
        let conditioned = difference(&rounded, &exact) < CONDITION;
        if !conditioned {
            return Err(TestCaseError::reject(
                "an output near 0, or nothing arrives",
            ));
        }
        let found = case.explain(&seeds).map_err(fail)?;
        let error = difference(&target(&found, 0), &exact);
        worst.set(worst.get().max(error));
        check(error, TOLERANCE, "relevance")
    });
    println!("worst error {:.1e}", worst.get());
}

#[test]
fn relevance_is_linear_in_the_seed() {
    holds(
        80,
        (recipes(), composites(), -2f32..2.0, -2f32..2.0),
        |(recipe, composite, a, b)| {
            let mut case = Case::new(&recipe, &composite).map_err(fail)?;
            let seeds = case.draw(2, recipe.seed);
            case.truth(&seeds)?;
            let mixed: Seeds = seeds
                .iter()
                .map(|seed| {
                    let [first, second] = [0, 1].map(|n| seed.index_axis(Axis(0), n));
                    (&first * a + &second * b).insert_axis(Axis(0))
                })
                .collect();
            let parts = case.explain(&seeds).map_err(fail)?;
            let whole = target(&case.explain(&mixed).map_err(fail)?, 0);
            let [first, second] = [(0, a), (1, b)].map(|(n, factor)| {
                let part = target(&parts, n).into_iter();
                part.map(|r| r * f64::from(factor)).collect::<Vec<f64>>()
            });
            let sum = first.iter().zip(&second).map(|(x, y)| x + y);
            let off = largest(sum.zip(&whole).map(|(sum, whole)| sum - whole));
            // Where the parts cancel, rounding is still that of the parts.
            let size = largest(first.iter().zip(&second).map(|(x, y)| x.abs() + y.abs()));
            check(off / size, TOLERANCE, "the sum")
        },
    );
}

#[test]
fn a_contrast_turns_around_with_its_sides() {
    holds(80, (recipes(), composites()), |(recipe, composite)| {
        let mut case = Case::new(&recipe, &composite).map_err(fail)?;
        let seeds = case.draw(2, recipe.seed);
        case.truth(&seeds)?;
        let contrasts: Seeds = seeds
            .iter()
            .map(|seed| {
                let [one, other] = [0, 1].map(|n| seed.index_axis(Axis(0), n));
                let both = [&one - &other, &other - &one].map(|s| s.insert_axis(Axis(0)));
                concatenate![Axis(0), both[0], both[1]]
            })
            .collect();
        let found = case.explain(&contrasts).map_err(fail)?;
        let turned: Vec<f64> = target(&found, 1).into_iter().map(|r| -r).collect();
        check(
            difference(&target(&found, 0), &turned),
            0.0,
            "the other side",
        )
    });
}

#[test]
fn a_batch_is_the_same_as_one_by_one() {
    holds(80, (recipes(), composites()), |(recipe, composite)| {
        let mut case = Case::new(&recipe, &composite).map_err(fail)?;
        let seeds = case.draw(3, recipe.seed);
        case.truth(&seeds)?;
        let batch = case.explain(&seeds).map_err(fail)?;
        for n in 0..3 {
            let one = seeds.iter().map(|seed| seed.index_axis(Axis(0), n));
            let one: Seeds = one
                .map(|seed| seed.insert_axis(Axis(0)).to_owned())
                .collect();
            let alone = target(&case.explain(&one).map_err(fail)?, 0);
            check(difference(&target(&batch, n), &alone), 1e-5, "one alone")?;
        }
        Ok(())
    });
}

/// ΣR of the picture against ΣR of the seed, as a share of Σ|R|. An output that is 0 has nothing to divide, and starts with nothing.
fn loss(recipe: &Recipe, composite: &str) -> Result<f64, TestCaseError> {
    let mut case = Case::new(recipe, composite).map_err(fail)?;
    let mut seeds = case.draw(1, recipe.seed);
    let tensors = slow::forward::<f64>(&case.net);
    for (&head, seed) in case.net.heads.iter().zip(&mut seeds) {
        for (r, &value) in seed.iter_mut().zip(&tensors[head]) {
            *r *= f32::from(value != 0.0);
        }
    }
    case.truth(&seeds)?;
    let relevance = target(&case.explain(&seeds).map_err(fail)?, 0);
    let put: f64 = seeds.iter().flatten().map(|&r| f64::from(r)).sum();
    let size: f64 = relevance.iter().map(|r| r.abs()).sum();
    Ok((relevance.iter().sum::<f64>() - put).abs() / size)
}

#[test]
fn rules_of_the_weights_alone_lose_nothing() {
    let strategy = (recipes(), everywhere(&["flat", "w2"]));
    holds(80, strategy, |(recipe, composite)| {
        let loss = loss(&recipe.without_gaps(), &composite)?;
        check(loss, TOLERANCE, "ΣR")
    });
}

#[test]
fn without_biases_the_rules_of_products_lose_nothing() {
    let strategy = (recipes(), everywhere(&["simple", "abs", "gamma:0.25"]));
    holds(80, strategy, |(recipe, composite)| {
        let loss = loss(&recipe.without_gaps().without_bias(), &composite)?;
        check(loss, TOLERANCE, "ΣR")
    });
}
