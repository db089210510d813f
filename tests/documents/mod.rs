//! The command lines of README and of the pages in docs: what stands in blocks of code marked `sh` or `bash`, taken apart as a shell would.
//!
//! Of a shell's language this knows words, quotes, comments, continued lines, assignments and what joins commands. A variable that the page does not set, a
//! substitution and a place for an argument (`{}` of parallel) each stand for a 1.

#![allow(
    dead_code,
    reason = "each crate that has this module uses a part of it"
)]

use std::collections::BTreeMap;
use std::fs;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

/// A simple command of a page.
#[derive(Debug)]
pub struct ShownCommand {
    /// The page, by its path from the root of the project.
    pub page: String,
    /// The program and its arguments.
    pub words: Vec<String>,
}

impl ShownCommand {
    /// The arguments if this runs the program, wherever that lies.
    pub fn arguments_of(&self, program: &str) -> Option<&[String]> {
        let mut words = &self.words[..];
        if words.first()? == "parallel" {
            let start = words.iter().position(|word| is_called(word, program))?;
            let end = words.iter().position(|word| word == ":::");
            words = &words[start..end.unwrap_or(words.len())];
        }
        while ["sudo", "exec"].contains(&words.first()?.as_str()) {
            words = &words[1..];
        }
        let (name, arguments) = words.split_first()?;
        is_called(name, program).then_some(arguments)
    }
}

fn is_called(word: &str, program: &str) -> bool {
    word.rsplit('/').next() == Some(program)
}

/// The root of the project, wherever in it the package lies that asks.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors();
    let root = folders.find(|folder| folder.join("Cargo.lock").is_file());
    root.expect("a workspace").to_owned()
}

/// All commands of all pages, in their order.
pub fn shown_commands() -> Vec<ShownCommand> {
    let root = root();
    let mut pages = vec!["README.md".to_owned(), "models/README.md".to_owned()];
    for folder in ["docs", "docs/start"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(
            names
                .filter(|name| name.ends_with(".md"))
                .map(|name| format!("{folder}/{name}")),
        );
    }
    pages.sort();
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(root.join(&page)).unwrap();
        let mut variables = BTreeMap::new();
        for block in blocks(&text) {
            for words in commands(&block, &mut variables) {
                let page = page.clone();
                found.push(ShownCommand { page, words });
            }
        }
    }
    found
}

/// The blocks of code that a shell is to run.
fn blocks(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_shell = false;
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            is_shell = ["sh", "bash"].contains(&kind);
            if is_shell {
                found.push(String::new());
            }
        } else if let Some(block) = found.last_mut().filter(|_| is_shell) {
            block.push_str(line);
            block.push('\n');
        }
    }
    found
}

/// The simple commands of a script; what it sets goes to `variables`.
pub fn commands(script: &str, variables: &mut BTreeMap<String, String>) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let mut found = vec![Vec::new()];
    let mut rest = script.chars().peekable();
    while let Some(&next) = rest.peek() {
        match next {
            '\n' | '|' | '&' | ';' => {
                rest.next();
                found.push(Vec::new());
            }
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            c if c.is_whitespace() => {
                rest.next();
            }
            _ => {
                let word = word(&mut rest, variables);
                let command = found.last_mut().expect("there is always one");
                match word.split_once('=') {
                    Some((name, value)) if command.is_empty() && is_name(name) => {
                        variables.insert(name.to_owned(), value.to_owned());
                    }
                    _ => command.push(word),
                }
            }
        }
    }
    found.retain(|words| !words.is_empty());
    found
}

/// Whether a variable can have this name. Ours are in small letters or are the environment's.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The next word, without its quotes.
fn word(rest: &mut Peekable<Chars>, variables: &BTreeMap<String, String>) -> String {
    let mut word = String::new();
    let mut quote = None;
    while let Some(&next) = rest.peek() {
        match (next, quote) {
            ('\'' | '"', None) => quote = Some(next),
            (_, Some(open)) if next == open => quote = None,
            ('$', None | Some('"')) => {
                rest.next();
                word.push_str(&substituted(rest, variables));
                continue;
            }
            ('\\', None) => {
                rest.next();
                word.extend(rest.peek());
            }
            (' ' | '\t' | '\n' | '|' | '&' | ';', None) => break,
            _ => word.push(next),
        }
        rest.next();
    }
    word.replace("{}", "1")
}

/// What stands for `NAME`, `{NAME}` or `(COMMAND)` behind a dollar sign.
fn substituted(rest: &mut Peekable<Chars>, variables: &BTreeMap<String, String>) -> String {
    let end = match rest.next_if(|c| ['(', '{'].contains(c)) {
        Some('(') => Some(')'),
        Some(_) => Some('}'),
        None => None,
    };
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| match end {
        Some(end) => *c != end,
        None => c.is_ascii_alphanumeric() || *c == '_',
    }) {
        name.push(c);
    }
    if end.is_some() {
        rest.next();
    }
    variables.get(&name).cloned().unwrap_or("1".to_owned())
}
