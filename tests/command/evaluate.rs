//! `ssdcrp evaluate` compares methods: its table, its files, its repeatability.

use std::path::Path;

use serde_json::Value;

use crate::{photo, run, succeed};

/// What a run writes: standard output, CSV, JSON, SVG.
fn evaluated(folder: &Path, seed: &str, more: &[&str]) -> [String; 4] {
    let names = ["table.csv", "table.json", "table.svg"].map(|name| folder.join(name));
    let [csv, json, svg] = names.each_ref().map(|path| path.to_str().unwrap());
    let photo = photo("dog.jpg");
    let mut arguments = vec!["evaluate", &photo, "--detections", "1", "--seed", seed];
    arguments.extend([
        "--no-presets",
        "--composites",
        "crp; high=alphabeta:2,1,low=zplus",
    ]);
    arguments.extend(["--baselines", "gradient-x-input,masks:4,random"]);
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
    // What looks into the network: the map is another one when all weights are.
    let randomised = json["randomisation"].as_array().unwrap();
    assert_eq!(randomised.len(), 3);
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
    assert_eq!(other["rows"][0], json["rows"][0]);
    assert_ne!(other["rows"][4], json["rows"][4]);
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
        said.starts_with("left out: deeplift of dog.jpg: "),
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
