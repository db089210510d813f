//! Non-maximum suppression: of several boxes of one class on one object, the best stays.

use super::class::ClassId;
use crate::geometry::Rect;

/// A default box that may be a detection of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its default box.
    pub default_box: usize,
    /// Of what it may be one.
    pub class: ClassId,
    /// 0..=1, of `class`.
    pub score: f32,
    /// Not clipped to the picture.
    pub rect: Rect,
}

impl Candidate {
    /// Whether any of the box lies in the picture; not so where a corner is no number.
    pub fn is_visible(&self) -> bool {
        let rect = self.rect.clipped();
        rect.x1 > rect.x0 && rect.y1 > rect.y0
    }
}

/// Greedy suppression within each class: the best candidate stays and takes away those of its class that overlap it by more than
/// `iou`, then the best of the rest, and so on until `most` have been kept. Boxes of different classes do not compete.
///
/// The result is in descending order of score, equal scores in order of default box, then class, whatever the order of
/// `candidates`. A candidate whose score is NaN is left out.
pub fn suppress(mut candidates: Vec<Candidate>, iou: f32, most: usize) -> Vec<Candidate> {
    candidates.retain(|candidate| !candidate.score.is_nan());
    candidates.sort_unstable_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.default_box.cmp(&b.default_box))
            .then(a.class.cmp(&b.class))
    });
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.len() == most {
            break;
        }
        let rival = |k: &Candidate| k.class == candidate.class && k.rect.iou(&candidate.rect) > iou;
        if !kept.iter().any(rival) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(default_box: usize, class: usize, score: f32, rect: [f32; 4]) -> Candidate {
        Candidate {
            default_box,
            class: ClassId(class),
            score,
            rect: rect.into(),
        }
    }

    fn kept(candidates: Vec<Candidate>, iou: f32, most: usize) -> Vec<(usize, usize)> {
        suppress(candidates, iou, most)
            .iter()
            .map(|c| (c.default_box, c.class.0))
            .collect()
    }

    #[test]
    fn the_weaker_of_two_overlapping_boxes_goes() {
        // 7 overlaps 3 by .9/1.1, 5 overlaps both by nothing.
        let near = candidate(7, 1, 0.8, [0.1, 0.0, 1.1, 1.0]);
        let best = candidate(3, 1, 0.9, [0.0, 0.0, 1.0, 1.0]);
        let far = candidate(5, 1, 0.6, [2.0, 0.0, 3.0, 1.0]);
        assert_eq!(kept(vec![near, far, best], 0.6, 10), [(3, 1), (5, 1)]);
        assert_eq!(
            kept(vec![near, far, best], 0.9, 10),
            [(3, 1), (7, 1), (5, 1)]
        );
        assert_eq!(kept(vec![near, far, best], 0.9, 2), [(3, 1), (7, 1)]);
        assert_eq!(kept(vec![near, far, best], 0.9, 0), []);
    }

    #[test]
    fn what_was_suppressed_suppresses_nothing() {
        // a takes away b, so c, which only b overlaps enough, stays.
        let a = candidate(0, 1, 0.9, [0.0, 0.0, 1.0, 1.0]);
        let b = candidate(1, 1, 0.8, [0.3, 0.0, 1.3, 1.0]);
        let c = candidate(2, 1, 0.7, [0.6, 0.0, 1.6, 1.0]);
        assert_eq!(kept(vec![a, b, c], 0.5, 10), [(0, 1), (2, 1)]);
    }

    #[test]
    fn classes_do_not_compete_and_ties_go_by_default_box() {
        let rect = [0.0, 0.0, 1.0, 1.0];
        let candidates = vec![
            candidate(9, 1, 0.7, rect),
            candidate(4, 1, 0.7, rect),
            candidate(4, 2, 0.7, rect),
        ];
        assert_eq!(kept(candidates, 0.5, 10), [(4, 1), (4, 2)]);
    }

    #[test]
    fn nan_never_wins() {
        let rect = [0.0, 0.0, 1.0, 1.0];
        let candidates = vec![
            candidate(0, 1, f32::NAN, rect),
            candidate(1, 1, -f32::NAN, rect),
            candidate(2, 1, 0.1, rect),
            candidate(3, 1, 0.05, [f32::NAN; 4]),
        ];
        assert_eq!(kept(candidates.clone(), 0.5, 10), [(2, 1), (3, 1)]);
        assert!(candidates[2].is_visible() && !candidates[3].is_visible());
        assert!(!candidate(0, 1, 0.5, [1.1, 0.0, 1.5, 1.0]).is_visible());
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        // Few scores and places, so that ties and overlaps are common.
        (
            0..40usize,
            0..3usize,
            0..6u8,
            prop::array::uniform2(0.0f32..0.6),
            prop::array::uniform2(0.1f32..0.5),
        )
            .prop_map(|(index, class, score, [x, y], [w, h])| {
                candidate(index, class, f32::from(score) / 5.0, [x, y, x + w, y + h])
            })
    }

    proptest! {
        #[test]
        fn what_stays_is_ordered_free_of_overlap_and_explains_what_went(
            candidates in prop::collection::vec(any_candidate(), 0..60),
            iou in 0.1f32..0.9,
        ) {
            let stayed = suppress(candidates.clone(), iou, usize::MAX);
            for (i, a) in stayed.iter().enumerate() {
                for b in &stayed[i + 1..] {
                    prop_assert!(a.score >= b.score);
                    prop_assert!(a.class != b.class || a.rect.iou(&b.rect) <= iou);
                }
            }
            for c in candidates.iter().filter(|c| !stayed.contains(c)) {
                let mut stronger = stayed.iter().filter(|k| k.class == c.class && k.score >= c.score);
                prop_assert!(stronger.any(|k| k.rect.iou(&c.rect) > iou));
            }
        }

        #[test]
        fn fewer_is_a_prefix_of_more(candidates in prop::collection::vec(any_candidate(), 0..40), most in 0..10usize) {
            let all = suppress(candidates.clone(), 0.5, usize::MAX);
            let some = suppress(candidates, 0.5, most);
            prop_assert_eq!(&some[..], &all[..most.min(all.len())]);
        }
    }
}
