//! Networks that are the first ones of a process, loaded by several threads at the same time. In a file of its own, for only the first ones can meet.

use std::sync::{Arc, Barrier};
use std::thread;

use anyhow::{Context, Result};
use ssdcrp::detect::{Detector, Model};
use ssdcrp::runtime::SessionOptions;

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
