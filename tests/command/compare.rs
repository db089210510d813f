//! `ssdcrp compare`: two models on the same photos, the page, the JSON and the gate.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{fail, photo, run, succeed};

/// The default model with a manifest in which texts are replaced.
fn model(folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ssdlite_mobilenet_v2_coco");
    let file = folder.join(name).with_extension("onnx");
    fs::copy(models.with_extension("onnx"), &file).unwrap();
    let mut manifest = fs::read_to_string(models.with_extension("toml")).unwrap();
    for (from, to) in changes {
        assert!(manifest.contains(from), "{from}");
        manifest = manifest.replace(from, to);
    }
    fs::write(file.with_extension("toml"), manifest).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The JSON and the exit status of a comparison of the default model with `candidate`.
fn compared(folder: &Path, candidate: &str, more: &[&str]) -> (Value, Option<i32>, String) {
    let file = folder.join("compare.json");
    let page = folder.join("compare.html");
    let (person, dog) = (photo("person.jpg"), photo("dog.jpg"));
    let base = model(folder, "base", &[]);
    let arguments = ["compare", &base, candidate, &person, &dog, "--no-check"];
    let written = [
        "--json",
        file.to_str().unwrap(),
        "-o",
        page.to_str().unwrap(),
    ];
    let output = run(&[&arguments[..], &written, more].concat());
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(file).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (
        serde_json::from_str(&text).unwrap(),
        output.status.code(),
        said,
    )
}

fn objects(compared: &Value) -> Vec<&Value> {
    let photos = compared["photos"].as_array().unwrap().iter();
    photos
        .flat_map(|photo| photo["objects"].as_array().unwrap())
        .collect()
}

#[test]
fn a_model_is_the_same_as_itself() {
    let folder = tempfile::tempdir().unwrap();
    let twin = model(folder.path(), "twin", &[]);
    let limits = [
        "--fail-on",
        "lost=0,gained=0,renamed=0,score-drop=0,similarity=0.999",
    ];
    let (compared, status, said) = compared(folder.path(), &twin, &limits);
    assert_eq!(status, Some(0), "{said}");
    let objects = objects(&compared);
    assert!(objects.len() >= 5, "{}", objects.len());
    for object in objects {
        assert_eq!(object["change"], "same");
        assert_eq!(object["base"], object["candidate"]);
        let correlation = object["maps"]["rank_correlation"].as_f64().unwrap();
        assert!((correlation - 1.0).abs() < 1e-9);
        assert_eq!(object["maps"]["top_intersection"], 1.0);
    }
    let all = &compared["shifts"][0];
    assert_eq!(
        (&all["class"], &all["score"]["mean"]),
        (&"all".into(), &0.0.into())
    );
    assert!(
        said.contains("0 lost, 0 renamed, 0 changed, 0 gained"),
        "{said}"
    );
}

#[test]
fn what_is_lost_and_renamed_is_told_with_the_reasons_and_fails_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    // A bicycle that is called a tricycle, and a threshold that keeps the best alone.
    let changes = [
        ("score_threshold = 0.5", "score_threshold = 0.9"),
        ("\"bicycle\"", "\"tricycle\""),
    ];
    let other = model(folder.path(), "other", &changes);
    let (compared, status, said) =
        compared(folder.path(), &other, &["--fail-on", "lost=0,gained=9"]);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("no more than 0 allowed: failed"), "{said}");
    assert!(
        said.contains("gained 0, no more than 9 allowed: passed"),
        "{said}"
    );
    let gate = compared["gate"].as_array().unwrap();
    assert_eq!(
        (&gate[0]["measure"], &gate[0]["passed"]),
        (&"lost".into(), &false.into())
    );
    let objects = objects(&compared);
    let of = |change: &str| -> Vec<&&Value> {
        objects
            .iter()
            .filter(|object| object["change"] == change)
            .collect()
    };
    let (renamed, lost) = (of("renamed"), of("lost"));
    assert!(!renamed.is_empty() && !lost.is_empty(), "{said}");
    assert_eq!(renamed[0]["base"]["label"], "bicycle");
    assert_eq!(renamed[0]["candidate"]["label"], "tricycle");
    for object in &lost {
        let candidate = &object["candidate"];
        assert_eq!(candidate["detected"], false);
        let reason = candidate["reason"].as_str().unwrap();
        assert!(reason.contains(" logits to the threshold 0.9"), "{reason}");
        // The same network: the same box, the same score, and the same map but for its contrast.
        assert_eq!(candidate["default_box"], object["base"]["default_box"]);
    }
    let page = fs::read_to_string(folder.path().join("compare.html")).unwrap();
    assert!(page.contains("bicycle 0.") && page.contains("→ tricycle 0."));
    assert!(
        page.contains("class=\"box nearest\""),
        "a box that is no detection is dashed"
    );
    assert!(!page.contains("http") && !page.contains("<link"));
    // Two maps of each object.
    assert_eq!(page.matches("class=\"heat\"").count(), 2 * objects.len());
}

#[test]
fn annotations_count_what_is_right_and_what_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let strict = [("score_threshold = 0.5", "score_threshold = 0.9")];
    let other = model(folder.path(), "other", &strict);
    // What the base detects is the truth.
    let (all, _, _) = compared(folder.path(), &other, &[]);
    let mut annotations = Vec::new();
    for (photo, number) in all["photos"].as_array().unwrap().iter().zip(1..) {
        for object in photo["objects"].as_array().unwrap() {
            let edges: Vec<f64> = object["base"]["box"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e.as_f64().unwrap())
                .collect();
            annotations.push(json!({
                "image_id": number,
                "category_id": if object["base"]["label"] == "person" { 1 } else { 2 },
                "bbox": [edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]],
            }));
        }
    }
    let truth = folder.path().join("truth.json");
    let images = [("person.jpg", 640, 424), ("dog.jpg", 768, 576)];
    let images = images.iter().zip(1..).map(|(&(name, width, height), id)| json!({"id": id, "file_name": name, "width": width, "height": height}));
    let text = json!({
        "images": images.collect::<Vec<_>>(),
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        "annotations": annotations,
    });
    fs::write(&truth, text.to_string()).unwrap();
    let truth = truth.to_str().unwrap();
    let more = ["--truth", truth, "--fail-on", "correct-drop=0,missed=0"];
    let (compared, status, said) = compared(folder.path(), &other, &more);
    let counts = &compared["truth"];
    assert_eq!(counts["photos"], 2, "{said}");
    let of = |what: &str| [0, 1].map(|side| counts[what][side].as_u64().unwrap());
    // Person and dog are right; the rest is annotated as a dog.
    assert!(of("correct")[0] >= 2 && of("wrong")[0] >= 1, "{counts}");
    assert!(of("missed")[1] > of("missed")[0], "{counts}");
    assert_eq!(status, Some(3));
    assert_eq!(objects(&compared)[0]["base"]["verdict"], "correct");
}

#[test]
fn mistakes_are_named_before_anything_is_loaded() {
    let dog = photo("dog.jpg");
    let compare = ["compare", "built-in", "nowhere.onnx", &dog];
    for (more, reason) in [
        (&["--fail-on", "lots=0"][..], "did you mean \"lost\"?"),
        (&["--fail-on", "missed=0"], "needs annotations"),
        (
            &["--no-check", "--fail-on", "effect-drop=0"],
            "needs checks",
        ),
        (&["--model", "a.onnx"], "leave --model out"),
        (&["-o", "same", "--json", "same"], "name two files"),
        (&["-o", &dog], "that is the photo itself"),
        (&[], "nowhere.onnx"),
    ] {
        let error = fail(&[&compare[..], more].concat());
        assert!(error.contains(reason), "{error}");
    }
    let help = succeed(&["compare", "--help"]);
    assert!(help.contains("--fail-on") && help.contains("3 done, and a limit"));
}
