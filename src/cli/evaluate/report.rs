//! The results for people: a table in Markdown, a row a method.

use std::fmt::Write;

use anyhow::Result;
use ssdcrp::detect::Model;
use ssdcrp::evaluate::{FieldSummary, Mean, MethodSummary, Similarity};
use ssdcrp::report::counted;

use super::randomisation::Randomisation;

/// What is deleted for; a model has the first of them, or all.
const DELETION: [&str; 3] = ["vs mean of others", "vs runner-up", "largest offset"];
const OTHERS: [&str; 6] = [
    "same class? cosine",
    "Spearman",
    "cosine, plain",
    "energy in box",
    "of R > 0",
    "ms",
];

/// Raw scores of all methods, then the scores relative to |initial value|.
pub fn table(summaries: &[MethodSummary], model: &Model, photos: usize) -> Result<String> {
    let detections = summaries.first().map_or(0, |summary| summary.detections);
    let mut text = String::new();
    writeln!(
        text,
        "{}: {} in {}\n",
        model.manifest.name,
        counted(&detections, "detection"),
        counted(&photos, "photo")
    )?;
    let measured = summaries
        .first()
        .map_or(0, |summary| summary.deletion.len());
    let heading = ["method"]
        .iter()
        .chain(&DELETION[..measured])
        .chain(&OTHERS);
    let mut rows = vec![heading.map(|&name| name.to_owned()).collect::<Vec<_>>()];
    rows.extend(summaries.iter().map(|summary| {
        let mut row = vec![summary.method.clone()];
        row.extend(summary.deletion.iter().copied().map(with_interval));
        row.extend([
            with_interval(summary.cosine),
            format!("{:.2}", summary.spearman.mean),
            summary
                .plain_cosine
                .map_or("–".to_owned(), |mean| format!("{:.2}", mean.mean)),
            format!("{:.2}", summary.energy.mean),
            format!("{:.2}", summary.positive_energy.mean),
            format!("{:.1}", summary.millis),
        ]);
        row
    }));
    text += &markdown(&rows);
    text += "\nDeletion relative to |initial value|:\n\n";
    text += &columns(summaries, |summary| &summary.relative);
    text += "\nThe field's measures, of the first column's map:\n\n";
    text += &field(summaries);
    text += "\nShare of the explanations that pass their own check:\n\n";
    text += &columns(summaries, |summary| &summary.checked);
    if let [first, others @ ..] = summaries
        && !others.is_empty()
    {
        let name = &first.method;
        text += &format!("\nBy how much {name} scores higher, detection by detection:\n\n");
        text += &columns(others, |summary| &summary.behind_first);
    }
    Ok(text)
}

/// What the field measures; what no detection has is left out.
fn field(summaries: &[MethodSummary]) -> String {
    type Value = fn(&FieldSummary) -> Option<Mean>;
    const ALL: [(&str, Value); 10] = [
        ("deletion ↓", |field| Some(field.deletion)),
        ("insertion ↑", |field| Some(field.insertion)),
        ("overall ↑", |field| Some(field.overall)),
        ("ODAM's deletion ↓", |field| Some(field.odam_deletion)),
        ("pointing ↑", |field| Some(field.pointing)),
        ("true box: pointing ↑", |field| field.true_pointing),
        ("energy ↑", |field| field.true_energy),
        ("ODI ↓", |field| field.discrimination),
        ("sparsity", |field| field.sparsity),
        ("repeatability ↑", |field| Some(field.repeatability)),
    ];
    let is_there =
        |(_, value): &&(&str, Value)| summaries.iter().any(|s| value(&s.field).is_some());
    let columns: Vec<&(&str, Value)> = ALL.iter().filter(is_there).collect();
    let heading = std::iter::once("method").chain(columns.iter().map(|(name, _)| *name));
    let mut rows = vec![heading.map(str::to_owned).collect::<Vec<_>>()];
    rows.extend(summaries.iter().map(|summary| {
        let cell = |(_, value): &&(&str, Value)| {
            value(&summary.field).map_or("–".to_owned(), with_interval)
        };
        let mut row = vec![summary.method.clone()];
        row.extend(columns.iter().map(cell));
        row
    }));
    markdown(&rows)
}

/// The deletion columns.
fn columns(summaries: &[MethodSummary], values: fn(&MethodSummary) -> &[Mean]) -> String {
    let measured = summaries.first().map_or(0, |summary| values(summary).len());
    let heading = ["method"].iter().chain(&DELETION[..measured]);
    let mut rows = vec![heading.map(|&name| name.to_owned()).collect()];
    rows.extend(summaries.iter().map(|summary| {
        std::iter::once(summary.method.clone())
            .chain(values(summary).iter().copied().map(with_interval))
            .collect()
    }));
    markdown(&rows)
}

/// Cosine and Spearman's correlation of the maps with the original ones, a column a stage; empty where nothing was randomised.
pub fn randomisation(all: &[Randomisation]) -> String {
    let Some(first) = all.first() else {
        return String::new();
    };
    let mut heading = vec!["method".to_owned()];
    heading.extend(first.stages.iter().map(|stage| {
        let share = 100.0 * stage.layers as f64 / stage.of as f64;
        format!("{share:.0} %")
    }));
    let mut rows = vec![heading];
    for methods in all.chunk_by(|a, b| a.method == b.method) {
        let mut row = vec![methods[0].method.clone()];
        row.extend((0..first.stages.len()).map(|stage| {
            let found: Vec<Similarity> = methods
                .iter()
                .filter_map(|method| Some(method.stages.get(stage)?.similarity))
                .collect();
            let mean = |value: fn(&Similarity) -> f64| {
                found.iter().map(value).sum::<f64>() / found.len().max(1) as f64
            };
            format!("{:.2} / {:.2}", mean(|s| s.cosine), mean(|s| s.spearman))
        }));
        rows.push(row);
    }
    let title = "\nCosine / Spearman's correlation with the original map when so much of the layers is randomised, from the top:\n\n";
    title.to_owned() + &markdown(&rows)
}

/// "9.13 [7.20, 11.05]".
fn with_interval(mean: Mean) -> String {
    format!("{:.2} [{:.2}, {:.2}]", mean.mean, mean.low, mean.high)
}

/// Cells with bars between them, columns as wide as their widest cell; the first row is the heading.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            text += &format!("| {cell:<width$} ");
        }
        text += "|\n";
        if index == 0 {
            for width in &widths {
                text += &format!("|{}", "-".repeat(width + 2));
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_between_bars() {
        let rows = [["method", "Σ"], ["crp", "1.0"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            markdown(&rows),
            "| method | Σ   |\n|--------|-----|\n| crp    | 1.0 |\n"
        );
        assert_eq!(markdown(&[]), "");
    }
}
