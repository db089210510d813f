//! How often explanations pass their own check, by the share of the picture that is taken away: `cargo bench --bench check_shares`.
//!
//! In: the photos of the cache; `BENCH_MODEL` names another model's file, `LEAST` (default 0.3) the least score, `MOST` (default 5) the most detections of a photo. Out: a table in Markdown. Of each
//! detection the three quantities of an evaluation are asked; beside the composites of stills and videos stand maps that know nothing (random), and maps that know the box and nothing else.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bench_report::setting;
use ndarray::Array2;
use ssdcrp::check::Checker;
use ssdcrp::crp::{Composite, Propagator, Target};
use ssdcrp::detect::{Detector, Model, Thresholds, preprocess};
use ssdcrp::evaluate::{Column, EvaluatedPhoto, Random};
use ssdcrp::perturbation::{BLOCK, Blocks};
use ssdcrp::runtime::SessionOptions;

#[path = "../tests/cache/mod.rs"]
mod cache;

const PHOTOS: [&str; 7] = [
    "dog", "eagle", "giraffe", "horses", "kite", "person", "scream",
];
const MAPS: [&str; 4] = ["crp", "crp-features", "the box alone", "random"];
/// Random maps of each question, so that their rate is known as well as the others'.
const RANDOM: usize = 2;

/// How much is taken away: a share of the picture, or a multiple of the box's area between two shares of the picture.
#[derive(Clone, Copy)]
enum Taken {
    Share(f64),
    OfBox(f64),
}

const TAKEN: [Taken; 5] = [
    Taken::Share(0.02),
    Taken::Share(0.04),
    Taken::Share(0.08),
    Taken::Share(0.16),
    Taken::OfBox(0.5),
];

impl Taken {
    /// The share of the picture, of a detection with a box of this area.
    fn share(self, area: f64) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::OfBox(times) => (times * area).clamp(0.02, 0.16),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Share(share) => format!("{:.0} %", 100.0 * share),
            Self::OfBox(times) => format!("{times} of the box, 2 to 16 %"),
        }
    }
}

/// Passes and tries, for each way of taking, map and column.
type Counts = [[[(usize, usize); 3]; MAPS.len()]; TAKEN.len()];

fn main() -> Result<()> {
    let (least, most) = (setting("LEAST", 0.3)?, setting("MOST", 5)?);
    let model = match std::env::var_os("BENCH_MODEL") {
        Some(path) => Model::open(Path::new(&path))?,
        None => Model::built_in()?,
    };
    let model = Arc::new(model);
    let options = SessionOptions::default();
    let mut detector = Detector::new(model.clone(), options)?;
    let mut explainers = Vec::new();
    for name in &MAPS[..2] {
        let composite: Composite = name.parse()?;
        explainers.push(Propagator::new(model.clone(), composite, options)?);
    }
    let mut random = Random::new(1, "random maps");
    let mut counts = Counts::default();
    for name in PHOTOS {
        let picture = image::open(cache::cached(&format!("photos/{name}.jpg")))?.into_rgb8();
        let input = preprocess::sample(&picture, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let thresholds = Thresholds {
            score: least,
            ..Thresholds::from(&model.manifest.detection)
        };
        let detections = detector.detections(&forward, thresholds)?;
        let photo = EvaluatedPhoto::new(name.to_owned(), forward, &detections, most, &model)?;
        count(
            &photo,
            &model,
            &mut detector,
            &mut explainers,
            &mut random,
            &mut counts,
        )?;
        eprintln!("{name}: {} detections", photo.subjects.len());
    }
    print(&model, &counts);
    Ok(())
}

fn count(
    photo: &EvaluatedPhoto,
    model: &Arc<Model>,
    detector: &mut Detector,
    explainers: &mut [Propagator],
    random: &mut Random,
    counts: &mut Counts,
) -> Result<()> {
    let (_, _, height, width) = photo.reference.dim();
    let blocks = Blocks::new(height, width, BLOCK);
    for subject in &photo.subjects {
        let edges = subject
            .detection
            .rect
            .edges()
            .map(|edge| edge.clamp(0.0, 1.0));
        let [x0, y0, x1, y1] = edges.map(f64::from);
        let of_box = Array2::from_shape_fn((height, width), |(y, x)| {
            let at = |place: usize, side: usize| (place as f64 + 0.5) / side as f64;
            let is_in = (x0..x1).contains(&at(x, width)) && (y0..y1).contains(&at(y, height));
            f32::from(u8::from(is_in))
        });
        for (column, asked) in Column::ALL.into_iter().enumerate() {
            let target: Target = asked.target(subject);
            let question = target.ask(model, &Composite::default(), &photo.forward)?;
            let mut maps = Vec::new();
            for (index, explainer) in explainers.iter_mut().enumerate() {
                let explained = explainer.explain(&photo.forward, std::slice::from_ref(&target))?;
                maps.push((index, explained.first().context("no explanation")?.map()));
            }
            maps.push((2, of_box.clone()));
            for _ in 0..RANDOM {
                let values = (0..blocks.count()).map(|_| (2.0 * random.unit() - 1.0) as f32);
                maps.push((3, blocks.spread(&values.collect::<Vec<_>>())));
            }
            for (taken, rows) in TAKEN.iter().zip(counts.iter_mut()) {
                let share = taken.share((x1 - x0) * (y1 - y0));
                for (index, map) in &maps {
                    let checker = Checker::with(model, detector, &photo.forward, &photo.reference);
                    let check = checker.of_share(share).check(&question, map)?;
                    let (passes, tries) = &mut rows[*index][column];
                    *passes += usize::from(check.passed());
                    *tries += 1;
                }
            }
        }
    }
    Ok(())
}

fn print(model: &Model, counts: &Counts) {
    let (_, tries) = counts[0][0][0];
    println!("{}, {tries} detections\n", model.manifest.name);
    println!("| taken away | map | vs mean of others | vs runner-up | largest offset | all |");
    println!("|---|---|---|---|---|---|");
    for (taken, rows) in TAKEN.iter().zip(counts) {
        for (map, columns) in MAPS.iter().zip(rows) {
            let passes: usize = columns.iter().map(|(passes, _)| passes).sum();
            let tries: usize = columns.iter().map(|(_, tries)| tries).sum();
            let all = columns.iter().copied().chain([(passes, tries)]);
            let cells = all.map(|(passes, tries)| {
                format!("{:.0} %", 100.0 * passes as f64 / tries.max(1) as f64)
            });
            let cells: Vec<String> = cells.collect();
            println!("| {} | {map} | {} |", taken.words(), cells.join(" | "));
        }
    }
}
