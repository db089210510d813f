//! `ssdcrp detect` finds what the reference finds.

use crate::{json, photo, succeed};

/// Of the scores that models/README.md gives; the rest is what JPEG decoders differ in.
const SCORE_TOLERANCE: f64 = 0.01;

#[test]
fn detections_are_those_of_the_reference() {
    for (name, expected) in [
        (
            "dog.jpg",
            &[
                ("bicycle", 0.967, 1755),
                ("dog", 0.885, 1457),
                ("car", 0.837, 271),
                ("cat", 0.572, 1457),
            ][..],
        ),
        (
            "person.jpg",
            &[
                ("person", 0.979, 1405),
                ("sheep", 0.924, 1436),
                ("dog", 0.716, 754),
            ],
        ),
        (
            "giraffe.jpg",
            &[
                ("giraffe", 0.993, 1862),
                ("zebra", 0.979, 1487),
                ("zebra", 0.606, 1763),
            ],
        ),
        ("eagle.jpg", &[("bird", 0.996, 1760)]),
        (
            "horses.jpg",
            &[
                ("horse", 0.971, 1400),
                ("horse", 0.798, 1409),
                ("cow", 0.643, 608),
                ("horse", 0.634, 1406),
                ("horse", 0.531, 608),
            ],
        ),
    ] {
        let report = json(&["detect", &photo(name), "--json"]);
        let found = report["detections"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for (found, (label, score, default_box)) in found.iter().zip(expected) {
            assert_eq!(
                (&found["label"], &found["default_box"]),
                (&(*label).into(), &(*default_box).into()),
                "{name}"
            );
            let off = (found["score"].as_f64().unwrap() - score).abs();
            assert!(off < SCORE_TOLERANCE, "{name}, {label}: {}", found["score"]);
        }
    }
}

#[test]
fn the_table_says_what_the_json_says() {
    let table = succeed(&["detect", &photo("dog.jpg")]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    assert!(
        rows[0].ends_with(&["768x576,", "ssdlite_mobilenet_v2_coco"]),
        "{table}"
    );
    let report = json(&["detect", &photo("dog.jpg"), "--json"]);
    let detections = report["detections"].as_array().unwrap();
    assert_eq!(rows.len(), 2 + detections.len());
    for (row, detection) in rows[2..].iter().zip(detections) {
        assert_eq!(row[0], detection["label"]);
        assert_eq!(
            row[1],
            format!("{:.3}", detection["score"].as_f64().unwrap())
        );
        assert!(
            row.contains(&detection["default_box"].to_string().as_str()),
            "{table}"
        );
    }
}

#[test]
fn thresholds_decide_what_is_detected() {
    let count = |option: &str, value: &str| {
        let report = json(&["detect", &photo("dog.jpg"), "--json", option, value]);
        report["detections"].as_array().unwrap().len()
    };
    assert_eq!(count("--score-threshold", "0.9"), 1);
    assert!(count("--score-threshold", "0.05") > 4);
    assert!(count("--iou-threshold", "1") > 4);
    let nothing = json(&["detect", &photo("scream.jpg"), "--json"]);
    assert_eq!(nothing["detections"], serde_json::json!([]));
    assert!(succeed(&["detect", &photo("scream.jpg")]).ends_with("nothing scores above 0.5\n"));
}

#[test]
fn the_built_in_model_is_the_file_in_models() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/models/ssdlite_mobilenet_v2_coco.onnx"
    );
    let eagle = photo("eagle.jpg");
    let built_in = succeed(&["detect", &eagle, "--json"]);
    assert_eq!(
        succeed(&[
            "--model",
            file,
            "--threads",
            "1",
            "detect",
            &eagle,
            "--json"
        ]),
        built_in
    );
}
