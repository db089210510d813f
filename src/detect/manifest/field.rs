//! Fields of the manifest, as errors name them, and on which line of the text each stands.
//!
//! What is wrong with a field is an error with a [`ManifestField`] among its contexts. Where the text is known, [`ManifestSource`] puts the line before it.

use std::collections::HashMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::manifest::error;
use crate::error::{Error, Result};

/// A field of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManifestField {
    /// The name of the table, "" for the top level.
    table: String,
    /// The key, with an index where one entry of a list is meant; "" for the table.
    key: String,
}

impl ManifestField {
    /// A key of the top level, or one entry of its list (`labels[3]`).
    pub fn top(key: impl Into<String>) -> Self {
        Self::of("", key)
    }

    /// A key of `[table]`, or one entry of its list (`variances[1]`).
    pub fn of(table: &str, key: impl Into<String>) -> Self {
        Self {
            table: table.to_owned(),
            key: key.into(),
        }
    }

    /// Fails unless it `holds`; `wrong` says what was expected and what was found.
    ///
    /// # Errors
    /// If it does not hold.
    pub(in crate::detect) fn ensure(self, holds: bool, wrong: impl fmt::Display) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(self.wrong(wrong))
        }
    }

    /// The error that says what is wrong with it.
    pub fn wrong(self, wrong: impl fmt::Display) -> Error {
        error!("{wrong}").context(self)
    }
}

impl fmt::Display for ManifestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.table[..], &self.key[..]) {
            ("", key) => write!(f, "{key}"),
            (table, "") => write!(f, "[{table}]"),
            (table, key) => write!(f, "[{table}] {key}"),
        }
    }
}

/// Where a manifest came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManifestSource {
    /// The file's name, for the errors.
    origin: String,
    /// The line of each field that the text names, counted from 1.
    lines: HashMap<ManifestField, usize>,
}

impl ManifestSource {
    /// Reads `text`, whose TOML is in order.
    pub(super) fn new(text: &str, origin: &str) -> Self {
        let mut source = Self {
            origin: origin.to_owned(),
            lines: HashMap::new(),
        };
        if let Ok(document) = DeTable::parse(text) {
            let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
            let line = |start: usize| 1 + breaks.partition_point(|&at| at < start);
            for (key, value) in document.get_ref() {
                source.enter(
                    &line,
                    ManifestField::top(key.get_ref().as_ref()),
                    key,
                    value,
                );
            }
        }
        source
    }

    fn enter(
        &mut self,
        line: &impl Fn(usize) -> usize,
        field: ManifestField,
        key: &Spanned<impl Sized>,
        value: &Spanned<DeValue>,
    ) {
        match value.get_ref() {
            DeValue::Table(table) if field.table.is_empty() => {
                for (key, value) in table {
                    let inner = ManifestField::of(&field.key, key.get_ref().as_ref());
                    self.enter(line, inner, key, value);
                }
                let header = ManifestField::of(&field.key, "");
                self.lines.insert(header, line(key.span().start));
            }
            DeValue::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let name = format!("{}[{index}]", field.key);
                    let inner = ManifestField::of(&field.table, name);
                    self.lines.insert(inner, line(entry.span().start));
                }
                self.lines.insert(field, line(key.span().start));
            }
            _ => {
                self.lines.insert(field, line(key.span().start));
            }
        }
    }

    /// Whether the text has the field.
    pub(super) fn has(&self, field: &ManifestField) -> bool {
        self.lines.contains_key(field)
    }

    /// The line of a field, or of what it stands in; none where the text leaves it out.
    fn line(&self, field: &ManifestField) -> Option<usize> {
        let list = field.key.rsplit_once('[').map_or("", |(list, _)| list);
        let around = [&field.key, list, ""].map(|key| ManifestField::of(&field.table, key));
        around
            .iter()
            .find_map(|field| self.lines.get(field).copied())
    }

    /// The error with the line of its field before it, as far as both are known.
    pub(in crate::detect) fn with_line(&self, error: Error) -> Error {
        match error.words().and_then(|field| self.line(field)) {
            Some(line) => error.context(format!("line {line}")),
            None => error,
        }
    }

    /// The error with the manifest's name before it, and the line of its field, as far as both are known.
    pub fn locate(&self, error: Error) -> Error {
        self.with_line(error).context(self.origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# a comment
labels = [
    "background",
    "dog",
]
[input]
mean = [1, 2, 3]

[layer_types]
"a.b[0]" = "high"
sizes = [[1, 2],
    [3]]
"#;

    #[test]
    fn a_field_has_the_line_on_which_it_stands() {
        let source = ManifestSource::new(TEXT, "a.toml");
        for (field, line) in [
            (ManifestField::top("labels"), Some(2)),
            (ManifestField::top("labels[1]"), Some(4)),
            (ManifestField::of("input", "mean[2]"), Some(7)),
            // Left out: the line of its table.
            (ManifestField::of("input", "std"), Some(6)),
            (ManifestField::of("layer_types", "a.b[0]"), Some(10)),
            (ManifestField::of("layer_types", "sizes[1]"), Some(12)),
            (ManifestField::of("output", "classes"), None),
            (ManifestField::top("name"), None),
        ] {
            assert_eq!(source.line(&field), line, "{field}");
        }
    }

    #[test]
    fn an_error_gets_the_line_of_its_field_and_the_name_of_the_file() {
        let source = ManifestSource::new(TEXT, "a.toml");
        let locate = |error| format!("{:#}", source.locate(error));
        let error = ManifestField::of("input", "mean[0]").wrong("expected more");
        assert_eq!(
            locate(error),
            "a.toml: line 7: [input] mean[0]: expected more"
        );
        let unknown = ManifestField::top("kind").wrong("expected another");
        assert_eq!(locate(unknown), "a.toml: kind: expected another");
        assert_eq!(locate(error!("no field")), "a.toml: no field");
    }

    #[test]
    fn a_long_list_is_read_in_one_go() {
        let entries = "\"a\",\n".repeat(200_000);
        let source = ManifestSource::new(&format!("labels = [\n{entries}]"), "a.toml");
        assert_eq!(
            source.line(&ManifestField::top("labels[199999]")),
            Some(200_001)
        );
    }
}
