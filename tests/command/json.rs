//! The fields of the JSON, and what is in them.

use serde_json::Value;

use crate::{SHEEP, photo, succeed};

#[test]
fn the_fields_of_the_json_are_there_in_their_order() {
    let text = succeed(&[
        "explain",
        &photo("person.jpg"),
        "--box",
        SHEEP,
        "--json",
        "--logits",
    ]);
    let mut rest = text.as_str();
    let of_detection = [
        "label",
        "class",
        "score",
        "box",
        "default_box",
        "head",
        "cell",
        "offsets",
        "runner_up",
    ];
    let of_runner_up = ["label", "class", "score", "logits"];
    let of_explanation = [
        "default_box",
        "target",
        "contrast",
        "composite",
        "completeness",
        "sum_abs",
        "positive_share",
        "in_box_share",
        "ms",
        "effect",
        "effect_of_chance",
        "checked",
        "check",
    ];
    let fields = ["image", "width", "height", "model", "detections"]
        .into_iter()
        .chain(std::iter::repeat_n(of_detection.into_iter().chain(of_runner_up), 3).flatten())
        .chain(["explanations"])
        .chain(of_explanation);
    for field in fields {
        let key = rest.find('"').unwrap();
        let end = rest[key + 1..].find("\":").unwrap();
        // Values that are text stand between: the key is the last quoted word before the colon.
        let name = rest[key + 1..key + 1 + end].rsplit('"').next().unwrap();
        assert_eq!(name, field, "{text}");
        rest = &rest[key + end + 3..];
    }
    assert!(!rest.contains("\":"), "no other field: {rest}");

    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&report["width"], &report["height"]),
        (&640.into(), &424.into())
    );
    let sheep = &report["detections"][1];
    assert_eq!(sheep["head"], 1);
    assert_eq!(sheep["cell"], serde_json::json!([5, 8, 5]));
    assert_eq!(sheep["runner_up"]["label"], "horse");
    let numbers = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    // The horse's outline, to a few pixels.
    for (edge, expected) in numbers(&sheep["box"])
        .into_iter()
        .zip([401.0, 136.0, 600.0, 339.0])
    {
        assert!((edge - expected).abs() < 4.0, "{sheep}");
    }
    assert_eq!(numbers(&sheep["offsets"]).len(), 4);
    // COCO's ids: 20 is sheep, 19 horse.
    let logits = numbers(&sheep["logits"]);
    assert_eq!(logits.len(), 91);
    let score = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    assert!((score(logits[20]) - sheep["score"].as_f64().unwrap()).abs() < 1e-6);
    assert!((score(logits[19]) - sheep["runner_up"]["score"].as_f64().unwrap()).abs() < 1e-6);
}
