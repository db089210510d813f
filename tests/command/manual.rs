//! Man pages and completions of `ssdcrp`; the page of `ssdcrp annotate` is that of the program which it becomes.

#[test]
fn pages_and_completions_name_every_verb_and_option() {
    crate::options::check("ssdcrp", env!("CARGO_BIN_EXE_ssdcrp"), &["annotate"]);
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
