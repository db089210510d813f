//! Models and manifests that are damaged, or made to do harm: whatever stands in them, reading, compiling and running end with an error or with a network that works.
//!
//! Small nets of every operator are changed at random, the same way in every run: bytes flipped, cut and spliced, and, so that the changes reach deeper than the
//! decoder, single fields of the decoded file set to what no exporter writes. A panic, an abort or a hang fails the test by itself; memory is looked at in the end.

mod older;
mod random;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ndarray::ArrayD;
use prost::Message;
use ssdcrp::crp::{Composite, GraphForm, LayerType, compile, layer_types, seed_name};
use ssdcrp::detect::Model;
use ssdcrp::detect::propose::propose;
use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_shape_proto::dimension;
use ssdcrp::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto, type_proto,
};
use ssdcrp::onnx::{self, Graph};
use ssdcrp::runtime::{Network, SessionOptions};

use random::Random;

/// Numbers that sizes, strides, axes and the like are set to.
const NUMBERS: [i64; 20] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    4,
    7,
    100,
    255,
    1 << 13,
    (1 << 16) - 1,
    1 << 16,
    1 << 20,
    1 << 31,
    -(1 << 31),
    1 << 40,
    1 << 62,
    i64::MAX,
    i64::MIN,
];

const VALUES: [f32; 9] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-38,
    3e38,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// Models that are tried; of manifests a third as many.
const ROUNDS: u64 = 4000;

/// Feature maps of more numbers are not run: it would only take its time.
const SMALL: usize = 1 << 16;

impl Random {
    fn one_of<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    fn one_of_mut<'a, T>(&mut self, from: &'a mut [T]) -> Option<&'a mut T> {
        let index = self.below(from.len());
        from.get_mut(index)
    }

    fn number(&mut self) -> i64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn value(&mut self) -> f32 {
        VALUES[self.below(VALUES.len())]
    }
}

/// A small net, and the types of its heads' convolutions.
struct Net {
    name: String,
    bytes: Vec<u8>,
    classes: Vec<String>,
    offsets: Vec<String>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn nets() -> Result<Vec<Net>> {
    let cases: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("small/cases.json"))?)?;
    let nets = cases["nets"].as_array().context("no nets")?;
    let golden = nets.iter().map(|net| {
        let name = net["name"].as_str().context("no name")?.to_owned();
        let types: BTreeMap<String, String> = serde_json::from_value(net["types"].clone())?;
        let of = |wanted: &str| {
            let named = types.iter().filter(|(_, t)| *t == wanted);
            named.map(|(tensor, _)| tensor.clone()).collect()
        };
        Ok(Net {
            bytes: std::fs::read(golden(&format!("small/{name}.onnx")))?,
            name,
            classes: of("classification"),
            offsets: of("localization"),
        })
    });
    // And as older exporters wrote them.
    let older = older::OPERATOR_SETS.into_iter().map(|set| {
        Ok(Net {
            name: format!("operator set {set}"),
            bytes: older::bytes(set, set),
            classes: vec![older::HEAD.to_owned()],
            offsets: vec![],
        })
    });
    golden.chain(older).collect()
}

/// Bytes flipped, put in, taken out, or replaced by those of another file.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            // A number of many digits, where lengths and sizes may stand.
            2 => drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([1]))),
            3 => {
                let from = random.below(other.len());
                let length = random.below(64).min(other.len() - from);
                let part = other[from..from + length].to_vec();
                let end = (at + length).min(bytes.len());
                drop(bytes.splice(at..end, part));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// One field set to what no exporter writes.
#[expect(clippy::too_many_lines, reason = "a list: each way to damage a graph")]
fn change(graph: &mut GraphProto, operators: &[String], random: &mut Random) {
    let tensors: Vec<String> = graph
        .node
        .iter()
        .flat_map(|node| node.input.iter().chain(&node.output))
        .cloned()
        .collect();
    let tensor = random.one_of(&tensors).cloned().unwrap_or_default();
    let place = random.below(graph.node.len());
    let Some(node) = graph.node.get_mut(place) else {
        return;
    };
    match random.below(16) {
        0 => node.op_type = random.one_of(operators).cloned(),
        1 => {
            if let Some(input) = random.one_of_mut(&mut node.input) {
                *input = tensor;
            }
        }
        2 => drop(node.input.pop()),
        3 => node.input.push(tensor),
        4 => {
            if let Some(output) = random.one_of_mut(&mut node.output) {
                *output = tensor;
            }
        }
        5 => {
            let node = graph.node.remove(place);
            let to = random.below(graph.node.len() + 1);
            graph.node.insert(to, node);
        }
        6..=10 => {
            let names = [
                "pads",
                "strides",
                "dilations",
                "kernel_shape",
                "group",
                "axis",
                "axes",
                "perm",
                "output_padding",
                "ceil_mode",
                "auto_pad",
                "mode",
                "alpha",
                "keepdims",
                "to",
                "p",
                "transB",
                "output_shape",
                "count_include_pad",
                "epsilon",
                "starts",
                "split",
                "k",
                "min",
            ];
            if node.attribute.is_empty() || random.below(4) == 0 {
                let name = names[random.below(names.len())];
                node.attribute.push(AttributeProto {
                    name: Some(name.to_owned()),
                    r#type: Some(AttributeType::Ints as i32),
                    ints: vec![random.number(); random.below(9)],
                    ..Default::default()
                });
            }
            if let Some(attribute) = random.one_of_mut(&mut node.attribute) {
                change_attribute(attribute, random);
            }
        }
        11..=13 => {
            let operands: Vec<&String> = node.input.iter().collect();
            let named = random.one_of(&operands).map(|name| (*name).clone());
            let mut constants = graph.initializer.iter_mut();
            let constant = constants.find(|constant| Some(constant.name()) == named.as_deref());
            match constant {
                Some(constant) => change_constant(constant, random),
                None => {
                    if let Some(constant) = random.one_of_mut(&mut graph.initializer) {
                        change_constant(constant, random);
                    }
                }
            }
        }
        14 => {
            // A shape that is claimed and not so.
            let mut info = graph.input[0].clone();
            info.name = Some(tensor);
            change_shape(&mut info, random);
            graph.value_info.push(info);
        }
        _ => {
            let infos = graph.input.iter_mut().chain(&mut graph.output);
            let mut infos: Vec<&mut ValueInfoProto> = infos.collect();
            if let Some(info) = random.one_of_mut(&mut infos) {
                change_shape(info, random);
            }
        }
    }
}

fn change_attribute(attribute: &mut AttributeProto, random: &mut Random) {
    match random.below(6) {
        0 => attribute.i = Some(random.number()),
        1 => attribute.f = Some(random.value()),
        2 => drop(attribute.ints.pop()),
        3 => attribute.ints.push(random.number()),
        _ => match random.one_of_mut(&mut attribute.ints) {
            Some(value) => *value = random.number(),
            None => {
                let modes = [
                    "SAME_UPPER",
                    "SAME_LOWER",
                    "VALID",
                    "linear",
                    "cubic",
                    "reflect",
                    "\0",
                ];
                attribute.s = Some(modes[random.below(modes.len())].as_bytes().to_vec());
                attribute.i = Some(random.number());
            }
        },
    }
}

fn change_constant(constant: &mut TensorProto, random: &mut Random) {
    match random.below(7) {
        0 => drop(constant.dims.pop()),
        1 => constant.dims.push(random.number()),
        2 => {
            if let Some(size) = random.one_of_mut(&mut constant.dims) {
                *size = random.number();
            }
        }
        3 => constant.data_type = Some(random.below(20) as i32),
        4 => {
            let raw = constant.raw_data.take().unwrap_or_default();
            constant.raw_data = Some(raw.slice(..random.below(raw.len())));
        }
        // Values: of int64 the sizes and axes, of float32 the weights.
        _ => {
            let mut raw = constant.raw_data.take().unwrap_or_default().to_vec();
            let bytes: Vec<u8> = match constant.data_type() {
                7 => random.number().to_le_bytes().to_vec(),
                _ => random.value().to_le_bytes().to_vec(),
            };
            let at = random.below(raw.len() / bytes.len()) * bytes.len();
            if let Some(place) = raw.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(&bytes);
            }
            constant.raw_data = Some(raw.into());
        }
    }
}

fn change_shape(info: &mut ValueInfoProto, random: &mut Random) {
    let value = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        return;
    };
    if random.below(8) == 0 {
        tensor.elem_type = Some(random.below(20) as i32);
    }
    let Some(shape) = &mut tensor.shape else {
        return;
    };
    match random.below(4) {
        0 => drop(shape.dim.pop()),
        1 => shape.dim.push(Default::default()),
        _ => {
            if let Some(size) = random.one_of_mut(&mut shape.dim) {
                size.value = Some(dimension::Value::DimValue(random.number()));
            }
        }
    }
}

/// All that is done with a model: reading, proposing a manifest, compiling, running both networks.
fn use_it(bytes: Vec<u8>, net: &Net, composite: &Composite) -> Result<()> {
    let graph = onnx::parse(bytes.into(), "a model")?;
    let proposed = propose(&graph, "a model", None);
    let outputs: Vec<&str> = graph.outputs().collect();
    let detector = graph
        .to_model(&outputs)
        .and_then(|model| Network::load(&model, SessionOptions::on_threads(1)));
    let explainer = explain(&graph, net, composite);
    if let Ok(mut detector) = detector
        && let Ok((image, shape)) = graph.image_input()
        && is_small(&graph)
    {
        let picture = ArrayD::from_elem(&shape[..], 0.5);
        // What the network says against it is an answer too.
        let _ = detector.run(&[(image, picture.view())]);
    }
    explainer?;
    proposed?;
    Ok(())
}

fn explain(graph: &Graph, net: &Net, composite: &Composite) -> Result<()> {
    let [classes, offsets] = [&net.classes, &net.offsets]
        .map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    let types = layer_types(graph, &classes, &offsets)?;
    let is_head = |t: &LayerType| matches!(t, LayerType::Classification | LayerType::Localization);
    let heads = types.iter().filter(|(_, t)| is_head(t));
    let heads: Vec<&str> = heads.map(|(tensor, _)| tensor.as_str()).collect();
    let explanation = compile(graph, &types, composite, &heads, &[], GraphForm::own())?;
    let mut network = Network::load(&explanation.model, SessionOptions::on_threads(1))?;
    if !is_small(graph) {
        return Ok(());
    }
    let (image, shape) = graph.image_input()?;
    let mut inputs = vec![(image.to_owned(), ArrayD::from_elem(&shape[..], 0.5))];
    for head in heads {
        let shape = graph.feature_map(head)?;
        inputs.push((seed_name(head), ArrayD::from_elem(&shape[..], 0.25)));
    }
    let inputs: Vec<_> = inputs
        .iter()
        .map(|(name, array)| (name.as_str(), array.view()))
        .collect();
    network.run(&inputs)?;
    Ok(())
}

fn is_small(graph: &Graph) -> bool {
    let tensors = graph.nodes().iter().flat_map(|node| &node.output);
    let inputs = graph.inputs().map(|(_, shape)| shape);
    let shapes = tensors.map(|tensor| graph.shape(tensor).ok()).chain(inputs);
    shapes
        .flatten()
        .all(|shape| shape.iter().product::<usize>() <= SMALL)
}

/// The most memory that this process ever had, bytes; known on Linux alone.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

#[test]
fn models_that_are_damaged_or_hostile_do_no_harm() -> Result<()> {
    let nets = nets()?;
    let operators: Vec<String> = ssdcrp::crp::operators()
        .map(|(name, _)| name.to_owned())
        .collect();
    let composites = ["crp", "lrp-alpha1beta0", "lrp-epsilon"].map(str::parse::<Composite>);
    let mut worked = 0;
    for round in 0..ROUNDS {
        let mut random = Random::new(round);
        let net = &nets[random.below(nets.len())];
        let other = &nets[random.below(nets.len())];
        let composite = composites[random.below(3)].as_ref().expect("a composite");
        let mut bytes = net.bytes.clone();
        if random.below(4) == 0 {
            damage(&mut bytes, &other.bytes, &mut random);
        } else {
            let mut model = ModelProto::decode(bytes.as_slice())?;
            if let Some(graph) = &mut model.graph {
                for _ in 0..=random.below(3) {
                    change(graph, &operators, &mut random);
                }
            }
            bytes = model.encode_to_vec();
        }
        let used = catch_unwind(AssertUnwindSafe(|| use_it(bytes, net, composite)));
        let Ok(used) = used else {
            panic!("round {round}, a change of {}: it panicked", net.name);
        };
        worked += u64::from(used.is_ok());
        if let Err(error) = used {
            let line = format!("{error:#}");
            ensure!(
                !line.trim().is_empty(),
                "round {round}: an error without a word"
            );
        }
    }
    println!("{worked} of {ROUNDS} changed models work");
    // Else the changes would be so small that they say nothing, or so large that all end in the decoder.
    assert!((ROUNDS / 50..ROUNDS / 2).contains(&worked), "{worked}");
    if let Some(most) = most_memory() {
        println!("at most {} MB", most >> 20);
        assert!(most < 3 << 29, "{most} bytes of memory");
    }
    Ok(())
}

/// A line left out or twice, a number or a name that is another one, a byte that is another one.
fn spoil(text: &str, random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        let place = random.below(lines.len());
        let Some(line) = lines.get_mut(place) else {
            break;
        };
        match random.below(6) {
            0 => drop(lines.remove(place)),
            1 => {
                let line = line.clone();
                lines.insert(place, line);
            }
            _ => {
                let words: Vec<&str> = line.split_inclusive([' ', ',', '[', ']', '"']).collect();
                let changed = random.below(words.len());
                let value = match random.below(4) {
                    0 => random.number().to_string(),
                    1 => format!("{:?}", random.value()).to_lowercase(),
                    2 => "\"\"".to_owned(),
                    _ => "[]".to_owned(),
                };
                let words = words.iter().enumerate().map(|(index, &word)| {
                    let end = word.trim_start_matches(|c: char| !" ,[]\"".contains(c));
                    match index == changed {
                        true => format!("{value}{end}"),
                        false => word.to_owned(),
                    }
                });
                *line = words.collect();
            }
        }
    }
    let mut bytes = lines.join("\n").into_bytes();
    if random.below(4) == 0 {
        damage(&mut bytes, text.as_bytes(), random);
    }
    bytes
}

#[test]
fn manifests_that_are_damaged_or_hostile_do_no_harm() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut models = Vec::new();
    for (onnx, toml) in [
        (golden("yolo/yolo.onnx"), golden("yolo/yolo.toml")),
        (
            golden("ssd300/ssd300_vgg16.onnx"),
            manifests.join("ssd300_vgg16_voc.toml"),
        ),
    ] {
        let file = folder.path().join(onnx.file_name().context("a name")?);
        std::fs::copy(&onnx, &file)?;
        models.push((file, std::fs::read_to_string(toml)?));
    }
    let mut worked = 0;
    for round in 0..ROUNDS / 3 {
        let mut random = Random::new(round);
        let (file, text) = &models[random.below(models.len())];
        std::fs::write(file.with_extension("toml"), spoil(text, &mut random))?;
        match catch_unwind(|| Model::open(file)) {
            Err(_) => panic!("round {round}: it panicked"),
            Ok(Ok(_)) => worked += 1,
            Ok(Err(error)) => ensure!(
                format!("{error:#}").contains(".toml"),
                "round {round}: nothing is said of the manifest: {error:#}"
            ),
        }
    }
    println!("{worked} of {} changed manifests work", ROUNDS / 3);
    assert!((ROUNDS / 100..ROUNDS / 4).contains(&worked), "{worked}");
    Ok(())
}
