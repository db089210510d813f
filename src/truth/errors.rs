//! Detections against ground truth: which are right, and of what kind the errors are.
//!
//! The error types, their thresholds and their order are those of TIDE (Bolya et al., *TIDE: A General Toolbox for Identifying Object Detection Errors*, ECCV 2020).

use super::annotation::Annotated;
use crate::detect::{ClassId, Detection, ON_OBJECT};

/// Up to this intersection over union a detection is on nothing (t_b); on an object it is from [`ON_OBJECT`] on (t_f).
const BACKGROUND: f32 = 0.1;

/// What a detection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The best detection of an object.
    Correct,
    /// On an object of another class.
    Class {
        /// That class.
        truth: ClassId,
    },
    /// Of the right class, but the box is off.
    Localization,
    /// Of the wrong class, and the box is off.
    Both,
    /// On an object that a better detection has already.
    Duplicate,
    /// On nothing.
    Background,
    /// On what is to be ignored.
    Ignored,
}

impl Verdict {
    /// Whether the detection is wrong.
    pub fn is_error(self) -> bool {
        !matches!(self, Self::Correct | Self::Ignored)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Class { .. } => "wrong class",
            Self::Localization => "poor box",
            Self::Both => "wrong class and poor box",
            Self::Duplicate => "duplicate",
            Self::Background => "background",
            Self::Ignored => "ignored",
        }
    }
}

/// A picture's detections and objects, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Of each detection, in their order.
    pub verdicts: Vec<Verdict>,
    /// Objects that no detection is on, neither right nor with the wrong class or a box that is off; indices.
    pub missed: Vec<usize>,
}

/// Judges detections, best first.
pub fn judge(detections: &[Detection], truth: &[Annotated]) -> Judgement {
    let mut found = vec![false; truth.len()];
    let mut right = vec![false; detections.len()];
    for (detection, right) in detections.iter().zip(&mut right) {
        let free = best(detection, truth, |index, object| {
            !object.ignored && !found[index] && object.class == detection.class
        });
        if let Some((index, overlap)) = free
            && overlap >= ON_OBJECT
        {
            found[index] = true;
            *right = true;
        }
    }
    let mut excused = found.clone();
    let verdicts = detections
        .iter()
        .zip(right)
        .map(|(detection, right)| {
            if right {
                return Verdict::Correct;
            }
            let (verdict, object) = error(detection, truth, &found);
            if let Some(object) = object {
                excused[object] = true;
            }
            verdict
        })
        .collect();
    let missed = (0..truth.len()).filter(|&index| !truth[index].ignored && !excused[index]);
    Judgement {
        verdicts,
        missed: missed.collect(),
    }
}

/// The type of an error, and for a wrong class or a box that is off the object that was meant.
fn error(detection: &Detection, truth: &[Annotated], found: &[bool]) -> (Verdict, Option<usize>) {
    let is_on_ignored = truth.iter().any(|object| {
        object.ignored
            && object.class == detection.class
            // Crowds are larger than what is found in them.
            && detection.rect.share_inside(&object.rect) > ON_OBJECT
    });
    if is_on_ignored {
        return (Verdict::Ignored, None);
    }
    let same = best(detection, truth, |_, object| {
        !object.ignored && object.class == detection.class
    });
    if let Some((index, overlap)) = same
        && (BACKGROUND..=ON_OBJECT).contains(&overlap)
    {
        return (Verdict::Localization, Some(index));
    }
    let other = best(detection, truth, |_, object| {
        !object.ignored && object.class != detection.class
    });
    if let Some((index, overlap)) = other
        && overlap >= ON_OBJECT
    {
        let truth = truth[index].class;
        return (Verdict::Class { truth }, Some(index));
    }
    if let Some((index, overlap)) = same
        && overlap >= ON_OBJECT
        && found[index]
    {
        return (Verdict::Duplicate, None);
    }
    match other {
        Some((_, overlap)) if overlap > BACKGROUND => (Verdict::Both, None),
        _ => (Verdict::Background, None),
    }
}

/// The object that overlaps a detection most, of those that `counts` lets in; of equals the first.
fn best(
    detection: &Detection,
    truth: &[Annotated],
    counts: impl Fn(usize, &Annotated) -> bool,
) -> Option<(usize, f32)> {
    truth
        .iter()
        .enumerate()
        .filter(|(index, object)| counts(*index, object))
        .map(|(index, object)| (index, detection.rect.iou(&object.rect)))
        .reduce(|best, other| if other.1 > best.1 { other } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Rect;

    const DOG: ClassId = ClassId(1);
    const CAT: ClassId = ClassId(2);

    fn detection(class: ClassId, rect: Rect) -> Detection {
        Detection {
            class,
            score: 0.9,
            rect,
            default_box: 0,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        }
    }

    fn object(class: ClassId, rect: Rect) -> Annotated {
        Annotated {
            class,
            rect,
            ignored: false,
        }
    }

    const HERE: Rect = Rect::new(0.0, 0.0, 0.4, 0.4);
    /// IoU with HERE: ⅓ and 1/7.
    const NEAR: Rect = Rect::new(0.2, 0.0, 0.6, 0.4);
    const CORNER: Rect = Rect::new(0.2, 0.2, 0.6, 0.6);
    const THERE: Rect = Rect::new(0.6, 0.6, 1.0, 1.0);

    fn verdict(detections: &[Detection], truth: &[Annotated]) -> (Vec<Verdict>, usize) {
        let judgement = judge(detections, truth);
        (judgement.verdicts, judgement.missed.len())
    }

    #[test]
    fn each_type_is_told() {
        use Verdict::*;
        let dog = [object(DOG, HERE)];
        for (class, rect, expected, missed) in [
            (DOG, HERE, Correct, 0),
            (DOG, NEAR, Localization, 0),
            (CAT, HERE, Class { truth: DOG }, 0),
            (CAT, CORNER, Both, 1),
            (DOG, THERE, Background, 1),
            (CAT, THERE, Background, 1),
        ] {
            assert_eq!(
                verdict(&[detection(class, rect)], &dog),
                (vec![expected], missed),
                "{class} {rect:?}"
            );
        }
        // The better one comes first; the second is too much.
        let twice = [detection(DOG, HERE), detection(DOG, HERE)];
        assert_eq!(verdict(&twice, &dog), (vec![Correct, Duplicate], 0));
        assert_eq!(verdict(&[detection(DOG, HERE)], &[]), (vec![Background], 0));
        assert_eq!(verdict(&[], &dog), (vec![], 1));
    }

    #[test]
    fn a_weaker_detection_may_be_the_right_one() {
        let pair = [detection(CAT, HERE), detection(DOG, HERE)];
        let expected = vec![Verdict::Class { truth: DOG }, Verdict::Correct];
        assert_eq!(verdict(&pair, &[object(DOG, HERE)]), (expected, 0));
    }

    #[test]
    fn crowds_are_neither_found_nor_missed() {
        let crowd = Annotated {
            ignored: true,
            ..object(DOG, Rect::new(0.0, 0.0, 1.0, 1.0))
        };
        let detections = [detection(DOG, HERE), detection(CAT, HERE)];
        let expected = vec![Verdict::Ignored, Verdict::Background];
        assert_eq!(verdict(&detections, &[crowd]), (expected, 0));
    }

    proptest! {
        #[test]
        fn every_object_is_found_once_or_missed_or_excused(
            boxes in prop::collection::vec((1..4_usize, prop::array::uniform4(0.0..1.0_f32)), 0..20), split in 0..20_usize
        ) {
            let (found, there) = boxes.split_at(split.min(boxes.len()));
            let detections: Vec<_> = found.iter().map(|&(class, rect)| detection(ClassId(class), rect.into())).collect();
            let truth: Vec<_> = there.iter().map(|&(class, rect)| object(ClassId(class), rect.into())).collect();
            let judgement = judge(&detections, &truth);
            prop_assert_eq!(judgement.verdicts.len(), detections.len());
            let count = |verdict: fn(&Verdict) -> bool| judgement.verdicts.iter().filter(|v| verdict(v)).count();
            let correct = count(|v| *v == Verdict::Correct);
            let excuses = count(|v| matches!(v, Verdict::Class { .. } | Verdict::Localization));
            prop_assert!(correct + judgement.missed.len() <= truth.len());
            prop_assert!(correct + judgement.missed.len() + excuses >= truth.len());
        }
    }
}
