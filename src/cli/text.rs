//! What was found, in words and tables for people.

use std::fmt::Write;

use anyhow::Result;
use ssdcrp::crp::{Explanation, RelevanceSummary};
use ssdcrp::detect::Detection;
use ssdcrp::detect::in_words::corners;

use super::detected_photo::DetectedPhoto;
use super::table;

/// The photo's size, then a row for each detection.
pub fn table(detected: &DetectedPhoto) -> Result<String> {
    let mut text = heading(detected);
    if detected.detections.is_empty() {
        writeln!(text, "nothing scores above {}", detected.thresholds.score)?;
        return Ok(text);
    }
    let header = [
        "label",
        "score",
        "box",
        "default box",
        "head",
        "row,column,shape",
        "runner-up",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    for detection in &detected.detections {
        let location = detected.location(detection)?;
        let runner_up = detection.runner_up.map_or(String::new(), |(class, score)| {
            format!("{} {score:.3}", detected.model.manifest.label(class))
        });
        rows.push([
            detected.model.manifest.label(detection.class).into_owned(),
            format!("{:.3}", detection.score),
            corners(detected.pixels(detection)),
            detection.default_box.to_string(),
            location.head.to_string(),
            format!("{},{},{}", location.row, location.col, location.shape),
            runner_up,
        ]);
    }
    text += &table::aligned(&rows);
    Ok(text)
}

/// An explanation in three lines: which box, what is explained against what, how the relevance is distributed.
pub fn explained(
    detected: &DetectedPhoto,
    detection: &Detection,
    explanation: &Explanation,
    composite: &str,
    summary: &RelevanceSummary,
) -> Result<String> {
    let location = detected.location(detection)?;
    let question = &explanation.question;
    let labels = &detected.model.manifest.labels;
    let what = match detected.has(detection) {
        true => detection.words(labels),
        false => detection.asked_words(labels),
    };
    let mut text = String::new();
    writeln!(
        text,
        "{} at {} (default box {}: head {}, row {}, column {}, shape {})",
        what,
        corners(detected.pixels(detection)),
        detection.default_box,
        location.head,
        location.row,
        location.col,
        location.shape
    )?;
    writeln!(
        text,
        "{} (target {}, contrast {}, composite {composite})",
        question.wording, question.target, question.contrast
    )?;
    let arrived = explanation.completeness.map(|share| {
        let share = 100.0 * share;
        format!("{share:.0} % of what it started with; ")
    });
    writeln!(
        text,
        "relevance: {}sum of magnitudes {}; {:.0} % positive, {:.0} % in the box; {:.0} ms",
        arrived.unwrap_or_default(),
        short(summary.sum_abs),
        100.0 * summary.positive_share,
        100.0 * summary.in_box_share,
        explanation.took.as_secs_f64() * 1e3
    )?;
    Ok(text)
}

/// "photo.jpg: 768x576, ssdlite_mobilenet_v2_coco".
pub fn heading(detected: &DetectedPhoto) -> String {
    let (width, height) = detected.image.dimensions();
    format!(
        "{}: {width}x{height}, {}\n",
        detected.source.name(),
        detected.model.manifest.name
    )
}

/// A relevance as text, with at least three digits, because relevance has no scale of its own.
fn short(relevance: f64) -> String {
    if relevance == 0.0 || (0.01..1e6).contains(&relevance.abs()) {
        format!("{relevance:.4}")
    } else {
        format!("{relevance:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_relevance_is_not_rounded_away() {
        for (relevance, expected) in [
            (-12.34567, "-12.3457"),
            (0.0, "0.0000"),
            (0.012345, "0.0123"),
            (-0.00012345, "-1.23e-4"),
            (2.5e7, "2.50e7"),
        ] {
            assert_eq!(short(relevance), expected);
        }
    }
}
