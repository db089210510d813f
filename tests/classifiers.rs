//! ONNX's own test models of classifiers, as they lie in the package: read, run and explained. Their weights are all one number, made by nodes of constants.

use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array4;
use prost::Message;
use ssdcrp::crp::{Composite, Contrast, Explanation, Propagator, Target, seed_name};
use ssdcrp::detect::{Detector, Fit, Forward, Model, NetworkInput, Thresholds, propose};
use ssdcrp::onnx::proto::TensorProto;
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::runtime::{Network, SessionOptions, only};

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
    let input = model.input_name.clone();

    let options = SessionOptions::on_threads(2);
    let mut explainer = Propagator::new(model.clone(), Composite::default(), options)?;
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
    for contrast in [Contrast::Mean, Contrast::None] {
        let asked = Target {
            contrast: Some(contrast.clone()),
            ..Target::predicted_class(&found[0])
        };
        let explained = explainer.explain(&forward, &[asked])?.remove(0);
        let map = explained.map();
        let is_there = map.iter().any(|&r| r != 0.0);
        // Of classes with the same weights none has a reason of its own, but for rounding.
        assert!(is_there || contrast == Contrast::Mean, "{contrast}");
        if contrast == Contrast::None {
            let error = of_compiled(&explainer, &input, &forward, &explained)?;
            assert!(error <= 1e-4, "compiled: {error:e}");
        }
    }
    Ok(())
}

/// How far the map of the network that anyone can run is from the engine's, of max|R|; not a number where one of them has none.
fn of_compiled(
    explainer: &Propagator,
    input: &str,
    forward: &Forward,
    expected: &Explanation,
) -> Result<f32> {
    let graph = explainer.compile()?;
    let mut network = Network::load(&graph.model, SessionOptions::on_threads(2))?;
    let seed = &expected.question.seed;
    // All scores are one cell's.
    let mut relevance = Array4::zeros((1, forward.logits.len(), 1, 1));
    for &(channel, value) in &seed.values {
        relevance[[0, channel, 0, 0]] = value;
    }
    let picture = forward.input.tensor.view().into_dyn();
    let inputs = [
        (input, picture),
        (&seed_name(&seed.tensor), relevance.view().into_dyn()),
    ];
    let found = only(network.run(&inputs)?)?;
    let largest = expected
        .relevance
        .iter()
        .fold(0f32, |most, r| most.max(r.abs()));
    let differences = found.iter().zip(&expected.relevance);
    let worst = differences.fold(0f32, |most, (found, expected)| {
        let difference = (found - expected).abs();
        if difference > most || difference.is_nan() {
            difference
        } else {
            most
        }
    });
    Ok(worst / largest)
}
