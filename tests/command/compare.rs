//! `ssdcrp compare`: two models on the same photos, the page, the JSON and the gate.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{fail, photo, run, succeed};

/// The default model with a manifest in which texts are replaced.
fn model(folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    copied("models/ssdlite_mobilenet_v2_coco", folder, name, changes)
}

/// A small detector whose three likeliest boxes are detections, with other texts replaced too.
fn small(folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    let likeliest = (
        "score_threshold = 0.25",
        "score_threshold = 0.0\nmax_detections = 3",
    );
    let changes = [&[likeliest], changes].concat();
    copied("tests/golden/anchor_free/distances", folder, name, &changes)
}

/// A model of this checkout with a manifest in which texts are replaced.
fn copied(source: &str, folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let file = folder.join(name).with_extension("onnx");
    fs::copy(source.with_extension("onnx"), &file).unwrap();
    let mut manifest = fs::read_to_string(source.with_extension("toml")).unwrap();
    for (from, to) in changes {
        assert!(manifest.contains(from), "{from}");
        manifest = manifest.replace(from, to);
    }
    fs::write(file.with_extension("toml"), manifest).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The JSON and the exit status of a comparison at photos of these names, and what it says.
fn compared(
    folder: &Path,
    [base, candidate]: [&str; 2],
    photos: &[&str],
    more: &[&str],
) -> (Value, Option<i32>, String) {
    let file = folder.join("compare.json");
    let page = folder.join("compare.html");
    let photos: Vec<String> = photos.iter().map(|name| photo(name)).collect();
    let mut arguments = vec!["compare", base, candidate, "--no-check"];
    arguments.extend(photos.iter().map(String::as_str));
    arguments.extend(["--json", file.to_str().unwrap()]);
    arguments.extend(["-o", page.to_str().unwrap()]);
    arguments.extend(more);
    let output = run(&arguments);
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
    let [base, twin] = ["base", "twin"].map(|name| model(folder.path(), name, &[]));
    let limits = [
        "--fail-on",
        "lost=0,gained=0,renamed=0,score-drop=0,similarity=0.999",
    ];
    let photos = ["person.jpg", "dog.jpg"];
    let (compared, status, said) = compared(folder.path(), [&base, &twin], &photos, &limits);
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
fn models_without_a_common_class_and_labels_nearly_alike_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let base = small(folder.path(), "base", &[("\"dog\"", "\"guide dog\"")]);
    let labels = r#"["person", "horse", "sheep", "dog"]"#;
    let other = |name: &str, others: &str| small(folder.path(), name, &[(labels, others)]);
    let strange = other("strange", r#"["car", "Guide_Dog", "bus", "van"]"#);
    let near = other("near", r#"["Person", "guide-dog", "bus", "van"]"#);
    let page = folder.path().join("compare.html");
    let json = folder.path().join("compare.json");
    let files = [
        "-o",
        page.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
    ];
    let warned = |candidate: &str| {
        let named = ["compare", &base, candidate, &photo("dog.jpg"), "--no-check"];
        let output = run(&[&named[..], &files].concat());
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let page = fs::read_to_string(&page).unwrap();
        let json: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let warnings = json["warnings"].as_array().unwrap();
        assert_eq!(page.matches("<li>warning: ").count(), warnings.len());
        for warning in warnings {
            assert!(said.contains(warning.as_str().unwrap()), "{said}");
        }
        said
    };
    let none = "no class in common: no object can be the same. The base has guide dog, horse, person, sheep; the candidate has bus, car, Guide_Dog, van";
    let spelt = |other: &str| format!("hyphens and the like: \"guide dog\" and \"{other}\". ");
    let said = warned(&strange);
    assert!(
        said.contains(none) && said.contains(&spelt("Guide_Dog")),
        "{said}"
    );
    let said = warned(&near);
    assert!(
        !said.contains("in common") && said.contains(&spelt("guide-dog")),
        "{said}"
    );
    assert_eq!(warned(&base), "");
}

#[test]
fn what_is_lost_and_renamed_is_told_with_the_reasons_and_fails_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    // A bicycle that is called a tricycle, and a threshold that keeps the best alone.
    let changes = [
        ("score_threshold = 0.5", "score_threshold = 0.9"),
        ("\"bicycle\"", "\"tricycle\""),
    ];
    let base = model(folder.path(), "base", &[]);
    let other = model(folder.path(), "other", &changes);
    let limits = ["--fail-on", "lost=0,gained=9"];
    let (compared, status, said) = compared(folder.path(), [&base, &other], &["dog.jpg"], &limits);
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
    // Both names find it.
    assert!(page.contains("data-classes=\"[&#34;bicycle&#34;,&#34;tricycle&#34;]\""));
    assert!(
        page.contains("class=\"box nearest\""),
        "a box that is no detection is dashed"
    );
    assert!(!page.contains("http") && !page.contains("<link"));
    // Two maps of each object.
    assert_eq!(page.matches("class=\"heat\"").count(), 2 * objects.len());
}

#[test]
fn what_a_model_has_in_the_place_of_an_object_or_why_it_says_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let strict = model(folder.path(), "strict", &[]);
    // Without suppression an object is detected many times, of which the other model has one.
    let lax = [("iou_threshold = 0.6", "iou_threshold = 0.95")];
    let lax = model(folder.path(), "lax", &lax);
    let (several, ..) = compared(folder.path(), [&lax, &strict], &["dog.jpg"], &[]);
    let objects_of_lax = objects(&several);
    let lost = objects_of_lax.iter().filter(|it| it["change"] == "lost");
    let on_another = lost
        .clone()
        .filter(|it| it["candidate"]["instead"] == "on another object");
    assert!(on_another.clone().count() > 0);
    for object in on_another.clone() {
        let reason = object["candidate"]["reason"].as_str().unwrap();
        assert!(
            reason.ends_with(" was found there, on another object"),
            "{reason}"
        );
    }
    let page = || fs::read_to_string(folder.path().join("compare.html")).unwrap();
    let dashed = page().matches("class=\"box nearest\"").count();
    assert_eq!(dashed, lost.count() - on_another.count());
    // A model that has no bicycles.
    let none = model(folder.path(), "none", &[("\"bicycle\"", "\"\"")]);
    let (compared, ..) = compared(folder.path(), [&strict, &none], &["dog.jpg"], &[]);
    let objects = objects(&compared);
    let bicycle = objects
        .iter()
        .find(|it| it["base"]["label"] == "bicycle")
        .unwrap();
    assert_eq!(bicycle["candidate"], Value::Null);
    assert_eq!(bicycle["unanswered"], "detects no class \"bicycle\"");
    assert!(page().contains("candidate<br>detects no class &#34;bicycle&#34;"));
    assert!(objects.iter().any(|it| it.get("unanswered").is_none()));
}

#[test]
fn annotations_count_what_is_right_and_what_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let base = small(folder.path(), "base", &[]);
    let strict = [("max_detections = 3", "max_detections = 1")];
    let other = small(folder.path(), "other", &strict);
    let (models, photos) = ([base.as_str(), &other], ["person.jpg", "dog.jpg"]);
    // What the base detects is the truth, but the last of each three dogs is a person.
    let (all, _, _) = compared(folder.path(), models, &photos, &[]);
    let mut annotations = Vec::new();
    for (photo, number) in all["photos"].as_array().unwrap().iter().zip(1..) {
        let objects = photo["objects"].as_array().unwrap();
        assert_eq!(objects.len(), 3, "{photo}");
        for (index, object) in objects.iter().enumerate() {
            assert_eq!(object["base"]["label"], "dog");
            let edges: Vec<f64> = object["base"]["box"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e.as_f64().unwrap())
                .collect();
            annotations.push(json!({
                "image_id": number,
                "category_id": if index == 2 { 1 } else { 2 },
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
    let (compared, status, said) = compared(folder.path(), models, &photos, &more);
    let counts = &compared["truth"];
    assert_eq!(counts["photos"], 2, "{said}");
    let of = |what: &str| [0, 1].map(|side| counts[what][side].as_u64().unwrap());
    // Two dogs of each photo are right, of which the other one finds the first.
    assert_eq!(of("correct"), [4, 2], "{counts}");
    assert_eq!(of("wrong"), [2, 0], "{counts}");
    assert_eq!(of("missed"), [0, 4], "{counts}");
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
    assert!(help.contains("--fail-on") && help.contains("3  done, and a limit"));
}

#[test]
fn checks_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let [base, twin] = ["base", "twin"].map(|name| small(folder.path(), name, &[]));
    let file = folder.path().join("compare.json");
    let dog = photo("dog.jpg");
    let said = succeed(&[
        "compare",
        &base,
        &twin,
        &dog,
        "--json",
        file.to_str().unwrap(),
        "--fail-on",
        "effect-drop=0,checked-drop=0",
    ]);
    assert!(said.contains(": 1 photo, "), "{said}");
    for limit in ["effect-drop", "checked-drop"] {
        let kept = format!("{limit} 0, no more than 0 allowed: passed");
        assert!(said.contains(&kept), "{said}");
    }
    let compared: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let objects = objects(&compared);
    assert_eq!(objects.len(), 3);
    for object in objects {
        for side in ["base", "candidate"] {
            let side = &object[side];
            assert!(side["effect"].is_number() && side["checked"].is_boolean());
            let words = side["check"].as_str().unwrap();
            let begins = match side["checked"] == true {
                true => "checked: without the red, ",
                false => "no ",
            };
            assert!(words.starts_with(begins), "{side}");
        }
        assert_eq!(object["base"], object["candidate"]);
    }
}

#[test]
fn a_photo_that_cannot_be_compared_keeps_no_limit() {
    let folder = tempfile::tempdir().unwrap();
    let [base, twin] = ["base", "twin"].map(|name| small(folder.path(), name, &[]));
    let pointer = folder.path().join("pointer.jpg");
    fs::write(&pointer, "version https://git-lfs.github.com/spec/v1").unwrap();
    let [file, page] = ["compare.json", "compare.html"].map(|name| folder.path().join(name));
    let dog = photo("dog.jpg");
    let pointer = pointer.to_str().unwrap();
    let arguments = ["compare", &base, &twin, &dog, pointer, "--no-check"];
    let written = [
        "--json",
        file.to_str().unwrap(),
        "-o",
        page.to_str().unwrap(),
    ];
    for (limits, reason) in [
        (&[][..], "1 of 2 pictures could not be used"),
        (&["-q"], "1 of 2 pictures could not be used"),
        (
            &["--fail-on", "lost=0"],
            "1 of 2 pictures could not be used, so that no limit",
        ),
    ] {
        let output = run(&[&arguments[..], &written, limits].concat());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains("pointer.jpg"), "{complaint}");
        assert!(complaint.contains(reason), "{complaint}");
        // All is written before.
        let said = String::from_utf8(output.stdout).unwrap();
        let is_quiet = limits == ["-q"];
        assert!(said.contains("1 photo, 0 lost") != is_quiet, "{said}");
        for path in [&file, &page] {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn annotations_that_one_model_cannot_name_are_said_and_not_counted_by_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let base = small(folder.path(), "base", &[]);
    let other = small(folder.path(), "other", &[("\"person\"", "\"pedestrian\"")]);
    let truth = folder.path().join("truth.json");
    let text = json!({
        "images": [{"id": 1, "file_name": "dog.jpg", "width": 768, "height": 576}],
        "categories": [{"id": 1, "name": "Person"}, {"id": 2, "name": "sofa"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]},
            {"image_id": 1, "category_id": 2, "bbox": [1, 2, 30, 40]},
        ],
    });
    fs::write(&truth, text.to_string()).unwrap();
    let dog = photo("dog.jpg");
    let truth = truth.to_str().unwrap();
    let compare = |base: &str, candidate: &str, more: &[&str]| {
        let arguments = ["compare", base, candidate, &dog, "--truth", truth];
        run(&[&arguments[..], &["--no-check"], more].concat())
    };
    let output = compare(&base, &other, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for words in [
        "the base does not know: sofa (1)\n",
        "the candidate does not know: Person (1), sofa (1)\n",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let error = crate::failure(&compare(&base, &other, &["--fail-on", "missed=0"]));
    assert!(error.contains("only the base knows: Person;"), "{error}");
    // What neither counts, or the base alone does not, makes the candidate no better.
    for (base, candidate) in [(&base, &base), (&other, &base)] {
        let output = compare(base, candidate, &["--fail-on", "missed=9"]);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn nothing_that_is_read_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [base, twin] = ["base", "twin"].map(|name| small(folder.path(), name, &[]));
    let truth = folder.path().join("truth");
    fs::create_dir(&truth).unwrap();
    let annotated = truth.join("dog.xml");
    fs::write(&annotated, "<annotation/>").unwrap();
    let (truth, annotated) = (truth.to_str().unwrap(), annotated.to_str().unwrap());
    let dog = photo("dog.jpg");
    let toml = |model: &str| model.replace(".onnx", ".toml");
    for (path, reason) in [
        (&base, "that is the model itself"),
        (&toml(&twin), "that is the manifest itself"),
        (
            &annotated.to_owned(),
            "that is the file of annotations itself",
        ),
    ] {
        for writes in ["-o", "--json"] {
            let compare = [
                "compare", &base, &twin, &dog, "--truth", truth, writes, path,
            ];
            let error = fail(&compare);
            assert!(error.contains(reason), "{error}");
        }
        let report = [
            "report", &dog, "--model", &base, "--truth", truth, "-o", path,
        ];
        let evaluate = [
            "evaluate", &dog, "--model", &base, "--truth", truth, "--json", path,
        ];
        if *path != toml(&twin) {
            for arguments in [report, evaluate] {
                let error = fail(&arguments);
                assert!(error.contains(reason), "{error}");
            }
        }
    }
}
