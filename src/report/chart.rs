//! Small charts of the page: the histogram of the pixels' relevance, and relevance layer by layer. A diagnosis in, SVG for the page out; the page's style colours it.

use std::cmp::Ordering;

use crate::chart::{Drawing, LogScale, Paint};
use crate::crp::{Diagnosis, Histogram, LayerRelevance};

/// The charts' own measure; the page scales them.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 90.0;
/// Bins on each side of zero.
const SIDE: usize = 20;
/// What is free between two bars.
const GAP: f64 = 0.8;

/// What the two charts show of one explanation.
pub struct Charts {
    /// What was asked.
    pub words: String,
    /// How many values have which relevance, on a logarithmic scale: an SVG element.
    pub histogram: String,
    /// "+0.29": ΣR/Σ|R| of the pixels.
    pub balance: String,
    /// The largest |R| of a pixel's value.
    pub limit: String,
    /// Σ|R| and mean |R| of each layer on a logarithmic scale, from head to pixels: an SVG element.
    pub curves: String,
    /// Mean |R| at the head and at the pixels.
    pub ends: [String; 2],
    /// How many layers.
    pub layers: usize,
}

impl Charts {
    pub fn of(diagnosis: &Diagnosis) -> Self {
        let mut layers = diagnosis.layers.clone();
        let pixels = diagnosis.pixels();
        let balance = with_minus(format!("{:+.2}", pixels.balance()));
        layers.push(pixels);
        let histogram = diagnosis.histogram(SIDE);
        let end = |layer: Option<&LayerRelevance>| {
            with_minus(format!(
                "{:.1e}",
                layer.map_or(0.0, LayerRelevance::mean_abs)
            ))
        };
        Self {
            words: diagnosis.question.wording.to_string(),
            histogram: bars(&histogram),
            balance,
            limit: with_minus(format!("{:.1e}", histogram.limit)),
            curves: curves(&layers),
            ends: [end(layers.first()), end(layers.last())],
            layers: layers.len() - 1,
        }
    }
}

/// A number with the minus sign of typography, after which no line breaks.
fn with_minus(number: String) -> String {
    number.replace('-', "−")
}

fn bars(histogram: &Histogram) -> String {
    let mut drawing = Drawing::inline(WIDTH, HEIGHT, "Histogram of relevance");
    let counts = &histogram.counts;
    let scale = LogScale::of_counts(counts);
    let width = WIDTH / counts.len().max(1) as f64;
    for (index, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let class = match histogram.sign(index) {
            Ordering::Less => "against",
            Ordering::Equal => "neutral",
            Ordering::Greater => "for",
        };
        let top = HEIGHT * (1.0 - scale.share(count as f64));
        let left = index as f64 * width;
        drawing.area(
            [left, top],
            [left + width - GAP, HEIGHT],
            Paint::Class(class),
        );
    }
    drawing.finish()
}

/// Σ|R| and mean |R| on one scale; layers without relevance are left out.
fn curves(layers: &[LayerRelevance]) -> String {
    let mut drawing = Drawing::inline(WIDTH, HEIGHT, "Relevance layer by layer");
    let sum: Vec<f64> = layers.iter().map(|layer| layer.sum_abs).collect();
    let mean: Vec<f64> = layers.iter().map(LayerRelevance::mean_abs).collect();
    let Some(scale) = LogScale::of(sum.iter().chain(&mean).copied()) else {
        return drawing.finish();
    };
    let step = WIDTH / (layers.len() - 1).max(1) as f64;
    for (values, class) in [(sum, "sum"), (mean, "mean")] {
        let drawn = values
            .iter()
            .enumerate()
            .filter(|(_, v)| scale.contains(**v));
        let points: Vec<[f64; 2]> = drawn
            .map(|(index, &value)| [index as f64 * step, HEIGHT * (1.0 - scale.share(value))])
            .collect();
        drawing.path(&points, Paint::Class(class));
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_logarithms_and_the_middle_is_neutral() {
        let of = |counts: &[usize]| {
            bars(&Histogram {
                limit: 1.0,
                counts: counts.to_vec(),
            })
        };
        let svg = of(&[0, 10, 1000, 1, 0]);
        let expected = [
            ("48.0", "51.4", "38.6", "against"),
            ("96.0", "0.0", "90.0", "neutral"),
            ("144.0", "77.1", "12.9", "for"),
        ]
        .map(|(x, y, height, class)| {
            format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"47.2\" height=\"{height}\" class=\"{class}\"/>\n"
            )
        });
        assert!(svg.contains(&expected.concat()), "{svg}");
        assert!(!of(&[0; 3]).contains("<rect"));
    }

    #[test]
    fn a_curve_falls_by_decades() {
        let layer = |sum_abs: f64, units| LayerRelevance {
            tensor: String::new(),
            layer_type: None,
            rule: None,
            units,
            sum: sum_abs,
            sum_abs,
            max_abs: sum_abs,
        };
        let curve = |class: &str, points: &str| {
            format!("<polyline points=\"{points}\" class=\"{class}\"/>")
        };
        let svg = curves(&[layer(100.0, 1), layer(100.0, 100), layer(0.0, 9)]);
        assert!(svg.contains(&curve("mean", "0.0,0.0 120.0,90.0")), "{svg}");
        assert!(svg.contains(&curve("sum", "0.0,0.0 120.0,0.0")), "{svg}");
        assert!(!curves(&[layer(0.0, 1)]).contains("<polyline"));
        assert!(curves(&[layer(1.0, 1)]).contains(&curve("mean", "0.0,90.0")));
    }
}
