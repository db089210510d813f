//! Detectors without anchors: their boxes and scores, the manifest that is proposed for one, heads that are told and not read, and the errors of a manifest that does not fit.

mod pattern;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::{ArrayD, Axis, Ix2};
use prost::Message;
use ssdcrp::crp::{Composite, Contrast, Target};
use ssdcrp::detect::{Detector, Forward, Model, Thresholds, propose};
use ssdcrp::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::runtime::{Network, SessionOptions, only};

use pattern::forward;

fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(name)
}

fn proto(name: &str) -> Result<ModelProto> {
    Ok(ModelProto::decode(std::fs::read(golden(name))?.as_slice())?)
}

/// What the file itself makes of a forward pass's picture: `[cells, numbers]`.
fn own_output(name: &str, output: &str, forward: &Forward) -> Result<ArrayD<f32>> {
    let graph = onnx::read(&golden(name))?;
    let mut network = Network::load(&graph.to_model(&[output])?, SessionOptions::on_threads(1))?;
    let input = forward.input.tensor.view().into_dyn();
    Ok(only(network.run(&[("images", input)])?)?.index_axis_move(Axis(0), 0))
}

fn assert_same_box(found: [f32; 4], [cx, cy, w, h]: [f32; 4]) {
    let (width, height) = (96.0, 64.0);
    let expected = [
        (cx - w / 2.0) / width,
        (cy - h / 2.0) / height,
        (cx + w / 2.0) / width,
        (cy + h / 2.0) / height,
    ];
    for (found, expected) in found.into_iter().zip(expected) {
        assert!(
            (found - expected.clamp(0.0, 1.0)).abs() < 1e-5,
            "{expected}"
        );
    }
}

#[test]
fn distances_make_the_boxes_that_the_file_itself_decodes() -> Result<()> {
    let model = Arc::new(Model::open(golden("anchor_free/distances.onnx"))?);
    let forward = forward(&model)?;
    // Centre and size in pixels, and four scores.
    let decoded = own_output("anchor_free/distances.onnx", "output0", &forward)?;
    let decoded = decoded.into_dimensionality::<Ix2>()?;
    let detector = Detector::new(model, SessionOptions::on_threads(1))?;
    for index in 0..120 {
        let found = detector.describe(&forward, index)?;
        let column = decoded.column(index);
        assert!((found.score - column[4 + found.class.0]).abs() < 1e-6);
        assert!((4..8).all(|row| column[row] <= column[4 + found.class.0]));
        assert_same_box(found.rect.edges(), [0, 1, 2, 3].map(|row| column[row]));
        assert_eq!(found.objectness, None);
    }
    Ok(())
}

#[test]
fn offsets_move_a_box_from_its_cell_s_corner_and_objectness_counts() -> Result<()> {
    let model = Arc::new(Model::open(golden("anchor_free/offsets.onnx"))?);
    let forward = forward(&model)?;
    // t_x, t_y, t_w, t_h, the score of an object, four scores.
    let raw = own_output("anchor_free/offsets.onnx", "output", &forward)?;
    let raw = raw.into_dimensionality::<Ix2>()?;
    let detector = Detector::new(model, SessionOptions::on_threads(1))?;
    for index in 0..120 {
        let found = detector.describe(&forward, index)?;
        let row = raw.row(index);
        let score = row[4] * row[5 + found.class.0];
        assert!((found.score - score).abs() < 1e-6);
        let (stride, cell, cols) = match index {
            0..96 => (8.0, index, 12),
            _ => (16.0, index - 96, 6),
        };
        let [x, y] = [cell % cols, cell / cols].map(|place| place as f32);
        let centre = [(x + row[0]) * stride, (y + row[1]) * stride];
        let size = [row[2].exp() * stride, row[3].exp() * stride];
        assert_same_box(found.rect.edges(), [centre[0], centre[1], size[0], size[1]]);
    }
    Ok(())
}

#[test]
fn suppression_is_what_the_manifest_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::copy(golden("anchor_free/distances.onnx"), &file)?;
    let manifest = std::fs::read_to_string(golden("anchor_free/distances.toml"))?;
    let thresholds = Thresholds {
        score: 0.3,
        iou: 0.2,
    };
    let mut counts = Vec::new();
    for suppression in ["per-class", "one-class", "none"] {
        let manifest = manifest.replace("one-class", suppression);
        std::fs::write(file.with_extension("toml"), manifest)?;
        let model = Arc::new(Model::open(&file)?);
        let forward = forward(&model)?;
        let detector = Detector::new(model, SessionOptions::on_threads(1))?;
        let found = detector.detections(&forward, thresholds)?;
        let mut boxes: Vec<usize> = found.iter().map(|d| d.default_box).collect();
        boxes.sort_unstable();
        boxes.dedup();
        counts.push((found.len(), boxes.len()));
    }
    let [per_class, one_class, none] = counts[..] else {
        anyhow::bail!("{counts:?}");
    };
    // A box of several classes, each box once, and boxes that overlap.
    assert!(per_class.0 > per_class.1, "{counts:?}");
    assert!(
        one_class.0 == one_class.1 && one_class.0 < per_class.0,
        "{counts:?}"
    );
    assert!(none.0 > per_class.0, "{counts:?}");
    Ok(())
}

/// Lets a manifest be proposed for a model, and reads both.
fn with_proposed(model: &ModelProto) -> Result<(Model, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::write(&file, model.encode_to_vec())?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    Ok((Model::open(&file)?, manifest))
}

#[test]
fn the_proposed_manifest_is_the_one_that_goes_with_the_file() -> Result<()> {
    for (name, lines) in [
        (
            "distances",
            &[
                "bins = 8 # found in the graph",
                "activation = \"sigmoid\" # found in the graph",
                "# found in the graph: left, top, right, bottom in cells",
                "suppression = \"one-class\" # a guess",
                "resize = { letterbox = \"centre\" } # a guess",
            ][..],
        ),
        (
            "offsets",
            &[
                "# a guess: centre in cells, exponents of the size",
                "offset = 0.0 # a guess",
                "colour = \"bgr\" # a guess",
                "std = [1.0, 1.0, 1.0] # a guess",
                "resize = { letterbox = \"top-left\", rounding = \"down\" } # a guess",
            ],
        ),
    ] {
        let file = format!("anchor_free/{name}.onnx");
        let (found, manifest) = with_proposed(&proto(&file)?)?;
        for line in lines {
            assert!(manifest.contains(line), "{line} in\n{manifest}");
        }
        let expected = Model::open(golden(&file))?;
        assert_eq!(found.heads, expected.heads);
        assert_eq!(found.layout, expected.layout);
        assert_eq!(found.default_boxes, expected.default_boxes);
        assert_eq!(found.manifest.output.bins, expected.manifest.output.bins);
        assert_eq!(found.manifest.labels.len(), 4);
    }
    Ok(())
}

#[test]
fn distances_without_bins_are_told_by_the_decode_or_guessed() -> Result<()> {
    // As YOLO26's: the heads' convolutions of four channels, and nothing behind them.
    let mut model = proto("anchor_free/offsets.onnx")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let is_tail = |node: &NodeProto| {
        let name = node.output[0].as_str();
        [
            "output",
            "all",
            "head0",
            "head1",
            "head0.rows",
            "head1.rows",
        ]
        .contains(&name)
            || name.contains("objectness")
            || name.ends_with(".score")
    };
    graph.node.retain(|node| !is_tail(node));
    graph.output.clear();
    let (model, manifest) = with_proposed(&model)?;
    assert!(
        manifest.contains("# a guess: left, top, right, bottom in cells\ndistances = ["),
        "{manifest}"
    );
    assert!(
        manifest.contains("activation = \"sigmoid\" # a guess"),
        "{manifest}"
    );
    assert_eq!(model.heads.len(), 2);
    Ok(())
}

fn convolution(name: &str, input: &str, shape: [usize; 2]) -> (NodeProto, TensorProto) {
    let weight = format!("{name}.weight");
    let tensor = Tensor {
        dims: vec![shape[1], shape[0], 1, 1],
        data: vec![0.1; shape[0] * shape[1]],
    };
    let node = operator("Conv", &[input, &weight], name);
    (node, tensor.to_proto(&weight))
}

fn operator(kind: &str, inputs: &[&str], name: &str) -> NodeProto {
    NodeProto {
        op_type: Some(kind.to_owned()),
        name: Some(name.to_owned()),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![name.to_owned()],
        attribute: Vec::<AttributeProto>::new(),
        ..Default::default()
    }
}

#[test]
fn heads_that_are_not_read_are_told_as_such() -> Result<()> {
    // YuNet's: landmarks besides, and one class.
    let mut model = proto("anchor_free/offsets.onnx")?;
    let graph = model.graph.as_mut().context("no graph")?;
    for head in ["head0", "head1"] {
        graph
            .node
            .retain(|node| node.output[0] != format!("{head}/class"));
        for (name, branch, channels) in [("one_class", "class1", 1), ("landmarks", "box1", 10)] {
            let input = format!("{head}/{branch}.silu");
            let (node, weight) = convolution(&format!("{head}/{name}"), &input, [8, channels]);
            graph.node.push(node);
            graph.initializer.push(weight);
        }
        graph.node.retain(|node| {
            !node.output[0].starts_with(&format!("{head}.")) && node.output[0] != head
        });
    }
    graph.node.retain(|node| {
        !["all", "output"].contains(&node.output[0].as_str()) && !node.output[0].ends_with(".score")
    });
    graph.output.clear();
    let error = with_proposed(&model).unwrap_err().to_string();
    assert!(error.contains("landmarks: YuNet's score"), "{error}");
    Ok(())
}

#[test]
fn mistakes_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::copy(golden("anchor_free/distances.onnx"), &file)?;
    let manifest = std::fs::read_to_string(golden("anchor_free/distances.toml"))?;
    for (old, new, message) in [
        (
            "bins = 8",
            "bins = 4",
            "'head0/class' has 1 boxes for each of 8x12 cells and 'head0/box' 2 boxes",
        ),
        (
            "bins = 8",
            "bins = 1",
            "[output] bins: expected 2 to 256, found 1",
        ),
        (
            "bins = 8",
            "bins = 7",
            "[output] distances: 'head0/box' is [1, 32, 8, 12]",
        ),
        (
            "distances =",
            "offsets =",
            "[output] bins: only distances have bins",
        ),
        (
            "\"anchor-free\"",
            "\"yolo\"",
            "[output] distances: only a detector without anchors has it",
        ),
        (
            "[\"head0/box\", \"head1/box\"]",
            "[\"head0/box\"]",
            "[output] distances: expected as many as classes, 2, found 1",
        ),
        (
            "generator = \"cells\"",
            "generator = \"anchors\"\nsizes = [[[1, 1]], [[1, 1]]]",
            "[default_boxes] generator: expected \"cells\" for a detector without anchors",
        ),
        (
            "generator = \"cells\"",
            "generator = \"cells\"\nsteps = [8]",
            "[default_boxes] steps: it has a step for 1 heads, but the network has 2",
        ),
        (
            "generator = \"cells\"",
            "generator = \"cells\"\noffset = 2.0",
            "[default_boxes] offset: expected a number from 0 to 1, found 2",
        ),
        (
            "activation =",
            "variances = [0.1, 0.2]\nactivation =",
            "[output] variances: only an SSD has it",
        ),
        ("\"one-class\"", "\"all\"", "unknown variant `all`"),
    ] {
        assert!(manifest.contains(old), "{old}");
        std::fs::write(file.with_extension("toml"), manifest.replacen(old, new, 1))?;
        let error = format!("{:#}", Model::open(&file).unwrap_err());
        assert!(error.contains(message), "{new}: {error}");
    }
    Ok(())
}

#[test]
fn what_such_a_detector_does_not_have_cannot_be_asked_for() -> Result<()> {
    let model = Arc::new(Model::open(golden("anchor_free/distances.onnx"))?);
    let forward = forward(&model)?;
    for (output, contrast, message) in [
        ("objectness", Contrast::None, "distances has no objectness"),
        (
            "offset:w+",
            Contrast::Mean,
            "has no other box to contrast with",
        ),
        ("edge:left", Contrast::Mean, "does not go with an edge"),
    ] {
        let target = Target {
            default_box: 3,
            output: output.parse()?,
            contrast: Some(contrast),
        };
        let error = target.ask(&model, &Composite::default(), &forward);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    Ok(())
}

#[test]
fn a_constant_on_all_bins_of_an_edge_changes_no_weight() -> Result<()> {
    // The weights of the bins add up to 0: what speaks for all of them alike, speaks for no distance.
    let model = Arc::new(Model::open(golden("anchor_free/distances.onnx"))?);
    let mut forward = forward(&model)?;
    let target = Target {
        default_box: 101,
        output: "edge:bottom+".parse()?,
        contrast: None,
    };
    let weights = |forward: &Forward| -> Result<Vec<f32>> {
        Ok(target
            .ask(&model, &Composite::default(), forward)?
            .seed
            .multiples)
    };
    let before = weights(&forward)?;
    assert_eq!(before.len(), 8);
    assert!(before.iter().sum::<f32>().abs() < 1e-6, "{before:?}");
    let distances = forward.distances.as_mut().context("no distances")?;
    distances.row_mut(101).iter_mut().for_each(|z| *z += 3.0);
    for (before, after) in before.iter().zip(weights(&forward)?) {
        assert!((before - after).abs() < 1e-6, "{before} {after}");
    }
    Ok(())
}
