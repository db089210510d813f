//! A diagnosis as a drawing: above, relevance layer by layer on a logarithmic scale; below, how that of the pixels is distributed.

use std::cmp::Ordering;

use ssdcrp::chart::{Anchor, Drawing, LogScale, Paint};
use ssdcrp::crp::{Diagnosis, Histogram, LayerRelevance, LayerType};

/// Pixels: a layer's column, the chart of the layers, a character of the names below it, the chart of the histogram, what stands around the charts.
const COLUMN: f64 = 16.0;
const LAYERS: f64 = 360.0;
const CHARACTER: f64 = 6.0;
const HISTOGRAM: f64 = 240.0;
const MARGIN: f64 = 70.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 56.0;
/// A legend's entry and what fits over a network of few layers.
const ENTRY: f64 = 150.0;
const NARROWEST: f64 = 5.0 * ENTRY;
/// Bins on each side of zero.
const SIDE: usize = 40;

type Value = fn(&LayerRelevance) -> f64;
/// Name, colour, dashes, value.
const CURVES: [(&str, &str, &str, Value); 4] = [
    ("Σ|R|", "#222", "", |layer| layer.sum_abs),
    ("|ΣR|", "#a2b", "4 3", |layer| layer.sum.abs()),
    ("max |R|", "#c50", "", |layer| layer.max_abs),
    ("mean |R| per unit", "#06c", "", LayerRelevance::mean_abs),
];
const FOR: &str = "#f01824";
const AGAINST: &str = "#1854ff";

/// The drawing, with `title` and `subtitle` over it.
pub fn svg(diagnosis: &Diagnosis, title: &str, subtitle: &str) -> String {
    let mut layers = diagnosis.layers.clone();
    layers.push(diagnosis.pixels());
    let width = (layers.len() as f64 * COLUMN).max(NARROWEST);
    let longest = layers
        .iter()
        .map(|layer| layer.tensor.chars().count())
        .max();
    let below = TOP + LAYERS + longest.unwrap_or(0) as f64 * CHARACTER + 24.0;
    let mut drawing = Drawing::new(width + 2.0 * MARGIN, below + HISTOGRAM + TOP / 2.0 + BOTTOM);
    drawing.title([MARGIN, 24.0], title);
    drawing.text([MARGIN, 42.0], Anchor::Start, 12.0, subtitle);
    draw_layers(&mut drawing, &layers, TOP);
    let histogram = diagnosis.histogram(SIDE);
    draw_histogram(
        &mut drawing,
        &histogram,
        &diagnosis.pixels(),
        [width, below + TOP / 2.0],
    );
    drawing.finish()
}

fn draw_layers(drawing: &mut Drawing, layers: &[LayerRelevance], top: f64) {
    let bottom = top + LAYERS;
    let column = |index: usize| MARGIN + index as f64 * COLUMN;
    let right = column(layers.len());
    for (index, layer) in layers.iter().enumerate() {
        drawing.area(
            [column(index), top],
            [column(index + 1), bottom],
            Paint::Colour(shade(layer.layer_type)),
        );
        drawing.upright(
            [column(index) + 0.5 * COLUMN + 3.5, bottom + 6.0],
            10.0,
            &layer.tensor,
        );
    }
    for (index, (name, shade)) in kinds(layers).into_iter().enumerate() {
        let (x, y) = (MARGIN + index as f64 * ENTRY, top - 8.0);
        drawing.area([x, y], [x + 12.0, y - 10.0], Paint::Colour(shade));
        drawing.text([x + 18.0, y], Anchor::Start, 11.0, &name);
    }
    for (index, (name, colour, dashes, _)) in CURVES.into_iter().enumerate() {
        let (x, y) = (MARGIN + index as f64 * ENTRY, top - 26.0);
        let line = Paint::Line(colour, 2.0, dashes);
        drawing.path(&[[x, y - 4.0], [x + 14.0, y - 4.0]], line);
        drawing.text([x + 18.0, y], Anchor::Start, 11.0, name);
    }

    let values = layers
        .iter()
        .flat_map(|layer| CURVES.map(|(.., value)| value(layer)));
    let Some(scale) = LogScale::of(values) else {
        let middle = [MARGIN + 12.0, top + 20.0];
        return drawing.text(middle, Anchor::Start, 12.0, "there is no relevance");
    };
    let y = |value: f64| bottom - scale.share(value) * LAYERS;
    for decade in scale.decades() {
        let y = y(10_f64.powi(decade));
        drawing.line([MARGIN, y], [right, y], "#bbb", 0.5);
        let label = format!("1e{decade}");
        drawing.text([MARGIN - 6.0, y + 4.0], Anchor::End, 10.0, &label);
    }
    for (_, colour, dashes, value) in CURVES {
        let drawn = |layer: &LayerRelevance| scale.contains(value(layer));
        let mut index = 0;
        // A value of nought has no place on a logarithmic scale: the curve is broken there.
        for run in layers.chunk_by(|a, b| drawn(a) == drawn(b)) {
            if drawn(&run[0]) {
                let points: Vec<[f64; 2]> = (index..)
                    .zip(run)
                    .map(|(index, layer)| [column(index) + 0.5 * COLUMN, y(value(layer))])
                    .collect();
                for point in &points {
                    drawing.dot(*point, 2.0, colour);
                }
                drawing.path(&points, Paint::Line(colour, 1.5, dashes));
            }
            index += run.len();
        }
    }
}

fn shade(layer_type: Option<LayerType>) -> &'static str {
    match layer_type {
        Some(LayerType::Classification) => "#f6d5d5",
        Some(LayerType::Localization) => "#f4dcc0",
        Some(LayerType::High) => "#dfe9f7",
        Some(LayerType::Low) => "#e4f1e0",
        Some(LayerType::Pixels) => "#f3efcf",
        None => "#e8e8e8",
    }
}

/// Type and rule, with its shade, of each run of layers, in their order, each once.
fn kinds(layers: &[LayerRelevance]) -> Vec<(String, &'static str)> {
    let mut kinds = Vec::new();
    for layer in layers {
        let name = match (layer.layer_type, layer.rule) {
            (Some(layer_type), Some(rule)) => format!("{layer_type}: {rule}"),
            _ => "the picture".to_owned(),
        };
        let kind = (name, shade(layer.layer_type));
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Counts on a logarithmic scale: nearly all values lie near zero, and what is seen in the heatmap lies in the tails.
fn draw_histogram(
    drawing: &mut Drawing,
    histogram: &Histogram,
    pixels: &LayerRelevance,
    [width, top]: [f64; 2],
) {
    let bottom = top + HISTOGRAM;
    let scale = LogScale::of_counts(&histogram.counts);
    let y = |count: f64| bottom - scale.share(count) * HISTOGRAM;
    let x = |index: usize| MARGIN + index as f64 / histogram.counts.len() as f64 * width;
    drawing.title(
        [MARGIN, top - 26.0],
        &format!("R of the picture's {} values", pixels.units),
    );
    let balance = format!(
        "ΣR/Σ|R| = {:+.3}: 0 where positive and negative relevance cancel, ±1 where all has one sign",
        pixels.balance()
    );
    drawing.text([MARGIN, top - 10.0], Anchor::Start, 12.0, &balance);
    for decade in scale.decades() {
        let y = y(10_f64.powi(decade));
        drawing.line([MARGIN, y], [MARGIN + width, y], "#ddd", 0.5);
        let label = if decade == 0 {
            "1".to_owned()
        } else {
            format!("1e{decade}")
        };
        drawing.text([MARGIN - 6.0, y + 4.0], Anchor::End, 10.0, &label);
    }
    for (index, &count) in histogram.counts.iter().enumerate() {
        if count > 0 {
            let colour = match histogram.sign(index) {
                Ordering::Less => AGAINST,
                Ordering::Equal => "#888",
                Ordering::Greater => FOR,
            };
            let from = [x(index) + 0.5, y(count as f64)];
            drawing.area(from, [x(index + 1) - 0.5, bottom], Paint::Colour(colour));
        }
    }
    drawing.line([MARGIN, bottom], [MARGIN + width, bottom], "#888", 1.0);
    let limit = histogram.limit;
    for (place, anchor, label) in [
        (0.0, Anchor::Start, format!("−{limit:.2e}")),
        (0.5, Anchor::Middle, "0".to_owned()),
        (1.0, Anchor::End, format!("+{limit:.2e}")),
    ] {
        let place = [MARGIN + place * width, bottom + 16.0];
        drawing.text(place, anchor, 10.0, &label);
    }
    let words = "against ← R → for; how many values, on a logarithmic scale";
    let middle = [MARGIN + 0.5 * width, bottom + 34.0];
    drawing.text(middle, Anchor::Middle, 11.0, words);
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use ssdcrp::crp::{Contrast, HeadSeed, ResolvedTarget, Rule, Target, TargetOutput, Wording};
    use ssdcrp::detect::ClassId;

    use super::*;

    fn diagnosis(scale: f32) -> Diagnosis {
        let layer = |tensor: &str, layer_type, sum_abs: f64, units| LayerRelevance {
            tensor: tensor.to_owned(),
            layer_type: Some(layer_type),
            rule: Some(Rule::Simple),
            units,
            sum: 0.0,
            sum_abs: sum_abs * f64::from(scale),
            max_abs: sum_abs * f64::from(scale),
        };
        Diagnosis {
            question: ResolvedTarget {
                seed: HeadSeed {
                    tensor: "head".to_owned(),
                    cell: [0, 0],
                    values: vec![],
                    multiples: vec![],
                    opposes: false,
                },
                decided: Target {
                    default_box: 0,
                    output: TargetOutput::Class(ClassId(0).into()),
                    contrast: Some(Contrast::None),
                },
                target: "class:a".to_owned(),
                contrast: "none".to_owned(),
                wording: Wording {
                    subject: "a".to_owned(),
                    rather_than: None,
                    comma: false,
                },
            },
            layers: vec![
                layer("head", LayerType::Classification, 10.0, 1),
                layer("a<b", LayerType::High, 10.0, 1000),
            ],
            relevance: Array3::from_elem((3, 2, 2), scale),
        }
    }

    #[test]
    fn a_tenth_is_a_decade_lower() {
        let svg = svg(&diagnosis(1.0), "title", "subtitle");
        assert!(svg.contains(">title</text>") && svg.contains(">a&lt;b</text>"));
        // From mean |R| = 0.01 of the second layer to Σ|R| = 12 of the picture: decades −2 to 2.
        for label in [">1e-2<", ">1e2<"] {
            assert!(svg.contains(label), "{label}");
        }
        let y = |value: f64| TOP + LAYERS * (1.0 - (value.log10() + 2.0) / 4.0);
        let mean = format!(
            "points=\"{:.1},{:.1} {:.1},{:.1} ",
            MARGIN + 0.5 * COLUMN,
            y(10.0),
            MARGIN + 1.5 * COLUMN,
            y(0.01)
        );
        assert!(svg.contains(&mean), "{mean} in\n{svg}");
        assert!(svg.contains("ΣR/Σ|R| = +1.000"));
        // ΣR is nought in the first two layers: only the picture's has a place.
        let dots = svg.matches("<circle").count();
        assert_eq!(dots, 3 + 1 + 3 + 3);
    }

    #[test]
    fn no_relevance_is_said() {
        for scale in [0.0, f32::NAN] {
            let svg = svg(&diagnosis(scale), "", "");
            assert!(svg.contains("there is no relevance") && svg.ends_with("</svg>\n"));
        }
    }
}
