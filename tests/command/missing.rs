//! `ssdcrp explain --missing`: why was nothing found there?

use serde_json::Value;

use crate::{SHEEP, fail, json, photo, succeed};

/// The box of a default box on the photo, as text for `--missing`.
fn place(photo: &str, default_box: &str) -> String {
    let detected = json(&["detect", photo, "--json", "--score-threshold", "0.1"]);
    let detections = detected["detections"].as_array().unwrap();
    let number: u64 = default_box.parse().unwrap();
    let of_box = detections
        .iter()
        .find(|found| found["default_box"] == number);
    let edges = of_box.expect("a detection")["box"].as_array().unwrap();
    let edges: Vec<String> = edges.iter().map(Value::to_string).collect();
    edges.join(",")
}

/// What `--missing` says at the place.
fn missing(photo: &str, place: &str, more: &[&str]) -> Value {
    let asked = ["explain", photo, "--missing", place, "--json", "--no-check"];
    let mut explained = json(&[&asked[..], more].concat());
    explained["explanations"][0].take()
}

#[test]
fn the_horse_lost_to_the_sheep_by_the_difference_of_their_logits() {
    let person = photo("person.jpg");
    let place = place(&person, SHEEP);
    let explanation = missing(&person, &place, &["--target", "class:horse"]);
    assert_eq!(explanation["target"], "class:horse");
    assert_eq!(explanation["contrast"], "class:sheep");
    let horse = &explanation["missing"];
    assert_eq!(
        (&horse["found"], &horse["cause"], &horse["label"]),
        (&false.into(), &"other class".into(), &"horse".into())
    );
    assert_eq!(horse["winner"]["label"], "sheep");
    // The logits of the default box, from elsewhere: sheep is class 20 of COCO's, horse 19.
    let default_box = explanation["default_box"].to_string();
    let by_number = ["explain", &person, "--box", &default_box, "--no-check"];
    let every_box = [
        "--score-threshold",
        "0.3",
        "--iou-threshold",
        "1",
        "--logits",
    ];
    let detected = json(&[&["detect", &person, "--json"], &every_box[..]].concat());
    let mut found = detected["detections"].as_array().unwrap().iter();
    let found = found.find(|d| d["default_box"] == explanation["default_box"]);
    let logits = &found.expect("the nearest box")["logits"];
    let lead = logits[20].as_f64().unwrap() - logits[19].as_f64().unwrap();
    let missed_by = horse["missed_by_logits"].as_f64().unwrap();
    assert!((missed_by - lead).abs() < 1e-4, "{missed_by}, {lead}");
    // It is the explanation that the number of the box gives.
    let question = [
        "--target",
        "class:horse",
        "--contrast",
        "class:sheep",
        "--json",
    ];
    let same = json(&[&by_number[..], &question].concat());
    let sum = |explanation: &Value| explanation["sum_abs"].as_f64().unwrap();
    assert!((sum(&same["explanations"][0]) / sum(&explanation) - 1.0).abs() < 1e-6);
    // At a point in its middle the answer is the same, and without a class it is the likeliest that was not found.
    let corners: Vec<f64> = place.split(',').map(|edge| edge.parse().unwrap()).collect();
    let middle = format!(
        "{},{}",
        (corners[0] + corners[2]) / 2.0,
        (corners[1] + corners[3]) / 2.0
    );
    let at_point = missing(&person, &middle, &[]);
    assert_eq!(at_point["missing"]["label"], "horse", "{at_point}");
    assert_eq!(at_point["missing"]["cause"], "other class");
}

#[test]
fn what_was_found_there_says_so() {
    let person = photo("person.jpg");
    let place = place(&person, SHEEP);
    let explanation = missing(&person, &place, &["--target", "class:sheep"]);
    assert_eq!(explanation["missing"]["found"], true);
    let reason = explanation["missing"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("sheep 0.") && reason.ends_with(" was found there"));
    assert_eq!(explanation["default_box"].to_string(), SHEEP);
    let words = [
        "explain",
        &person,
        "--missing",
        &place,
        "--target",
        "class:sheep",
    ];
    assert!(succeed(&words).contains(reason));
}

#[test]
fn a_score_says_what_it_lacks_to_the_threshold() {
    let person = photo("person.jpg");
    let place = place(&person, SHEEP);
    let strict = ["--target", "class:sheep", "--score-threshold", "0.99"];
    let explanation = missing(&person, &place, &strict);
    let sheep = &explanation["missing"];
    assert_eq!(sheep["cause"], "threshold");
    let score = sheep["score"].as_f64().unwrap();
    let odds = |share: f64| (share / (1.0 - share)).ln();
    let lacks = sheep["missed_by_logits"].as_f64().unwrap();
    assert!((lacks - (odds(0.99) - odds(score))).abs() < 1e-3, "{sheep}");
    assert_eq!(explanation["contrast"], "mean");
}

#[test]
fn the_picture_marks_the_place_and_the_nearest_box() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.png");
    let person = photo("person.jpg");
    let place = place(&person, SHEEP);
    let words = succeed(&[
        "explain",
        &person,
        "--missing",
        &place,
        "--target",
        "class:horse",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert!(words.contains("no horse found: sheep 0."), "{words}");
    assert!(words.contains("horse rather than sheep"), "{words}");
    let picture = image::open(&file).unwrap().into_rgb8();
    let original = image::open(&person).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), original.dimensions());
    assert!(picture != original);
    // `diagnose` takes the same box.
    let layers = succeed(&[
        "diagnose",
        &person,
        "--missing",
        &place,
        "--target",
        "class:horse",
    ]);
    assert!(layers.contains("horse rather than sheep"), "{layers:.300}");
}

#[test]
fn mistakes_are_named() {
    let dog = photo("dog.jpg");
    for (place, more, reason) in [
        ("900,900", &[][..], "lies outside of"),
        ("900,0,950,20", &[], "lies outside of"),
        ("100,100", &["--target", "offset:w+"], "asks for a class"),
        ("100,100", &["--target", "class:hors"], "did you mean"),
        (
            "100,100",
            &["--target", "class:background"],
            "cannot be detected",
        ),
    ] {
        let error = fail(&[&["explain", &dog, "--missing", place], more].concat());
        assert!(error.contains(reason), "{error}");
    }
}
