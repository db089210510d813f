//! Which of a frame's detections are explained.
//!
//! In: the detections, best first, which of them were explained last, and what the user set. Out: indices of those that are
//! explained, most important first.

use std::collections::BTreeSet;

use super::frame::FrameInfo;
use super::tracking::Tracked;
use crate::detect::ClassId;
use crate::geometry::smallest_under;

/// Which detections are explained.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SelectionRule {
    /// That with the highest score.
    #[default]
    Best,
    /// All, best first.
    All,
    /// Those of these classes.
    Classes(Vec<ClassId>),
    /// The smallest one at a place x, y in pixels of the frame.
    Point([f32; 2]),
    /// None of them: it is asked why none is at a place x, y in pixels of the frame.
    Missing([f32; 2]),
}

/// An object that is explained stays so until the score of another one is higher by more than this: scores of the same two
/// objects go up and down by several hundredths from frame to frame, and an explanation that jumps with them cannot be read.
const LEAD: f32 = 0.1;

/// What the user wants explained, in the model's terms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Which detections.
    pub rule: SelectionRule,
    /// The classes that belong in the picture; all of them where it is empty. Others come first.
    pub expected: BTreeSet<ClassId>,
    /// With `All` and `Classes`, no more than so many.
    pub most: usize,
}

impl Selection {
    /// Whether the user does not expect detections of a class.
    pub fn is_unexpected(&self, class: ClassId) -> bool {
        !self.expected.is_empty() && !self.expected.contains(&class)
    }

    /// Indices of the detections that are explained in `frame`, those of unexpected classes first. `before` are the objects that were explained last.
    pub fn of(&self, tracked: &[Tracked], before: &[u64], frame: &FrameInfo) -> Vec<usize> {
        let expected = |index: usize| !self.is_unexpected(tracked[index].detection.class);
        let mut order: Vec<usize> = (0..tracked.len()).collect();
        order.sort_by_key(|&index| expected(index));
        // The most important ones of `order`, those that were explained last ahead of others that are hardly better.
        let first = |mut order: Vec<usize>, most: usize| {
            let lead = |index: usize| match before.contains(&tracked[index].object) {
                true => LEAD,
                false => 0.0,
            };
            let score = |index: usize| tracked[index].detection.score + lead(index);
            let rank = |&a: &usize, &b: &usize| {
                (expected(a).cmp(&expected(b))).then(score(b).total_cmp(&score(a)))
            };
            let all = order.clone();
            order.sort_by(rank);
            order.truncate(most);
            all.into_iter()
                .filter(|index| order.contains(index))
                .collect()
        };
        match &self.rule {
            SelectionRule::Best => first(order, 1),
            SelectionRule::All => first(order, self.most),
            SelectionRule::Classes(classes) => {
                order.retain(|&index| classes.contains(&tracked[index].detection.class));
                first(order, self.most)
            }
            SelectionRule::Point([x, y]) => {
                let place = [x / frame.size.width as f32, y / frame.size.height as f32];
                let rects = tracked.iter().map(|tracked| tracked.detection.rect);
                smallest_under(rects, place).into_iter().collect()
            }
            SelectionRule::Missing(_) => vec![],
        }
    }

    /// Where it is asked why nothing is there, in shares of `frame`.
    pub fn missing(&self, frame: &FrameInfo) -> Option<[f32; 2]> {
        match self.rule {
            SelectionRule::Missing([x, y]) => {
                Some([x / frame.size.width as f32, y / frame.size.height as f32])
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detection;
    use crate::geometry::Size;
    use crate::stream::frame::FrameTime;

    const FRAME: FrameInfo = FrameInfo {
        time: FrameTime {
            timestamp: None,
            running_time: None,
        },
        size: Size::new(600, 400),
        pixel_aspect: 1.0,
        epoch: 0,
    };

    const PLACE: [f32; 4] = [0.1, 0.1, 0.9, 0.9];

    /// Detections with the objects 0, 1, 2, …
    fn found(detections: &[(usize, f32, [f32; 4])]) -> Vec<Tracked> {
        let tracked = (0..)
            .zip(detections)
            .map(|(object, &(class, score, rect))| Tracked {
                object,
                first_seen: None,
                detection: Detection {
                    class: ClassId(class),
                    score,
                    rect: rect.into(),
                    default_box: 0,
                    logits: vec![],
                    objectness: None,
                    offsets: [0.0; 4],
                    runner_up: None,
                },
                upstream: None,
            });
        tracked.collect()
    }

    fn selection(rule: SelectionRule, most: usize, expected: &[usize]) -> Selection {
        Selection {
            rule,
            expected: expected.iter().copied().map(ClassId).collect(),
            most,
        }
    }

    #[test]
    fn what_is_explained_is_what_was_selected() {
        let found = found(&[
            (19, 0.9, PLACE),
            (18, 0.9, [0.45, 0.2, 0.55, 0.4]),
            (1, 0.9, [0.4, 0.1, 0.6, 0.5]),
            (18, 0.9, [0.0, 0.0, 0.2, 0.2]),
        ]);
        let of = |rule, most| selection(rule, most, &[]).of(&found, &[], &FRAME);
        let classes = || SelectionRule::Classes(vec![ClassId(1), ClassId(18)]);
        let point = || SelectionRule::Point([300.0, 120.0]);
        assert_eq!(of(SelectionRule::Best, 9), [0]);
        assert_eq!(of(SelectionRule::All, 9), [0, 1, 2, 3]);
        assert_eq!(of(SelectionRule::All, 2), [0, 1]);
        assert_eq!(of(classes(), 9), [1, 2, 3]);
        assert_eq!(of(classes(), 2), [1, 2]);
        assert_eq!(of(point(), 9), [1]);
        let at_point = selection(point(), 9, &[]);
        assert_eq!(at_point.of(&found[2..], &[], &FRAME), [0]);
        assert_eq!(at_point.of(&found[3..], &[], &FRAME), [0; 0]);
        let all = selection(SelectionRule::All, 9, &[]);
        assert_eq!(all.of(&[], &[], &FRAME), [0; 0]);
    }

    #[test]
    fn what_is_not_expected_comes_first() {
        let found = found(&[1, 18, 3, 19].map(|class| (class, 0.9, PLACE)));
        let careful = selection(SelectionRule::All, 9, &[1, 3]);
        assert_eq!(careful.of(&found, &[], &FRAME), [1, 3, 0, 2]);
        let best = selection(SelectionRule::Best, 9, &[1, 3]);
        assert_eq!(best.of(&found, &[], &FRAME), [1]);
        assert_eq!(best.of(&found[..1], &[], &FRAME), [0]);
        assert!(careful.is_unexpected(ClassId(18)) && !careful.is_unexpected(ClassId(1)));
        let all = selection(SelectionRule::All, 9, &[]);
        assert!(!all.is_unexpected(ClassId(18)), "all are expected");
    }

    #[test]
    fn what_is_explained_stays_until_another_is_clearly_better() {
        let scored = |[a, b, c]: [f32; 3]| found(&[(1, a, PLACE), (18, b, PLACE), (1, c, PLACE)]);
        let near = scored([0.9, 0.85, 0.81]);
        let best = |found: &[Tracked], before: u64| {
            selection(SelectionRule::Best, 9, &[]).of(found, &[before], &FRAME)
        };
        assert_eq!(best(&near, 1), [1]);
        assert_eq!(best(&near, 2), [2]);
        assert_eq!(best(&near, 9), [0], "what was explained is gone");
        assert_eq!(best(&scored([0.9, 0.79, 0.7]), 1), [0]);
        let several =
            |before: u64| selection(SelectionRule::All, 2, &[]).of(&near, &[before], &FRAME);
        assert_eq!(several(9), [0, 1]);
        assert_eq!(several(2), [0, 2], "the best first, as ever");
        let careful = selection(SelectionRule::Best, 9, &[1]);
        assert_eq!(careful.of(&near, &[0], &FRAME), [1]);
    }
}
