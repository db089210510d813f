//! Holds the sources to the rules of the house: who may use whom, no circles of files, no name of a type twice.
//!
//! The table is read from CONTRIBUTING.md, so that it says what is so. What is compiled for tests alone may do as it likes.

mod source;
mod table;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use table::Table;
use tree::{Tree, Use, part_of};

/// The crates besides the engine, by their folders.
const CRATES: [&str; 5] = ["annotate", "manual", "monitor", "plugin", "python"];

/// Circles that may be: all files of each begin with one of the names; and the reason.
const KNOWN_CIRCLES: [(&[&str], &str); 1] = [(
    &["plugin/src/ssdcrp/imp.rs", "plugin/src/ssdcrp/mod.rs"],
    "GStreamer's bindings have an element's wrapper and its implementation",
)];

/// Names of types that occur more than once, and the reason.
const KNOWN_NAMES: [(&str, &str); 1] = [(
    "SsdCrp",
    "GStreamer's bindings have an element's wrapper and its implementation",
)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, by their paths from the root.
fn add_files(folder: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            add_files(&name, files);
        } else if name.ends_with(".rs") {
            files.push((name, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

fn sources() -> Tree {
    let mut files = Vec::new();
    add_files("src", &mut files);
    for package in CRATES {
        add_files(&format!("{package}/src"), &mut files);
    }
    Tree::new(files).unwrap()
}

fn table() -> Table {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    Table::read(&text, &CRATES).unwrap()
}

/// Uses against a table.
fn forbidden<'a>(tree: &'a Tree, table: &Table) -> Vec<Use<'a>> {
    let uses = tree.uses().into_iter();
    let against = uses.filter(|(file, used)| !table.allows(part_of(file), part_of(used)));
    against.collect()
}

/// Names of types that are declared more than once, with the files.
fn repeated(tree: &Tree) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, source) in tree.files() {
        for name in &source.types {
            found.entry(name).or_default().push(file);
        }
    }
    found.retain(|_, files| files.len() > 1);
    found
}

#[test]
fn who_uses_whom_is_as_the_table_says() {
    let (tree, table) = (sources(), table());
    let parts = tree.files().map(|(file, _)| part_of(file));
    let strange: Vec<&str> = parts.filter(|part| !table.knows(part)).collect();
    assert!(strange.is_empty(), "have no row in the table: {strange:?}");
    let forbidden = forbidden(&tree, &table);
    assert!(
        forbidden.is_empty(),
        "against CONTRIBUTING's table: {forbidden:#?}"
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let tree = sources();
    let circles = tree.circles();
    let is_of = |circle: &[&str], known: &[&str]| {
        let is_known = |file: &&str| known.iter().any(|known| file.starts_with(known));
        circle.iter().all(is_known)
    };
    for circle in &circles {
        let is_known = KNOWN_CIRCLES.iter().any(|(known, _)| is_of(circle, known));
        let within = |(file, used): &Use| circle.contains(file) && circle.contains(used);
        let uses: Vec<Use> = tree.uses().into_iter().filter(within).collect();
        assert!(is_known, "a circle: {uses:#?}");
    }
    let is_open = |known: &[&str]| !circles.iter().any(|circle| is_of(circle, known));
    let open: Vec<_> = KNOWN_CIRCLES
        .into_iter()
        .filter(|(known, _)| is_open(known))
        .collect();
    assert!(
        open.is_empty(),
        "are open, take them off the list: {open:#?}"
    );
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let tree = sources();
    let mut repeated = repeated(&tree);
    let mut once = KNOWN_NAMES.to_vec();
    once.retain(|(name, _)| repeated.remove(name).is_none());
    assert!(
        once.is_empty(),
        "occur once, take them off the list: {once:#?}"
    );
    assert!(repeated.is_empty(), "types of one name: {repeated:#?}");
}

/// The finders themselves, on files that break every rule.
mod finders {
    use super::*;

    const TABLE: &str = "\
| place | what it is | may use |
|---|---|---|
| `src/low` | `words` | in marks do not count | – |
| `src/near.rs`, `src/high` | two of one kind | `low` |
| `src/cli` | the command | all of `src` |
| `models` | no code | `nothing` |

| another table |
";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files.iter();
        Tree::new(files.map(|&(file, text)| (file.to_owned(), text.to_owned()))).unwrap()
    }

    #[test]
    fn the_table_is_read() {
        let table = Table::read(TABLE, &CRATES).unwrap();
        for (part, used) in [
            ("high", "low"),
            ("near", "high"),
            ("cli", "near"),
            ("low", "low"),
        ] {
            assert!(table.allows(part, used), "{part} {used}");
        }
        for (part, used) in [("low", "high"), ("high", "cli"), ("models", "nothing")] {
            assert!(!table.allows(part, used), "{part} {used}");
        }
        assert!(table.knows("near") && !table.knows("models") && !table.knows("words"));
        let wrong = TABLE.replace("`low` |", "`lower` |");
        assert!(Table::read(&wrong, &CRATES).unwrap_err().contains("lower"));
        assert!(Table::read("no table", &CRATES).is_err());
    }

    #[test]
    fn every_way_to_use_is_found() {
        let used = |text: &str| {
            let tree = tree(&[
                (
                    "src/high/mod.rs",
                    "mod deep; pub use deep::{Deep, Other as Another};",
                ),
                ("src/high/deep.rs", "pub struct Deep; pub struct Other;"),
                ("src/low/mod.rs", text),
                ("src/low/child.rs", ""),
            ]);
            let table = Table::read(TABLE, &CRATES).unwrap();
            let found = forbidden(&tree, &table);
            found
                .iter()
                .map(|(_, used)| (*used).to_owned())
                .collect::<Vec<_>>()
        };
        for text in [
            "use crate::high::Deep;",
            "use crate::{low::child, high::{Another as It}};",
            "pub use super::high::Deep;\nfn f() -> super::high::Deep { loop {} }",
            "fn f() { let _ = crate::high::Another; }",
            "fn f() { assert!(g(crate::high::deep::Deep)); }",
            "impl crate::high::Deep { }",
            "#[cfg(test)] mod tests { use std::fs; } use crate::high::deep;",
        ] {
            assert_eq!(used(text), ["src/high/deep.rs"], "{text}");
        }
        assert_eq!(used("use crate::high::Nothing;"), ["src/high/mod.rs"]);
        for text in [
            "// use crate::high::Deep;\nconst A: &str = \"crate::high::Deep\";",
            "/// As [`crate::high::Deep`].\nstruct A;",
            "#[cfg(test)] mod tests { use crate::high::Deep; }",
            "macro_rules! m { () => { $crate::high::Deep } }",
            "#[cfg(test)]\nuse crate::high::Deep;\nuse self::child::X;",
            "use other::high::Deep;",
        ] {
            assert_eq!(used(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn circles_are_found_and_what_is_handed_on_is_none() {
        let open = tree(&[
            ("src/a/mod.rs", "mod b; mod c; pub use b::B; pub use c::C;"),
            ("src/a/b.rs", "use super::C; pub struct B;"),
            (
                "src/a/c.rs",
                "pub struct C; #[cfg(test)] mod tests { use super::super::B; }",
            ),
        ]);
        assert_eq!(open.circles().len(), 0);
        let closed = tree(&[
            ("src/a/mod.rs", "mod b; mod c; pub use b::B; pub use c::C;"),
            ("src/a/b.rs", "use super::C; pub struct B;"),
            ("src/a/c.rs", "use crate::d::D; pub struct C;"),
            ("src/d.rs", "pub struct D(crate::a::B);"),
            ("src/e.rs", "use crate::d::D;"),
        ]);
        let circles: Vec<_> = closed.circles().into_iter().collect();
        assert_eq!(circles, [["src/a/b.rs", "src/a/c.rs", "src/d.rs"]]);
        let parent = tree(&[
            ("src/a.rs", "mod b; fn f() { b::g() } struct A;"),
            ("src/a/b.rs", "use super::A; pub fn g() {}"),
        ]);
        assert_eq!(parent.circles().len(), 1);
    }

    #[test]
    fn crates_are_told_apart() {
        let tree = tree(&[
            ("src/lib.rs", "pub mod high; pub use high::High;"),
            ("src/high.rs", "pub struct High;"),
            ("src/cli/mod.rs", "use ssdcrp::High; use crate::cli::text;"),
            ("src/cli/text.rs", ""),
            (
                "plugin/src/lib.rs",
                "mod ssdcrp; use ssdcrp::imp; use crate::ssdcrp::imp as I;",
            ),
            ("plugin/src/ssdcrp/mod.rs", "mod imp;"),
            (
                "plugin/src/ssdcrp/imp.rs",
                "use ::std::fs; use ssdcrp::high;",
            ),
        ]);
        let uses: Vec<Use> = tree.uses().into_iter().collect();
        let expected = [
            ("plugin/src/lib.rs", "plugin/src/ssdcrp/imp.rs"),
            ("plugin/src/ssdcrp/imp.rs", "src/high.rs"),
            ("src/cli/mod.rs", "src/cli/text.rs"),
            ("src/cli/mod.rs", "src/high.rs"),
        ];
        assert_eq!(uses, expected);
    }

    #[test]
    fn types_are_counted_wherever_they_are_declared() {
        let tree = tree(&[
            (
                "src/a.rs",
                "struct A; enum B { X } impl Iterator for A { type Item = u8; }",
            ),
            (
                "src/b.rs",
                "fn f() { struct A; } mod c { pub(crate) type B = u8; }",
            ),
            (
                "src/c.rs",
                "wrapper! { pub struct A(u8); } impl X for B { type Item = u8; }",
            ),
            (
                "src/d.rs",
                "#[cfg(test)] mod tests { struct A; } #[cfg(test)] mod e; // struct B",
            ),
            ("src/d/e.rs", "struct B;"),
        ]);
        let repeated: Vec<(&str, usize)> = (repeated(&tree).into_iter())
            .map(|(name, files)| (name, files.len()))
            .collect();
        assert_eq!(repeated, [("A", 3), ("B", 2)]);
    }
}
