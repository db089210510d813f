//! A model of one's own: manifests proposed for bare ONNX files, pictures that enter behind preprocessing, networks written for other runtimes.

mod pattern;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::{Array2, Array4};
use prost::Message;
use ssdcrp::crp::{Composite, Contrast, Propagator, Target, TargetOutput, seed_name};
use ssdcrp::detect::{ClassId, Detector, Model, propose};
use ssdcrp::onnx::proto::type_proto::Value as TypeValue;
use ssdcrp::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use ssdcrp::onnx::{self, Tensor};
use ssdcrp::report;
use ssdcrp::runtime::{Network, SessionOptions, only};
use ssdcrp::stream::monitor::EventThresholds;

use pattern::forward;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/small")
        .join(format!("{name}.onnx"))
}

fn proto(name: &str) -> Result<ModelProto> {
    Ok(ModelProto::decode(std::fs::read(golden(name))?.as_slice())?)
}

/// Writes a model without a manifest, lets one be proposed, and reads both.
fn with_proposed(model: &ModelProto, folder: &Path) -> Result<(Model, String)> {
    let file = folder.join("net.onnx");
    std::fs::write(&file, model.encode_to_vec())?;
    let manifest = propose::propose(&onnx::read(&file)?, "net", None)?;
    std::fs::write(file.with_extension("toml"), &manifest)?;
    Ok((Model::open(&file)?, manifest))
}

fn class(default_box: usize) -> Target {
    Target {
        default_box,
        output: TargetOutput::Class(ClassId(2).into()),
        contrast: Some(Contrast::Mean),
    }
}

#[test]
fn a_manifest_is_proposed_for_a_bare_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, manifest) = with_proposed(&proto("lite_heads")?, folder.path())?;
    let grids: Vec<_> = model
        .layout
        .heads
        .iter()
        .map(|head| (head.rows, head.cols, head.shapes))
        .collect();
    assert_eq!(grids, [(5, 4, 2), (2, 2, 3), (1, 1, 3)]);
    assert_eq!(model.manifest.labels.len(), 4);
    assert_eq!(model.outputs.classes, "class_logits");
    // Nothing in the graph says these.
    for line in [
        "activation = \"softmax\" # a guess",
        "mean = [127.5, 127.5, 127.5] # a guess",
    ] {
        assert!(manifest.contains(line), "{manifest}");
    }
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let map = explainer.explain(&forward, &[class(7)])?.remove(0).map();
    assert!(map.iter().any(|&r| r != 0.0));
    Ok(())
}

/// Puts (x − 0.5)/0.25 and a softmax around the network, as exporters of whole detectors do: its input `[3, H, W]` has no batch, and its outputs are probabilities.
fn wrapped(mut model: ModelProto) -> Result<ModelProto> {
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

#[test]
fn preprocessing_and_softmax_in_the_graph_are_cut_off() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (plain, _) = with_proposed(&proto("lite_heads")?, folder.path())?;
    let (model, manifest) = with_proposed(&wrapped(proto("lite_heads")?)?, folder.path())?;
    for line in [
        "tensor = \"image\"",
        "size = [16, 20]",
        "mean = [127.5, 127.5, 127.5] # as the graph has it",
        "std = [63.75, 63.75, 63.75]",
        "classes = \"class_logits\"",
        "activation = \"softmax\" # found in the graph",
    ] {
        assert!(manifest.contains(line), "{line} in\n{manifest}");
    }
    let map = |model: Model| -> Result<_> {
        let model = Arc::new(model);
        let forward = forward(&model)?;
        let mut explainer =
            Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
        Ok(explainer.explain(&forward, &[class(7)])?.remove(0).map())
    };
    assert_eq!(map(plain)?, map(model)?);
    Ok(())
}

#[test]
fn scores_named_behind_a_softmax_are_taken_before_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_, manifest) = with_proposed(&wrapped(proto("lite_heads")?)?, folder.path())?;
    let file = folder.path().join("net.onnx");
    let named = manifest.replace("classes = \"class_logits\"", "classes = \"scores\"");
    assert_ne!(named, manifest);
    std::fs::write(file.with_extension("toml"), named)?;
    assert_eq!(Model::open(&file)?.outputs.classes, "class_logits");
    Ok(())
}

/// A network whose class scores, [1, D, K], get further nodes behind them.
fn with_ending(model: ModelProto, nodes: Vec<NodeProto>) -> Result<ModelProto> {
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

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(output.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

#[test]
fn a_background_is_proposed_as_the_graph_has_it() -> Result<()> {
    let sigmoid = || node("Sigmoid", &["class_logits"], "scores");
    let cut = node("Slice", &["scores", "one", "last", "two"], "objects");
    let suppressed = node("NonMaxSuppression", &["box_offsets", "scores"], "kept");
    for (nodes, line) in [
        (vec![sigmoid()], "background = 0 # a guess"),
        (vec![sigmoid(), cut], "background = 0 # found in the graph"),
        (
            vec![sigmoid(), suppressed],
            "background = \"none\" # found in the graph",
        ),
    ] {
        let folder = tempfile::tempdir()?;
        let model = with_ending(proto("lite_heads")?, nodes)?;
        let (model, manifest) = with_proposed(&model, folder.path())?;
        assert!(manifest.contains(line), "{line} in\n{manifest}");
        let has_one = line.contains("= 0");
        assert_eq!(model.manifest.background().is_some(), has_one);
        assert_eq!(manifest.contains("\"background\""), has_one);
    }
    Ok(())
}

#[test]
fn without_a_background_all_classes_are_weighed_against_each_other() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_, manifest) = with_proposed(&proto("lite_heads")?, folder.path())?;
    let file = folder.path().join("net.onnx");
    let line = "background = 0 # a guess";
    let mut classes = Vec::new();
    for value in ["0", "\"none\""] {
        let manifest = manifest.replace(line, &format!("background = {value}"));
        std::fs::write(file.with_extension("toml"), manifest)?;
        let model = Arc::new(Model::open(&file)?);
        let forward = forward(&model)?;
        let options = SessionOptions::on_threads(1);
        let mut explainer = Propagator::new(model, Composite::default(), options)?;
        for contrast in [Contrast::Mean, Contrast::Softmax] {
            let contrast = Some(contrast);
            let asked = Target {
                contrast,
                ..class(0)
            };
            let explanation = explainer.explain(&forward, &[asked])?.remove(0);
            classes.push(explanation.question.seed.values.len());
        }
    }
    // Of four classes the mean takes all others; the softmax leaves the background out where there is one.
    assert_eq!(classes, [4, 3, 4, 4]);
    Ok(())
}

/// A float32 in sixteen bits, its fraction cut off; what is too small becomes 0.
fn cut_to_half(number: f32) -> (u16, f32) {
    let cut = f32::from_bits(number.to_bits() & !0x1fff);
    if cut.abs() < 2f32.powi(-14) {
        return (0, 0.0);
    }
    let bits = cut.to_bits();
    let exponent = (bits >> 23 & 0xff) - 112;
    let half = bits >> 16 & 0x8000 | exponent << 10 | bits >> 13 & 0x3ff;
    (half as u16, cut)
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(2),
        i: Some(value),
        ..Default::default()
    }
}

/// Says of all inputs and outputs that they are float16.
fn declare_halves(model: &mut ModelProto) -> Result<()> {
    let graph = model.graph.as_mut().context("no graph")?;
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let kind = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let Some(TypeValue::TensorType(tensor)) = kind {
            tensor.elem_type = Some(10);
        }
    }
    Ok(())
}

/// The map of one class, of a net that reads the pattern.
fn map_of(model: &ModelProto) -> Result<Array2<f32>> {
    let folder = tempfile::tempdir()?;
    let (model, _) = with_proposed(model, folder.path())?;
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let options = SessionOptions::on_threads(1);
    let mut explainer = Propagator::new(model, Composite::default(), options)?;
    Ok(explainer.explain(&forward, &[class(7)])?.remove(0).map())
}

#[test]
fn a_network_in_half_precision_is_that_of_its_numbers_in_float32() -> Result<()> {
    let (mut plain, mut half) = (proto("lite_heads")?, proto("lite_heads")?);
    let constants = |model: &mut ModelProto| -> Result<Vec<TensorProto>> {
        let graph = model.graph.as_mut().context("no graph")?;
        Ok(std::mem::take(&mut graph.initializer))
    };
    let _ = constants(&mut half)?;
    for constant in constants(&mut plain)? {
        let (mut wide, mut short) = (constant.clone(), constant.clone());
        if constant.data_type() == 1 {
            let numbers = Tensor::from_proto(&constant)?.data;
            let cut = numbers.iter().map(|&number| cut_to_half(number));
            let (bits, numbers): (Vec<u16>, Vec<f32>) = cut.unzip();
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            (wide.raw_data, wide.float_data) = (Some(bytes.into()), vec![]);
            let bytes: Vec<u8> = bits.iter().flat_map(|n| n.to_le_bytes()).collect();
            (short.raw_data, short.float_data) = (Some(bytes.into()), vec![]);
            short.data_type = Some(10);
        }
        plain
            .graph
            .as_mut()
            .context("no graph")?
            .initializer
            .push(wide);
        half.graph
            .as_mut()
            .context("no graph")?
            .initializer
            .push(short);
    }
    declare_halves(&mut half)?;
    let graph = half.graph.as_mut().context("no graph")?;
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if input == "image" {
            "image16".clone_into(input);
        }
    }
    let mut cast = node("Cast", &["image"], "image16");
    cast.attribute.push(integer("to", 10));
    graph.node.insert(0, cast);
    assert_eq!(map_of(&half)?, map_of(&plain)?);
    Ok(())
}

/// A net, and the same with weights of eight bits, each channel's times a scale.
fn weights_of_eight_bits() -> Result<(ModelProto, ModelProto)> {
    let (mut plain, mut small) = (proto("lite_heads")?, proto("lite_heads")?);
    let graph = plain.graph.as_mut().context("no graph")?;
    let quantised = small.graph.as_mut().context("no graph")?;
    let convolutions: Vec<NodeProto> = (graph.node.iter())
        .filter(|node| node.op_type() == "Conv")
        .cloned()
        .collect();
    for (index, convolution) in convolutions.iter().enumerate() {
        let name = &convolution.input[1];
        let stored = |constant: &&mut TensorProto| constant.name() == name;
        let wide = graph
            .initializer
            .iter_mut()
            .find(stored)
            .context("no weight")?;
        let weight = Tensor::from_proto(wide)?;
        let (channels, each) = (weight.dims[0], weight.data.len() / weight.dims[0]);
        let scales: Vec<f32> = (0..channels).map(|c| 0.004 + 0.001 * c as f32).collect();
        let steps = weight.data.iter().enumerate().map(|(i, w)| {
            let steps = (w / scales[i / each]).round();
            steps.clamp(-128.0, 127.0) as i8
        });
        let steps: Vec<i8> = steps.collect();
        let numbers = steps.iter().enumerate();
        let numbers = numbers.map(|(i, &step)| f32::from(step) * scales[i / each]);
        *wide = Tensor {
            dims: weight.dims.clone(),
            data: numbers.collect(),
        }
        .to_proto(name);
        let narrow = quantised
            .initializer
            .iter_mut()
            .find(stored)
            .context("no weight")?;
        *narrow = TensorProto {
            name: Some(format!("{name}.steps")),
            dims: weight.dims.iter().map(|&d| d as i64).collect(),
            data_type: Some(3),
            raw_data: Some(
                steps
                    .iter()
                    .map(|&step| step as u8)
                    .collect::<Vec<u8>>()
                    .into(),
            ),
            ..Default::default()
        };
        let scales = Tensor {
            dims: vec![channels],
            data: scales,
        };
        quantised
            .initializer
            .push(scales.to_proto(&format!("{name}.scales")));
        let inputs = [format!("{name}.steps"), format!("{name}.scales")];
        let inputs = [inputs[0].as_str(), inputs[1].as_str()];
        let mut back = node("DequantizeLinear", &inputs, name);
        back.attribute.push(integer("axis", 0));
        quantised.node.insert(index, back);
    }
    Ok((plain, small))
}

#[test]
fn weights_of_eight_bits_are_multiplied_with_their_scales() -> Result<()> {
    let (plain, small) = weights_of_eight_bits()?;
    assert_eq!(map_of(&small)?, map_of(&plain)?);
    Ok(())
}

#[test]
fn the_rounding_of_the_pictures_own_numbers_is_named() -> Result<()> {
    let (_, mut small) = weights_of_eight_bits()?;
    let quantised = small.graph.as_mut().context("no graph")?;
    let scale = Tensor {
        dims: vec![],
        data: vec![0.01],
    };
    quantised.initializer.push(scale.to_proto("scale"));
    quantised.initializer.push(TensorProto {
        name: Some("zero point".to_owned()),
        data_type: Some(3),
        raw_data: Some(vec![0].into()),
        ..Default::default()
    });
    let reader = (quantised.node.iter()).position(|node| node.input[0] == "pixels.relu6");
    let reader = reader.context("nobody reads 'pixels.relu6'")?;
    quantised.node[reader].input[0] = "rounded".to_owned();
    let rounding = [
        node(
            "QuantizeLinear",
            &["pixels.relu6", "scale", "zero point"],
            "steps",
        ),
        node(
            "DequantizeLinear",
            &["steps", "scale", "zero point"],
            "rounded",
        ),
    ];
    quantised.node.splice(reader..reader, rounding);
    let error = format!("{:#}", map_of(&small).unwrap_err());
    assert!(
        error.contains("DequantizeLinear node 'rounded'") && error.contains("passes no rounding"),
        "{error}"
    );
    Ok(())
}

#[test]
fn heads_that_are_not_joined_are_named_one_by_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (joined, _) = with_proposed(&proto("lite_heads")?, folder.path())?;
    // As SSD-Tensorflow has it: six outputs for three heads.
    let mut model = proto("lite_heads")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let joins = graph.node.iter().filter(|node| node.op_type() == "Concat");
    let parts: Vec<Vec<String>> = joins.map(|node| node.input.clone()).collect();
    let [classes, offsets] = &parts[..] else {
        anyhow::bail!("{parts:?}");
    };
    graph.node.retain(|node| node.op_type() != "Concat");
    let outputs = parts.iter().flatten().map(|name| ValueInfoProto {
        name: Some(name.clone()),
        ..Default::default()
    });
    graph.output = outputs.collect();
    let (apart, manifest) = with_proposed(&model, folder.path())?;
    assert_eq!(apart.layout, joined.layout, "{manifest}");
    // What the heads are reshaped to does as well as the feature maps that the proposal names.
    let named = format!("classes = {classes:?}\noffsets = {offsets:?}\n");
    let (before, rest) = manifest.split_once("classes =").context("no classes")?;
    let (_, after) = rest.split_once("]\noffset_order").context("no order")?;
    let manifest = format!("{before}{named}activation = \"softmax\"\noffset_order{after}");
    let file = folder.path().join("net.onnx");
    std::fs::write(file.with_extension("toml"), &manifest)?;
    let reshaped = Model::open(&file)?;
    let map = |model: Model| -> Result<_> {
        let model = Arc::new(model);
        let forward = forward(&model)?;
        let mut explainer =
            Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
        Ok(explainer.explain(&forward, &[class(47)])?.remove(0).map())
    };
    let expected = map(joined)?;
    assert_eq!(expected, map(apart)?);
    assert_eq!(expected, map(reshaped)?);

    let wrong = manifest.replacen(&format!("{:?}", classes[0]), "\"image\"", 1);
    std::fs::write(file.with_extension("toml"), wrong)?;
    let error = format!("{:#}", Model::open(&file).unwrap_err());
    assert!(
        error.contains("[output] classes: the graph has no tensor 'image'"),
        "{error}"
    );
    Ok(())
}

#[test]
fn what_is_no_detector_gets_no_manifest() -> Result<()> {
    let mut model = proto("dilation")?;
    let graph = model.graph.as_mut().context("no graph")?;
    graph
        .node
        .retain(|node| node.op_type() != "Concat" && !node.name().contains("box_offsets"));
    graph.output.clear();
    let folder = tempfile::tempdir()?;
    let error = with_proposed(&model, folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no class scores [1, D, K] and box offsets [1, D, 4]"),
        "{error}"
    );
    Ok(())
}

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

/// The small net `dense` up to its last fully connected layer, which has six outputs.
fn small_classifier() -> Result<ModelProto> {
    let mut model = proto("dense")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let end = graph
        .node
        .iter()
        .position(|node| node.output[0] == "product");
    graph.node.truncate(end.context("no product")? + 1);
    graph.output = vec![ValueInfoProto {
        name: Some("product".to_owned()),
        ..Default::default()
    }];
    Ok(model)
}

#[test]
fn a_classifier_is_explained_as_one_box_that_is_the_whole_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, manifest) = with_proposed(&small_classifier()?, folder.path())?;
    assert!(
        manifest.contains("kind = \"classifier\"") && !manifest.contains("[default_boxes]"),
        "{manifest}"
    );
    assert_eq!(
        (model.default_boxes.len(), model.manifest.labels.len()),
        (1, 6)
    );
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let thresholds = ssdcrp::detect::Thresholds {
        score: 0.0,
        iou: 0.5,
    };
    let detections = Detector::new(model.clone(), SessionOptions::on_threads(1))?
        .detections(&forward, thresholds)?;
    // All six classes, the first among them: there is no background.
    assert_eq!(detections.len(), 6);
    assert!(
        detections
            .iter()
            .all(|found| found.rect.edges() == [0.0, 0.0, 1.0, 1.0])
    );
    assert!((detections.iter().map(|found| found.score).sum::<f32>() - 1.0).abs() < 1e-5);

    let mut explainer = Propagator::new(
        model.clone(),
        Composite::default(),
        SessionOptions::on_threads(1),
    )?;
    let explanation = explainer.explain(&forward, &[class(0)])?.remove(0);
    assert_eq!(explanation.question.seed.tensor, "product:map");
    assert_eq!(explanation.question.seed.values.len(), 6);
    assert!(explanation.map().iter().any(|&r| r != 0.0));
    let wider = Target {
        default_box: 0,
        output: "offset:w+".parse()?,
        contrast: None,
    };
    let error = explainer
        .explain(&forward, &[wider])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("net is a classifier: it has no boxes"),
        "{error}"
    );

    // Its report leaves out what asks for a box.
    let options = report::ReportOptions {
        thresholds,
        monitor: EventThresholds::for_stills(),
        what_if: vec![],
        truth: None,
        check: true,
    };
    let mut reporter = report::Reporter::new(
        model,
        Composite::default(),
        SessionOptions::on_threads(1),
        options,
    )?;
    let photo = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 90]));
    reporter.look("a.png".to_owned(), &photo)?;
    let page = reporter.explain(|_| {})?.html()?;
    assert!(page.contains(" rather than the other classes</strong>"));
    assert!(!page.contains("could not be explained") && !page.contains("Four offsets"));
    Ok(())
}

/// The small net `responses` up to a convolution of eight maps, and an ending.
fn ending_with(nodes: Vec<NodeProto>) -> Result<ModelProto> {
    let mut model = proto("responses")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let end = (graph.node.iter()).position(|node| node.output[0] == "high1");
    graph.node.truncate(end.context("no high1")? + 1);
    let output = nodes.last().context("no ending")?.output[0].clone();
    graph.node.extend(nodes);
    graph.initializer.push(TensorProto {
        name: Some("sizes".to_owned()),
        dims: vec![4],
        data_type: Some(7),
        int64_data: vec![6, 8, 1, 1],
        ..Default::default()
    });
    graph.output = vec![ValueInfoProto {
        name: Some(output),
        ..Default::default()
    }];
    Ok(model)
}

#[test]
fn a_classifier_may_end_with_a_pooling_or_a_convolution() -> Result<()> {
    let pooled = || node("GlobalAveragePool", &["high1"], "pooled");
    let mut weights = node("ConstantOfShape", &["sizes"], "weights");
    weights.attribute.push(AttributeProto {
        name: Some("value".to_owned()),
        r#type: Some(4),
        t: Some(
            Tensor {
                dims: vec![1],
                data: vec![0.02],
            }
            .to_proto(""),
        ),
        ..Default::default()
    });
    let last = node("Conv", &["pooled", "weights"], "scores");
    let mut softmax = node("Softmax", &["pooled"], "shares");
    softmax.attribute.push(integer("axis", 1));
    for (nodes, classes, count) in [
        (vec![pooled()], "pooled", 8),
        (vec![pooled(), softmax], "pooled", 8),
        (vec![pooled(), weights, last], "scores", 6),
    ] {
        let folder = tempfile::tempdir()?;
        let (model, manifest) = with_proposed(&ending_with(nodes)?, folder.path())?;
        assert!(manifest.contains("kind = \"classifier\""), "{manifest}");
        assert_eq!(model.outputs.classes, classes);
        assert_eq!(model.manifest.labels.len(), count);
        let model = Arc::new(model);
        let forward = forward(&model)?;
        let options = SessionOptions::on_threads(1);
        let mut network = Network::load(&model.graph.to_model(&[classes])?, options)?;
        let picture = forward.input.tensor.view().into_dyn();
        let raw = only(network.run(&[(model.input_name.as_str(), picture)])?)?;
        assert_eq!(forward.logits.dim(), (1, count));
        assert!(forward.logits.iter().eq(raw.iter()));
        let mut explainer = Propagator::new(model, Composite::default(), options)?;
        let map = explainer.explain(&forward, &[class(0)])?.remove(0).map();
        assert!(map.iter().all(|r| r.is_finite()));
        // Of classes with the same weights none has a reason of its own.
        assert_eq!(map.iter().any(|r| r.abs() > 1e-6), count == 8, "{classes}");
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

#[test]
fn a_feature_pyramid_is_told_by_its_grids() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, manifest) = with_proposed(&proto("feature_pyramid")?, folder.path())?;
    let lines = "[default_boxes] # a guess, for heads of 6x6 cells of 3, 3x3 cells of 3, 2x2 cells of 3\n\
        generator = \"multiscale-anchors\"\nmin_level = 2\nanchor_scale = 4.0\naspect_ratios = [1.0, 2.0, 0.5]\nscales_per_octave = 1\n";
    assert!(manifest.ends_with(lines), "{manifest}");
    assert!(manifest.contains("offset_order = [\"cy\", \"cx\", \"h\", \"w\"] # a guess"));
    // The first box of each head, 16, 32 and 64 pixels wide in a picture of 24: in the middle of a cell where its 4 or 8 pixels divide the picture, else on its corner.
    let first = |index: usize| {
        let found = model.default_boxes[index];
        [found.cx, found.cy, found.w, found.h].map(|share| share * 24.0)
    };
    for (index, expected) in [
        (0, [2.0, 2.0, 16.0, 16.0]),
        (108, [4.0, 4.0, 32.0, 32.0]),
        (135, [0.0, 0.0, 64.0, 64.0]),
    ] {
        let found = first(index);
        let near = found
            .iter()
            .zip(expected)
            .all(|(f, e)| (f - e).abs() < 1e-4);
        assert!(near, "{index}: {found:?}");
    }
    // What the levels share is explained at each of them.
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let wider = Target {
        default_box: 120,
        output: "offset:w+".parse()?,
        contrast: None,
    };
    for target in [class(20), class(110), class(140), wider] {
        let map = explainer.explain(&forward, &[target])?.remove(0).map();
        assert!(map.iter().all(|r| r.is_finite()) && map.iter().any(|&r| r != 0.0));
    }
    Ok(())
}
