//! Completion for bash: a program's declared options in; the script out that bash reads.
//!
//! It is made here. The script of clap_complete offers options where a file is to be named, and completes no value with a colon in it: bash takes such a word apart.

use std::fmt::Write;

use clap::{Arg, Command, ValueHint};

/// What is the same for every program; what differs takes the place of words in capitals.
const SCRIPT: &str = include_str!("completion.bash");

/// The script for a program that is built, with all of its options.
pub fn script(program: &str, command: &Command) -> String {
    let levels: Vec<(&str, &Command)> = std::iter::once(("", command))
        .chain(verbs(command).map(|verb| (verb.get_name(), verb)))
        .collect();
    let place = match verbs(command).next() {
        Some(_) => "if [[ $verb ]]; then ((places += 1)); else verb=$word; fi",
        None => "((places += 1))",
    };
    let mut taking = String::new();
    let mut values = String::new();
    let mut options = String::new();
    let mut places = String::new();
    for (verb, command) in levels {
        for arg in command.get_arguments().filter(|arg| takes_value(arg)) {
            let patterns: Vec<String> = (names(arg).iter())
                .map(|name| quoted(&format!("{verb} {name}")))
                .collect();
            let patterns = patterns.join(" | ");
            line(&mut taking, &format!("{patterns}) option=$word ;;"));
            line(&mut values, &format!("{patterns}) {} ;;", offered(arg)));
        }
        let all: Vec<String> = command.get_arguments().flat_map(names).collect();
        let verb = quoted(verb);
        line(
            &mut options,
            &format!("{verb}) offered=({}) ;;", all.join(" ")),
        );
    }
    if verbs(command).next().is_some() {
        let all: Vec<&str> = verbs(command).map(Command::get_name).collect();
        line(
            &mut places,
            &format!("' '*) offered=({}) ;;", all.join(" ")),
        );
    }
    for verb in verbs(command) {
        for (index, place) in verb.get_positionals().enumerate() {
            let known = known(place);
            if !known.is_empty() {
                let at = quoted(&format!("{} {index}", verb.get_name()));
                line(
                    &mut places,
                    &format!("{at}) offered=({known}) files=beside ;;"),
                );
            }
        }
    }
    let function = program.replace('-', "_");
    let parts = [
        ("FUNCTION", function.as_str()),
        ("PROGRAM", program),
        ("        # TAKING\n", &taking),
        ("PLACE_NAMED", place),
        ("        # VALUES\n", &values),
        ("        # OPTIONS\n", &options),
        ("        # PLACES\n", &places),
    ];
    parts
        .into_iter()
        .fold(SCRIPT.to_owned(), |script, (name, text)| {
            script.replace(name, text)
        })
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "        {line}");
}

/// "--output" and "-o"; none of what is not an option.
fn names(arg: &Arg) -> Vec<String> {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    long.into_iter().chain(short).collect()
}

/// Whether the word behind an option is its value.
fn takes_value(arg: &Arg) -> bool {
    let takes = arg.get_action().takes_values() && !arg.is_positional();
    takes
        && arg
            .get_num_args()
            .is_none_or(|count| count.min_values() > 0)
}

/// What the script does for the value of an option.
fn offered(arg: &Arg) -> String {
    let known = known(arg);
    match arg.get_value_hint() {
        _ if !known.is_empty() => format!("offered=({known}) files=no"),
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath => "files=alone".to_owned(),
        _ => "files=no".to_owned(),
    }
}

/// The known values, as words of a shell.
fn known(arg: &Arg) -> String {
    let values = arg.get_possible_values();
    let words: Vec<String> = (values.iter())
        // As a person would type it, in quotes for the script.
        .map(|value| quoted(&value.get_name().replace(' ', "\\ ")))
        .collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
