//! `ssdcrp explain` with a folder for its results: names, records, and runs that go on where one stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use ndarray::Array2;
use ndarray_npy::read_npy;
use serde_json::Value;

use crate::folder_names::names;
use crate::patience::until;
use crate::{command, photo, run, succeed};

/// What a successful run prints as JSON, a value a picture.
fn explain(inputs: &[&str], output: &Path, more: &[&str]) -> Vec<Value> {
    let given = [
        "--json",
        "--npy",
        "--no-check",
        "-o",
        output.to_str().unwrap(),
    ];
    let text = succeed(&[&["explain"], inputs, &given, more].concat());
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn written(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// A folder with two photos.
fn photos(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    fs::create_dir(&photos).unwrap();
    for name in ["dog.jpg", "eagle.jpg"] {
        fs::copy(photo(name), photos.join(name)).unwrap();
    }
    photos
}

#[test]
fn files_are_called_by_photo_number_and_target_and_the_json_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    let output = folder.path().join("new/out");
    let targets = ["--target", "class:dog", "--target", "offset:w+"];
    let told = explain(&[photos.to_str().unwrap()], &output, &targets);
    let mut expected = vec!["settings.json".to_owned()];
    for stem in ["dog", "eagle"] {
        expected.push(format!("{stem}.json"));
        for name in ["1-class-dog", "2-offset-w+"] {
            expected.extend(["npy", "png"].map(|ending| format!("{stem}-{name}.{ending}")));
        }
    }
    expected.sort();
    assert_eq!(names(&output), expected);
    // None of them is a photo.
    let error = crate::fail(&["detect", &format!("{}/*.png", output.display())]);
    assert!(
        error.starts_with("no input is named: 4 results of ssdcrp explain, "),
        "{error}"
    );
    for (record, stem) in told.iter().zip(["dog", "eagle"]) {
        let kept = fs::read_to_string(output.join(format!("{stem}.json"))).unwrap();
        assert_eq!(&serde_json::from_str::<Value>(&kept).unwrap(), record);
        let [class, offset] = ["1-class-dog", "2-offset-w+"]
            .map(|name| ["png", "npy"].map(|ending| format!("{stem}-{name}.{ending}")));
        assert_eq!(record["explanations"][0]["files"], serde_json::json!(class));
        assert_eq!(
            record["explanations"][1]["files"],
            serde_json::json!(offset)
        );
        let map: Array2<f32> = read_npy(output.join(&offset[1])).unwrap();
        let sum: f64 = map.iter().map(|&r| f64::from(r.abs())).sum();
        let told = record["explanations"][1]["sum_abs"].as_f64().unwrap();
        assert!((sum - told).abs() <= 1e-5 * told, "{sum} {told}");
        let path = photos.join(format!("{stem}.jpg")).canonicalize().unwrap();
        assert_eq!(record["source"]["path"], path.to_str().unwrap());
    }
}

#[test]
fn a_run_goes_on_where_one_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    let output = folder.path().join("out");
    let inputs = [photos.to_str().unwrap()];
    let first = explain(&inputs, &output, &[]);
    let [eagle, dog] =
        ["eagle-1-class-bird.npy", "dog-1-class-bicycle.npy"].map(|it| output.join(it));
    let before = [written(&eagle), written(&dog)];

    // As if it had been killed before the last file, and a photo had been taken since.
    fs::remove_file(output.join("dog.json")).unwrap();
    fs::copy(photo("giraffe.jpg"), photos.join("giraffe.jpg")).unwrap();
    let second = explain(&inputs, &output, &[]);
    assert_eq!(written(&eagle), before[0], "it is left alone");
    assert!(written(&dog) > before[1], "it is made again");
    assert_eq!(second.len(), 3);
    assert_eq!(second[1], first[1], "what was done before is told again");

    // A file of it is gone, or the photo is another one.
    fs::remove_file(&eagle).unwrap();
    fs::copy(photo("person.jpg"), photos.join("dog.jpg")).unwrap();
    let third = explain(&inputs, &output, &[]);
    assert!(eagle.exists() && !dog.exists(), "{:?}", names(&output));
    assert_eq!(third[0]["explanations"][0]["target"], "class:person");

    let other = [
        "--json",
        "--npy",
        "--no-check",
        "-o",
        output.to_str().unwrap(),
    ];
    let error =
        crate::fail(&[&["explain", inputs[0]], &other[..], &["--contrast", "none"]].concat());
    assert!(
        error.contains(
            "made with other settings (contrast was not there, is 'none'): name another folder"
        ),
        "{error}"
    );
}

#[test]
fn one_photo_may_have_a_folder_too_and_photos_of_one_name_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let other = folder.path().join("eagle.png");
    fs::copy(photo("eagle.jpg"), folder.path().join("eagle.jpg")).unwrap();
    image::open(photo("giraffe.jpg"))
        .unwrap()
        .save(&other)
        .unwrap();
    let one = explain(
        &[folder.path().join("eagle.jpg").to_str().unwrap()],
        &output,
        &[],
    );
    let two = explain(&[other.to_str().unwrap()], &output, &[]);
    assert_eq!(
        one[0]["explanations"][0]["files"][0],
        "eagle-1-class-bird.png"
    );
    let name = two[0]["explanations"][0]["files"][0].as_str().unwrap();
    assert!(
        name.starts_with("eagle-") && name.ends_with("-1-class-giraffe.png"),
        "{name}"
    );
    assert_eq!(
        names(&output)
            .iter()
            .filter(|name| name.ends_with(".json"))
            .count(),
        3
    );
}

#[test]
fn a_picture_without_anything_to_explain_is_no_failure_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let output = output.to_str().unwrap();
    let arguments = [
        "explain",
        &photo("scream.jpg"),
        &photo("eagle.jpg"),
        "-o",
        output,
        "--no-check",
    ];
    let text = succeed(&arguments);
    assert!(text.contains("nothing scores above 0.5 in "), "{text}");
    let last = format!("written: {output}: 1 picture explained, 1 without anything to explain\n");
    assert!(text.ends_with(&last), "{text}");
    let again = succeed(&arguments);
    assert_eq!(
        again,
        format!("written: {output}: 0 pictures explained, 2 before\n")
    );
    let record = fs::read_to_string(Path::new(output).join("scream.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert!(
        record["nothing"]
            .as_str()
            .unwrap()
            .starts_with("nothing scores above 0.5")
    );
    assert!(record.get("explanations").is_none());
}

#[test]
fn one_bad_photo_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    fs::write(photos.join("c.jpg"), "no picture").unwrap();
    let output = folder.path().join("out");
    let result = run(&[
        "explain",
        photos.to_str().unwrap(),
        "--no-check",
        "-o",
        output.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(1));
    assert!(
        said.contains("c.jpg: it is neither") && said.contains("1 of 3 pictures"),
        "{said}"
    );
    assert!(output.join("eagle-1-class-bird.png").is_file() && !output.join("c.json").exists());
}

#[test]
fn files_of_others_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    let annotated = r#"{"imagePath": "dog.jpg", "shapes": []}"#;
    fs::write(photos.join("dog.json"), annotated).unwrap();
    let before = names(&photos);
    let named = photos.to_str().unwrap();
    let dog = photos.join("dog.jpg");
    let eagle = photos.join("eagle.jpg");
    let inputs = [&dog, &eagle].map(|path| path.to_str().unwrap());
    for inputs in [&inputs[..1], &inputs] {
        let error = crate::fail(&[&["explain"], inputs, &["-o", named]].concat());
        assert!(error.contains("has other files, as "), "{error}");
    }
    assert_eq!(names(&photos), before);
    // In a folder of explanations, one of another program has come later.
    let output = folder.path().join("out");
    explain(&inputs[1..], &output, &[]);
    fs::write(output.join("dog.json"), annotated).unwrap();
    let given = ["--npy", "--no-check", "-o", output.to_str().unwrap()];
    let again = run(&[&["explain"], &inputs[..], &given].concat());
    assert!(again.status.success());
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("dog.json stays as it is"), "{said}");
    let told = explain(&inputs, &output, &["--quiet"]);
    assert_eq!(
        fs::read_to_string(output.join("dog.json")).unwrap(),
        annotated
    );
    let file = told[0]["explanations"][0]["files"][0].as_str().unwrap();
    assert!(file.len() > "dog-12345678-1-class-".len(), "{file}");
}

#[test]
fn ctrl_c_says_what_is_done_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let [person, eagle] = ["person.jpg", "eagle.jpg"].map(photo);
    let given = ["--no-check", "-o", output.to_str().unwrap()];
    // The second photo is one that does not come, so that the signal does.
    let mut child = command(&[&["explain", &person, "-", &eagle], &given[..]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a photo", || {
        output.join("person.json").exists().then_some(())
    });
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    drop(child.stdin.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    let words = format!(
        "ssdcrp: interrupted: {}: 1 picture explained; run the same command again for the others",
        output.display()
    );
    assert_eq!(said.lines().last(), Some(&words[..]), "{said}");
    let inputs = ["explain", &person, &eagle];
    let said = succeed(&[&inputs, &given[..]].concat());
    assert!(
        said.ends_with(": 1 picture explained, 1 before\n"),
        "{said}"
    );
}
