//! The engine's side of `make bench-peers`: explains when it is told to, and says how long it took.
//!
//! In, a line each: `forward`, or `COMPOSITE BOX,BOX,...`, class person at each default box. Out, a line each: milliseconds, or `error: ...`; the detection's
//! forward pass is counted in. With `map` as a third word the answer is the first box's relevance instead, summed over the colours, row by row.
//! `THREADS` (default 1) sets ONNX Runtime's threads. Without the argument `serve` it does nothing, so that `cargo bench` passes it by.

use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use ssdcrp::crp::{Propagator, Target, TargetOutput};
use ssdcrp::detect::{ClassRef, Detector, Model, NetworkInput, preprocess};
use ssdcrp::runtime::SessionOptions;

fn main() -> Result<()> {
    if !std::env::args().any(|argument| argument == "serve") {
        return Ok(());
    }
    let threads = std::env::var("THREADS").map_or(Ok(1), |v| v.parse().context("THREADS"))?;
    let model = Arc::new(Model::built_in()?);
    let photo = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/ssdlite/person.png"
    );
    let photo = image::open(photo)?.into_rgb8();
    let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    let mut engine = Engine {
        detector: Detector::new(model.clone(), SessionOptions::on_threads(threads))?,
        explainers: HashMap::new(),
        model,
        input,
        threads,
    };
    for line in stdin().lock().lines() {
        let answer = match engine.answer(&line?) {
            Ok(answer) => answer,
            Err(error) => format!("error: {error:#}"),
        };
        println!("{answer}");
        stdout().flush()?;
    }
    Ok(())
}

struct Engine {
    model: Arc<Model>,
    detector: Detector,
    explainers: HashMap<String, (Detector, Propagator)>,
    input: NetworkInput,
    threads: usize,
}

impl Engine {
    fn answer(&mut self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let composite = words.next().context("an empty line")?;
        let input = self.input.clone();
        if composite == "forward" {
            let started = Instant::now();
            self.detector.forward(input)?;
            return Ok(milliseconds(started));
        }
        let boxes = words.next().context("no boxes")?.split(',');
        let targets = boxes
            .map(|default_box| {
                Ok(Target {
                    default_box: default_box.parse()?,
                    output: TargetOutput::Class(ClassRef::Name("person".to_owned())),
                    contrast: None,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if !self.explainers.contains_key(composite) {
            let options = SessionOptions::on_threads(self.threads);
            let mut made = Propagator::new(self.model.clone(), composite.parse()?, options)?;
            // As the product does: the forward pass hands over what the explanation goes on from.
            let handed = made.reads().to_vec();
            let detector = Detector::handing_over(self.model.clone(), handed, options)?;
            self.explainers
                .insert(composite.to_owned(), (detector, made));
        }
        let (detector, propagator) = self.explainers.get_mut(composite).context("just made")?;
        let started = Instant::now();
        let forward = detector.forward(input)?;
        let relevance = propagator.explain(&forward, &targets)?;
        let time = milliseconds(started);
        if words.next() != Some("map") {
            return Ok(time);
        }
        let first = relevance.first().context("no relevance")?;
        let map = first.relevance.sum_axis(ndarray::Axis(0));
        let values: Vec<String> = map.iter().map(|value| value.to_string()).collect();
        Ok(values.join(" "))
    }
}

fn milliseconds(since: Instant) -> String {
    format!("{:.4}", since.elapsed().as_secs_f64() * 1e3)
}
