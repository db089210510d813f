//! What goes wrong, and what the command says then.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::{command, fail, failure, photo, run, succeed};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_failure_is_one_line_and_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let prose = folder.path().join("prose.jpg");
    std::fs::write(&prose, "This is not a picture.\n").unwrap();
    let prose = prose.to_str().unwrap();
    let cut_off = folder.path().join("cut off.jpg");
    let dog = photo("dog.jpg");
    std::fs::write(&cut_off, &std::fs::read(&dog).unwrap()[..60_000]).unwrap();
    for (arguments, reason) in [
        (
            &["detect", "/nowhere/a.jpg"][..],
            "cannot open /nowhere/a.jpg: No such file",
        ),
        (&["detect", prose], "neither JPEG nor PNG"),
        (
            &["detect", cut_off.to_str().unwrap()],
            "cut off.jpg: it is cut off",
        ),
        (
            &["detect", &dog, "--model", "/nowhere/a.onnx"],
            "cannot open model /nowhere/a.onnx: No such file",
        ),
        (&["detect", &dog, "--model", prose], "is not an ONNX model"),
        (
            &["explain", &dog, "--target", "class:bycicle"],
            "did you mean \"bicycle\"?",
        ),
        (
            &["explain", &dog, "--contrast", "class:bycicle"],
            "did you mean \"bicycle\"?",
        ),
        (
            &["explain", &dog, "--box", "99999"],
            "there is no default box 99999: this model has 1917",
        ),
        (
            &["explain", &dog, "--target", "bicycle"],
            "'bicycle' is not a target",
        ),
        (
            &["explain", &dog, "--target", "offset:left"],
            "there is no offset 'left'",
        ),
        (
            &["explain", &dog, "--contrast", "everything"],
            "'everything' is not a contrast",
        ),
        (
            &[
                "explain",
                &dog,
                "--target",
                "offset:w",
                "--contrast",
                "runner-up",
            ],
            "'runner-up' goes with a class",
        ),
        (
            &["explain", &dog, "--composite", "gradcam"],
            "there is no composite 'gradcam'",
        ),
        (
            &["explain", &dog, "--at", "5,5"],
            "nothing was detected at 5,5",
        ),
        (&["explain", &dog, "--at", "5,5"], "dog 0.89 at 133,220"),
        (&["explain", &dog, "--at", "768.5,5"], "which is 768x576"),
        (&["explain", &dog, "--at", "-5,3"], "which is 768x576"),
        (
            &["explain", &photo("scream.jpg")],
            "nothing scores above 0.5",
        ),
        (
            &["explain", &dog, "-o", "/dev/null/a.png"],
            "cannot write /dev/null/a.png: /dev/null is not a folder",
        ),
        (
            &["explain", &dog, "-o", "/dev/full"],
            "cannot write /dev/full: No space left",
        ),
        (
            &["explain", &dog, "--npy", "a.txt"],
            "maps are written as NPY, name it .npy",
        ),
        (
            &["explain", &dog, "--npy"],
            "--npy without a name writes beside the pictures of -o",
        ),
        (
            &["explain", &dog, &dog, "-o", "/dev/null"],
            "results of several pictures go into a folder, and /dev/null is a file",
        ),
        (
            &["explain", &photo("scream.jpg")],
            "lower --score-threshold, name a class with --target class:NAME, or a default box with --box",
        ),
        (
            &["explain", &photo("scream.jpg"), "--at", "5,5"],
            "lower --score-threshold, or name a default box with --box",
        ),
        (
            &["explain", prose, "--npy", prose],
            "that is the photo itself",
        ),
        (
            &[
                "evaluate",
                &dog,
                "--csv",
                "/nowhere/a",
                "--json",
                "/nowhere/a",
            ],
            "cannot write CSV and JSON both to /nowhere/a: name two files",
        ),
        (
            &["evaluate", &dog, "--json", "-"],
            "cannot write to '-': standard output is for",
        ),
        (
            &["compile", "-o", "/dev/full"],
            "cannot write /dev/full: No space left",
        ),
        (
            &[
                "explain",
                &dog,
                "-o",
                "/nowhere/a.png",
                "--npy",
                "/nowhere/a.png",
            ],
            "cannot write picture and NPY both to /nowhere/a.png",
        ),
        (
            &["explain", &dog, "-o", "-"],
            "cannot write to '-': standard output is for",
        ),
        (
            &["explain", &dog, "--npy", "-"],
            "cannot write to '-': standard output is for",
        ),
        (
            &["explain", &dog, "-o", "a.jpg"],
            "pictures are written as PNG",
        ),
        (
            &["report", &dog, "-o", "a.pdf"],
            "pages are written as HTML, name it .html",
        ),
        (
            &["diagnose", &dog, "--plot", "a.png"],
            "plots are written as SVG, name it .svg",
        ),
        (
            // Of no library for this kind of computer.
            &["detect", &dog, "--execution-provider", "vsi"],
            "no execution provider 'vsi': it has cpu",
        ),
        (
            &["inspect", "--execution-provider", "vsi"],
            "no execution provider 'vsi': it has cpu",
        ),
    ] {
        let line = fail(arguments);
        assert!(line.contains(reason), "{arguments:?}: {line}");
    }
}

#[test]
fn wrong_usage_is_status_2() {
    let dog = photo("dog.jpg");
    for arguments in [
        &[][..],
        &["detect"],
        &["describe", &dog],
        &["detect", &dog, "--logits"],
        &["detect", &dog, "--score-threshold", "1.5"],
        &["detect", &dog, "--threads", "many"],
        &["detect", &dog, "--threads", "257"],
        &["detect", &dog, "--execution-provider", "gpu"],
        &["explain", &dog, "--smooth", "-1"],
        &["explain", &dog, "--smooth", "nan"],
        &["explain", &dog, "--at", "5"],
        &["explain", &dog, "--at", "5,5", "--box", "3"],
        &["explain", &dog, "--box", "-1"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_model_that_onnx_runtime_refuses_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.onnx");
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ssdlite_mobilenet_v2_coco");
    let mut model = std::fs::read(default.with_extension("onnx")).unwrap();
    // Protobuf: field 1, five bytes of name; field 3, the number of groups, here 32 of 32 channels. Seven do not divide them.
    let attribute = b"\x0a\x05group\x18\x20";
    let place = model
        .windows(attribute.len())
        .position(|bytes| bytes == attribute)
        .expect("a depthwise convolution of 32 channels");
    model[place + attribute.len() - 1] = 7;
    std::fs::write(&file, model).unwrap();
    std::fs::copy(default.with_extension("toml"), file.with_extension("toml")).unwrap();

    let line = fail(&[
        "detect",
        &photo("dog.jpg"),
        "--model",
        file.to_str().unwrap(),
    ]);
    assert!(
        line.contains("ONNX Runtime failed: ") && line.contains("group: 7"),
        "{line}"
    );
    assert!(!line.contains('\u{1b}') && !line.contains("[E:"), "{line}");
}

#[test]
fn help_tells_the_truth() {
    // Without the line breaks, which depend on the terminal.
    let help = |arguments: &[&str]| {
        let text = succeed(arguments);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let general = help(&["--help"]);
    assert!(
        general.contains(
            "--target, --contrast or --composite that cannot be parsed has this status too"
        ),
        "{general}"
    );
    for arguments in [["detect", "--help"], ["explain", "--help"]] {
        let text = help(&arguments);
        assert!(
            text.contains("of the best other class at this default box"),
            "{text}"
        );
    }
    let detect = help(&["detect", "--help"]);
    let (_, program) = detect.split_once("jq -c '").expect("an example with jq");
    let (program, _) = program.split_once('\'').unwrap();
    // `label` is a keyword of jq 1.6, which an object's short form does not take.
    assert!(
        program.contains(".label") && !program.contains('{'),
        "{program}"
    );
}

#[test]
fn help_needs_no_runtime_and_a_missing_runtime_is_one_line() {
    let without = |arguments: &[&str]| {
        command(arguments)
            .env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")
            .output()
            .unwrap()
    };
    for arguments in [
        &["--help"][..],
        &["detect", "--help"],
        &["explain", "-h"],
        &["--version"],
    ] {
        let output = without(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(
            !output.stdout.contains(&0x1b),
            "no colours where there is no terminal"
        );
    }
    let line = failure(&without(&["detect", &photo("dog.jpg")]));
    assert!(
        line.contains("/nowhere/libonnxruntime.so") && line.contains("ORT_DYLIB_PATH"),
        "{line}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(&["detect", &photo("dog.jpg"), "--json", "--logits"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_standard_output_is_an_error() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(&["detect", &photo("eagle.jpg")])
        .stdout(full)
        .output()
        .unwrap();
    assert!(failure(&output).starts_with("cannot write to standard output: No space left"));
}

/// What a run says that is given `input` on standard input.
fn given(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who reads only a part of it closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_photo_may_come_on_standard_input_and_through_no_other_pipe() {
    let dog = std::fs::read(photo("dog.jpg")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let by_name = succeed(&["detect", &photo("dog.jpg")]);
    let piped = given(&["detect", "-"], &dog);
    let words = String::from_utf8(piped.stdout).unwrap();
    assert_eq!(words, by_name.replace(&photo("dog.jpg"), "-"));
    // It is one photo, however often it is named.
    let report = given(&["report", "-", "-", "-o", page.to_str().unwrap()], &dog);
    assert!(
        report.status.success(),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
    assert!(String::from_utf8_lossy(&report.stdout).contains(" in 1 photo;"));

    let cut_off = failure(&given(&["explain", "-"], &dog[..60_000]));
    assert_eq!(
        cut_off,
        "cannot use standard input: it is cut off: the JPEG's end is missing"
    );
    let empty = failure(&given(&["detect", "-"], b""));
    assert_eq!(
        empty,
        "cannot use standard input: it is neither JPEG nor PNG"
    );
    // As the shell's <(…) names it; opening a pipe by its name may take for ever.
    let named = failure(&given(&["detect", "/dev/fd/0"], &dog));
    assert_eq!(
        named,
        "cannot open /dev/fd/0 (a photo on standard input is called '-'): it is not a file"
    );
}
