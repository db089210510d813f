//! An object that two models were asked about, and what has become of it from the one to the other.

use std::collections::BTreeSet;

use serde::Serialize;

use super::matching::{SAME_BOX, SAME_SCORE, folded};
use super::side::{ObjectAnswer, ObjectSide};
use super::similarity::MapAgreement;

/// What has become of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectChange {
    /// The base detects it, the candidate does not.
    Lost,
    /// Both detect it, as different classes.
    Renamed,
    /// Both detect it as the same class, but the score differs by more than 0.1, or the intersection over union of the boxes is below 0.75.
    Changed,
    /// The candidate detects it, the base does not.
    Gained,
    /// None of these.
    Same,
}

impl ObjectChange {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::Lost,
        Self::Renamed,
        Self::Changed,
        Self::Gained,
        Self::Same,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Gained => "gained",
            Self::Same => "same",
        }
    }
}

/// An object with what both models say of it.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedObject {
    /// What has become of it.
    pub change: ObjectChange,
    /// What the base says; `None` where it says nothing.
    pub base: Option<ObjectSide>,
    /// What the candidate says, likewise.
    pub candidate: Option<ObjectSide>,
    /// Why one of them says nothing: it detects no such class, or has no box near.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// The intersection over union of both boxes.
    pub iou: Option<f32>,
    /// How alike both maps are.
    pub maps: Option<MapAgreement>,
}

impl ComparedObject {
    /// Of what both models say.
    pub fn new(base: ObjectAnswer, candidate: ObjectAnswer) -> Self {
        let unanswered = base.as_ref().err().or(candidate.as_ref().err()).cloned();
        let [base, candidate] = [base, candidate].map(Result::ok);
        let both = base.as_ref().zip(candidate.as_ref());
        let iou = both.map(|(a, b)| a.rect.iou(&b.rect));
        let maps = both.map(|(a, b)| MapAgreement::of([&a.map, &b.map], [&a.rect, &b.rect]));
        let detects = |side: &Option<ObjectSide>| side.as_ref().is_some_and(|side| side.detected);
        let change = match (detects(&base), detects(&candidate), both) {
            (true, true, Some((a, b))) if folded(&a.label) != folded(&b.label) => {
                ObjectChange::Renamed
            }
            (true, true, Some((a, b))) => {
                let moved = iou.is_none_or(|iou| iou < SAME_BOX);
                match moved || (a.score - b.score).abs() > SAME_SCORE {
                    true => ObjectChange::Changed,
                    false => ObjectChange::Same,
                }
            }
            (false, true, _) => ObjectChange::Gained,
            _ => ObjectChange::Lost,
        };
        Self {
            change,
            base,
            candidate,
            unanswered,
            iou,
            maps,
        }
    }

    /// The class: the base's where it detects the object, else the candidate's.
    pub fn label(&self) -> &str {
        let sides = [&self.base, &self.candidate].into_iter().flatten();
        let detected = sides.clone().find(|side| side.detected);
        detected
            .or(sides.clone().next())
            .map_or("", |side| &side.label)
    }

    /// The class as each model calls it, each spelling once.
    pub fn labels(&self) -> BTreeSet<String> {
        let sides = [&self.base, &self.candidate].into_iter().flatten();
        sides.map(|side| side.label.clone()).collect()
    }

    /// Both sides, where both models detect the object as the same class.
    pub fn pair(&self) -> Option<(&ObjectSide, &ObjectSide)> {
        let is_pair = matches!(self.change, ObjectChange::Same | ObjectChange::Changed);
        self.base
            .as_ref()
            .zip(self.candidate.as_ref())
            .filter(|_| is_pair)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::ClassShift;
    use crate::geometry::Rect;

    /// What a model says of an object in the left half of the photo.
    pub fn side(label: &str, score: f32) -> ObjectSide {
        let rect = Rect::new(0.0, 0.0, 0.5, 1.0);
        ObjectSide {
            label: label.to_owned(),
            score,
            corners: rect.edges(),
            default_box: 0,
            detected: true,
            instead: None,
            reason: None,
            verdict: None,
            question: label.to_owned(),
            in_box_share: 0.5,
            effect: None,
            checked: None,
            check: None,
            rect,
            map: ndarray::Array2::ones((2, 2)),
        }
    }

    #[test]
    fn labels_are_the_same_in_any_case_of_any_script() {
        let objects = [
            ComparedObject::new(Ok(side("Öltank", 0.9)), Ok(side("öltank", 0.9))),
            ComparedObject::new(Ok(side("ÖLTANK", 0.9)), Ok(side("oltank", 0.9))),
        ];
        assert_eq!(objects[0].change, ObjectChange::Same);
        assert_eq!(objects[1].change, ObjectChange::Renamed);
        let shifts = ClassShift::all(&objects.each_ref(), 0);
        let found: Vec<_> = (shifts.iter())
            .map(|shift| (shift.class.as_str(), shift.counts))
            .collect();
        let counts = [0, 1, 0, 0, 1];
        assert_eq!(found, [("all", counts), ("öltank", counts)]);
    }
}
