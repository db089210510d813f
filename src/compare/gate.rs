//! Limits that a candidate must keep, so that a program can let it pass or not.
//!
//! In: limits as a user writes them, `lost=0,score-drop=0.1`, and a comparison. Out: a [`GateResult`] for each limit.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::object::ObjectChange;
use super::shift::ClassShift;
use crate::error::argument::{Context, ensure};
use crate::error::{Error, Result};
use crate::spelling;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateMeasure {
    /// Objects that are lost.
    Lost,
    /// Objects that are gained.
    Gained,
    /// Objects that have another class.
    Renamed,
    /// By how much scores fall on average.
    ScoreDrop,
    /// By how much the share of relevance in the box falls on average.
    InBoxDrop,
    /// By how much the effect of explanations falls on average, logits.
    EffectDrop,
    /// By how much the share of explanations that pass their check falls.
    CheckedDrop,
    /// Mean rank correlation of both maps; this one is a least, the others are mosts.
    Similarity,
    /// How many more annotated objects are missed.
    Missed,
    /// How many fewer detections are correct, beside annotations.
    CorrectDrop,
}

/// A limit: no more than this, and of the similarity no less.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GateLimit {
    /// What is limited.
    pub measure: GateMeasure,
    /// The limit.
    pub limit: f64,
}

/// What was found beside a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateResult {
    /// The limit.
    #[serde(flatten)]
    pub of: GateLimit,
    /// What was found; `None` where there is nothing to measure, which passes.
    pub found: Option<f64>,
    /// Whether the limit is kept.
    pub passed: bool,
}

impl GateMeasure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Lost,
        Self::Gained,
        Self::Renamed,
        Self::ScoreDrop,
        Self::InBoxDrop,
        Self::EffectDrop,
        Self::CheckedDrop,
        Self::Similarity,
        Self::Missed,
        Self::CorrectDrop,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Gained => "gained",
            Self::Renamed => "renamed",
            Self::ScoreDrop => "score-drop",
            Self::InBoxDrop => "in-box-drop",
            Self::EffectDrop => "effect-drop",
            Self::CheckedDrop => "checked-drop",
            Self::Similarity => "similarity",
            Self::Missed => "missed",
            Self::CorrectDrop => "correct-drop",
        }
    }

    /// Whether it needs annotations.
    pub fn needs_truth(self) -> bool {
        matches!(self, Self::Missed | Self::CorrectDrop)
    }

    /// Whether it needs explanations to be checked.
    pub fn needs_checks(self) -> bool {
        matches!(self, Self::EffectDrop | Self::CheckedDrop)
    }

    /// Its value: of all classes together, and of the numbers of objects that base and candidate find and miss beside annotations.
    fn found(self, all: &ClassShift, truth: Option<&TruthCounts>) -> Option<f64> {
        let count = |change| Some(all.count(change) as f64);
        // 0 rather than −0, which would be printed.
        let fall = |mean: Option<crate::evaluate::Mean>| mean.map(|mean| 0.0 - mean.mean);
        let more = |[base, candidate]: [usize; 2]| candidate as f64 - base as f64;
        match self {
            Self::Lost => count(ObjectChange::Lost),
            Self::Gained => count(ObjectChange::Gained),
            Self::Renamed => count(ObjectChange::Renamed),
            Self::ScoreDrop => fall(all.score),
            Self::InBoxDrop => fall(all.in_box_share),
            Self::EffectDrop => fall(all.effect),
            Self::CheckedDrop => fall(all.checked),
            Self::Similarity => all.rank_correlation.map(|mean| mean.mean),
            Self::Missed => truth.map(|truth| more(truth.missed)),
            Self::CorrectDrop => truth.map(|truth| 0.0 - more(truth.correct)),
        }
    }
}

/// Beside annotations, of base and candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TruthCounts {
    /// Photos that are annotated.
    pub photos: usize,
    /// Correct detections.
    pub correct: [usize; 2],
    /// Other detections, those that are to be ignored left out.
    pub wrong: [usize; 2],
    /// Objects that no detection is on.
    pub missed: [usize; 2],
}

impl GateLimit {
    /// Holds what was found beside it.
    pub fn judge(self, all: &ClassShift, truth: Option<&TruthCounts>) -> GateResult {
        let found = self.measure.found(all, truth);
        let keeps = |found: f64| match self.measure {
            GateMeasure::Similarity => found >= self.limit,
            _ => found <= self.limit,
        };
        GateResult {
            of: self,
            found,
            passed: found.is_none_or(keeps),
        }
    }
}

impl FromStr for GateLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, limit) = text.split_once('=').with_context(|| {
            format!(
                "'{text}' is no limit: name what is limited and how much is allowed, as in lost=0"
            )
        })?;
        let (name, limit) = (name.trim(), limit.trim());
        let measure = GateMeasure::ALL
            .into_iter()
            .find(|measure| measure.name() == name);
        let measure = measure.with_context(|| {
            let names = GateMeasure::ALL.map(GateMeasure::name);
            let near = spelling::nearest(name, names);
            let meant = match near.first() {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", names.join(", ")),
            };
            format!("nothing is called '{name}' that could be limited: {meant}")
        })?;
        let limit: Option<f64> = limit.parse().ok().filter(|limit: &f64| limit.is_finite());
        let limit = limit.with_context(|| format!("the limit of {name} is no number: '{text}'"))?;
        ensure!(
            measure != GateMeasure::Similarity || (-1.0..=1.0).contains(&limit),
            "the limit of similarity is a correlation, from -1 to 1"
        );
        Ok(Self { measure, limit })
    }
}

impl fmt::Display for GateResult {
    /// "lost 2, no more than 0 allowed: failed".
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let GateLimit { measure, limit } = self.of;
        let bound = match measure {
            GateMeasure::Similarity => "no less",
            _ => "no more",
        };
        let verdict = match (self.found, self.passed) {
            (None, _) => "nothing to measure",
            (Some(_), true) => "passed",
            (Some(_), false) => "failed",
        };
        write!(f, "{}", measure.name())?;
        if let Some(found) = self.found {
            // Counts have no digits behind the point.
            match found.fract() == 0.0 {
                true => write!(f, " {found}")?,
                false => write!(f, " {found:.3}")?,
            }
        }
        write!(f, ", {bound} than {limit} allowed: {verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> ClassShift {
        ClassShift::all(&[], 0).remove(0)
    }

    fn judged(text: &str, all: &ClassShift, truth: Option<&TruthCounts>) -> String {
        let limit: GateLimit = text.parse().unwrap();
        limit.judge(all, truth).to_string()
    }

    #[test]
    fn limits_are_mosts_and_the_similarity_is_a_least() {
        let mean = |mean| crate::evaluate::Mean::of(&[mean], 0);
        let shift = ClassShift {
            counts: [2, 0, 1, 3, 4],
            score: mean(-0.125),
            rank_correlation: mean(0.5),
            ..all()
        };
        for (text, expected) in [
            ("lost=1", "lost 2, no more than 1 allowed: failed"),
            ("lost=2", "lost 2, no more than 2 allowed: passed"),
            (" lost = 2 ", "lost 2, no more than 2 allowed: passed"),
            ("gained=2", "gained 3, no more than 2 allowed: failed"),
            ("renamed=0", "renamed 0, no more than 0 allowed: passed"),
            (
                "score-drop=0.1",
                "score-drop 0.125, no more than 0.1 allowed: failed",
            ),
            (
                "similarity=0.6",
                "similarity 0.500, no less than 0.6 allowed: failed",
            ),
            (
                "similarity=0.4",
                "similarity 0.500, no less than 0.4 allowed: passed",
            ),
            (
                "effect-drop=0",
                "effect-drop, no more than 0 allowed: nothing to measure",
            ),
            (
                "missed=0",
                "missed, no more than 0 allowed: nothing to measure",
            ),
        ] {
            assert_eq!(judged(text, &shift, None), expected);
        }
        let truth = TruthCounts {
            photos: 2,
            correct: [9, 7],
            wrong: [0, 0],
            missed: [1, 3],
        };
        assert!(judged("missed=1", &shift, Some(&truth)).ends_with("failed"));
        assert!(judged("correct-drop=2", &shift, Some(&truth)).ends_with("passed"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("lost", "is no limit"),
            ("lots=0", "did you mean \"lost\"?"),
            ("zzz=0", "there are lost, gained"),
            ("lost=few", "is no number"),
            ("lost=NaN", "is no number"),
            ("similarity=2", "from -1 to 1"),
        ] {
            let error = text.parse::<GateLimit>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        for measure in GateMeasure::ALL {
            let limit: GateLimit = format!("{}=0", measure.name()).parse().unwrap();
            assert_eq!(limit.measure, measure);
        }
    }
}
