//! An own model, `NAME.onnx` with its manifest `NAME.toml` beside it: `cargo run --example own_model -- detector.onnx photo.jpg explained.png`

use std::error::Error;
use std::path::Path;

use ssdcrp::{ErrorKind, ExplainOptions, Explainer, Model, Question};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [model, photo, explained] = &files[..] else {
        return Err("three files are expected: a model, a photo, and the picture to write".into());
    };
    run(model.as_ref(), photo.as_ref(), explained.as_ref())
}

/// Reads a model and a photo, and writes the explanation of the best detection.
pub fn run(model: &Path, photo: &Path, explained: &Path) -> Result<(), Box<dyn Error>> {
    let model = Model::open(model).inspect_err(|error| match error.kind() {
        ErrorKind::Manifest => eprintln!("the manifest is to be mended, not the network"),
        ErrorKind::Model => eprintln!("the network is to be exported differently"),
        _ => {}
    })?;
    let photo = image::open(photo)?.to_rgb8();
    let mut explainer = Explainer::new(&model, ExplainOptions::default())?;
    let answer = explainer.explain(&photo, Question::best())?;
    answer.overlay(&photo)?.save(explained)?;
    Ok(())
}
