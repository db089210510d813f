//! `ssdcrp detect`: photos and videos in, their detections out, as tables or as JSON.

use anyhow::Result;
use clap::Args;

use super::detected_photo::{PhotoDetector, ThresholdArgs};
use super::engine::Engine;
use super::inputs::InputArgs;
use super::output::TextBlocks;
use super::{json, output, text};

const EXAMPLES: &str = "\
Examples:
  ssdcrp detect photo.jpg
  ssdcrp detect photo.jpg --score-threshold 0.3
  ssdcrp detect photos/ clip.mp4 --every 5
  ssdcrp detect photo.jpg --json | jq -c '.detections[] | [.label, .score]'";

/// List what the detector finds in photos and frames of videos.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", json::DETECTION_FIELDS))]
pub struct Detect {
    #[command(flatten)]
    inputs: InputArgs,
    /// Print JSON, one line a picture, rather than tables
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
        let inputs = self.inputs.find(None)?;
        let mut detector = PhotoDetector::new(engine, &self.thresholds)?;
        let mut blocks = TextBlocks::default();
        inputs.each(true, |picture| {
            let detected = detector.look(picture)?;
            if self.json {
                return output::print_json(&json::PhotoRecord::new(&detected, self.logits)?);
            }
            blocks.print(&text::table(&detected)?)
        })
    }
}
