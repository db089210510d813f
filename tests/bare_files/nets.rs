//! What these tests share: small nets of the golden vectors, changed and read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array2;
use prost::Message;
use ssdcrp::crp::{Composite, Contrast, Propagator, Target, TargetOutput};
use ssdcrp::detect::{ClassId, Model, propose};
use ssdcrp::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::runtime::SessionOptions;

use super::pattern::forward;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/small")
        .join(format!("{name}.onnx"))
}

pub fn proto(name: &str) -> Result<ModelProto> {
    Ok(ModelProto::decode(std::fs::read(golden(name))?.as_slice())?)
}

/// Writes a model without a manifest, lets one be proposed, and reads both.
pub fn with_proposed(model: &ModelProto, folder: &Path) -> Result<(Model, String)> {
    let file = folder.join("net.onnx");
    std::fs::write(&file, model.encode_to_vec())?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    Ok((Model::open(&file)?, manifest))
}

pub fn class(default_box: usize) -> Target {
    Target {
        default_box,
        output: TargetOutput::Class(ClassId(2).into()),
        contrast: Some(Contrast::Mean),
    }
}

/// Puts (x − 0.5)/0.25 and a softmax around the network, as exporters of whole detectors do: its input `[3, H, W]` has no batch, and its outputs are probabilities.
pub fn wrapped(mut model: ModelProto) -> Result<ModelProto> {
    let graph = model.graph.as_mut().context("no graph")?;
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: Some(op.to_owned()),
        name: Some(format!("around/{op}")),
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    };
    let constant = |name: &str, value: f32| {
        Tensor {
            dims: vec![3, 1, 1],
            data: vec![value; 3],
        }
        .to_proto(name)
    };
    graph.initializer.extend([
        constant("around/mean", 0.5),
        constant("around/std", 0.25),
        TensorProto {
            name: Some("around/axis".to_owned()),
            dims: vec![1],
            data_type: Some(7),
            int64_data: vec![0],
            ..Default::default()
        },
    ]);
    let before = [
        node("Sub", &["raw", "around/mean"], "centred"),
        node("Div", &["centred", "around/std"], "scaled"),
        node("Unsqueeze", &["scaled", "around/axis"], "image"),
    ];
    graph.node.splice(0..0, before);
    graph
        .node
        .push(node("Softmax", &["class_logits"], "scores"));
    graph.output = ["scores", "box_offsets"]
        .map(|name| ValueInfoProto {
            name: Some(name.to_owned()),
            ..Default::default()
        })
        .to_vec();
    let input = graph.input.first_mut().context("no input")?;
    input.name = Some("raw".to_owned());
    let Some(ssdcrp::onnx::proto::type_proto::Value::TensorType(tensor)) =
        input.r#type.as_mut().and_then(|t| t.value.as_mut())
    else {
        anyhow::bail!("no tensor");
    };
    tensor.shape.as_mut().context("no shape")?.dim.remove(0);
    Ok(model)
}

/// A network whose class scores, [1, D, K], get further nodes behind them.
pub fn with_ending(model: ModelProto, nodes: Vec<NodeProto>) -> Result<ModelProto> {
    let mut model = model;
    let graph = model.graph.as_mut().context("no graph")?;
    for (name, values) in [("one", 1), ("last", i64::MAX), ("two", 2)] {
        graph.initializer.push(TensorProto {
            name: Some(name.to_owned()),
            dims: vec![1],
            data_type: Some(7),
            int64_data: vec![values],
            ..Default::default()
        });
    }
    graph.node.extend(nodes);
    Ok(model)
}

pub fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(output.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

pub fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(2),
        i: Some(value),
        ..Default::default()
    }
}

/// The map of one class, of a net that reads the pattern.
pub fn map_of(model: &ModelProto) -> Result<Array2<f32>> {
    let folder = tempfile::tempdir()?;
    let (model, _) = with_proposed(model, folder.path())?;
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let options = SessionOptions::on_threads(1);
    let mut explainer = Propagator::new(model, Composite::default(), options)?;
    Ok(explainer.explain(&forward, &[class(7)])?.remove(0).map())
}
