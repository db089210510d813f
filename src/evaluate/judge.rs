//! The protocol for one method and one picture: asks the method, measures its maps.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::deletion::{Curve, curves};
use super::field::FieldScores;
use super::field_curves;
use super::methods::{Attribution, Method};
use super::photo::{Column, EvaluatedPhoto, Subject};
use super::random::Random;
use super::statistics::Similarity;
use crate::check::Checker;
use crate::crp::{Composite, Contrast, Quantity, Target};
use crate::detect::{Detector, Model};
use crate::error::Result;
use crate::error::internal::ensure;
use crate::perturbation::{BLOCK, Blocks, First};

/// How alike the maps of a detection's two best classes are; 1 is blind for the class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Each class against the mean of all others.
    pub mean: Similarity,
    /// Each class by itself; only for methods that do without a contrast.
    pub plain: Option<Similarity>,
}

/// What one method is worth at one detection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DetectionScores {
    /// The method.
    pub method: String,
    /// The picture.
    pub image: String,
    /// Class of the detection.
    pub label: String,
    /// Score of the detection, 0..=1.
    pub score: f32,
    /// Default box of the detection.
    pub default_box: usize,
    /// The offset that is asked for, in its direction, such as `w+`; none of a classifier.
    pub offset: Option<String>,
    /// Deletion, in the order of [`Column::of`] the model.
    pub deletion: Vec<Curve>,
    /// Whether each column's map passes its check, in the same order.
    pub checked: Vec<bool>,
    /// Class separation.
    pub separation: Separation,
    /// Share of Σ|R| in the box, 0..=1, of the map that is judged in the first column.
    pub energy: f64,
    /// Share of the positive relevance in the box, 0..=1, of the same map.
    pub positive_energy: f64,
    /// What the field's measures say of the same map.
    pub field: FieldScores,
    /// Mean time of one map, milliseconds.
    pub millis: f64,
}

/// The place of each question about one detection in the list that the method is asked.
struct QuestionIndices {
    columns: Vec<usize>,
    /// Maps of the two best classes under the mean.
    mean: [usize; 2],
    plain: Option<[usize; 2]>,
}

/// Judges `method` at all detections of `photo`; noise depends on `seed`.
///
/// # Errors
/// What keeps the method from explaining or the network from running.
pub fn judge(
    method: &mut dyn Method,
    photo: &EvaluatedPhoto,
    model: &Model,
    detector: &mut Detector,
    seed: u64,
) -> Result<Vec<DetectionScores>> {
    if photo.subjects.is_empty() {
        return Ok(Vec::new());
    }
    let mut targets = Vec::new();
    let asked: Vec<QuestionIndices> = photo
        .subjects
        .iter()
        .map(|subject| {
            QuestionIndices::new(subject, Column::of(model), method.is_plain(), &mut targets)
        })
        .collect();
    let maps = explain(method, photo, &targets)?;
    // Of each detection the map of the first column again, of a picture that looks the same.
    let noisy = photo.noisy(detector, model, seed)?;
    let first: Vec<Target> = asked
        .iter()
        .map(|asked| targets[asked.columns[0]].clone())
        .collect();
    let repeated = explain(method, &noisy, &first)?;
    let map = |index: usize| &maps[index].map;
    let similarity = |[a, b]: [usize; 2]| Similarity::of(map(a), map(b));
    let mut rows = Vec::with_capacity(asked.len());
    for ((subject, asked), repeated) in photo.subjects.iter().zip(&asked).zip(&repeated) {
        let detection = &subject.detection;
        let column_maps: Vec<&Array2<f32>> =
            asked.columns.iter().map(|&index| map(index)).collect();
        let millis = asked
            .columns
            .iter()
            .map(|&index| maps[index].took.as_secs_f64() * 1e3);
        let millis = millis.sum::<f64>() / asked.columns.len() as f64;
        let [all, positive] = [column_maps[0].clone(), column_maps[0].mapv(|r| r.max(0.0))]
            .map(|map| crate::crp::RelevanceSummary::of(&map, &detection.rect).in_box_share);
        let mut random = Random::new(seed, &format!("pixels of {}", photo.name));
        let field =
            field_curves::curves(detector, photo, model, subject, column_maps[0], &mut random)?;
        let repeatability = Similarity::of(column_maps[0], &repeated.map).cosine;
        rows.push(DetectionScores {
            method: method.name().to_owned(),
            image: photo.name.clone(),
            label: model.manifest.label(detection.class).into_owned(),
            score: detection.score,
            default_box: detection.default_box,
            offset: subject.asked_offset(model),
            deletion: deletion(detector, photo, model, subject, &column_maps)?,
            checked: checked(detector, photo, model, subject, &column_maps)?,
            separation: Separation {
                mean: similarity(asked.mean),
                plain: asked.plain.map(similarity),
            },
            energy: all,
            positive_energy: positive,
            field: FieldScores::new(column_maps[0], subject, field, repeatability),
            millis,
        });
    }
    Ok(rows)
}

/// The maps of all `targets`.
fn explain(
    method: &mut dyn Method,
    photo: &EvaluatedPhoto,
    targets: &[Target],
) -> Result<Vec<Attribution>> {
    let maps = method.explain(photo, targets)?;
    ensure!(
        maps.len() == targets.len(),
        "{} gave {} maps for {} targets",
        method.name(),
        maps.len(),
        targets.len()
    );
    Ok(maps)
}

impl QuestionIndices {
    fn new(subject: &Subject, columns: &[Column], plain: bool, targets: &mut Vec<Target>) -> Self {
        let mut ask = |target: Target| match targets.iter().position(|known| *known == target) {
            Some(index) => index,
            None => {
                targets.push(target);
                targets.len() - 1
            }
        };
        let classes = [subject.detection.class, subject.runner_up];
        let mut pair =
            |contrast: Contrast| classes.map(|class| ask(subject.class(class, contrast.clone())));
        let mean = pair(Contrast::Mean);
        let plain = plain.then(|| pair(Contrast::None));
        let columns = columns.iter().map(|&column| match (column, plain) {
            (Column::Mean | Column::RunnerUp, Some([class, _])) => class,
            _ => ask(column.target(subject)),
        });
        let columns = columns.collect();
        Self {
            columns,
            mean,
            plain,
        }
    }
}

/// Whether each column's own map passes its check.
fn checked(
    detector: &mut Detector,
    photo: &EvaluatedPhoto,
    model: &Model,
    subject: &Subject,
    maps: &[&Array2<f32>],
) -> Result<Vec<bool>> {
    let mut checker = Checker::with(model, detector, &photo.forward, &photo.reference);
    let columns = Column::of(model).iter().zip(maps);
    let passed = columns.map(|(column, map)| {
        let target = column.target(subject);
        let question = target.ask(model, &Composite::default(), &photo.forward)?;
        Ok(checker.check(&question, map)?.passed())
    });
    passed.collect()
}

/// The curve of each column under its own map; maps that order the blocks alike share their forward passes.
fn deletion(
    detector: &mut Detector,
    photo: &EvaluatedPhoto,
    model: &Model,
    subject: &Subject,
    maps: &[&Array2<f32>],
) -> Result<Vec<Curve>> {
    let targets: Vec<Target> = Column::of(model)
        .iter()
        .map(|column| column.target(subject))
        .collect();
    let quantities = Quantity::all(&targets, model, &photo.forward)?;
    let mut known: HashMap<[Vec<usize>; 2], Vec<Curve>> = HashMap::new();
    let mut found = Vec::with_capacity(maps.len());
    for (column, map) in maps.iter().enumerate() {
        let (height, width) = map.dim();
        let blocks = Blocks::new(height, width, BLOCK);
        let orders = [First::Most, First::Least].map(|first| blocks.order(map, first));
        let curves = match known.entry(orders) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let curves = curves(detector, photo, blocks, entry.key(), &quantities)?;
                entry.insert(curves)
            }
        };
        found.push(curves[column].clone());
    }
    Ok(found)
}
