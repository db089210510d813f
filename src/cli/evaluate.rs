//! `ssdcrp evaluate`: photos and frames of videos in; how good the explanations of several methods are out, as a table and as files.

mod files;
mod judging;
mod partial;
mod photos;
mod plot;
mod randomisation;
mod report;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use clap::Args;
use ssdcrp::crp::PRESETS;
use ssdcrp::detect::{Detector, Model};
use ssdcrp::evaluate::{
    BASELINES, Column, DetectionScores, MethodSpec, MethodSummary, Replacement,
};
use ssdcrp::fingerprint::hash;
use ssdcrp::report::counted;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::truth::Truth;

use self::judging::Judging;
use self::partial::{EvaluationSettings, MeasuredPhoto, Partial};
use self::photos::{ListedPhoto, PhotoReader};
use self::randomisation::Randomisation;
use super::annotations::check_fit;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::failures::FailureCounts;
use super::input_files::InputFiles;
use super::inputs::{InputArgs, PictureInputs};
use super::model_hash::model_hash;
use super::name_list::{self, NameList};
use super::run_files::RunFiles;
use super::{output, partial_file};

const NOTES: &str = "\
Deletion: blocks of 20x20 pixels of the network's input are replaced by the blurred picture (--deletion), 4 % of them a step, up to 40 %. This is done twice: with the most and with the \
least relevant blocks first. The score is the mean over the steps of (the quantity with the least relevant blocks gone − the quantity with the most relevant blocks gone). There is a column \
for each quantity, and each has its own map: the class logit minus the mean of the others, the class logit minus the runner-up's, the largest offset. Higher is better; a random map has \
about 0. Composites without a contrast are judged by one map in both class columns. A classifier has no offsets.

Same class?: cosine and Spearman's correlation of the maps of the two best classes, both against the mean of the others; 1 means that the map does not depend on the class.

In brackets: 95 % bootstrap intervals over detections. The field's measures are those of the papers that docs/evaluation.md names.

With --json an interrupted run can be continued: measurements are kept in NAME.json.partial until the JSON is written. Start it again with the same options.";

/// Measure how good explanations are: deletion, class separation, energy in the box, the field's measures, time.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Evaluate {
    #[command(flatten)]
    inputs: InputArgs,
    /// Further composites, as for explain, separated by semicolons; each may name its own contrast (crp@softmax)
    #[arg(long, value_name = "LIST", value_delimiter = ';')]
    composites: Vec<String>,
    /// Leave out the presets, which are the composites that explain lists by name
    #[arg(long)]
    no_presets: bool,
    /// Methods to compare with, separated by commas: gradient-x-input, integrated-gradients (20 steps), deeplift (Rescale), grad-cam, layer-cam, odam, d-rise:N (D-RISE as published, N masks), occlusion,
    /// masks:N (N random masks as in D-RISE, but the rest is blurred instead of black, and they are judged by the quantity), masks:time (as many masks as fit into the time of an explanation), random; or none
    /// [default: all that the network allows, with 1000 masks]
    #[arg(long, value_name = "LIST")]
    baselines: Option<Vec<NameList<String>>>,
    /// How many of the best detections of each photo are used, or all
    #[arg(long, value_name = "N", default_value = "3")]
    detections: DetectionLimit,
    /// What replaces deleted blocks: blurred (the blurred picture, which integrated gradients, DeepLIFT and occlusion use too) or mean-colour (the picture's mean colour)
    #[arg(long, value_name = "CONTENTS", default_value_t)]
    deletion: Replacement,
    /// Seed of everything random: with the same seed all numbers but times are the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Randomise the network's weights from the top down, and compare the maps of each photo's best detection with the original ones (propagation and gradients only)
    #[arg(long)]
    randomise: bool,
    /// Compare maps with annotations too: COCO's JSON, an XML file of Pascal VOC, or a folder of such XML files; pictures are matched by file name, classes by label
    #[arg(long, value_name = "ANNOTATIONS")]
    truth: Option<PathBuf>,
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
        let inputs = self.inputs.find(None)?;
        self.check_files(engine, &inputs)?;
        let choices = self.choices()?;
        let model = engine.model()?;
        let mut detector = Detector::new(model.clone(), engine.session())?;
        let truth = self.truth.as_deref();
        let truth = truth.map(|path| Truth::read(path, &model.manifest.labels));
        let truth = truth.transpose()?;
        if let Some(truth) = &truth {
            check_fit(truth, inputs.photos())?;
        }
        let reader = PhotoReader {
            thresholds: self.thresholds.of(&model),
            most: self.detections.0,
            replacement: self.deletion,
            truth,
            model: model.clone(),
        };
        let (photos, failed) = photos(&inputs, &reader, &mut detector)?;
        let settings = self.settings(&model, engine.session(), reader.truth.as_ref())?;
        let columns = Column::of(&model).len();
        let mut partial = Partial::open(self.json.as_deref(), &settings, columns)?;
        if partial.len() > 0 {
            let kept = counted(&partial.len(), "result");
            output::note(&format!("goes on from {kept} of before"));
        }

        let subjects: usize = photos.iter().map(|photo| photo.subjects).sum();
        let progress = output::progress(choices.len() * subjects, "explained")?;
        let mut results = Results::default();
        for choice in choices {
            let mut judging = Judging {
                choice: choice.settled(partial.method(&choice.asked()))?,
                reader: &reader,
                photos: &photos,
                detector: &mut detector,
                seed: self.seed,
                randomise: self.randomise,
                session: engine.session(),
            };
            match judging.judge_all(&mut partial, &progress) {
                Ok(measured) => {
                    if let Some(method) = results.add(measured) {
                        let words = format!("left out: {} is {method} here", choice.asked());
                        progress.suspend(|| output::note(&words));
                    }
                }
                Err(error) if self.may_be_left_out(&choice) => {
                    progress.suspend(|| output::note(&format!("left out: {error:#}")));
                }
                Err(error) => return Err(error),
            }
        }
        progress.finish_and_clear();
        self.write(&results, &model, photos.len())?;
        partial.finish()?;
        failed.check_none(photos.len())
    }

    /// Fails where what is to be written would replace what is read.
    fn check_files(&self, engine: &Engine, inputs: &PictureInputs) -> Result<()> {
        let unfinished = self.json.as_deref().and_then(partial_file::beside);
        let files: Vec<(&str, &Path)> = [
            ("CSV", &self.csv),
            ("JSON", &self.json),
            ("plot", &self.plot),
            ("unfinished evaluation", &unfinished),
        ]
        .into_iter()
        .filter_map(|(what, path)| Some((what, path.as_deref()?)))
        .collect();
        InputFiles::default()
            .photos(inputs.paths())
            .model(engine.file_of(None))
            .truth(self.truth.as_deref())
            .check(&files)?;
        let plot = self.plot.as_deref();
        plot.map_or(Ok(()), |plot| output::check_ending(plot, "plots", "SVG"))
    }

    /// Writes the files that were asked for, and prints the table.
    fn write(&self, results: &Results, model: &Model, photos: usize) -> Result<()> {
        let Results {
            rows,
            randomisation,
        } = results;
        let summaries = MethodSummary::of(rows, self.seed);
        let mut written = RunFiles::default();
        if let Some(path) = &self.csv {
            written.add(path, &files::csv(rows)?)?;
        }
        if let Some(path) = &self.json {
            let name = &model.manifest.name;
            let text = files::json(name, self.seed, &summaries, rows, randomisation)?;
            written.add(path, &text)?;
        }
        if let Some(path) = &self.plot {
            written.add(path, &plot::svg(&summaries))?;
        }
        written.publish(|| {})?;
        let mut text = report::table(&summaries, model, photos)?;
        text += &report::randomisation(randomisation);
        output::print(&text)
    }

    /// What numbers depend on.
    fn settings(
        &self,
        model: &Model,
        session: SessionOptions,
        truth: Option<&Truth>,
    ) -> Result<EvaluationSettings> {
        let thresholds = self.thresholds.of(model);
        Ok(EvaluationSettings {
            version: env!("CARGO_PKG_VERSION"),
            model: model_hash(model)?,
            seed: self.seed,
            detections: self.detections.0,
            score_threshold: thresholds.score,
            iou_threshold: thresholds.iou,
            deletion: self.deletion.to_string(),
            randomise: self.randomise,
            execution_provider: session.provider.to_string(),
            threads: session.threads,
            truth: truth.map(|truth| hash(format!("{truth:?}").bytes())),
        })
    }

    fn choices(&self) -> Result<Vec<MethodSpec>> {
        let presets = if self.no_presets {
            &[][..]
        } else {
            &PRESETS[..]
        };
        let mut choices: Vec<MethodSpec> = Vec::new();
        let named = self.composites.iter().map(String::as_str);
        for name in presets.iter().copied().chain(named) {
            let composite = MethodSpec::composite(name)?;
            if !choices.contains(&composite) {
                choices.push(composite);
            }
        }
        match &self.baselines {
            None => {
                for name in BASELINES {
                    choices.push(MethodSpec::baseline(name)?);
                }
            }
            Some(lists) => {
                for name in name_list::all(lists).filter(|name| *name != "none") {
                    let baseline = MethodSpec::baseline(name)?;
                    if !choices.contains(&baseline) {
                        choices.push(baseline);
                    }
                }
            }
        }
        ensure!(
            !choices.is_empty(),
            "there is nothing to compare: name composites or baselines"
        );
        Ok(choices)
    }

    /// A baseline that nobody asked for by name: not every network has DeepLIFT's slopes.
    fn may_be_left_out(&self, choice: &MethodSpec) -> bool {
        self.baselines.is_none() && matches!(choice, MethodSpec::Baseline(..))
    }
}

/// All photos with how much is found on them, and how much could not be used, which is told.
fn photos(
    inputs: &PictureInputs,
    reader: &PhotoReader,
    detector: &mut Detector,
) -> Result<(Vec<ListedPhoto>, FailureCounts)> {
    inputs.tell_notes();
    let (pictures, mut failures) = inputs.kept()?;
    let mut photos = Vec::new();
    for picture in pictures {
        match reader.list(picture, detector) {
            Ok(photo) => photos.push(photo),
            Err(error) => failures.push(error),
        }
    }
    let failed = FailureCounts::tell(failures, photos.len())?;
    ensure!(
        photos.iter().any(|photo| photo.subjects > 0),
        "nothing was detected in any of the photos: lower --score-threshold"
    );
    Ok((photos, failed))
}

/// What was measured of all methods.
#[derive(Default)]
struct Results {
    rows: Vec<DetectionScores>,
    randomisation: Vec<Randomisation>,
}

impl Results {
    /// Takes what was measured of one more method; nothing where it is one that is here already, whose name it gives: "masks:time" may be a number of masks that is asked for too.
    fn add(&mut self, measured: Vec<MeasuredPhoto>) -> Option<String> {
        let new = measured.iter().flat_map(|one| &one.rows).next();
        let method = new.map(|row| row.method.clone());
        let method = method.filter(|name| self.rows.iter().any(|row| row.method == *name));
        if method.is_none() {
            for one in measured {
                self.rows.extend(one.rows);
                self.randomisation.extend(one.randomisation);
            }
        }
        method
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::evaluate::partial::tests::row;

    #[test]
    fn a_method_counts_once() {
        let measured = |asked: &str| MeasuredPhoto {
            asked: asked.to_owned(),
            image: "a.jpg".to_owned(),
            picture: "1".to_owned(),
            rows: vec![DetectionScores {
                method: "masks:57".to_owned(),
                ..row()
            }],
            randomisation: None,
        };
        let mut results = Results::default();
        assert_eq!(results.add(vec![measured("masks:57")]), None);
        let known = results.add(vec![measured("masks:time")]);
        assert_eq!(
            (known.as_deref(), results.rows.len()),
            (Some("masks:57"), 1)
        );
    }

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
