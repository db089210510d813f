//! `ssdcrp inspect` and `ssdcrp diagnose` show a network layer by layer.

use crate::{SHEEP, fail, json, photo, succeed};

#[test]
fn inspect_shows_heads_layer_types_rules_and_cost() {
    let text = succeed(&["inspect"]);
    for row in [
        "input 'image' 300x300; 1917 default boxes; 91 classes, 80 of them trained, 0 the background",
        "1     10x10  6               head1/class   head1/box",
        "749.5 million multiply-adds in a forward pass; composite crp",
    ] {
        assert!(text.contains(row), "{row} in\n{text}");
    }
    let row = |layer: &str| -> Vec<&str> {
        let found = text
            .lines()
            .find(|line| line.split_whitespace().next() == Some(layer));
        found
            .unwrap_or_else(|| panic!("{layer}"))
            .split_whitespace()
            .collect()
    };
    assert_eq!(row("Conv"), ["Conv", "pixels", "w2", "32x150x150", "19.44"]);
    assert_eq!(row("expanded_conv_6/expand")[1..3], ["low", "abs"]);
    assert_eq!(
        row("expanded_conv_6/depthwise")[1..3],
        ["high", "rescale:0.75;"]
    );
    assert_eq!(row("head3/class")[1..3], ["classification", "simple"]);
    assert_eq!(row("head3/box")[1..3], ["localization", "simple"]);
    assert!(succeed(&["inspect", "--composite", "lrp-alpha1beta0"]).contains("zplus"));
}

#[test]
fn diagnose_follows_relevance_down_to_the_pixels() {
    let text = succeed(&["diagnose", &photo("person.jpg"), "--box", SHEEP]);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| !line.starts_with("layer"))
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0][0], "head1/class");
    assert_eq!(rows.last().unwrap()[0], "(pixels)");
    // Conv_1 and the 16 blocks below it, the first of which has no expansion; head and pixels.
    assert_eq!(rows.len(), 2 + 1 + 3 * 16 + 2 + 1 + 1);
    let mean = |row: &Vec<&str>| -> f64 { row[row.len() - 2].parse().unwrap() };
    let (head, pixels) = (mean(&rows[0]), mean(rows.last().unwrap()));
    assert!(
        pixels < head / 10.0,
        "relevance spreads thin: {head} to {pixels}"
    );
}

#[test]
fn diagnose_draws_and_prints_what_its_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("layers.svg");
    let photo = photo("person.jpg");
    let question = [
        "diagnose",
        &photo,
        "--box",
        SHEEP,
        "--target",
        "class:sheep",
        "--contrast",
        "class:horse",
    ];
    let table = succeed(&[&question[..], &["--plot", plot.to_str().unwrap()]].concat());
    let report = json(&[&question[..], &["--json"]].concat());
    assert_eq!(
        (&report["default_box"], &report["contrast"]),
        (&1436.into(), &"class:horse".into())
    );
    let layers = report["layers"].as_array().unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("layer"));
    let rows: Vec<Vec<&str>> = rows
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(layers.len(), rows.len());
    for (layer, row) in layers.iter().zip(&rows) {
        assert_eq!(layer["tensor"], row[0]);
        let number = |field: &str| layer[field].as_f64().unwrap();
        assert_eq!(format!("{:+.3e}", number("sum")), row[4]);
        assert_eq!(format!("{:.3e}", number("max_abs")), row[8]);
        assert!((number("balance") - number("sum") / number("sum_abs")).abs() < 1e-9);
    }
    // The histogram is that of the last row.
    let pixels = layers.last().unwrap();
    assert!(pixels["type"].is_null());
    let histogram = &report["histogram"];
    let counts = histogram["counts"].as_array().unwrap();
    let all: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(all, 3 * 300 * 300);
    assert_eq!(
        histogram["edges"].as_array().unwrap().len(),
        counts.len() + 1
    );
    assert_eq!(histogram["limit"], pixels["max_abs"]);

    let svg = std::fs::read_to_string(&plot).unwrap();
    for words in [
        ">default box 1436: sheep rather than horse</text>",
        ">head1/class</text>",
        ">high: rescale:0.75</text>",
        &format!(">ΣR/Σ|R| = {}: ", rows.last().unwrap()[6]),
    ] {
        assert!(svg.contains(words), "{words} in\n{svg}");
    }
    let error = fail(&["diagnose", &photo, "--plot", &photo]);
    assert!(error.contains("that is the photo itself"), "{error}");
}
