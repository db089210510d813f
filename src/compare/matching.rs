//! Which detection of one model is which of another's.
//!
//! In: two models' detections of one photo, classes by name. Out: pairs, and what has no partner.

use crate::detect::ON_OBJECT;
use crate::geometry::Rect;

/// A box has changed where the intersection over union is below this one, COCO's stricter threshold.
pub const SAME_BOX: f32 = 0.75;
/// A score has changed where it differs by more.
pub const SAME_SCORE: f32 = 0.1;

/// The form in which labels of two models are compared: classes are the same in any case, in any script.
pub fn folded(label: &str) -> String {
    label.to_lowercase()
}

/// A detection, as far as it takes to find it again.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its class, [`folded`].
    pub label: String,
    /// The same, as the model spells it.
    pub name: String,
    /// In shares of the photo.
    pub rect: Rect,
}

/// A detection of the base, the same one of the candidate, or both; by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Of the base's.
    pub base: Option<usize>,
    /// Of the candidate's.
    pub candidate: Option<usize>,
}

/// Finds the detections again: first those of one class, then the rest whatever their classes, each time the pairs that overlap most first, down to [`ON_OBJECT`]. Pairs come first, in the order
/// of the base's detections, then what only the base has, then what only the candidate has.
pub fn matched(base: &[Named], candidate: &[Named]) -> Vec<Matched> {
    let mut partner: Vec<Option<usize>> = vec![None; base.len()];
    let mut taken = vec![false; candidate.len()];
    for same_class in [true, false] {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (of_base, a) in base.iter().enumerate() {
            for (of_candidate, b) in candidate.iter().enumerate() {
                let overlap = a.rect.iou(&b.rect);
                if overlap >= ON_OBJECT && (a.label == b.label) == same_class {
                    pairs.push((overlap, of_base, of_candidate));
                }
            }
        }
        // Stable: of equals the better detections come first.
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, of_base, of_candidate) in pairs {
            if partner[of_base].is_none() && !taken[of_candidate] {
                partner[of_base] = Some(of_candidate);
                taken[of_candidate] = true;
            }
        }
    }
    let of_base = |has_partner: bool| {
        let partners = partner.iter().enumerate();
        let wanted = partners.filter(move |(_, partner)| partner.is_some() == has_partner);
        wanted.map(|(index, &candidate)| Matched {
            base: Some(index),
            candidate,
        })
    };
    let gained = taken.iter().enumerate().filter(|(_, taken)| !**taken);
    let gained = gained.map(|(index, _)| Matched {
        base: None,
        candidate: Some(index),
    });
    of_base(true).chain(of_base(false)).chain(gained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str, x: f32) -> Named {
        Named {
            label: label.to_owned(),
            name: label.to_owned(),
            rect: Rect::new(x, 0.0, x + 0.3, 1.0),
        }
    }

    fn pairs(base: &[Named], candidate: &[Named]) -> Vec<(Option<usize>, Option<usize>)> {
        let matched = matched(base, candidate).into_iter();
        matched.map(|pair| (pair.base, pair.candidate)).collect()
    }

    #[test]
    fn the_same_class_comes_first_and_then_the_nearest_box() {
        // The horse is nearer to the sheep, but there is a sheep too.
        let base = [named("sheep", 0.0), named("dog", 0.6)];
        let candidate = [
            named("horse", 0.01),
            named("sheep", 0.05),
            named("dog", 0.6),
        ];
        let expected = [(Some(0), Some(1)), (Some(1), Some(2)), (None, Some(0))];
        assert_eq!(pairs(&base, &candidate), expected);
        // Without it the horse is what has become of the sheep.
        let expected = [(Some(0), Some(0)), (Some(1), None)];
        assert_eq!(pairs(&base, &candidate[..1]), expected);
    }

    #[test]
    fn each_has_one_partner_and_far_boxes_have_none() {
        let base = [named("dog", 0.0), named("dog", 0.02)];
        let candidate = [named("dog", 0.02), named("dog", 0.5)];
        let expected = [(Some(1), Some(0)), (Some(0), None), (None, Some(1))];
        assert_eq!(pairs(&base, &candidate), expected);
        assert_eq!(pairs(&[], &[]), []);
    }
}
