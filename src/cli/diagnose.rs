//! `ssdcrp diagnose`: a photo and a question in; the relevance of every layer on the way to the pixels out, as a table, a plot or JSON.

mod json;
mod plot;

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ssdcrp::crp::{Composite, Contrast, Diagnosis, Propagator, Target, TargetOutput};

use super::default_box::DefaultBoxArgs;
use super::detected_photo::{DetectedPhoto, ThresholdArgs};
use super::engine::Engine;
use super::input_files::InputFiles;
use super::{output, table, text};

const NOTES: &str = "\
Each row is a layer, from the head down to the pixels. R is the relevance of the layer's outputs, before its rule is applied.

ΣR stays the same where a rule conserves relevance. ΣR/Σ|R| near 0 means that positive and negative relevance almost cancel, as under a contrast. \
mean |R| falls as relevance spreads over more units. Parallel layers (residual blocks, heads) hold a part of the relevance each.

The plot shows the same on a logarithmic scale, and how the relevance of the pixels is distributed around zero.";

/// Show how relevance is propagated from a default box's output down to the pixels, layer by layer.
#[derive(Debug, Args)]
#[command(after_help = NOTES, after_long_help = format!("{NOTES}\n\n{}", json::FIELDS))]
pub struct Diagnose {
    /// Photo, JPEG or PNG; - reads it from standard input
    image: PathBuf,
    #[command(flatten)]
    default_box: DefaultBoxArgs,
    /// Output to explain, as for explain [default: the predicted class]
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// What to contrast the target with, as for explain
    #[arg(long, value_name = "CONTRAST")]
    contrast: Option<String>,
    /// Composite, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    /// Draw the layers, and the histogram of the pixels' relevance, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print JSON, one line, rather than a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

impl Diagnose {
    /// Prints the layers, and draws them if that was asked for.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        if let Some(path) = &self.plot {
            InputFiles::default()
                .photos([&self.image])
                .model(engine.file_of(None))
                .check(&[("plot", path)])?;
        }
        let output: Option<TargetOutput> = self.target.as_deref().map(str::parse).transpose()?;
        let contrast: Option<Contrast> = self.contrast.as_deref().map(str::parse).transpose()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;

        let detected = DetectedPhoto::new(engine, &self.image, &self.thresholds)?;
        let mut target = match self.default_box.missing(&detected, output.as_ref())? {
            Some(missing) => Target::absence(&missing.absence),
            None => {
                let chosen = self.default_box.detection(&detected, output.as_ref())?;
                let predicted = Target::predicted_class(&chosen);
                Target {
                    output: output.unwrap_or(predicted.output),
                    ..predicted
                }
            }
        };
        target.contrast = contrast.or(target.contrast);
        let composite = composite.map_or_else(|| Composite::of(&detected.model), Ok)?;
        let mut explainer = Propagator::new(detected.model.clone(), composite, engine.session())?;
        let diagnosis = explainer.diagnose(&detected.forward, &target)?;

        if let Some(path) = &self.plot {
            let title = heading(&target, &diagnosis);
            let subtitle = format!(
                "{}, {}",
                text::heading(&detected).trim_end(),
                settings(&diagnosis, explainer.composite())
            );
            output::write_text(path, &plot::svg(&diagnosis, &title, &subtitle))?;
        }
        if self.json {
            let composite = explainer.composite();
            let record =
                json::DiagnosisRecord::new(&detected, target.default_box, &diagnosis, composite);
            return output::print_json(&record);
        }
        let mut report = text::heading(&detected);
        writeln!(
            report,
            "{} ({})\n",
            heading(&target, &diagnosis),
            settings(&diagnosis, explainer.composite())
        )?;
        report += &layers(&diagnosis);
        output::print(&report)
    }
}

fn heading(target: &Target, diagnosis: &Diagnosis) -> String {
    format!(
        "default box {}: {}",
        target.default_box, diagnosis.question.wording
    )
}

fn settings(diagnosis: &Diagnosis, composite: &Composite) -> String {
    let question = &diagnosis.question;
    format!(
        "target {}, contrast {}, composite {composite}",
        question.target, question.contrast
    )
}

/// A row for each layer and one for the pixels.
fn layers(diagnosis: &Diagnosis) -> String {
    let heading = [
        "layer",
        "type",
        "rule",
        "units",
        "ΣR",
        "Σ|R|",
        "ΣR/Σ|R|",
        "mean |R|",
        "max |R|",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    for layer in diagnosis.layers.iter().chain([&diagnosis.pixels()]) {
        let rule = layer.rule.map_or("-".to_owned(), |rule| rule.to_string());
        let layer_type = layer.layer_type.map_or("-".to_owned(), |t| t.to_string());
        rows.push([
            layer.tensor.clone(),
            layer_type,
            rule,
            layer.units.to_string(),
            format!("{:+.3e}", layer.sum),
            format!("{:.3e}", layer.sum_abs),
            format!("{:+.3}", layer.balance()),
            format!("{:.3e}", layer.mean_abs()),
            format!("{:.3e}", layer.max_abs),
        ]);
    }
    table::aligned(&rows)
}
