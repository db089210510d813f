//! The text of a Rust file in; which paths it writes, what it exports again and which types it declares out.
//!
//! It reads tokens and no text, so that comments and strings do not count and the insides of macros do. What is compiled for tests alone is left out.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path as it is written, `crate::crp::Target`.
pub type Path = Vec<String>;

/// What a file says of others and of itself.
#[derive(Debug, Default, PartialEq)]
pub struct Source {
    /// All paths of two and more names, `use` trees taken apart.
    pub paths: Vec<Path>,
    /// What `pub use` gives a place here: the name that it has here, `*` for all, and the path behind it.
    pub exports: Vec<(String, Path)>,
    /// Modules with a file of their own that are compiled for tests alone.
    pub test_modules: Vec<String>,
    /// Declared `struct`s, `enum`s, `trait`s and type aliases.
    pub types: Vec<String>,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no Rust.
    pub fn read(text: &str) -> Result<Self, String> {
        let tokens: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
        let mut source = Self::default();
        source.read_tokens(tokens, Place::Module);
        Ok(source)
    }

    fn read_tokens(&mut self, tokens: TokenStream, place: Place) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // What the next braces hold, as the words before them say.
        let mut next = Place::Code;
        let mut at = 0;
        while at < tokens.len() {
            if is_for_tests(&tokens[at..]) {
                at = self.skip_item(&tokens, at);
                continue;
            }
            match &tokens[at] {
                TokenTree::Group(group) => {
                    let inside = if group.delimiter() == Delimiter::Brace {
                        std::mem::replace(&mut next, Place::Code)
                    } else {
                        Place::Code
                    };
                    self.read_tokens(group.stream(), inside);
                }
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "use" => {
                        at = self.read_use(&tokens, at);
                        continue;
                    }
                    "mod" => next = Place::Module,
                    "struct" | "enum" | "trait" => self.types.extend(name(tokens.get(at + 1))),
                    "type" if place == Place::Module => {
                        self.types.extend(name(tokens.get(at + 1)));
                    }
                    _ => {
                        let (path, end) = path(&tokens, at);
                        // `$crate::…` is a path of whoever calls the macro.
                        let is_of_macro = at > 0 && is(&tokens[at - 1], '$');
                        if path.len() > 1 && !is_of_macro {
                            self.paths.push(path);
                        }
                        at = end;
                        continue;
                    }
                },
                TokenTree::Punct(point) if point.as_char() == ';' => next = Place::Code,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }

    /// Reads from `use` to the semicolon, and says where that ends.
    fn read_use(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let length = tokens[at..].iter().position(|token| is(token, ';'));
        let end = length.map_or(tokens.len(), |length| at + length);
        let mut found = Vec::new();
        use_tree(&tokens[at + 1..end], &[], &mut found);
        for (name, path) in found {
            if is_public(&tokens[..at]) {
                self.exports.push((name, path.clone()));
            }
            self.paths.push(path);
        }
        end
    }

    /// Goes over an item with its attributes, and keeps the name of a module that has a file.
    fn skip_item(&mut self, tokens: &[TokenTree], from: usize) -> usize {
        let mut at = from;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                token if is(token, ';') => {
                    if is_word(&tokens[at.saturating_sub(2)], "mod") {
                        self.test_modules.extend(name(tokens.get(at - 1)));
                    }
                    break;
                }
                _ => at += 1,
            }
        }
        at + 1
    }
}

/// Where tokens lie.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Where items are declared.
    Module,
    /// In an item: a `type` here belongs to an `impl` or a trait.
    Code,
}

/// Names with `::` between them, and where they end.
fn path(tokens: &[TokenTree], at: usize) -> (Path, usize) {
    let mut path: Path = name(tokens.get(at)).into_iter().collect();
    let mut end = at + 1;
    while let [first, second, TokenTree::Ident(name), ..] = &tokens[end.min(tokens.len())..]
        && is(first, ':')
        && is(second, ':')
    {
        path.push(name.to_string());
        end += 3;
    }
    (path, end)
}

/// `a::{b, c as d, e::*}`: a path for each name, with the name that it gets.
fn use_tree(tokens: &[TokenTree], before: &[String], found: &mut Vec<(String, Path)>) {
    for branch in tokens.split(|token| is(token, ',')) {
        let mut path = before.to_vec();
        let mut renamed = None;
        let mut is_branching = false;
        for (index, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => renamed = name(branch.get(index + 1)),
                TokenTree::Ident(_) if renamed.is_some() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(point) if point.as_char() == '*' => renamed = Some("*".to_owned()),
                TokenTree::Group(group) => {
                    is_branching = true;
                    use_tree(&inside(group), &path, found);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        if let Some(last) = path.last().cloned()
            && !is_branching
            && !branch.is_empty()
        {
            found.push((renamed.unwrap_or(last), path));
        }
    }
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

/// Whether what is about to be declared is `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    match before {
        [.., word, TokenTree::Group(_)] | [.., word] => is_word(word, "pub"),
        [] => false,
    }
}

/// `#[cfg(test)]`
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let [first, TokenTree::Group(attribute), ..] = tokens else {
        return false;
    };
    is(first, '#') && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

fn name(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn is(token: &TokenTree, point: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == point)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == word)
}
