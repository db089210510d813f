//! Why that class rather than another? `cargo run --example contrast_classes -- photo.jpg sheep horse why.png`

use std::error::Error;
use std::path::Path;

use ssdcrp::crp::{Contrast, TargetOutput};
use ssdcrp::{ExplainOptions, Explainer, Model, Question};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [photo, class, other, why] = &words[..] else {
        return Err("a photo, two classes and the picture to write are expected".into());
    };
    run(photo.as_ref(), class, other, why.as_ref())
}

/// Reads a photo, asks twice about its best detection, and writes the answer with the contrast.
pub fn run(photo: &Path, class: &str, other: &str, why: &Path) -> Result<(), Box<dyn Error>> {
    let photo = image::open(photo)?.to_rgb8();
    let mut explainer = Explainer::new(&Model::built_in()?, ExplainOptions::default())?;
    let class: TargetOutput = format!("class:{class}").parse()?;
    let other: Contrast = format!("class:{other}").parse()?;
    // Both questions about the box of the best detection, from one look at the photo.
    let best = Question::best().output(class);
    let answers = explainer.explain_each(&photo, &[best.clone(), best.rather_than(other)])?;
    for answer in &answers {
        println!("{}", answer.question.wording);
    }
    let [_, contrasted] = &answers[..] else {
        return Err("two answers are expected".into());
    };
    contrasted.overlay(&photo)?.save(why)?;
    Ok(())
}
