//! Heads of one convolution each, NanoDet's, and a single one, FastestDet's: boxes and scores as their own programs make them, the manifests that are proposed for them, and
//! the errors of manifests that do not fit.

mod pattern;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::{ArrayD, Axis, Ix2, Ix3};
use prost::Message;
use ssdcrp::detect::{Detector, Forward, Model, propose};
use ssdcrp::onnx;
use ssdcrp::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};
use ssdcrp::runtime::{Network, SessionOptions, only};

use pattern::forward;

/// Width and height of both nets' pictures.
const SIZE: [f32; 2] = [96.0, 64.0];

fn golden(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/joined");
    folder.join(name)
}

/// What the file itself makes of a forward pass's picture, without the batch.
fn own_output(name: &str, forward: &Forward) -> Result<ArrayD<f32>> {
    let graph = onnx::read(&golden(name))?;
    let mut network = Network::load(&graph.to_model(&["output"])?, SessionOptions::on_threads(1))?;
    let input = forward.input.tensor.view().into_dyn();
    Ok(only(network.run(&[("images", input)])?)?.index_axis_move(Axis(0), 0))
}

fn assert_same_box(found: [f32; 4], pixels: [f32; 4]) {
    for (index, (found, expected)) in found.into_iter().zip(pixels).enumerate() {
        let expected = expected / SIZE[index % 2];
        assert!(
            (found - expected.clamp(0.0, 1.0)).abs() < 1e-5,
            "{found} {expected}"
        );
    }
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

#[test]
fn a_joined_head_s_boxes_are_nanodet_s() -> Result<()> {
    let model = Arc::new(Model::open(golden("joined.onnx"))?);
    let forward = forward(&model)?;
    let rows = own_output("joined.onnx", &forward)?.into_dimensionality::<Ix2>()?;
    assert_eq!(rows.dim(), (120, 4 + 32));
    let detector = Detector::new(model, SessionOptions::on_threads(1))?;
    for (index, row) in rows.outer_iter().enumerate() {
        let found = detector.describe(&forward, index)?;
        assert!((found.score - row[found.class.0]).abs() < 1e-6);
        assert!((0..4).all(|class| row[class] <= row[found.class.0]));
        let (stride, cell, cols) = match index {
            0..96 => (8.0, index, 12),
            _ => (16.0, index - 96, 6),
        };
        // NanoDet-Plus's centres are the cells' corners.
        let [x, y] = [cell % cols, cell / cols].map(|place| place as f32 * stride);
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|side: usize| {
            let bins = row.iter().skip(4 + 8 * side).take(8);
            let weights: Vec<f32> = bins.map(|z| z.exp()).collect();
            let mean = weights.iter().zip(0u8..).map(|(w, i)| w * f32::from(i));
            mean.sum::<f32>() / weights.iter().sum::<f32>() * stride
        });
        let pixels = [x - left, y - top, x + right, y + bottom];
        assert_same_box(found.rect.edges(), pixels);
    }
    Ok(())
}

#[test]
fn a_single_head_s_boxes_and_scores_are_fastestdet_s() -> Result<()> {
    let model = Arc::new(Model::open(golden("bounded.onnx"))?);
    let forward = forward(&model)?;
    let map = own_output("bounded.onnx", &forward)?.into_dimensionality::<Ix3>()?;
    assert_eq!(map.dim(), (5 + 4, 8, 12));
    let detector = Detector::new(model, SessionOptions::on_threads(1))?;
    for index in 0..96 {
        let found = detector.describe(&forward, index)?;
        let (row, col) = (index / 12, index % 12);
        let numbers: Vec<f32> = map.slice(ndarray::s![.., row, col]).to_vec();
        let best = numbers[5 + found.class.0];
        assert!(numbers[5..].iter().all(|&score| score <= best));
        let score = numbers[0].powf(0.6) * best.powf(0.4);
        assert!(
            (found.score - score).abs() < 1e-6,
            "{} {score}",
            found.score
        );
        let [x, y] = [
            (col as f32 + numbers[1].tanh()) * 8.0,
            (row as f32 + numbers[2].tanh()) * 8.0,
        ];
        let [w, h] = [sigmoid(numbers[3]) * SIZE[0], sigmoid(numbers[4]) * SIZE[1]];
        let pixels = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
        assert_same_box(found.rect.edges(), pixels);
    }
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

fn proto(name: &str) -> Result<ModelProto> {
    Ok(ModelProto::decode(std::fs::read(golden(name))?.as_slice())?)
}

#[test]
fn the_proposed_manifest_is_the_one_that_goes_with_the_file() -> Result<()> {
    for (name, lines) in [
        (
            "joined",
            &[
                "channels = [\"classes\", \"distances\"]",
                "bins = 8 # a guess: what is not a class's belongs to four distances",
                "activation = \"sigmoid\" # found in the graph",
                "offset = 0.0 # a guess: as NanoDet-Plus",
                "colour = \"bgr\" # a guess",
                "resize = \"bilinear\" # a guess",
            ][..],
        ),
        (
            "bounded",
            &[
                "classes = [\n    \"head/classes\",\n]",
                "activation = \"softmax\" # found in the graph",
                "coding = \"bounded\" # a guess: FastestDet's",
                "score_powers = [0.6, 0.4] # a guess",
                "offset = 0.0 # a guess: cells are counted from their corners",
                "resize = \"bilinear\" # a guess",
            ],
        ),
    ] {
        let file = format!("{name}.onnx");
        let (found, manifest) = with_proposed(&proto(&file)?)?;
        for line in lines {
            assert!(manifest.contains(line), "{line} in\n{manifest}");
        }
        let expected = Model::open(golden(&file))?;
        assert_eq!(found.heads, expected.heads);
        assert_eq!(found.layout, expected.layout);
        assert_eq!(found.default_boxes, expected.default_boxes);
        let [found, expected] = [found, expected].map(|model| model.manifest.output);
        assert_eq!(found.bins, expected.bins);
        assert_eq!(found.scoring(), expected.scoring());
        assert_eq!(found.coding, expected.coding);
    }
    Ok(())
}

#[test]
fn what_the_graph_does_not_say_is_told_as_such() -> Result<()> {
    // Three boxes a cell of YOLO's kind would be a guess; of 36 channels on two grids nothing is.
    let mut model = proto("joined.onnx")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let last = graph
        .node
        .iter()
        .rposition(|node| node.output[0] == "head1");
    graph.node.truncate(last.context("no head")? + 1);
    graph.node.retain(|node| {
        let name = node.output[0].as_str();
        !name.starts_with("head0.")
    });
    graph.output.clear();
    // One class less: 35 channels are no multiple of three.
    for kind in ["weight", "bias"] {
        for head in ["head0", "head1"] {
            let name = format!("{head}.{kind}");
            let tensor = graph.initializer.iter_mut().find(|t| t.name() == name);
            let tensor = tensor.context("no constant")?;
            let whole = tensor.raw_data.clone().context("no data")?;
            let each = whole.len() / 36;
            tensor.dims[0] = 35;
            tensor.raw_data = Some(whole.slice(..35 * each));
        }
    }
    let error = with_proposed(&model).unwrap_err().to_string();
    let expected = "its 2 heads, 'head0' and others, are one convolution each of 35 channels, and the graph does not say which of them are classes";
    assert!(error.contains(expected), "{error}");
    Ok(())
}

/// A node with one output, named after it.
fn operator(kind: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(kind.to_owned()),
        name: Some(output.to_owned()),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

#[test]
fn bins_that_the_graph_decodes_are_found() -> Result<()> {
    // As an export that ends in boxes has it: a distribution over the bins.
    let mut model = proto("joined.onnx")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let sizes = TensorProto {
        name: Some("bins".to_owned()),
        dims: vec![4],
        data_type: Some(7),
        int64_data: vec![1, 4, 8, -1],
        ..Default::default()
    };
    graph.initializer.push(sizes);
    for head in ["head0", "head1"] {
        let [sides, bins] = ["sides", "bins"].map(|part| format!("{head}.{part}"));
        graph
            .node
            .push(operator("Reshape", &[&sides, "bins"], &bins));
        let mut softmax = operator("Softmax", &[&bins], &format!("{head}.softmax"));
        softmax.attribute.push(AttributeProto {
            name: Some("axis".to_owned()),
            i: Some(2),
            r#type: Some(2),
            ..Default::default()
        });
        graph.node.push(softmax);
    }
    let (_, manifest) = with_proposed(&model)?;
    let line = "bins = 8 # found in the graph";
    assert!(manifest.contains(line), "{manifest}");
    Ok(())
}

/// One of the nets of `golden/anchor_free` with its heads' convolutions alone, and what `behind` puts behind each head.
fn with_bare_heads(
    name: &str,
    parts: &[&str],
    behind: impl Fn(&str) -> Vec<NodeProto>,
) -> Result<ModelProto> {
    let mut model = proto(&format!("../anchor_free/{name}.onnx"))?;
    let graph = model.graph.as_mut().context("no graph")?;
    let ends = |node: &NodeProto| parts.iter().any(|part| node.output[0].ends_with(part));
    let last = graph.node.iter().rposition(ends).context("no head")?;
    graph.node.truncate(last + 1);
    // What lies between the heads in the file belongs to the first one's end.
    let is_tail = |node: &NodeProto| {
        let name = node.output[0].as_str();
        name == "head0" || name.starts_with("head0.") || name.ends_with(".score")
    };
    graph.node.retain(|node| !is_tail(node));
    graph.output.clear();
    graph
        .node
        .extend(["head0", "head1"].into_iter().flat_map(behind));
    Ok(model)
}

#[test]
fn bins_in_a_convolution_of_their_own_are_told_by_what_is_beside_them() -> Result<()> {
    // As PicoDet's newer head without its boxes: nothing is made of the bins, a sigmoid of the classes.
    let model = with_bare_heads("distances", &["/box", "/class"], |head| {
        let [class, score] = ["class", "class.score"].map(|part| format!("{head}/{part}"));
        vec![operator("Sigmoid", &[&class], &score)]
    })?;
    let (found, manifest) = with_proposed(&model)?;
    assert!(manifest.contains("bins = 8 # a guess"), "{manifest}");
    assert_eq!(found.manifest.labels.len(), 4);
    assert_eq!(found.heads[0].offset_tensor.as_deref(), Some("head0/box"));
    Ok(())
}

#[test]
fn a_score_that_is_the_root_of_a_product_is_found() -> Result<()> {
    let parts = ["/box", "/objectness", "/class"];
    let model = with_bare_heads("offsets", &parts, |head| {
        let of = |part: &str| format!("{head}/{part}");
        let [class, object] = ["class", "objectness"].map(of);
        let [class_score, object_score] = ["class.score", "objectness.score"].map(of);
        let [product, root] = ["product", "root"].map(of);
        vec![
            operator("Sigmoid", &[&class], &class_score),
            operator("Sigmoid", &[&object], &object_score),
            operator("Mul", &[&class_score, &object_score], &product),
            operator("Sqrt", &[&product], &root),
        ]
    })?;
    let (_, manifest) = with_proposed(&model)?;
    let line = "score_powers = [0.5, 0.5] # found in the graph";
    assert!(manifest.contains(line), "{manifest}");
    Ok(())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn mistakes_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, old, new, message) in [
        (
            "joined",
            "bins = 8",
            "bins = 7",
            "line 12: [output] heads[0]: 'head0' has 36 channels, expected are 32: 4 classes, 28 distances",
        ),
        (
            "joined",
            "\"sheep\", \"dog\"",
            "\"sheep\"",
            "'head0' has 36 channels, expected are 35: 3 classes, 32 distances",
        ),
        (
            "joined",
            "\"head1\"]",
            "\"head2\"]",
            "[output] heads[1]: the graph has no tensor 'head2'",
        ),
        ("joined", "\"head1\"]", "\"output\"]", "[output] heads[1]: "),
        (
            "joined",
            "[\"classes\", \"distances\"]",
            "[\"classes\"]",
            "[output] channels: expected what a head's channels are",
        ),
        (
            "joined",
            "channels = [\"classes\", \"distances\"]\n",
            "",
            "[output] channels: expected what a head's channels are",
        ),
        (
            "joined",
            "heads = [\"head0\", \"head1\"]\n",
            "",
            "[output] heads: expected the names of the convolutions",
        ),
        (
            "joined",
            "bins = 8",
            "bins = 8\nclasses = \"output\"",
            "line 15: [output] classes: it is a part of each of the heads already",
        ),
        (
            "joined",
            "kind = \"anchor-free\"",
            "kind = \"yolo\"",
            "[output] channels: only a detector without anchors has it",
        ),
        (
            "joined",
            "bins = 8",
            "bins = 8\ncoding = \"bounded\"",
            "[output] coding: only a detector without anchors that has offsets has it",
        ),
        (
            "joined",
            "bins = 8",
            "bins = 8\nscore_powers = [0.6, 0.4]",
            "[output] score_powers: only a detector with objectness has them",
        ),
        (
            "bounded",
            "[0.6, 0.4]",
            "[0.6, 0]",
            "[output] score_powers[1]: expected a number from 0.1 to 10, found 0",
        ),
        (
            "bounded",
            "[0.6, 0.4]",
            "[0.6]",
            "expected 2 values, found 1",
        ),
        (
            "bounded",
            "\"bounded\"\nscore",
            "\"tanh\"\nscore",
            "unknown variant `tanh`",
        ),
    ] {
        let file = folder.path().join("net.onnx");
        std::fs::copy(golden(&format!("{name}.onnx")), &file)?;
        let manifest = std::fs::read_to_string(golden(&format!("{name}.toml")))?;
        assert!(manifest.contains(old), "{old}");
        std::fs::write(file.with_extension("toml"), manifest.replacen(old, new, 1))?;
        let error = format!("{:#}", Model::open(&file).unwrap_err());
        assert!(error.contains(message), "{new}: {error}");
    }
    Ok(())
}
