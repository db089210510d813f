//! `ssdcrp inspect` and `ssdcrp diagnose` show a network layer by layer.

use crate::{SHEEP, photo, succeed};

#[test]
fn inspect_shows_heads_layer_types_rules_and_cost() {
    let text = succeed(&["inspect"]);
    for row in [
        "input 'image' 300x300; 1917 default boxes; 91 classes, 80 of them trained, 0 the background",
        "1     10x10  6               head1/class   head1/box",
        "749.5 million multiply-adds, composite crp",
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
        ["high", "epsilon:0.1std"]
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
