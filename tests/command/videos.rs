//! Verbs for photos take videos by single frames, which the program `ssdcrp-annotate` decodes.
//!
//! Needs that program beside the command: `cargo build --package ssdcrp-annotate`, as `make test` does.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{ImageFormat, RgbImage};
use serde_json::Value;

use crate::{cached, fail, failure, run, succeed};

/// The program that decodes.
fn decoder() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_ssdcrp")).with_file_name("ssdcrp-annotate");
    assert!(
        path.is_file(),
        "{} is missing: build it by cargo build --package ssdcrp-annotate",
        path.display()
    );
    path
}

fn footage() -> String {
    decoder();
    cached("footage/vtest.avi").to_str().unwrap().to_owned()
}

/// Lines of JSON without a word on standard error.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let text = succeed(arguments);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The footage's frame at a time, as the decoder gives it, without the command.
fn frame(second: u64) -> RgbImage {
    let output = Command::new(decoder())
        .args([
            "--frames-of",
            &footage(),
            &format!("--every={second}"),
            "--most=2",
        ])
        .output()
        .unwrap();
    let head = |time: u64| {
        format!("P6\n# time {time}.000000000\n# every 39.750000000\n768 576\n255\n").len()
    };
    let size = 768 * 576 * 3;
    assert_eq!(output.stdout.len(), head(0) + head(10) + 2 * size);
    let pixels = &output.stdout[output.stdout.len() - size..];
    RgbImage::from_raw(768, 576, pixels.to_vec()).unwrap()
}

#[test]
fn frames_are_detected_as_the_same_pictures_are() {
    let footage = footage();
    let found = lines(&["detect", &footage, "--every", "39.8", "--json"]);
    let seconds: Vec<f64> = found
        .iter()
        .map(|it| it["second"].as_f64().unwrap())
        .collect();
    assert_eq!(seconds, [0.0, 39.8]);
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("a.png");
    frame(39).save(&picture).unwrap();
    let same = lines(&["detect", picture.to_str().unwrap(), "--json"]);
    assert_eq!(found[1]["detections"], same[0]["detections"]);
    assert!(found[1]["detections"].as_array().unwrap().len() > 1);
    assert_eq!(found[1]["image"], footage);
    assert!(same[0].get("second").is_none());

    let spread = lines(&["detect", &footage, "--frames", "4", "--json"]);
    let seconds: Vec<f64> = spread
        .iter()
        .map(|it| it["second"].as_f64().unwrap())
        .collect();
    // 79.5 seconds at ten frames a second.
    assert_eq!(seconds, [0.0, 19.9, 39.8, 59.7]);
    let text = succeed(&["detect", &footage, "--frames", "2"]);
    assert!(text.contains("vtest.avi at 39.8 s: 768x576"), "{text}");
}

#[test]
fn explanations_of_frames_are_called_by_their_times_and_not_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let footage = footage();
    let arguments = ["explain", &footage, "--frames", "2", "--no-check", "--npy"];
    let place = ["--json", "-o", output.to_str().unwrap()];
    let all = [&arguments[..], &place].concat();
    let first = lines(&all);
    let name = "vtest-00039.800s-1-class-person";
    assert_eq!(first[1]["second"], 39.8);
    assert_eq!(
        first[1]["explanations"][0]["files"][1],
        format!("{name}.npy")
    );
    let files = ["png", "npy"].map(|ending| output.join(format!("{name}.{ending}")));
    let before = files
        .each_ref()
        .map(|file| fs::metadata(file).unwrap().modified().unwrap());
    fs::remove_file(output.join("vtest-00000.000s.json")).unwrap();
    let second = lines(&all);
    assert_eq!(second[1], first[1]);
    let after = files
        .each_ref()
        .map(|file| fs::metadata(file).unwrap().modified().unwrap());
    assert_eq!(before, after);
}

#[test]
fn reports_evaluations_and_diagnoses_take_frames_too() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let plots = folder.path().join("plots");
    let (page, plots) = (page.to_str().unwrap(), plots.to_str().unwrap());
    let footage = footage();
    let frames = ["--frames", "2"];
    let said = succeed(&[&["report", &footage, "--no-check", "-o", page], &frames[..]].concat());
    assert!(said.contains(" in 2 photos"), "{said}");
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .contains("vtest.avi at 39.8 s")
    );

    let methods = ["--no-presets", "--baselines", "random", "--detections", "1"];
    let table = succeed(&[&["evaluate", &footage], &methods[..], &frames].concat());
    assert!(table.contains("2 detections in 2 photos"), "{table}");

    let text = succeed(&[&["diagnose", &footage, "--plot", plots], &frames[..]].concat());
    assert!(
        text.contains("vtest.avi at 0 s: ") && text.contains("vtest.avi at 39.8 s: "),
        "{text}"
    );
    for name in ["vtest-00000.000s.svg", "vtest-00039.800s.svg"] {
        let plot = fs::read_to_string(Path::new(plots).join(name)).unwrap();
        assert!(plot.starts_with("<svg"), "{name}");
    }
}

/// JPEGs one after the other in a file say neither when they are to be seen nor how many they are.
#[test]
fn frames_without_times_are_spread_too() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mjpeg");
    let mut jpegs = Vec::new();
    for grey in 0..20 {
        let picture = RgbImage::from_pixel(32, 32, image::Rgb([grey * 10; 3]));
        let mut jpeg = Cursor::new(Vec::new());
        picture.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        jpegs.extend(jpeg.into_inner());
    }
    fs::write(&film, jpegs).unwrap();
    let taken = |options: &[&str]| {
        let output = Command::new(decoder())
            .arg("--frames-of")
            .arg(&film)
            .args(options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let times = text.split("# time ").skip(1);
        let times = times.map(|rest| rest.split('\n').next().unwrap().parse().unwrap());
        times.collect::<Vec<f64>>()
    };
    // 25 a second.
    assert_eq!(
        taken(&["--every=0", "--most=4"]),
        [0.0, 0.2, 0.4, 0.6],
        "spread over 0.8 s"
    );
    assert_eq!(taken(&["--every=0.5"]), [0.0, 0.52]);
}

#[test]
fn what_cannot_be_decoded_is_told_in_the_decoders_words() {
    decoder();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.mp4"), "no video at all").unwrap();
    fs::write(path("b.avi"), &fs::read(footage()).unwrap()[..600]).unwrap();
    let error = fail(&["detect", &path("a.mp4")]);
    assert!(
        error.contains("a.mp4: there is no video in it that can be decoded"),
        "{error}"
    );
    let error = fail(&["explain", &path("b.avi")]);
    assert!(
        error.contains("b.avi: there is no video in it that can be decoded"),
        "{error}"
    );
    // Among others it stops none.
    let output = run(&["detect", &path("a.mp4"), &crate::photo("eagle.jpg")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 of 2 pictures could not be used"), "{said}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("bird"),
        "{said}"
    );
    for arguments in [["--every", "-1"], ["--frames", "0"], ["--every", "often"]] {
        let video = path("a.mp4");
        let given = [&["detect", &video], &arguments[..]].concat();
        assert_eq!(run(&given).status.code(), Some(2), "{arguments:?}");
    }
}

/// The command with a video, in a folder in which a script takes the place of the decoder.
fn beside_a_script() -> tempfile::TempDir {
    let command = Path::new(env!("CARGO_BIN_EXE_ssdcrp"));
    let folder = tempfile::tempdir_in(command.parent().unwrap()).unwrap();
    fs::hard_link(command, folder.path().join("ssdcrp")).unwrap();
    fs::write(folder.path().join("a.mp4"), "no video").unwrap();
    folder
}

/// What the command of that folder says with this script as its decoder.
fn fail_with(folder: &Path, script: &str, arguments: &[&str]) -> String {
    let program = folder.join("ssdcrp-annotate");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut started = Command::new(folder.join("ssdcrp"));
    failure(&started.args(arguments).output().unwrap())
}

/// In place of the decoder, what says something else than pictures, more than a pipe takes, or that it has too few.
#[test]
fn a_decoder_that_misbehaves_is_told() {
    let folder = beside_a_script();
    let video = folder.path().join("a.mp4");
    for (script, words) in [
        ("echo hello", "a picture is expected where there is 'hello'"),
        (
            "yes 'ssdcrp: warning' | head -c 1000000 >&2; echo 'ssdcrp: it is broken' >&2; exit 1",
            "a.mp4: it is broken",
        ),
        ("exit 3", "decoding it ended with exit status: 3"),
        (
            "printf 'P6\\n# time 0\\n# every 1\\n9 9\\n255\\nabc'",
            "a frame is cut off",
        ),
    ] {
        let arguments = ["detect", video.to_str().unwrap()];
        let error = fail_with(folder.path(), script, &arguments);
        assert!(error.contains(words), "{script}: {error}");
    }
}

#[test]
fn nothing_is_decoded_before_all_else_is_known_to_be_right() {
    let folder = beside_a_script();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (video, page) = (path("a.mp4"), path("page.html"));
    let script = "touch \"$0.started\"; exit 3";
    for (arguments, words) in [
        (
            &["report", &video, "-o", &page, "--what-if", "hrose"][..],
            "did you mean \"horse\"?",
        ),
        (
            &["report", &video, "-o", "/dev/null/a.html"],
            "/dev/null is not a folder",
        ),
        (
            &["compare", "built-in", "/nowhere/a.onnx", &video],
            "/nowhere/a.onnx",
        ),
    ] {
        let error = fail_with(folder.path(), script, arguments);
        assert!(error.contains(words), "{error}");
    }
    let started = path("ssdcrp-annotate.started");
    assert!(!Path::new(&started).exists());
    let error = fail_with(folder.path(), script, &["report", &video, "-o", &page]);
    assert!(error.contains("ended with exit status: 3"), "{error}");
    assert!(Path::new(&started).exists() && !Path::new(&page).exists());
}
