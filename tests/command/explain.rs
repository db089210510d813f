//! `ssdcrp explain` writes maps and pictures that mean what they should.

use std::path::Path;

use image::RgbImage;
use ndarray::{Array2, Zip};
use ndarray_npy::read_npy;

use crate::folder_names::names;
use crate::{SHEEP, fail, json, photo, run, succeed};

/// The map that `explain` writes for a class at the sheep's default box.
fn map(folder: &Path, target: &str, contrast: &str, composite: &str) -> Array2<f32> {
    let file = folder.join("map.npy");
    let npy = file.to_str().unwrap();
    let person = photo("person.jpg");
    let question = [
        "--box",
        SHEEP,
        "--target",
        target,
        "--contrast",
        contrast,
        "--composite",
        composite,
    ];
    succeed(&[&["explain", &person, "--npy", npy], &question[..]].concat());
    read_npy(&file).expect("a two-dimensional array of float32")
}

fn cosine(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let dot = |a: &Array2<f32>, b: &Array2<f32>| {
        Zip::from(a)
            .and(b)
            .fold(0.0, |sum, &a, &b| sum + f64::from(a) * f64::from(b))
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn swapping_the_classes_of_a_contrast_negates_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let sheep = map(folder.path(), "class:sheep", "class:horse", "crp");
    let horse = map(folder.path(), "class:horse", "class:sheep", "crp");
    assert_eq!(sheep.dim(), (300, 300));
    let largest = sheep
        .iter()
        .fold(0.0_f32, |largest, r| largest.max(r.abs()));
    let off = (&sheep + &horse)
        .iter()
        .fold(0.0_f32, |off, r| off.max(r.abs()));
    assert!(largest > 0.0 && off <= 1e-6 * largest, "{off} of {largest}");
}

#[test]
fn plain_lrp_hardly_knows_one_class_from_another_and_crp_does() {
    let folder = tempfile::tempdir().unwrap();
    let similarity = |contrast, composite| {
        let [sheep, horse] = ["class:sheep", "class:horse"]
            .map(|class| map(folder.path(), class, contrast, composite));
        cosine(&sheep, &horse)
    };
    let plain = similarity("none", "lrp-alpha1beta0");
    assert!(plain > 0.97, "{plain}");
    let contrastive = similarity("mean", "crp");
    assert!(contrastive < 0.6, "{contrastive}");
}

#[test]
fn the_summary_is_that_of_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npy");
    let report = json(&[
        "explain",
        &photo("person.jpg"),
        "--at",
        "500,200",
        "--json",
        "--npy",
        file.to_str().unwrap(),
    ]);
    let explanation = &report["explanations"][0];
    assert_eq!(explanation["default_box"], 1436);
    assert_eq!(explanation["target"], "class:sheep");
    assert_eq!(
        (&explanation["contrast"], &explanation["composite"]),
        (&"mean".into(), &"crp".into())
    );
    let map: Array2<f32> = read_npy(&file).unwrap();
    let (mut sum_abs, mut positive, mut in_box) = (0.0, 0.0, 0.0);
    // x0, y0, x1, y1 of the sheep in pixels of the map.
    let edges = report["detections"][1]["box"].as_array().unwrap();
    let edge = |index: usize, side: f64| edges[index].as_f64().unwrap() / side * 300.0;
    let (across, down) = (
        edge(0, 640.0)..edge(2, 640.0),
        edge(1, 424.0)..edge(3, 424.0),
    );
    for ((y, x), &relevance) in map.indexed_iter() {
        let relevance = f64::from(relevance);
        sum_abs += relevance.abs();
        positive += relevance.max(0.0);
        if across.contains(&(x as f64 + 0.5)) && down.contains(&(y as f64 + 0.5)) {
            in_box += relevance.abs();
        }
    }
    for (field, expected, tolerance) in [
        ("sum_abs", sum_abs, 1e-9),
        ("positive_share", positive / sum_abs, 1e-9),
        // Pixels on the edge count in part there, here wholly or not at all.
        ("in_box_share", in_box / sum_abs, 0.02),
    ] {
        let found = explanation[field].as_f64().unwrap();
        assert!(
            (found - expected).abs() <= tolerance,
            "{field}: {found}, not {expected}"
        );
    }
    assert!(explanation["ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_picture_is_the_photo_with_red_and_blue_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let original = image::open(photo("person.jpg")).unwrap().into_rgb8();
    let draw = |target, contrast| {
        let file = folder.path().join("a.png");
        let arguments = [
            "explain",
            &photo("person.jpg"),
            "--box",
            SHEEP,
            "--target",
            target,
            "--contrast",
            contrast,
            "-o",
        ];
        let words = succeed(&[&arguments[..], &[file.to_str().unwrap()]].concat());
        assert!(
            words.contains("a.png") && words.contains(" rather than "),
            "{words}"
        );
        let picture = image::open(&file).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), original.dimensions());
        picture
    };
    // How much redder than the photo, or bluer below 0, an area has become on average.
    let redder = |picture: &RgbImage, [x0, y0, x1, y1]: [u32; 4]| {
        let warmth = |picture: &RgbImage| {
            let pixels = (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y)));
            pixels
                .map(|(x, y)| picture.get_pixel(x, y).0)
                .map(|[r, _, b]| f64::from(r) - f64::from(b))
                .sum::<f64>()
        };
        (warmth(picture) - warmth(&original)) / f64::from((x1 - x0) * (y1 - y0))
    };
    let (flank, withers) = ([510, 190, 555, 225], [445, 145, 490, 180]);
    let sheep = draw("class:sheep", "class:horse");
    assert!(redder(&sheep, flank) > 20.0 && redder(&sheep, withers) < -20.0);
    let horse = draw("class:horse", "class:sheep");
    assert!(redder(&horse, flank) < -20.0 && redder(&horse, withers) > 20.0);
    // The sky has nothing to do with it; the caption is beside that part of it.
    assert!(redder(&sheep, [0, 0, 250, 60]).abs() < 1.0);
}

#[test]
fn without_a_file_the_summary_says_how_to_get_one() {
    let text = succeed(&[
        "explain",
        &photo("horses.jpg"),
        "--box",
        "1406",
        "--target",
        "offset:w+",
    ]);
    for part in [
        "default box 1406",
        "offset:w+",
        "contrast none",
        "-o why.png",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn the_best_detection_is_explained_unless_another_is_named() {
    let dog = photo("dog.jpg");
    for (choice, default_box, target) in [
        (&[][..], 1755, "class:bicycle"),
        (&["--best"], 1755, "class:bicycle"),
        // Bicycle, dog and cat have this point in them, the last two at one default box, which is the smallest.
        (&["--at", "200,300"], 1457, "class:dog"),
        (&["--at", "150,500"], 1457, "class:dog"),
        (&["--at", "600,120"], 271, "class:car"),
        (&["--box", "271"], 271, "class:car"),
        // Not detected: what it says there most.
        (&["--box", "0"], 0, "class:person"),
        // A class without a place: where it was detected best, unless the best of all is asked for.
        (&["--target", "class:dog"], 1457, "class:dog"),
        (&["--target", "class:car"], 271, "class:car"),
        (&["--best", "--target", "class:dog"], 1755, "class:dog"),
        (
            &["--at", "600,120", "--target", "class:dog"],
            271,
            "class:dog",
        ),
    ] {
        let report = json(&[&["explain", &dog, "--json"], choice].concat());
        let explanation = &report["explanations"][0];
        assert_eq!(explanation["default_box"], default_box, "{choice:?}");
        assert_eq!(explanation["target"], target, "{choice:?}");
    }
}

#[test]
fn each_class_is_explained_at_its_own_best_box_and_offsets_at_that_of_the_first() {
    let dog = photo("dog.jpg");
    let boxes = |report: &serde_json::Value| -> Vec<u64> {
        let list = report["explanations"].as_array().unwrap().iter();
        list.map(|one| one["default_box"].as_u64().unwrap())
            .collect()
    };
    let asked = ["explain", &dog, "--json", "--no-check"];
    let targets = ["offset:w", "class:dog", "class:car"].map(|target| ["--target", target]);
    let report = json(&[&asked[..], &targets.concat()].concat());
    assert_eq!(boxes(&report), [1457, 1457, 271]);
    // Of a class that was not detected, the default box where it scores highest.
    let missing = json(&[&asked[..], &["--target", "class:person"]].concat());
    let all = json(&["detect", &dog, "--json", "--score-threshold", "0"]);
    let mut all = all["detections"].as_array().unwrap().iter();
    let strongest = all.find(|one| one["label"] == "person").unwrap();
    assert_eq!(
        boxes(&missing),
        [strongest["default_box"].as_u64().unwrap()]
    );
}

#[test]
fn every_contrast_can_be_checked_and_so_can_what_is_never_detected() {
    let person = photo("person.jpg");
    for (question, target, contrast) in [
        (["class:sheep", "clrp1"], "class:sheep", "clrp1"),
        (["class:sheep", "clrp2"], "class:sheep", "clrp2"),
        (["class:sheep", "sglrp"], "class:sheep", "sglrp"),
        (["class:background", "mean"], "class:background", "mean"),
    ] {
        let asked = ["explain", &person, "--box", SHEEP, "--json"];
        let asked = [&asked[..], &["--composite", "lrp-alpha1beta0"]].concat();
        let [output, against] = question;
        let asked = [&asked[..], &["--target", output, "--contrast", against]].concat();
        let explanation = json(&asked)["explanations"][0].clone();
        assert_eq!(explanation["target"], target);
        assert_eq!(explanation["contrast"], contrast);
        assert!(explanation["checked"].is_boolean(), "{explanation}");
    }
}

#[test]
fn background_is_asked_about_at_the_best_detection_and_nowhere_without_one() {
    let asked = ["--target", "class:background", "--no-check"];
    let person = photo("person.jpg");
    let words = succeed(&[&["explain", &person], &asked[..]].concat());
    // As the background no box is detected: it is told as what it was detected as.
    assert!(words.contains("\nperson 0.98 at 189,101 – 274,383 (default box "));
    assert!(words.contains("\nbackground rather than "), "{words}");

    let scream = photo("scream.jpg");
    let error = fail(&[&["explain", &scream], &asked[..]].concat());
    assert!(error.contains("nothing scores above 0.5 in "), "{error}");
    // Of several pictures it is no failure.
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let several = ["explain", &scream, &person, "-o", output.to_str().unwrap()];
    let words = succeed(&[&several, &asked[..]].concat());
    let counts = ": 1 picture explained, 1 without anything to explain\n";
    assert!(words.ends_with(counts), "{words}");
}

#[test]
fn a_model_of_one_class_is_explained_without_a_contrast() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor_free");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("one.onnx");
    std::fs::copy(golden.join("distances.onnx"), &model).unwrap();
    let manifest = std::fs::read_to_string(golden.join("distances.toml")).unwrap();
    let four = r#"["person", "horse", "sheep", "dog"]"#;
    assert!(manifest.contains(four));
    let one = manifest.replace(four, r#"["person", "", "", ""]"#);
    std::fs::write(model.with_extension("toml"), one).unwrap();
    let model = model.to_str().unwrap();
    let person = photo("person.jpg");
    let asked = [
        "explain", &person, "--model", model, "--box", "40", "--json",
    ];
    let explanation = &json(&asked)["explanations"][0];
    assert_eq!(explanation["target"], "class:person");
    assert_eq!(explanation["contrast"], "none");
    let said = fail(&[&asked[..], &["--contrast", "mean"]].concat());
    assert!(said.contains("ask with the contrast 'none'"), "{said}");
    // A report asks for the mean of the other classes where there are such.
    let page = folder.path().join("report.html");
    let asked = [
        "report",
        &person,
        "--model",
        model,
        "--score-threshold",
        "0",
    ];
    let page_name = page.to_str().unwrap();
    run(&[&asked[..], &["--no-check", "-o", page_name]].concat());
    let page = std::fs::read_to_string(page).unwrap();
    assert!(!page.contains("could not be explained"));
}

#[test]
fn several_questions_are_answered_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.npy");
    let person = photo("person.jpg");
    let question = [
        "--box",
        SHEEP,
        "--target",
        "class:sheep",
        "--target",
        "offset:w+",
        "--target",
        "edge:left",
    ];
    let report = json(
        &[
            &[
                "explain",
                &person,
                "--json",
                "--npy",
                file.to_str().unwrap(),
            ],
            &question[..],
        ]
        .concat(),
    );
    let explained = |report: &serde_json::Value, field: &str| -> Vec<String> {
        let list = report["explanations"].as_array().unwrap();
        list.iter().map(|e| e[field].to_string()).collect()
    };
    assert_eq!(
        explained(&report, "target")[..2],
        ["\"class:sheep\"", "\"offset:w+\""]
    );
    for (index, sum) in explained(&report, "sum_abs").iter().enumerate() {
        let map: Array2<f32> =
            read_npy(folder.path().join(format!("why-{}.npy", index + 1))).unwrap();
        let total: f64 = map.iter().map(|&r| f64::from(r.abs())).sum();
        let sum: f64 = sum.parse().unwrap();
        assert!((total - sum).abs() < 1e-5, "{total} {sum}");
    }
    let all = json(&["explain", &person, "--all", "--json"]);
    let boxes = |list: &str| -> Vec<String> {
        let list = all[list].as_array().unwrap();
        list.iter()
            .map(|entry| entry["default_box"].to_string())
            .collect()
    };
    assert_eq!(boxes("explanations"), boxes("detections"));
    assert_eq!(boxes("detections").len(), 3);
}

#[test]
fn what_was_asked_about_but_not_detected_is_drawn_in_dashes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.png");
    let dog = photo("dog.jpg");
    // Whether white and the class's colour take turns in a column, where the box's left line is.
    let is_dashed = |target: &str, class: usize| {
        let asked = ["explain", &dog, "--target", target, "--no-check"];
        succeed(&[&asked[..], &["-o", file.to_str().unwrap()]].concat());
        let picture = image::open(&file).unwrap().into_rgb8();
        let has = |x: u32, colour: [u8; 3]| {
            let rows = 0..picture.height();
            rows.filter(|&y| picture.get_pixel(x, y).0 == colour)
                .count()
                > 60
        };
        let colour = ssdcrp::overlay::class_colour(class);
        (0..picture.width()).any(|x| has(x, [255; 3]) && has(x, colour))
    };
    assert!(is_dashed("class:zebra", 24));
    assert!(!is_dashed("class:dog", 18));
}

#[test]
fn names_of_files_depend_on_the_command_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.png");
    let eagle = photo("eagle.jpg");
    let asked = [
        "explain",
        &eagle,
        "-o",
        file.to_str().unwrap(),
        "--no-check",
    ];
    succeed(&[&asked[..], &["--all"]].concat());
    // What is not there is not told as a detection.
    let dog = ["explain", &eagle, "--target", "class:dog", "--no-check"];
    let said = succeed(&dog);
    assert!(said.contains("\nasked: dog 0.0"), "{said}");
    let record = json(&[&dog[..], &["--json"]].concat());
    assert_eq!(record["explanations"][0]["asked"]["label"], "dog");
    let eagle_alone = json(&["explain", &eagle, "--no-check", "--json"]);
    assert!(eagle_alone["explanations"][0]["asked"].is_null());
    assert_eq!(names(folder.path()), ["why-1.png"]);
    succeed(&asked);
    assert_eq!(names(folder.path()), ["why-1.png", "why.png"]);
}

#[test]
fn what_arrives_is_told_as_a_share_where_the_rules_keep_sums() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npy");
    let explained = |composite| {
        let question = [
            "--box",
            SHEEP,
            "--contrast",
            "none",
            "--composite",
            composite,
            "--npy",
            file.to_str().unwrap(),
        ];
        let person = photo("person.jpg");
        let options = ["explain", &person, "--json", "--no-check", "--logits"];
        json(&[&options[..], &question].concat())
    };
    let report = explained("crp-epsilon");
    let map: Array2<f32> = read_npy(&file).unwrap();
    let arrived: f64 = map.iter().map(|&r| f64::from(r)).sum();
    // It starts with the logit of the sheep, class 20.
    let entered = report["detections"][1]["logits"][20].as_f64().unwrap();
    let told = report["explanations"][0]["completeness"].as_f64().unwrap();
    assert!(
        (told - arrived / entered).abs() < 1e-5,
        "{told}: {arrived} of {entered}"
    );
    // Rescale keeps none.
    assert!(explained("crp")["explanations"][0]["completeness"].is_null());
}

#[test]
fn a_unit_seed_scales_the_map() {
    let sum_abs = |seed| {
        let report = json(&[
            "explain",
            &photo("person.jpg"),
            "--contrast",
            "none",
            "--seed",
            seed,
            "--json",
        ]);
        report["explanations"][0]["sum_abs"].as_f64().unwrap()
    };
    let (score, unit) = (sum_abs("score"), sum_abs("unit"));
    assert!(unit > 0.0 && unit < score, "{unit} {score}");
}

#[test]
fn smoothing_changes_the_picture_and_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let (png, npy) = (folder.path().join("a.png"), folder.path().join("a.npy"));
    let explain = |smooth: &[&str]| {
        let question = [
            "explain",
            &photo("eagle.jpg"),
            "--json",
            "-o",
            png.to_str().unwrap(),
            "--npy",
            npy.to_str().unwrap(),
        ];
        let mut report = json(&[&question[..], smooth].concat());
        report["explanations"][0]["ms"].take();
        let picture = image::open(&png).unwrap().into_rgb8();
        (picture, std::fs::read(&npy).unwrap(), report)
    };
    let (plain, numbers, report) = explain(&[]);
    assert_eq!(
        explain(&["--smooth", "0"]),
        (plain.clone(), numbers.clone(), report.clone())
    );
    let smooth = explain(&["--smooth", "4"]);
    assert_eq!((smooth.1, smooth.2), (numbers, report));
    assert_ne!(smooth.0, plain);
    // Differences between neighbours, which smoothing is there to lessen.
    let roughness = |picture: &RgbImage| -> u64 {
        let rows = picture.rows().map(|row| row.collect::<Vec<_>>());
        rows.flat_map(|row| {
            let steps = row.windows(2).map(|pair| {
                let apart = |c: usize| u64::from(pair[0].0[c].abs_diff(pair[1].0[c]));
                apart(0) + apart(1) + apart(2)
            });
            steps.collect::<Vec<_>>()
        })
        .sum()
    };
    assert!(roughness(&smooth.0) < roughness(&plain));
}
