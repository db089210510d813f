//! `ssdcrp annotate`: archives of videos in; tables of what was detected, explained and looked wrong, and explained videos, out.
//!
//! A program of its own, because the engine and its command know no GStreamer; `ssdcrp annotate …` starts it. Every input goes through the element `ssdcrp`
//! ([`video`]), whose messages become rows ([`rows`]) of the tables ([`columns`], [`parquet_table`]). Results of an input appear all or none ([`archive`]), so that
//! a run that is killed goes on where it stopped. Verbs for photos have it decode single frames of videos ([`frames`]).

mod archive;
mod blame;
mod columns;
mod decoding;
mod digest;
mod element_settings;
mod frames;
mod inputs;
mod manifest;
mod options;
mod parquet_table;
mod record;
mod rows;
mod run;
mod shard;
mod tally;
mod telling;
mod video;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use frames::FrameOptions;
use options::AnnotateOptions;

/// The option that asks for frames of a video in place of all else.
const FRAMES_OF: &str = "--frames-of";

fn main() -> ExitCode {
    if let Some(status) = ssdcrp_manual::write_if_asked("ssdcrp-annotate", AnnotateOptions::command)
    {
        return status;
    }
    // Installed, ONNX Runtime lies beside it.
    if let Some(program) = ssdcrp::runtime::this_program() {
        ssdcrp::runtime::installed_at(&program);
    }
    // The command's other verbs ask so for single frames.
    let wants_frames = std::env::args_os().nth(1).is_some_and(|it| it == FRAMES_OF);
    let ended = match wants_frames {
        true => frames::write(&FrameOptions::parse()).map(|()| ExitCode::SUCCESS),
        false => run::run(&AnnotateOptions::parse()),
    };
    match ended {
        Ok(status) => status,
        Err(error) => {
            telling::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
