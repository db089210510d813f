//! How long explanations take, as multiples of the forward pass F measured beside them: `cargo bench --bench explanation`.
//!
//! All rows are measured in turn, round by round, so that a noisy machine disturbs them alike, and each ratio is taken within its round. A row is what the product does: a forward pass that
//! hands over what the explanation reads, and the explanation. Beside it stands the floor: what of it would be left if convolutions were all, as multiples of F's own. The last row is the check of
//! one explanation.
//!
//! `ROUNDS` (default 15) sets the number of rounds, `THREADS` (default 1) ONNX Runtime's threads, `BENCH_MODEL` another model's file, `PROVIDER` (default cpu) an execution provider that is measured
//! beside the CPU, and `BENCH_ROWS` which rows there are: `few`, `some` (the default), or `all` presets, heads and numbers of targets, preset by preset.

mod check;
mod engine;
mod floor;
mod rows;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bench_report::{Record, setting};
use ssdcrp::detect::{Detector, Model, NetworkInput};
use ssdcrp::runtime::{ExecutionProvider, SessionOptions};

use engine::Engine;
use floor::Floors;
use rows::{Choice, Pictures, Row};

/// What was measured of a group of rows that took turns.
struct Measured {
    /// Milliseconds.
    forward: Vec<f64>,
    /// Forward passes that hand over, as multiples of F, and of which engine each is.
    handing: Vec<(String, Vec<f64>)>,
    /// Milliseconds of each row, and multiples of the round's F.
    rows: Vec<(Vec<f64>, Vec<f64>)>,
}

fn main() -> Result<()> {
    let rounds = setting("ROUNDS", 15)?;
    let threads = setting("THREADS", 1)?;
    let provider = setting("PROVIDER", ExecutionProvider::Cpu)?;
    let choice = setting("BENCH_ROWS", Choice::Some)?;
    let model = match std::env::var_os("BENCH_MODEL") {
        Some(path) => Model::open(Path::new(&path))?,
        None => Model::built_in()?,
    };
    let model = Arc::new(model);
    let pictures = Pictures::new(&model, threads)?;
    let name = &model.manifest.name;
    let mut section = format!("Explanation: {name}, {}", counted(threads, "thread"));
    if provider != ExecutionProvider::Cpu {
        section += &format!(", {provider} beside cpu");
    }
    println!("{section}; {}", counted(rounds, "round"));
    let mut floors = Floors::new(model.clone())?;
    for (index, group) in choice
        .groups(&pictures, &model, provider)?
        .iter()
        .enumerate()
    {
        let measured = measure(&model, &pictures.person, group, rounds, threads)?;
        // Once is enough of what all groups have.
        if index == 0 {
            let millions = floors.forward() as f64 / 1e6;
            Record::of(&section, "the forward pass, F", "ms", &measured.forward)?
                .with(format!("{millions:.0} million multiplications"))
                .keep()?;
        }
        for (engine, ratios) in &measured.handing {
            let row = format!("{engine}, the forward pass that hands over");
            Record::of(&section, &row, "F", ratios)?.keep()?;
        }
        for (row, (times, ratios)) in group.iter().zip(&measured.rows) {
            let time = Record::of(&section, &row.name, "ms", times)?
                .quartiles
                .median;
            let floor = floors.of(&row.composite, &row.targets)?;
            Record::of(&section, &row.name, "F", ratios)?
                .aiming(rows::aim(row, name, threads))
                .with(format!("floor {floor:.2} F"))
                .with(format!("{time:.1} ms"))
                .keep()?;
        }
    }
    check::measure(&section, &model, &pictures, rounds, threads)
}

fn counted(count: usize, of: &str) -> String {
    match count {
        1 => format!("1 {of}"),
        _ => format!("{count} {of}s"),
    }
}

/// Rows in turn.
fn measure(
    model: &Arc<Model>,
    picture: &NetworkInput,
    group: &[Row],
    rounds: usize,
    threads: usize,
) -> Result<Measured> {
    let options = SessionOptions::on_threads(threads);
    let mut plain = Detector::new(model.clone(), options)?;
    let mut engines: Vec<Engine> = Vec::new();
    let mut measured = Measured {
        forward: vec![],
        handing: vec![],
        rows: vec![(vec![], vec![]); group.len()],
    };
    let mut places = Vec::new();
    for row in group {
        let known = engines.iter_mut().position(|engine| engine.takes(row));
        places.push(match known {
            Some(place) => place,
            None => {
                engines.push(Engine::new(model, row, threads)?);
                engines.len() - 1
            }
        });
    }
    let names = engines.iter().map(Engine::name);
    measured.handing = names.map(|name| (name, vec![])).collect();
    // The first round compiles graphs and warms caches; it is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        plain.forward(picture.clone())?;
        let forward = milliseconds(started);
        if round > 0 {
            measured.forward.push(forward);
        }
        for (engine, (_, ratios)) in engines.iter_mut().zip(&mut measured.handing) {
            let elapsed = engine.forward(picture)?;
            if round > 0 {
                ratios.push(elapsed / forward);
            }
        }
        for ((row, place), (times, ratios)) in group.iter().zip(&places).zip(&mut measured.rows) {
            let elapsed = engines[*place].explain(row)?;
            if round > 0 {
                times.push(elapsed);
                ratios.push(elapsed / forward);
            }
        }
    }
    Ok(measured)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
