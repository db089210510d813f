//! Numbers that no training gives: weights that are infinite, huge, none or no numbers, and pictures without anything on them. Whatever comes of them, no detection, relevance or
//! pixel is anything but a number, and where there is none, words say so.

mod random;

use std::path::Path;

use image::{Rgb, RgbImage};
use prost::Message;
use prost::bytes::Bytes;
use ssdcrp::onnx::proto::tensor_proto::DataType;
use ssdcrp::onnx::proto::{ModelProto, TensorProto};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::{ExplainOptions, Explainer, Model, Question, Thresholds};

use random::Random;

/// The small detectors with a manifest, one of each way to say a box.
const MODELS: [&str; 3] = ["yolo/yolo", "anchor_free/offsets", "anchor_free/distances"];

fn pictures() -> Vec<(&'static str, RgbImage)> {
    let mut random = Random::new(7);
    let noise = RgbImage::from_fn(40, 30, |_, _| {
        let mut level = || random.below(256) as u8;
        Rgb([level(), level(), level()])
    });
    vec![
        ("black", RgbImage::new(40, 30)),
        ("white", RgbImage::from_pixel(40, 30, Rgb([255; 3]))),
        ("noise", noise),
        ("one pixel", RgbImage::from_pixel(1, 1, Rgb([128; 3]))),
    ]
}

/// Changes every `step`th weight of every layer.
fn changed(model: &ModelProto, step: usize, change: fn(f32) -> f32) -> Vec<u8> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().unwrap();
    for tensor in &mut graph.initializer {
        if tensor.data_type() == DataType::Float as i32 && tensor.dims.len() == 4 {
            change_weights(tensor, step, change);
        }
    }
    model.encode_to_vec()
}

fn change_weights(tensor: &mut TensorProto, step: usize, change: fn(f32) -> f32) {
    let Some(raw) = &tensor.raw_data else {
        return;
    };
    let (numbers, _) = raw.as_chunks::<4>();
    let numbers = numbers.iter().enumerate().map(|(index, bytes)| {
        let number = f32::from_le_bytes(*bytes);
        if index % step == 0 {
            change(number)
        } else {
            number
        }
    });
    let raw: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    tensor.raw_data = Some(Bytes::from(raw));
}

fn explainer(model: &Model) -> Explainer {
    let options = ExplainOptions {
        thresholds: Some(Thresholds {
            score: 0.0,
            iou: 0.5,
        }),
        session: SessionOptions::on_threads(1),
        ..Default::default()
    };
    Explainer::new(model, options).unwrap()
}

/// Explains what is at the first and the last of `boxes` boxes, found or not; how many explanations there were and how many were refused.
fn explain(explainer: &mut Explainer, boxes: usize, picture: &RgbImage, what: &str) -> [usize; 2] {
    for found in explainer.detect(picture).unwrap() {
        let numbers = [&[found.score][..], &found.rect.edges()].concat();
        assert!(numbers.iter().all(|n| n.is_finite()), "{what}: {found:?}");
    }
    let mut counts = [0, 0];
    for number in [0, boxes - 1] {
        match explainer.explain(picture, Question::default_box(number)) {
            Ok(explained) => {
                counts[0] += 1;
                assert!(explained.relevance.iter().all(|r| r.is_finite()), "{what}");
                let drawn = explained.overlay(picture).unwrap();
                assert_eq!(drawn.dimensions(), picture.dimensions(), "{what}");
            }
            Err(error) => {
                counts[1] += 1;
                let words = format!("{error:#}");
                let is_said = words.contains("finite") || words.contains("number");
                assert!(is_said, "{what}: {words}");
            }
        }
    }
    counts
}

#[test]
fn no_weight_and_no_picture_makes_anything_but_numbers() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    type Change = (&'static str, usize, fn(f32) -> f32);
    let changes: [Change; 8] = [
        ("as they are", 1, |w| w),
        ("all 0", 1, |_| 0.0),
        ("saturated", 1, |w| w * 1e4),
        ("beyond float32 in the end", 1, |w| w * 1e18),
        ("tiny", 1, |w| w * 1e-30),
        ("some infinite", 97, |_| f32::INFINITY),
        ("some without end below", 97, |_| f32::NEG_INFINITY),
        ("some no numbers", 97, |_| f32::NAN),
    ];
    let mut refused_in_all = 0;
    for name in MODELS {
        let file = ModelProto::decode(
            std::fs::read(golden.join(format!("{name}.onnx")))
                .unwrap()
                .as_slice(),
        )
        .unwrap();
        let manifest = std::fs::read_to_string(golden.join(format!("{name}.toml"))).unwrap();
        for (weights, step, change) in changes {
            let model = Model::from_bytes(changed(&file, step, change), &manifest).unwrap();
            let boxes = model.default_boxes.len();
            let mut explainer = explainer(&model);
            for (picture, pixels) in pictures() {
                let what = format!("{name}, weights {weights}, {picture}");
                let [explained, refused] = explain(&mut explainer, boxes, &pixels, &what);
                println!("{what}: {explained} explained, {refused} refused");
                refused_in_all += refused;
                assert!(weights != "as they are" || refused == 0, "{what}");
            }
        }
    }
    // Else nothing that was tried would have been hard.
    assert!(refused_in_all > 0);
}
