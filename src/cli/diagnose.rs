//! `ssdcrp diagnose`: pictures and a question in; the relevance of every layer on the way to the pixels out, as a table, a plot or JSON.

mod json;
mod plot;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use ssdcrp::crp::{Composite, Contrast, Diagnosis, Propagator, Target, TargetOutput};

use super::default_box::{ChosenBox, DefaultBoxArgs};
use super::destination::{self, Destination};
use super::detected_photo::{DetectedPhoto, PhotoDetector, ThresholdArgs};
use super::engine::Engine;
use super::input_files::InputFiles;
use super::inputs::InputArgs;
use super::output::TextBlocks;
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
    #[command(flatten)]
    inputs: InputArgs,
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
    /// Draw the layers, and the histogram of the pixels' relevance, as SVG; of several pictures, into this folder
    #[arg(long, value_name = "FILE|FOLDER")]
    plot: Option<PathBuf>,
    /// Print JSON, one line a picture, rather than tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

/// What is asked of each picture.
struct DiagnosisQuestion {
    output: Option<TargetOutput>,
    contrast: Option<Contrast>,
}

impl Diagnose {
    /// Prints the layers, and draws them if that was asked for.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let output: Option<TargetOutput> = self.target.as_deref().map(str::parse).transpose()?;
        let contrast: Option<Contrast> = self.contrast.as_deref().map(str::parse).transpose()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let question = DiagnosisQuestion { output, contrast };
        let inputs = self.inputs.find(None)?;
        let plot = self.plot.as_deref();
        let plot = plot.map(|path| Destination::of(path, "svg", inputs.several));
        let plot = plot.transpose()?;
        let read = InputFiles::default()
            .photos(inputs.paths())
            .model(engine.file_of(None));
        if let Some(plot) = &plot {
            destination::check(&[("plot", plot)], &read)?;
            if let Some(file) = plot.only_file() {
                output::check_ending(file, "plots", "SVG")?;
            }
        }

        let mut detector = PhotoDetector::new(engine, &self.thresholds)?;
        let model = detector.model.clone();
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let mut explainer = Propagator::new(model, composite, engine.session())?;
        let mut blocks = TextBlocks::default();
        inputs.each(plot.is_none(), |picture| {
            let detected = detector.look(picture)?;
            let target = match self.question(&detected, &question)? {
                Ok(target) => target,
                Err(nothing) if !inputs.several => bail!(nothing),
                Err(nothing) if self.json => {
                    let record = json::DiagnosisRecord::nothing(&detected, &nothing);
                    return output::print_json(&record);
                }
                Err(nothing) => {
                    output::note(&nothing);
                    return Ok(());
                }
            };
            let diagnosis = explainer.diagnose(&detected.forward, &target)?;
            if let Some(plot) = &plot {
                let path = plot.file(detected.source.stem.name());
                read.check_kept(&path)?;
                draw(&path, &detected, &target, &diagnosis, explainer.composite())?;
            }
            if self.json {
                let composite = explainer.composite();
                let record = json::DiagnosisRecord::new(
                    &detected,
                    target.default_box,
                    &diagnosis,
                    composite,
                );
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
            blocks.print(&report)
        })
    }

    /// What is asked of a picture, or why there is nothing to ask.
    fn question(
        &self,
        detected: &DetectedPhoto,
        asked: &DiagnosisQuestion,
    ) -> Result<Result<Target, String>> {
        let DiagnosisQuestion { output, contrast } = asked;
        let mut target = match self.default_box.missing(detected, output.as_ref())? {
            Some(missing) => Target::absence(&missing.absence),
            None => {
                let chosen = match self.default_box.choose(detected, output.as_ref())? {
                    ChosenBox::Found(chosen) => chosen,
                    ChosenBox::Nothing(words) => return Ok(Err(words)),
                };
                let predicted = Target::predicted_class(&chosen);
                Target {
                    output: output.clone().unwrap_or(predicted.output),
                    ..predicted
                }
            }
        };
        target.contrast = contrast.clone().or(target.contrast);
        Ok(Ok(target))
    }
}

fn draw(
    path: &Path,
    detected: &DetectedPhoto,
    target: &Target,
    diagnosis: &Diagnosis,
    composite: &Composite,
) -> Result<()> {
    let title = heading(target, diagnosis);
    let subtitle = format!(
        "{}, {}",
        text::heading(detected).trim_end(),
        settings(diagnosis, composite)
    );
    output::write_text(path, &plot::svg(diagnosis, &title, &subtitle))
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
