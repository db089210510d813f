//! Man pages and completions of `ssdcrp`; the page of `ssdcrp annotate` is that of the program which it becomes.

#[test]
fn pages_and_completions_name_every_verb_and_option() {
    crate::options::check("ssdcrp", env!("CARGO_BIN_EXE_ssdcrp"), &["annotate"]);
}

#[test]
fn shells_offer_the_values_of_known_lists() {
    let share = tempfile::tempdir().unwrap();
    crate::succeed(&["--write-manual", share.path().to_str().unwrap()]);
    for (before, values) in [
        (
            &["explain", "--target"][..],
            &["offset:cx", "edge:left"][..],
        ),
        (&["diagnose", "--contrast"], &["mean", "runner-up"]),
        (&["compile", "--composite"], &["crp", "lrp-epsilon"]),
        (&["evaluate", "--composites"], &["crp"]),
        (&["evaluate", "--baselines"], &["d-rise:1000", "random"]),
        (&["evaluate", "--deletion"], &["blurred", "mean-colour"]),
        (&["explain", "--colour-map"], &["orange-blue"]),
        (&["explain", "--seed"], &["score", "unit"]),
    ] {
        let offered = crate::options::completed("ssdcrp", before, "", share.path());
        for value in values {
            assert!(offered.contains(*value), "{before:?}: {offered:?}");
        }
        assert!(!offered.iter().any(|value| value.starts_with("class:")));
    }
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
