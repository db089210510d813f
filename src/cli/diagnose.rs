//! `ssdcrp diagnose`: a photo and a question in; the relevance of every layer on the way to the pixels out.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ssdcrp::crp::{Composite, Contrast, Explainer, Target, TargetOutput};

use super::choice::Choice;
use super::seen::{Seen, ThresholdOptions};
use super::{Engine, output, table, text};

const NOTES: &str = "\
Each row is a layer, from the head down to the pixels: R is the relevance of its outputs before it is handed on with the rule.
ΣR stays the same where a rule conserves relevance; ΣR/Σ|R| near 0 means that positive and negative relevance almost cancel, as under a contrast;
mean |R| falls as relevance spreads over more units. Where layers stand beside each other (residual blocks, heads), each holds a part.";

/// Show how relevance goes from a default box's output down to the pixels, layer by layer.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Diagnose {
    /// JPEG or PNG
    image: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// What to explain at that box, as for explain [default: the predicted class]
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// What to set it against, as for explain
    #[arg(long, value_name = "CONTRAST")]
    contrast: Option<String>,
    /// Rules of propagation, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    #[command(flatten)]
    thresholds: ThresholdOptions,
}

impl Diagnose {
    /// Prints the layers.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let output: Option<TargetOutput> = self.target.as_deref().map(str::parse).transpose()?;
        let contrast: Option<Contrast> = self.contrast.as_deref().map(str::parse).transpose()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;

        let seen = Seen::look(engine, &self.image, &self.thresholds)?;
        let predicted = Target::predicted_class(&self.choice.of(&seen)?);
        let output = output.unwrap_or(predicted.output);
        let target = Target {
            output,
            contrast,
            ..predicted
        };
        let composite = composite.map_or_else(|| Composite::of(&seen.model), Ok)?;
        let explainer = Explainer::new(seen.model.clone(), composite, engine.threads())?;
        let diagnosis = explainer.diagnose(&seen.forward, &target)?;

        let mut report = text::heading(&seen);
        writeln!(
            report,
            "default box {}: {} (target {}, contrast {}, composite {})\n",
            target.default_box,
            diagnosis.question.words,
            diagnosis.question.target,
            diagnosis.question.contrast,
            explainer.composite()
        )?;
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
        report += &table::aligned(&rows);
        output::print(&report)
    }
}
