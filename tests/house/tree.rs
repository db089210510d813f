//! All files of the project in; which of them uses which, and which import each other in a circle, out.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Path, Source};

/// How the engine is called where another crate uses it.
const ENGINE: &str = "ssdcrp";
/// The folder of the engine's sources.
const SOURCES: &str = "src";
/// How often a name may be handed on.
const DEPTH: usize = 8;

/// The files by their modules: the path of a module begins with its crate's name.
#[derive(Debug, Default)]
pub struct Tree {
    modules: BTreeMap<Path, (String, Source)>,
}

/// A file and one that it uses.
pub type Use<'a> = (&'a str, &'a str);

impl Tree {
    /// Takes files by their paths from the project's root, and their text.
    ///
    /// # Errors
    /// A file that is no Rust.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut modules = BTreeMap::new();
        for (file, text) in files {
            let source = Source::read(&text).map_err(|error| format!("{file}: {error}"))?;
            modules.insert(module_of(&file), (file, source));
        }
        let tests: Vec<Path> = modules
            .iter()
            .flat_map(|(module, (_, source))| {
                let children = source.test_modules.iter();
                children.map(|child| [&module[..], std::slice::from_ref(child)].concat())
            })
            .collect();
        modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Ok(Self { modules })
    }

    /// All files with what they say.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Source)> {
        let files = self.modules.values();
        files.map(|(file, source)| (file.as_str(), source))
    }

    /// Each use once. What a file exports again counts as a use of the file where it comes from; that a module hands on what lies below it is no use.
    pub fn uses(&self) -> BTreeSet<Use<'_>> {
        let mut uses = BTreeSet::new();
        for (module, (file, source)) in &self.modules {
            for path in &source.paths {
                let Some(found) = self.find(module, path) else {
                    continue;
                };
                let is_handed_on = source.exports.iter().any(|(_, exported)| exported == path);
                if found != module && !(is_handed_on && found.starts_with(module)) {
                    uses.insert((file.as_str(), self.modules[found].0.as_str()));
                }
            }
        }
        uses
    }

    /// Files that import each other, each circle with its names in order.
    pub fn circles(&self) -> BTreeSet<Vec<&str>> {
        let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, used) in self.uses() {
            reached.entry(file).or_default().insert(used);
        }
        // Who reaches whom by way of others.
        let files: Vec<&str> = reached.keys().copied().collect();
        for middle in &files {
            let further = reached[middle].clone();
            for known in reached.values_mut().filter(|known| known.contains(middle)) {
                known.extend(&further);
            }
        }
        let returns = |a: &str, b: &str| reached.get(a).is_some_and(|known| known.contains(b));
        files
            .iter()
            .filter(|file| returns(file, file))
            .map(|file| {
                let others = files.iter().copied();
                others
                    .filter(|other| returns(file, other) && returns(other, file))
                    .collect()
            })
            .collect()
    }

    /// The module in which the thing at a path lies, as it is called in a module.
    fn find(&self, module: &[String], path: &[String]) -> Option<&Path> {
        let (start, taken) = self.start(module, path)?;
        self.resolve(start, &path[taken..], 0)
    }

    /// The module in which a path begins, and how many of its names that takes.
    fn start(&self, module: &[String], path: &[String]) -> Option<(Path, usize)> {
        let first = path.first()?.as_str();
        let supers = path.iter().take_while(|name| *name == "super").count();
        match first {
            "crate" => Some((vec![module.first()?.clone()], 1)),
            "self" => Some((module.to_vec(), 1)),
            "super" => Some((module[..module.len().checked_sub(supers)?].to_vec(), supers)),
            _ => {
                let child = [module, &path[..1]].concat();
                if self.modules.contains_key(&child) {
                    return Some((child, 1));
                }
                (first == ENGINE).then(|| (vec![ENGINE.to_owned()], 1))
            }
        }
    }

    fn resolve(&self, mut module: Path, path: &[String], depth: usize) -> Option<&Path> {
        let mut rest = path;
        while let [name, behind @ ..] = rest {
            let child = [&module[..], std::slice::from_ref(name)].concat();
            if !self.modules.contains_key(&child) {
                break;
            }
            (module, rest) = (child, behind);
        }
        let (found, (_, source)) = self.modules.get_key_value(&module)?;
        let Some(name) = rest.first() else {
            return Some(found);
        };
        // Names that are handed on in a circle would not end.
        let exports = source.exports.iter().filter(|_| depth < DEPTH);
        for (exported, behind) in exports {
            let Some((start, taken)) = self.start(&module, behind) else {
                continue;
            };
            let mut behind = behind[taken..].to_vec();
            if exported == "*" {
                behind.push(name.clone());
            }
            if exported == name || exported == "*" && self.declares(&start, &behind) {
                return self.resolve(start, &behind, depth + 1).or(Some(found));
            }
        }
        Some(found)
    }

    /// Whether the module before the last name of a path declares a type of that name.
    fn declares(&self, start: &[String], path: &[String]) -> bool {
        let [modules @ .., name] = path else {
            return false;
        };
        let module = self.modules.get(&[start, modules].concat());
        module.is_some_and(|(_, source)| source.types.contains(name))
    }
}

/// `src/crp/compile/mod.rs` is `ssdcrp::crp::compile`. The command has the engine's folder and a crate of its own.
fn module_of(file: &str) -> Path {
    let (folder, inside) = file.split_once("src/").unwrap_or((file, ""));
    let names = inside.trim_end_matches(".rs").split('/');
    let names = names.filter(|name| !["mod", "lib", "main"].contains(name));
    let names: Vec<String> = names.map(str::to_owned).collect();
    let is_command = inside == "main.rs" || names.first().is_some_and(|name| name == "cli");
    let package = match folder {
        "" if is_command => "command",
        "" => ENGINE,
        other => other,
    };
    [vec![package.to_owned()], names].concat()
}

/// The part of the project that a file is: the first name below the engine's sources, or the folder of another crate.
pub fn part_of(file: &str) -> &str {
    let mut names = file.split('/');
    let first = names.next().unwrap_or_default();
    if first == SOURCES {
        let name = names.next().unwrap_or_default();
        name.trim_end_matches(".rs")
    } else {
        first
    }
}
