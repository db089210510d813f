//! Networks that are the first ones of a process, loaded by several threads at the same time. In a file of its own, for only the first ones can meet.

use std::sync::{Arc, Barrier};
use std::thread;

use anyhow::{Context, Result};
use ssdcrp::ErrorKind;
use ssdcrp::detect::{Detector, Model};
use ssdcrp::runtime::{CancelToken, Network, SessionOptions};

#[test]
fn a_load_that_was_cancelled_before_does_not_begin() -> Result<()> {
    let cancel = CancelToken::default();
    cancel.cancel();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/yolo/yolo.onnx");
    let model = std::fs::read(file)?;
    let refused = Network::load_cancellable(&model, SessionOptions::on_threads(1), &cancel);
    let kind = refused.err().map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Cancelled));
    Ok(())
}

#[test]
fn the_first_networks_can_be_loaded_at_the_same_time() -> Result<()> {
    const THREADS: usize = 8;
    let model = Arc::new(Model::built_in()?);
    let together = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (model, together) = (model.clone(), together.clone());
            thread::spawn(move || {
                together.wait();
                Detector::new(model, SessionOptions::on_threads(1)).map(|_| ())
            })
        })
        .collect();
    for thread in threads {
        thread.join().ok().context("a thread panicked")??;
    }
    Ok(())
}
