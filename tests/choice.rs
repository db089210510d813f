//! Which default box a question means, asked through [`Explainer`]. The command and the Python package choose by the same [`Detector::choose`](ssdcrp::Detector::choose), and have tests of their
//! own of what they hand to it.

use std::path::Path;
use std::slice;

use anyhow::{Context, Result};
use image::RgbImage;
use ssdcrp::crp::TargetOutput;
use ssdcrp::detect::{BoxChoice, propose};
use ssdcrp::{
    ClassId, ClassRef, Detection, ErrorKind, ExplainOptions, Explainer, Model, Question,
    SeenPicture, Thresholds, onnx,
};

mod cache;

fn named(name: &str) -> ClassRef {
    ClassRef::Name(name.to_owned())
}

fn person() -> Result<RgbImage> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ssdlite/person.png");
    Ok(image::open(file)?.into_rgb8())
}

fn photo(name: &str) -> Result<RgbImage> {
    let file = cache::cached(&format!("photos/{name}"));
    Ok(ssdcrp::photo::read(file)?)
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
    let class = |name: &str| chosen(&explainer, &seen, Question::class(named(name)));
    let found = class("dog")?;
    assert_eq!(found.class, model.manifest.class(&named("dog"))?);
    assert!(seen.detections.contains(&found) && found.default_box != best.default_box);

    let zebra = class("zebra")?;
    let strongest = Question::strongest(named("zebra"));
    assert_eq!(zebra, chosen(&explainer, &seen, strongest)?);
    assert!(zebra.score < 0.5);
    // There is background everywhere.
    let background = model.manifest.background().context("an SSD has one")?;
    let question = Question::class(background.into());
    assert_eq!(&chosen(&explainer, &seen, question.clone())?, best);
    let answers = explainer.answer(&seen, &[question])?;
    assert_eq!(&answers[0].detection, best);
    Ok(())
}

#[test]
fn of_several_detections_of_a_class_the_best_is_meant() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.3)?;
    let mut several = 0;
    for name in ["dog.jpg", "horses.jpg", "kite.jpg"] {
        let seen = explainer.look(&photo(name)?)?;
        for found in &seen.detections {
            let of_class = || seen.detections.iter().filter(|d| d.class == found.class);
            let meant = chosen(&explainer, &seen, Question::class(found.class.into()))?;
            assert!(of_class().all(|other| other.score <= meant.score));
            assert_eq!(Some(&meant), of_class().next());
            several += usize::from(of_class().count() > 1);
        }
    }
    assert!(several > 0, "a class is detected twice");
    Ok(())
}

#[test]
fn background_is_nowhere_where_nothing_is_detected() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.5)?;
    let seen = explainer.look(&photo("scream.jpg")?)?;
    assert!(seen.detections.is_empty());
    let background = model.manifest.background().context("an SSD has one")?;
    let question = Question::class(background.into());
    assert_eq!(explainer.chosen(&seen, &question)?, None);
    let error = explainer.answer(&seen, &[question]).err().context("none")?;
    assert!(error.to_string().starts_with("nothing scores above 0.5"));
    // As the background nothing is detected: nowhere does it score highest.
    let strongest = Question::strongest(background.into());
    let error = explainer.chosen(&seen, &strongest).err().context("none")?;
    assert!(error.to_string().contains("cannot be detected"), "{error}");
    Ok(())
}

#[test]
fn a_point_means_the_smallest_detection_there_and_a_number_any_box() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.3)?;
    // A dog and a bicycle before a car.
    let seen = explainer.look(&photo("dog.jpg")?)?;
    let mut larger_ones = 0;
    for found in &seen.detections {
        let [x, y] = found.rect.centre();
        let clicked = chosen(&explainer, &seen, Question::at(x, y))?;
        assert!(clicked.rect.contains([x, y]) && clicked.rect.area() <= found.rect.area());
        let is_under_too = |other: &&Detection| other.rect.contains([x, y]);
        let under = seen.detections.iter().filter(is_under_too);
        larger_ones += under
            .filter(|other| other.rect.area() > clicked.rect.area())
            .count();
    }
    assert!(larger_ones > 0, "a detection lies before a larger one");
    let nowhere = explainer.chosen(&seen, &Question::at(0.01, 0.01))?;
    assert_eq!(nowhere, None);
    for [x, y] in [[1.01, 0.5], [0.5, -0.01], [f32::NAN, 0.5]] {
        let outside = explainer.chosen(&seen, &Question::at(x, y));
        assert_eq!(outside.unwrap_err().kind(), ErrorKind::Argument);
    }
    let undetected = chosen(&explainer, &seen, Question::default_box(7))?;
    assert_eq!(undetected.default_box, 7);
    assert!(
        explainer
            .chosen(&seen, &Question::default_box(99_999))
            .is_err()
    );
    Ok(())
}

/// Of equal boxes under a point the first is meant, and each detection is itself.
#[test]
fn one_default_box_that_was_detected_as_two_classes_keeps_both() -> Result<()> {
    let model = Model::built_in()?;
    let mut explainer = explainer(&model, 0.3)?;
    let seen = explainer.look(&photo("dog.jpg")?)?;
    let two = seen
        .detections
        .iter()
        .enumerate()
        .find_map(|(index, second)| {
            let mut before = seen.detections[..index].iter();
            let first = before.find(|first| first.default_box == second.default_box)?;
            Some((first, second))
        });
    let (first, second) = two.context("a box of two classes")?;
    assert_eq!(first.rect, second.rect);
    let [x, y] = first.rect.centre();
    assert_eq!(&chosen(&explainer, &seen, Question::at(x, y))?, first);

    let width: TargetOutput = "offset:w".parse()?;
    let of_class = TargetOutput::Class(second.class.into());
    let answers = explainer.answer(
        &seen,
        &[
            Question::of(second),
            Question::default_box(second.default_box).output(of_class),
            Question::of(second).output(width.clone()),
            Question::default_box(second.default_box).output(width),
        ],
    )?;
    let boxes: Vec<&Detection> = answers.iter().map(|answer| &answer.detection).collect();
    assert_eq!(boxes, [second, second, second, first]);
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
    let seventh = || ClassRef::Id(ClassId(7));
    for question in [
        Question::best(),
        Question::at(0.2, 0.9),
        Question::class(named("#7")),
        Question::strongest(seventh()),
        Question::default_box(0),
    ] {
        let answers = explainer.answer(&seen, slice::from_ref(&question))?;
        assert_eq!(answers[0].detection.default_box, 0, "{question:?}");
    }
    for choice in [BoxChoice::Class(seventh()), BoxChoice::Strongest(seventh())] {
        let found = chosen(&explainer, &seen, Question::about(choice))?;
        assert_eq!(found.class, ClassId(7));
    }
    for wrong in [
        Question::class(named("unicorn")),
        Question::strongest(named("unicorn")),
        Question::default_box(1),
        Question::at(1.2, 0.9),
    ] {
        let refused = explainer.chosen(&seen, &wrong);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Argument);
    }
    Ok(())
}
