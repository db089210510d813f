//! What is to be seen in a camera's picture at the moment, for those who cannot or do not want to take it from the picture: objects, what somebody points at, and why the network says so.

use serde::Serialize;

use ssdcrp::check::Check;
use ssdcrp::detect::Labels;
use ssdcrp::stream::{ExplainedMiss, ExplainedObject, Observation, Tracked};

/// What a picture shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CameraSight {
    /// Best first.
    objects: Vec<SeenObject>,
    /// The object that somebody points at.
    picked: Option<u64>,
    /// The place where somebody asks why nothing is found, in shares of the picture.
    missing: Option<[f32; 2]>,
    answer: Option<SightAnswer>,
}

/// Something that was detected.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct SeenObject {
    object: u64,
    label: String,
    score: f32,
    /// x0, y0, x1, y1 in shares of the picture.
    #[serde(rename = "box")]
    rect: [f32; 4],
}

/// What was explained last.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct SightAnswer {
    /// `None` where it is about what is missing.
    object: Option<u64>,
    words: String,
    /// What that is worth.
    check: Option<String>,
}

impl CameraSight {
    /// A frame was looked at.
    pub fn see(&mut self, observation: &Observation, labels: &Labels) {
        let seen = |tracked: &Tracked| SeenObject {
            object: tracked.object,
            label: labels.name(tracked.detection.class).into_owned(),
            score: tracked.detection.score,
            rect: tracked.detection.rect.clipped().edges(),
        };
        self.objects = observation.tracked.iter().map(seen).collect();
        (self.picked, self.missing) = (observation.asked.picked, observation.asked.missing);
        let still_counts = |answer: &SightAnswer| match answer.object {
            Some(object) => {
                self.missing.is_none() && self.objects.iter().any(|seen| seen.object == object)
            }
            None => self.missing.is_some(),
        };
        if !self.answer.as_ref().is_some_and(still_counts) {
            self.answer = None;
        }
    }

    /// Something in it was explained; `colour` is what speaks for it is drawn in.
    pub fn explain(&mut self, explained: &ExplainedObject, colour: &str) {
        let words = |check: &Check| check.words(colour);
        self.answer = Some(SightAnswer {
            object: Some(explained.tracked.object),
            words: explained.question.wording.to_string(),
            check: explained.last_check.as_deref().map(words),
        });
    }

    /// It was explained why nothing was found at a place.
    pub fn explain_missing(&mut self, explained: &ExplainedMiss, labels: &Labels) {
        self.answer = Some(SightAnswer {
            object: None,
            words: explained.words(labels).replace('\n', "; "),
            check: None,
        });
    }
}
