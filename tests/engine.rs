//! The engine on a real network and photo: what must hold whatever the numbers are, and what it says about models that it cannot use.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::Array2;
use prost::Message;
use ssdcrp::ErrorKind;
use ssdcrp::crp::{
    Composite, Contrast, GraphForm, LayerType, Propagator, Seed, Target, TargetOutput, compile,
    layer_types,
};
use ssdcrp::detect::decode::decode;
use ssdcrp::detect::{ClassRef, Detector, Forward, Model, preprocess};
use ssdcrp::onnx::proto::ModelProto;
use ssdcrp::runtime::{CancelToken, SessionOptions};

const PERSON: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/golden/ssdlite/person.png"
);
/// The default box at which the white horse is called a sheep.
const HORSE: usize = 1436;

fn forward(model: &Arc<Model>) -> Result<Forward> {
    let photo = image::open(PERSON)?.into_rgb8();
    let input = preprocess::sample(&photo, model.input_size, &model.manifest.input)?;
    Ok(Detector::new(model.clone(), SessionOptions::on_threads(1))?.forward(input)?)
}

fn class(default_box: usize, name: &str, contrast: Contrast) -> Target {
    Target {
        default_box,
        output: TargetOutput::Class(ClassRef::Name(name.to_owned())),
        contrast: Some(contrast),
    }
}

fn offset(default_box: usize, text: &str) -> Result<Target> {
    Ok(Target {
        default_box,
        output: text.parse()?,
        contrast: None,
    })
}

fn largest(map: &Array2<f32>) -> f32 {
    map.iter().fold(0.0, |most, r| most.max(r.abs()))
}

/// Largest difference, as a share of the largest |R|.
fn difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    largest(&(a - b)) / largest(b)
}

#[test]
fn a_batch_over_several_heads_is_the_same_as_one_by_one() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let mut targets = vec![
        class(HORSE, "sheep", Contrast::Mean),
        class(40, "person", Contrast::None),
        offset(HORSE, "offset:w+")?,
        class(HORSE, "horse", Contrast::RunnerUp),
        offset(1916, "offset:cy")?,
        class(1405, "person", Contrast::Mean),
    ];
    // More at one head than one run takes.
    let neighbours = (1..10).map(|n| class(HORSE + 6 * n, "horse", Contrast::Mean));
    targets.extend(neighbours);
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let batch = explainer.explain(&forward, &targets)?;
    assert_eq!(batch.len(), targets.len());
    for (target, together) in targets.iter().zip(&batch) {
        let alone = explainer
            .explain(&forward, std::slice::from_ref(target))?
            .remove(0);
        assert_eq!(alone.question, together.question);
        assert!(largest(&alone.map()) > 0.0);
        let difference = difference(&together.map(), &alone.map());
        assert!(
            difference < 1e-5,
            "{}: {difference}",
            alone.question.wording
        );
    }
    Ok(())
}

#[test]
fn what_is_cancelled_ends_and_the_explainer_answers_again_afterwards() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let target = [class(HORSE, "sheep", Contrast::Mean)];
    let cancelled = CancelToken::default();
    cancelled.cancel();
    let result = explainer.explain_cancellable(&forward, &target, &cancelled);
    assert_eq!(
        result.unwrap_err().kind(),
        ErrorKind::Cancelled,
        "before it begins"
    );

    // Nearly all of the time a network runs: it is one of those that ends.
    let token = CancelToken::default();
    let (explained, explanations) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let explaining = scope.spawn(|| {
            loop {
                match explainer.explain_cancellable(&forward, &target, &token) {
                    Ok(_) => explained.send(())?,
                    Err(error) => return Ok::<_, anyhow::Error>(error),
                }
            }
        });
        explanations.recv()?;
        token.cancel();
        let error = explaining.join().unwrap()?;
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:#}");
        Ok::<_, anyhow::Error>(())
    })?;
    assert_eq!(explainer.explain(&forward, &target)?.len(), 1);
    Ok(())
}

#[test]
fn scores_of_another_network_do_not_enter() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let mut forward = forward(&model)?;
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let target = [class(HORSE, "sheep", Contrast::Mean)];
    let expected = explainer.explain(&forward, &target)?.remove(0).map();
    // As far off as another session's rounding puts a score that is all but 0.
    forward.logits.mapv_inplace(|z| 1.25 * z);
    let found = explainer.explain(&forward, &target)?.remove(0).map();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn relevance_is_linear_in_what_is_asked() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let mut explainer =
        Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let against = |name: &str| Contrast::Class(ClassRef::Name(name.to_owned()));
    let answers = explainer.explain(
        &forward,
        &[
            class(HORSE, "sheep", against("horse")),
            class(HORSE, "horse", against("sheep")),
            class(HORSE, "sheep", Contrast::None),
            class(HORSE, "horse", Contrast::None),
            offset(HORSE, "offset:w+")?,
            offset(HORSE, "offset:w-")?,
        ],
    )?;
    let maps: Vec<Array2<f32>> = answers.iter().map(|answer| answer.map()).collect();
    assert_eq!(
        maps[0], -&maps[1],
        "swapping the classes turns the map around"
    );
    assert_eq!(maps[4], -&maps[5], "so does turning the direction");
    let difference = difference(&(&maps[2] - &maps[3]), &maps[0]);
    assert!(
        difference < 1e-4,
        "a contrast is the difference of two maps, off by {difference}"
    );
    Ok(())
}

#[test]
fn an_offset_without_direction_takes_the_predicted_one() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let composite = Composite::default();
    for (index, name) in ["cx", "cy", "w", "h"].into_iter().enumerate() {
        let question =
            offset(HORSE, &format!("offset:{name}"))?.ask(&model, &composite, &forward)?;
        let predicted = forward.offsets[[HORSE, index]];
        let sign = if predicted < 0.0 { '-' } else { '+' };
        assert_eq!(question.target, format!("offset:{name}{sign}"));
        assert_eq!(question.seed.values.len(), 1);
        assert_eq!(question.seed.values[0].1, predicted.abs());
    }
    Ok(())
}

#[test]
fn a_rule_that_looks_only_at_weights_loses_no_relevance() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let target = class(HORSE, "sheep", Contrast::Mean);
    let flat = "classification=flat,localization=flat,high=flat,low=w2,pixels=w2,add=abs";
    let mut explainer =
        Propagator::new(model.clone(), flat.parse()?, SessionOptions::on_threads(1))?;
    let diagnosis = explainer.diagnose(&forward, &target)?;
    let whole = diagnosis.layers.first().context("no layers")?.sum;
    let pixels: f64 = diagnosis.relevance.iter().map(|&r| f64::from(r)).sum();
    assert!(
        (pixels - whole).abs() < 1e-4 * whole.abs(),
        "{whole} became {pixels}"
    );
    let mut usual = Propagator::new(model, Composite::default(), SessionOptions::on_threads(1))?;
    let diagnosis = usual.diagnose(&forward, &target)?;
    let explained = usual.explain(&forward, &[target])?.remove(0).relevance;
    let difference = (&diagnosis.relevance - &explained)
        .iter()
        .fold(0f32, |most, d| most.max(d.abs()));
    assert!(difference < 1e-6, "{difference}");
    Ok(())
}

#[test]
fn an_edge_starts_with_its_slope_times_the_offset() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let offsets: [f32; 4] = std::array::from_fn(|q| forward.offsets[[HORSE, q]]);
    let edges = |offsets| decode(model.default_boxes[HORSE], offsets, model.coding(HORSE)).edges();
    for (edge, side) in [("left", 0), ("top", 1), ("right", 2), ("bottom", 3)] {
        let target = offset(HORSE, &format!("edge:{edge}+"))?;
        let question = target.ask(&model, &Composite::default(), &forward)?;
        for (channel, relevance) in question.seed.values {
            let q = model.manifest.output.offset_order[channel % 4] as usize;
            let [mut less, mut more] = [offsets; 2];
            less[q] -= 0.05;
            more[q] += 0.05;
            let slope = (edges(more)[side] - edges(less)[side]) / 0.1;
            let expected = slope * offsets[q];
            assert!(
                (relevance - expected).abs() < 1e-3 * expected.abs() + 1e-6,
                "{edge}: {relevance} {expected}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_unit_seed_differs_from_a_score_by_a_factor() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let target = [class(HORSE, "sheep", Contrast::None)];
    let map = |seed| -> Result<Array2<f32>> {
        let composite = Composite {
            seed,
            ..Composite::default()
        };
        Ok(
            Propagator::new(model.clone(), composite, SessionOptions::on_threads(1))?
                .explain(&forward, &target)?
                .remove(0)
                .map(),
        )
    };
    let (score, unit) = (map(Seed::Score)?, map(Seed::Unit)?);
    let factor = largest(&unit) / largest(&score);
    assert!(factor > 0.0 && factor < 1.0, "{factor}");
    let difference = difference(&(&score * factor), &unit);
    assert!(difference < 1e-4, "{difference}");
    Ok(())
}

#[test]
fn questions_that_make_no_sense_are_refused_with_the_reason() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    let forward = forward(&model)?;
    let composite = Composite::default();
    let itself = Contrast::Class(ClassRef::Name("sheep".to_owned()));
    let mut wide = offset(HORSE, "offset:w+")?;
    wide.contrast = Some(Contrast::RunnerUp);
    for (target, reason) in [
        (class(1917, "sheep", Contrast::Mean), "no default box 1917"),
        (class(HORSE, "shep", Contrast::Mean), "sheep"),
        (class(HORSE, "sheep", itself), "with itself"),
        (wide, "goes with a class"),
    ] {
        let error = format!(
            "{:#}",
            target.ask(&model, &composite, &forward).unwrap_err()
        );
        assert!(error.contains(reason), "{error}");
    }
    Ok(())
}

/// A detector of faces or of plates has one class, and perhaps a background.
#[test]
fn a_single_class_has_no_rival_and_the_error_says_what_can_be_asked() -> Result<()> {
    let mut model = Model::built_in()?;
    let names = model.manifest.labels.iter().map(|name| match name {
        "background" | "horse" => name,
        _ => "",
    });
    model.manifest.labels = serde_json::from_value(names.collect())?;
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let composite = Composite::default();
    for contrast in [Contrast::RunnerUp, Contrast::Softmax] {
        let target = class(HORSE, "horse", contrast);
        let error = target.ask(&model, &composite, &forward).unwrap_err();
        let words = "no other class than 'horse' to contrast with: ask with the contrast 'mean', which subtracts the background, or 'none'";
        assert!(error.to_string().contains(words), "{error:#}");
    }
    class(HORSE, "horse", Contrast::Mean).ask(&model, &composite, &forward)?;
    Ok(())
}

/// Writes the default model beside a changed manifest and reads both.
fn read_with_manifest(change: impl Fn(String) -> String) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        models.join("ssdlite_mobilenet_v2_coco.onnx"),
        folder.path().join("model.onnx"),
    )
    .unwrap();
    let manifest = std::fs::read_to_string(models.join("ssdlite_mobilenet_v2_coco.toml")).unwrap();
    std::fs::write(folder.path().join("model.toml"), change(manifest)).unwrap();
    match Model::open(folder.path().join("model.onnx")) {
        Ok(_) => "it fits".to_owned(),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn a_manifest_that_does_not_fit_says_what_was_expected() {
    assert_eq!(read_with_manifest(|text| text), "it fits");
    for (from, to, reason) in [
        (
            "classes = \"class_logits\"",
            "classes = \"scores\"",
            "a tensor 'scores'",
        ),
        ("\"teddy bear\", ", "", "90 labels"),
        ("max_scale", "maximum", "maximum"),
        (
            "reduce_boxes_in_lowest_layer = true",
            "reduce_boxes_in_lowest_layer = false",
            "boxes per cell",
        ),
        (
            "[\"cy\", \"cx\", \"h\", \"w\"]",
            "[\"cy\", \"cy\", \"h\", \"w\"]",
            "offset_order",
        ),
    ] {
        let error = read_with_manifest(|text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        assert!(error.contains(reason), "{to}: {error}");
    }
}

/// Explains with the default model whose manifest got `text` added at its end.
fn explainer_with(text: &str) -> Result<(Propagator, Composite)> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("model.onnx");
    std::os::unix::fs::symlink(models.join("ssdlite_mobilenet_v2_coco.onnx"), &file)?;
    let manifest = std::fs::read_to_string(models.join("ssdlite_mobilenet_v2_coco.toml"))?;
    let (top, tables) = text.split_once("---").unwrap_or((text, ""));
    std::fs::write(
        folder.path().join("model.toml"),
        format!("{top}\n{manifest}\n{tables}"),
    )?;
    let model = Arc::new(Model::open(&file)?);
    let composite = Composite::of(&model)?;
    Ok((
        Propagator::new(model, composite.clone(), SessionOptions::on_threads(1))?,
        composite,
    ))
}

#[test]
fn a_manifest_can_name_composite_and_layer_types() -> Result<()> {
    let (explainer, composite) = explainer_with("")?;
    assert_eq!(composite, Composite::default());
    let of = |explainer: &Propagator, tensor: &str| -> Result<LayerType> {
        let layers = explainer.layers()?;
        Ok(layers
            .into_iter()
            .find(|l| l.tensor == tensor)
            .context("no such layer")?
            .layer_type)
    };
    assert_eq!(of(&explainer, "expanded_conv_6/expand")?, LayerType::Low);
    let changed = "composite = \"low=flat\"---[layer_types]\n\"expanded_conv_6/expand\" = \"high\"";
    let (explainer, composite) = explainer_with(changed)?;
    assert_eq!(composite.low.to_string(), "flat");
    assert_eq!(of(&explainer, "expanded_conv_6/expand")?, LayerType::High);
    assert_eq!(of(&explainer, "expanded_conv_5/project")?, LayerType::Low);
    for (text, reason) in [
        ("composite = \"low=round\"", ": line 1: composite: "),
        (
            "---[layer_types]\n\"expanded_conv_99\" = \"high\"",
            "[layer_types] expanded_conv_99: no layer writes it",
        ),
        (
            "---[layer_types]\n\"expanded_conv_6/expand\" = \"top\"",
            "[layer_types] expanded_conv_6/expand: there is no layer type 'top'",
        ),
    ] {
        let error = explainer_with(text).err().context(text)?;
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
    Ok(())
}

/// What compiling a small net says when its Clip node is replaced by another operator, and that node's name.
fn compile_with(operator: &str) -> Result<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small/clipped.onnx");
    let mut model = ModelProto::decode(std::fs::read(path)?.as_slice())?;
    let graph = model.graph.as_mut().context("no graph")?;
    let node = graph
        .node
        .iter_mut()
        .find(|node| node.op_type() == "Clip")
        .context("no Clip")?;
    node.op_type = Some(operator.to_owned());
    node.input.truncate(1);
    let name = node.name().to_owned();
    let graph = ssdcrp::onnx::parse(model.encode_to_vec().into(), "net.onnx")?;
    let heads: Vec<&str> = graph
        .nodes()
        .iter()
        .map(|node| node.name())
        .filter(|name| name.ends_with(".class_logits") || name.ends_with(".box_offsets"))
        .collect();
    assert!(!heads.is_empty());
    let compiled = layer_types(&graph, &heads, &[]).and_then(|types| {
        compile(
            &graph,
            &types,
            &Composite::default(),
            &heads,
            &[],
            GraphForm::default(),
        )
    });
    Ok((
        compiled.map_or_else(|error| format!("{error:#}"), |_| "compiles".to_owned()),
        name,
    ))
}

#[test]
fn an_operator_without_a_rule_is_named_with_its_node() -> Result<()> {
    assert_eq!(compile_with("Relu")?.0, "compiles");
    let (error, node) = compile_with("Sign")?;
    assert!(
        error.contains(&format!("Sign node '{node}'")) && error.contains("supported: Conv"),
        "{error}"
    );
    let (error, node) = compile_with("Erf")?;
    assert!(
        error.contains(&format!("Erf node '{node}' is not understood")),
        "{error}"
    );
    Ok(())
}
