//! A report: the machine and all records, as a file of JSON.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::record::Record;

/// What one run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it ran on, and when.
    pub machine: Machine,
    /// How long it took.
    pub minutes: f64,
    /// All rows, in the order in which they were measured.
    pub records: Vec<Record>,
}

impl Report {
    /// Makes a report of a file of records.
    ///
    /// # Errors
    /// The file cannot be read, has something else than records, or none.
    pub fn gather(records: &Path, machine: Machine, minutes: f64) -> Result<Self> {
        let shown = records.display();
        let text = std::fs::read_to_string(records)
            .with_context(|| format!("{shown} cannot be read: the benches write it"))?;
        let parse = |(index, line): (usize, &str)| {
            serde_json::from_str(line)
                .with_context(|| format!("{shown}, line {}: no record", index + 1))
        };
        let records: Vec<Record> = text.lines().enumerate().map(parse).collect::<Result<_>>()?;
        ensure!(!records.is_empty(), "{shown} has no record");
        Ok(Self {
            machine,
            minutes,
            records,
        })
    }

    /// Reads a report.
    ///
    /// # Errors
    /// The file cannot be read, or is no report.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{shown} cannot be read: 'make bench' makes a report"))?;
        serde_json::from_str(&text).with_context(|| format!("{shown} is no report"))
    }

    /// Names of the sections, in the order of their first rows.
    pub fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<&str> = Vec::new();
        for record in &self.records {
            if !sections.contains(&record.section.as_str()) {
                sections.push(&record.section);
            }
        }
        sections
    }

    /// The rows of a section, ratios first.
    pub fn rows(&self, section: &str) -> Vec<&Record> {
        let of_section = self.records.iter().filter(|row| row.section == section);
        let mut rows: Vec<&Record> = of_section.collect();
        rows.sort_by_key(|row| !row.is_ratio());
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_their_order_and_have_ratios_first() {
        let row = |section: &str, row: &str, unit: &str| {
            let record = Record::of(section, row, unit, &[1.0]).unwrap();
            serde_json::to_string(&record).unwrap()
        };
        let lines = [
            row("b", "one", "ms"),
            row("a", "two", "F"),
            row("b", "three", "x"),
        ];
        let file = std::env::temp_dir().join(format!("records-{}", std::process::id()));
        std::fs::write(&file, lines.join("\n")).unwrap();
        let report = Report::gather(&file, Machine::default(), 1.0);
        std::fs::write(&file, "nothing").unwrap();
        let broken = Report::gather(&file, Machine::default(), 1.0);
        std::fs::remove_file(&file).unwrap();
        let report = report.unwrap();
        assert_eq!(report.sections(), ["b", "a"]);
        let rows = report.rows("b");
        assert_eq!([&rows[0].row, &rows[1].row], ["three", "one"]);
        assert!(format!("{:#}", broken.unwrap_err()).contains("line 1: no record"));
    }
}
