//! Every detection of every photo in a folder, explained: `cargo run --example explain_folder -- photos explained`

use std::error::Error;
use std::path::Path;

use ssdcrp::{ExplainOptions, Explainer, Model};

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [photos, explained] = &folders[..] else {
        return Err("two folders are expected: of the photos, and of the pictures to write".into());
    };
    run(photos.as_ref(), explained.as_ref())
}

/// Reads every photo of one folder, and writes a picture for each detection into the other.
pub fn run(photos: &Path, explained: &Path) -> Result<(), Box<dyn Error>> {
    // What is compiled for one photo serves the others too.
    let mut explainer = Explainer::new(&Model::built_in()?, ExplainOptions::default())?;
    for entry in std::fs::read_dir(photos)? {
        let path = entry?.path();
        let photo = image::open(&path)?.to_rgb8();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        for (index, answer) in explainer.explain_detections(&photo)?.iter().enumerate() {
            let inside = 100.0 * answer.summary().in_box_share;
            println!(
                "{name}: {} {:.2}, {inside:.0} % of the relevance in its box",
                answer.label, answer.detection.score
            );
            let file = format!("{name}-{}-{}.png", index + 1, answer.label);
            answer.overlay(&photo)?.save(explained.join(file))?;
        }
    }
    Ok(())
}
