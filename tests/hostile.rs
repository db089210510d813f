//! Models and manifests that are damaged, or made to do harm: whatever stands in them, reading, compiling and running end with an error or with a network that works.
//!
//! Small nets of every operator are changed at random, the same way in every run: bytes flipped, cut and spliced, and, so that the changes reach deeper than the
//! decoder, single fields of the decoded file set to what no exporter writes. A panic, an abort or a hang fails the test by itself; memory is looked at in the end.

mod damage;
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
use ssdcrp::onnx::proto::ModelProto;
use ssdcrp::onnx::{self, Graph};
use ssdcrp::runtime::{Network, SessionOptions};

use damage::text::spoil;
use damage::{change, damage};
use random::Random;

/// Models that are tried; of manifests a third as many.
const ROUNDS: u64 = 4000;

/// Feature maps of more numbers are not run: it would only take its time.
const SMALL: usize = 1 << 16;

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
