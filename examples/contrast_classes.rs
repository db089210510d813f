//! Why that class rather than another? `cargo run --example contrast_classes -- photo.jpg sheep horse why.png`

use std::error::Error;
use std::path::Path;

use ssdcrp::crp::Contrast;
use ssdcrp::{ExplainOptions, Explainer, Model, Question};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [photo, class, other, why] = &words[..] else {
        return Err("a photo, two classes and the picture to write are expected".into());
    };
    run(photo.as_ref(), class, other, why.as_ref())
}

/// Reads a photo, asks twice about the box where the class is strongest, and writes the answer with the contrast.
pub fn run(photo: &Path, class: &str, other: &str, why: &Path) -> Result<(), Box<dyn Error>> {
    let photo = image::open(photo)?.to_rgb8();
    let mut explainer = Explainer::new(&Model::built_in()?, ExplainOptions::default())?;
    // Both questions about the box where the class is strongest, from one look at the photo.
    let plain = Question::strongest(class.parse()?);
    let contrasted = plain.clone().rather_than(Contrast::Class(other.parse()?));
    let answers = explainer.explain_each(&photo, &[plain, contrasted])?;
    for answer in &answers {
        println!("{}", answer.question.wording);
    }
    let [_, contrasted] = &answers[..] else {
        return Err("two answers are expected".into());
    };
    contrasted.overlay(&photo)?.save(why)?;
    Ok(())
}
