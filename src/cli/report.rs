//! `ssdcrp report`: photos, folders of photos and folders of events in; an HTML page out that shows what looks wrong and why, and JSON and CSV of all of it.

mod evidence;
mod files;
mod found;
mod input;
mod looked;
mod picture_folder;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use clap::Args;
use ssdcrp::crp::Composite;
use ssdcrp::detect::{ClassId, ClassRef, Model};
use ssdcrp::limits::{MOST_EXPLAINED, MOST_OBJECTS};
use ssdcrp::printable::printable;
use ssdcrp::report::{FinishedReport, PagePictures, ReportOptions, Reporter, counted};
use ssdcrp::stream::monitor::EventThresholds;
use ssdcrp::truth::Truth;

use self::found::ReportInputs;
use self::looked::{DetectionContext, LookedPhotos};
use self::picture_folder::PagePictureFolder;
use super::annotations::check_fit;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::failures::FailureCounts;
use super::input_files::InputFiles;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::model_hash::model_hash;
use super::name_list::{self, NameList};
use super::run_files::RunFiles;
use super::source_picture::SourcePicture;
use super::video_frames::FrameArgs;
use super::{output, partial_file};

const NOTES: &str = "\
The page of up to 100 objects is one file: it can be moved, mailed and read offline. With more objects, the pictures lie in a folder beside the page: report-files for report.html. \
They are loaded when they come into view. Keep page and folder together.

Objects that look wrong come first: a second class scores nearly as high, the class was not expected, one box covers two objects, two boxes cover one, or the score is low. With --truth, \
errors come before them. For each object that is explained there are heatmaps of the class against its runner-up and against the mean of the others, of the offsets and edges of its box, \
and of the classes of --what-if.

Maps that are shown without opening anything are checked (not those of offsets and edges): the network runs again with the reddest part blurred. A map that does no better than chance is drawn paler. Its card comes first among those \
where nothing else looks wrong.

A picture that cannot be used is reported; the others are still used, and the exit status is 1. Ctrl-C ends the work; the page then shows what is done so far, and the exit status is 130. What was detected is kept in report.html.partial until the page is written whole. The same \
command goes on from there. A second Ctrl-C ends at once.";

/// The page of more objects has its pictures in a folder beside it.
const ONE_FILE: usize = 100;

/// Write a page about photos or events: what was detected, what looks wrong, and why the network said so.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Report {
    /// Photos (JPEG or PNG) and videos; folders, with all photos and videos below them; folders of events as the element and ssdcrp-monitor write them; patterns in quotes, as '*.jpg'; @FILE, a list with a name a line (@- is a list on standard input); - is a photo on standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    frames: FrameArgs,
    /// The page to write
    #[arg(short, long, value_name = "HTML")]
    output: PathBuf,
    /// Show for every object what would speak for these classes, separated by commas
    #[arg(long, value_name = "CLASSES")]
    what_if: Vec<NameList<ClassRef>>,
    /// Classes that are expected in the photos, separated by commas; an object of any other class looks wrong
    #[arg(long, value_name = "CLASSES")]
    expected_classes: Vec<NameList<ClassRef>>,
    /// Compare with annotations: COCO's JSON, an XML file of Pascal VOC, or a folder of such XML files; pictures are matched by file name, classes by label
    #[arg(long, value_name = "ANNOTATIONS")]
    truth: Option<PathBuf>,
    /// Write everything as JSON too, an item for each detection and each missed object (docs/schema/report.json)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a row for each detection and each missed object too
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Leave out everything but errors, in page, JSON and CSV. With --truth, errors are the wrong and the missed objects by the annotations; otherwise, the objects that look wrong
    #[arg(long)]
    errors_only: bool,
    /// Show at most so many objects on the page, and so many missed ones, the worst first; JSON and CSV have all of them. From folders of events, at most so many events are read, the most severe ones; this limits JSON and CSV too
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(MOST_OBJECTS).unwrap_or(NonZeroUsize::MIN), value_parser = from_one)]
    most: NonZeroUsize,
    /// Explain at most so many of the objects that are shown, and so many of the missed ones, the worst first
    #[arg(long, value_name = "N", default_value_t = MOST_EXPLAINED)]
    explain: usize,
    /// Do not check explanations. A check takes the time of ten detections for each map that is not folded up
    #[arg(long)]
    no_check: bool,
    /// Composite, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

fn from_one(text: &str) -> Result<NonZeroUsize> {
    text.parse().context("a number from 1 on is expected")
}

impl Report {
    /// Looks at all photos, explains what looks most wrong, writes page and files, and says so.
    pub fn run(&self, engine: &Engine) -> Result<ExitCode> {
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let pictures = picture_folder::place(&self.output);
        let most = self.most.get();
        let mut inputs = ReportInputs::find(&self.inputs, self.frames, pictures.as_deref(), most)?;
        self.check_files(engine, &inputs)?;
        let model = engine.model()?;
        let options = self.options(&model, &inputs)?;
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let context = self.context(engine, &model)?;
        let mut reporter = Reporter::new(model, composite, engine.session(), options)?;
        for note in inputs.notes() {
            output::note(&format!("left out: {note}"));
            reporter.leave_out(note.clone());
        }
        let mut looked = LookedPhotos::open(&self.output, &context)?;
        if looked.len() > 0 {
            let known = counted(&looked.len(), "picture");
            output::note(&format!("goes on from {known} looked at before"));
        }
        let interrupt = Interrupt::listen("writing the page with what is done so far")?;
        let LookedAt { shown, failures } =
            look(&mut inputs, &mut reporter, &mut looked, &interrupt)?;
        let failed = match FailureCounts::tell(failures, shown.len()) {
            Ok(failed) => failed,
            Err(error) => {
                looked.remove_if_new()?;
                return Err(error);
            }
        };
        let objects = reporter.objects();
        let (report, folder) = self.explain(reporter, &shown, &interrupt)?;
        let written = self.write(&report, folder)?;
        let mut words = format!(
            "{} in {}",
            counted(&objects, "object"),
            counted(&shown.len(), "photo")
        );
        if failed.total() > 0 {
            words += &format!(", {} left out", failed.total());
        }
        let is_interrupted = report.record.interrupted;
        if is_interrupted {
            say_interrupted(&report, &inputs, looked.path());
        } else {
            looked.finish()?;
        }
        if inputs.len() == 0 {
            "nothing looked wrong: no event was kept".clone_into(&mut words);
        }
        output::print(&format!("{words}; written: {written}\n"))?;
        if is_interrupted {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        failed.check_none(shown.len())?;
        Ok(ExitCode::SUCCESS)
    }

    /// Fails where what is to be written would replace what is read, or what others have made.
    fn check_files(&self, engine: &Engine, inputs: &ReportInputs) -> Result<()> {
        let unfinished = partial_file::beside(&self.output);
        let files = [
            ("page", Some(&self.output)),
            ("JSON", self.json.as_ref()),
            ("CSV", self.csv.as_ref()),
            ("unfinished report", unfinished.as_ref()),
        ];
        let files: Vec<(&str, &Path)> = (files.into_iter())
            .filter_map(|(what, path)| Some((what, path?.as_path())))
            .collect();
        InputFiles::default()
            .photos(inputs.paths())
            .events(inputs.folders())
            .model(engine.file_of(None))
            .truth(self.truth.as_deref())
            .check(&files)?;
        output::check_ending(&self.output, "pages", "HTML")?;
        let beside = [&self.json, &self.csv].into_iter().flatten();
        picture_folder::check_beside(&self.output, beside.map(PathBuf::as_path))?;
        let read = inputs.paths().chain(inputs.folders());
        picture_folder::check(&self.output, read.map(PathBuf::as_path))
    }

    /// What is to be reported; what of the annotations does not count is said.
    fn options(&self, model: &Model, inputs: &ReportInputs) -> Result<ReportOptions> {
        let classes = |named: &[NameList<ClassRef>]| -> ssdcrp::Result<Vec<ClassId>> {
            name_list::all(named)
                .map(|class| model.manifest.class(class))
                .collect()
        };
        let expected = classes(&self.expected_classes)?;
        let truth = self
            .truth
            .as_deref()
            .map(|path| Truth::read(path, &model.manifest.labels))
            .transpose()?;
        if let Some(truth) = &truth {
            if inputs.len() > 0 {
                check_fit(truth, inputs.photos())?;
            }
            if let Some(unknown) = truth.unknown_list() {
                output::note(&format!(
                    "left out: annotations of classes that the model does not know: {unknown}"
                ));
            }
        }
        Ok(ReportOptions {
            truth,
            thresholds: self.thresholds.of(model),
            monitor: EventThresholds {
                expected_classes: (!expected.is_empty()).then(|| expected.into_iter().collect()),
                ..EventThresholds::for_stills()
            },
            what_if: classes(&self.what_if)?,
            check: !self.no_check,
            most: self.most.get(),
            explain: self.explain,
            errors_only: self.errors_only,
        })
    }

    /// What detections depend on besides the photos.
    fn context(&self, engine: &Engine, model: &Model) -> Result<DetectionContext> {
        let thresholds = self.thresholds.of(model);
        Ok(DetectionContext {
            version: env!("CARGO_PKG_VERSION"),
            model: model_hash(model)?,
            score_threshold: thresholds.score,
            iou_threshold: thresholds.iou,
            execution_provider: engine.session().provider.to_string(),
        })
    }

    /// Explains what comes first, with the pictures within the page or in a folder beside it, which is given then.
    fn explain(
        &self,
        reporter: Reporter,
        shown: &[SourcePicture],
        interrupt: &Interrupt,
    ) -> Result<(FinishedReport, Option<PagePictureFolder>)> {
        let [all, explained] = reporter.shown();
        let folder = match all > ONE_FILE {
            true => PagePictureFolder::begin(&self.output)?,
            false => None,
        };
        let pictures = folder
            .as_ref()
            .map_or(PagePictures::Within, PagePictureFolder::pictures);
        let bar = output::progress(explained, "explained")?;
        let again = |index: usize| shown.get(index)?.read().ok();
        let mut watcher = |name: &str| {
            if interrupt.came() {
                return false;
            }
            bar.set_message(printable(name).into_owned());
            bar.inc(1);
            true
        };
        let report = reporter.explain(again, pictures, &mut watcher)?;
        bar.finish_and_clear();
        Ok((report, folder))
    }

    /// Writes page, pictures and files, and names them.
    fn write(&self, report: &FinishedReport, folder: Option<PagePictureFolder>) -> Result<String> {
        let mut files = RunFiles::default();
        files.add(&self.output, &report.page.html()?)?;
        if let Some(path) = &self.json {
            files.add(path, &files::json(&report.record)?)?;
        }
        if let Some(path) = &self.csv {
            files.add(path, &files::csv(&report.record)?)?;
        }
        let mut place = None;
        // Once the page is there, so are its pictures, whatever becomes of the others.
        let published = files.publish(|| place = folder.map(PagePictureFolder::finish));
        let mut written = published?;
        match place {
            Some(folder) => written.insert(1, format!("{}/", folder.display())),
            // The page is right without: what is left there is in nobody's way.
            None => {
                if let Err(error) = picture_folder::remove(&self.output) {
                    output::note(&format!("{error:#}"));
                }
            }
        }
        Ok(written.join(", "))
    }
}

/// What was looked at.
struct LookedAt {
    /// Pictures by the numbers that the reporter gives them.
    shown: Vec<SourcePicture>,
    /// What cannot be used, which the page says, too.
    failures: Vec<Error>,
}

/// Has all inputs looked at. An interrupt ends it.
fn look(
    inputs: &mut ReportInputs,
    reporter: &mut Reporter,
    looked: &mut LookedPhotos,
    interrupt: &Interrupt,
) -> Result<LookedAt> {
    let bar = output::progress(inputs.len(), "looked at")?;
    let mut shown = Vec::new();
    let mut failures = inputs.take_failures();
    for failure in &failures {
        reporter.leave_out(format!("{failure:#}"));
    }
    for (index, input) in inputs.all().enumerate() {
        if interrupt.came() {
            let left = match inputs.are_counted() {
                true => counted(&inputs.len().saturating_sub(index), "picture"),
                false => "the rest of the pictures".to_owned(),
            };
            reporter.interrupt(format!("interrupted: {left} not looked at"));
            break;
        }
        // A video has several.
        if bar.length() == Some(bar.position()) {
            bar.inc_length(1);
        }
        let looked_at = input.and_then(|input| {
            bar.set_message(printable(&input.picture.name()).into_owned());
            input.look(reporter, looked)?;
            Ok(input.picture)
        });
        match looked_at {
            Ok(picture) => shown.push(picture),
            Err(error) => {
                reporter.leave_out(format!("{error:#}"));
                failures.push(error);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(LookedAt { shown, failures })
}

/// Says how far an interrupted run came, and how it goes on.
fn say_interrupted(report: &FinishedReport, inputs: &ReportInputs, partial: Option<&Path>) {
    let record = &report.record;
    let kept = partial.map(|path| {
        format!(
            "; the same command goes on from {}, which keeps what was detected",
            path.display()
        )
    });
    let pictures = match inputs.are_counted() {
        true => format!("{} of {}", record.photos, counted(&inputs.len(), "picture")),
        false => counted(&record.photos, "picture"),
    };
    output::note(&format!(
        "interrupted: {pictures} looked at, {} explained{}",
        counted(&record.explained, "object"),
        kept.unwrap_or_default()
    ));
}
