//! The time of an explanation against the number of its targets.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use bench_report::{Record, exponent, setting};
use ssdcrp::crp::{Propagator, Target, TargetOutput};
use ssdcrp::detect::{ClassId, ClassRef, Detector, Model, preprocess};
use ssdcrp::runtime::SessionOptions;

const SECTION: &str = "Growth: targets, crp-features, finest head, 1 thread";
const COUNTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Measures and reports.
pub fn measure(model: &Arc<Model>) -> Result<()> {
    let rounds: usize = setting("ROUNDS", 5)?;
    let options = SessionOptions::on_threads(1);
    let photo = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/ssdlite/person.png"
    );
    let photo = image::open(photo)?.into_rgb8();
    let picture = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    let mut plain = Detector::new(model.clone(), options)?;
    let mut explainer = Propagator::new(model.clone(), "crp-features".parse()?, options)?;
    let handed = explainer.reads().to_vec();
    let mut detector = Detector::handing_over(model.clone(), handed, options)?;
    let finest = (0..model.layout.len())
        .filter(|&index| (model.layout.locate(index)).is_some_and(|location| location.head == 0));
    let finest: Vec<usize> = finest.collect();
    // In the middle of the map, where receptive fields are whole.
    let first = finest.len().saturating_sub(COUNTS[6]) / 2;
    let targets = finest.iter().skip(first).map(|&default_box| Target {
        default_box,
        output: TargetOutput::Class(ClassRef::Id(ClassId(1))),
        contrast: None,
    });
    let targets: Vec<Target> = targets.take(COUNTS[6]).collect();
    let mut ratios = COUNTS.map(|_| vec![]);
    let mut exponents = vec![];
    // The first round compiles and warms; it is not counted.
    for round in 0..=rounds {
        let started = Instant::now();
        plain.forward(picture.clone())?;
        let forward = started.elapsed().as_secs_f64();
        let mut points = vec![];
        for (&count, ratios) in COUNTS.iter().zip(&mut ratios) {
            let targets = targets.get(..count).context("the head has too few boxes")?;
            let started = Instant::now();
            let forward_pass = detector.forward(picture.clone())?;
            let passed = Instant::now();
            explainer.explain(&forward_pass, targets)?;
            points.push((count as f64, passed.elapsed().as_secs_f64()));
            if round > 0 {
                ratios.push(started.elapsed().as_secs_f64() / forward);
            }
        }
        if round > 0 {
            exponents.push(exponent(&points).context("no time passed")?);
        }
    }
    println!("{SECTION}");
    for (count, ratios) in COUNTS.iter().zip(&ratios) {
        let record = Record::of(SECTION, &format!("N = {count}"), "F", ratios)?;
        let each = record.quartiles.median / *count as f64;
        record.with(format!("{each:.2} F a target")).keep()?;
    }
    Record::of(
        SECTION,
        "time against targets, fitted",
        "exponent",
        &exponents,
    )?
    .keep()
}
