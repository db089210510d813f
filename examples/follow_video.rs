//! The objects of a video's frames, followed and explained without GStreamer: `cargo run --example follow_video -- frames 40 explained`
//!
//! The frames are pictures in a folder, in the order of their names, so many milliseconds apart.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssdcrp::stream::Tracker;
use ssdcrp::{ExplainOptions, Explainer, Model};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [frames, interval, explained] = &words[..] else {
        return Err("a folder of frames, the milliseconds between them and a folder to write into are expected".into());
    };
    let interval = Duration::from_millis(interval.parse()?);
    run(frames.as_ref(), interval, explained.as_ref())
}

/// Reads a folder of frames, and writes a picture for each object in each of them.
pub fn run(frames: &Path, interval: Duration, explained: &Path) -> Result<(), Box<dyn Error>> {
    let files = std::fs::read_dir(frames)?.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.sort();
    let mut explainer = Explainer::new(&Model::built_in()?, ExplainOptions::default())?;
    let mut tracker = Tracker::default();
    let mut time = Duration::ZERO;
    for file in files {
        let frame = image::open(&file)?.to_rgb8();
        let answers = explainer.explain_detections(&frame)?;
        let detections = answers.iter().map(|answer| answer.detection.clone());
        for (tracked, answer) in tracker
            .follow(detections.collect(), None)
            .iter()
            .zip(&answers)
        {
            println!("{time:?}: object {} is {}", tracked.object, answer.label);
            let name = format!("object{}-{:06}ms.png", tracked.object, time.as_millis());
            answer.overlay(&frame)?.save(explained.join(name))?;
        }
        time += interval;
    }
    Ok(())
}
