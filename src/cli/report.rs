//! `ssdcrp report`: photos, folders of photos and folders of events in; one HTML page out that shows what looks wrong and why.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use ssdcrp::crp::Composite;
use ssdcrp::detect::{ClassId, ClassRef};
use ssdcrp::limits::{self, FileKind};
use ssdcrp::printable::printable;
use ssdcrp::report::{ReportOptions, Reporter, counted};
use ssdcrp::stream::evidence::{EventRecord, LINES, Mark, Marks, Record, Records};
use ssdcrp::stream::monitor::EventThresholds;
use ssdcrp::truth::Truth;

use super::detected_photo::ThresholdArgs;
use super::engine::Engine;
use super::input_files::InputFiles;
use super::inputs::PictureInputs;
use super::name_list::{self, NameList};
use super::output;
use super::source_picture::SourcePicture;
use super::video_frames::FrameArgs;

const NOTES: &str = "\
The page is one file: it can be moved, mailed and read offline.

Objects that look wrong come first: a second class scores nearly as high, the class was not expected, one box covers two objects, two boxes cover one, or the score is low. For each object \
there are heatmaps of the class against its runner-up and against the mean of the others, of the offsets and edges of its box, and of the classes of --what-if.

Maps that are visible at once are checked: the network runs again with the reddest part blurred. A map that does no better than chance is drawn paler. Its card comes first among those \
where nothing else looks wrong.";

/// Write a page about photos: what was detected, what looks wrong, and why the network said so.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Report {
    /// Photos (JPEG or PNG) and videos; folders, with all photos and videos below them; folders of events as the element writes them; patterns in quotes, as '*.jpg'; @FILE, a list with a name a line
    /// (@- is a list on standard input); - is a photo on standard input
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
    /// From each folder of events, take at most this many, the worst first
    #[arg(long, value_name = "EVENTS", default_value_t = 100)]
    most: usize,
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
    /// Looks at all photos, explains what was found, writes the page, and says so.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let (inputs, notes) = self.inputs()?;
        InputFiles::default()
            .photos(inputs.iter().map(|input| &input.picture.path))
            .events(&self.inputs)
            .model(engine.file_of(None))
            .truth(self.truth.as_deref())
            .check(&[("page", &self.output)])?;
        let model = engine.model()?;
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
            let is_known = |input: &ReportInput| truth.of(&input.picture.file_name()).is_some();
            ensure!(
                inputs.iter().any(is_known),
                "the annotations are of none of these photos: file names have to agree"
            );
        }
        let options = ReportOptions {
            truth,
            thresholds: self.thresholds.of(&model),
            monitor: EventThresholds {
                expected_classes: (!expected.is_empty()).then(|| expected.into_iter().collect()),
                ..EventThresholds::for_stills()
            },
            what_if: classes(&self.what_if)?,
            check: !self.no_check,
        };
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let mut reporter = Reporter::new(model, composite, engine.session(), options)?;
        for note in notes {
            output::note(&format!("left out: {note}"));
            reporter.leave_out(note);
        }

        let shown = look(&inputs, &mut reporter)?;
        let objects = reporter.objects();
        let bar = output::progress(objects, "explained")?;
        let again = |index: usize| shown.get(index)?.picture.read().ok();
        let page = reporter.explain(again, |name| {
            bar.set_message(printable(name).into_owned());
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        output::write_text(&self.output, &page.html()?)?;
        output::print(&format!(
            "{} in {}{}; written: {}\n",
            counted(&objects, "object"),
            counted(&shown.len(), "photo"),
            match inputs.len() - shown.len() {
                0 => String::new(),
                left_out => format!(", {left_out} left out"),
            },
            self.output.display()
        ))
    }

    /// Files as named, of folders what looks like a picture, by name, and of folders of events the frames of the worst; and what
    /// of these folders cannot be used.
    fn inputs(&self) -> Result<(Vec<ReportInput>, Vec<String>)> {
        let (mut inputs, mut others) = (Vec::new(), Vec::new());
        let mut notes = Vec::new();
        for path in &self.inputs {
            if path.join(LINES).is_file() {
                let kept = Records::read(path)?;
                let unreadable = match kept.unreadable {
                    0 => None,
                    1 => Some("one line that is no event".to_owned()),
                    lines => Some(format!("{lines} lines that are no events")),
                };
                notes.extend(
                    unreadable.map(|lines| format!("{lines} in {}", path.join(LINES).display())),
                );
                inputs.extend(frames(path, kept.records, self.most, &mut notes)?);
            } else {
                others.push(path.clone());
            }
        }
        if !others.is_empty() {
            let found = PictureInputs::of(&others, self.frames, None)?;
            let (pictures, failures) = found.kept()?;
            notes.extend(found.notes);
            notes.extend(failures.iter().map(|error| format!("{error:#}")));
            inputs.extend(pictures.into_iter().map(ReportInput::photo));
        }
        Ok((inputs, notes))
    }
}

/// A picture that is reported.
struct ReportInput {
    picture: SourcePicture,
    /// What the page calls it.
    name: String,
    /// What was raised in it, and what somebody said of that; a photo has none.
    events: Vec<(EventRecord, Option<Mark>)>,
}

impl ReportInput {
    fn photo(picture: SourcePicture) -> Self {
        Self {
            name: picture.file_name(),
            picture,
            events: Vec::new(),
        }
    }

    fn look(&self, reporter: &mut Reporter) -> Result<()> {
        let picture = self.picture.read()?;
        let name = self.name.clone();
        let seen = if self.events.is_empty() {
            reporter.look(name, &picture)
        } else {
            reporter.recall(name, &picture, &self.events)
        };
        seen.with_context(|| format!("cannot use {}", self.picture.name()))
    }
}

/// Has all inputs looked at, and gives those that could be; what could not is said, on the page too.
fn look<'a>(inputs: &'a [ReportInput], reporter: &mut Reporter) -> Result<Vec<&'a ReportInput>> {
    let bar = output::progress(inputs.len(), "looked at")?;
    let mut failures = Vec::new();
    let mut shown = Vec::new();
    for input in inputs {
        bar.set_message(printable(&input.picture.name()).into_owned());
        match input.look(reporter) {
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

/// Frames of a folder of events: those of the `most` severe ones, events of one frame together.
fn frames(
    folder: &Path,
    mut records: Vec<Record>,
    most: usize,
    notes: &mut Vec<String>,
) -> Result<Vec<ReportInput>> {
    ensure!(
        !records.is_empty(),
        "no event is kept in {}",
        folder.display()
    );
    let marks = Marks::read(folder)?;
    records.sort_by(|a, b| b.event.severity.total_cmp(&a.event.severity));
    records.truncate(most);
    records.sort_by_key(|record| record.id);
    let mut frames: Vec<ReportInput> = Vec::new();
    let mut last = None;
    for record in records {
        let mark = marks.of(record.id, &record.recorded);
        let time = record.event.running_time;
        // Two runs may have a frame at the same time, but not within the same second.
        let place = time.map(|time| (time, record.recorded.clone()));
        if place.is_some()
            && place == last
            && let Some(frame) = frames.last_mut()
        {
            frame.events.push((record.event, mark));
            continue;
        }
        last = place;
        // The page is for others: no link may bring a file from elsewhere into it.
        let name = record.frame_name();
        let picture = match limits::inside(folder, Path::new(&name), FileKind::Picture) {
            Ok(picture) => picture,
            // What is not there is said where it is read.
            Err(error) if error.io().is_some() => folder.join(&name),
            Err(error) => {
                notes.push(format!("{}: {error}", folder.join(&name).display()));
                continue;
            }
        };
        let at = time.map(|time| format!(" at {:.1} s", time as f64 / 1e9));
        frames.push(ReportInput {
            name: format!("{}{}", record.frame, at.unwrap_or_default()),
            picture: SourcePicture::photo(&picture, name),
            events: vec![(record.event, mark)],
        });
    }
    Ok(frames)
}
