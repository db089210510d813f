//! What is said and written: places, more words and fewer, lists of names, and the model as JSON.

use std::path::Path;

use serde_json::Value;

use crate::{fail, json, photo, run, succeed};

#[test]
fn folders_are_made_and_a_bad_place_is_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("a/b/why.png");
    let eagle = photo("eagle.jpg");
    succeed(&[
        "explain",
        &eagle,
        "--no-check",
        "-o",
        made.to_str().unwrap(),
    ]);
    assert!(made.is_file());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = |name: &str| file.join(name).to_str().unwrap().to_owned();
    let (png, html, scores, out) = (
        below("a.png"),
        below("a.html"),
        below("a.json"),
        below("out"),
    );
    // With a model that is not there, which is told later.
    for arguments in [
        &["explain", &eagle, "-o", &png][..],
        &["explain", &eagle, &photo("dog.jpg"), "-o", &out],
        &["explain", &eagle, "--npy", &below("a.npy")],
        &["diagnose", &eagle, "--plot", &below("a.svg")],
        &["evaluate", &eagle, "--json", &scores],
        &["report", &eagle, "-o", &html],
        &["compile", "-o", &below("a.onnx")],
    ] {
        let error = fail(&[&["--model", "/nowhere/a.onnx"], arguments].concat());
        assert!(error.starts_with("cannot write "), "{arguments:?}: {error}");
        assert!(
            error.ends_with("file is not a folder"),
            "{arguments:?}: {error}"
        );
    }
    let error = fail(&[
        "compare",
        "built-in",
        "/nowhere/a.onnx",
        &eagle,
        "-o",
        &html,
    ]);
    assert!(error.ends_with("file is not a folder"), "{error}");
}

#[test]
fn quiet_runs_print_json_and_errors_alone_and_verbose_ones_say_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.png");
    let eagle = photo("eagle.jpg");
    assert_eq!(succeed(&["-q", "detect", &eagle]), "");
    let written = ["explain", &eagle, "--quiet", "-o", file.to_str().unwrap()];
    assert_eq!(succeed(&written), "");
    assert!(file.is_file());
    assert!(json(&["detect", &eagle, "-q", "--json"])["detections"].is_array());
    assert!(fail(&["-q", "detect", "/nowhere/a.jpg"]).contains("cannot open"));
    let output = run(&["-v", "detect", &eagle]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success());
    assert!(
        said.contains("model ssdlite_mobilenet_v2_coco (built in), on cpu"),
        "{said}"
    );
    assert!(said.contains("eagle.jpg: 1 detection; read in "), "{said}");
    assert_eq!(run(&["-q", "-v", "detect", &eagle]).status.code(), Some(2));
}

#[test]
fn lists_of_names_are_taken_as_people_type_them() {
    let folder = tempfile::tempdir().unwrap();
    let eagle = photo("eagle.jpg");
    let page = |names: &[&str]| {
        let file = folder.path().join("page.html");
        let place = ["--no-check", "-o", file.to_str().unwrap()];
        succeed(&[&["report", &eagle], &place[..], names].concat());
        std::fs::read_to_string(file).unwrap()
    };
    let expected = page(&["--what-if", "dog,cat"]);
    assert!(expected.contains("dog rather than") && expected.contains("cat rather than"));
    for names in [
        &["--what-if", "dog, cat"][..],
        &["--what-if", "dog,", "cat"],
        &["--what-if=dog,", "cat,"],
        &["--what-if", "dog", "--what-if", "cat"],
    ] {
        assert_eq!(page(names), expected, "{names:?}");
    }
}

#[test]
fn a_model_is_inspected_as_json() {
    let model = json(&["inspect", "--json"]);
    let text = succeed(&["inspect"]);
    assert_eq!(text.lines().next(), model["name"].as_str());
    assert_eq!(model["input"]["width"], 300);
    assert_eq!(
        (&model["default_boxes"], &model["heads"][0]["rows"]),
        (&1917.into(), &19.into())
    );
    let labels = model["labels"].as_array().unwrap();
    assert_eq!(labels.len() as u64, model["classes"].as_u64().unwrap());
    let layers = model["layers"].as_array().unwrap();
    let sum = |field: &str| -> u64 { layers.iter().map(|it| it[field].as_u64().unwrap()).sum() };
    assert_eq!(
        sum("multiply_adds"),
        model["multiply_adds"].as_u64().unwrap()
    );
    let rows = text.lines().skip_while(|line| !line.starts_with("layer "));
    let rows: Vec<&str> = rows.skip(1).take(layers.len()).collect();
    for (layer, row) in layers.iter().zip(&rows) {
        assert!(row.starts_with(layer["tensor"].as_str().unwrap()), "{row}");
        let [channels, rows, cols] = [0, 1, 2].map(|it| layer["output"][it].to_string());
        assert!(row.contains(&format!("{channels}x{rows}x{cols}")), "{row}");
        assert!(row.contains(layer["rule"].as_str().unwrap()), "{row}");
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor_free");
    let model = json(&[
        "inspect",
        golden.join("distances.onnx").to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(model["background"], Value::Null);
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare.onnx");
    std::fs::copy(golden.join("distances.onnx"), &bare).unwrap();
    let error = fail(&["inspect", bare.to_str().unwrap(), "--json"]);
    assert!(error.contains("there is no manifest beside"), "{error}");
}
