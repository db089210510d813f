//! What differs from one model to the other on average, class by class.
//!
//! In: compared objects. Out: counts, and means with bootstrap intervals over the objects that both models detect as the same class.

use serde::Serialize;

use super::matching::folded;
use super::object::{ComparedObject, ObjectChange};
use super::side::ObjectSide;
use crate::evaluate::Mean;

/// One class, or all of them.
#[derive(Clone, Debug, Serialize)]
pub struct ClassShift {
    /// The class's name; "all" are all of them.
    pub class: String,
    /// How many objects there are of each change, in the order of [`ObjectChange::ALL`].
    pub counts: [usize; ObjectChange::ALL.len()],
    /// By how much scores are higher with the candidate.
    pub score: Option<Mean>,
    /// By how much more of the relevance lies in the box.
    pub in_box_share: Option<Mean>,
    /// By how much further the asked quantity falls without the reddest part, logits.
    pub effect: Option<Mean>,
    /// By how much more of the explanations pass their check.
    pub checked: Option<Mean>,
    /// Rank correlation of both maps.
    pub rank_correlation: Option<Mean>,
    /// Intersection of the most relevant tenths of both maps.
    pub top_intersection: Option<Mean>,
}

impl ClassShift {
    /// All classes together, then each in alphabetical order.
    pub fn all(objects: &[&ComparedObject], seed: u64) -> Vec<Self> {
        let mut classes: Vec<String> = objects
            .iter()
            .map(|object| folded(object.label()))
            .collect();
        classes.sort();
        classes.dedup();
        let mut shifts = vec![Self::of("all", objects, seed)];
        shifts.extend(classes.into_iter().map(|class| {
            let of_class = objects.iter().copied();
            let of_class: Vec<&ComparedObject> = of_class
                .filter(|object| folded(object.label()) == class)
                .collect();
            Self::of(&class, &of_class, seed)
        }));
        shifts
    }

    fn of(class: &str, objects: &[&ComparedObject], seed: u64) -> Self {
        let difference = |value: &dyn Fn(&ObjectSide) -> Option<f64>| {
            let pairs = objects.iter().filter_map(|object| object.pair());
            let differences: Vec<f64> = pairs
                .filter_map(|(a, b)| Some(value(b)? - value(a)?))
                .collect();
            Mean::of(&differences, seed)
        };
        let agreement = |value: &dyn Fn(&ComparedObject) -> Option<f64>| {
            let pairs = objects.iter().filter(|object| object.pair().is_some());
            let values: Vec<f64> = pairs.filter_map(|object| value(object)).collect();
            Mean::of(&values, seed)
        };
        Self {
            class: class.to_owned(),
            counts: ObjectChange::ALL.map(|change| {
                objects
                    .iter()
                    .filter(|object| object.change == change)
                    .count()
            }),
            score: difference(&|side| Some(f64::from(side.score))),
            in_box_share: difference(&|side| Some(side.in_box_share)),
            effect: difference(&|side| side.effect),
            checked: difference(&|side| side.checked.map(f64::from)),
            rank_correlation: agreement(&|object| Some(object.maps?.rank_correlation)),
            top_intersection: agreement(&|object| Some(object.maps?.top_intersection)),
        }
    }

    /// How many objects there are of a change.
    pub fn count(&self, change: ObjectChange) -> usize {
        let place = ObjectChange::ALL.iter().position(|other| *other == change);
        place.map_or(0, |place| self.counts[place])
    }
}
