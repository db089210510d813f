//! What kept an object from being found, as a person reads it.

use super::{Absence, MissCause, NearMiss, ON_OBJECT};
use crate::detect::class::ClassId;
use crate::detect::detection::{Detection, Thresholds};
use crate::detect::labels::Labels;

/// Below this score a network sees next to nothing.
const NEXT_TO_NOTHING: f32 = 0.05;

impl Absence {
    /// In words: "sheep 0.92 was found there", or as [`NearMiss::words`].
    pub fn words(&self, labels: &Labels) -> String {
        match self {
            Self::Found(Detection { class, score, .. }) => {
                format!("{} {score:.2} was found there", labels.name(*class))
            }
            Self::Missed(miss) => miss.words(labels),
        }
    }

    /// At the box: "sheep 0.92", and where it is no detection "nearest: horse 0.21".
    pub fn label(&self, labels: &Labels) -> String {
        let words = self.detection().words(labels);
        match self.is_detection() {
            true => words,
            false => format!("nearest: {words}"),
        }
    }
}

impl MissCause {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OtherClass { .. } => "other class",
            Self::Background { .. } => "background",
            Self::NoObject { .. } => "no object",
            Self::Threshold { .. } => "threshold",
            Self::Suppressed { .. } => "suppressed",
            Self::TooMany { .. } => "too many",
            Self::Beside => "beside",
        }
    }
}

impl NearMiss {
    /// In words: "no horse found: sheep 0.92 won, 3.84 logits ahead (horse 0.21)". Where next to nothing was seen, they say so: "no horse found, nothing near: score 0.01 lacks …".
    pub fn words(&self, labels: &Labels) -> String {
        let named = |class: ClassId, score: f32| format!("{} {score:.2}", labels.name(class));
        let Detection { class, score, .. } = self.detection;
        let Thresholds {
            score: threshold,
            iou: most,
        } = self.thresholds;
        let own = named(class, score);
        let is_low = matches!(
            self.cause,
            MissCause::Threshold { .. } | MissCause::Background { .. } | MissCause::NoObject { .. }
        );
        let rival = self.detection.runner_up.map_or(0.0, |(_, other)| other);
        let near = match is_low && score.max(rival) < NEXT_TO_NOTHING {
            true => ", nothing near",
            false => "",
        };
        let cause = match &self.cause {
            MissCause::OtherClass {
                class,
                score,
                logits,
            } => format!(
                "{} won, {logits:.2} logits ahead ({own})",
                named(*class, *score)
            ),
            MissCause::Background { logits, .. } => {
                format!("background won, {logits:.2} logits ahead ({own})")
            }
            MissCause::NoObject { objectness, logits } => format!(
                "objectness {objectness:.2} lacks {logits:.2} logits to the threshold {threshold} ({own})"
            ),
            MissCause::Threshold { logits } => {
                let first = self.detection.runner_up.filter(|(_, other)| *other > score);
                let first = first.map(|(class, score)| format!(", {} first", named(class, score)));
                format!(
                    "score {score:.2} lacks {logits:.2} logits to the threshold {threshold}{}",
                    first.unwrap_or_default()
                )
            }
            MissCause::Suppressed { by, iou } => format!(
                "score {score:.2} was suppressed by {}, overlap {iou:.2} above {most}",
                named(by.class, by.score)
            ),
            MissCause::TooMany { most } => {
                format!("score {score:.2} is not among the {most} best, and no more are told")
            }
            MissCause::Beside => format!("{own} lies beside it"),
        };
        let far = match self.overlap < ON_OBJECT {
            true => format!("; the nearest box overlaps by {:.2} only", self.overlap),
            false => String::new(),
        };
        format!("no {} found{near}: {cause}{far}", labels.name(class))
    }
}
