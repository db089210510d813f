//! `compile`: the network that it writes, run elsewhere, gives the command's own map.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use ndarray_npy::read_npy;

use crate::{cached, photo};

/// What docs/own-models.md says about the network that `compile` writes.
fn section() -> &'static str {
    let page = include_str!("../../docs/own-models.md");
    let (_, section) = page.split_once("\n## Elsewhere\n").expect("the section");
    section.split_once("\n## ").expect("the next section").0
}

/// The first block of a language.
fn block(language: &str) -> &'static str {
    let (_, block) = (section().split_once(&format!("```{language}\n"))).expect("the block");
    block.split_once("```").expect("its end").0
}

#[test]
#[ignore = "needs the oracle's Python: make test-all"]
fn the_pages_script_gives_the_commands_map() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::copy(photo("person.jpg"), file("photo.jpg")).unwrap();
    let ours = Path::new(env!("CARGO_BIN_EXE_ssdcrp")).parent().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([ours.to_owned()].into_iter().chain(env::split_paths(&path)));
    let path = path.unwrap();
    let finish = |command: &mut Command| {
        let output = (command.current_dir(folder.path()).env("PATH", &path))
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).unwrap()
    };
    let line = block("sh").lines().next().unwrap();
    finish(Command::new("sh").args(["-c", line]));
    let python = cached("oracle/bin/python");
    let said = finish(Command::new(python).args(["-c", block("python")]));
    assert!(said.contains(" rather than "), "{said}");
    let map = || -> Array2<f32> { read_npy(file("relevance.npy")).unwrap() };
    let theirs = map();

    let (_, asked) = section().split_once("`ssdcrp explain ").expect("the same");
    let (asked, _) = asked.split_once('`').unwrap();
    finish(Command::new("sh").args(["-c", &format!("ssdcrp explain {asked}")]));
    let own = map();
    let largest = own.iter().fold(0.0_f32, |most, r| most.max(r.abs()));
    let off = (&own - &theirs)
        .iter()
        .fold(0.0_f32, |most, r| most.max(r.abs()));
    assert!(largest > 0.0 && off <= 1e-4 * largest, "{off} of {largest}");
}
