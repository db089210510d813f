//! What README and the pages in docs tell people to type: scripts, make's targets and cargo's packages that they name are there. The arguments of our own programs are
//! parsed where those are declared (`src/cli`, `annotate/src/options.rs`, `monitor/src/options.rs`), pipelines by GStreamer (`plugin/tests/element/page.rs`).
//! `make test-shown` runs all of them.

mod documents;

use std::collections::BTreeMap;
use std::fs;

use documents::{commands, root, shown_commands};

#[test]
fn commands_are_taken_apart_as_by_a_shell() {
    let mut variables = BTreeMap::new();
    let script = "tool=target/tool\n$tool a 'b c' \"$d/8\" x#y # z\n\
        find . -name '*.mkv' | tool @- \\\n  --set a=b && A=1 last $(seq 8)\n";
    let found = commands(script, &mut variables);
    let expected: [&[&str]; 4] = [
        &["target/tool", "a", "b c", "1/8", "x#y"],
        &["find", ".", "-name", "*.mkv"],
        &["tool", "@-", "--set", "a=b"],
        &["last", "1"],
    ];
    assert_eq!(found, expected);
}

#[test]
fn programs_are_found_behind_what_starts_them() {
    let mut variables = BTreeMap::new();
    for (line, expected) in [
        ("sudo tool a", Some(&["a"][..])),
        ("target/release/tool a b", Some(&["a", "b"])),
        ("parallel -j 2 tool {}/8 ::: 1 2", Some(&["1/8"])),
        ("python main.py tool", None),
    ] {
        let words = commands(line, &mut variables).remove(0);
        let page = String::new();
        let shown = documents::ShownCommand { page, words };
        let arguments = shown.arguments_of("tool");
        let expected: Option<Vec<String>> =
            expected.map(|words| words.iter().map(|&word| word.to_owned()).collect());
        assert_eq!(arguments.map(<[String]>::to_vec), expected, "{line}");
    }
}

/// A word of a command that names a script of the project.
fn is_own_script(word: &str) -> bool {
    let folders = [
        "setup/",
        "pipelines/",
        "packaging/",
        "tests/",
        "models/",
        "scale/",
        "benches/",
        "fuzz/",
    ];
    folders.iter().any(|folder| word.starts_with(folder))
        && [".sh", ".py"].iter().any(|ending| word.ends_with(ending))
}

#[test]
fn scripts_are_there() {
    let mut tried = 0;
    for shown in shown_commands() {
        let installed = "/usr/share/ssdcrp/";
        for word in &shown.words {
            let script = word.strip_prefix(installed).unwrap_or(word);
            if is_own_script(script) {
                let page = &shown.page;
                assert!(
                    root().join(script).is_file(),
                    "{page}: there is no {script}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

/// Also those in the tables of CONTRIBUTING and in running text.
#[test]
fn targets_of_make_are_there() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let is_target = |name: &str| {
        let line = format!("{name}:");
        makefile.lines().any(|text| text.starts_with(&line))
    };
    assert!(is_target("demo") && !is_target("demos"));
    for shown in shown_commands() {
        let Some([name, ..]) = shown.arguments_of("make") else {
            continue;
        };
        assert!(is_target(name), "{}: make {name}", shown.page);
    }
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let marked = contributing.split('`').skip(1).step_by(2);
    for name in marked.filter_map(|code| code.strip_prefix("make ")) {
        let name = name.split(' ').next().unwrap_or_default();
        assert!(is_target(name), "CONTRIBUTING.md: make {name}");
    }
}

#[test]
fn packages_and_examples_of_cargo_are_there() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for shown in shown_commands() {
        let Some(arguments) = shown.arguments_of("cargo") else {
            continue;
        };
        let named = |options: [&str; 2]| {
            let at = arguments.iter().position(|word| options.contains(&&**word));
            at.and_then(|at| arguments.get(at + 1))
        };
        if let Some(package) = named(["-p", "--package"]) {
            let line = format!("name = \"{package}\"");
            assert!(
                lock.lines().any(|text| text == line),
                "{}: {package}",
                shown.page
            );
        }
        if let Some(example) = named(["--example", "--example"]) {
            let file = root().join(format!("examples/{example}.rs"));
            assert!(file.is_file(), "{}: {example}", shown.page);
        }
    }
}
