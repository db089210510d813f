//! Watches several streams at once and tells what looks wrong in them: one process, one model, one set of sessions for all.
//!
//! ```sh
//! ssdcrp-monitor rtsp://gate/ rtsp://yard/ /dev/video0 --serve
//! ```
//!
//! Each event is a line of JSON on standard output. `--serve` shows the streams with their newest explanations, and the last events, as a page on this computer.
//!
//! The element explains one stream. Here the engine's session is used directly, with GStreamer for decoding only: every stream ends in an `appsink` that keeps its newest
//! frame ([`source`]), and the session takes the streams in turn ([`watch`]), so that none is looked at twice while another one waits. SIGINT and SIGTERM end it.

mod line;
mod options;
mod serve;
mod source;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Parser;
use gst::glib;

use options::Options;
use serve::Board;
use source::Source;
use ssdcrp::detect::Model;
use watch::Watch;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("monitor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    gst::init()?;
    let model = match &options.model {
        None => Model::built_in()?,
        Some(path) => Model::open(path)?,
    };
    let (news, arrivals) = std::sync::mpsc::sync_channel(1);
    let sources: Vec<Source> = (options.sources.iter())
        .map(|name| Source::open(name, news.clone()).with_context(|| name.clone()))
        .collect::<Result<_>>()?;
    // The streams alone tell of frames.
    drop(news);
    let board = Arc::new(Board::new(&options.sources));
    let served = (options.serve)
        .map(|address| serve::start(address, board.clone()))
        .transpose()?;
    if let Some(address) = served {
        eprintln!("monitor: http://{address}/");
    }

    let stop = Arc::new(AtomicBool::new(false));
    let frames = sources.iter().map(Source::frames).collect();
    let watch = Watch::new(Arc::new(model), frames, board.clone(), options)?;
    let main = glib::MainLoop::new(None, false);
    let watching = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn({
            let (stop, main) = (stop.clone(), main.clone());
            move || {
                watch.run(&arrivals, &stop);
                main.quit();
            }
        })?;
    ctrlc::set_handler({
        let main = main.clone();
        move || main.quit()
    })?;
    // Ends by itself where every stream has.
    let left = std::rc::Rc::new(std::cell::Cell::new(sources.len()));
    let guards: Vec<_> = (sources.iter().zip(&options.sources))
        .map(|(source, name)| {
            let (main, left, name) = (main.clone(), left.clone(), name.clone());
            source.start(move |outcome| {
                if let Err(error) = outcome {
                    eprintln!("monitor: {name}: {error:#}");
                }
                left.set(left.get() - 1);
                if left.get() == 0 {
                    main.quit();
                }
            })
        })
        .collect::<Result<_>>()?;
    main.run();

    drop(guards);
    stop.store(true, Ordering::Relaxed);
    drop(sources);
    board.close();
    // What is in hand is finished: nothing may run a network while the process goes down.
    (watching.join()).map_err(|_| anyhow::anyhow!("the watching thread has failed"))
}
