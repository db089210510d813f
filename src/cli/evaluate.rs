//! `ssdcrp evaluate`: photos in; how good the explanations of several methods are out, as a table and as files.

mod baseline;
mod files;
mod plot;
mod randomisation;
mod report;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ssdcrp::crp::{Composite, PRESETS};
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::detect::{Detector, Model, preprocess};
use ssdcrp::evaluate::sanity::randomise_top_down;
use ssdcrp::evaluate::{DetectionScores, EvaluatedPhoto, Method, MethodSummary, Relevance, judge};
use ssdcrp::runtime::SessionOptions;

use self::baseline::Baseline;
use self::randomisation::Randomisation;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::{output, photo};

const NOTES: &str = "\
Deletion: blocks of 20 pixels of the network's input are replaced by the blurred picture, 4 % of them a step up to 40 %, once the most and once the least relevant first;
the score is the mean over the steps of (least first − most first) of the quantity, each column for the map that explains that quantity: the class logit minus the mean
of the others, the class logit minus the runner-up's, the largest offset. Higher is better, a random map has about 0. Composites without a contrast are judged
by one map in both class columns; a classifier has no offsets. Same class?: cosine and Spearman's correlation of the maps of the two best classes, both against the mean of the others; 1 is blind
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
    /// masks:time (as many masks as fit into the time of an explanation), random; none leaves all out.
    /// Unless said, all with masks:1000 that the network has
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    baselines: Option<Vec<String>>,
    /// The best so many detections of each photo, or all
    #[arg(long, value_name = "N", default_value = "3")]
    detections: DetectionLimit,
    /// Seed of everything random: with the same seed all numbers but times are the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Randomise the network's weights from the top down, and compare the maps of each photo's best detection with the original ones (propagation and gradients only)
    #[arg(long)]
    randomise: bool,
    /// Write a row for each detection and method
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write everything, each step of the deletion included
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw means and intervals, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

/// A method that was asked for.
enum MethodSpec {
    Composite(Composite),
    Baseline(Baseline),
}

impl MethodSpec {
    fn method(
        &self,
        model: &Arc<Model>,
        photos: &[EvaluatedPhoto],
        seed: u64,
        session: SessionOptions,
    ) -> Result<Box<dyn Method>> {
        match self {
            Self::Composite(composite) => {
                let method = Relevance::new(model.clone(), composite.clone(), session)?;
                Ok(Box::new(method))
            }
            Self::Baseline(baseline) => baseline.method(model, photos, seed, session),
        }
    }

    /// Whether it looks into the network, rather than at what comes out of it.
    fn is_of_the_network(&self) -> bool {
        matches!(
            self,
            Self::Composite(_) | Self::Baseline(Baseline::Gradient(_))
        )
    }
}

/// How many detections of each photo.
#[derive(Clone, Copy, Debug, PartialEq)]
struct DetectionLimit(usize);

impl FromStr for DetectionLimit {
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
        let files: Vec<(&str, &Path)> = [
            ("CSV", &self.csv),
            ("JSON", &self.json),
            ("plot", &self.plot),
        ]
        .into_iter()
        .filter_map(|(what, path)| Some((what, path.as_deref()?)))
        .collect();
        for (_, path) in &files {
            output::check_is_file_name(path)?;
            for image in &self.images {
                output::check_is_not(path, image, "photo")?;
            }
        }
        output::check_differ(&files)?;
        let choices = self.choices()?;
        let model = engine.model()?;
        let mut detector = Detector::new(model.clone(), engine.session())?;
        let photos = self
            .images
            .iter()
            .map(|path| self.look(path, &model, &mut detector))
            .collect::<Result<Vec<_>>>()?;
        let detections: usize = photos.iter().map(|photo| photo.subjects.len()).sum();
        ensure!(
            detections > 0,
            "nothing was detected in any of the photos: lower --score-threshold"
        );

        let progress = progress((choices.len() * detections) as u64)?;
        let mut rows: Vec<DetectionScores> = Vec::new();
        let mut randomisation = Vec::new();
        for choice in choices {
            // Made one after the other: each holds networks as large as the model.
            let mut method = choice.method(&model, &photos, self.seed, engine.session())?;
            let judged: Result<Vec<Vec<DetectionScores>>> = photos
                .iter()
                .map(|photo| {
                    progress.set_message(format!("{}, {}", method.name(), photo.name));
                    let judged = judge(method.as_mut(), photo, &model, &mut detector)
                        .with_context(|| format!("{} of {}", method.name(), photo.name))?;
                    progress.inc(photo.subjects.len() as u64);
                    Ok(judged)
                })
                .collect();
            match judged {
                Ok(judged) => rows.extend(judged.into_iter().flatten()),
                Err(error) if self.may_be_left_out(&choice) => {
                    progress.suspend(|| eprintln!("left out: {error:#}"));
                    continue;
                }
                Err(error) => return Err(error),
            }
            if self.randomise && choice.is_of_the_network() {
                progress.set_message(format!("{}, weights randomised", method.name()));
                let made = self.randomisation(&choice, method.name(), &model, &photos, engine)?;
                randomisation.extend(made);
            }
        }
        progress.finish_and_clear();

        let summaries = MethodSummary::of(&rows, self.seed);
        if let Some(path) = &self.csv {
            output::write_text(path, &files::csv(&rows)?)?;
        }
        if let Some(path) = &self.json {
            let name = &model.manifest.name;
            let text = files::json(name, self.seed, &summaries, &rows, &randomisation)?;
            output::write_text(path, &text)?;
        }
        if let Some(path) = &self.plot {
            output::write_text(path, &plot::svg(&summaries))?;
        }
        let mut text = report::table(&summaries, &model, photos.len())?;
        text += &report::randomisation(&randomisation);
        output::print(&text)
    }

    /// Each photo's best detection.
    fn randomisation(
        &self,
        choice: &MethodSpec,
        name: &str,
        model: &Arc<Model>,
        photos: &[EvaluatedPhoto],
        engine: &Engine,
    ) -> Result<Vec<Randomisation>> {
        let make = |model: Arc<Model>| {
            let method = choice.method(&model, photos, self.seed, engine.session());
            method.map_err(ssdcrp::Error::other)
        };
        let best = photos
            .iter()
            .filter_map(|photo| Some((photo, photo.subjects.first()?)));
        best.map(|(photo, subject)| {
            let session = engine.session();
            let stages = randomise_top_down(&make, model, photo, subject, self.seed, session)
                .with_context(|| format!("{name} of {}", photo.name))?;
            Ok(Randomisation {
                method: name.to_owned(),
                image: photo.name.clone(),
                default_box: subject.detection.default_box,
                stages,
            })
        })
        .collect()
    }

    fn choices(&self) -> Result<Vec<MethodSpec>> {
        let composites = self.composites()?.into_iter().map(MethodSpec::Composite);
        let baselines = self.baselines()?.into_iter().map(MethodSpec::Baseline);
        let choices: Vec<MethodSpec> = composites.chain(baselines).collect();
        ensure!(
            !choices.is_empty(),
            "there is nothing to compare: name composites or baselines"
        );
        Ok(choices)
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
        let Some(names) = &self.baselines else {
            return baseline::ALL.iter().map(|name| name.parse()).collect();
        };
        let names = names.iter().filter(|name| *name != "none");
        names.map(|name| name.parse()).collect()
    }

    /// A baseline that nobody asked for by name: not every network has DeepLIFT's slopes.
    fn may_be_left_out(&self, choice: &MethodSpec) -> bool {
        self.baselines.is_none() && matches!(choice, MethodSpec::Baseline(_))
    }

    fn look(
        &self,
        path: &Path,
        model: &Arc<Model>,
        detector: &mut Detector,
    ) -> Result<EvaluatedPhoto> {
        let photo = photo::read(path)?;
        let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let mut detections = detector.detections(&forward, self.thresholds.of(model))?;
        if detections.is_empty() && model.manifest.kind == DetectorKind::Classifier {
            // It always says something of the picture.
            detections.push(detector.describe(&forward, 0)?);
        }
        detections.truncate(self.detections.0);
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        Ok(EvaluatedPhoto::new(name, forward, detections)?)
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
        assert_eq!("3".parse::<DetectionLimit>().unwrap(), DetectionLimit(3));
        assert_eq!(
            "all".parse::<DetectionLimit>().unwrap(),
            DetectionLimit(usize::MAX)
        );
        for text in ["0", "-1", "many", ""] {
            assert!(text.parse::<DetectionLimit>().is_err(), "{text}");
        }
    }
}
