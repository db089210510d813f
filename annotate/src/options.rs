//! The options of the command line.

use std::path::PathBuf;

use clap::Parser;
use ssdcrp::runtime::ExecutionProvider;

use crate::shard::Shard;

const EXAMPLES: &str = "\
Examples:
  ssdcrp annotate gate/ yard/ -o results
  ssdcrp annotate 'cameras/*/2026-11-*.mp4' -o results --video
  find . -name '*.mkv' | ssdcrp annotate @- -o results \\
    --set target=class:person --set explain-interval=1000000000
  ssdcrp annotate cameras/ -o results --shard 3/8

Run the same command again to go on where it stopped. In the folder of --output there are:
  manifest.json   the model's hash and all settings
  inputs/         the state of each input, and the error of one that failed
  detections/, explanations/, events/   tables, as Parquet
  results/        the element's messages, as JSON Lines

Exit status:
  0   all inputs of the shard are done
  1   some inputs, or all of them, could not be done
  2   wrong usage
  75  other processes are still at work on some inputs; all others are done";

/// Detect objects in every frame of videos and photos, explain them, and write the results as tables, and as explained videos if wanted.
#[derive(Debug, Parser)]
#[command(name = "ssdcrp annotate", bin_name = "ssdcrp annotate", version, after_help = EXAMPLES)]
pub struct AnnotateOptions {
    /// Videos and photos; folders with all videos and photos below; patterns in quotes; or @FILE, a list of files and folders, one per line (@- reads it from standard input)
    #[arg(required_unless_present = "prepare", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Folder for the results; it is made if it does not exist
    #[arg(short, long, value_name = "FOLDER", required_unless_present = "list")]
    pub output: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
    /// Print the inputs that would be annotated, a path a line, and end
    #[arg(long)]
    pub list: bool,
    /// With --list: end each path with a zero byte, as find -print0 does. A list of inputs (@FILE) may have zero bytes too; they are recognised without this option
    #[arg(short = '0', long, requires = "list")]
    pub null: bool,
    /// Make the folder with these settings and end. If it exists, check that it was made with the same settings. Use it before many processes write into one folder
    #[arg(long, conflicts_with_all = ["inputs", "list"])]
    pub prepare: bool,
    /// Also write each video with boxes and heatmaps: H.264 in MP4, without sound
    #[arg(long)]
    pub video: bool,
    /// Also keep evidence of events: pictures and heatmaps, as with the element's property events-location
    #[arg(long)]
    pub evidence: bool,
    /// Take only part I of N of the inputs, 1/N to N/N, so that several computers can share the work and write to one folder. The part of an input depends only on its path
    #[arg(long, value_name = "I/N", default_value_t)]
    pub shard: Shard,
    /// Set a property of the element; gst-inspect-1.0 ssdcrp lists them. May be given several times [default: the element's, but check-explanations=true and events=all]
    #[arg(long, value_name = "PROPERTY=VALUE", value_parser = property)]
    pub set: Vec<(String, String)>,
    /// Detector to use, an ONNX file with its manifest NAME.toml beside it [default: ssdlite_mobilenet_v2, trained on COCO, built in]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Threads for the networks; 0: as many as there are cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub threads: u16,
    /// ONNX Runtime's execution provider: cpu, or another one that the ONNX Runtime in use was built with, such as cuda, tensorrt or openvino
    #[arg(long, value_name = "NAME", default_value_t)]
    pub execution_provider: ExecutionProvider,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("PROPERTY=VALUE is expected, as score-threshold=0.4")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
#[path = "../../tests/documents/mod.rs"]
mod documents;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::documents::shown_commands;
    use super::*;

    #[test]
    fn what_the_pages_show_can_be_typed() {
        let mut tried = 0;
        for shown in shown_commands() {
            if let Some([verb, ..]) = shown.arguments_of("ssdcrp")
                && verb == "annotate"
            {
                let words = shown.words.iter().skip_while(|word| *word != "annotate");
                let words = words.take_while(|word| *word != ":::");
                if let Err(error) = AnnotateOptions::try_parse_from(words) {
                    panic!("{}: {:?}: {error}", shown.page, shown.words);
                }
                tried += 1;
            }
        }
        assert!(tried > 5, "{tried}");
    }

    #[test]
    fn the_declaration_is_consistent() {
        AnnotateOptions::command().debug_assert();
    }

    #[test]
    fn a_property_has_a_name_and_a_value() {
        assert_eq!(
            property("composite=high=epsilon:0.25std"),
            Ok(("composite".to_owned(), "high=epsilon:0.25std".to_owned()))
        );
        assert!(property("composite").is_err());
        assert!(property("=1").is_err());
    }
}
