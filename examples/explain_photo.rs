//! Why is the best detection of a photo there? `cargo run --example explain_photo -- photo.jpg explained.png`

use std::error::Error;
use std::path::Path;

use ssdcrp::{ExplainOptions, Explainer, Model, Question};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [photo, explained] = &files[..] else {
        return Err("two files are expected: a photo, and the picture to write".into());
    };
    run(photo.as_ref(), explained.as_ref())
}

/// Reads a photo, and writes it with the explanation of its best detection.
pub fn run(photo: &Path, explained: &Path) -> Result<(), Box<dyn Error>> {
    let photo = image::open(photo)?.to_rgb8();
    let mut explainer = Explainer::new(&Model::built_in()?, ExplainOptions::default())?;
    let answer = explainer.explain(&photo, Question::best())?;
    println!("{} {:.2}", answer.label, answer.detection.score);
    answer.overlay(&photo)?.save(explained)?;
    Ok(())
}
