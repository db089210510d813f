//! `ssdcrp report`: photos, folders of photos and folders of events in; an HTML page out that shows what looks wrong and why, and JSON and CSV of all of it.

mod evidence;
mod files;
mod input;
mod looked;
mod picture_folder;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use ssdcrp::crp::Composite;
use ssdcrp::detect::{ClassId, ClassRef, Model};
use ssdcrp::limits::{MOST_EXPLAINED, MOST_OBJECTS};
use ssdcrp::printable::printable;
use ssdcrp::report::{FinishedReport, PagePictures, ReportOptions, Reporter, counted};
use ssdcrp::stream::monitor::EventThresholds;
use ssdcrp::truth::Truth;

use self::evidence::EventFolders;
use self::input::ReportInput;
use self::looked::{DetectionContext, LookedPhotos};
use self::picture_folder::PagePictureFolder;
use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::input_files::InputFiles;
use super::inputs::PictureInputs;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::model_hash::model_hash;
use super::name_list::{self, NameList};
use super::output;
use super::video_frames::FrameArgs;

const NOTES: &str = "\
The page of up to 100 objects is one file: it can be moved, mailed and read offline. Of more objects, the pictures lie in a folder beside the page, report-files for report.html, and are \
loaded when they come into view; page and folder belong together.

Objects that look wrong come first: a second class scores nearly as high, the class was not expected, one box covers two objects, two boxes cover one, or the score is low. With --truth, \
errors come before them. For each object that is explained there are heatmaps of the class against its runner-up and against the mean of the others, of the offsets and edges of its box, \
and of the classes of --what-if.

Maps that are visible at once are checked: the network runs again with the reddest part blurred. A map that does no better than chance is drawn paler. Its card comes first among those \
where nothing else looks wrong.

Ctrl-C ends the work; the page then shows what is done so far, and the exit status is 130. What was detected is kept in report.html.partial until the page is written whole. The same \
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
    /// Write everything as JSON too, an item for each object and each missed one (docs/schema/report.json)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a row for each object and each missed one too
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Only errors: with --truth what the annotations say is wrong or missed, without what looks wrong. In page, JSON and CSV
    #[arg(long)]
    errors_only: bool,
    /// Show at most so many objects on the page, and so many missed ones, the worst first; of each folder of events, take at most so many events. JSON and CSV have all
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(MOST_OBJECTS).unwrap_or(NonZeroUsize::MIN))]
    most: NonZeroUsize,
    /// Explain at most so many of the objects that are shown, and so many of the missed ones, the worst first
    #[arg(long, value_name = "N", default_value_t = MOST_EXPLAINED)]
    explain: usize,
    /// Do not check explanations. A check takes the time of ten detections for each map that is visible at once
    #[arg(long)]
    no_check: bool,
    /// Composite, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

impl Report {
    /// Looks at all photos, explains what looks most wrong, writes page and files, and says so.
    pub fn run(&self, engine: &Engine) -> Result<ExitCode> {
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let inputs = self.inputs()?;
        self.check_files(engine, &inputs)?;
        let model = engine.model()?;
        let options = self.options(&model, &inputs)?;
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let context = self.context(engine, &model)?;
        let mut reporter = Reporter::new(model, composite, engine.session(), options)?;
        for note in &inputs.notes {
            output::note(&format!("left out: {note}"));
            reporter.leave_out(note.clone());
        }
        let mut looked = LookedPhotos::open(&self.output, &context)?;
        if looked.len() > 0 {
            let known = counted(&looked.len(), "photo");
            output::note(&format!("goes on from {known} that were looked at before"));
        }
        let interrupt = Interrupt::listen()?;
        let shown = match look(&inputs.pictures, &mut reporter, &mut looked, &interrupt) {
            Ok(shown) => shown,
            Err(error) => {
                looked.forget_nothing()?;
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
        let left_out = inputs.pictures.len() - shown.len();
        if report.record.interrupted {
            say_interrupted(&report, inputs.pictures.len(), looked.path());
        } else {
            looked.finish()?;
            if left_out > 0 {
                words += &format!(", {left_out} left out");
            }
        }
        if inputs.pictures.is_empty() {
            "nothing looked wrong: no event was kept".clone_into(&mut words);
        }
        output::print(&format!("{words}; written: {written}\n"))?;
        Ok(match report.record.interrupted {
            true => ExitCode::from(INTERRUPTED),
            false => ExitCode::SUCCESS,
        })
    }

    /// Fails where what is to be written would replace what is read, or what others have made.
    fn check_files(&self, engine: &Engine, inputs: &Inputs) -> Result<()> {
        let files = [
            ("page", Some(&self.output)),
            ("JSON", self.json.as_ref()),
            ("CSV", self.csv.as_ref()),
        ];
        let files: Vec<(&str, &Path)> = (files.into_iter())
            .filter_map(|(what, path)| Some((what, path?.as_path())))
            .collect();
        let pictures = || inputs.pictures.iter().map(|input| &input.picture.path);
        InputFiles::default()
            .photos(pictures())
            .events(&inputs.folders)
            .model(engine.file_of(None))
            .truth(self.truth.as_deref())
            .check(&files)?;
        let read = pictures().chain(&inputs.folders).map(PathBuf::as_path);
        picture_folder::check(&self.output, read)
    }

    /// What is to be reported; what of the annotations does not count is said.
    fn options(&self, model: &Model, inputs: &Inputs) -> Result<ReportOptions> {
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
            let is_known = |input: &ReportInput| truth.of(&input.source.name).is_some();
            ensure!(
                inputs.pictures.is_empty() || inputs.pictures.iter().any(is_known),
                "the annotations are of none of these photos: file names have to agree"
            );
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
        shown: &[&ReportInput],
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
        let again = |index: usize| shown.get(index)?.picture.read().ok();
        let mut watcher = |name: &str| {
            bar.set_message(printable(name).into_owned());
            bar.inc(1);
            !interrupt.came()
        };
        let report = reporter.explain(again, pictures, &mut watcher)?;
        bar.finish_and_clear();
        Ok((report, folder))
    }

    /// Writes page, pictures and files, and names them.
    fn write(&self, report: &FinishedReport, folder: Option<PagePictureFolder>) -> Result<String> {
        picture_folder::remove_earlier(&self.output)?;
        let mut written = vec![self.output.display().to_string()];
        if let Some(folder) = folder {
            written.push(format!("{}/", folder.finish()?.display()));
        }
        output::write_text(&self.output, &report.page.html()?)?;
        if let Some(path) = &self.json {
            output::write_text(path, &files::json(&report.record)?)?;
            written.push(path.display().to_string());
        }
        if let Some(path) = &self.csv {
            output::write_text(path, &files::csv(&report.record)?)?;
            written.push(path.display().to_string());
        }
        Ok(written.join(", "))
    }

    /// Files as named, of folders what looks like a picture, by name, and of folders of events the frames of the worst; and what
    /// of these folders cannot be used.
    fn inputs(&self) -> Result<Inputs> {
        let (mut inputs, mut others) = (Inputs::default(), Vec::new());
        for path in &self.inputs {
            let evidence = match path.is_dir() {
                true => evidence::read(path, self.most.get())?,
                false => None,
            };
            if let Some(EventFolders {
                folders,
                frames,
                notes,
            }) = evidence
            {
                inputs.folders.extend(folders);
                inputs.pictures.extend(frames);
                inputs.notes.extend(notes);
            } else {
                others.push(path.clone());
            }
        }
        if !others.is_empty() {
            let found = PictureInputs::of(&others, self.frames, None)?;
            let (pictures, failures) = found.kept()?;
            inputs.notes.extend(found.notes);
            inputs
                .notes
                .extend(failures.iter().map(|error| format!("{error:#}")));
            inputs
                .pictures
                .extend(pictures.into_iter().map(ReportInput::photo));
        }
        Ok(inputs)
    }
}

/// What a report is about.
#[derive(Default)]
struct Inputs {
    pictures: Vec<ReportInput>,
    /// Folders of events.
    folders: Vec<PathBuf>,
    /// What cannot be used.
    notes: Vec<String>,
}

/// Has all inputs looked at, and gives those that could be; what could not is said, on the page too. An interrupt ends it.
fn look<'a>(
    inputs: &'a [ReportInput],
    reporter: &mut Reporter,
    looked: &mut LookedPhotos,
    interrupt: &Interrupt,
) -> Result<Vec<&'a ReportInput>> {
    let bar = output::progress(inputs.len(), "looked at")?;
    let mut failures = Vec::new();
    let mut shown = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        if interrupt.came() {
            let left = counted(&(inputs.len() - index), "photo");
            reporter.interrupt(format!("interrupted: {left} not looked at"));
            break;
        }
        bar.set_message(printable(&input.picture.name()).into_owned());
        match input.look(reporter, looked) {
            Ok(()) => shown.push(input),
            Err(error) => {
                reporter.leave_out(format!("{error:#}"));
                failures.push(error);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if shown.is_empty()
        && let Some(error) = failures.pop()
    {
        return Err(error);
    }
    for failure in &failures {
        output::note(&format!("left out: {failure:#}"));
    }
    Ok(shown)
}

/// Says how far an interrupted run came, and how it goes on.
fn say_interrupted(report: &FinishedReport, inputs: usize, partial: Option<&Path>) {
    let record = &report.record;
    let kept = partial.map(|path| {
        format!(
            "; the same command goes on from {}, which keeps what was detected",
            path.display()
        )
    });
    output::note(&format!(
        "interrupted: {} of {} looked at, {} explained{}",
        record.photos,
        counted(&inputs, "photo"),
        counted(&record.explained, "object"),
        kept.unwrap_or_default()
    ));
}
