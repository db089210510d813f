//! A model whose labels are numbers, in every command.

use std::path::Path;

use serde_json::{Value, json};
use ssdcrp::crp::{Contrast, TargetOutput};
use ssdcrp::detect::{ClassId, Model};
use ssdcrp::stream::evidence::{EventRecord, Limits, Pictures, Store};

use crate::digits::model;
use crate::{SHEEP, photo, succeed};

fn json_of(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

/// Everything about the first explanation but how long it took, and the words of its check, in which labels stand.
fn explained(arguments: &[&str]) -> Value {
    let mut explanation = json_of(&[arguments, &["--json"]].concat())["explanations"][0].take();
    explanation["ms"] = Value::Null;
    assert!(explanation["check"].take().is_string());
    explanation
}

#[test]
fn what_was_detected_is_what_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let model = model.to_str().unwrap();
    let person = photo("person.jpg");
    let found = json_of(&["detect", &person, "--json"]);
    let shifted = json_of(&["detect", &person, "--json", "--model", model]);
    let pairs = found["detections"].as_array().unwrap().iter();
    for (plain, shifted) in pairs.zip(shifted["detections"].as_array().unwrap()) {
        assert_eq!(plain["class"], shifted["class"]);
        let label = plain["class"].as_u64().unwrap() - 1;
        assert_eq!(shifted["label"], label.to_string());
    }

    let best = explained(&["explain", &person, "--best"]);
    let mut same = explained(&["explain", &person, "--best", "--model", model]);
    assert_eq!(same["target"], "class:0", "a person is class 1");
    same["target"] = best["target"].clone();
    assert_eq!(same, best);

    // Sheep is class 20 and horse class 19. A name comes before a number, unless # says that it is one.
    let ask = |target: &str, contrast: &str, more: &[&str]| {
        let asked = ["--box", SHEEP, "--target", target, "--contrast", contrast];
        explained(&[&["explain", &person], &asked[..], more].concat())
    };
    let mut plain = ask("class:sheep", "class:horse", &[]);
    for (target, contrast) in [
        ("class:19", "class:18"),
        ("class:#20", "class:#19"),
        ("class:19", "runner-up"),
    ] {
        let shifted = ask(target, contrast, &["--model", model]);
        plain["target"] = "class:19".into();
        plain["contrast"] = "class:18".into();
        assert_eq!(shifted, plain, "{target} {contrast}");
    }
}

#[test]
fn methods_are_judged_by_the_same_classes() {
    let folder = tempfile::tempdir().unwrap();
    // A small detector, each of whose labels is the number of another class in one of both files.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolo/yolo.onnx");
    let numbered = folder.path().join("numbered.onnx");
    std::fs::copy(&golden, &numbered).unwrap();
    let mut manifest = std::fs::read_to_string(golden.with_extension("toml")).unwrap();
    for (label, number) in [("person", 1), ("horse", 2), ("sheep", 3), ("dog", 0)] {
        let label = format!("\"{label}\"");
        assert!(manifest.contains(&label));
        manifest = manifest.replace(&label, &format!("\"{number}\""));
    }
    std::fs::write(numbered.with_extension("toml"), manifest).unwrap();
    let person = photo("person.jpg");
    let evaluated = |name: &str, model: &Path| {
        let file = folder.path().join(name);
        let methods = [
            "--no-presets",
            "--composites",
            "crp",
            "--baselines",
            "random",
        ];
        let files = ["--detections", "2", "--json", file.to_str().unwrap()];
        let model = ["--score-threshold", "0", "--model", model.to_str().unwrap()];
        succeed(&[&["evaluate", &person], &methods[..], &files, &model].concat());
        let text = std::fs::read_to_string(file).unwrap();
        let mut table: Value = serde_json::from_str(&text).unwrap();
        for row in table["rows"].as_array_mut().unwrap() {
            row["millis"] = Value::Null;
        }
        table["rows"].take()
    };
    let plain = evaluated("plain.json", &golden);
    let mut shifted = evaluated("shifted.json", &numbered);
    let rows = plain.as_array().unwrap().iter();
    assert_eq!(rows.len(), 4);
    for (row, shifted) in rows.zip(shifted.as_array_mut().unwrap()) {
        assert!(shifted["label"].as_str().unwrap().parse::<usize>().is_ok());
        shifted["label"] = row["label"].clone();
        assert_eq!(row, shifted);
    }
}

#[test]
fn a_report_asks_what_was_asked_when_an_event_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let labels = Model::open(&model).unwrap().manifest.labels;
    let events = folder.path().join("events");
    let limits = Limits {
        bytes: 1 << 30,
        per_minute: 10,
    };
    let mut store = Store::open(&events, limits).unwrap();
    let [target, contrast] = [20, 19].map(ClassId);
    let target = TargetOutput::Class(target.into()).text(&labels);
    let contrast = Contrast::Class(contrast.into()).text(&labels);
    assert_eq!([&target, &contrast], ["class:#20", "class:#19"]);
    let event: EventRecord = serde_json::from_value(
        json!({"kind": "ambiguous-class", "words": "19, or 18?", "severity": 0.25,
        "class": 20, "default-box": 1436, "target": target, "contrast": contrast}),
    )
    .unwrap();
    let frame = std::fs::read(photo("person.jpg")).unwrap();
    let pictures = Pictures {
        frame: frame.clone(),
        annotated: frame,
        heatmap: None,
        fed: None,
    };
    let time = std::time::Duration::ZERO;
    (store.keep(time, "today".to_owned(), event, &pictures)).unwrap();
    let page = |name: &str, input: &str| {
        let file = folder.path().join(name);
        let output = file.to_str().unwrap();
        let what_if = ["--what-if", "#20,18", "--no-check"];
        let model = ["--model", model.to_str().unwrap()];
        succeed(&[&["report", input, "-o", output], &what_if[..], &model].concat());
        std::fs::read_to_string(file).unwrap()
    };
    for (name, input) in [
        ("photo.html", photo("person.jpg").as_str()),
        ("events.html", events.to_str().unwrap()),
    ] {
        let page = page(name, input);
        let cards = page.split("<article").skip(1);
        let sheep = cards
            .filter(|card| card.contains("box-1436"))
            .collect::<Vec<_>>();
        let tiles = sheep[0].split("<figcaption>").skip(1);
        let tiles: Vec<&str> = tiles
            .map(|tile| tile.split("</figcaption>").next().unwrap())
            .collect();
        let asked = |words: &str| tiles.iter().any(|tile| tile.contains(words));
        assert!(asked("19 rather than 18"), "{name}: {tiles:?}");
        assert!(
            asked("18 rather than the other classes"),
            "{name}: {tiles:?}"
        );
        let raised = tiles.iter().find(|tile| tile.contains("class=\"ask\""));
        assert!(
            raised.unwrap().contains("19 rather than 18"),
            "{name}: {tiles:?}"
        );
    }
}
