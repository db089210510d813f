//! A YOLO between bars at the command line: report, evaluation and diagnosis take it as they take an SSD, and the report asks why there is an object at all.

use std::path::Path;

use crate::{json, photo, succeed};

/// The small golden YOLO with its likeliest boxes as detections and pictures between bars, and its file's name.
fn letterboxed(folder: &Path) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolo/yolo.toml");
    let text = std::fs::read_to_string(&golden).expect("a manifest");
    let text = text
        .replace(
            "resize = \"bilinear\"",
            "resize = { letterbox = \"centre\" }",
        )
        .replace(
            "score_threshold = 0.5",
            "score_threshold = 0.05\nmax_detections = 3",
        );
    assert!(text.contains("letterbox") && text.contains("0.05"));
    let file = folder.join("yolo.onnx");
    std::fs::write(file.with_extension("toml"), text).expect("written");
    std::fs::copy(golden.with_extension("onnx"), &file).expect("copied");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn its_report_asks_why_there_is_an_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, dog) = (letterboxed(folder.path()), photo("dog.jpg"));
    let detected = json(&["detect", &dog, "--model", &model, "--json"]);
    let detections = detected["detections"].as_array().expect("detections");
    assert!(!detections.is_empty());
    for detection in detections {
        let edges = detection["box"].as_array().expect("a box");
        let [x0, y0, x1, y1] = [0, 1, 2, 3].map(|i| edges[i].as_f64().expect("a number"));
        assert!(0.0 <= x0 && x0 < x1 && x1 <= 768.0, "{detection}");
        assert!(0.0 <= y0 && y0 < y1 && y1 <= 576.0, "{detection}");
    }
    let page = folder.path().join("report.html");
    let page_name = page.to_str().expect("UTF-8");
    succeed(&["report", &dog, "--model", &model, "-o", page_name]);
    let page = std::fs::read_to_string(&page).expect("a page");
    for card in page.split("<article").skip(1) {
        assert!(card.contains("<strong>an object</strong>"), "{card}");
        assert!(!card.contains("could not be explained"), "{card}");
    }
    assert!(page.matches("<article").count() >= 1);
    succeed(&[
        "diagnose",
        &dog,
        "--model",
        &model,
        "--target",
        "objectness",
    ]);
    succeed(&["evaluate", &dog, "--model", &model, "--baselines", "random"]);
}

#[test]
fn what_it_misses_is_asked_of_objectness_where_it_sees_no_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, dog) = (letterboxed(folder.path()), photo("dog.jpg"));
    let asked = ["explain", &dog, "--model", &model, "--missing", "380,290"];
    let strict = ["--score-threshold", "0.99", "--json", "--no-check"];
    let explained = json(&[&asked[..], &strict].concat());
    let explanation = &explained["explanations"][0];
    let missing = &explanation["missing"];
    assert_eq!(missing["cause"], "no object", "{missing}");
    assert_eq!(explanation["target"], "objectness");
    assert!(missing["missed_by_logits"].as_f64().expect("logits") > 0.0);
    // The class that is asked about is the one that is missing.
    let class = ["--target", "class:1"];
    let explained = json(&[&asked[..], &strict, &class].concat());
    assert_eq!(explained["explanations"][0]["missing"]["class"], 1);
    let loose = ["--score-threshold", "0.05", "--no-check"];
    let words = succeed(&[&asked[..], &loose].concat());
    assert!(words.contains(" found"), "{words}");
}
