//! What holds of relevance in any network, tried on random small ones: every family of operators that the compiler knows, in all combinations, under every rule.
//!
//! Each property is tried on the same networks in every run; a network that fails is made as small as it can be while it still fails, and printed.

mod build;
mod case;
mod coverage;
mod file;
mod found;
mod net;
#[path = "../random/mod.rs"]
mod random;
mod recipe;
mod slow;
mod window;

use std::cell::Cell;

use ndarray::{Axis, concatenate};
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use case::{Case, Seeds, difference, fail, largest, target};
use coverage::Coverage;
use recipe::{Recipe, recipes};

/// Largest error allowed, as a share of the largest |R|.
const TOLERANCE: f64 = 1e-4;

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

fn check(error: f64, limit: f64, what: &str) -> Result<(), TestCaseError> {
    if error <= limit {
        Ok(())
    } else {
        Err(TestCaseError::fail(format!("{what}: off by {error:.1e}")))
    }
}

#[test]
fn the_engine_equals_the_definition() {
    let (worst, coverage) = (Cell::new(0f64), Coverage::default());
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
        coverage.add(&case.net);
        Ok(())
    });
    println!("worst error {:.1e}", worst.get());
    coverage.check();
}

#[test]
fn rescaling_layers_equal_their_definition() {
    let (worst, coverage) = (Cell::new(0f64), Coverage::default());
    let strategy = (recipes(), select(vec![0.05f32, 0.75, 2.0]));
    holds(200, strategy, |(recipe, tolerance)| {
        let rule = format!("rescale:{tolerance}");
        let composite = format!(
            "classification={rule},localization={rule},high={rule},low={rule},pixels={rule}"
        );
        let mut case = Case::new(&recipe, &composite).map_err(fail)?;
        let seeds = case.draw(1, recipe.seed);
        let exact = case.rescaled(&seeds, tolerance)?;
        let found = case.explain(&seeds).map_err(fail)?;
        let error = difference(&target(&found, 0), &exact);
        worst.set(worst.get().max(error));
        check(error, TOLERANCE, "relevance")?;
        coverage.add(&case.net);
        Ok(())
    });
    println!("worst error {:.1e}", worst.get());
    coverage.check();
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
    case.leave_out_zeros(&mut seeds);
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
