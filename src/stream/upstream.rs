//! Detections of somebody else: which of the own network's default boxes stands for each, and which have none.
//!
//! In: boxes with labels that came with a frame, and the own network's outputs for it. Out: detections at default boxes of the own network, in the others' places, and what is left unexplained, with the reason.

use std::sync::Arc;

use super::zones::Zones;

use crate::detect::{ClassId, Detection, Forward, Labels, Model, ON_OBJECT};
use crate::error::Result;
use crate::geometry::Rect;

/// What somebody else detected in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamDetection {
    /// Its number among those of the frame, as whoever detected it counts.
    pub id: i32,
    /// What it is called.
    pub label: String,
    /// How sure whoever detected it is, where that is told.
    pub confidence: Option<f32>,
    /// Its box, in shares of the frame.
    pub rect: Rect,
}

/// A detection of somebody else that a default box of the own network stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamMatch {
    /// What was detected.
    pub upstream: UpstreamDetection,
    /// The intersection over union of its box and the own network's, from [`ON_OBJECT`] to 1.
    pub overlap: f32,
}

/// A detection of somebody else that cannot be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    /// What was detected.
    pub upstream: UpstreamDetection,
    /// Why it cannot.
    pub reason: UnmatchedReason,
}

/// Why a detection of somebody else cannot be explained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnmatchedReason {
    /// Its box is empty, or beside the frame.
    NoPlace,
    /// The own network has no class of that name, or several.
    NoSuchClass,
    /// No default box that the own network takes for that class lies there.
    NotSeen {
        /// The intersection over union of the nearest one, below [`ON_OBJECT`]; 0 where none touches it.
        overlap: f32,
    },
}

impl UnmatchedReason {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPlace => "no place",
            Self::NoSuchClass => "no such class",
            Self::NotSeen { .. } => "not seen",
        }
    }

    /// For people: "no class of this network", "not seen there".
    fn remark(self) -> &'static str {
        match self {
            Self::NoPlace => "has no place",
            Self::NoSuchClass => "no class of this network",
            Self::NotSeen { .. } => "this network sees none there",
        }
    }
}

/// What was found in a frame, by the own network or by somebody else.
#[derive(Clone, Debug, Default)]
pub struct FrameDetections {
    /// Best first.
    pub detections: Vec<Detection>,
    /// Whose each of them is; empty where all are the own network's.
    pub matches: Vec<Arc<UpstreamMatch>>,
    /// What somebody else found and cannot be explained.
    pub unmatched: Vec<Unmatched>,
}

impl FrameDetections {
    /// What the own network detects.
    pub fn own(detections: Vec<Detection>) -> Self {
        Self {
            detections,
            ..Self::default()
        }
    }

    /// What lies outside of the zones that are ignored.
    #[must_use]
    pub fn outside(mut self, zones: &Zones) -> Self {
        let counts: Vec<bool> = (self.detections.iter())
            .map(|detection| !zones.ignores(&detection.rect))
            .collect();
        // Of each detection its match, if they have such.
        let mut next = counts.iter();
        self.detections
            .retain(|_| next.next().is_none_or(|&counts| counts));
        let mut next = counts.iter();
        self.matches
            .retain(|_| next.next().is_none_or(|&counts| counts));
        self.unmatched
            .retain(|unmatched| !zones.ignores(&unmatched.upstream.rect));
        self
    }

    /// What somebody else detects: each has the class, score and offsets of the default box that stands for it ([`Predictions::closest`](crate::detect::Predictions::closest)), if that overlaps it by [`ON_OBJECT`], but
    /// its own box.
    ///
    /// # Errors
    /// The outputs are of another model.
    pub fn upstream(
        upstream: Vec<UpstreamDetection>,
        score_threshold: f32,
        forward: &Forward,
        model: &Model,
    ) -> Result<Self> {
        let predictions = forward.predictions(model)?;
        let (mut wanted, mut unmatched) = (vec![], vec![]);
        for mut upstream in upstream {
            match place_and_class(&upstream, &model.manifest.labels) {
                Ok((class, rect)) => {
                    upstream.rect = rect;
                    wanted.push((class, upstream));
                }
                Err(reason) => unmatched.push(Unmatched { upstream, reason }),
            }
        }
        let boxes: Vec<(ClassId, Rect)> = (wanted.iter())
            .map(|(class, upstream)| (*class, upstream.rect))
            .collect();
        let closest = predictions.closest(&boxes, score_threshold)?;
        let mut matched = vec![];
        for ((_, upstream), closest) in wanted.into_iter().zip(closest) {
            let overlap = closest.as_ref().map_or(0.0, |closest| closest.overlap);
            match closest.filter(|closest| closest.overlap >= ON_OBJECT) {
                Some(closest) => {
                    let detection = Detection {
                        rect: upstream.rect,
                        ..closest.detection
                    };
                    matched.push((detection, Arc::new(UpstreamMatch { upstream, overlap })));
                }
                None => unmatched.push(Unmatched {
                    upstream,
                    reason: UnmatchedReason::NotSeen { overlap },
                }),
            }
        }
        // Stable: of equals the first stays first.
        matched.sort_by(|(a, _), (b, _)| b.score.total_cmp(&a.score));
        let (detections, matches) = matched.into_iter().unzip();
        Ok(Self {
            detections,
            matches,
            unmatched,
        })
    }
}

/// The class that a label names, and the box inside of the frame.
fn place_and_class(
    upstream: &UpstreamDetection,
    labels: &Labels,
) -> Result<(ClassId, Rect), UnmatchedReason> {
    let rect = upstream.rect.clipped();
    if !rect.is_finite() || rect.area() <= 0.0 {
        return Err(UnmatchedReason::NoPlace);
    }
    let class = labels.named(&upstream.label);
    Ok((class.ok_or(UnmatchedReason::NoSuchClass)?, rect))
}

/// What is said of detections that cannot be explained, each thing once: "not explained: forklift (no class of this network)"; `None` where there are none.
pub(super) fn unexplained(unmatched: &[Unmatched]) -> Option<String> {
    let mut said: Vec<String> = Vec::new();
    for Unmatched { upstream, reason } in unmatched {
        let words = format!("{} ({})", named(upstream), reason.remark());
        if !said.contains(&words) {
            said.push(words);
        }
    }
    (!said.is_empty()).then(|| format!("not explained: {}", said.join(", ")))
}

/// What it is called by people.
pub(super) fn named(upstream: &UpstreamDetection) -> &str {
    match upstream.label.trim() {
        "" => "something without a label",
        label => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(label: &str, x: f32) -> UpstreamDetection {
        UpstreamDetection {
            id: 0,
            label: label.to_owned(),
            confidence: None,
            rect: Rect::new(x, 0.2, x + 0.2, 0.6),
        }
    }

    #[test]
    fn labels_and_places_are_looked_up() {
        let labels: Labels = ["background", "person", "crane", "crane"]
            .into_iter()
            .collect();
        let of = |label: &str, x| place_and_class(&detection(label, x), &labels);
        assert_eq!(of("Person ", 0.1).unwrap().0, ClassId(1));
        let (_, rect) = of("person", 0.9).unwrap();
        assert_eq!(rect.edges(), [0.9, 0.2, 1.0, 0.6], "inside of the frame");
        for (label, x, reason) in [
            ("forklift", 0.1, UnmatchedReason::NoSuchClass),
            ("crane", 0.1, UnmatchedReason::NoSuchClass),
            ("1", 0.1, UnmatchedReason::NoSuchClass),
            ("person", 1.0, UnmatchedReason::NoPlace),
            ("person", f32::NAN, UnmatchedReason::NoPlace),
        ] {
            assert_eq!(of(label, x).unwrap_err(), reason, "{label} {x}");
        }
    }

    #[test]
    fn each_thing_that_is_not_explained_is_said_once() {
        let left = |label, reason| Unmatched {
            upstream: detection(label, 0.0),
            reason,
        };
        let unseen = UnmatchedReason::NotSeen { overlap: 0.3 };
        let unmatched = [
            left("forklift", UnmatchedReason::NoSuchClass),
            left("dog", unseen),
            left("dog", UnmatchedReason::NotSeen { overlap: 0.1 }),
            left("", UnmatchedReason::NoSuchClass),
        ];
        assert_eq!(
            unexplained(&unmatched).unwrap(),
            "not explained: forklift (no class of this network), dog (this network sees none there), something without a label (no class of this network)"
        );
        assert_eq!(unexplained(&[]), None);
    }
}
