//! The report in files for machines: its record in, JSON and CSV out.

use std::borrow::Cow;

use anyhow::{Context, Result};
use serde::Serialize;
use ssdcrp::report::{ReportItem, ReportRecord};

use super::super::csv_text::csv_text;

/// A row of the CSV: an object or a missed one, in which text of others is none that spreadsheets compute. Its fields are the columns, which docs/errors.md describes.
#[derive(Default, Serialize)]
struct ItemRow<'a> {
    item: &'a str,
    photo: Cow<'a, str>,
    file: Cow<'a, str>,
    stream: Option<Cow<'a, str>>,
    recorded: Option<Cow<'a, str>>,
    label: Cow<'a, str>,
    class: usize,
    score: Option<f32>,
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
    default_box: Option<usize>,
    runner_up: Option<Cow<'a, str>>,
    runner_up_score: Option<f32>,
    events: String,
    words: String,
    severity: Option<f32>,
    mark: Option<&'a str>,
    verdict: Option<&'a str>,
    truth: Option<Cow<'a, str>>,
    explained: bool,
    checked: Option<bool>,
    effect: Option<f64>,
    effect_of_chance: Option<f64>,
    reason: Option<Cow<'a, str>>,
    card: Option<&'a str>,
}

impl<'a> ItemRow<'a> {
    fn of(item: &'a ReportItem) -> Self {
        let [x0, y0, x1, y1] = item.r#box;
        let joined = |of: fn(&ssdcrp::report::ItemEvent) -> &str, between: &str| {
            let parts: Vec<&str> = item.events.iter().map(of).collect();
            parts.join(between)
        };
        let severities = item.events.iter().map(|event| event.severity);
        Self {
            item: item.item,
            photo: csv_text(&item.photo),
            file: csv_text(&item.file),
            stream: item.stream.as_deref().map(csv_text),
            recorded: item.recorded.as_deref().map(csv_text),
            label: csv_text(&item.label),
            class: item.class.0,
            score: item.score,
            x0,
            y0,
            x1,
            y1,
            default_box: item.default_box,
            runner_up: item.runner_up.as_ref().map(|it| csv_text(&it.label)),
            runner_up_score: item.runner_up.as_ref().map(|it| it.score),
            events: joined(|event| &event.kind, " "),
            words: csv_text(&joined(|event| &event.words, "; ")).into_owned(),
            severity: severities.reduce(f32::max),
            mark: item.mark,
            verdict: item.verdict,
            truth: item.truth.as_deref().map(csv_text),
            explained: item.explained,
            checked: item.check.as_ref().map(|check| check.passed),
            effect: item.check.as_ref().map(|check| check.effect),
            effect_of_chance: item.check.as_ref().map(|check| check.effect_of_chance),
            reason: item.reason.as_deref().map(csv_text),
            card: item.card.as_deref(),
        }
    }
}

/// One row of names, then one for each item.
pub fn csv(record: &ReportRecord) -> Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(columns()?)?;
    for item in &record.items {
        writer.serialize(ItemRow::of(item))?;
    }
    let bytes = writer.into_inner().context("cannot write CSV")?;
    Ok(String::from_utf8(bytes)?)
}

/// The columns' names, which are there without any item, too.
fn columns() -> Result<Vec<String>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(ItemRow::default())?;
    let bytes = writer.into_inner().context("cannot write CSV")?;
    let text = String::from_utf8(bytes)?;
    let names = text.lines().next().unwrap_or_default().split(',');
    Ok(names.map(str::to_owned).collect())
}

/// One object in one line.
pub fn json(record: &ReportRecord) -> Result<String> {
    let mut text = serde_json::to_string(record).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_page_on_errors() {
        let page = include_str!("../../../docs/errors.md");
        let part = page.split("| column | what is in it |").nth(1).unwrap();
        let rows = part
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let mut documented = Vec::new();
        for row in rows {
            let names = row.split('|').nth(1).unwrap();
            documented.extend(names.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        assert_eq!(documented, columns().unwrap());
    }
}
