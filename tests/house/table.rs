//! The table of who may use whom, as CONTRIBUTING.md has it.

use std::collections::{BTreeMap, BTreeSet};

/// The heading of the table.
const HEADING: &str = "| place | what it is | may use |";
/// In the last column: every part of the engine.
const ALL: &str = "all of `src`";

/// Which parts each part may use. A part is a folder or file of the engine's sources, or another crate.
#[derive(Debug, PartialEq)]
pub struct Table(BTreeMap<String, BTreeSet<String>>);

impl Table {
    /// Finds the table in a text. Rows count whose place is in code marks and lies in `src`, or is a crate's folder; in the last column names in code marks count.
    ///
    /// # Errors
    /// There is no such table, or it names a part that has no row.
    pub fn read(text: &str, crates: &[&str]) -> Result<Self, String> {
        let (_, table) = text
            .split_once(HEADING)
            .ok_or_else(|| format!("there is no table with the heading {HEADING}"))?;
        let rows = table
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        let rows: Vec<(Vec<&str>, &str)> = rows
            .filter_map(|row| {
                let cells = row.trim_matches('|');
                let (places, _) = cells.split_once(" | ")?;
                let (_, allowed) = cells.rsplit_once(" | ")?;
                let parts = code(places)
                    .filter_map(|place| match place.strip_prefix("src/") {
                        Some(inside) => Some(inside.trim_end_matches(".rs")),
                        None => crates.contains(&place).then_some(place),
                    })
                    .collect();
                Some((parts, allowed))
            })
            .collect();
        let engine: BTreeSet<&str> = rows
            .iter()
            .flat_map(|(parts, _)| parts.iter().copied())
            .filter(|part| !crates.contains(part))
            .collect();
        let mut found = BTreeMap::new();
        for (parts, allowed) in rows {
            let allowed: BTreeSet<&str> = if allowed.contains(ALL) {
                engine.clone()
            } else {
                code(allowed).collect()
            };
            if parts.is_empty() {
                continue;
            }
            if let Some(unknown) = allowed.iter().find(|name| !engine.contains(*name)) {
                return Err(format!("{parts:?} may use {unknown}, which has no row"));
            }
            for part in &parts {
                // The parts of one row are one.
                let allowed = allowed.iter().chain(&parts).map(|&name| name.to_owned());
                found.insert((*part).to_owned(), allowed.collect());
            }
        }
        Ok(Self(found))
    }

    /// Whether a part has a row.
    pub fn knows(&self, part: &str) -> bool {
        self.0.contains_key(part)
    }

    /// Whether a part may use another; all may use themselves.
    pub fn allows(&self, part: &str, used: &str) -> bool {
        self.0
            .get(part)
            .is_some_and(|allowed| allowed.contains(used))
    }
}

/// What stands in code marks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}
