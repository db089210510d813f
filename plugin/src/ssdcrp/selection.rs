//! Which of a frame's detections are explained.
//!
//! In: the detections, best first, which of them were explained last, and what the user set. Out: indices of those that are
//! explained, most important first.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use ::ssdcrp::detect::{ClassId, ClassRef, Detection, Manifest};
use ::ssdcrp::geometry::{Rect, Size};

use super::Select;
use super::settings::Settings;

/// Names of classes, separated by commas. Labels that contain a comma are named by their number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassNames(Vec<ClassRef>);

impl FromStr for ClassNames {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let names = text.split(',').map(|name| match name.trim() {
            "" => {
                bail!("a name is missing in '{text}': labels with commas between them are expected")
            }
            name => Ok(ClassRef::Name(name.to_owned())),
        });
        Ok(Self(names.collect::<Result<_>>()?))
    }
}

impl fmt::Display for ClassNames {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ClassRef::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl ClassNames {
    /// Their class numbers.
    ///
    /// # Errors
    /// A class that the model does not have.
    pub fn classes(&self, manifest: &Manifest) -> Result<Vec<ClassId>> {
        self.0
            .iter()
            .map(|class| Ok(manifest.class(class)?))
            .collect()
    }
}

/// An object that is explained stays so until the score of another one is higher by more than this: scores of the same two
/// objects go up and down by several hundredths from frame to frame, and an explanation that jumps with them cannot be read.
const LEAD: f32 = 0.1;

/// The user's wishes in the model's terms.
#[derive(Clone, Debug)]
pub struct Selection {
    select: Select,
    /// Of `select=label`.
    labels: Vec<ClassId>,
    /// Empty where all classes are.
    expected: Vec<ClassId>,
    /// Of `select=point`, pixels of the frame.
    point: [f32; 2],
    most: usize,
}

impl Selection {
    /// # Errors
    /// A class that the model does not have; `select=label` without a label.
    pub fn new(settings: &Settings, manifest: &Manifest) -> Result<Self> {
        let labels =
            (settings.select_label.value().classes(manifest)).context("property 'select-label'")?;
        if settings.select == Select::Label && labels.is_empty() {
            bail!(
                "property 'select-label': 'select=label' needs the labels that are explained, as in select-label=person,dog"
            );
        }
        Ok(Self {
            select: settings.select,
            labels,
            expected: (settings.expected_classes.value().classes(manifest))
                .context("property 'expected-classes'")?,
            point: [settings.select_x, settings.select_y],
            most: settings.max_explanations as usize,
        })
    }

    /// Whether the user does not expect detections of a class.
    pub fn unexpected(&self, class: ClassId) -> bool {
        !self.expected.is_empty() && !self.expected.contains(&class)
    }

    /// The classes that the user expects; `None` where all are.
    pub fn expected(&self) -> Option<BTreeSet<ClassId>> {
        (!self.expected.is_empty()).then(|| self.expected.iter().copied().collect())
    }

    /// The detections that are explained in a frame of `size` pixels, those of unexpected classes first. `kept` tells of a
    /// detection whether its object was explained last.
    pub fn of(
        &self,
        detections: &[Detection],
        kept: impl Fn(usize) -> bool,
        size: Size,
    ) -> Vec<usize> {
        let expected = |index: usize| !self.unexpected(detections[index].class);
        let mut order: Vec<usize> = (0..detections.len()).collect();
        order.sort_by_key(|&index| expected(index));
        // The most important ones of `order`, those that were explained last ahead of others that are hardly better.
        let first = |mut order: Vec<usize>, most: usize| {
            let lead = |index: usize| if kept(index) { LEAD } else { 0.0 };
            let score = |index: usize| detections[index].score + lead(index);
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
        match self.select {
            Select::Best => order = first(order, 1),
            Select::All => order = first(order, self.most),
            Select::Label => {
                order.retain(|&index| self.labels.contains(&detections[index].class));
                order = first(order, self.most);
            }
            Select::Point => {
                let [x, y] = self.point;
                let place = [x / size.width as f32, y / size.height as f32];
                let rects = detections.iter().map(|detection| detection.rect);
                order = under(rects, place).into_iter().collect();
            }
        }
        order
    }
}

/// The box under a point, both in shares of the picture: of several the smallest, which nothing else could reach.
pub fn under(rects: impl Iterator<Item = Rect>, point: [f32; 2]) -> Option<usize> {
    rects
        .enumerate()
        .filter(|(_, rect)| rect.contains(point))
        .min_by(|a, b| a.1.area().total_cmp(&b.1.area()))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(class: usize, rect: [f32; 4]) -> Detection {
        Detection {
            class: ClassId(class),
            score: 0.9,
            rect: rect.into(),
            default_box: 0,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        }
    }

    fn selection(select: Select, most: usize) -> Selection {
        Selection {
            select,
            labels: [1, 18].map(ClassId).to_vec(),
            expected: vec![],
            point: [300.0, 120.0],
            most,
        }
    }

    const SIZE: Size = Size::new(600, 400);

    #[test]
    fn names_are_separated_by_commas() {
        let names: ClassNames = " person, traffic light,18".parse().unwrap();
        assert_eq!(names.to_string(), "person,traffic light,18");
        assert_eq!("  ".parse::<ClassNames>().unwrap(), ClassNames::default());
        for text in [",", "dog,", "dog,,cat"] {
            assert!(text.parse::<ClassNames>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_explained_is_what_was_selected() {
        let whole = [0.1, 0.1, 0.9, 0.9];
        let found = [
            detection(19, whole),
            detection(18, [0.45, 0.2, 0.55, 0.4]),
            detection(1, [0.4, 0.1, 0.6, 0.5]),
            detection(18, [0.0, 0.0, 0.2, 0.2]),
        ];
        let of = |select, most| selection(select, most).of(&found, |_| false, SIZE);
        assert_eq!(of(Select::Best, 9), [0]);
        assert_eq!(of(Select::All, 9), [0, 1, 2, 3]);
        assert_eq!(of(Select::All, 2), [0, 1]);
        assert_eq!(of(Select::Label, 9), [1, 2, 3]);
        assert_eq!(of(Select::Label, 2), [1, 2]);
        assert_eq!(of(Select::Point, 9), [1]);
        assert_eq!(
            selection(Select::Point, 9).of(&found[2..], |_| false, SIZE),
            [0]
        );
        assert_eq!(
            selection(Select::Point, 9).of(&found[3..], |_| false, SIZE),
            [0; 0]
        );
        assert_eq!(selection(Select::All, 9).of(&[], |_| false, SIZE), [0; 0]);
    }

    #[test]
    fn what_is_not_expected_comes_first() {
        let place = [0.1, 0.1, 0.9, 0.9];
        let found = [1, 18, 3, 19].map(|class| detection(class, place));
        let mut careful = selection(Select::All, 9);
        careful.expected = [1, 3].map(ClassId).to_vec();
        assert_eq!(careful.of(&found, |_| false, SIZE), [1, 3, 0, 2]);
        careful.select = Select::Best;
        assert_eq!(careful.of(&found, |_| false, SIZE), [1]);
        assert_eq!(careful.of(&found[..1], |_| false, SIZE), [0]);
        assert!(careful.unexpected(ClassId(18)) && !careful.unexpected(ClassId(1)));
        assert!(
            !selection(Select::All, 9).unexpected(ClassId(18)),
            "all are expected"
        );
    }

    #[test]
    fn what_is_explained_stays_until_another_is_clearly_better() {
        let found = |scores: [f32; 3]| {
            let mut found = scores.map(|score| Detection {
                score,
                ..detection(1, [0.1, 0.1, 0.9, 0.9])
            });
            found[1].class = ClassId(18);
            found
        };
        let near = found([0.9, 0.85, 0.81]);
        let best = |found: &[Detection], kept: usize| {
            selection(Select::Best, 9).of(found, |index| index == kept, SIZE)
        };
        assert_eq!(best(&near, 1), [1]);
        assert_eq!(best(&near, 2), [2]);
        assert_eq!(best(&near, 9), [0], "what was explained is gone");
        assert_eq!(best(&found([0.9, 0.79, 0.7]), 1), [0]);
        let several =
            |kept: usize| selection(Select::All, 2).of(&near, |index| index == kept, SIZE);
        assert_eq!(several(9), [0, 1]);
        assert_eq!(several(2), [0, 2], "the best first, as ever");
        let mut careful = selection(Select::Best, 9);
        careful.expected = vec![ClassId(1)];
        assert_eq!(careful.of(&near, |index| index == 0, SIZE), [1]);
    }

    #[test]
    fn a_box_without_a_place_is_under_no_point() {
        let rects = [[f32::NAN; 4], [0.6, 0.6, 0.4, 0.4]];
        assert_eq!(under(rects.map(Rect::from).into_iter(), [0.5, 0.5]), None);
        assert_eq!(under([[0.0; 4].into()].into_iter(), [f32::NAN, 0.0]), None);
    }
}
