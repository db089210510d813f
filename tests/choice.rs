//! Which default box a question means: the same for the command, the Python package and whoever calls the crate.

use std::path::Path;
use std::slice;

use anyhow::{Context, Result};
use image::RgbImage;
use ssdcrp::crp::TargetOutput;
use ssdcrp::detect::propose;
use ssdcrp::{
    ClassRef, Detection, ExplainOptions, Explainer, Model, Question, SeenPicture, Thresholds, onnx,
};

mod cache;

fn named(name: &str) -> ClassRef {
    ClassRef::Name(name.to_owned())
}

fn person() -> Result<RgbImage> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ssdlite/person.png");
    Ok(image::open(file)?.into_rgb8())
}

/// A dog and a bicycle before a car.
fn dog() -> Result<RgbImage> {
    Ok(ssdcrp::photo::read(cache::cached("photos/dog.jpg"))?)
}

fn explainer(model: &Model, score: f32) -> Result<Explainer> {
    let thresholds = Some(Thresholds { score, iou: 0.6 });
    let options = ExplainOptions {
        thresholds,
        ..ExplainOptions::default()
    };
    Ok(Explainer::new(model, options)?)
}

fn chosen(explainer: &Explainer, seen: &SeenPicture, question: Question) -> Result<Detection> {
    let chosen = explainer.chosen(seen, &question)?;
    chosen.with_context(|| format!("nothing for {question:?}"))
}

#[test]
fn a_class_is_meant_where_it_was_detected_or_else_where_it_scores_highest() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.5)?;
    let seen = explainer.look(&person()?)?;
    let best = &seen.detections[0];
    assert_eq!(&chosen(&explainer, &seen, Question::best())?, best);
    let dog = model.manifest.class(&named("dog"))?;
    let found = seen.detections.iter().find(|found| found.class == dog);
    let found = found.context("a dog")?;
    assert_ne!(found.default_box, best.default_box);
    let class = |name: &str| chosen(&explainer, &seen, Question::class(named(name)));
    assert_eq!(&class("dog")?, found);

    let zebra = class("zebra")?;
    let strongest = Question::strongest(named("zebra"));
    assert_eq!(zebra, chosen(&explainer, &seen, strongest)?);
    assert!(zebra.score < 0.5);
    // There is background everywhere.
    let background = model.manifest.background().context("an SSD has one")?;
    let question = Question::class(background.into());
    assert_eq!(&chosen(&explainer, &seen, question.clone())?, best);
    let answers = explainer.answer(&seen, &[question])?;
    assert_eq!(answers[0].detection.default_box, best.default_box);
    Ok(())
}

#[test]
fn a_point_means_the_smallest_detection_there_and_a_number_any_box() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.3)?;
    let seen = explainer.look(&dog()?)?;
    let mut tried = 0;
    for found in &seen.detections {
        let [x, y] = found.rect.centre();
        let clicked = chosen(&explainer, &seen, Question::at(x, y))?;
        assert!(clicked.rect.contains([x, y]) && clicked.rect.area() <= found.rect.area());
        let is_under_too = |other: &&Detection| other.rect.contains([x, y]);
        let under = seen.detections.iter().filter(is_under_too);
        tried += under
            .filter(|other| other.rect.area() > clicked.rect.area())
            .count();
    }
    assert!(tried > 0, "a detection lies before a larger one");
    assert!(
        explainer
            .chosen(&seen, &Question::at(0.01, 0.01))?
            .is_none()
    );
    let undetected = chosen(&explainer, &seen, Question::default_box(7))?;
    assert_eq!(undetected.default_box, 7);
    assert!(
        explainer
            .chosen(&seen, &Question::default_box(99_999))
            .is_err()
    );
    // One default box that was detected as two classes: each keeps its own.
    let second = (seen.detections.iter().enumerate()).find(|(index, second)| {
        (seen.detections[..*index].iter()).any(|first| first.default_box == second.default_box)
    });
    let (_, second) = second.context("a box of two classes")?;
    let answers = explainer.answer(&seen, &[Question::of(second)])?;
    assert_eq!(&answers[0].detection, second);
    let of_class = TargetOutput::Class(second.class.into());
    let asked = Question::default_box(second.default_box).output(of_class);
    assert_eq!(&explainer.answer(&seen, &[asked])?[0].detection, second);
    Ok(())
}

#[test]
fn a_classifier_has_one_box_whatever_it_detects() -> Result<()> {
    let file = cache::cached("classifiers/light_squeezenet.onnx");
    let manifest = propose::propose(&onnx::read(&file)?, "squeezenet", None)?;
    let model = Model::from_bytes(std::fs::read(&file)?, &manifest)?;
    let mut explainer = explainer(&model, 1.0)?;
    let seen = explainer.look(&person()?)?;
    assert!(seen.detections.is_empty());
    for question in [
        Question::best(),
        Question::at(0.2, 0.9),
        Question::class(ClassRef::Name("#7".to_owned())),
        Question::default_box(0),
    ] {
        let answers = explainer.answer(&seen, slice::from_ref(&question))?;
        assert_eq!(answers[0].detection.default_box, 0, "{question:?}");
    }
    Ok(())
}
