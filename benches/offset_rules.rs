//! Which rules explain an offset best, by the kind of offset and by head: `cargo bench --bench offset_rules`.
//!
//! In: the pictures of `PICTURES` (a folder; default: those that `setup/media.sh pictures` puts into the cache); `BENCH_MODEL` names another model's file, `LEAST` (default 0.3) the least
//! score, `MOST` (default 2) the most detections of a picture, `DELETION` what takes the place of deleted blocks (`blurred` or `mean-colour`). Out: a table in Markdown. The largest
//! offset of each detection is explained, and judged as in the column *largest offset* of `ssdcrp evaluate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};
use bench_report::setting;
use ssdcrp::crp::{Contrast, Quantity, Target};
use ssdcrp::detect::manifest::Offset;
use ssdcrp::detect::{Detector, Model, Thresholds};
use ssdcrp::evaluate::deletion::curves;
use ssdcrp::evaluate::{Column, EvaluatedPhoto, Mean, Method, MethodSpec, Replacement};
use ssdcrp::perturbation::{BLOCK, Blocks, First};
use ssdcrp::runtime::SessionOptions;

/// What is tried: in words, how `evaluate` names it, and what the offset is contrasted with.
const RULES: [(&str, &str, Contrast); 10] = [
    ("`crp`", "crp", Contrast::None),
    (
        "the same offset of the cell's other shapes subtracted",
        "crp",
        Contrast::Mean,
    ),
    (
        "the layer's bias keeps nothing: abs in the localization layers",
        "localization=abs",
        Contrast::None,
    ),
    (
        "the same: z⁺ in the localization layers",
        "localization=zplus",
        Contrast::None,
    ),
    (
        "high level: rescale:0.75",
        "localization-high=rescale:0.75",
        Contrast::None,
    ),
    (
        "high level: rescale:2",
        "localization-high=rescale:2",
        Contrast::None,
    ),
    (
        "high level: epsilon:0.1std",
        "localization-high=epsilon:0.1std",
        Contrast::None,
    ),
    ("high level: z⁺", "localization-high=zplus", Contrast::None),
    ("DeepLIFT", "deeplift", Contrast::None),
    ("random", "random", Contrast::None),
];

/// One detection's offset, and how each rule did.
struct Answer {
    offset: Offset,
    head: usize,
    scores: Vec<f64>,
}

fn main() -> Result<()> {
    let (least, most) = (setting("LEAST", 0.3)?, setting("MOST", 2)?);
    let replacement: Replacement = setting("DELETION", Replacement::default())?;
    let model = match std::env::var_os("BENCH_MODEL") {
        Some(path) => Model::open(Path::new(&path))?,
        None => Model::built_in()?,
    };
    let model = Arc::new(model);
    let mut detector = Detector::new(model.clone(), SessionOptions::default())?;
    let thresholds = Thresholds {
        score: least,
        ..Thresholds::from(&model.manifest.detection)
    };
    let mut methods: Vec<Box<dyn Method>> = Vec::new();
    let mut answers = Vec::new();
    for path in pictures()? {
        let picture = image::open(&path)?.into_rgb8();
        let name = path.display().to_string();
        let photo = EvaluatedPhoto::look(name, &picture, &model, &mut detector, thresholds, most)?
            .with_replacement(replacement);
        if methods.is_empty() {
            for (_, name, _) in &RULES {
                let spec = MethodSpec::baseline(name).or_else(|_| MethodSpec::composite(name))?;
                methods.push(spec.method(&model, &photo, 0, SessionOptions::default())?);
            }
        }
        judge(&photo, &model, &mut detector, &mut methods, &mut answers)?;
        eprintln!("{}: {} offsets so far", path.display(), answers.len());
    }
    ensure!(!answers.is_empty(), "nothing scores above {least}");
    print(&model, replacement, &answers);
    Ok(())
}

/// Files of the folder, in the order of their names.
fn pictures() -> Result<Vec<PathBuf>> {
    let home = std::env::var("HOME").unwrap_or_default();
    let folder: String = setting("PICTURES", format!("{home}/.cache/ssdcrp/pictures"))?;
    let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Explains and judges the largest offset of each of the photo's detections.
fn judge(
    photo: &EvaluatedPhoto,
    model: &Model,
    detector: &mut Detector,
    methods: &mut [Box<dyn Method>],
    answers: &mut Vec<Answer>,
) -> Result<()> {
    let (_, _, height, width) = photo.reference.dim();
    let blocks = Blocks::new(height, width, BLOCK);
    for subject in &photo.subjects {
        let target = Column::Offset.target(subject);
        let quantities = Quantity::all(std::slice::from_ref(&target), model, &photo.forward)?;
        let mut scores = Vec::with_capacity(methods.len());
        for (method, (_, _, contrast)) in methods.iter_mut().zip(&RULES) {
            let asked = Target {
                contrast: Some(contrast.clone()),
                ..target.clone()
            };
            for answer in method.explain(photo, &[asked])? {
                let orders =
                    [First::Most, First::Least].map(|first| blocks.order(&answer.map, first));
                let curves = curves(detector, photo, blocks, &orders, &quantities)?;
                scores.extend(curves.iter().map(|curve| curve.score()));
            }
        }
        answers.push(Answer {
            offset: subject.offset,
            head: (model.layout.locate(subject.detection.default_box))
                .map_or(0, |place| place.head),
            scores,
        });
    }
    Ok(())
}

/// The mean of each rule, over all answers and by kind and head, and by how much the first rule is ahead of it on the same detections.
fn print(model: &Model, replacement: Replacement, answers: &[Answer]) {
    let is_of_place = |answer: &Answer| matches!(answer.offset, Offset::Cx | Offset::Cy);
    let last = answers.iter().map(|answer| answer.head).max().unwrap_or(0);
    let mut groups: Vec<(String, Vec<&Answer>)> = vec![
        ("all".to_owned(), answers.iter().collect()),
        (
            "centre".to_owned(),
            answers.iter().filter(|a| is_of_place(a)).collect(),
        ),
        (
            "size".to_owned(),
            answers.iter().filter(|a| !is_of_place(a)).collect(),
        ),
    ];
    groups.extend((0..=last).map(|head| {
        let of_head = answers.iter().filter(|answer| answer.head == head);
        (format!("head {head}"), of_head.collect())
    }));
    groups.retain(|(_, answers)| !answers.is_empty());

    let titles = groups
        .iter()
        .map(|(name, answers)| format!("{name} ({})", answers.len()));
    let titles: Vec<String> = titles.collect();
    println!("{}, deleted to {replacement}\n", model.manifest.name);
    println!("| rule | {} | `crp` is higher by |", titles.join(" | "));
    println!("|{}", "---|".repeat(titles.len() + 2));
    for (rule, (words, ..)) in RULES.iter().enumerate() {
        let means = groups.iter().map(|(_, answers)| {
            let sum: f64 = answers.iter().map(|answer| answer.scores[rule]).sum();
            format!("{:.2}", sum / answers.len() as f64)
        });
        let means: Vec<String> = means.collect();
        let ahead = answers.iter().map(|a| a.scores[0] - a.scores[rule]);
        let ahead = Mean::of(&ahead.collect::<Vec<f64>>(), 0).filter(|_| rule > 0);
        let ahead =
            ahead.map(|Mean { mean, low, high }| format!("{mean:.2} [{low:.2}, {high:.2}]"));
        let ahead = ahead.unwrap_or_default();
        println!("| {words} | {} | {ahead} |", means.join(" | "));
    }
}
