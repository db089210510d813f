//! A row of the report: what a bench measured, as a line of JSON.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::quantiles::Quartiles;

/// Names the file that records are kept in; where it is unset they are printed alone.
pub const OUT: &str = "BENCH_OUT";

/// Units that are ratios of two things measured side by side.
const RATIOS: [&str; 3] = ["F", "x", "exponent"];

/// What a median is to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// No more than so much.
    AtMost(f64),
    /// No less.
    AtLeast(f64),
}

impl Aim {
    /// Whether a median reaches it.
    pub fn is_met(self, median: f64) -> bool {
        match self {
            Self::AtMost(most) => median <= most,
            Self::AtLeast(least) => median >= least,
        }
    }
}

/// What was measured of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The table that it belongs to.
    pub section: String,
    /// What was measured.
    pub row: String,
    /// Of its numbers.
    pub unit: String,
    /// What they are like.
    pub quartiles: Quartiles,
    /// How many there are.
    pub count: usize,
    /// What is aimed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    /// Further numbers beside it, as words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

impl Record {
    /// A row of a section.
    ///
    /// # Errors
    /// There is no sample, or one that is no number.
    pub fn of(section: &str, row: &str, unit: &str, samples: &[f64]) -> Result<Self> {
        let quartiles = Quartiles::of(samples);
        Ok(Self {
            section: section.to_owned(),
            row: row.to_owned(),
            unit: unit.to_owned(),
            quartiles: quartiles
                .with_context(|| format!("{section}, {row}: {samples:?} are no samples"))?,
            count: samples.len(),
            aim: None,
            beside: vec![],
        })
    }

    /// The same with an aim, if there is one.
    pub fn aiming(self, aim: impl Into<Option<Aim>>) -> Self {
        let aim = aim.into();
        Self { aim, ..self }
    }

    /// The same with something said beside it.
    pub fn with(mut self, words: impl Display) -> Self {
        self.beside.push(words.to_string());
        self
    }

    /// Whether it compares two things that were measured side by side.
    pub fn is_ratio(&self) -> bool {
        RATIOS.contains(&self.unit.as_str())
    }

    /// Prints the row, and adds it to the file that [`OUT`] names.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self) -> Result<()> {
        let Quartiles { low, median, high } = self.quartiles;
        println!(
            "{:62} {median:9.2} {} ({low:.2}, {high:.2}) {}",
            self.row,
            self.unit,
            self.beside.join("; ")
        );
        let Some(path) = std::env::var_os(OUT).filter(|path| !path.is_empty()) else {
            return Ok(());
        };
        let line = serde_json::to_string(self)? + "\n";
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .with_context(|| format!("{OUT}={} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line_and_comes_back() {
        let record = Record::of("explanation", "N = 1", "F", &[1.0, 2.0, 3.0]).unwrap();
        let record = record.aiming(Aim::AtMost(1.5)).with("floor 1.1 F");
        let line = serde_json::to_string(&record).unwrap();
        assert!(
            !line.contains('\n') && line.contains(r#""aim":{"at_most":1.5}"#),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        assert!(record.is_ratio());
    }

    #[test]
    fn an_aim_counts_its_own_edge() {
        assert!(Aim::AtMost(1.5).is_met(1.5) && !Aim::AtMost(1.5).is_met(1.6));
        assert!(Aim::AtLeast(25.0).is_met(25.0) && !Aim::AtLeast(25.0).is_met(24.0));
    }

    #[test]
    fn nothing_measured_is_an_error() {
        let error = Record::of("live", "as it comes", "/s", &[]).unwrap_err();
        assert!(error.to_string().contains("live, as it comes"));
    }
}
