//! The readers of the engine, each given bytes that may be anything.

use std::sync::Arc;

use ssdcrp::crp::{
    Composite, Contrast, GraphForm, LayerType, Propagator, TargetOutput, compile, layer_types,
};
use ssdcrp::detect::propose::propose;
use ssdcrp::detect::{ClassRef, Labels, Manifest, Model};
use ssdcrp::onnx::{self, Graph};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::evidence::Records;
use ssdcrp::truth::Truth;

const COMPOSITES: [&str; 3] = ["crp", "crp-features", "lrp-alpha2beta1"];

/// An ONNX file: read, canonicalised, a manifest proposed, and the relevance of its outputs compiled.
pub fn model(data: &[u8]) {
    let Ok(graph) = onnx::parse(data.to_vec().into(), "model.onnx") else {
        return;
    };
    if let Ok(text) = propose(&graph, "model", None) {
        Manifest::parse(&text, "model.toml").expect("what is proposed is read");
        if let Ok(model) = Model::from_bytes(data, &text) {
            prepare(model);
        }
    }
    let outputs: Vec<&str> = graph.outputs().collect();
    let _ = graph.to_model(&outputs);
    let composite = COMPOSITES[data.len() % COMPOSITES.len()];
    let _ = explain(&graph, &composite.parse().expect("a preset"));
}

/// Every convolution that no other one follows is taken for a head.
fn explain(graph: &Graph, composite: &Composite) -> ssdcrp::Result<()> {
    let last = graph
        .nodes()
        .iter()
        .rev()
        .filter(|node| node.op_type() == "Conv");
    let heads: Vec<String> = last
        .take(2)
        .filter_map(|node| node.output.first().cloned())
        .collect();
    let classes: Vec<&str> = heads.iter().take(1).map(String::as_str).collect();
    let offsets: Vec<&str> = heads.iter().skip(1).map(String::as_str).collect();
    let types = layer_types(graph, &classes, &offsets)?;
    let is_head = |t: &LayerType| matches!(t, LayerType::Classification | LayerType::Localization);
    let heads = types.iter().filter(|(_, of)| is_head(of));
    let heads: Vec<&str> = heads.map(|(tensor, _)| tensor.as_str()).collect();
    for form in [GraphForm::default(), GraphForm::own()] {
        compile(graph, &types, composite, &heads, &[], form)?;
    }
    Ok(())
}

/// A manifest.
pub fn manifest(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = Manifest::parse(text, "a.toml")
    {
        let words = format!("{error:#}");
        assert!(
            words.starts_with("a.toml: ") && !words.contains(char::is_control),
            "{words:?}"
        );
    }
}

/// Networks with the start of the names of their heads; none is run here.
const NETWORKS: [(&str, &[u8]); 6] = [
    (
        "010_conv",
        include_bytes!("../../tests/golden/yolo/yolo.onnx"),
    ),
    (
        "head0\"",
        include_bytes!("../../tests/golden/yolov5/yolov5.onnx"),
    ),
    (
        "head0\"",
        include_bytes!("../../tests/golden/joined/joined.onnx"),
    ),
    (
        "head0/",
        include_bytes!("../../tests/golden/anchor_free/distances.onnx"),
    ),
    (
        "head0/",
        include_bytes!("../../tests/golden/anchor_free/offsets.onnx"),
    ),
    (
        "head/",
        include_bytes!("../../tests/golden/joined/bounded.onnx"),
    ),
];

/// A manifest beside each network that has the heads that it names: heads and default boxes found, an explanation prepared.
pub fn fit(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if Manifest::parse(text, "a.toml").is_err() {
        return;
    }
    for (name, network) in NETWORKS {
        if text.contains(name)
            && let Ok(model) = Model::from_bytes(network, text)
        {
            prepare(model);
        }
    }
}

/// All of an explanation that comes before a network runs.
fn prepare(model: Model) {
    let places = (0..model.default_boxes.len()).map(|index| model.coding(index));
    assert!(places.count() > 0, "a model without boxes");
    if let Ok(composite) = Composite::of(&model) {
        let _ = Propagator::new(Arc::new(model), composite, SessionOptions::on_threads(1));
    }
}

/// The words of targets, contrasts, composites and classes; what is understood is written as words that mean the same.
pub fn grammar(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(target) = text.parse::<TargetOutput>() {
        assert_eq!(
            target.to_string().parse::<TargetOutput>().ok(),
            Some(target)
        );
    }
    if let Ok(contrast) = text.parse::<Contrast>() {
        assert_eq!(
            contrast.to_string().parse::<Contrast>().ok(),
            Some(contrast)
        );
    }
    if let Ok(composite) = text.parse::<Composite>() {
        let again = composite.to_string().parse::<Composite>();
        assert_eq!(
            again.map(|again| again.to_string()).ok(),
            Some(composite.to_string())
        );
    }
    let class: ClassRef = text.parse().unwrap_or_else(|never| match never {});
    let _ = labels().find(&class.to_string());
}

fn labels() -> Labels {
    ["background", "dog", "", "12", "#1"].into_iter().collect()
}

/// Annotations: XML of Pascal VOC where they begin as XML does, else JSON of COCO.
pub fn annotations(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let stem = text.trim_start().starts_with('<').then_some("picture");
        let mut truth = Truth::default();
        if truth.add_text(text, stem, &labels()).is_ok() {
            let annotated = truth.of("picture").unwrap_or_default().iter();
            for object in annotated {
                assert!(
                    object
                        .rect
                        .edges()
                        .iter()
                        .all(|edge| (0.0..=1.0).contains(edge)),
                    "{object:?}"
                );
            }
        }
    }
}

/// The lines of a folder of events: those that are read are written as lines that are read.
pub fn events(data: &[u8]) {
    let read = Records::parse(data);
    for record in &read.records {
        let _ = record.event.question();
        let line = serde_json::to_vec(record).expect("a record is written");
        let again = Records::parse(&line);
        assert_eq!((again.records.len(), again.unreadable), (1, 0));
    }
}
