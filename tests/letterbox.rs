//! Pictures between bars: what is found, explained and judged is where it is in the picture, and nothing of the bars is shown.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use image::{Rgb, RgbImage, imageops};
use ndarray::s;
use ssdcrp::crp::{Edge, TargetOutput};
use ssdcrp::detect::manifest::Offset;
use ssdcrp::detect::preprocess;
use ssdcrp::evaluate::{
    ActivationMap, ActivationMapKind, Column, DRise, EvaluatedPhoto, Gradient, GradientKind,
    Method, Occlusion, RandomMasks, judge,
};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{Detector, ExplainOptions, Explainer, Model, Question, Thresholds};

const BARS: Rgb<u8> = Rgb([114; 3]);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The default model with another `resize`.
fn model(resize: &str) -> Result<Model> {
    let path = root().join("models/ssdlite_mobilenet_v2_coco");
    let manifest = std::fs::read_to_string(path.with_extension("toml"))?;
    let old = "resize = \"bilinear-legacy\"";
    assert!(manifest.contains(old));
    let manifest = manifest.replace(old, &format!("resize = {resize}"));
    Ok(Model::from_bytes(
        std::fs::read(path.with_extension("onnx"))?,
        &manifest,
    )?)
}

/// 600x450 pixels of a photo of a person, a horse and a dog.
fn photo() -> Result<RgbImage> {
    let photo = image::open(root().join("tests/golden/ssdlite/person.png"))?.into_rgb8();
    Ok(imageops::resize(
        &photo,
        600,
        450,
        imageops::FilterType::Triangle,
    ))
}

/// The photo in the middle, or at the top, of a grey square.
fn squared(photo: &RgbImage, top: i64) -> RgbImage {
    let mut square = RgbImage::from_pixel(600, 600, BARS);
    imageops::replace(&mut square, photo, 0, top);
    square
}

fn explainer(resize: &str) -> Result<Explainer> {
    Ok(Explainer::new(&model(resize)?, ExplainOptions::default())?)
}

#[test]
fn a_letterboxed_picture_is_explained_as_a_warped_square_with_its_bars() -> Result<()> {
    let photo = photo()?;
    for (alignment, top) in [("centre", 74), ("top-left", 0)] {
        // Half of 600 pixels: 37 rows of 300 lie above the picture, 38 below.
        let square = squared(&photo, top);
        let expected = explainer("\"bilinear\"")?.explain_detections(&square)?;
        let resize = format!("{{ letterbox = \"{alignment}\" }}");
        let mut explainer = explainer(&resize)?;
        let found = explainer.explain_detections(&photo)?;
        assert!(found.len() >= 2 && found.len() == expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            let (ours, theirs) = (&found.detection, &expected.detection);
            assert_eq!(
                (ours.class, ours.default_box),
                (theirs.class, theirs.default_box)
            );
            assert!((ours.score - theirs.score).abs() < 1e-5, "{ours:?}");
            let [x0, y0, x1, y1] = theirs.rect.edges();
            let in_photo = |y: f32| ((y * 600.0 - top as f32) / 450.0).clamp(0.0, 1.0);
            let rect = [x0, in_photo(y0), x1, in_photo(y1)];
            for (edge, expected) in ours.rect.edges().iter().zip(rect) {
                assert!((edge - expected).abs() < 1e-4, "{ours:?}, {rect:?}");
            }
            // Of 300 rows the picture has 225.
            assert_eq!(found.relevance.dim(), (225, 300));
            let first = top as usize / 2;
            let part = expected.relevance.slice(s![first..first + 225, ..]);
            let largest = part.iter().fold(0.0f32, |most, r| most.max(r.abs()));
            let worst = (&found.relevance - &part).mapv(f32::abs);
            let worst = worst.iter().fold(0.0f32, |most, &r| most.max(r));
            assert!(worst < 1e-3 * largest, "{worst} of {largest}");
        }
        // A click into the middle of a box asks about it.
        let best = &found[0].detection;
        let [x, y] = best.rect.centre();
        let clicked = explainer.explain(&photo, Question::at(x, y))?;
        assert_eq!(clicked.detection.default_box, best.default_box);
    }
    Ok(())
}

/// A small YOLO whose input is 96x64 pixels, and whose likeliest boxes are detections.
fn yolo(resize: &str) -> Result<Explainer> {
    let path = root().join("tests/golden/yolo/yolo");
    let manifest = std::fs::read_to_string(path.with_extension("toml"))?
        .replace("resize = \"bilinear\"", &format!("resize = {resize}"))
        .replace("score_threshold = 0.5", "score_threshold = 0.05");
    let model = Model::from_bytes(std::fs::read(path.with_extension("onnx"))?, &manifest)?;
    Ok(Explainer::new(&model, ExplainOptions::default())?)
}

#[test]
fn a_yolo_s_answers_are_the_picture_s_alone() -> Result<()> {
    // A square in the middle of the input, with 16 columns of bars on either side.
    let photo = imageops::resize(&photo()?, 64, 64, imageops::FilterType::Triangle);
    let mut whole = RgbImage::from_pixel(96, 64, BARS);
    imageops::replace(&mut whole, &photo, 16, 0);
    let mut warped = yolo("\"bilinear\"")?;
    let mut boxed = yolo("{ letterbox = \"centre\" }")?;
    let found = boxed.detect(&photo)?;
    assert!(!found.is_empty());
    let outputs = [
        None,
        Some(TargetOutput::Objectness),
        Some(TargetOutput::Edge(Edge::Left, None)),
        Some(TargetOutput::Offset(Offset::W, None)),
    ];
    for detection in found.iter().take(2) {
        for output in &outputs {
            let ask = || {
                let question = Question::default_box(detection.default_box);
                match output {
                    Some(output) => question.output(output.clone()),
                    None => question,
                }
            };
            let ours = boxed.explain(&photo, ask())?;
            let theirs = warped.explain(&whole, ask())?;
            assert_eq!(ours.detection.score, theirs.detection.score);
            let [x0, y0, x1, y1] = theirs.detection.rect.edges();
            let in_photo = |x: f32| ((x * 96.0 - 16.0) / 64.0).clamp(0.0, 1.0);
            let rect = [in_photo(x0), y0, in_photo(x1), y1];
            for (edge, expected) in ours.detection.rect.edges().iter().zip(rect) {
                assert!((edge - expected).abs() < 1e-5, "{rect:?}");
            }
            assert_eq!(ours.relevance, theirs.relevance.slice(s![.., 16..80]));
        }
    }
    Ok(())
}

#[test]
fn a_square_needs_no_bars() -> Result<()> {
    let square = squared(&photo()?, 74);
    let [warped, boxed] = ["\"bilinear\"", "{ letterbox = \"centre\" }"]
        .map(|resize| -> Result<_> { Ok(explainer(resize)?.explain(&square, Question::best())?) });
    let (warped, boxed) = (warped?, boxed?);
    assert_eq!(warped.detection, boxed.detection);
    assert_eq!(warped.relevance, boxed.relevance);
    Ok(())
}

#[test]
fn methods_are_judged_on_the_picture_alone() -> Result<()> {
    let model = Arc::new(model("{ letterbox = \"centre\" }")?);
    let photo = photo()?;
    let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    let options = SessionOptions::on_threads(1);
    let mut detector = Detector::new(model.clone(), options)?;
    let forward = detector.forward(input)?;
    let thresholds = Thresholds::from(&model.manifest.detection);
    let detections = detector.detections(&forward, thresholds)?;
    let photo = EvaluatedPhoto::new("person".to_owned(), forward, &detections, 1, &model)?;
    assert_eq!(photo.reference.dim(), (1, 3, 225, 300));
    let target = Column::Mean.target(&photo.subjects[0]);
    let mut methods: [Box<dyn Method>; 5] = [
        Box::new(Occlusion::new(model.clone(), options)?),
        Box::new(RandomMasks::new(model.clone(), 3, 1, options)?),
        Box::new(Gradient::new(
            model.clone(),
            GradientKind::TimesInput,
            options,
        )),
        Box::new(DRise::new(model.clone(), 3, 1, options)?),
        Box::new(ActivationMap::new(
            model.clone(),
            ActivationMapKind::Odam,
            options,
        )),
    ];
    for method in &mut methods {
        let maps = method.explain(&photo, std::slice::from_ref(&target))?;
        assert_eq!(maps[0].map.dim(), (225, 300), "{}", method.name());
    }
    let rows = judge(methods[2].as_mut(), &photo, &model, &mut detector, 0)?;
    assert!(rows[0].deletion.iter().all(|curve| curve.initial != 0.0));
    Ok(())
}

#[test]
fn boxes_of_another_detector_are_matched_where_they_are_in_the_picture() -> Result<()> {
    let photo = photo()?;
    for resize in [
        "{ letterbox = \"centre\" }",
        "{ letterbox = \"top-left\" }",
        "\"bilinear\"",
    ] {
        let model = Arc::new(model(resize)?);
        let mut detector = Detector::new(model.clone(), SessionOptions::default())?;
        let forward = detector.look(&photo)?;
        let found = detector.detections(&forward, Thresholds::from(&model.manifest.detection))?;
        let boxes: Vec<_> = found.iter().map(|own| (own.class, own.rect)).collect();
        let closest = forward.predictions(&model)?.closest(&boxes, 0.5)?;
        assert!(found.len() >= 2, "{resize}");
        for (own, closest) in found.iter().zip(closest) {
            let closest = closest.expect("its own box");
            assert!(closest.overlap > 0.9999, "{resize}: {closest:?}");
            assert_eq!(closest.detection.default_box, own.default_box, "{resize}");
        }
    }
    Ok(())
}
