//! Small charts of the page: the histogram of the pixels' relevance, and relevance layer by layer. A diagnosis in, coordinates out, which the template draws as SVG.

use crate::crp::{Diagnosis, LayerRelevance};

/// The charts' coordinates run from 0 to these; the page scales them.
pub const WIDTH: f64 = 240.0;
pub const HEIGHT: f64 = 90.0;
/// Bins on each side of zero.
const SIDE: usize = 20;
/// Smaller shares of the largest value than this are not drawn.
const LEAST_SHARE: f64 = 1e-12;

/// What the two charts show of one explanation.
pub struct Charts {
    /// What was asked.
    pub words: String,
    /// Bars of the histogram, from the left; heights are logarithms of counts.
    pub bars: Vec<Bar>,
    /// "+0.29": ΣR/Σ|R| of the pixels.
    pub balance: String,
    /// The largest |R| of a pixel's value.
    pub limit: String,
    /// Mean |R| of each layer on a logarithmic scale, points of a polyline from head to pixels.
    pub mean: String,
    /// Σ|R| likewise.
    pub sum: String,
    /// Mean |R| at the head and at the pixels.
    pub ends: [String; 2],
    /// How many layers.
    pub layers: usize,
}

/// One bar.
pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    /// `for`, `against` or `neutral`: its colour.
    pub side: &'static str,
}

impl Charts {
    pub fn of(diagnosis: &Diagnosis) -> Self {
        let mut layers = diagnosis.layers.clone();
        let pixels = diagnosis.pixels();
        let balance = format!("{:+.2}", pixels.balance());
        layers.push(pixels);
        let histogram = diagnosis.histogram(SIDE);
        let [mean, sum] = curves(&layers);
        let end = |layer: Option<&LayerRelevance>| {
            format!("{:.1e}", layer.map_or(0.0, LayerRelevance::mean_abs))
        };
        Self {
            words: diagnosis.question.wording.to_string(),
            bars: bars(&histogram.counts),
            balance,
            limit: format!("{:.1e}", histogram.limit),
            mean,
            sum,
            ends: [end(layers.first()), end(layers.last())],
            layers: layers.len() - 1,
        }
    }
}

fn bars(counts: &[usize]) -> Vec<Bar> {
    // A count of one is half a decade high, so that it can be seen.
    let height = |count: usize| (count as f64).log10() + 0.5;
    let largest = counts.iter().copied().max().unwrap_or(0).max(1);
    let width = WIDTH / counts.len().max(1) as f64;
    let middle = counts.len() / 2;
    counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(index, &count)| {
            let height = height(count) / height(largest) * HEIGHT;
            Bar {
                x: format!("{:.1}", index as f64 * width),
                y: format!("{:.1}", HEIGHT - height),
                width: format!("{:.1}", width - 0.8),
                height: format!("{height:.1}"),
                side: match index.cmp(&middle) {
                    std::cmp::Ordering::Less => "against",
                    std::cmp::Ordering::Equal => "neutral",
                    std::cmp::Ordering::Greater => "for",
                },
            }
        })
        .collect()
}

/// Mean |R| and Σ|R| on one logarithmic scale; layers without relevance are left out.
fn curves(layers: &[LayerRelevance]) -> [String; 2] {
    let values: [Vec<f64>; 2] = [
        layers.iter().map(LayerRelevance::mean_abs).collect(),
        layers.iter().map(|layer| layer.sum_abs).collect(),
    ];
    let drawn = |value: &f64| *value > 0.0 && value.is_finite();
    let all = || values.iter().flatten().copied().filter(drawn);
    let Some(high) = all().reduce(f64::max) else {
        return [String::new(), String::new()];
    };
    let low = all()
        .reduce(f64::min)
        .unwrap_or(high)
        .max(high * LEAST_SHARE);
    let range = (high / low).log10().max(f64::MIN_POSITIVE);
    let step = WIDTH / (layers.len() - 1).max(1) as f64;
    values.map(|values| {
        let points = values.iter().enumerate().filter(|(_, value)| drawn(value));
        let points = points.map(|(index, value)| {
            let share = ((value / low).log10() / range).clamp(0.0, 1.0);
            format!("{:.1},{:.1}", index as f64 * step, HEIGHT * (1.0 - share))
        });
        points.collect::<Vec<_>>().join(" ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_logarithms_and_the_middle_is_neutral() {
        let bars = bars(&[0, 10, 1000, 1, 0]);
        let sides: Vec<_> = bars.iter().map(|bar| bar.side).collect();
        assert_eq!(sides, ["against", "neutral", "for"]);
        let heights: Vec<f64> = bars.iter().map(|bar| bar.height.parse().unwrap()).collect();
        assert_eq!(heights[1], HEIGHT);
        assert!(
            (heights[0] / heights[2] - 1.5 / 0.5).abs() < 0.02,
            "{heights:?}"
        );
        assert!(super::bars(&[0; 3]).is_empty());
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
        let [mean, sum] = curves(&[layer(100.0, 1), layer(100.0, 100), layer(0.0, 9)]);
        assert_eq!(mean, "0.0,0.0 120.0,90.0");
        assert_eq!(sum, "0.0,0.0 120.0,0.0");
        assert_eq!(curves(&[layer(0.0, 1)]), [String::new(), String::new()]);
        assert_eq!(curves(&[layer(1.0, 1)])[0], "0.0,90.0");
    }
}
