//! The JSON form of a diagnosis: the layers and the histogram in, records with the documented fields out.

use std::borrow::Cow;

use serde::Serialize;
use ssdcrp::crp::{Composite, Diagnosis, LayerRelevance};

use crate::cli::detected_photo::DetectedPhoto;

/// Bins on each side of zero.
const SIDE: usize = 100;

/// What the fields mean, for `--help`.
pub const FIELDS: &str = "\
With --json, one line a picture on standard output: image, second (only for a frame of a video: its time there, in seconds), model, and either
  nothing    why there is nothing to diagnose (only for several pictures), or
  default_box, target, contrast, composite, and
  layers     from the head to the pixels: tensor, type and rule (null for the
             pixels), units (number of outputs), sum (of R), sum_abs (of |R|),
             balance (sum / sum_abs), mean_abs, max_abs
  histogram  of the pixels' R: limit (the largest |R|), edges of the bins,
             counts in them";

/// A line.
#[derive(Serialize)]
pub struct DiagnosisRecord<'a> {
    image: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<f64>,
    model: &'a str,
    #[serde(flatten)]
    found: DiagnosisAnswer<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DiagnosisAnswer<'a> {
    Nothing {
        nothing: &'a str,
    },
    Layers {
        default_box: usize,
        target: &'a str,
        contrast: &'a str,
        composite: &'a str,
        layers: Vec<LayerRecord>,
        histogram: HistogramRecord,
    },
}

#[derive(Serialize)]
struct LayerRecord {
    tensor: String,
    r#type: Option<String>,
    rule: Option<String>,
    units: usize,
    sum: f64,
    sum_abs: f64,
    balance: f64,
    mean_abs: f64,
    max_abs: f64,
}

#[derive(Serialize)]
struct HistogramRecord {
    limit: f64,
    edges: Vec<f64>,
    counts: Vec<usize>,
}

impl<'a> DiagnosisRecord<'a> {
    /// Of the diagnosis at a default box of a photo.
    pub fn new(
        detected: &'a DetectedPhoto,
        default_box: usize,
        diagnosis: &'a Diagnosis,
        composite: &'a Composite,
    ) -> Self {
        let histogram = diagnosis.histogram(SIDE);
        let answer = DiagnosisAnswer::Layers {
            default_box,
            target: &diagnosis.question.target,
            contrast: &diagnosis.question.contrast,
            composite: &composite.name,
            layers: diagnosis
                .layers
                .iter()
                .chain([&diagnosis.pixels()])
                .map(LayerRecord::of)
                .collect(),
            histogram: HistogramRecord {
                limit: histogram.limit,
                edges: histogram.edges(),
                counts: histogram.counts,
            },
        };
        Self::of(detected, answer)
    }

    /// Of a photo in which there is nothing to diagnose, in words.
    pub fn nothing(detected: &'a DetectedPhoto, words: &'a str) -> Self {
        Self::of(detected, DiagnosisAnswer::Nothing { nothing: words })
    }

    fn of(detected: &'a DetectedPhoto, found: DiagnosisAnswer<'a>) -> Self {
        Self {
            image: detected.source.path.to_string_lossy(),
            second: detected.source.second,
            model: &detected.model.manifest.name,
            found,
        }
    }
}

impl LayerRecord {
    fn of(layer: &LayerRelevance) -> Self {
        Self {
            tensor: layer.tensor.clone(),
            r#type: layer.layer_type.map(|layer_type| layer_type.to_string()),
            rule: layer.rule.map(|rule| rule.to_string()),
            units: layer.units,
            sum: layer.sum,
            sum_abs: layer.sum_abs,
            balance: layer.balance(),
            mean_abs: layer.mean_abs(),
            max_abs: layer.max_abs,
        }
    }
}
