//! A classifier at the command line: one box, the picture, and every class can be asked for however little it scores.

use std::path::Path;

use prost::Message;
use ssdcrp::crp::PRESETS;
use ssdcrp::onnx::proto::{ModelProto, ValueInfoProto};

use crate::{SHEEP, fail, json, photo, succeed};

/// The small net `dense` up to its last fully connected layer, which has six outputs, with a manifest under which nothing is a detection.
fn classifier(folder: &Path) -> String {
    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small/dense.onnx");
    let bytes = std::fs::read(net).expect("the net is there");
    let mut model = ModelProto::decode(bytes.as_slice()).expect("the net is a model");
    let graph = model.graph.as_mut().expect("a graph");
    let end = graph
        .node
        .iter()
        .position(|node| node.output[0] == "product");
    graph.node.truncate(end.expect("a product") + 1);
    graph.output = vec![ValueInfoProto {
        name: Some("product".to_owned()),
        ..Default::default()
    }];
    let file = folder.join("net.onnx");
    std::fs::write(&file, model.encode_to_vec()).expect("written");
    let name = file.to_str().expect("UTF-8").to_owned();
    succeed(&["inspect", &name, "--write-manifest"]);
    let manifest = file.with_extension("toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    assert!(text.contains("kind = \"classifier\""), "{text}");
    let text = text + "\n[detection]\nscore_threshold = 1.0\n";
    std::fs::write(manifest, text).expect("written");
    name
}

#[test]
fn a_class_needs_no_score_to_be_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, dog) = (classifier(folder.path()), photo("dog.jpg"));
    let explain = ["explain", &dog, "--model", &model, "--json"];
    let explained = json(&[&explain[..], &["--target", "class:4"]].concat());
    let explanation = &explained["explanations"][0];
    assert_eq!(explanation["default_box"], 0, "{explained}");
    assert_eq!(explanation["target"], "class:class 4", "{explained}");
    // Without a target it is the likeliest one.
    let explained = json(&explain);
    let detect = ["detect", &dog, "--model", &model, "--json"];
    let likeliest = json(&[&detect[..], &["--score-threshold", "0"]].concat());
    let label = likeliest["detections"][0]["label"]
        .as_str()
        .expect("a label");
    assert_eq!(
        explained["explanations"][0]["target"],
        format!("class:{label}")
    );
    succeed(&["diagnose", &dog, "--model", &model, "--target", "class:4"]);
}

#[test]
fn a_point_means_the_whole_picture_if_it_lies_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, dog) = (classifier(folder.path()), photo("dog.jpg"));
    let explain = ["explain", &dog, "--model", &model, "--json", "--at"];
    let explained = json(&[&explain[..], &["768,0"]].concat());
    assert_eq!(explained["explanations"][0]["default_box"], 0);
    let error = fail(&[&explain[..], &["768.5,5"]].concat());
    assert!(
        error.contains("768.5,5 lies outside of ") && error.ends_with("which is 768x576"),
        "{error}"
    );
}

#[test]
fn its_evaluation_leaves_out_what_asks_for_a_box() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, dog) = (classifier(folder.path()), photo("dog.jpg"));
    let files = ["a.csv", "a.json", "a.svg"].map(|name| folder.path().join(name));
    let [csv, json, svg] = files.each_ref().map(|file| file.to_str().expect("UTF-8"));
    let evaluate = [
        "evaluate",
        &dog,
        "--model",
        &model,
        "--baselines",
        "occlusion,random",
    ];
    let table = succeed(
        &[
            &evaluate[..],
            &["--csv", csv, "--json", json, "--plot", svg],
        ]
        .concat(),
    );
    let heading = table.lines().find(|line| line.starts_with("| method"));
    let heading = heading.expect("a table");
    assert!(
        heading.contains("| vs runner-up ") && !table.contains("largest offset"),
        "{table}"
    );
    let mut reader = csv::Reader::from_path(&files[0]).expect("CSV");
    let columns = reader.headers().expect("a heading").clone();
    let cell = |record: &csv::StringRecord, name: &str| {
        let place = columns.iter().position(|column| column == name);
        record[place.expect("the column")].to_owned()
    };
    let mut rows = 0;
    for record in reader.records() {
        let record = record.expect("a row");
        cell(&record, "vs_mean").parse::<f64>().expect("a number");
        cell(&record, "vs_runner_up_initial")
            .parse::<f64>()
            .expect("a number");
        assert_eq!(
            cell(&record, "offset") + &cell(&record, "offset_initial"),
            ""
        );
        assert_eq!(cell(&record, "energy"), "1");
        rows += 1;
    }
    assert_eq!(rows, PRESETS.len() + 2);
    let text = std::fs::read_to_string(&files[1]).expect("JSON");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let columns = &report["protocol"]["columns"];
    assert_eq!(columns, &serde_json::json!(["vs_mean", "vs_runner_up"]));
    let drawing = std::fs::read_to_string(&files[2]).expect("SVG");
    assert!(drawing.contains("deletion: vs runner-up") && !drawing.contains("offset"));
}

#[test]
fn what_was_not_detected_is_explained_where_it_scores_highest() {
    let scream = photo("scream.jpg");
    fail(&["explain", &scream]);
    let explained = json(&["explain", &scream, "--target", "class:person", "--json"]);
    let likeliest = json(&["detect", &scream, "--score-threshold", "0.01", "--json"]);
    let person = likeliest["detections"]
        .as_array()
        .expect("detections")
        .iter()
        .find(|detection| detection["label"] == "person");
    assert_eq!(
        explained["explanations"][0]["default_box"],
        person.expect("something like a person")["default_box"]
    );
    // A box that is named stays the one that is meant.
    let named = ["--box", SHEEP, "--target", "class:person", "--json"];
    let explained = json(&[&["explain", &scream][..], &named].concat());
    assert_eq!(
        explained["explanations"][0]["default_box"].to_string(),
        SHEEP
    );
}
