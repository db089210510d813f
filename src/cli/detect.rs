//! `ssdcrp detect`: a photo in, its detections out, as a table or as JSON.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::detected_photo::{DetectedPhoto, ThresholdArgs};
use super::engine::Engine;
use super::{json, output, text};

const EXAMPLES: &str = "\
Examples:
  ssdcrp detect photo.jpg
  ssdcrp detect photo.jpg --score-threshold 0.3
  ssdcrp detect photo.jpg --json | jq -c '.detections[] | [.label, .score]'";

/// List what the detector finds in a photo.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", json::DETECTION_FIELDS))]
pub struct Detect {
    /// Photo, JPEG or PNG; - reads it from standard input
    image: PathBuf,
    /// Print JSON, one line, rather than a table
    #[arg(long)]
    json: bool,
    /// Add the logits of all classes to each detection in the JSON
    #[arg(long, requires = "json")]
    logits: bool,
    #[command(flatten)]
    thresholds: ThresholdArgs,
}

impl Detect {
    /// Prints the detections.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let detected = DetectedPhoto::new(engine, &self.image, &self.thresholds)?;
        if self.json {
            output::print_json(&json::PhotoRecord::new(&detected, self.logits)?)
        } else {
            output::print(&text::table(&detected)?)
        }
    }
}
