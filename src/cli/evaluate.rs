//! `ssdcrp evaluate`: photos in; how good the explanations of several methods are out, as a table and as files.

mod baseline;
mod files;
mod method_spec;
mod partial;
mod plot;
mod randomisation;
mod report;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ssdcrp::crp::PRESETS;
use ssdcrp::detect::manifest::DetectorKind;
use ssdcrp::detect::{Detector, Model, preprocess};
use ssdcrp::evaluate::sanity::randomise_top_down;
use ssdcrp::evaluate::{
    DetectionScores, EvaluatedPhoto, Method, MethodSummary, Replacement, fingerprint, judge,
};
use ssdcrp::truth::Truth;

use self::method_spec::MethodSpec;
use self::partial::{EvaluationSettings, MeasuredPhoto, Partial};
use self::randomisation::Randomisation;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::{output, photo};

const NOTES: &str = "\
Deletion: blocks of 20 pixels of the network's input are replaced by the blurred picture (--deletion), 4 % of them a step up to 40 %, once the most and once the least relevant first;
the score is the mean over the steps of (least first − most first) of the quantity, each column for the map that explains that quantity: the class logit minus the mean
of the others, the class logit minus the runner-up's, the largest offset. Higher is better, a random map has about 0. Composites without a contrast are judged
by one map in both class columns; a classifier has no offsets. Same class?: cosine and Spearman's correlation of the maps of the two best classes, both against the mean of the others; 1 is blind
for the class. In brackets: 95 % bootstrap intervals over detections. The field's measures are those of the papers that docs/evaluation.md names.
What is interrupted goes on: what was measured is kept beside the JSON, in NAME.json.partial, until the JSON is written.";

/// Measure how good explanations are: deletion, class separation, energy in the box, the field's measures, time.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Evaluate {
    /// JPEG or PNG, one or more
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Composites to compare besides the presets, as for explain, each perhaps with a contrast of its own (crp@softmax); several with semicolons between them
    #[arg(long, value_name = "LIST", value_delimiter = ';')]
    composites: Vec<String>,
    /// Leave the presets out
    #[arg(long)]
    no_presets: bool,
    /// What to compare with, commas between: gradient-x-input, integrated-gradients (20 steps), deeplift (Rescale), grad-cam, layer-cam, odam, d-rise:N (D-RISE as published, N masks), occlusion,
    /// masks:N (N random masks after D-RISE, adapted), masks:time (as many masks as fit into the time of an explanation), random; none leaves all out.
    /// Unless said, all with 1000 masks that the network has
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    baselines: Option<Vec<String>>,
    /// The best so many detections of each photo, or all
    #[arg(long, value_name = "N", default_value = "3")]
    detections: DetectionLimit,
    /// What deleted blocks become: blurred, as the picture that integrated gradients, DeepLIFT and occlusion measure against, or mean-colour, that of the picture
    #[arg(long, value_name = "CONTENTS", default_value_t)]
    deletion: Replacement,
    /// Seed of everything random: with the same seed all numbers but times are the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Randomise the network's weights from the top down, and compare the maps of each photo's best detection with the original ones (propagation and gradients only)
    #[arg(long)]
    randomise: bool,
    /// Compare maps with annotations too: COCO's JSON, an XML file of Pascal VOC or a folder of such; pictures are found by file name, classes by label
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
        let (photos, truth) = self.photos(&model, &mut detector)?;
        let mut partial = Partial::open(self.json.as_deref(), &self.settings(&model, truth)?)?;
        if partial.len() > 0 {
            output::note(&format!(
                "goes on from {} results that are kept",
                partial.len()
            ));
        }

        let subjects: usize = photos.iter().map(|photo| photo.subjects.len()).sum();
        let progress = progress((choices.len() * subjects) as u64)?;
        let mut rows: Vec<DetectionScores> = Vec::new();
        let mut randomisation = Vec::new();
        for choice in choices {
            let mut judging = Judging {
                evaluate: self,
                choice: choice.settled(partial.method(&choice.asked()))?,
                model: &model,
                photos: &photos,
                engine,
                detector: &mut detector,
            };
            match judging.judge_all(&mut partial, &progress) {
                Ok(measured) => {
                    for one in measured {
                        rows.extend(one.rows);
                        randomisation.extend(one.randomisation);
                    }
                }
                Err(error) if self.may_be_left_out(&choice) => {
                    progress.suspend(|| eprintln!("left out: {error:#}"));
                }
                Err(error) => return Err(error),
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
        output::print(&text)?;
        partial.finish()
    }

    /// All photos with what is found on them, and a hash of the annotations.
    fn photos(
        &self,
        model: &Arc<Model>,
        detector: &mut Detector,
    ) -> Result<(Vec<EvaluatedPhoto>, Option<String>)> {
        let truth = self.truth.as_deref();
        let truth = truth.map(|path| Truth::read(path, &model.manifest.labels));
        let truth = truth.transpose()?;
        let photos = self.images.iter();
        let photos = photos.map(|path| self.look(path, model, detector, truth.as_ref()));
        let photos = photos.collect::<Result<Vec<_>>>()?;
        ensure!(
            photos.iter().any(|photo| !photo.subjects.is_empty()),
            "nothing was detected in any of the photos: lower --score-threshold"
        );
        Ok((
            photos,
            truth.map(|truth| hash(format!("{truth:?}").bytes())),
        ))
    }

    /// What numbers depend on.
    fn settings(&self, model: &Model, truth: Option<String>) -> Result<EvaluationSettings> {
        let thresholds = self.thresholds.of(model);
        let manifest = &model.manifest;
        let outputs = [Some(&model.outputs.classes), model.outputs.offsets.as_ref()];
        let outputs: Vec<&str> = outputs.into_iter().flatten().map(String::as_str).collect();
        let network = model.graph.to_model(&outputs)?;
        let read = format!(
            "{:?}{:?}{:?}{:?}",
            manifest.input, manifest.output, manifest.labels, manifest.default_boxes
        );
        Ok(EvaluationSettings {
            version: env!("CARGO_PKG_VERSION"),
            model: hash(network.into_iter().chain(read.into_bytes())),
            seed: self.seed,
            detections: self.detections.0,
            score_threshold: thresholds.score,
            iou_threshold: thresholds.iou,
            deletion: self.deletion.to_string(),
            randomise: self.randomise,
            truth,
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
                for name in baseline::ALL {
                    choices.push(MethodSpec::baseline(name)?);
                }
            }
            Some(names) => {
                for name in names.iter().filter(|name| *name != "none") {
                    choices.push(MethodSpec::baseline(name)?);
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

    fn look(
        &self,
        path: &Path,
        model: &Arc<Model>,
        detector: &mut Detector,
        truth: Option<&Truth>,
    ) -> Result<EvaluatedPhoto> {
        let photo = photo::read(path)?;
        let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
        let forward = detector.forward(input)?;
        let mut detections = detector.detections(&forward, self.thresholds.of(model))?;
        if detections.is_empty() && model.manifest.kind == DetectorKind::Classifier {
            // It always says something of the picture.
            detections.push(detector.describe(&forward, 0)?);
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let annotated = truth.and_then(|truth| truth.of(&name));
        let photo = EvaluatedPhoto::new(name, forward, &detections, self.detections.0, model)?
            .with_replacement(self.deletion);
        Ok(match annotated {
            Some(annotated) => {
                let counted = annotated.iter().filter(|object| !object.ignored);
                let objects: Vec<_> = counted.map(|object| (object.class, object.rect)).collect();
                photo.with_truth(&objects)
            }
            None => photo,
        })
    }
}

/// A hash in hexadecimal.
fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    format!("{:016x}", fingerprint(bytes))
}

/// One method at all photos.
struct Judging<'a> {
    evaluate: &'a Evaluate,
    choice: MethodSpec,
    model: &'a Arc<Model>,
    photos: &'a [EvaluatedPhoto],
    engine: &'a Engine,
    detector: &'a mut Detector,
}

impl Judging<'_> {
    /// What the method is worth at each photo, as it was measured before or is now.
    fn judge_all(
        &mut self,
        partial: &mut Partial,
        progress: &ProgressBar,
    ) -> Result<Vec<MeasuredPhoto>> {
        let asked = self.choice.asked();
        // Made where something is left to measure; it holds networks as large as the model.
        let mut made: Option<Box<dyn Method>> = None;
        let mut all = Vec::with_capacity(self.photos.len());
        for photo in self.photos {
            progress.set_message(format!("{asked}, {}", photo.name));
            let pixels = photo.forward.input.tensor.iter();
            let picture = hash(pixels.flat_map(|value| value.to_le_bytes()));
            let measured = match partial.of(&asked, &picture) {
                Some(known) => known.clone(),
                None => {
                    let method = match &mut made {
                        Some(method) => method,
                        None => made.insert(self.method(self.model)?),
                    };
                    let measured = self
                        .judge(method.as_mut(), photo, picture)
                        .with_context(|| format!("{} of {}", method.name(), photo.name))?;
                    partial.add(&measured)?;
                    measured
                }
            };
            progress.inc(photo.subjects.len() as u64);
            all.push(measured);
        }
        Ok(all)
    }

    fn judge(
        &mut self,
        method: &mut dyn Method,
        photo: &EvaluatedPhoto,
        picture: String,
    ) -> Result<MeasuredPhoto> {
        let seed = self.evaluate.seed;
        let rows = judge(method, photo, self.model, self.detector, seed)?;
        let randomises = self.evaluate.randomise && self.choice.is_of_the_network();
        let randomisation = match photo.subjects.first() {
            Some(subject) if randomises => {
                let make = |model: Arc<Model>| self.method(&model).map_err(ssdcrp::Error::other);
                let session = self.engine.session();
                Some(Randomisation {
                    method: method.name().to_owned(),
                    image: photo.name.clone(),
                    default_box: subject.detection.default_box,
                    stages: randomise_top_down(&make, self.model, photo, subject, seed, session)?,
                })
            }
            _ => None,
        };
        Ok(MeasuredPhoto {
            asked: self.choice.asked(),
            image: photo.name.clone(),
            picture,
            rows,
            randomisation,
        })
    }

    fn method(&self, model: &Arc<Model>) -> Result<Box<dyn Method>> {
        let session = self.engine.session();
        (self.choice).method(model, self.photos, self.evaluate.seed, session)
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
