//! `ssdcrp evaluate`: photos in; how good the explanations of several methods are out, as a table and as files.

mod baseline;
mod report;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ssdcrp::crp::{Composite, PRESETS};
use ssdcrp::evaluate::{Relevance, Row, Scene, Summary, judge};
use ssdcrp::ssd::{Detector, Model, preprocess};

use self::baseline::Baseline;
use super::seen::ThresholdOptions;
use super::{Engine, output, photo};

const NOTES: &str = "\
Deletion: blocks of 20 pixels of the network's input are replaced by the blurred picture, 4 % of them a step up to 40 %, once the most and once the least relevant first;
the score is the mean over the steps of (least first − most first) of the quantity, each column for the map that explains that quantity: the class logit minus the mean
of the others, the class logit minus the runner-up's, the largest offset. Higher is better, a random map has about 0. Composites without a contrast are judged
by one map in both class columns. Same class?: cosine and Spearman's correlation of the maps of the two best classes, both against the mean of the others; 1 is blind
for the class. In brackets: 95 % bootstrap intervals over detections.";

/// Measure how good explanations are: deletion, class separation, energy in the box, time.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Evaluate {
    /// JPEG or PNG, one or more
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Composites to compare besides the presets, as for explain; several with semicolons between them
    #[arg(long, value_name = "LIST", value_delimiter = ';')]
    composites: Vec<String>,
    /// Leave the presets out
    #[arg(long)]
    no_presets: bool,
    /// What to compare with, commas between: gradient-x-input, integrated-gradients (20 steps), deeplift (Rescale), occlusion, masks:N (N random masks after D-RISE),
    /// masks:time (as many masks as fit into the time of an explanation), random; none leaves all out
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values = baseline::ALL)]
    baselines: Vec<String>,
    /// The best so many detections of each photo, or all
    #[arg(long, value_name = "N", default_value = "3")]
    detections: Count,
    /// Seed of everything random: with the same seed all numbers but times are the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    thresholds: ThresholdOptions,
}

/// A method that was asked for.
enum Choice {
    Composite(Composite),
    Baseline(Baseline),
}

/// How many detections of each photo.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Count(usize);

impl FromStr for Count {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(count @ 1..) => Ok(Self(count)),
            _ if text == "all" => Ok(Self(usize::MAX)),
            _ => bail!("a number from 1 on is expected, or 'all'"),
        }
    }
}

impl Evaluate {
    /// Judges all methods at all photos, writes the files that were asked for, and prints the table.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let composites = self.composites()?;
        let baselines = self.baselines()?;
        let methods = composites.len() + baselines.len();
        ensure!(
            methods > 0,
            "there is nothing to compare: name composites or baselines"
        );
        let model = engine.model()?;
        let mut detector = Detector::new(model.clone(), engine.threads())?;
        let scenes = self
            .images
            .iter()
            .map(|path| self.look(path, &model, &mut detector))
            .collect::<Result<Vec<_>>>()?;
        let detections: usize = scenes.iter().map(|scene| scene.subjects.len()).sum();
        ensure!(
            detections > 0,
            "nothing was detected in any of the photos: lower --score-threshold"
        );

        let progress = progress((methods * detections) as u64)?;
        let mut rows: Vec<Row> = Vec::new();
        let choices = composites
            .into_iter()
            .map(Choice::Composite)
            .chain(baselines.into_iter().map(Choice::Baseline));
        for choice in choices {
            // Made one after the other: each holds networks as large as the model.
            let mut method = match choice {
                Choice::Composite(composite) => {
                    Box::new(Relevance::new(model.clone(), composite, engine.threads())?)
                }
                Choice::Baseline(baseline) => {
                    baseline.method(&model, &scenes, self.seed, engine.threads())?
                }
            };
            for scene in &scenes {
                progress.set_message(format!("{}, {}", method.name(), scene.name));
                let judged = judge(method.as_mut(), scene, &model, &mut detector)
                    .with_context(|| format!("{} of {}", method.name(), scene.name))?;
                rows.extend(judged);
                progress.inc(scene.subjects.len() as u64);
            }
        }
        progress.finish_and_clear();
        let summaries = Summary::of(&rows, self.seed);
        output::print(&report::table(&summaries, &model, scenes.len())?)
    }

    fn composites(&self) -> Result<Vec<Composite>> {
        let presets = if self.no_presets {
            &[][..]
        } else {
            &PRESETS[..]
        };
        let mut composites: Vec<Composite> = Vec::new();
        for name in presets
            .iter()
            .copied()
            .chain(self.composites.iter().map(String::as_str))
        {
            let composite: Composite = name.trim().parse()?;
            if !composites.iter().any(|known| known.name == composite.name) {
                composites.push(composite);
            }
        }
        Ok(composites)
    }

    fn baselines(&self) -> Result<Vec<Baseline>> {
        let names = self.baselines.iter().filter(|name| *name != "none");
        names.map(|name| name.parse()).collect()
    }

    fn look(&self, path: &Path, model: &Arc<Model>, detector: &mut Detector) -> Result<Scene> {
        let photo = photo::read(path)?;
        let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let mut detections = detector.detections(&forward, self.thresholds.of(model))?;
        detections.truncate(self.detections.0);
        let name = path.file_name().unwrap_or(path.as_os_str());
        Scene::new(name.to_string_lossy().into_owned(), forward, detections)
    }
}

/// A bar on standard error, hidden where that is no terminal.
fn progress(steps: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} explained, {eta} left: {msg}")?;
    Ok(ProgressBar::new(steps).with_style(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_or_all() {
        assert_eq!("3".parse::<Count>().unwrap(), Count(3));
        assert_eq!("all".parse::<Count>().unwrap(), Count(usize::MAX));
        for text in ["0", "-1", "many", ""] {
            assert!(text.parse::<Count>().is_err(), "{text}");
        }
    }
}
