//! `ssdcrp compare`: two models and photos in; a page and JSON of what differs out, and whether limits are kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Error, Result, ensure};
use clap::Args;
use ssdcrp::compare::{ComparedModel, Comparer, GateLimit, ModelComparison, ObjectChange};
use ssdcrp::detect::Model;
use ssdcrp::printable::printable;
use ssdcrp::report::counted;
use ssdcrp::truth::Truth;

use super::annotations::check_fit;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::failures::FailureCounts;
use super::input_files::InputFiles;
use super::inputs::{InputArgs, PictureInputs};
use super::name_list::{self, NameList};
use super::output;
use super::run_files::RunFiles;
use super::source_picture::SourcePicture;

/// The exit status where a limit is exceeded.
const GATE: u8 = 3;

/// How the built-in model is named where a file is expected.
pub const BUILT_IN: &str = "built-in";

const NOTES: &str = "\
Detections of the two models count as one object if their boxes overlap by an intersection over union of 0.5 or more; detections of one class are paired first. An object is lost if only the \
base detects it, and gained if only the candidate does; the other model is then asked why it found nothing. An object that both detect is renamed if the class differs, changed if the scores \
differ by more than 0.1 or the boxes overlap by less than 0.75, else the same. Both models explain each object, and the maps are compared around it: Spearman's rank correlation, and how much \
of the most relevant tenth they have in common.

Limits of --fail-on. Each is the largest value allowed; for similarity, the smallest:
  lost, gained, renamed   number of objects
  score-drop              mean fall of the score, 0 to 1, over objects that
                          both detect as one class (the next four likewise)
  in-box-drop             mean fall of the share of relevance in the box,
                          0 to 1
  effect-drop             mean fall of the effect of explanations, logits
  checked-drop            how far the share of explanations that pass their
                          check falls, 0 to 1
  similarity              mean rank correlation of the maps, -1 to 1
  missed, correct-drop    with --truth: how many more objects are missed, how
                          many fewer detections are correct

Examples:
  ssdcrp compare built-in own.onnx photos/ -o compare.html
  ssdcrp compare old.onnx new.onnx photos/ --json compare.json \\
    --fail-on lost=0,score-drop=0.1

Exit status:
  0  done
  1  failed, or a picture could not be compared
  2  wrong usage
  3  done, and a limit of --fail-on is exceeded";

/// Compare two models: which detections differ, and whether the reasons differ.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Compare {
    /// The model in use: an ONNX file with its manifest beside it, or built-in. The option --model cannot be used here
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The model that may replace it, named likewise
    #[arg(value_name = "CANDIDATE")]
    candidate: PathBuf,
    #[command(flatten)]
    inputs: InputArgs,
    /// Write a page that shows every object with both explanations
    #[arg(short, long, value_name = "HTML")]
    output: Option<PathBuf>,
    /// Write all results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Compare with annotations too, as for report
    #[arg(long, value_name = "ANNOTATIONS")]
    truth: Option<PathBuf>,
    /// Limits as NAME=NUMBER, separated by commas, for example lost=0,score-drop=0.1; the names are below. If one is exceeded, the exit status is 3
    #[arg(long, value_name = "LIMITS")]
    fail_on: Vec<NameList<String>>,
    /// Do not check explanations. A check takes the time of ten detections
    #[arg(long)]
    no_check: bool,
    /// Seed of the bootstrap's random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

impl Compare {
    /// Compares, writes what was asked for, prints a summary, and says by the exit status whether limits are kept.
    pub fn run(&self, engine: &Engine) -> Result<ExitCode> {
        let limits = self.limits()?;
        ensure!(
            engine.file_of(None).is_none(),
            "compare takes its models as BASE and CANDIDATE: leave --model out"
        );
        let inputs = self.inputs.find(None)?;
        self.check_files(&inputs)?;
        inputs.tell_notes();
        let base = self.model(engine, &self.base)?;
        let candidate = self.model(engine, &self.candidate)?;
        let of_base = self.truth(&base, &inputs)?;
        let of_candidate = self.truth(&candidate, &inputs)?;
        let truth = [of_base.as_ref(), of_candidate.as_ref()];
        check_counted(&limits, truth)?;
        let unknown = unknown(truth);
        let mut comparer = Comparer::new(
            self.side(engine, base, of_base)?,
            self.side(engine, candidate, of_candidate)?,
            !self.no_check,
        );
        if self.output.is_some() {
            comparer = comparer.with_page();
        }
        for warning in comparer.warnings() {
            output::note(&format!("warning: {warning}"));
        }
        for reason in unknown {
            output::note(&format!("left out: {reason}"));
            comparer.leave_out(reason);
        }
        let (shown, failures) = look_at_all(&mut comparer, &inputs)?;
        let failed = FailureCounts::tell(failures, shown)?;
        let (comparison, page) = comparer.finish(&limits, self.seed);
        let mut files = RunFiles::default();
        if let Some((path, page)) = self.output.as_ref().zip(page) {
            files.add(path, &page.html()?)?;
        }
        if let Some(path) = &self.json {
            let mut text = serde_json::to_string(&comparison).context("cannot write JSON")?;
            text.push('\n');
            files.add(path, &text)?;
        }
        let written = files.publish(|| {})?;
        output::print(&summary(&comparison, shown, &written))?;
        ensure!(
            limits.is_empty() || failed.total() == 0,
            "{}, so that no limit is known to be kept",
            failed.words(shown)
        );
        failed.check_none(shown)?;
        if comparison.passed() {
            return Ok(ExitCode::SUCCESS);
        }
        // The summary has it, which is not printed then.
        if output::is_quiet() {
            let failed = comparison.gate.iter().filter(|result| !result.passed);
            failed.for_each(|result| output::complain(&anyhow::anyhow!("{result}")));
        }
        Ok(ExitCode::from(GATE))
    }

    /// # Errors
    /// A limit that is none, or that needs what is not asked for.
    fn limits(&self) -> Result<Vec<GateLimit>> {
        let mut limits = Vec::new();
        for text in name_list::all(&self.fail_on) {
            let limit: GateLimit = text.parse()?;
            let name = limit.measure.name();
            ensure!(
                self.truth.is_some() || !limit.measure.needs_truth(),
                "the limit of {name} needs annotations: name them by --truth"
            );
            ensure!(
                !self.no_check || !limit.measure.needs_checks(),
                "the limit of {name} needs checks: leave --no-check out"
            );
            limits.push(limit);
        }
        Ok(limits)
    }

    /// Fails where what is written would take the place of what is read.
    fn check_files(&self, inputs: &PictureInputs) -> Result<()> {
        let written = [("page", &self.output), ("JSON", &self.json)];
        let written: Vec<(&str, &Path)> = (written.into_iter())
            .filter_map(|(what, path)| Some((what, path.as_deref()?)))
            .collect();
        InputFiles::default()
            .photos(inputs.paths())
            .model(Some(&self.base))
            .model(Some(&self.candidate))
            .truth(self.truth.as_deref())
            .check(&written)?;
        let page = self.output.as_deref();
        page.map_or(Ok(()), |page| output::check_ending(page, "pages", "HTML"))
    }

    fn model(&self, engine: &Engine, path: &Path) -> Result<Arc<Model>> {
        match path == Path::new(BUILT_IN) {
            true => engine.model(),
            false => engine.model_of(Some(path)),
        }
    }

    /// The annotations by a model's labels.
    fn truth(&self, model: &Model, inputs: &PictureInputs) -> Result<Option<Truth>> {
        let labels = &model.manifest.labels;
        let truth = self.truth.as_deref();
        let truth = truth.map(|path| Truth::read(path, labels)).transpose()?;
        if let Some(truth) = &truth {
            check_fit(truth, inputs.photos())?;
        }
        Ok(truth)
    }

    fn side(
        &self,
        engine: &Engine,
        model: Arc<Model>,
        truth: Option<Truth>,
    ) -> Result<ComparedModel> {
        let thresholds = self.thresholds.of(&model);
        Ok(ComparedModel::new(
            model,
            engine.session(),
            thresholds,
            truth,
        )?)
    }
}

/// Fails where a limit counts annotated objects, and some of them would be counted for the base alone.
fn check_counted(limits: &[GateLimit], [base, candidate]: [Option<&Truth>; 2]) -> Result<()> {
    let limit = limits.iter().find(|limit| limit.measure.needs_truth());
    let (Some(limit), Some(base), Some(candidate)) = (limit, base, candidate) else {
        return Ok(());
    };
    let unknown = candidate.unknown().keys();
    let lost: Vec<&str> = unknown
        .filter(|label| !base.unknown().contains_key(*label))
        .map(String::as_str)
        .collect();
    ensure!(
        lost.is_empty(),
        "the limit of {} would not count annotations of classes that only the base knows: {}; name them in the candidate's manifest, or leave the limit out",
        limit.measure.name(),
        lost.join(", ")
    );
    Ok(())
}

/// What of the annotations is counted for neither model, or for one alone.
fn unknown(truth: [Option<&Truth>; 2]) -> Vec<String> {
    let sides = ["base", "candidate"].into_iter().zip(truth);
    let unknown = sides.filter_map(|(model, truth)| {
        let labels = truth?.unknown_list()?;
        Some(format!(
            "annotations of classes that the {model} does not know: {labels}"
        ))
    });
    unknown.collect()
}

/// Has all pictures compared. Gives how many could be, and why others could not, which the page says, too.
fn look_at_all(comparer: &mut Comparer, inputs: &PictureInputs) -> Result<(usize, Vec<Error>)> {
    let bar = output::progress(inputs.paths().count(), "compared")?;
    let (mut shown, mut failures) = (0, Vec::new());
    for picture in inputs.pictures() {
        // A video has several.
        if bar.length() == Some(bar.position()) {
            bar.inc_length(1);
        }
        let looked = picture.and_then(|picture| {
            bar.set_message(printable(&picture.name()).into_owned());
            look(comparer, &picture)
        });
        match looked {
            Ok(()) => shown += 1,
            Err(error) => {
                comparer.leave_out(format!("{error:#}"));
                failures.push(error);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((shown, failures))
}

fn look(comparer: &mut Comparer, picture: &SourcePicture) -> Result<()> {
    let file = picture.annotated_file();
    let looked = comparer.look(&picture.file_name(), file, &picture.read()?);
    looked.with_context(|| format!("cannot use {}", picture.name()))
}

/// What came out, in a few lines.
fn summary(comparison: &ModelComparison, photos: usize, written: &[String]) -> String {
    let counts = ObjectChange::ALL
        .map(|change| format!("{} {}", comparison.count(change), change.name()))
        .join(", ");
    let mut text = format!(
        "{} → {}: {}, {counts}\n",
        comparison.base,
        comparison.candidate,
        counted(&photos, "photo")
    );
    if let Some(truth) = &comparison.truth {
        text += &format!(
            "beside annotations: correct {} → {}, wrong {} → {}, missed {} → {}\n",
            truth.correct[0],
            truth.correct[1],
            truth.wrong[0],
            truth.wrong[1],
            truth.missed[0],
            truth.missed[1]
        );
    }
    for result in &comparison.gate {
        text += &format!("{result}\n");
    }
    text += &match written.is_empty() {
        true => "no file was asked for: -o compare.html is a page of it, --json compare.json for machines\n".to_owned(),
        false => format!("written: {}\n", written.join(", ")),
    };
    text
}
