//! ONNX's own test models of classifiers, as they lie in the package: read, run and explained. Their weights are all one number, made by nodes of constants.

use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array4;
use prost::Message;
use ssdcrp::crp::{Composite, Contrast, Propagator, Target};
use ssdcrp::detect::{Detector, Fit, Model, NetworkInput, Thresholds, propose};
use ssdcrp::onnx::proto::TensorProto;
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::runtime::SessionOptions;

mod cache;

const NAMES: [&str; 9] = [
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
];

/// The input that the stored outputs belong to: rising from 0 to 1.
fn ramp(model: &Model) -> Result<NetworkInput> {
    let size = model.input_size;
    let shape = (1, 3, size.height as usize, size.width as usize);
    let count = shape.1 * shape.2 * shape.3;
    let values = (0..count).map(|i| (i as f64 / count as f64) as f32);
    Ok(NetworkInput {
        tensor: Array4::from_shape_vec(shape, values.collect())?,
        fit: Fit::warped(size, size),
    })
}

#[test]
fn they_are_read_and_run_and_explained_as_they_lie() -> Result<()> {
    for name in NAMES {
        read_run_and_explain(name).context(name)?;
    }
    Ok(())
}

fn read_run_and_explain(name: &str) -> Result<()> {
    let file = cache::cached(&format!("classifiers/light_{name}.onnx"));
    let manifest = propose::propose(&onnx::read(&file)?, name, None)?;
    let model = Arc::new(Model::from_bytes(std::fs::read(&file)?, &manifest)?);
    assert_eq!(model.manifest.labels.len(), 1000);

    let options = SessionOptions::on_threads(2);
    // VGG19 with these weights gets to numbers of 10³¹, which leave `crp` no room.
    let composite = match name {
        "vgg19" => "crp-epsilon".parse()?,
        _ => Composite::default(),
    };
    let mut explainer = Propagator::new(model.clone(), composite, options)?;
    let handed = explainer.reads().to_vec();
    let mut detector = Detector::handing_over(model.clone(), handed, options)?;
    let forward = detector.forward(ramp(&model)?)?;
    let stored = cache::cached(&format!("classifiers/light_{name}_output_0.pb"));
    let stored = TensorProto::decode(std::fs::read(stored)?.as_slice())?;
    let stored = Tensor::from_proto(&stored)?.data;
    let all = Thresholds {
        score: 0.0,
        iou: 1.0,
    };
    let found = detector.detections(&forward, all)?;
    assert!(!found.is_empty());
    for detection in &found {
        let class = detection.class.0;
        // DenseNet ends without a softmax.
        let (ours, theirs) = match name {
            "densenet121" => (forward.logits[[0, class]], stored[class]),
            _ => (detection.score, stored[class]),
        };
        let error = (ours - theirs).abs();
        assert!(
            error <= 1e-5 * theirs.abs(),
            "{class}: {ours}, not {theirs}"
        );
    }
    if name == "vgg19" {
        let mut explainer = Propagator::new(model, Composite::default(), options)?;
        let asked = Target::predicted_class(&found[0]);
        let error = explainer.explain(&forward, &[asked]).unwrap_err();
        assert!(error.to_string().contains("crp-epsilon"), "{error}");
    }
    for contrast in [Contrast::Mean, Contrast::None] {
        let asked = Target {
            contrast: Some(contrast.clone()),
            ..Target::predicted_class(&found[0])
        };
        let map = explainer.explain(&forward, &[asked])?.remove(0).map();
        let is_there = map.iter().any(|&r| r != 0.0);
        // Of classes with the same weights none has a reason of its own, but for rounding.
        assert!(is_there || contrast == Contrast::Mean, "{contrast}");
    }
    Ok(())
}
