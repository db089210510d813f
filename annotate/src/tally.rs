//! How the inputs of a run ended: one after the other in; sums and words for people out.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::record::InputSummary;

/// What became of an input.
pub enum Ending {
    Done(InputSummary),
    /// In an earlier run.
    DoneBefore(InputSummary),
    /// In an earlier run, and now the file is not to be had, for a reason in words.
    Away(InputSummary, String),
    /// Why, in words.
    Failed(String),
    /// Another process has it.
    Elsewhere,
}

/// Of all inputs of a run.
#[derive(Default)]
pub struct Tally {
    done: usize,
    before: usize,
    away: usize,
    failed: usize,
    /// Left to other processes.
    pub elsewhere: usize,
    found: InputSummary,
}

impl Tally {
    pub fn add(&mut self, ending: Ending) {
        let (of_kind, found) = match ending {
            Ending::Done(found) => (&mut self.done, found),
            Ending::DoneBefore(found) => (&mut self.before, found),
            Ending::Away(found, _) => (&mut self.away, found),
            Ending::Failed(_) => (&mut self.failed, InputSummary::default()),
            Ending::Elsewhere => (&mut self.elsewhere, InputSummary::default()),
        };
        *of_kind += 1;
        self.found.frames += found.frames;
        self.found.detections += found.detections;
        self.found.explanations += found.explanations;
        self.found.events += found.events;
    }

    /// All of it, for the end of a run. What is seldom is said where it occurs.
    pub fn words(&self, output: &Path) -> String {
        let mut words = format!(
            "done {}, before {}, failed {}",
            self.done, self.before, self.failed
        );
        for (count, name) in [(self.away, "away"), (self.elsewhere, "left to others")] {
            if count > 0 {
                words += &format!(", {name} {count}");
            }
        }
        format!(
            "{words}: {}, in {}",
            found_in_words(&self.found),
            output.display()
        )
    }

    /// # Errors
    /// Some of `all` inputs could not be annotated, or not be looked at again; their records are in the folder `records`.
    pub fn check(&self, all: usize, records: &Path) -> Result<()> {
        ensure!(
            self.failed == 0,
            "{} of {all} inputs could not be annotated: their files in {} say why",
            self.failed,
            records.display()
        );
        ensure!(
            self.away == 0,
            "{} of {all} inputs, which were annotated before, cannot be opened now",
            self.away
        );
        Ok(())
    }
}

/// What was found in an input, within so many seconds.
pub fn in_words(summary: &InputSummary, seconds: f64) -> String {
    let found = found_in_words(summary);
    let rate = summary.frames as f64 / seconds;
    let left_out = summary
        .evidence
        .map_or(0, |evidence| evidence.evidence_left_out);
    let evidence = match left_out {
        0 => String::new(),
        left_out => format!(", no evidence of {}", counted(left_out, "event")),
    };
    format!("{found}{evidence}, {rate:.1} frames a second")
}

fn found_in_words(summary: &InputSummary) -> String {
    let words = [
        counted(summary.frames, "frame"),
        counted(summary.detections, "detection"),
        counted(summary.explanations, "explanation"),
        counted(summary.events, "event"),
    ];
    words.join(", ")
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_add_up_and_the_worst_is_what_is_told() {
        let found = |frames| InputSummary {
            frames,
            ..InputSummary::default()
        };
        let mut tally = Tally::default();
        let words = |tally: &Tally| tally.words(Path::new("out"));
        tally.add(Ending::Done(found(1)));
        tally.add(Ending::DoneBefore(found(2)));
        assert!(words(&tally).starts_with("done 1, before 1, failed 0: 3 frames,"));
        tally.check(2, Path::new("out/inputs")).unwrap();
        tally.add(Ending::Elsewhere);
        tally.check(3, Path::new("out/inputs")).unwrap();
        tally.add(Ending::Away(found(4), "gone".to_owned()));
        let error = tally.check(4, Path::new("out/inputs")).unwrap_err();
        assert!(error.to_string().starts_with("1 of 4 inputs, which"));
        tally.add(Ending::Failed("no video".to_owned()));
        let error = tally.check(5, Path::new("out/inputs")).unwrap_err();
        assert!(error.to_string().starts_with("1 of 5 inputs could not"));
        let words = words(&tally);
        let expected = "done 1, before 1, failed 1, away 1, left to others 1: 7 frames,";
        assert!(words.starts_with(expected), "{words}");
    }
}
