//! All inputs of a run, one after the other: what is done is left alone, what fails is written down, and the others go on.

use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ssdcrp::printable::printable;

use crate::archive::{
    Archive, InputCounts, InputOutcome, InputRecord, InputStamp, Product, Workplace,
};
use crate::columns::ResultTable;
use crate::element_settings::ElementSettings;
use crate::inputs::{self, ArchiveInput, ArchiveInputs};
use crate::manifest::{self, ArchiveManifest};
use crate::options::AnnotateOptions;
use crate::parquet_table::ParquetTable;
use crate::rows;
use crate::video::{self, LoadedNetworks, VideoOutputs};

/// Tells a person something, on standard error.
pub fn say(words: &str) {
    // Without a standard error there is nobody left to tell.
    let _ = writeln!(stderr(), "ssdcrp: {}", printable(&words.replace('\n', " ")));
}

/// How the inputs of a run ended.
#[derive(Default)]
struct Tally {
    done: usize,
    before: usize,
    failed: usize,
    elsewhere: usize,
    counts: InputCounts,
}

/// What became of one.
enum Ending {
    Done(InputCounts),
    /// In an earlier run.
    Before(InputCounts),
    Failed(String),
    /// Another process has it.
    Elsewhere,
}

/// Annotates what the options name, and says at the end what there is.
///
/// # Errors
/// Nothing can be done, or some inputs could not be.
pub fn run(options: &AnnotateOptions) -> Result<()> {
    let output = options.output.as_deref();
    let ArchiveInputs { inputs, notes } = inputs::find(&options.inputs, output)?;
    let tell = |words: &str| {
        if !options.quiet {
            say(words);
        }
    };
    for note in notes {
        tell(&format!("left out: {note}"));
    }
    let own = options.shard.of(inputs);
    let Some(output) = output.filter(|_| !options.list) else {
        return list(&own);
    };
    gst::init()?;
    gstssdcrp::plugin_register_static()?;
    let settings = ElementSettings::of(options)?;
    let manifest = ArchiveManifest::of(options, &settings)?;
    let load = || LoadedNetworks::load(&settings, options.video);
    // A folder is not begun with settings that nothing starts with.
    let is_new = !output.join(manifest::FILE).exists();
    let mut networks = is_new.then(load).transpose()?;
    let archive = Archive::open(output, &manifest)?;
    let mut tally = Tally::default();
    for (index, input) in own.iter().enumerate() {
        let name = format!("{}/{} {}", index + 1, own.len(), input.real().display());
        let begun = Instant::now();
        let ending = match is_done(&archive, input) {
            Some(counts) => Ending::Before(counts),
            None => {
                if networks.is_none() {
                    networks = Some(load()?);
                }
                annotate(&archive, input, &settings)?
            }
        };
        match &ending {
            Ending::Done(counts) => {
                let seconds = begun.elapsed().as_secs_f64();
                tell(&format!(
                    "{name}: {}, {:.1} frames a second",
                    words(counts),
                    counts.frames as f64 / seconds
                ));
            }
            Ending::Before(_) => {}
            Ending::Failed(error) => say(&format!("{name}: {error}")),
            Ending::Elsewhere => say(&format!("{name}: another process is at work on it")),
        }
        tally.add(ending);
    }
    if !options.quiet {
        // Who does not read it any more wanted no more.
        let _ = writeln!(stdout(), "{}", printable(&tally.words(output)));
    }
    ensure!(
        tally.failed == 0,
        "{} of {} inputs could not be annotated: their files in {} say why",
        tally.failed,
        own.len(),
        archive.records().display()
    );
    ensure!(
        tally.elsewhere == 0,
        "{} of {} inputs are left to other processes that are at work on them",
        tally.elsewhere,
        own.len()
    );
    Ok(())
}

/// Prints the inputs as they are, whatever is in their names, for other programs to read.
fn list(inputs: &[ArchiveInput]) -> Result<()> {
    let mut text = Vec::new();
    for input in inputs {
        text.extend(input.real().as_os_str().as_encoded_bytes());
        text.push(b'\n');
    }
    match stdout().write_all(&text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// What an earlier run found in an input that has not changed since.
fn is_done(archive: &Archive, input: &ArchiveInput) -> Option<InputCounts> {
    let record = archive.record(input)?;
    let now = InputStamp::of(input.real()).ok();
    match record.outcome {
        InputOutcome::Done(counts) if record.stamp == now => Some(counts),
        InputOutcome::Done(_) if now.is_some() => {
            say(&format!(
                "{} has changed since it was annotated, and is annotated anew",
                input.real().display()
            ));
            None
        }
        _ => None,
    }
}

/// Annotates an input, unless another process does.
///
/// # Errors
/// The folder of results cannot be written.
fn annotate(archive: &Archive, input: &ArchiveInput, settings: &ElementSettings) -> Result<Ending> {
    let Some(work) = archive.begin(input)? else {
        return Ok(Ending::Elsewhere);
    };
    // Another process may just have been done with it.
    if let Some(counts) = is_done(archive, input) {
        return Ok(Ending::Before(counts));
    }
    let stamp = InputStamp::of(input.real());
    let record = |outcome, stamp| InputRecord {
        source: input.source(),
        stamp,
        outcome,
    };
    let tried = stamp
        .context("it cannot be opened")
        .and_then(|stamp| Ok((stamp, work_on(&work, input, settings)?)));
    match tried {
        Ok((stamp, counts)) => {
            let done = record(InputOutcome::Done(counts.clone()), Some(stamp));
            work.finish(input, &done)?;
            Ok(Ending::Done(counts))
        }
        Err(error) => {
            let error = format!("{error:#}");
            let failed = InputOutcome::Failed {
                error: error.clone(),
            };
            work.fail(input, &record(failed, InputStamp::of(input.real()).ok()))?;
            Ok(Ending::Failed(error))
        }
    }
}

/// Makes all products of an input in its folder of work.
fn work_on(
    work: &Workplace,
    input: &ArchiveInput,
    settings: &ElementSettings,
) -> Result<InputCounts> {
    let path = |product| work.path(product, input);
    let mut tables = Vec::new();
    for table in ResultTable::ALL {
        let path = path(Product::Table(table)).context("a table is missing")?;
        tables.push(ParquetTable::create(&path, table)?);
    }
    let results = path(Product::Messages).context("the lines are missing")?;
    let (evidence, video) = (path(Product::Evidence), path(Product::Video));
    let temporary = work.temporary("moov");
    let outputs = VideoOutputs {
        results: &results,
        evidence: evidence.as_deref(),
        video: video.as_deref().map(|video| (video, temporary.as_path())),
    };
    let source = input.source();
    let summary = video::play(input.real(), settings, &outputs, |message| {
        for row in rows::of_message(&source, message) {
            tables[row.table as usize].push(row.cells)?;
        }
        Ok(())
    })?;
    let mut rows = [0; ResultTable::ALL.len()];
    for (rows, table) in rows.iter_mut().zip(tables) {
        *rows = table.finish()?;
    }
    let [detections, explanations, events] = rows;
    Ok(InputCounts {
        frames: summary.frames,
        frames_damaged: summary.frames_damaged,
        detections,
        explanations,
        events,
        warnings: summary.warnings,
        gstreamer: gst::version_string().into(),
    })
}

fn words(counts: &InputCounts) -> String {
    let counted = |count: u64, noun: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {noun}{plural}")
    };
    let words = [
        counted(counts.frames, "frame"),
        counted(counts.detections, "detection"),
        counted(counts.explanations, "explanation"),
        counted(counts.events, "event"),
    ];
    words.join(", ")
}

impl Tally {
    fn add(&mut self, ending: Ending) {
        let (of_kind, counts) = match ending {
            Ending::Done(counts) => (&mut self.done, counts),
            Ending::Before(counts) => (&mut self.before, counts),
            Ending::Failed(_) => (&mut self.failed, InputCounts::default()),
            Ending::Elsewhere => (&mut self.elsewhere, InputCounts::default()),
        };
        *of_kind += 1;
        self.counts.frames += counts.frames;
        self.counts.detections += counts.detections;
        self.counts.explanations += counts.explanations;
        self.counts.events += counts.events;
    }

    fn words(&self, output: &Path) -> String {
        format!(
            "done {}, before {}, failed {}: {}, in {}",
            self.done,
            self.before,
            self.failed,
            words(&self.counts),
            output.display()
        )
    }
}
