//! What the engine runs is a faster form of the graph that anyone can export: going on from the detector's forward pass, chains of nodes as one, flat parts in one channel.
//! Here each form is held against the standard one.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::{Array2, Array4};
use ssdcrp::crp::{
    Composite, Explanation, GraphForm, PRESETS, Propagator, Target, TargetOutput, compile,
    layer_types, seed_name,
};
use ssdcrp::detect::{ClassRef, Detector, Forward, Model, preprocess};
use ssdcrp::onnx;
use ssdcrp::runtime::{CancelToken, Network, RuntimeTensor, SessionOptions, only};

/// Largest difference allowed, as a share of the largest |R|.
const TOLERANCE: f32 = 1e-5;

/// Boxes of the finest, the second and the coarsest head; of the finest also in two corners, where windows hang over the border.
const BOXES: [usize; 5] = [0, 271, 1082, 1436, 1915];

fn one_thread() -> SessionOptions {
    SessionOptions::on_threads(1)
}

fn photo(model: &Model) -> Result<ssdcrp::detect::NetworkInput> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ssdlite/person.png");
    let photo = image::open(path)?.into_rgb8();
    Ok(preprocess::sample(
        &photo,
        model.input_size,
        &model.manifest.input,
    )?)
}

fn difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    let largest = b.iter().fold(0f32, |most, r| most.max(r.abs()));
    let worst = a
        .iter()
        .zip(b)
        .fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    worst / largest
}

fn targets() -> Vec<Target> {
    let outputs = [
        TargetOutput::Class(ClassRef::Name("person".to_owned())),
        "offset:w+".parse().unwrap(),
    ];
    let boxes = BOXES.iter().flat_map(|&default_box| {
        outputs.clone().map(|output| Target {
            default_box,
            output,
            contrast: None,
        })
    });
    boxes.collect()
}

/// By the graph that can be exported, run on the picture alone.
fn exported(
    model: &Arc<Model>,
    composite: &Composite,
    forward: &Forward,
) -> Result<Vec<Array2<f32>>> {
    let explainer = Propagator::new(model.clone(), composite.clone(), one_thread())?;
    let mut networks: Vec<(String, Network)> = Vec::new();
    let mut maps = Vec::new();
    for target in targets() {
        let seed = target.ask(model, composite, forward)?.seed;
        let of_offsets = matches!(target.output, TargetOutput::Offset(..));
        // Offsets may have rules of their own at the high level, which the one graph for all heads has not.
        let composite = match of_offsets {
            true => Composite {
                high: composite.localization_high,
                ..composite.clone()
            },
            false => composite.clone(),
        };
        let at = networks
            .iter()
            .position(|(tensor, _)| *tensor == seed.tensor);
        let at = match at {
            Some(at) => at,
            None => {
                let types = explainer
                    .layers()?
                    .into_iter()
                    .map(|l| (l.tensor, l.layer_type));
                let graph = compile(
                    &model.graph,
                    &types.collect(),
                    &composite,
                    &[&seed.tensor],
                    &[],
                    GraphForm::default(),
                )?;
                networks.push((
                    seed.tensor.clone(),
                    Network::load(&graph.model, one_thread())?,
                ));
                networks.len() - 1
            }
        };
        let [_, channels, rows, cols] = model.graph.feature_map(&seed.tensor)?;
        let mut relevance = Array4::zeros((1, channels, rows, cols));
        for &(channel, value) in &seed.values {
            relevance[[0, channel, seed.cell[0], seed.cell[1]]] = value;
        }
        let name = seed_name(&seed.tensor);
        let found = only(networks[at].1.run(&[
            (&model.input_name, forward.input.tensor.view().into_dyn()),
            (&name, relevance.view().into_dyn()),
        ])?)?;
        maps.push(
            found
                .into_dimensionality::<ndarray::Ix4>()?
                .index_axis_move(ndarray::Axis(0), 0)
                .sum_axis(ndarray::Axis(0)),
        );
    }
    Ok(maps)
}

#[test]
fn the_engine_computes_what_the_exported_graph_does() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let flat = "low=flat,pixels=flat,add=half,pool=uniform";
    for name in PRESETS.into_iter().chain([flat]) {
        let composite: Composite = name.parse()?;
        let mut explainer = Propagator::new(model.clone(), composite.clone(), one_thread())?;
        let handed = explainer.reads().to_vec();
        assert!(!handed.is_empty(), "{name}");
        let mut detector = Detector::handing_over(model.clone(), handed, one_thread())?;
        let forward = detector.forward(photo(&model)?)?;
        let alone = Detector::new(model.clone(), one_thread())?.forward(photo(&model)?)?;
        let expected = exported(&model, &composite, &forward)?;
        for forward in [&forward, &alone] {
            let found = explainer.explain(forward, &targets())?;
            for (found, expected) in found.iter().zip(&expected) {
                let worst = difference(&Explanation::map(found), expected);
                println!("{name} {}: {worst:e}", found.default_box);
                // Denominators that may cancel enlarge what rounding leaves, as far as ε lets them.
                let tolerance = match name {
                    "lrp-simple" | "lrp-epsilon" => 5e-3,
                    "crp-epsilon" => 1e-4,
                    _ => TOLERANCE,
                };
                assert!(
                    worst <= tolerance,
                    "{name} {}: {worst:e}",
                    found.default_box
                );
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_handed_over_is_not_computed_again() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let features: Composite = "crp-features".parse()?;
    let mut explainer = Propagator::new(model.clone(), features, one_thread())?;
    let handed = explainer.reads().to_vec();
    let mut detector = Detector::handing_over(model.clone(), handed, one_thread())?;
    let mut forward = detector.forward(photo(&model)?)?;
    let before = explainer.explain(&forward, &targets())?;
    // Without its picture the forward pass is all that there is.
    forward.input.tensor.fill(0.0);
    let after = explainer.explain(&forward, &targets())?;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.map(), after.map());
    }
    Ok(())
}

#[test]
fn a_flat_part_in_one_channel_is_the_same_as_the_long_way() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let composite: Composite = "high=abs,low=flat,pixels=flat,add=half,pool=uniform".parse()?;
    let mut collapsed = 0;
    let nets = std::fs::read_to_string(folder.join("small/cases.json"))?;
    let nets: serde_json::Value = serde_json::from_str(&nets)?;
    for net in nets["nets"].as_array().context("no nets")? {
        let name = net["name"].as_str().context("no name")?;
        let graph = onnx::read(&folder.join(format!("small/{name}.onnx")))?;
        let of = |wanted: &str| -> Vec<&str> {
            let types = net["types"].as_object().into_iter().flatten();
            types
                .filter(|(_, of)| *of == wanted)
                .map(|(tensor, _)| tensor.as_str())
                .collect()
        };
        let (classes, offsets) = (of("classification"), of("localization"));
        let types = layer_types(&graph, &classes, &offsets)?;
        let heads: Vec<&str> = classes.into_iter().chain(offsets).collect();
        // What is watched is wanted channel by channel, so nothing is collapsed.
        let watched = [heads[0]];
        let [short, long] = [&[][..], &watched[..]].map(|watched| {
            compile(
                &graph,
                &types,
                &composite,
                &heads,
                watched,
                GraphForm::default(),
            )
        });
        let (short, long) = (short?, long?);
        let (image, shape) = graph.image_input()?;
        let picture = Array4::from_shape_fn(shape, |(_, c, y, x)| {
            ((c * 7 + y * 3 + x * 5) % 11) as f32 / 11.0
        });
        let mut seeds = Vec::new();
        for head in &heads {
            let [_, c, h, w] = graph.feature_map(head)?;
            let seed = Array4::from_shape_fn((2, c, h, w), |(n, c, y, x)| {
                ((n * 3 + c * 5 + y * 2 + x) % 7) as f32 - 3.0
            });
            seeds.push((seed_name(head), seed));
        }
        let mut inputs = vec![(image, picture.view().into_dyn())];
        inputs.extend(
            seeds
                .iter()
                .map(|(name, seed)| (name.as_str(), seed.view().into_dyn())),
        );
        let run = |model: &[u8]| -> Result<_> {
            let outputs = Network::load(model, one_thread())?.run(&inputs)?;
            outputs.into_iter().next().context("no output")
        };
        let (a, b) = (run(&short.model)?, run(&long.model)?);
        let largest = b.iter().fold(0f32, |most, r| most.max(r.abs()));
        let worst = a
            .iter()
            .zip(&b)
            .fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        println!("{name}: {:e}", worst / largest);
        assert!(
            worst <= TOLERANCE * largest,
            "{name}: {:e}",
            worst / largest
        );
        // What windows of ones over one channel are called.
        let is_short = short.model.windows(9).any(|text| text == b"window:1x");
        collapsed += usize::from(is_short);
    }
    assert!(collapsed >= 5, "{collapsed} nets have a flat part");
    Ok(())
}

/// Explanations read a forward pass while the next ones are made.
#[test]
fn kept_outputs_stay_as_they_are_and_their_memory_is_used_again() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let outputs = ["head0/class", "expanded_conv_6/expand/relu6"];
    let file = model.graph.to_model(&outputs)?;
    let mut network = Network::load(&file, one_thread())?;
    let first = photo(&model)?.tensor.into_dyn();
    let second = first.mapv(|value| -value);
    let mut keep = |picture: &ndarray::ArrayD<f32>| {
        let inputs = [(model.input_name.as_str(), picture.view())];
        network.run_and_keep(&inputs, &CancelToken::default())
    };
    let place = |outputs: &[RuntimeTensor]| -> Result<Vec<*const f32>> {
        let places = outputs.iter().map(|output| Ok(output.view()?.as_ptr()));
        places.collect()
    };
    let a = keep(&first)?;
    let b = keep(&second)?;
    let places = [place(&a)?, place(&b)?];
    assert!(places[0].iter().zip(&places[1]).all(|(a, b)| a != b));
    let mut alone = Network::load(&file, one_thread())?;
    for (kept, picture) in [(&a, &first), (&b, &second)] {
        let expected = alone.run(&[(model.input_name.as_str(), picture.view())])?;
        for (kept, expected) in kept.iter().zip(&expected) {
            assert_eq!(kept.view()?, expected);
        }
    }
    // One output that is still read keeps the memory of all.
    let [_, tapped] = <[RuntimeTensor; 2]>::try_from(a)
        .ok()
        .context("two outputs")?;
    let c = keep(&second)?;
    assert!(!places.contains(&place(&c)?));
    drop((tapped, b));
    let (d, e) = (keep(&first)?, keep(&first)?);
    let mut again = [place(&d)?, place(&e)?];
    again.sort();
    let mut expected = places;
    expected.sort();
    assert_eq!(again, expected);
    Ok(())
}
