//! A report as a page of Markdown: the machine, then a table for each section.

use super::machine::Machine;
use super::record::{Aim, Record};
use super::report::Report;

/// No line is longer.
pub(super) const LONGEST: usize = 158;

/// The page of a report.
pub fn document(report: &Report) -> String {
    let mut lines = vec![
        "# What the benches measured".to_owned(),
        String::new(),
        "Written by `make bench`. Rows of a section take turns in one run; a ratio is taken within its turn. Medians, with quartiles; ratios first.".to_owned(),
        "F is one forward pass of the detector with all its heads; x is a ratio of two rows. The floor counts multiplications of convolutions alone.".to_owned(),
        String::new(),
    ];
    lines.extend(described(&report.machine));
    lines.push(format!("| the run took | {:.0} minutes |", report.minutes));
    for section in report.sections() {
        lines.extend([
            String::new(),
            format!("## {section}"),
            String::new(),
            "| | median | quartiles | aim | beside it |".to_owned(),
            "|---|---|---|---|---|".to_owned(),
        ]);
        for row in report.rows(section) {
            lines.extend(table_row(row));
        }
    }
    lines.join("\n") + "\n"
}

/// The machine as a table.
pub(super) fn described(machine: &Machine) -> Vec<String> {
    let Machine {
        processor,
        cores,
        memory,
        onnx_runtime,
        kernel,
        date,
        commit,
    } = machine;
    vec![
        "| machine | |".to_owned(),
        "|---|---|".to_owned(),
        format!("| processor | {processor}, {cores} cores |"),
        format!("| memory | {memory} GB |"),
        format!("| ONNX Runtime | {onnx_runtime} |"),
        format!("| kernel | {kernel} |"),
        format!("| date, commit | {date}, {commit} |"),
    ]
}

/// A number with three digits that count, or all that lie before the point.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A record as a line, or as several where what is beside it is long.
fn table_row(row: &Record) -> Vec<String> {
    let quartiles = row.quartiles;
    let aim = row.aim.map(|aim| {
        let (sign, value) = match aim {
            Aim::AtMost(most) => ("≤", most),
            Aim::AtLeast(least) => ("≥", least),
        };
        let outcome = match aim.is_met(quartiles.median) {
            true => "met",
            false => "**not met**",
        };
        format!("{sign} {value}: {outcome}")
    });
    let aim = aim.map_or(String::new(), |aim| aim + " ");
    let begin = format!(
        "| {} | {} {} | {}, {} | {aim}|",
        row.row,
        number(quartiles.median),
        row.unit,
        number(quartiles.low),
        number(quartiles.high),
    );
    let mut lines = vec![begin];
    let mut is_new = true;
    for words in &row.beside {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if !is_new && line + words.chars().count() + 4 > LONGEST {
            lines.push("| | | | |".to_owned());
            is_new = true;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if is_new { " " } else { "; " });
            line.push_str(words);
        }
        is_new = false;
    }
    lines.iter_mut().for_each(|line| line.push_str(" |"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::of("explanation", "N = 1", "F", &[1.4, 1.5, 1.6]).unwrap()
    }

    #[test]
    fn a_row_has_its_aim_and_what_is_beside() {
        let row = record().aiming(Aim::AtMost(1.5));
        let lines = table_row(&row.with("floor 1.1 F").with("33 ms"));
        assert_eq!(
            lines,
            ["| N = 1 | 1.50 F | 1.45, 1.55 | ≤ 1.5: met | floor 1.1 F; 33 ms |"]
        );
        let missed = table_row(&record().aiming(Aim::AtLeast(2.0)));
        assert_eq!(
            missed,
            ["| N = 1 | 1.50 F | 1.45, 1.55 | ≥ 2: **not met** | |"]
        );
    }

    #[test]
    fn what_is_beside_goes_on_in_lines_below() {
        let mut row = record();
        row.beside = vec!["twenty characters it".to_owned(); 12];
        let lines = table_row(&row);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("| | | | | twenty") && lines[1].ends_with(" |"));
        assert!(
            lines.iter().all(|line| line.chars().count() < 160),
            "{lines:#?}"
        );
    }

    #[test]
    fn a_page_has_the_machine_and_all_sections() {
        let mut other = record();
        other.section = "start".to_owned();
        let report = Report {
            machine: Machine::here(),
            minutes: 12.3,
            records: vec![record(), other],
        };
        let page = document(&report);
        for part in ["12 minutes", "| processor | ", "## explanation", "## start"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(
            page.lines().all(|line| line.chars().count() < 160),
            "{page}"
        );
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        assert_eq!(
            [0.123, 12.34, 123.4, 1234.5].map(number),
            ["0.12", "12.3", "123", "1234"]
        );
    }
}
