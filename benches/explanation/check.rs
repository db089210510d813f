//! What the check of one explanation costs: forward passes without the reddest part, and without as much elsewhere.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use bench_report::Record;
use ssdcrp::check::{Checker, DRAWS};
use ssdcrp::crp::Propagator;
use ssdcrp::detect::{Detector, Model};
use ssdcrp::runtime::SessionOptions;

use super::milliseconds;
use super::rows::{Pictures, VIDEO};

/// Keeps a record of it, as multiples of the forward pass beside it; none where the model sees nothing in the picture.
pub fn measure(
    section: &str,
    model: &Arc<Model>,
    pictures: &Pictures,
    rounds: usize,
    threads: usize,
) -> Result<()> {
    let Some(target) = pictures.of_kite.first() else {
        return Ok(());
    };
    let options = SessionOptions::on_threads(threads);
    let mut detector = Detector::new(model.clone(), options)?;
    let mut explainer = Propagator::new(model.clone(), VIDEO.parse()?, options)?;
    let forward = detector.forward(pictures.kite.clone())?;
    let explanations = explainer.explain(&forward, std::slice::from_ref(target))?;
    let explanation = explanations.first().context("there is no explanation")?;
    let map = explanation.map();
    let mut ratios = Vec::new();
    let mut times = Vec::new();
    // The first round warms caches; it is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        detector.forward(pictures.kite.clone())?;
        let plain = milliseconds(started);
        let started = Instant::now();
        let mut checker = Checker::new(model, &mut detector, &forward);
        checker.check(&explanation.question, &map)?;
        let elapsed = milliseconds(started);
        if round > 0 {
            ratios.push(elapsed / plain);
            times.push(elapsed);
        }
    }
    let row = format!("the check of one explanation, {DRAWS} draws");
    let time = Record::of(section, &row, "ms", &times)?.quartiles.median;
    Record::of(section, &row, "F", &ratios)?
        .with(format!("{} forward passes", DRAWS + 1))
        .with(format!("{time:.1} ms"))
        .keep()?;
    Ok(())
}
