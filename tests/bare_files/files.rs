//! Files of other forms: weights elsewhere, channels last, and the network that is written for other runtimes.

use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array4;
use ssdcrp::crp::{Composite, Propagator, seed_name};
use ssdcrp::detect::Model;
use ssdcrp::onnx::proto::NodeProto;
use ssdcrp::runtime::{Network, SessionOptions, only};

use super::nets::{class, node, proto, with_proposed};
use super::pattern::forward;

#[test]
fn weights_in_a_file_beside_the_model_are_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut model = proto("lite_heads")?;
    let (plain, _) = with_proposed(&model, folder.path())?;
    let graph = model.graph.as_mut().context("no graph")?;
    let mut bytes = vec![0; 3];
    for tensor in &mut graph.initializer {
        let Some(raw) = tensor.raw_data.take() else {
            continue;
        };
        let entries = [
            ("location", "weights.bin".to_owned()),
            ("offset", bytes.len().to_string()),
            ("length", raw.len().to_string()),
        ];
        bytes.extend_from_slice(&raw);
        tensor.data_location = Some(1);
        tensor.external_data = entries
            .map(|(key, value)| ssdcrp::onnx::proto::StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(value),
            })
            .to_vec();
    }
    assert!(bytes.len() > 1000, "{} bytes", bytes.len());
    std::fs::write(folder.path().join("weights.bin"), bytes)?;
    let (model, _) = with_proposed(&model, folder.path())?;
    let logits = |model| -> Result<_> { Ok(forward(&Arc::new(model))?.logits) };
    assert_eq!(logits(plain)?, logits(model)?);
    Ok(())
}

#[test]
fn the_written_network_gives_the_same_numbers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, _) = with_proposed(&proto("lite_heads")?, folder.path())?;
    let model = Arc::new(model);
    let file = folder.path().join("explain.onnx");
    let written = std::process::Command::new(env!("CARGO_BIN_EXE_ssdcrp"))
        .args([
            "compile",
            folder.path().join("net.onnx").to_str().context("path")?,
            "-o",
        ])
        .arg(&file)
        .output()?;
    let text = String::from_utf8(written.stdout)?;
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    assert!(text.contains("out  relevance [N, 3, 20, 16]"), "{text}");

    let forward = forward(&model)?;
    let targets = [class(7), class(54)];
    let mut explainer = Propagator::new(
        model.clone(),
        Composite::default(),
        SessionOptions::on_threads(1),
    )?;
    let expected = explainer.explain(&forward, &targets)?;
    let mut seeds = Vec::new();
    for head in &model.heads {
        for tensor in head.tensors() {
            let [_, c, h, w] = model.graph.feature_map(tensor)?;
            let mut seed = Array4::<f32>::zeros((2, c, h, w));
            for (n, target) in targets.iter().enumerate() {
                let question = target.ask(&model, explainer.composite(), &forward)?;
                for (channel, value) in question.seed.values {
                    if question.seed.tensor == tensor {
                        let [row, col] = question.seed.cell;
                        seed[[n, channel, row, col]] = value;
                    }
                }
            }
            seeds.push((seed_name(tensor), seed));
        }
    }
    let mut network = Network::load(&std::fs::read(&file)?, SessionOptions::on_threads(1))?;
    let mut inputs = vec![(
        model.input_name.as_str(),
        forward.input.tensor.view().into_dyn(),
    )];
    inputs.extend(
        seeds
            .iter()
            .map(|(name, seed)| (name.as_str(), seed.view().into_dyn())),
    );
    let found = only(network.run(&inputs)?)?.into_dimensionality::<ndarray::Ix4>()?;
    for (n, expected) in expected.iter().enumerate() {
        let largest = expected
            .relevance
            .iter()
            .fold(0f32, |most, r| most.max(r.abs()));
        let found = found.index_axis(ndarray::Axis(0), n);
        let worst = (&found - &expected.relevance)
            .iter()
            .fold(0f32, |most, d| most.max(d.abs()));
        assert!(
            largest > 0.0 && worst <= 1e-5 * largest,
            "{worst} of {largest}"
        );
    }
    Ok(())
}

#[test]
fn weights_that_are_no_constants_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut model = proto("norms")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let weight = graph.node[0].input[1].clone();
    graph
        .node
        .insert(0, node("RandomUniformLike", &[&weight], "made"));
    graph.node[1].input[1] = "made".to_owned();
    let error = with_proposed(&model, folder.path()).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("has the weights 'made', which are no constant: RandomUniformLike node 'made' makes them"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_network_with_channels_last_is_the_same_network() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (plain, _) = with_proposed(&proto("lite_heads")?, folder.path())?;
    let mut model = proto("lite_heads")?;
    let graph = model.graph.as_mut().context("no graph")?;
    // As tf2onnx writes it: the input [1, H, W, 3], transposed for the first convolution.
    let input = graph.input.first_mut().context("no input")?;
    input.name = Some("image_tensor".to_owned());
    let Some(ssdcrp::onnx::proto::type_proto::Value::TensorType(tensor)) =
        input.r#type.as_mut().and_then(|t| t.value.as_mut())
    else {
        anyhow::bail!("no tensor");
    };
    let sizes = &mut tensor.shape.as_mut().context("no shape")?.dim;
    let channels = sizes.remove(1);
    sizes.push(channels);
    let perm = ssdcrp::onnx::proto::AttributeProto {
        name: Some("perm".to_owned()),
        r#type: Some(ssdcrp::onnx::proto::attribute_proto::AttributeType::Ints as i32),
        ints: vec![0, 3, 1, 2],
        ..Default::default()
    };
    let transpose = NodeProto {
        op_type: Some("Transpose".to_owned()),
        input: vec!["image_tensor".to_owned()],
        output: vec!["image".to_owned()],
        attribute: vec![perm],
        ..Default::default()
    };
    graph.node.insert(0, transpose);
    let (turned, manifest) = with_proposed(&model, folder.path())?;
    assert!(!manifest.contains("tensor ="), "{manifest}");
    assert_eq!(turned.input_size, plain.input_size);
    let map = |model: Model| -> Result<_> {
        let model = Arc::new(model);
        let forward = forward(&model)?;
        let mut explainer =
            Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
        Ok(explainer.explain(&forward, &[class(7)])?.remove(0).map())
    };
    assert_eq!(map(plain)?, map(turned)?);
    Ok(())
}
