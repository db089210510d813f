//! Man pages and completions of `ssdcrp`; the page of `ssdcrp annotate` is that of the program which it becomes.

use std::collections::BTreeSet;

#[test]
fn pages_and_completions_name_every_verb_and_option() {
    crate::options::check("ssdcrp", env!("CARGO_BIN_EXE_ssdcrp"), &["annotate"]);
}

#[test]
fn shells_offer_the_values_of_known_lists() {
    let share = tempfile::tempdir().unwrap();
    crate::succeed(&["--write-manual", share.path().to_str().unwrap()]);
    let offered = |before: &[&str], start: &str| {
        crate::options::completed("ssdcrp", before, start, share.path())
    };
    for (before, start, values) in [
        (
            &["explain", "--target"][..],
            "",
            &["class:", "edge:", "objectness", "offset:"][..],
        ),
        (&["explain", "--target"], "offset:", &["cx", "cy", "h", "w"]),
        (&["explain", "--target"], "class:do", &["dog", "donut"]),
        (&["explain"], "--target=class:do", &["dog", "donut"]),
        (
            &["explain", "--target"],
            "class:tr",
            &["traffic\\ light", "train", "truck"],
        ),
        // Within quotes bash takes no word apart, and a blank is one.
        (
            &["explain", "--target"],
            "\"class:tr",
            &["class:traffic light", "class:train", "class:truck"],
        ),
        (&["diagnose", "--contrast"], "r", &["runner-up"]),
        (&["diagnose", "--contrast"], "class:ze", &["zebra"]),
        (
            &["compile", "--composite"],
            "lrp-e",
            &["lrp-epsilon", "lrp-epsilon-plus-flat"],
        ),
        (&["evaluate", "--deletion"], "", &["blurred", "mean-colour"]),
        (&["explain", "--colour-map"], "o", &["orange-blue"]),
        (&["explain", "--seed"], "", &["score", "unit"]),
        (
            &["explain", "--execution-provider"],
            "c",
            &["cann", "cpu", "cuda"],
        ),
        (&["--execution-provider"], "op", &["openvino"]),
        (
            &["--model", "own.onnx", "explain", "--colour-map"],
            "o",
            &["orange-blue"],
        ),
        (&["compare"], "built", &["built-in"]),
        (
            &["compare", "own.onnx", "--no-check"],
            "built",
            &["built-in"],
        ),
        (&["compare", "own.onnx", "other.onnx"], "built", &[]),
        // Behind -- no word is an option.
        (&["explain", "--"], "-", &[]),
        (&["compare", "--", "--no-check"], "built", &["built-in"]),
        // Files, which bash itself finds.
        (&["explain"], "", &[]),
        (&["explain", "a.jpg"], "", &[]),
        (&["explain", "-o"], "", &[]),
    ] {
        let values: BTreeSet<String> = values.iter().map(|&value| value.to_owned()).collect();
        assert_eq!(offered(before, start), values, "{before:?} {start}");
    }
    assert!(offered(&["evaluate", "--baselines"], "").contains("random"));
    assert!(offered(&["evaluate", "--baselines"], "d-rise:").contains("1000"));
}

#[test]
fn pages_that_cannot_be_written_are_told_in_one_line() {
    let error = super::fail(&["--write-manual", "/dev/null/share"]);
    assert!(error.contains("/dev/null/share"), "{error}");
}

#[test]
fn the_option_without_its_folder_is_answered_with_what_it_wants() {
    for arguments in [
        &["--write-manual"][..],
        &["--write-manual="],
        &["--write-manual", "a", "b"],
    ] {
        let output = super::run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "ssdcrp: the pages need a folder: ssdcrp --write-manual FOLDER, such as ~/.local/share\n"
        );
    }
}
