//! What networks say besides classes and boxes, and families of detectors that are not read: each is told by name in what is proposed, or refused.

use std::path::Path;

use anyhow::{Context, Result};
use prost::Message;
use ssdcrp::detect::{Model, propose};
use ssdcrp::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use ssdcrp::onnx::{self, Tensor};

/// A network like YOLOv8's, two heads, with something changed.
fn changed(change: impl Fn(&mut GraphProto)) -> Result<ModelProto> {
    let file = "tests/golden/anchor_free/distances.onnx";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut model = ModelProto::decode(std::fs::read(file)?.as_slice())?;
    change(model.graph.as_mut().context("no graph")?);
    Ok(model)
}

fn proposed(model: &ModelProto) -> Result<(Model, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::write(&file, model.encode_to_vec())?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    Ok((Model::open(&file)?, manifest))
}

fn refusal(model: &ModelProto) -> String {
    format!("{:#}", proposed(model).unwrap_err())
}

fn node(kind: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(kind.to_owned()),
        name: Some(output.to_owned()),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn constant(graph: &mut GraphProto, name: &str, dims: &[usize], value: f32) {
    let tensor = Tensor {
        dims: dims.to_vec(),
        data: vec![value; dims.iter().product()],
    };
    graph.initializer.push(tensor.to_proto(name));
}

fn convolution(graph: &mut GraphProto, input: &str, [inputs, outputs]: [usize; 2], output: &str) {
    let weight = format!("{output}.weight");
    constant(graph, &weight, &[outputs, inputs, 1, 1], 0.1);
    graph.node.push(node("Conv", &[input, &weight], output));
}

/// One more convolution a head, joined over the heads: the tensor `more`, [1, channels, 120].
fn more(graph: &mut GraphProto, channels: usize) {
    for (head, cells) in [("head0", 96), ("head1", 24)] {
        let name = format!("{head}/more");
        convolution(graph, &format!("{head}/class1.silu"), [8, channels], &name);
        graph.initializer.push(TensorProto {
            name: Some(format!("{name}.sizes")),
            dims: vec![3],
            data_type: Some(7),
            int64_data: vec![1, channels as i64, cells],
            ..Default::default()
        });
        let rows = format!("{name}.rows");
        let sizes = format!("{name}.sizes");
        graph.node.push(node("Reshape", &[&name, &sizes], &rows));
    }
    let mut joined = node("Concat", &["head0/more.rows", "head1/more.rows"], "more");
    joined.attribute.push(AttributeProto {
        name: Some("axis".to_owned()),
        r#type: Some(2),
        i: Some(2),
        ..Default::default()
    });
    graph.node.push(joined);
}

fn output(graph: &mut GraphProto, name: &str) {
    let mut value = graph.output[0].clone();
    value.name = Some(name.to_owned());
    value.r#type = None;
    graph.output.push(value);
}

/// The proposal is that of the network without what is besides.
fn assert_left_out(model: &ModelProto, line: &str) -> Result<()> {
    let (found, manifest) = proposed(model)?;
    let (plain, _) = proposed(&changed(|_| {})?)?;
    assert!(manifest.contains(line), "{line} in\n{manifest}");
    assert_eq!(found.heads, plain.heads);
    assert_eq!(found.default_boxes, plain.default_boxes);
    assert_eq!(found.manifest.output.bins, Some(8));
    assert_eq!(found.manifest.labels.len(), 4);
    Ok(())
}

#[test]
fn masks_are_left_out_by_name() -> Result<()> {
    let model = changed(|graph| {
        more(graph, 5);
        output(graph, "more");
        convolution(graph, "low.silu", [8, 6], "prototypes");
        output(graph, "prototypes");
    })?;
    let line = "# left out, coefficients and prototypes of masks: \"prototypes\", \"head0/more\", \"head1/more\"";
    assert_left_out(&model, line)
}

#[test]
fn key_points_are_left_out_by_name_whatever_their_number_is() -> Result<()> {
    for channels in [6, 1] {
        let model = changed(|graph| {
            more(graph, channels);
            constant(graph, "two", &[], 2.0);
            graph.node.push(node("Mul", &["more", "two"], "points"));
            graph.node.push(node("Sigmoid", &["more"], "visible"));
            output(graph, "points");
            output(graph, "visible");
        })?;
        assert_left_out(
            &model,
            "# left out, key points: \"head0/more\", \"head1/more\"",
        )?;
    }
    Ok(())
}

#[test]
fn boxes_with_an_angle_are_refused() -> Result<()> {
    let model = changed(|graph| {
        more(graph, 1);
        graph.node.push(node("Sigmoid", &["more"], "turn"));
        graph.node.push(node("Cos", &["turn"], "cosine"));
        output(graph, "cosine");
    })?;
    let error = refusal(&model);
    assert!(error.contains("its boxes are oriented"), "{error}");
    Ok(())
}

/// One map of scores, and two of two channels each.
fn centres() -> Result<ModelProto> {
    changed(|graph| {
        // All that lies behind the finer map goes.
        let place = graph
            .node
            .iter()
            .position(|node| node.output[0] == "fine2.silu");
        graph.node.truncate(place.unwrap_or_default() + 1);
        for (name, channels) in [("heat", 4), ("sizes", 2), ("shifts", 2)] {
            convolution(graph, "fine2.silu", [10, channels], name);
        }
        graph.node.push(node("Sigmoid", &["heat"], "scores"));
        graph.output.clear();
        for name in ["scores", "sizes", "shifts"] {
            graph.output.push(onnx::proto::ValueInfoProto {
                name: Some(name.to_owned()),
                ..Default::default()
            });
        }
    })
}

#[test]
fn families_that_are_not_read_are_told_in_a_line() -> Result<()> {
    let two_stages = changed(|graph| {
        constant(graph, "regions", &[1, 4], 1.0);
        graph.initializer.push(TensorProto {
            name: Some("indices".to_owned()),
            dims: vec![1],
            data_type: Some(7),
            int64_data: vec![0],
            ..Default::default()
        });
        let inputs = ["fine2.silu", "regions", "indices"];
        graph.node.push(node("RoiAlign", &inputs, "cut"));
        output(graph, "cut");
    })?;
    let transformer = changed(|graph| {
        // What decodes boxes goes.
        let split = graph
            .node
            .iter()
            .position(|node| node.output[0] == "all.boxes");
        graph.node.truncate(split.unwrap_or_default() + 1);
        constant(graph, "grid", &[1, 3, 3, 2], 0.0);
        graph
            .node
            .push(node("GridSample", &["fine2.silu", "grid"], "sampled"));
        graph
            .node
            .push(node("Softmax", &["all.boxes"], "attention"));
        let mut turned = node("Transpose", &["all.classes"], "values");
        turned.attribute.push(AttributeProto {
            name: Some("perm".to_owned()),
            r#type: Some(7),
            ints: vec![0, 2, 1],
            ..Default::default()
        });
        graph.node.push(turned);
        graph
            .node
            .push(node("MatMul", &["attention", "values"], "mixed"));
        graph.output.clear();
        for name in ["sampled", "mixed"] {
            graph.output.push(onnx::proto::ValueInfoProto {
                name: Some(name.to_owned()),
                ..Default::default()
            });
        }
    })?;
    let centres = centres()?;
    for (model, message) in [
        (&two_stages, "it is a detector of two stages"),
        (&transformer, "it is a transformer of DETR's kind"),
        (&centres, "it is of CenterNet's kind"),
    ] {
        let error = refusal(model);
        assert!(error.contains(message), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    // What cannot be proposed is said too where there is no manifest.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("net.onnx");
    std::fs::write(&file, two_stages.encode_to_vec())?;
    let error = Model::open(&file).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("and none can be proposed: it is a detector of two stages"),
        "{error}"
    );
    Ok(())
}
