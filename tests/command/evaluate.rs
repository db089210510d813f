//! `ssdcrp evaluate` compares methods: its table, its files, its repeatability.

use std::path::Path;

use serde_json::Value;

use crate::{photo, run, succeed};

/// A small detector, in which every step takes milliseconds.
fn small(name: &str) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let file = golden.join(name).with_extension("onnx");
    file.to_str().expect("UTF-8").to_owned()
}

/// What a run writes: standard output, CSV, JSON, SVG.
fn evaluated(folder: &Path, seed: &str, more: &[&str]) -> [String; 4] {
    let names = ["table.csv", "table.json", "table.svg"].map(|name| folder.join(name));
    let [csv, json, svg] = names.each_ref().map(|path| path.to_str().unwrap());
    let (photo, model) = (photo("dog.jpg"), small("yolo/yolo"));
    let mut arguments = vec!["evaluate", &photo, "--model", &model, "--seed", seed];
    arguments.extend(["--detections", "1", "--score-threshold", "0"]);
    // Threads of so small a network mostly wait for each other.
    arguments.extend(["--threads", "1"]);
    arguments.extend([
        "--no-presets",
        "--composites",
        "crp; high=alphabeta:2,1,low=zplus; crp@mean",
    ]);
    // What is named twice counts once.
    arguments.extend(["--baselines", "gradient-x-input,masks:4,random,random"]);
    arguments.extend(["--csv", csv, "--json", json, "--plot", svg]);
    arguments.extend(more);
    let table = succeed(&arguments);
    let [csv, json, svg] = names.map(|path| std::fs::read_to_string(path).unwrap());
    [table, csv, json, svg]
}

/// The JSON without its times.
fn timeless(json: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).unwrap();
    for list in ["rows", "summaries"] {
        for entry in value[list].as_array_mut().unwrap() {
            assert!(entry["millis"].as_f64().unwrap() >= 0.0);
            entry["millis"] = Value::Null;
        }
    }
    value
}

#[test]
fn a_run_gives_table_and_files_and_the_seed_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let [table, csv, json, svg] = evaluated(folder.path(), "7", &["--randomise"]);
    let methods = [
        "crp",
        "high=alphabeta:2,1,low=zplus",
        "crp@mean",
        "gradient-x-input",
        "masks:4",
        "random",
    ];
    let json = timeless(&json);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap().get(5), Some("vs_mean"));
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), methods.len());
    for (index, method) in methods.into_iter().enumerate() {
        assert!(
            table.contains(&format!("| {method} ")),
            "{method} in\n{table}"
        );
        assert!(svg.contains(&format!(">{method}</text>")));
        assert_eq!(records[index].get(0), Some(method));
        let row = &json["rows"][index];
        assert_eq!(row["method"], method);
        let curve = &row["deletion"][0];
        let steps = |name: &str| -> Vec<f64> {
            let steps = curve[name].as_array().unwrap().iter();
            steps.map(|value| value.as_f64().unwrap()).collect()
        };
        let (most, least) = (steps("most"), steps("least"));
        assert_eq!((most.len(), least.len()), (10, 10));
        let score = least.iter().zip(&most).map(|(l, m)| l - m).sum::<f64>() / 10.0;
        let written: f64 = records[index][5].parse().unwrap();
        assert!(
            (score - written).abs() < 1e-9,
            "{method}: {score}, {written}"
        );
        assert!(
            (json["summaries"][index]["deletion"][0]["mean"]
                .as_f64()
                .unwrap()
                - score)
                .abs()
                < 1e-9
        );
    }
    // A contrast of a composite's own is one of classes: the offset is explained as without it.
    let offset = |row: usize| &json["rows"][row]["deletion"][2];
    assert_eq!(offset(0), offset(2));
    assert_ne!(offset(0), offset(1));
    // What looks into the network: the map is another one when all weights are.
    let randomised = json["randomisation"].as_array().unwrap();
    assert_eq!(randomised.len(), 4);
    for entry in randomised {
        let last = entry["stages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["layers"], last["of"]);
        assert!(
            last["similarity"]["cosine"].as_f64().unwrap() < 0.9,
            "{entry}"
        );
    }

    let again = timeless(&evaluated(folder.path(), "7", &[])[2]);
    assert_eq!(again["rows"], json["rows"]);
    assert_eq!(again["summaries"], json["summaries"]);
    let other = timeless(&evaluated(folder.path(), "8", &[])[2]);
    // The noise of ODAM's deletion and of repeatability is drawn, the map is not.
    assert_eq!(other["rows"][0]["deletion"], json["rows"][0]["deletion"]);
    assert_ne!(other["rows"][5]["deletion"], json["rows"][5]["deletion"]);
}

#[test]
fn a_contrast_of_classes_is_none_of_offsets() {
    let (photo, model) = (photo("dog.jpg"), small("anchor_free/distances"));
    // Its cells have one box each: there is no other one to contrast an offset with.
    let table = succeed(&[
        "evaluate",
        &photo,
        "--model",
        &model,
        "--detections",
        "1",
        "--no-presets",
        "--composites",
        "crp@mean",
        "--baselines",
        "none",
    ]);
    assert!(table.contains("| crp@mean "), "{table}");
}

#[test]
fn a_baseline_that_the_network_does_not_have_is_left_out_unless_it_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small/max_pool_2x2.onnx");
    let file = folder.path().join("net.onnx");
    std::fs::copy(net, &file).expect("copied");
    let file = file.to_str().expect("UTF-8");
    succeed(&["inspect", file, "--write-manifest"]);
    let photo = photo("dog.jpg");
    let mut arguments = vec!["evaluate", &photo, "--model", file, "--detections", "1"];
    arguments.extend(["--score-threshold", "0", "--no-presets"]);
    let output = run(&arguments);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    assert!(
        said.starts_with("ssdcrp: left out: deeplift of dog.jpg: "),
        "{said}"
    );
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        table.contains("| occlusion") && !table.contains("| deeplift"),
        "{table}"
    );
    arguments.extend(["--baselines", "deeplift"]);
    assert!(crate::fail(&arguments).contains("deeplift of dog.jpg: "));
}

#[test]
fn what_was_interrupted_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small/max_pool_2x2.onnx");
    let file = folder.path().join("net.onnx");
    std::fs::copy(net, &file).expect("copied");
    let file = file.to_str().expect("UTF-8");
    succeed(&["inspect", file, "--write-manifest"]);
    let [scores, whole] = ["scores.json", "whole.json"].map(|name| folder.path().join(name));
    let partial = folder.path().join("scores.json.partial");
    let [dog, person] = ["dog.jpg", "person.jpg"].map(photo);
    // Of the same pixels, but with random numbers of its own.
    let copy = folder.path().join("copy.jpg");
    std::fs::copy(&dog, &copy).expect("copied");
    let copy = copy.to_str().expect("UTF-8");
    let call = |photos: &[&str], json: &Path, baselines: &str, seed: &str| {
        let json = json.to_str().expect("UTF-8");
        let mut arguments = [&["evaluate"], photos, &["--model", file]].concat();
        arguments.extend(["--detections", "1", "--score-threshold", "0"]);
        arguments.extend(["--no-presets", "--baselines", baselines]);
        arguments.extend(["--seed", seed, "--json", json]);
        run(&arguments)
    };
    let two = [dog.as_str(), &person];
    // The network has a max pooling, through which DeepLIFT does not pass: the end comes in the middle.
    let output = call(&two, &scores, "random,gradient-x-input,deeplift", "7");
    assert_eq!(output.status.code(), Some(1));
    assert!(partial.is_file() && !scores.exists());
    let kept = std::fs::read_to_string(&partial).expect("text");
    assert_eq!(kept.lines().count(), 1 + 2 * 2, "{kept}");

    let error = crate::failure(&call(&two, &scores, "random", "8"));
    assert!(error.contains("its seed was 7, now it is 8"), "{error}");
    // Every composite depends on the layers' types.
    let manifest = Path::new(file).with_extension("toml");
    let text = std::fs::read_to_string(&manifest).expect("text");
    let typed = text.clone() + "\n[layer_types]\n\"nowhere\" = \"high\"\n";
    std::fs::write(&manifest, typed).expect("written");
    let error = crate::failure(&call(&two, &scores, "random", "7"));
    assert!(error.contains("its model was"), "{error}");
    std::fs::write(&manifest, text).expect("written");

    let three = [dog.as_str(), &person, copy];
    let baselines = "random,gradient-x-input,occlusion";
    let output = call(&three, &scores, baselines, "7");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        output.status.success() && said.contains("goes on from 4 results"),
        "{said}"
    );
    assert!(scores.is_file() && !partial.exists());
    let output = call(&three, &whole, baselines, "7");
    assert!(output.status.success());
    let [went_on, at_once] =
        [scores, whole].map(|path| timeless(&std::fs::read_to_string(path).expect("text")));
    assert_eq!(went_on, at_once);
    let images = ["dog.jpg", "person.jpg", "copy.jpg"];
    for (row, image) in images.iter().enumerate() {
        assert_eq!(went_on["rows"][row]["image"], *image);
    }
}

#[test]
fn maps_are_held_against_annotations() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("scores.csv");
    let truth = folder.path().join("truth.json");
    // The dog of the photo, roughly; it has other objects too.
    let annotations = r#"{
        "images": [{"id": 1, "file_name": "dog.jpg", "width": 768, "height": 576}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 18, "bbox": [130, 220, 190, 320], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [470, 75, 220, 95], "iscrowd": 0}
        ]
    }"#;
    std::fs::write(&truth, annotations).expect("written");
    let photo = photo("dog.jpg");
    let [csv_name, truth] = [&csv, &truth].map(|path| path.to_str().expect("UTF-8"));
    let table = succeed(&[
        "evaluate",
        &photo,
        "--truth",
        truth,
        // The bicycle and the dog.
        "--detections",
        "2",
        "--no-presets",
        "--composites",
        "crp",
        "--baselines",
        "odam",
        "--csv",
        csv_name,
    ]);
    assert!(
        table.contains("| true box: pointing ↑") && table.contains("| ODI ↓"),
        "{table}"
    );
    let mut reader = csv::Reader::from_path(&csv).expect("CSV");
    let columns = reader.headers().expect("a heading").clone();
    let cell = |record: &csv::StringRecord, name: &str| {
        let place = columns.iter().position(|column| column == name);
        record[place.expect("the column")].to_owned()
    };
    let mut dogs = 0;
    for record in reader.records() {
        let record = record.expect("a row");
        let is_dog = cell(&record, "label") == "dog";
        dogs += usize::from(is_dog);
        let energy = cell(&record, "true_energy");
        match is_dog {
            true => {
                let energy: f64 = energy.parse().expect("a number");
                assert!(
                    energy > 0.3 && cell(&record, "true_pointing") == "1",
                    "{record:?}"
                );
                cell(&record, "discrimination")
                    .parse::<f64>()
                    .expect("a number");
            }
            // Nobody has drawn a box around the bicycle.
            false => assert_eq!(
                (cell(&record, "label"), energy),
                ("bicycle".into(), "".into())
            ),
        }
    }
    assert_eq!(dogs, 2);
}

#[test]
fn mistakes_are_named() {
    let photo = photo("dog.jpg");
    for (arguments, reason) in [
        (
            &["--baselines", "gradcam"][..],
            "there is no baseline 'gradcam'",
        ),
        (
            &["--composites", "zminus"],
            "there is no composite 'zminus'",
        ),
        (
            &["--no-presets", "--baselines", "none"],
            "nothing to compare",
        ),
        (&["--score-threshold", "1"], "nothing was detected"),
        (&["--csv", &photo], "that is the photo itself"),
    ] {
        let output = run(&[&["evaluate", &photo], arguments].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains(reason) && error.lines().count() == 1,
            "{arguments:?}: {error}"
        );
    }
}
