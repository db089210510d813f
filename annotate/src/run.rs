//! All inputs of a run, one after the other: what is done is left alone, what fails is written down, and the others go on.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::archive::{Archive, Product, Workplace};
use crate::blame::{self, Blame};
use crate::columns::ResultTable;
use crate::element_settings::ElementSettings;
use crate::inputs::{self, ArchiveInput, ArchiveInputs};
use crate::manifest::{self, ArchiveManifest};
use crate::options::AnnotateOptions;
use crate::parquet_table::ParquetTable;
use crate::record::{InputOutcome, InputRecord, InputStamp, InputSummary};
use crate::rows;
use crate::tally::{Ending, Tally, in_words};
use crate::telling::{list, print, say};
use crate::video::{self, LoadedNetworks, VideoOutputs};

/// The exit status where nothing is wrong, but other processes are still at work on some inputs (`EX_TEMPFAIL` of sysexits.h): the same command may be tried again.
const LEFT_TO_OTHERS: u8 = 75;

/// What an earlier run has left of an input.
enum Standing {
    /// Nothing that holds.
    Nothing,
    Done(InputSummary),
    /// Results of the file as it was then.
    Changed,
    /// Results of a file that is not to be had at present, and why.
    Away(InputSummary, String),
}

/// A run at work.
struct ArchiveRun<'a> {
    options: &'a AnnotateOptions,
    settings: ElementSettings,
    archive: Archive,
    /// Loaded as soon as there is something for them.
    networks: Option<LoadedNetworks>,
}

/// Annotates what the options name, and says at the end what there is. The exit status says whether all of it is done.
///
/// # Errors
/// Nothing can be done, some inputs could not be, or the run had to end before all were tried.
pub fn run(options: &AnnotateOptions) -> Result<ExitCode> {
    let output = options.output.as_deref();
    if let Some(output) = output.filter(|_| options.prepare) {
        ArchiveRun::open(options, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let ArchiveInputs {
        mut inputs,
        notes,
        unreadable,
    } = inputs::find(&options.inputs, output)?;
    for note in notes.iter().filter(|_| !options.quiet) {
        say(&format!("left out: {note}"));
    }
    unreadable.iter().for_each(|words| say(words));
    inputs.retain(|input| options.shard.has(input));
    let elsewhere = match output.filter(|_| !options.list) {
        None => {
            list(&inputs, options.null)?;
            0
        }
        Some(output) => annotate_all(options, output, &inputs)?,
    };
    ensure!(
        unreadable.is_empty(),
        "folders could not be read ({}): there may be more inputs in them",
        unreadable.len()
    );
    if elsewhere > 0 {
        say(&format!(
            "{elsewhere} of {} inputs are left to other processes that are at work on them",
            inputs.len()
        ));
        return Ok(ExitCode::from(LEFT_TO_OTHERS));
    }
    Ok(ExitCode::SUCCESS)
}

/// Annotates these inputs, and says how many are left to other processes.
///
/// # Errors
/// As [`run`].
fn annotate_all(
    options: &AnnotateOptions,
    output: &Path,
    inputs: &[ArchiveInput],
) -> Result<usize> {
    let mut run = ArchiveRun::open(options, output)?;
    let mut tally = Tally::default();
    for (index, input) in inputs.iter().enumerate() {
        let name = format!("{}/{} {}", index + 1, inputs.len(), input.real().display());
        let begun = Instant::now();
        let ending = run.go_on(&name, input);
        let ending = ending.with_context(|| format!("the run ends at {name}"))?;
        match &ending {
            Ending::Done(summary) => run.tell(&format!(
                "{name}: {}",
                in_words(summary, begun.elapsed().as_secs_f64())
            )),
            Ending::DoneBefore(_) => {}
            Ending::Failed(error) => say(&format!("{name}: {error}")),
            Ending::Away(_, why) => say(&format!(
                "{name}: it cannot be opened now ({why}); what was found in it stays"
            )),
            Ending::Elsewhere => say(&format!("{name}: another process is at work on it")),
        }
        tally.add(ending);
    }
    run.archive.sweep();
    if !options.quiet {
        print(&tally.words(output))?;
    }
    tally.check(inputs.len(), &run.archive.records())?;
    Ok(tally.elsewhere)
}

impl<'a> ArchiveRun<'a> {
    /// A run that writes into `output`, which is made if it is not there.
    ///
    /// # Errors
    /// Nothing starts with these settings, or they are not those of the folder; it cannot be written.
    fn open(options: &'a AnnotateOptions, output: &Path) -> Result<Self> {
        gst::init()?;
        gstssdcrp::register_static()?;
        let settings = ElementSettings::of(options)?;
        let manifest = ArchiveManifest::of(options, &settings)?;
        // A folder is not begun with settings that nothing starts with.
        let is_new = !output.join(manifest::FILE).exists();
        let load = || LoadedNetworks::load(&settings, options.video);
        let networks = is_new.then(load).transpose()?;
        Ok(Self {
            options,
            archive: Archive::open(output, &manifest)?,
            settings,
            networks,
        })
    }

    /// Says something that is no error.
    fn tell(&self, words: &str) {
        if !self.options.quiet {
            say(words);
        }
    }

    /// Does with an input, which people know by `name`, what there is to do.
    ///
    /// # Errors
    /// As [`annotate`]; what is there cannot be found out.
    fn go_on(&mut self, name: &str, input: &ArchiveInput) -> Result<Ending> {
        match look(&self.archive, input)? {
            Standing::Done(summary) => return Ok(Ending::DoneBefore(summary)),
            Standing::Away(summary, why) => return Ok(Ending::Away(summary, why)),
            Standing::Changed => self.tell(&format!(
                "{name} has changed since it was annotated, and is annotated anew"
            )),
            Standing::Nothing => {}
        }
        let networks = match &self.networks {
            Some(networks) => networks,
            None => {
                let loaded = LoadedNetworks::load(&self.settings, self.options.video)?;
                self.networks.insert(loaded)
            }
        };
        annotate(&self.archive, input, &self.settings, networks)
    }
}

/// What an earlier run has left of an input.
///
/// # Errors
/// That cannot be found out.
fn look(archive: &Archive, input: &ArchiveInput) -> Result<Standing> {
    let Some(record) = archive.record(input)? else {
        return Ok(Standing::Nothing);
    };
    let InputOutcome::Done(summary) = record.outcome else {
        return Ok(Standing::Nothing);
    };
    Ok(match InputStamp::of(input.real()) {
        Err(error) => Standing::Away(summary, error.to_string()),
        Ok(now) if record.stamp != Some(now) => Standing::Changed,
        Ok(_) if archive.is_whole(input)? => Standing::Done(summary),
        Ok(_) => Standing::Nothing,
    })
}

/// Annotates an input, unless another process does.
///
/// # Errors
/// What would keep other inputs from being annotated, too: the folder of results cannot be written, the networks do not run. Nothing is said of the input then.
fn annotate(
    archive: &Archive,
    input: &ArchiveInput,
    settings: &ElementSettings,
    networks: &LoadedNetworks,
) -> Result<Ending> {
    let Some(work) = archive.begin(input)? else {
        return Ok(Ending::Elsewhere);
    };
    // Another process may just have been done with it.
    match look(archive, input)? {
        Standing::Done(summary) => return Ok(Ending::DoneBefore(summary)),
        Standing::Away(summary, why) => return Ok(Ending::Away(summary, why)),
        Standing::Nothing | Standing::Changed => {}
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
        Ok((stamp, summary)) => {
            let done = record(InputOutcome::Done(summary.clone()), Some(stamp));
            work.finish(input, &done)?;
            Ok(Ending::Done(summary))
        }
        Err(error) => {
            match blame::of(&error) {
                Blame::File => {}
                Blame::Networks => networks.probe(settings)?,
                Blame::Computer => return Err(error),
            }
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
) -> Result<InputSummary> {
    let path = |product| work.path(product, input);
    let of_computer = |error: anyhow::Error| blame::on(Blame::Computer, error);
    let create = |table| {
        let path = path(Product::Table(table)).context("a table is missing")?;
        ParquetTable::create(&path, table).map_err(of_computer)
    };
    let mut detections = create(ResultTable::Detections)?;
    let mut explanations = create(ResultTable::Explanations)?;
    let mut events = create(ResultTable::Events)?;
    let results = path(Product::Messages).context("the lines are missing")?;
    let (evidence, video) = (path(Product::Evidence), path(Product::Video));
    let temporary = work.temporary("moov");
    let outputs = VideoOutputs {
        results: &results,
        evidence: evidence.as_deref(),
        video: video.as_deref().map(|video| (video, temporary.as_path())),
    };
    let source = input.source();
    let mut without_row = 0;
    let played = video::play(input.real(), settings, &outputs, |message| {
        let found = rows::of_message(&source, message);
        without_row += found.without_detection;
        for row in found.rows {
            let table = match row.table {
                ResultTable::Detections => &mut detections,
                ResultTable::Explanations => &mut explanations,
                ResultTable::Events => &mut events,
            };
            table.push(row.cells).map_err(of_computer)?;
        }
        Ok(())
    })?;
    let mut warnings = played.warnings;
    if without_row > 0 {
        warnings.push(format!(
            "{without_row} explanations are in the JSON Lines alone: what they explain was not detected in their frames"
        ));
    }
    Ok(InputSummary {
        frames: played.frames,
        frames_damaged: played.frames_damaged,
        detections: detections.finish().map_err(of_computer)?,
        explanations: explanations.finish().map_err(of_computer)?,
        events: events.finish().map_err(of_computer)?,
        evidence: played.evidence,
        warnings,
        gstreamer: gst::version_string().into(),
        onnx_runtime: ssdcrp::runtime::build()?,
    })
}
