//! A program's `--write-manual` held against its own `--help`: every verb has a page, every option stands on it, and bash completes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Tries the program of this name that lies at `path`; the verbs `of_others` are answered by other programs.
pub fn check(name: &str, path: &str, of_others: &[&str]) {
    let share = tempfile::tempdir().unwrap();
    output(Command::new(path).arg("--write-manual").arg(share.path()));
    let help = output(Command::new(path).arg("--help"));
    check_level(name, &[], &help, share.path());
    let verbs = verbs(&help);
    for verb in &verbs {
        let page = share.path().join(format!("man/man1/{name}-{verb}.1"));
        let is_of_another = of_others.contains(&verb.as_str());
        assert_eq!(page.is_file(), !is_of_another, "{}", page.display());
        // Built with the workspace.
        let other = Path::new(path).with_file_name(format!("{name}-{verb}"));
        if is_of_another && !other.is_file() {
            continue;
        }
        let help = output(Command::new(path).args([verb, "--help"]));
        if is_of_another {
            check_completions(name, &[verb], &help, share.path());
        } else {
            check_level(name, &[verb], &help, share.path());
        }
    }
    let offered = completed(name, &[], "", share.path());
    for verb in verbs {
        assert!(offered.contains(&verb), "{verb} of {offered:?}");
    }
}

/// The options of one `--help`: on the page, and completed.
fn check_level(name: &str, verb: &[&str], help: &str, share: &Path) {
    let page = [&[name], verb].concat().join("-");
    let page = fs::read_to_string(share.join(format!("man/man1/{page}.1"))).unwrap();
    let page = page.replace(r"\-", "-");
    for option in options(help) {
        assert!(
            page.contains(&option),
            "{option} is not on the page: {page}"
        );
    }
    check_completions(name, verb, help, share);
}

/// The options of one `--help`: completed by bash, and named by the other shells' files.
fn check_completions(name: &str, verb: &[&str], help: &str, share: &Path) {
    let offered = completed(name, verb, "--", share);
    let zsh = fs::read_to_string(share.join(format!("zsh/site-functions/_{name}"))).unwrap();
    let fish = share.join(format!("fish/vendor_completions.d/{name}.fish"));
    let fish = fs::read_to_string(fish).unwrap();
    let options = options(help);
    assert!(options.contains("--help"), "{help}");
    for option in options {
        assert!(offered.contains(&option), "{option} is not of {offered:?}");
        assert!(zsh.contains(&option), "zsh: {option}");
        let long = option.trim_start_matches('-');
        assert!(fish.contains(&format!("-l {long}")), "fish: {option}");
    }
}

/// What bash offers for a word that begins with `start`; of a word with a colon, what follows that.
pub fn completed(name: &str, before: &[&str], start: &str, share: &Path) -> BTreeSet<String> {
    let script = "source \"$0\"; COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
        current=${!#}; [[ $current == [:=] ]] && current=; current=${current#[\\\"\\']}; functions=$(declare -F); \
        $(complete -p \"$1\" | sed 's/.* -F \\([^ ]*\\) .*/\\1/') \"$1\" \"$current\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
        [[ $(declare -F) == \"$functions\" ]] || echo functions are left; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let words = [&[name], before, &[start]].concat();
    let words = words.into_iter().flat_map(as_bash_splits);
    let mut bash = Command::new("bash");
    bash.args(["-c", script]);
    bash.arg(share.join("bash-completion/completions").join(name));
    bash.args(words);
    let offered = output(&mut bash);
    let offered = offered.lines().filter(|word| !word.is_empty());
    offered.map(str::to_owned).collect()
}

/// A word, or its parts where it has colons or equals signs; within quotes it is one.
fn as_bash_splits(word: &str) -> Vec<&str> {
    if word.starts_with('"') {
        return vec![word];
    }
    let parts = word.split_inclusive([':', '=']).flat_map(|part| {
        let breaks = part.ends_with([':', '=']);
        let (text, sign) = part.split_at(part.len() - usize::from(breaks));
        [text, sign].into_iter().filter(|it| !it.is_empty())
    });
    let parts: Vec<&str> = parts.collect();
    match parts.is_empty() {
        true => vec![word],
        false => parts,
    }
}

/// The long options that a help text lists: each stands at the beginning of a line, indented as clap indents them; text about options is not.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines();
    lines
        .filter(|line| line.starts_with("  -") || line.starts_with("      --"))
        .filter_map(|line| {
            let (_, name) = line.split_once("--")?;
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            Some(format!("--{}", &name[..end.unwrap_or(name.len())]))
        })
        .collect()
}

/// The verbs that a help text lists, without `help` itself.
fn verbs(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
