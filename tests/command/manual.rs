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
