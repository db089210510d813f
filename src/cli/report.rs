//! `ssdcrp report`: photos and folders of photos in; one HTML page out that shows what looks wrong and why.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ssdcrp::crp::Composite;
use ssdcrp::monitor::Settings;
use ssdcrp::report::{Options, Reporter};
use ssdcrp::truth::Truth;

use super::seen::ThresholdOptions;
use super::{Engine, output, photo};

const NOTES: &str = "\
The page needs nothing else: it can be moved, mailed and opened without a network. Objects that look wrong come first: a class whose runner-up is near, one that was not
expected, a box over two objects, two boxes on one, a low score. For each there are heatmaps of the class against its runner-up and against the mean of the others, of the
offsets and edges of its box, and of the classes of --what-if.";

/// Write a page about photos: what was detected, what looks wrong, and why the network said so.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct Report {
    /// JPEG, PNG, or folders with such files in them
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The page
    #[arg(short, long, value_name = "HTML")]
    output: PathBuf,
    /// Show for every object what would speak for these classes, commas between
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    what_if: Vec<String>,
    /// Classes that may be in the photos, commas between: any other one looks wrong
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    expected_classes: Vec<String>,
    /// Compare with annotations: COCO's JSON, an XML file of Pascal VOC or a folder of such; pictures are found by file name, classes by label
    #[arg(long, value_name = "ANNOTATIONS")]
    truth: Option<PathBuf>,
    /// Rules of propagation, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    #[command(flatten)]
    thresholds: ThresholdOptions,
}

impl Report {
    /// Looks at all photos, explains what was found, writes the page, and says so.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        output::check_is_file_name(&self.output)?;
        let photos = self.photos()?;
        for photo in &photos {
            output::check_is_not(&self.output, photo)?;
        }
        let model = engine.model()?;
        let classes = |names: &[String]| -> Result<Vec<usize>> {
            let known = names.iter().map(|name| model.manifest.class_named(name));
            known.collect()
        };
        let expected = classes(&self.expected_classes)?;
        let truth = self
            .truth
            .as_deref()
            .map(|path| Truth::read(path, &model.manifest.labels))
            .transpose()?;
        if let Some(truth) = &truth {
            let is_known = |photo: &PathBuf| truth.of(&photo.to_string_lossy()).is_some();
            ensure!(
                photos.iter().any(is_known),
                "the annotations are of none of these photos: file names have to agree"
            );
        }
        let options = Options {
            truth,
            thresholds: self.thresholds.of(&model),
            monitor: Settings {
                expected_classes: (!expected.is_empty()).then(|| expected.into_iter().collect()),
                ..Settings::for_stills()
            },
            what_if: classes(&self.what_if)?,
        };
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let mut reporter = Reporter::new(model, composite, engine.threads(), options)?;

        let bar = progress(photos.len(), "looked at")?;
        for path in &photos {
            bar.set_message(path.display().to_string());
            let name = path.file_name().unwrap_or(path.as_os_str());
            let seen = photo::read(path)?;
            reporter
                .look(name.to_string_lossy().into_owned(), &seen)
                .with_context(|| format!("cannot use {}", path.display()))?;
            bar.inc(1);
        }
        bar.finish_and_clear();

        let objects = reporter.objects();
        let bar = progress(objects, "explained")?;
        let page = reporter.explain(|name| {
            bar.set_message(name.to_owned());
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        output::write_text(&self.output, &page.html()?)?;
        output::print(&format!(
            "{objects} objects in {} photos; written: {}\n",
            photos.len(),
            self.output.display()
        ))
    }

    /// Files as named, and of folders what looks like a picture, by name.
    fn photos(&self) -> Result<Vec<PathBuf>> {
        let mut photos = Vec::new();
        for input in &self.inputs {
            if input.is_dir() {
                let found = pictures(input)?;
                ensure!(
                    !found.is_empty(),
                    "there is no JPEG or PNG in {}",
                    input.display()
                );
                photos.extend(found);
            } else {
                photos.push(input.clone());
            }
        }
        Ok(photos)
    }
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut found = listed().with_context(|| format!("cannot read {}", folder.display()))?;
    let is_picture = |extension: &OsStr| {
        ["jpg", "jpeg", "png"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    };
    found.retain(|path| path.extension().is_some_and(is_picture) && path.is_file());
    found.sort();
    Ok(found)
}

/// A bar on standard error, hidden where that is no terminal.
fn progress(steps: usize, done: &str) -> Result<ProgressBar> {
    let template = format!("{{bar:30}} {{pos}}/{{len}} {done}, {{eta}} left: {{msg}}");
    Ok(ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(&template)?))
}
