//! The results for programs: CSV with a row a detection and method, JSON with everything.

use anyhow::Result;
use serde::Serialize;
use ssdcrp::evaluate::deletion::{Curve, SHARE, STEPS};
use ssdcrp::evaluate::{Column, DetectionScores, FIELD_STEPS, MethodSummary, NOISE, ODAM_STEPS};
use ssdcrp::perturbation::{BLOCK, SIGMA};

use super::super::csv_text::csv_text;
use super::randomisation::Randomisation;

const COLUMNS: [&str; 36] = [
    "method",
    "image",
    "label",
    "score",
    "default_box",
    "vs_mean",
    "vs_runner_up",
    "offset",
    "vs_mean_relative",
    "vs_runner_up_relative",
    "offset_relative",
    "vs_mean_initial",
    "vs_runner_up_initial",
    "offset_initial",
    "cosine",
    "spearman",
    "plain_cosine",
    "plain_spearman",
    "energy",
    "positive_energy",
    "milliseconds",
    "detection",
    "vs_mean_checked",
    "vs_runner_up_checked",
    "offset_checked",
    "deletion_auc",
    "insertion_auc",
    "overall",
    "odam_deletion",
    "pointing",
    "true_pointing",
    "true_energy",
    "discrimination",
    "sparsity",
    "repeatability",
    "offset_asked",
];

/// All rows as CSV with a heading; what a model has not is empty. `detection` counts the detections, equal for all methods.
pub fn csv(rows: &[DetectionScores]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let mut method = None;
    let mut detection = 0;
    for row in rows {
        detection = if method == Some(&row.method) {
            detection + 1
        } else {
            0
        };
        method = Some(&row.method);
        let plain = row.separation.plain;
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let mut record = vec![
            row.method.clone(),
            csv_text(&row.image).into_owned(),
            csv_text(&row.label).into_owned(),
            row.score.to_string(),
            row.default_box.to_string(),
        ];
        for value in [Curve::score, Curve::relative, |curve: &Curve| curve.initial] {
            // A classifier has no offsets.
            let cells = (0..Column::ALL.len()).map(|column| row.deletion.get(column).map(value));
            record.extend(cells.map(number));
        }
        record.extend([
            row.separation.mean.cosine.to_string(),
            row.separation.mean.spearman.to_string(),
            number(plain.map(|similarity| similarity.cosine)),
            number(plain.map(|similarity| similarity.spearman)),
            row.energy.to_string(),
            row.positive_energy.to_string(),
            row.millis.to_string(),
            detection.to_string(),
        ]);
        let checked = |column: usize| row.checked.get(column).copied().map(f64::from);
        record.extend((0..Column::ALL.len()).map(checked).map(number));
        let field = &row.field;
        let of_field = [
            Some(field.deletion_auc()),
            Some(field.insertion_auc()),
            Some(field.overall()),
            Some(field.odam_deletion_auc()),
            Some(f64::from(field.pointing)),
            field.truth.map(|truth| f64::from(truth.pointing)),
            field.truth.map(|truth| truth.energy),
            field.discrimination,
            field.sparsity,
            Some(field.repeatability),
        ];
        record.extend(of_field.map(number));
        record.push(row.offset.clone().unwrap_or_default());
        writer.write_record(&record)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

#[derive(Serialize)]
struct Protocol {
    block: usize,
    sigma: f64,
    share_per_step: f64,
    steps: usize,
    field_steps: usize,
    odam_steps: usize,
    noise: f64,
    columns: Vec<&'static str>,
    seed: u64,
}

#[derive(Serialize)]
struct EvaluationRecord<'a> {
    model: &'a str,
    protocol: Protocol,
    summaries: &'a [MethodSummary],
    rows: &'a [DetectionScores],
    randomisation: &'a [Randomisation],
}

/// Protocol, summaries and rows, curves included, as JSON.
pub fn json(
    model: &str,
    seed: u64,
    summaries: &[MethodSummary],
    rows: &[DetectionScores],
    randomisation: &[Randomisation],
) -> Result<String> {
    let measured = rows.first().map_or(0, |row| row.deletion.len());
    let protocol = Protocol {
        block: BLOCK,
        sigma: SIGMA,
        share_per_step: SHARE,
        steps: STEPS,
        field_steps: FIELD_STEPS,
        odam_steps: ODAM_STEPS,
        noise: NOISE,
        columns: COLUMNS[5..].iter().copied().take(measured).collect(),
        seed,
    };
    let record = EvaluationRecord {
        model,
        protocol,
        summaries,
        rows,
        randomisation,
    };
    let mut text = serde_json::to_string_pretty(&record)?;
    text.push('\n');
    Ok(text)
}
