//! YOLOs whose sizes are squares of a sigmoid, as YOLOv5's and v7's: their boxes and scores, and what is read of a file's own decode.

mod pattern;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::{Axis, Ix2};
use prost::Message;
use ssdcrp::detect::manifest::SizeDecode;
use ssdcrp::detect::{Detector, Model, propose};
use ssdcrp::onnx::proto::{ModelProto, NodeProto};
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::runtime::{Network, SessionOptions, only};

use pattern::forward;

fn yolov5() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolov5/yolov5.onnx")
}

fn proto() -> Result<ModelProto> {
    Ok(ModelProto::decode(std::fs::read(yolov5())?.as_slice())?)
}

/// A manifest proposed for a model, and both read.
fn with_proposed(model: &ModelProto) -> Result<(Model, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::write(&file, model.encode_to_vec())?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    Ok((Model::open(&file)?, manifest))
}

fn node<'a>(model: &'a mut ModelProto, output: &str) -> Result<&'a mut NodeProto> {
    let nodes = &mut model.graph.as_mut().context("no graph")?.node;
    let found = nodes.iter_mut().find(|node| node.output[0] == output);
    found.context("no such node")
}

#[test]
fn boxes_and_scores_are_those_that_the_file_itself_decodes() -> Result<()> {
    let model = Arc::new(Model::open(yolov5())?);
    let forward = forward(&model)?;
    let graph = onnx::read(&yolov5())?;
    let mut network = Network::load(
        &graph.to_model(&["output0"])?,
        SessionOptions::on_threads(1),
    )?;
    let input = forward.input.tensor.view().into_dyn();
    // Centre and size in pixels, objectness and four scores; its rows are in the order anchor, row, column.
    let rows = only(network.run(&[("images", input)])?)?.index_axis_move(Axis(0), 0);
    let rows = rows.into_dimensionality::<Ix2>()?;
    let detector = Detector::new(model.clone(), SessionOptions::on_threads(1))?;
    for index in 0..model.default_boxes.len() {
        let found = detector.describe(&forward, index)?;
        let place = model.layout.locate(index).context("no place")?;
        let cells = [96, 24][place.head];
        let cell = place.row * [12, 6][place.head] + place.col;
        let row = rows.row([0, 288][place.head] + place.shape * cells + cell);
        let class = found.class.0;
        assert!((found.score - row[4] * row[5 + class]).abs() < 1e-6);
        assert!((5..9).all(|other| row[other] <= row[5 + class]));
        let [x, y, w, h] = [row[0] / 96.0, row[1] / 64.0, row[2] / 96.0, row[3] / 64.0];
        let edges = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
        for (found, expected) in found.rect.edges().into_iter().zip(edges) {
            let expected = expected.clamp(0.0, 1.0);
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
    Ok(())
}

#[test]
fn what_the_file_decodes_is_what_is_proposed() -> Result<()> {
    let (found, manifest) = with_proposed(&proto()?)?;
    for line in [
        "size_decode = \"squared-sigmoid\" # found in the graph",
        "scale_x_y = [2.0, 2.0] # found in the graph",
        "[default_boxes] # found in the graph",
        "activation = \"sigmoid\" # found in the graph",
        "suppression = \"one-class\" # a guess",
        "resize = { letterbox = \"centre\" } # a guess",
    ] {
        assert!(manifest.contains(line), "{line} in\n{manifest}");
    }
    let expected = Model::open(yolov5())?;
    assert_eq!(found.heads, expected.heads);
    assert_eq!(found.default_boxes, expected.default_boxes);
    assert_eq!(found.coding(17), expected.coding(17));
    assert_eq!(found.manifest.labels.len(), 4);
    Ok(())
}

#[test]
fn another_decode_is_read_or_refused() -> Result<()> {
    // YOLOv3's: exponential sizes, centres within the cell; each head decoded for itself, nothing joined.
    let mut model = proto()?;
    for head in ["head0", "head1"] {
        let exponent = node(&mut model, &format!("{head}.squares"))?;
        exponent.op_type = Some("Exp".to_owned());
        exponent.input.truncate(1);
        let split = node(&mut model, &format!("{head}.wh2"))?;
        // 2·σ(t) − 1 is no t: the exponent is taken before the sigmoid.
        split.op_type = Some("Slice".to_owned());
        let graph = model.graph.as_mut().context("no graph")?;
        let bounds = [("starts", 2), ("ends", 4), ("axes", 4)];
        for (name, value) in bounds {
            let constant = onnx::proto::TensorProto {
                name: Some(format!("{head}.{name}")),
                dims: vec![1],
                data_type: Some(7),
                int64_data: vec![value],
                ..Default::default()
            };
            graph.initializer.push(constant);
        }
        let inputs = ["turned", "starts", "ends", "axes"];
        node(&mut model, &format!("{head}.wh2"))?.input =
            inputs.map(|input| format!("{head}.{input}")).to_vec();
        let rows = format!("{head}.rows");
        let graph = model.graph.as_mut().context("no graph")?;
        let mut output = graph.output[0].clone();
        output.name = Some(rows);
        output.r#type = None;
        graph.output.push(output);
    }
    let graph = model.graph.as_mut().context("no graph")?;
    graph.node.retain(|node| node.output[0] != "output0");
    graph.output.remove(0);
    let (found, manifest) = with_proposed(&model)?;
    let output = &found.manifest.output;
    assert_eq!(output.size_decode, SizeDecode::Exponential, "{manifest}");
    assert!(manifest.contains("[default_boxes] # found in the graph"));
    assert_eq!(output.scale_x_y, [2.0, 2.0]);

    // Cubes.
    let mut model = proto()?;
    for head in ["head0", "head1"] {
        let graph = model.graph.as_mut().context("no graph")?;
        let three = Tensor {
            dims: vec![],
            data: vec![3.0],
        };
        let name = format!("{head}.three");
        graph.initializer.push(three.to_proto(&name));
        node(&mut model, &format!("{head}.squares"))?.input[1] = name;
    }
    let error = with_proposed(&model).unwrap_err().to_string();
    assert!(
        error.contains("neither as exp(t) nor as (2·σ(t))² times an anchor: 3.375 and 0.125 times"),
        "{error}"
    );
    Ok(())
}

#[test]
fn heads_without_a_decode_are_guessed_by_their_order() -> Result<()> {
    for (is_finest_first, lines) in [
        (
            true,
            [
                "size_decode = \"squared-sigmoid\" # a guess: YOLOv5's and v7's; YOLOv3's are \"exponential\"",
                "scale_x_y = [2.0, 2.0] # a guess",
                "[default_boxes] # a guess: the anchors of YOLOv5 for COCO",
            ],
        ),
        (
            false,
            [
                "size_decode = \"exponential\" # a guess: YOLOv3's and v4's; YOLOv5's are \"squared-sigmoid\"",
                "heads = [\n    \"head1\",\n    \"head0\",\n]",
                "[default_boxes] # a guess: the anchors of YOLOv3 for COCO",
            ],
        ),
    ] {
        let mut model = proto()?;
        let graph = model.graph.as_mut().context("no graph")?;
        let is_raw = |node: &NodeProto| {
            !node.output[0].starts_with("head")
                || ["head0", "head1"].contains(&node.output[0].as_str())
                || node.output[0].ends_with(".anchors")
                || node.output[0].ends_with(".turned")
        };
        graph
            .node
            .retain(|node| node.output[0] != "output0" && is_raw(node));
        let output = graph.output.remove(0);
        let heads = if is_finest_first {
            ["head0", "head1"]
        } else {
            ["head1", "head0"]
        };
        for head in heads {
            let mut output = output.clone();
            output.name = Some(format!("{head}.turned"));
            output.r#type = None;
            graph.output.push(output);
        }
        let (model, manifest) = with_proposed(&model)?;
        for line in lines {
            assert!(manifest.contains(line), "{line} in\n{manifest}");
        }
        assert_eq!(model.manifest.labels.len(), 4);
    }
    Ok(())
}

#[test]
fn a_sigmoid_of_all_without_an_exponential_is_never_taken_for_yolov3() -> Result<()> {
    let mut model = proto()?;
    // Nothing that is known here makes the rows of what the sigmoids give.
    for head in ["head0", "head1"] {
        node(&mut model, &format!("{head}.squares"))?.op_type = Some("Mod".to_owned());
    }
    let (model, manifest) = with_proposed(&model)?;
    assert_eq!(
        model.manifest.output.size_decode,
        SizeDecode::SquaredSigmoid
    );
    assert!(
        manifest.contains("size_decode = \"squared-sigmoid\" # a guess"),
        "{manifest}"
    );
    Ok(())
}

#[test]
fn operators_that_meet_again_and_again_end_the_search() -> Result<()> {
    // Sixty sums of a tensor with itself: 2⁶⁰ ways back.
    let mut model = proto()?;
    for head in ["head0", "head1"] {
        let graph = model.graph.as_mut().context("no graph")?;
        let sums = (0..60).map(|place| {
            let before = match place {
                0 => format!("{head}.centres"),
                _ => format!("{head}.sum{}", place - 1),
            };
            NodeProto {
                op_type: Some("Add".to_owned()),
                input: vec![before.clone(), before],
                output: vec![format!("{head}.sum{place}")],
                ..Default::default()
            }
        });
        let is_joined = |node: &NodeProto| node.output[0] == format!("{head}.decoded");
        let place = graph.node.iter().position(is_joined).context("no decode")?;
        graph.node.splice(place..place, sums);
        node(&mut model, &format!("{head}.decoded"))?.input[0] = format!("{head}.sum59");
    }
    let (_, manifest) = with_proposed(&model)?;
    assert!(
        manifest.contains("size_decode = \"squared-sigmoid\" # a guess"),
        "{manifest}"
    );
    Ok(())
}

#[test]
fn masks_behind_the_classes_are_refused_by_name() -> Result<()> {
    // Three classes and what is no sigmoid behind them.
    let mut model = proto()?;
    for head in ["head0", "head1"] {
        let graph = model.graph.as_mut().context("no graph")?;
        for (name, values) in [
            ("kept.starts", [0]),
            ("kept.ends", [4]),
            ("mask.starts", [8]),
            ("mask.ends", [9]),
            ("axis", [4]),
        ] {
            graph.initializer.push(onnx::proto::TensorProto {
                name: Some(format!("{head}.{name}")),
                dims: vec![1],
                data_type: Some(7),
                int64_data: values.to_vec(),
                ..Default::default()
            });
        }
        let place = graph
            .node
            .iter()
            .position(|node| node.output[0] == format!("{head}.decoded"))
            .context("no decode")?;
        for (name, input) in [("kept", "scores"), ("mask", "turned")] {
            let bounds = ["starts", "ends"].map(|bound| format!("{head}.{name}.{bound}"));
            let [starts, ends] = bounds;
            let slice = NodeProto {
                op_type: Some("Slice".to_owned()),
                input: vec![
                    format!("{head}.{input}"),
                    starts,
                    ends,
                    format!("{head}.axis"),
                ],
                output: vec![format!("{head}.{name}")],
                ..Default::default()
            };
            graph.node.insert(place, slice);
        }
        let decoded = node(&mut model, &format!("{head}.decoded"))?;
        decoded.input[2] = format!("{head}.kept");
        decoded.input.push(format!("{head}.mask"));
    }
    // Their prototypes, on a finer map.
    let graph = model.graph.as_mut().context("no graph")?;
    let weight = Tensor {
        dims: vec![6, 8, 1, 1],
        data: vec![0.1; 48],
    };
    graph.initializer.push(weight.to_proto("prototypes.weight"));
    graph.node.push(NodeProto {
        op_type: Some("Conv".to_owned()),
        input: vec!["low.silu".to_owned(), "prototypes.weight".to_owned()],
        output: vec!["prototypes".to_owned()],
        ..Default::default()
    });
    let error = with_proposed(&model).unwrap_err().to_string();
    assert!(error.contains("masks' coefficients"), "{error}");
    Ok(())
}

#[test]
fn the_way_of_sizes_belongs_to_a_yolo() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::copy(yolov5(), &file)?;
    let manifest = std::fs::read_to_string(yolov5().with_extension("toml"))?;
    let without_anchors = [
        ("kind = \"yolo\"", "kind = \"anchor-free\""),
        (
            "heads = [\"head0\", \"head1\"]",
            "classes = [\"head0\"]\noffsets = [\"head1\"]",
        ),
        ("scale_x_y = [2, 2]\n", ""),
    ];
    for (changes, message) in [
        (
            &[("\"squared-sigmoid\"", "\"squared\"")][..],
            "line 15: unknown variant `squared`, expected `exponential` or `squared-sigmoid`",
        ),
        (
            &without_anchors,
            "[output] size_decode: only a YOLO has it, leave the line out",
        ),
    ] {
        let mut manifest = manifest.clone();
        for (old, new) in changes {
            assert!(manifest.contains(old), "{old}");
            manifest = manifest.replacen(old, new, 1);
        }
        std::fs::write(file.with_extension("toml"), manifest)?;
        let error = format!("{:#}", Model::open(&file).unwrap_err());
        assert!(error.contains(message), "{error}");
    }
    Ok(())
}
