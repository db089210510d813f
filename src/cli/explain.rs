//! `ssdcrp explain`: a photo and a question in; the relevance of its pixels out, as a picture, as an array, as numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ndarray::Array2;
use ssdcrp::check::{Check, Checker};
use ssdcrp::crp::{
    Composite, Contrast, Explanation, PRESETS, Propagator, RelevanceSummary, Seed, Target,
    TargetOutput,
};
use ssdcrp::detect::{Detection, Model};
use ssdcrp::heatmap::{ColourMap, smoothed};

use super::default_box::{DefaultBoxArgs, MissingObject};
use super::detected_photo::{DetectedPhoto, ThresholdArgs};
use super::engine::Engine;
use super::input_files::InputFiles;
use super::json::{self, MissingRecord};
use super::picture::PhotoOverlay;
use super::{output, text};

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
  Classic LRP, whose maps hardly depend on the class:
    ssdcrp explain photo.jpg --composite lrp-alpha1beta0 -o lrp.png

Red speaks for what is explained, blue against it; --colour-map has other colours. Without --json a short summary is printed. Files are written only with -o and --npy.";

/// Explain one default box of a photo: which pixels speak for and against its class, or the place and size of its box.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}\n{}", json::DETECTION_FIELDS, json::EXPLANATION_FIELDS))]
pub struct Explain {
    /// Photo, JPEG or PNG; - reads it from standard input
    image: PathBuf,
    #[command(flatten)]
    default_box: DefaultBoxArgs,
    /// Explain every detection
    #[arg(long, conflicts_with_all = ["best", "at", "default_box", "missing"])]
    all: bool,
    /// Output to explain, may be given several times: class:NAME (a label or a number; write #20 if a class is called 20), offset:cx, cy, w or h, edge:left, right, top or bottom, or objectness if the
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
    /// Relevance that an output starts with: score, its own value (the logit or the offset), or unit, with which the magnitudes of the relevance after its own layer add up to 1 [default: the composite's]
    #[arg(long, value_name = "SEED", value_parser = seed)]
    seed: Option<Seed>,
    /// Write the photo with heatmap, boxes and caption as PNG. Several explanations are numbered: why-1.png, why-2.png
    #[arg(short, long, value_name = "PNG")]
    output: Option<PathBuf>,
    /// Write the relevance as float32 [H, W] at the network's input size: summed over the colour channels, not normalised. Several files are numbered as for -o
    #[arg(long, value_name = "NPY")]
    npy: Option<PathBuf>,
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
    /// Print JSON, one line, rather than a summary
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

/// What is asked of the photo.
struct AskedTarget {
    /// At this default box.
    chosen: Detection,
    target: Target,
    /// Why nothing was found there, if that is asked.
    missing: Option<MissingObject>,
}

/// An explanation with what is derived from it.
struct ExplanationOutput {
    /// The explained box, with the explained class; if no class is explained, with the chosen detection's.
    explained: Detection,
    explanation: Explanation,
    /// Relevance summed over the colour channels, `[H, W]`.
    map: Array2<f32>,
    summary: RelevanceSummary,
    /// The result of the check, if there was one.
    check: Option<Check>,
    /// Why nothing was found there, if that was asked.
    missing: Option<MissingObject>,
}

impl Explain {
    /// Explains, writes the files that were asked for, and prints.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        // Mistakes in the question are told before the network is loaded.
        let asked: Vec<TargetOutput> = self
            .targets
            .iter()
            .map(|target| target.parse())
            .collect::<ssdcrp::Result<_>>()?;
        let contrast: Option<Contrast> = self.contrast.as_deref().map(str::parse).transpose()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let read = InputFiles::default()
            .photos([&self.image])
            .model(engine.file_of(None));
        self.check_files(&read)?;

        let mut explainer = None;
        let prepare = |model: &Arc<Model>| {
            let mut composite = composite.map_or_else(|| Composite::of(model), Ok)?;
            composite.seed = self.seed.unwrap_or(composite.seed);
            let made = Propagator::new(model.clone(), composite, engine.session())?;
            Ok(explainer.insert(made).reads().to_vec())
        };
        let mut detected =
            DetectedPhoto::handing_over(engine, &self.image, &self.thresholds, prepare)?;
        let mut explainer = explainer.context("there is no explainer")?;
        let questions = self.questions(&detected, &asked, contrast)?;
        let targets: Vec<Target> = questions.iter().map(|asked| asked.target.clone()).collect();
        let explanations = explainer.explain(&detected.forward, &targets)?;
        let mut outputs = questions
            .into_iter()
            .zip(explanations)
            .map(|(asked, explanation)| ExplanationOutput::new(&detected, asked, explanation))
            .collect::<Result<Vec<_>>>()?;
        if self.is_checked() {
            let DetectedPhoto {
                model,
                detector,
                forward,
                ..
            } = &mut detected;
            let mut checker = Checker::new(model, detector, forward);
            for output in &mut outputs {
                let question = &output.explanation.question;
                output.check = Some(checker.check(question, &output.map)?);
            }
        }

        let composite = explainer.composite();
        let written = self.write_files(&detected, &outputs, composite, &read)?;
        if self.json {
            let mut record = json::PhotoRecord::new(&detected, self.logits)?;
            for output in &outputs {
                let check = output.check.as_ref();
                let missing = output.missing.as_ref();
                let missing = missing.map(|missing| MissingRecord::new(&detected, missing));
                record.add(
                    &output.explanation,
                    &composite.name,
                    &output.summary,
                    check,
                    missing,
                );
            }
            return output::print_json(&record);
        }
        output::print(&self.summary(&detected, &outputs, composite, &written)?)
    }

    fn is_checked(&self) -> bool {
        let by_default = self.output.is_some() || self.json;
        self.check || by_default && !self.no_check
    }

    /// Fails where a file could not be written, or would replace one that is read.
    fn check_files(&self, read: &InputFiles) -> Result<()> {
        if let Some(path) = &self.output {
            output::check_picture_name(path)?;
        }
        let written = [("picture", &self.output), ("NPY", &self.npy)];
        let written: Vec<(&str, &Path)> = (written.into_iter())
            .filter_map(|(what, path)| Some((what, path.as_deref()?)))
            .collect();
        read.check(&written)
    }

    /// Each chosen detection with each output in `asked`; if `asked` is empty, with its predicted class.
    fn questions(
        &self,
        detected: &DetectedPhoto,
        asked: &[TargetOutput],
        contrast: Option<Contrast>,
    ) -> Result<Vec<AskedTarget>> {
        if self.default_box.is_missing() {
            return self.missing(detected, asked, contrast.as_ref());
        }
        let chosen = if self.all {
            detected.detections.clone()
        } else {
            vec![self.default_box.detection(detected, asked.first())?]
        };
        ensure!(
            !chosen.is_empty(),
            "nothing scores above {} in {}",
            detected.thresholds.score,
            self.image.display()
        );
        let mut questions = Vec::new();
        for chosen in chosen {
            let predicted = Target {
                contrast: contrast.clone(),
                ..Target::predicted_class(&chosen)
            };
            let question = |target| AskedTarget {
                chosen: chosen.clone(),
                target,
                missing: None,
            };
            if asked.is_empty() {
                questions.push(question(predicted));
                continue;
            }
            questions.extend(asked.iter().map(|output| {
                question(Target {
                    output: output.clone(),
                    ..predicted.clone()
                })
            }));
        }
        Ok(questions)
    }

    /// Why each class in `asked` is missing at the place; if `asked` is empty, the likeliest class.
    fn missing(
        &self,
        detected: &DetectedPhoto,
        asked: &[TargetOutput],
        contrast: Option<&Contrast>,
    ) -> Result<Vec<AskedTarget>> {
        let classes = asked.iter().map(Some);
        let classes = classes.chain(asked.is_empty().then_some(None));
        let mut questions = Vec::new();
        for class in classes {
            let missing = self.default_box.missing(detected, class)?;
            let missing = missing.context("no place was named")?;
            let mut target = Target::absence(&missing.absence);
            target.contrast = contrast.cloned().or(target.contrast);
            questions.push(AskedTarget {
                chosen: missing.absence.detection().clone(),
                target,
                missing: Some(missing),
            });
        }
        Ok(questions)
    }

    /// Writes the pictures and maps that were asked for. Returns their file names.
    fn write_files(
        &self,
        detected: &DetectedPhoto,
        outputs: &[ExplanationOutput],
        composite: &Composite,
        read: &InputFiles,
    ) -> Result<Vec<String>> {
        let mut written = Vec::new();
        for (index, output) in outputs.iter().enumerate() {
            let numbered = |path: &Path| {
                let path = output::numbered(path, index, outputs.len());
                read.check_kept(&path).map(|()| path)
            };
            if let Some(path) = &self.output {
                let path = numbered(path)?;
                let map = smoothed(output.map.view(), self.smooth);
                let picture = PhotoOverlay {
                    map: &map,
                    explained: &output.explained,
                    missing: output.missing.as_ref(),
                    caption: &self.caption(detected, output, composite),
                    colours: self.colour_map,
                    doubtful: output.check.as_ref().is_some_and(|check| !check.passed()),
                };
                let picture = picture.draw(detected)?;
                output::write_picture(&path, &picture)?;
                written.push(path.display().to_string());
            }
            if let Some(path) = &self.npy {
                let path = numbered(path)?;
                output::write_map(&path, &output.map)?;
                written.push(path.display().to_string());
            }
        }
        Ok(written)
    }

    /// The caption: what is explained, the composite if it is not the default, why nothing was found there, and the result of the check.
    fn caption(
        &self,
        detected: &DetectedPhoto,
        output: &ExplanationOutput,
        composite: &Composite,
    ) -> String {
        let mut words = output.explanation.question.wording.to_string();
        if composite.name != PRESETS[0] {
            words += &format!(" ({composite})");
        }
        if let Some(missing) = &output.missing {
            words += &format!("\n{}", missing.words(detected));
        }
        if let Some(check) = &output.check {
            words += &format!("\n{}", check.words(self.colour_map.positive_name()));
        }
        words
    }

    fn summary(
        &self,
        detected: &DetectedPhoto,
        outputs: &[ExplanationOutput],
        composite: &Composite,
        written: &[String],
    ) -> Result<String> {
        let mut text = text::heading(detected);
        for output in outputs {
            let ExplanationOutput {
                explained,
                explanation,
                summary,
                ..
            } = output;
            text += &text::explained(detected, explained, explanation, &composite.name, summary)?;
            if let Some(missing) = &output.missing {
                text += &format!("{}\n", missing.words(detected));
            }
            if let Some(check) = &output.check {
                let words = check.words(self.colour_map.positive_name());
                text += &format!("{words}; {}\n", check.figures());
            }
        }
        text += &if written.is_empty() {
            "no file was asked for: -o why.png draws it over the photo, --npy relevance.npy keeps the numbers\n".to_owned()
        } else {
            format!("written: {}\n", written.join(", "))
        };
        Ok(text)
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

impl ExplanationOutput {
    fn new(detected: &DetectedPhoto, asked: AskedTarget, explanation: Explanation) -> Result<Self> {
        let explained = if let TargetOutput::Class(class) = &asked.target.output {
            detected.as_class(&asked.chosen, detected.model.manifest.class(class)?)?
        } else {
            asked.chosen
        };
        let map = explanation.map();
        let summary = RelevanceSummary::of(&map, &explained.rect);
        Ok(Self {
            explained,
            explanation,
            map,
            summary,
            check: None,
            missing: asked.missing,
        })
    }
}
