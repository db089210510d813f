//! `ssdcrp explain`: pictures and a question in; the relevance of their pixels out, as pictures, as arrays, as numbers.

mod answer;
mod asking;
mod explained_folder;
mod places;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use ssdcrp::crp::{Composite, Contrast, PRESETS, Propagator, Seed, TargetOutput};
use ssdcrp::detect::Model;
use ssdcrp::heatmap::ColourMap;

use self::asking::ExplainQuestion;
use self::explained_folder::{ExplainSettings, ExplainedFolder};
use self::places::ExplainPlaces;
use self::run::{ExplainCounts, ExplainRun, ExplainShow};
use super::default_box::DefaultBoxArgs;
use super::detected_photo::{PhotoDetector, ThresholdArgs};
use super::engine::Engine;
use super::input_files::InputFiles;
use super::inputs::InputArgs;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::json;
use super::model_hash::model_hash;
use super::output::TextBlocks;

const EXAMPLES: &str = "\
Examples:
  Why is that a sheep, and not a horse?
    ssdcrp explain photo.jpg --at 400,250 --target class:sheep \\
      --contrast class:horse -o why.png
  What makes the box so wide?
    ssdcrp explain photo.jpg --box 1406 --target offset:w+ -o wider.png
  What places and sizes the box, in four pictures?
    ssdcrp explain photo.jpg --target offset:cx --target offset:cy \\
      --target offset:w --target offset:h -o box.png
  The relevance itself, for NumPy:
    ssdcrp explain photo.jpg --npy relevance.npy
  Why was no horse found there?
    ssdcrp explain photo.jpg --missing 120,200,340,560 --target class:horse \\
      -o missing.png
  The best detection of every photo of a folder and of a frame every 2 seconds,
  with files in a folder; the same command again goes on where it stopped:
    ssdcrp explain photos/ clip.mp4 --every 2 -o explained --npy --json
  Classic LRP, whose maps hardly depend on the class:
    ssdcrp explain photo.jpg --composite lrp-alpha1beta0 -o lrp.png

Red speaks for what is explained, blue against it; --colour-map has other colours. Without --json a short summary is printed. Files are written only with -o and --npy.

For several pictures, -o and --npy name a folder. PHOTO-N-TARGET.png and .npy are explanation N of a photo. For a frame of a video, its time follows the video's name, as in \
clip-00002.500s-1-class-dog.png. PHOTO.json has what --json prints, settings.json the settings. A later run with other settings is refused; a run with the same settings skips the pictures that \
are done. A picture that cannot be used is reported; the others are still explained, and the exit status is 1. Ctrl-C ends the work after the picture that is being explained, and the exit status is 130; the same command goes on. A second Ctrl-C ends at once.";

/// Explain default boxes of photos and frames of videos: which pixels speak for and against a class, or the place and size of a box.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}\n{}", json::DETECTION_FIELDS, json::EXPLANATION_FIELDS))]
pub struct Explain {
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    default_box: DefaultBoxArgs,
    /// Explain every detection
    #[arg(long, conflicts_with_all = ["best", "at", "default_box", "missing"])]
    all: bool,
    /// Output to explain, may be given several times: class:NAME (a label or a number; if a label is itself 20, write #20 for class number 20), offset:cx, cy, w or h, edge:left, right, top or bottom, or objectness if the
    /// model has it as a separate output. An offset or edge may end in + or - for a direction (+ is right, down, wider, taller). tx, ty, tw, th are other names of cx, cy, w, h [default: the
    /// predicted class, and of an offset or edge the predicted direction]
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// What to contrast the target with: mean (all other classes; for an offset or objectness, the same output of the cell's other boxes), softmax (the other classes, weighted by probability),
    /// class:NAME, runner-up, none. With lrp-* composites also clrp1, clrp2 and sglrp from the literature [default: for a class the composite's contrast (mean for crp), else none]
    #[arg(long, value_name = "CONTRAST")]
    contrast: Option<String>,
    #[arg(
        long,
        value_name = "NAME",
        help = format!("Composite, which says by which rules relevance is propagated: {}, or a list of what differs from crp, such as high=epsilon:0.25std,low=zplus [default: the manifest's, else crp]", PRESETS.join(", "))
    )]
    composite: Option<String>,
    /// Relevance that an output starts with. score: its own value, the logit or the offset. unit: so much that |R| over the inputs of the output's own layer adds up to 1 [default: the composite's; lrp-* start with 1]
    #[arg(long, value_name = "SEED", value_parser = seed)]
    seed: Option<Seed>,
    /// Write the photo with heatmap, boxes and caption as PNG. With --all or several targets explanations are numbered, even if there is only one: why-1.png, why-2.png. A name without an ending is a folder. For several pictures it must be a folder
    #[arg(short, long, value_name = "PNG|FOLDER")]
    output: Option<PathBuf>,
    /// Write the relevance as a NumPy file: float32 [H, W], at the size that the picture has in the network's input, without bars. It is summed over the colour channels and not normalised. Files are numbered as for -o. If no name is given, they are written beside the files of -o
    #[arg(long, value_name = "NPY|FOLDER")]
    npy: Option<Option<PathBuf>>,
    /// Smooth the drawn heatmap with a Gaussian of this σ, in pixels of the network's input, 0 to 100. --npy and --json are not smoothed
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0, value_parser = sigma)]
    smooth: f32,
    #[arg(
        long,
        value_name = "NAME",
        default_value_t,
        help = format!("Colours of the heatmap: {}; orange-blue can be distinguished with every kind of colour blindness", ColourMap::ALL.map(ColourMap::name).join(", "))
    )]
    colour_map: ColourMap,
    /// Print JSON, one line a picture, rather than summaries
    #[arg(long)]
    json: bool,
    /// Check each explanation: detect again with the reddest 4 % of the picture blurred, and nine times with as much blurred elsewhere [default: with -o or --json]
    #[arg(long, overrides_with = "no_check")]
    check: bool,
    /// Do not check explanations. A check takes the time of ten detections
    #[arg(long, overrides_with = "check")]
    no_check: bool,
    /// Add the logits of all classes to each detection in the JSON
    #[arg(long, requires = "json")]
    logits: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

impl Explain {
    /// Explains, writes the files that were asked for, and prints.
    pub fn run(&self, engine: &Engine) -> Result<ExitCode> {
        // Mistakes in the question are told before the network is loaded.
        let outputs: Vec<TargetOutput> = self
            .targets
            .iter()
            .map(|target| target.parse())
            .collect::<ssdcrp::Result<_>>()?;
        let contrast: Option<Contrast> = self.contrast.as_deref().map(str::parse).transpose()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let question = ExplainQuestion {
            outputs,
            contrast,
            all: self.all,
        };
        let inputs = self.inputs.find(self.output.as_deref())?;
        let maps = self.npy.as_ref().map(Option::as_deref);
        let places = ExplainPlaces::of(self.output.as_deref(), maps, inputs.several)?;
        let read = InputFiles::default()
            .photos(inputs.paths())
            .model(engine.file_of(None));
        places.check(&read)?;

        let mut explainer = None;
        let prepare = |model: &Arc<Model>| {
            let mut composite = composite.map_or_else(|| Composite::of(model), Ok)?;
            composite.seed = self.seed.unwrap_or(composite.seed);
            let made = Propagator::new(model.clone(), composite, engine.session())?;
            Ok(explainer.insert(made).reads().to_vec())
        };
        let mut detector = PhotoDetector::handing_over(engine, &self.thresholds, prepare)?;
        let explainer = explainer.context("there is no explainer")?;
        let folder = match places.folder() {
            None => None,
            Some(folder) => {
                let settings =
                    self.settings(engine, &detector.model, explainer.composite(), &places)?;
                Some(ExplainedFolder::open(folder, &settings)?)
            }
        };
        let only_prints = places.is_empty();
        let mut run = ExplainRun {
            show: ExplainShow {
                json: self.json,
                logits: self.logits,
                check: self.is_checked(),
                smooth: self.smooth,
                colours: self.colour_map,
            },
            several: inputs.several,
            default_box: &self.default_box,
            question,
            places,
            read,
            explainer,
            folder,
            blocks: TextBlocks::default(),
            counts: ExplainCounts::default(),
        };
        // Only a folder keeps what is done, so that the same command goes on.
        let interrupt = run
            .folder
            .as_ref()
            .map(|_| Interrupt::listen("finishing this picture"));
        let interrupt = interrupt.transpose()?;
        let ended = inputs.each_until(interrupt.as_ref(), only_prints, |picture| {
            run.explain(picture, &mut detector)
        });
        if matches!(ended, Ok(false)) {
            run.say_interrupted();
            return Ok(ExitCode::from(INTERRUPTED));
        }
        run.say_counts()?;
        ended.map(|_| ExitCode::SUCCESS)
    }

    fn is_checked(&self) -> bool {
        let by_default = self.output.is_some() || self.json;
        self.check || by_default && !self.no_check
    }

    /// What results in a folder depend on.
    fn settings(
        &self,
        engine: &Engine,
        model: &Model,
        composite: &Composite,
        places: &ExplainPlaces,
    ) -> Result<ExplainSettings> {
        let thresholds = self.thresholds.of(model);
        Ok(ExplainSettings {
            version: env!("CARGO_PKG_VERSION"),
            model: model.manifest.name.clone(),
            model_hash: model_hash(model)?,
            place: self.default_box.words(),
            all: self.all,
            targets: self.targets.clone(),
            contrast: self.contrast.clone(),
            composite: composite.to_string(),
            seed: format!("{:?}", composite.seed).to_lowercase(),
            score_threshold: thresholds.score,
            iou_threshold: thresholds.iou,
            execution_provider: engine.session().provider.to_string(),
            check: self.is_checked(),
            logits: self.logits,
            pictures: places.pictures.is_some(),
            smooth: self.smooth,
            colour_map: self.colour_map.to_string(),
            npy: places.maps.is_some(),
        })
    }
}

fn seed(text: &str) -> Result<Seed> {
    match text {
        "score" => Ok(Seed::Score),
        "unit" => Ok(Seed::Unit),
        _ => bail!("score or unit is expected"),
    }
}

fn sigma(text: &str) -> Result<f32> {
    let sigma = text.parse().ok().filter(|s| (0.0..=100.0).contains(s));
    sigma.context("a number from 0 to 100 is expected")
}
