//! A YOLO: its boxes, scores and objectness, the manifest that is proposed for one, and the errors of one that does not fit.

mod pattern;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Axis;
use ssdcrp::crp::{Composite, Contrast, Quantity, Target, TargetOutput};
use ssdcrp::detect::{Detector, Model, propose};
use ssdcrp::onnx;
use ssdcrp::runtime::{Network, SessionOptions};

use pattern::forward;

fn yolo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolo/yolo.onnx")
}

#[test]
fn a_yolo_s_scores_and_boxes_are_those_of_its_heads() -> Result<()> {
    let model = Arc::new(Model::open(yolo())?);
    let forward = forward(&model)?;
    // The heads as the file has them: t_x, t_y, t_w, t_h, objectness and four classes, for each of two anchors.
    let heads = ["010_convolutional", "017_convolutional"];
    let mut network = Network::load(
        &model.graph.to_model(&heads)?,
        SessionOptions::on_threads(1),
    )?;
    let raw = network.run(&[(
        model.input_name.as_str(),
        forward.input.tensor.view().into_dyn(),
    )])?;
    let sigmoid = |z: f32| 1.0 / (1.0 + (-z).exp());
    let detector = Detector::new(model.clone(), SessionOptions::on_threads(1))?;
    let (head, row, col, anchor) = (1, 9, 4, 1);
    let index = 2 * 8 * 12 + (row * 24 + col) * 2 + anchor;
    let at = |channel: usize| raw[head][[0, anchor * 9 + channel, row, col]];
    let found = detector.describe(&forward, index)?;
    let class = found.class.0;
    assert!((0..4).all(|other| at(5 + other) <= at(5 + class)));
    let score = sigmoid(at(4)) * sigmoid(at(5 + class));
    assert!(
        (found.score - score).abs() < 1e-6,
        "{} {score}",
        found.score
    );
    assert!((found.objectness.context("no objectness")? - at(4)).abs() < 1e-6);
    // The anchor of 18x11 pixels in a picture of 96x64; centres range over 1.2 cells.
    let place = |t: f32| 1.2 * sigmoid(t) - 0.1;
    let (x, y) = ((4.0 + place(at(0))) / 24.0, (9.0 + place(at(1))) / 16.0);
    let (w, h) = (18.0 / 96.0 * at(2).exp(), 11.0 / 64.0 * at(3).exp());
    let rect = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
    for (found, expected) in found.rect.edges().iter().zip(rect) {
        assert!((found - expected.clamp(0.0, 1.0)).abs() < 1e-5, "{rect:?}");
    }

    // All that is above a threshold is found, and nothing else.
    let thresholds = ssdcrp::detect::Thresholds {
        score: 0.3,
        iou: 1.0,
    };
    let mut expected = 0;
    for head in &raw {
        for channels in head.index_axis(Axis(0), 0).axis_chunks_iter(Axis(0), 9) {
            let objectness = channels.index_axis(Axis(0), 4);
            for class in 5..9 {
                let scores = objectness.iter().zip(channels.index_axis(Axis(0), class));
                expected += scores
                    .filter(|(o, k)| sigmoid(**o) * sigmoid(**k) > 0.3)
                    .count();
            }
        }
    }
    let detections = detector.detections(&forward, thresholds)?;
    assert!(
        expected > 10 && detections.len() == expected.min(200),
        "{expected}"
    );
    Ok(())
}

#[test]
fn a_yolo_without_a_manifest_is_known_by_its_heads() -> Result<()> {
    // It has two anchors and four classes; a proposal goes by YOLOv3's three, which leaves one class of the 18 channels.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::copy(yolo(), &file)?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    let model = Model::open(&file)?;
    for line in [
        "kind = \"yolo\"",
        "heads = [\n    \"010_convolutional\",\n    \"017_convolutional\",\n]",
        "std = [255.0, 255.0, 255.0] # a guess",
        "generator = \"anchors\"",
    ] {
        assert!(manifest.contains(line), "{line} in\n{manifest}");
    }
    assert_eq!(
        (model.manifest.labels.len(), model.layout.heads[0].shapes),
        (1, 3)
    );
    Ok(())
}

#[test]
fn a_yolo_s_mistakes_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::copy(yolo(), &file)?;
    let manifest = std::fs::read_to_string(yolo().with_extension("toml"))?;
    for (old, new, message) in [
        (
            "\"person\", ",
            "",
            "'010_convolutional' has 18 channels, which is no multiple of 8: four offsets, objectness and a score for each of the 3 labels",
        ),
        (
            "010_convolutional",
            "conv10",
            "the graph has no tensor 'conv10'",
        ),
        (
            "\"010_convolutional\"",
            "\"014_upsample\"",
            "'014_upsample' has 6 channels",
        ),
        (
            "\"017_convolutional\"",
            "\"010_convolutional\"",
            "expected each head once",
        ),
        (
            "heads = [\"010_convolutional\", \"017_convolutional\"]",
            "heads = []",
            "[output] heads: expected the names of a YOLO's last convolutions",
        ),
        (
            "[[40, 30], [30, 60]]",
            "[[40, 30]]",
            "[default_boxes]: it makes 1 boxes per cell of head 0 (8x12 cells), but the network has outputs for 2: check sizes[0]",
        ),
        (
            "[[40, 30], [30, 60]], ",
            "",
            "[default_boxes] sizes: it has sizes for 1 heads, but the network has 2",
        ),
        (
            "[40, 30]",
            "[40, 0]",
            "sizes[0]: expected a positive number, found 0",
        ),
        (
            "\"anchors\"\nsizes",
            "\"tensorflow\"\naspect_ratios = [1]\n# sizes",
            "[default_boxes] generator: expected \"anchors\" for a YOLO",
        ),
        (
            "heads =",
            "variances = [0.1, 0.2]\nheads =",
            "line 17: [output] variances: only an SSD has it",
        ),
        (
            "heads =",
            "classes = \"a\"\nheads =",
            "[output] classes: a YOLO has none",
        ),
        (
            "\"yolo\"\nname",
            "\"classifier\"\nname",
            "[output] heads: only a YOLO's are named",
        ),
    ] {
        assert!(manifest.contains(old), "{old}");
        std::fs::write(file.with_extension("toml"), manifest.replacen(old, new, 1))?;
        let error = format!("{:#}", Model::open(&file).unwrap_err());
        assert!(error.contains(message), "{new}: {error}");
    }
    Ok(())
}

#[test]
fn what_an_ssd_does_not_have_cannot_be_asked_for() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let target = Target {
        default_box: 7,
        output: TargetOutput::Objectness,
        contrast: None,
    };
    let error = target
        .ask(&model, &Composite::default(), &forward)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ssdlite_mobilenet_v2_coco has no objectness: it does not say apart from the classes whether there is an object. Ask for a class"
    );
    Ok(())
}

/// Its channels lie otherwise in a head than an SSD's: each box's t_x, t_y, t_w, t_h, objectness, classes.
#[test]
fn what_is_asked_of_a_yolo_is_measured_where_its_heads_have_it() -> Result<()> {
    let model = Arc::new(Model::open(yolo())?);
    let forward = forward(&model)?;
    let default_box = 2 * 8 * 12 + (9 * 24 + 4) * 2 + 1;
    let measure = |output: &str, contrast: Contrast| -> Result<f64> {
        let target = Target {
            default_box,
            output: output.parse()?,
            contrast: Some(contrast),
        };
        Ok(Quantity::new(&target, &model, &forward)?.value(&forward))
    };
    let logit = |class: usize| f64::from(forward.logits[[default_box, class]]);
    for class in 0..4 {
        assert_eq!(
            measure(&format!("class:#{class}"), Contrast::None)?,
            logit(class)
        );
    }
    let rival = Contrast::Class(ssdcrp::ClassRef::Id(ssdcrp::ClassId(3)));
    assert_eq!(measure("class:#1", rival)?, logit(1) - logit(3));
    for (column, offset) in ["cx", "cy", "w", "h"].into_iter().enumerate() {
        let value = f64::from(forward.offsets[[default_box, column]]);
        assert_eq!(
            measure(&format!("offset:{offset}+"), Contrast::None)?,
            value
        );
        assert_eq!(
            measure(&format!("offset:{offset}-"), Contrast::None)?,
            -value
        );
    }
    let objectness = forward.objectness.as_ref().context("no objectness")?;
    let (this, other) = (objectness[default_box], objectness[default_box - 1]);
    assert_eq!(measure("objectness", Contrast::None)?, f64::from(this));
    assert_eq!(
        measure("objectness", Contrast::Mean)?,
        f64::from(this) - f64::from(other)
    );
    assert!(measure("edge:left", Contrast::None).is_err());
    Ok(())
}
