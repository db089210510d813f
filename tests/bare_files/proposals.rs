//! Manifests proposed for bare files, above preprocessing and behind softmax, suppression and joins.

use std::sync::Arc;

use anyhow::{Context, Result};
use ssdcrp::crp::{Composite, Contrast, Propagator, Target};
use ssdcrp::detect::Model;
use ssdcrp::onnx::proto::tensor_shape_proto::dimension;
use ssdcrp::onnx::proto::type_proto::Value as TypeValue;
use ssdcrp::onnx::proto::{ModelProto, ValueInfoProto};
use ssdcrp::runtime::SessionOptions;

use super::nets::{class, integer, node, proto, with_ending, with_proposed, wrapped};
use super::pattern::forward;

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

/// A manifest that is proposed has to be one with which the model opens.
#[test]
fn no_manifest_is_proposed_for_other_pictures_than_there_are() -> Result<()> {
    let whole = proto("lite_heads")?;
    let folder = tempfile::tempdir()?;
    with_proposed(&whole, folder.path())?;
    let sized = |axis: usize, size: i64| -> Result<ModelProto> {
        let mut model = whole.clone();
        let input = &mut model.graph.as_mut().context("no graph")?.input[0];
        let kind = input.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        let Some(TypeValue::TensorType(tensor)) = kind else {
            anyhow::bail!("no tensor");
        };
        let shape = tensor.shape.as_mut().context("no shape")?;
        shape.dim[axis].value = Some(dimension::Value::DimValue(size));
        Ok(model)
    };
    let mut two_inputs = whole.clone();
    let graph = two_inputs.graph.as_mut().context("no graph")?;
    let other = ValueInfoProto {
        name: Some("other".to_owned()),
        ..graph.input[0].clone()
    };
    graph.input.push(other);
    for (model, words) in [
        (two_inputs, "the graph has 2 inputs"),
        (sized(0, 2)?, "[1, channels, height, width] was expected"),
    ] {
        let error = with_proposed(&model, folder.path()).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains(words) && !error.contains("do not fit together"),
            "{error}"
        );
    }
    Ok(())
}

/// As many boxes a cell on each grid could be the bins of a detector without anchors, but for what the graph makes of them.
#[test]
fn a_feature_pyramid_whose_boxes_are_decoded_in_the_graph_is_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut parts = node("Split", &["box_offsets"], "cy");
    parts.output = ["cy", "cx", "h", "w"].map(str::to_owned).to_vec();
    parts.attribute = vec![integer("axis", 2)];
    let nodes = vec![
        node("Sigmoid", &["class_logits"], "scores"),
        parts,
        node("Exp", &["h"], "heights"),
    ];
    let model = with_ending(proto("feature_pyramid")?, nodes)?;
    let (_, manifest) = with_proposed(&model, folder.path())?;
    assert!(manifest.contains("kind = \"ssd\""), "{manifest}");
    assert!(manifest.contains("generator = \"multiscale-anchors\""));
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
