//! Two reports side by side: what the committed one says, what this run says, and whether that is more than they vary by themselves.

use std::collections::HashMap;

use super::markdown::{described, number};
use super::quantiles::Quartiles;
use super::record::Record;
use super::report::Report;

/// Both as Markdown: a table for each section of `run`, with the ratio of the medians; then what only one of them has.
pub fn comparison(baseline: &Report, run: &Report) -> String {
    let key = |row: &Record| (row.section.clone(), row.row.clone(), row.unit.clone());
    let before: HashMap<_, &Record> = (baseline.records.iter())
        .map(|row| (key(row), row))
        .collect();
    let after: HashMap<_, &Record> = run.records.iter().map(|row| (key(row), row)).collect();
    let mut lines = vec![
        "# This run beside the baseline".to_owned(),
        String::new(),
        "The ratio is this run's median to the baseline's. It is **bold** where the quartiles of the two lie apart. Times of two machines are two things;".to_owned(),
        "ratios (F, x) can be compared.".to_owned(),
        String::new(),
        "The baseline:".to_owned(),
        String::new(),
    ];
    lines.extend(described(&baseline.machine));
    lines.extend([String::new(), "This run:".to_owned(), String::new()]);
    lines.extend(described(&run.machine));
    for section in run.sections() {
        let rows = run.rows(section).into_iter();
        let pairs = rows.filter_map(|row| Some((before.get(&key(row))?, row)));
        let rows: Vec<String> = pairs.map(|(before, after)| beside(before, after)).collect();
        if !rows.is_empty() {
            lines.extend([
                String::new(),
                format!("## {section}"),
                String::new(),
                "| | baseline | this run | ratio |".to_owned(),
                "|---|---|---|---|".to_owned(),
            ]);
            lines.extend(rows);
        }
    }
    let gone = baseline.records.iter();
    let gone = gone.filter(|row| !after.contains_key(&key(row)));
    lines.extend(alone("Only in the baseline", gone));
    let new = run.records.iter();
    let new = new.filter(|row| !before.contains_key(&key(row)));
    lines.extend(alone("Only in this run", new));
    lines.join("\n") + "\n"
}

fn beside(before: &Record, after: &Record) -> String {
    let ratio = after.quartiles.median / before.quartiles.median;
    let mut words = format!("{ratio:.2}");
    if !ratio.is_finite() {
        "–".clone_into(&mut words);
    }
    if after.quartiles.is_apart_from(&before.quartiles) {
        words = format!("**{words}**");
    }
    format!(
        "| {} | {} | {} | {words} |",
        after.row,
        shown(before),
        shown(after)
    )
}

fn shown(record: &Record) -> String {
    let Quartiles { low, median, high } = record.quartiles;
    let [low, median, high] = [low, median, high].map(number);
    format!("{median} {} ({low}, {high})", record.unit)
}

/// A list of rows that have nothing beside them.
fn alone<'a>(heading: &str, rows: impl Iterator<Item = &'a Record>) -> Vec<String> {
    let rows = rows.map(|row| format!("- {}: {}", row.section, row.row));
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    let mut lines = vec![String::new(), format!("## {heading}"), String::new()];
    lines.extend(rows);
    lines
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::*;

    fn report(rows: &[(&str, [f64; 3])]) -> Report {
        let record = |(row, samples): &(&str, [f64; 3])| {
            Record::of("explanation", row, "F", samples).unwrap()
        };
        Report {
            machine: Machine::default(),
            minutes: 1.0,
            records: rows.iter().map(record).collect(),
        }
    }

    #[test]
    fn what_is_beyond_both_quartiles_is_marked() {
        let before = report(&[("far", [1.0, 1.1, 1.2]), ("near", [1.0, 1.1, 1.2])]);
        let after = report(&[("far", [2.0, 2.2, 2.4]), ("near", [1.1, 1.21, 1.3])]);
        let page = comparison(&before, &after);
        let far = "| far | 1.10 F (1.05, 1.15) | 2.20 F (2.10, 2.30) | **2.00** |";
        let near = "| near | 1.10 F (1.05, 1.15) | 1.21 F (1.16, 1.25) |";
        assert!(page.contains(far), "{page}");
        assert!(page.contains(near), "{page}");
    }

    #[test]
    fn what_only_one_has_is_listed() {
        let page = comparison(&report(&[("old", [1.0; 3])]), &report(&[("new", [1.0; 3])]));
        assert!(
            page.contains("## Only in the baseline\n\n- explanation: old"),
            "{page}"
        );
        assert!(
            page.contains("## Only in this run\n\n- explanation: new"),
            "{page}"
        );
        assert!(!page.contains("## explanation"), "{page}");
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let none = report(&[("none", [0.0; 3])]);
        assert!(comparison(&none, &none).contains("| – |"));
    }
}
