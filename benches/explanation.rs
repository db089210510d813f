//! How long explanations take, as multiples of the forward pass F measured beside them: `cargo bench --bench explanation`.
//!
//! All rows are measured in turn, round by round, so that a noisy machine disturbs them alike, and each ratio is taken within its round. A row is what the product does: a forward pass that hands over what
//! the explanation reads, and the explanation. `ROUNDS` (default 15) sets the number of rounds, `THREADS` (default 1) ONNX Runtime's threads, `BENCH_MODEL` another model's file.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use ssdcrp::crp::{PRESETS, Propagator, Target, TargetOutput};
use ssdcrp::detect::{ClassId, ClassRef, Detector, Model, NetworkInput, preprocess};
use ssdcrp::runtime::SessionOptions;

/// So many targets, in neighbouring boxes.
const TARGETS: [usize; 4] = [1, 4, 8, 16];

/// A row of the table.
struct Row {
    name: String,
    explainer: Propagator,
    detector: Detector,
    boxes: Vec<usize>,
    /// Milliseconds, and multiples of the round's F.
    times: Vec<f64>,
    ratios: Vec<f64>,
}

fn main() -> Result<()> {
    let setting = |name: &str, default: usize| -> Result<usize> {
        std::env::var(name).map_or(Ok(default), |v| {
            v.parse().with_context(|| format!("{name}={v}"))
        })
    };
    let (rounds, threads) = (setting("ROUNDS", 15)?, setting("THREADS", 1)?);
    let options = SessionOptions::on_threads(threads);
    let model = match std::env::var_os("BENCH_MODEL") {
        Some(path) => Model::open(std::path::Path::new(&path))?,
        None => Model::built_in()?,
    };
    let model = Arc::new(model);
    let photo = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/ssdlite/person.png"
    );
    let photo = image::open(photo)?.into_rgb8();
    let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    let mut plain = Detector::new(model.clone(), options)?;
    let mut rows = rows(&model, options)?;
    let mut forward_times = Vec::new();
    let mut hand_ratios = Vec::new();
    // The first round compiles graphs and warms caches; it is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        plain.forward(input.clone())?;
        let forward = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        rows[0].detector.forward(input.clone())?;
        let handing = started.elapsed().as_secs_f64() * 1e3;
        for row in &mut rows {
            let elapsed = explain(row, &input)?;
            if round > 0 {
                row.times.push(elapsed);
                row.ratios.push(elapsed / forward);
            }
        }
        if round > 0 {
            forward_times.push(forward);
            hand_ratios.push(handing / forward);
        }
    }
    println!(
        "{rounds} rounds, {threads} threads, {}; medians (quartiles)",
        model.manifest.name
    );
    report(&mut forward_times, &mut hand_ratios, &mut rows);
    Ok(())
}

fn report(forward: &mut [f64], handing: &mut [f64], rows: &mut [Row]) {
    println!("{:52} {}", "forward pass F", quartiles(forward, "ms"));
    println!(
        "{:52} {}",
        "forward pass that hands over (crp-features)",
        quartiles(handing, "F")
    );
    for row in rows {
        let (ratio, time) = (
            quartiles(&mut row.ratios, "F"),
            quartiles(&mut row.times, "ms"),
        );
        println!("{:52} {ratio}  {time}", row.name);
    }
}

fn rows(model: &Arc<Model>, options: SessionOptions) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let heads = heads(model);
    for (head, name) in [
        (0, "finest head"),
        (1, "second head"),
        (heads.len() - 1, "coarsest head"),
    ] {
        for &targets in &TARGETS {
            let boxes: Vec<usize> = heads[head].clone().take(targets).collect();
            if boxes.len() == targets {
                rows.push(row(model, "crp-features", boxes, name, options)?);
            }
        }
    }
    for composite in PRESETS.into_iter().filter(|&name| name != "crp-features") {
        for targets in [1, 8] {
            let boxes = heads[0].clone().take(targets).collect();
            rows.push(row(model, composite, boxes, "finest head", options)?);
        }
    }
    rows.push(row(
        model,
        "crp",
        heads[1].clone().take(1).collect(),
        "second head",
        options,
    )?);
    Ok(rows)
}

/// The default boxes of each head, in the middle of its map, where receptive fields are whole.
fn heads(model: &Model) -> Vec<impl Iterator<Item = usize> + Clone + use<>> {
    let last = model.layout.len() - 1;
    let head_of = |index: usize| {
        model
            .layout
            .locate(index)
            .map_or(0, |location| location.head)
    };
    let heads = head_of(last) + 1;
    (0..heads)
        .map(|head| {
            let all: Vec<usize> = (0..=last).filter(|&index| head_of(index) == head).collect();
            let middle = all.len().saturating_sub(TARGETS[3]) / 2;
            all.into_iter().skip(middle)
        })
        .collect()
}

fn row(
    model: &Arc<Model>,
    composite: &str,
    boxes: Vec<usize>,
    head: &str,
    options: SessionOptions,
) -> Result<Row> {
    let mut explainer = Propagator::new(model.clone(), composite.parse()?, options)?;
    let handed = explainer.reads().to_vec();
    Ok(Row {
        name: format!("{composite}, N = {}, {head}", boxes.len()),
        detector: Detector::handing_over(model.clone(), handed, options)?,
        explainer,
        boxes,
        times: vec![],
        ratios: vec![],
    })
}

/// Milliseconds of a forward pass and the explanation of one class at each of the row's boxes.
fn explain(row: &mut Row, input: &NetworkInput) -> Result<f64> {
    let input = input.clone();
    let started = Instant::now();
    let forward = row.detector.forward(input)?;
    let targets = row.boxes.iter().map(|&default_box| Target {
        default_box,
        output: TargetOutput::Class(ClassRef::Id(ClassId(1))),
        contrast: None,
    });
    row.explainer
        .explain(&forward, &targets.collect::<Vec<_>>())?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

fn quartiles(values: &mut [f64], unit: &str) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    format!("{:6.2} {unit} ({:.2}, {:.2})", at(0.5), at(0.25), at(0.75))
}
