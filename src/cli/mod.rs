//! The command line: what can be asked is declared here and in one file for each subcommand, which also answers it.
//!
//! What subcommands share: [`inputs`] finds the pictures that are meant, [`source_picture`] reads them, frames of videos by [`video_frames`], and [`failures`] counts what cannot be used; [`engine`] loads the model,
//! [`detected_photo`] runs the detector, [`default_box`] finds the default box that is meant, [`json`], [`text`] and [`table`] say what was found, [`picture`] draws it, [`destination`] and [`result_stem`] say where
//! results go and what they are called, [`source_stamp`] tells whether a file has changed, [`output`] brings them to standard output and into files, [`run_files`] those of one run together, [`input_files`] keeps what is read from being replaced,
//! [`completions`] has what shells offer, [`partial_file`] keeps what an unfinished run has done, for which [`model_hash`] tells models apart and [`interrupt`] takes Ctrl-C.

mod annotate;
mod annotations;
mod compare;
mod compile;
mod completions;
mod csv_text;
mod decoder;
mod default_box;
mod destination;
mod detect;
mod detected_photo;
mod diagnose;
mod engine;
mod evaluate;
mod explain;
mod failures;
mod input_files;
mod inputs;
mod inspect;
mod interrupt;
mod json;
mod model_hash;
mod name_list;
mod output;
mod partial_file;
mod picture;
mod report;
mod result_stem;
mod run_files;
mod source_picture;
mod source_stamp;
mod table;
mod text;
mod video_frames;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use self::engine::Engine;
pub use self::name_list::with_lists_joined;

const EXAMPLES: &str = "\
Examples:
  ssdcrp detect photo.jpg
  ssdcrp explain photo.jpg -o why.png
  ssdcrp explain photo.jpg --at 400,250 --contrast runner-up -o why.png
  ssdcrp explain photo.jpg --at 400,250 --target offset:w+ -o wider.png
  ssdcrp explain photos/ clip.mp4 --every 2 -o explained --npy --json
  ssdcrp diagnose photo.jpg --plot layers.svg
  ssdcrp annotate videos/ -o results
  ssdcrp evaluate photos/ --csv scores.csv
  ssdcrp report photos/ -o report.html
  ssdcrp compare built-in own.onnx photos/ -o compare.html
  ssdcrp inspect model.onnx
  ssdcrp compile model.onnx -o explain.onnx

ONNX Runtime (libonnxruntime.so, 1.22 or newer) must be installed. If it is not found, set the environment variable \
ORT_DYLIB_PATH to its path.

Exit status:
  0  done
  1  failed; one line on standard error says why. A --target, --contrast or
     --composite that cannot be parsed has this status too
  2  wrong usage: an unknown option, or a value that its option never takes
  3  a limit of compare --fail-on is exceeded
  130  report, or explain into a folder, was ended by Ctrl-C; what is done so
     far is written";

/// What every subcommand has stands behind its own options.
const LAST: usize = 900;

/// Finds objects in photos with a single-shot detector such as SSD or YOLO, and explains by Contrastive Relevance Propagation (CRP) which pixels made the network say so.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, propagate_version = true)]
pub struct Arguments {
    #[command(flatten)]
    engine: Engine,
    /// Print errors only, and JSON where it is asked for
    #[arg(short, long, global = true, display_order = LAST, conflicts_with = "verbose")]
    quiet: bool,
    /// Say on standard error what is done in between: which model is loaded, and how long each picture takes
    #[arg(short, long, global = true, display_order = LAST)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Detect(detect::Detect),
    Explain(explain::Explain),
    Annotate(annotate::Annotate),
    Diagnose(diagnose::Diagnose),
    Evaluate(Box<evaluate::Evaluate>),
    Report(report::Report),
    Compare(compare::Compare),
    Inspect(inspect::Inspect),
    Compile(compile::Compile),
}

/// The command line as man pages and shells show it.
pub fn shown() -> clap::Command {
    completions::offering(Arguments::command())
}

/// Does what was asked, and says with which status the program ends.
///
/// # Errors
/// Whatever keeps it from being done, in words for the user.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    output::set_verbosity(arguments.quiet, arguments.verbose);
    match &arguments.command {
        Command::Detect(detect) => detect.run(&arguments.engine),
        Command::Diagnose(diagnose) => diagnose.run(&arguments.engine),
        Command::Evaluate(evaluate) => evaluate.run(&arguments.engine),
        Command::Inspect(inspect) => inspect.run(&arguments.engine),
        Command::Compile(compile) => compile.run(&arguments.engine),
        Command::Explain(explain) => return explain.run(&arguments.engine),
        Command::Annotate(annotate) => return annotate.run(&arguments.engine),
        Command::Compare(compare) => return compare.run(&arguments.engine),
        Command::Report(report) => return report.run(&arguments.engine),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[path = "../../tests/documents/mod.rs"]
mod documents;
#[cfg(test)]
#[path = "../../tests/folder_names/mod.rs"]
mod folder_names;

#[cfg(test)]
mod tests {
    use super::documents::shown_commands;
    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_heading_of_the_help_stands_over_its_own_options_only() {
        let shared = ["every", "frames", "score_threshold", "iou_threshold"];
        let engine = ["model", "threads", "execution_provider"];
        let mut command = shown();
        command.build();
        for verb in command.get_subcommands() {
            for option in verb.get_arguments().filter(|arg| !arg.is_positional()) {
                let known = shared.iter().chain(&engine).any(|id| option.get_id() == id);
                let heading = option.get_help_heading();
                let place = format!("{} {}: {heading:?}", verb.get_name(), option.get_id());
                assert_eq!(heading.is_some(), known, "{place}");
            }
        }
    }

    #[test]
    fn what_the_pages_show_can_be_typed() {
        let mut tried = 0;
        for shown in shown_commands() {
            let Some(arguments) = shown.arguments_of("ssdcrp") else {
                continue;
            };
            // Belongs to no declaration: ssdcrp_manual.
            if arguments
                .first()
                .is_none_or(|word| word != "--write-manual")
            {
                let words = ["ssdcrp"].into_iter();
                let words = words.chain(arguments.iter().map(String::as_str));
                let words = with_lists_joined(words.map(Into::into));
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{}: {arguments:?}: {error}", shown.page);
                }
                tried += 1;
            }
        }
        assert!(tried > 40, "{tried}");
    }
}
