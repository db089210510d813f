//! How long an explanation takes, as a multiple of the forward pass F measured beside it: `cargo bench --bench explanation`.
//!
//! All rows are measured in turn, round by round, so that a noisy machine disturbs them alike. The forward pass that detection needs anyway is counted in.
//! `ROUNDS` (default 15) sets the number of rounds, `THREADS` (default 1) ONNX Runtime's threads.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use ssdcrp::crp::{Propagator, Target, TargetOutput};
use ssdcrp::detect::{ClassRef, Detector, Model, NetworkInput, preprocess};
use ssdcrp::runtime::SessionOptions;

/// Name, composite, default boxes. Box 271 belongs to the finest head, 1457 to the second.
const ROWS: [(&str, &str, &[usize]); 4] = [
    ("crp, 1 target, finest head", "crp", &[271]),
    ("crp, 1 target, second head", "crp", &[1457]),
    (
        "crp, 8 targets, finest head",
        "crp",
        &[271, 272, 273, 274, 275, 276, 277, 278],
    ),
    (
        "lrp-alpha1beta0, 1 target, finest head",
        "lrp-alpha1beta0",
        &[271],
    ),
];

fn main() -> Result<()> {
    let setting = |name: &str, default: usize| -> Result<usize> {
        std::env::var(name).map_or(Ok(default), |v| {
            v.parse().with_context(|| format!("{name}={v}"))
        })
    };
    let (rounds, threads) = (setting("ROUNDS", 15)?, setting("THREADS", 1)?);
    let model = Arc::new(Model::built_in()?);
    let photo = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/ssdlite/person.png"
    );
    let photo = image::open(photo)?.into_rgb8();
    let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    let options = SessionOptions::on_threads(threads);
    let mut detector = Detector::new(model.clone(), options)?;
    let mut rows = Vec::new();
    for (name, composite, boxes) in ROWS {
        let explainer = Propagator::new(model.clone(), composite.parse()?, options)?;
        rows.push((name, explainer, boxes, Vec::new()));
    }
    let mut forward_times = Vec::new();
    // The first round compiles graphs and warms caches; it is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        detector.forward(input.clone())?;
        let forward_time = started.elapsed().as_secs_f64() * 1e3;
        for (_, explainer, boxes, times) in &mut rows {
            let elapsed = explain(&mut detector, explainer, &input, boxes)?;
            if round > 0 {
                times.push(elapsed);
            }
        }
        if round > 0 {
            forward_times.push(forward_time);
        }
    }
    println!("{rounds} rounds, {threads} threads; median (least, most)");
    let f = report("forward pass F", &mut forward_times, None);
    for (name, _, _, times) in &mut rows {
        report(name, times, Some(f));
    }
    Ok(())
}

/// Milliseconds of a forward pass and the explanation of the best class at each of `boxes`.
fn explain(
    detector: &mut Detector,
    explainer: &mut Propagator,
    input: &NetworkInput,
    boxes: &[usize],
) -> Result<f64> {
    let input = input.clone();
    let started = Instant::now();
    let forward = detector.forward(input)?;
    let targets: Vec<Target> = boxes
        .iter()
        .map(|&default_box| Target {
            default_box,
            output: TargetOutput::Class(ClassRef::Name("person".to_owned())),
            contrast: None,
        })
        .collect();
    explainer.explain(&forward, &targets)?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Prints a row and returns its median.
fn report(name: &str, times: &mut [f64], forward: Option<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let ratio = forward.map_or(String::new(), |f| format!("  {:5.2} F", median / f));
    println!(
        "{name:42} {median:7.1} ms ({:.1}, {:.1}){ratio}",
        times[0],
        times[times.len() - 1]
    );
    median
}
