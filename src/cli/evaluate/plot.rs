//! The results as a drawing: for each method and column a dot at the mean and a line over its interval, as SVG.

use ssdcrp::chart::{Anchor, Drawing};
use ssdcrp::evaluate::{Mean, MethodSummary};

/// Pixels: a row, a number below a panel, a panel, the gap between panels, the space above and below them, a character of the labels.
const ROW: f64 = 22.0;
const LABEL: f64 = 40.0;
const PANEL: f64 = 220.0;
const GAP: f64 = 24.0;
const MARGIN: f64 = 40.0;
const CHARACTER: f64 = 7.0;

const DELETION: [&str; 3] = [
    "deletion: vs mean of others",
    "deletion: vs runner-up",
    "deletion: largest offset",
];

/// A panel for each deletion column that the model has, and one for the likeness of two classes' maps.
pub fn svg(summaries: &[MethodSummary]) -> String {
    let measured = summaries
        .first()
        .map_or(0, |summary| summary.deletion.len());
    let mut panels: Vec<(&str, Vec<Mean>)> = DELETION
        .into_iter()
        .take(measured)
        .enumerate()
        .map(|(column, title)| {
            (
                title,
                summaries.iter().map(|s| s.deletion[column]).collect(),
            )
        })
        .collect();
    panels.push((
        "same class? (cosine)",
        summaries.iter().map(|s| s.cosine).collect(),
    ));
    let longest = summaries.iter().map(|s| s.method.chars().count()).max();
    let left = longest.unwrap_or(0) as f64 * CHARACTER + GAP;
    let bottom = MARGIN + summaries.len() as f64 * ROW;
    let (width, height) = (left + panels.len() as f64 * (PANEL + GAP), bottom + MARGIN);
    let mut drawing = Drawing::new(width, height);
    let middle = |row: usize| MARGIN + (row as f64 + 0.5) * ROW;
    for (row, summary) in summaries.iter().enumerate() {
        let place = [left - GAP / 2.0, middle(row) + 4.0];
        drawing.text(place, Anchor::End, 12.0, &summary.method);
    }
    for (panel, (title, means)) in panels.into_iter().enumerate() {
        let start = left + panel as f64 * (PANEL + GAP);
        // Zero is always in view.
        let low = means.iter().fold(0.0_f64, |low, mean| low.min(mean.low));
        let high = means.iter().fold(0.0_f64, |high, mean| high.max(mean.high));
        let range = (high - low).max(f64::MIN_POSITIVE);
        let x = |value: f64| start + (value - low) / range * PANEL;
        drawing.title([start, MARGIN - 14.0], title);
        for (value, colour, anchor) in [
            (low, "#ddd", Anchor::Start),
            (high, "#ddd", Anchor::End),
            (0.0, "#888", Anchor::Middle),
        ] {
            let x = x(value);
            drawing.line([x, MARGIN], [x, bottom], colour, 1.0);
            // The ends' labels leave no room beside them.
            let crowded =
                matches!(anchor, Anchor::Middle) && !(LABEL..PANEL - LABEL).contains(&(x - start));
            if !crowded {
                drawing.text([x, bottom + 16.0], anchor, 10.0, &format!("{value:.2}"));
            }
        }
        for (row, mean) in means.iter().enumerate() {
            let y = middle(row);
            drawing.line([x(mean.low), y], [x(mean.high), y], "#36c", 2.0);
            drawing.dot([x(mean.mean), y], 4.0, "#36c");
        }
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssdcrp::evaluate::FieldSummary;

    #[test]
    fn every_method_has_its_row_and_a_dot_in_every_panel() {
        let mean = |mean: f64| Mean {
            mean,
            low: mean - 1.0,
            high: mean + 1.0,
        };
        let summary = |method: &str, value: f64| MethodSummary {
            method: method.to_owned(),
            detections: 3,
            deletion: vec![mean(value); 3],
            checked: vec![mean(value); 3],
            relative: vec![mean(value); 3],
            behind_first: vec![mean(0.0); 3],
            cosine: mean(value),
            spearman: mean(value),
            plain_cosine: None,
            plain_spearman: None,
            energy: mean(value),
            positive_energy: mean(value),
            field: FieldSummary {
                deletion: mean(value),
                insertion: mean(value),
                overall: mean(value),
                odam_deletion: mean(value),
                pointing: mean(value),
                true_pointing: None,
                true_energy: None,
                discrimination: None,
                sparsity: None,
                repeatability: mean(value),
            },
            millis: 1.0,
        };
        let svg = svg(&[summary("crp", 3.0), summary("a<b", -1.0)]);
        assert!(svg.contains(">crp</text>") && svg.contains(">a&lt;b</text>"));
        assert_eq!(svg.matches("<circle").count(), 8);
        // The scale goes from −2 to 4; 3 lies at five sixths of the panel.
        let left = 3.0 * CHARACTER + GAP;
        let dot = format!("cx=\"{:.1}\"", left + PANEL * 5.0 / 6.0);
        assert!(svg.contains(&dot), "{dot} in {svg}");
        assert!(super::svg(&[]).ends_with("</svg>\n"));
    }
}
