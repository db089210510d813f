//! Why was no object found there? The default box that comes nearest to finding one, and what kept it from being a detection.
//!
//! In: a forward pass's outputs, a place in the picture, and a class or none. Out: an [`Absence`]. `docs/method.md` defines it.

mod words;

use super::class::ClassId;
use super::detection::{Detection, Predictions, Thresholds};
use super::manifest::{DetectorKind, ScoreActivation, Suppression};
use super::nms::{Candidate, suppress};
use crate::error::Result;
use crate::error::argument::{Context, ensure};
use crate::geometry::Rect;

/// From this overlap on a box is on an object: the intersection over union of Pascal VOC and of TIDE's t_f.
pub const ON_OBJECT: f32 = 0.5;

/// Where an object is missing, in shares of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MissingPlace {
    /// At a point x, y, about in its middle.
    Point([f32; 2]),
    /// In a box around it.
    Box(Rect),
}

impl MissingPlace {
    /// How well a box lies there, 0..=1: of a box the intersection over union, of a point its centre-ness in the box, √(min(l, r)/max(l, r) · min(t, b)/max(t, b)) of its distances from the
    /// box's edges (Tian et al., *FCOS: Fully Convolutional One-Stage Object Detection*, ICCV 2019, equation 3).
    pub fn overlap(&self, rect: &Rect) -> f32 {
        match self {
            Self::Box(place) => place.iou(rect),
            Self::Point(point) if !rect.contains(*point) => 0.0,
            Self::Point([x, y]) => {
                let balance = |near: f32, far: f32| match near.max(far) {
                    longer if longer > 0.0 => near.min(far) / longer,
                    _ => 0.0,
                };
                let across = balance(x - rect.x0, rect.x1 - x);
                let down = balance(y - rect.y0, rect.y1 - y);
                (across * down).sqrt()
            }
        }
    }
}

/// The answer to "why was none found there?".
#[derive(Clone, Debug, PartialEq)]
pub enum Absence {
    /// One was: the detection that lies there.
    Found(Detection),
    /// None was.
    Missed(NearMiss),
}

impl Absence {
    /// What was found, or what came nearest to it.
    pub fn detection(&self) -> &Detection {
        match self {
            Self::Found(found) => found,
            Self::Missed(miss) => &miss.detection,
        }
    }

    /// Whether that is a detection: one that lies there, or one beside the place.
    pub fn is_detection(&self) -> bool {
        match self {
            Self::Found(_) => true,
            Self::Missed(miss) => miss.cause == MissCause::Beside,
        }
    }
}

/// The default box that comes nearest to finding an object.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// What the network says there of the class that is missing, in its decoded box.
    pub detection: Detection,
    /// How well that box lies at the place ([`MissingPlace::overlap`]), 0..=1.
    pub overlap: f32,
    /// What kept it from being a detection.
    pub cause: MissCause,
    /// What would have become one.
    pub thresholds: Thresholds,
}

/// What kept a default box from being a detection of a class.
#[derive(Clone, Debug, PartialEq)]
pub enum MissCause {
    /// Another class scores higher there, and is above the threshold there, or else is detected at the place by another default box.
    OtherClass {
        /// That class.
        class: ClassId,
        /// Its score there, or else that of the detection, 0..=1.
        score: f32,
        /// How much higher its logit is there.
        logits: f64,
    },
    /// The background has the largest logit (of a softmax).
    Background {
        /// That class.
        class: ClassId,
        /// How much larger its logit is.
        logits: f64,
    },
    /// There is no object, says a network that says so apart: no class can reach the threshold.
    NoObject {
        /// The probability of an object, 0..=1.
        objectness: f32,
        /// What its logit lacks.
        logits: f64,
    },
    /// The score is not above the threshold.
    Threshold {
        /// What the score's logarithmic odds lack; of a sigmoid or softmax alone, the class's logit.
        logits: f64,
    },
    /// A better detection of the class overlaps it by too much.
    Suppressed {
        /// That detection.
        by: Box<Detection>,
        /// The intersection over union of both, above the threshold.
        iou: f32,
    },
    /// There are as many better detections as the model tells.
    TooMany {
        /// So many.
        most: usize,
    },
    /// It is a detection, but lies beside the place: no box with a better place is one.
    Beside,
}

impl MissCause {
    /// By how many logits the object was missed, where it is logits that it was missed by.
    pub fn logits(&self) -> Option<f64> {
        match self {
            Self::OtherClass { logits, .. }
            | Self::Background { logits, .. }
            | Self::NoObject { logits, .. }
            | Self::Threshold { logits } => Some(*logits).filter(|logits| logits.is_finite()),
            Self::Suppressed { .. } | Self::TooMany { .. } | Self::Beside => None,
        }
    }
}

impl Predictions<'_> {
    /// Why there is no detection of `class` at `place`, or where that is `None`, of the likeliest class that was not detected there.
    ///
    /// # Errors
    /// A model without boxes, a class that cannot be detected, a place that no box of the network reaches.
    pub fn absence(
        &self,
        place: MissingPlace,
        class: Option<ClassId>,
        thresholds: Thresholds,
    ) -> Result<Absence> {
        ensure!(
            self.manifest().kind != DetectorKind::Classifier,
            "{} is a classifier: it finds no places, so none is missing; ask for a class",
            self.manifest().name
        );
        if let Some(class) = class {
            // Whether it can be detected.
            self.describe_as(0, class)?;
        }
        let detections = self.detections(thresholds);
        let there: Vec<&Detection> = (detections.iter())
            .filter(|found| place.overlap(&found.rect) >= ON_OBJECT)
            .collect();
        let found = |class: ClassId| there.iter().find(|found| found.class == class);
        if let Some(found) = class.and_then(found) {
            return Ok(Absence::Found((*found).clone()));
        }
        let classes: Vec<ClassId> = match class {
            Some(class) => vec![class],
            None => (self.detectable_classes())
                .filter(|&class| found(class).is_none())
                .collect(),
        };
        if let (true, Some(first)) = (classes.is_empty(), there.first()) {
            return Ok(Absence::Found((*first).clone()));
        }
        let (default_box, class, overlap) = self.nearest(place, &classes)?;
        let detection = self.describe_as(default_box, class)?;
        Ok(Absence::Missed(NearMiss {
            cause: self.cause(&detection, &detections, &there, thresholds)?,
            detection,
            overlap,
            thresholds,
        }))
    }

    /// The default box and class of the largest score times overlap, among the boxes that lie at the place, or as near to that as any does.
    fn nearest(&self, place: MissingPlace, classes: &[ClassId]) -> Result<(usize, ClassId, f32)> {
        let overlaps: Vec<f32> = (0..self.len())
            .map(|default_box| place.overlap(&self.rect(default_box).clipped()))
            .collect();
        let most = overlaps.iter().copied().fold(0.0, f32::max);
        ensure!(most > 0.0, "no box of the network reaches this place");
        let mut nearest: Option<(f32, (usize, ClassId, f32))> = None;
        for (default_box, &overlap) in overlaps.iter().enumerate() {
            if overlap < most.min(ON_OBJECT) {
                continue;
            }
            let scorer = self.scorer(default_box);
            for &class in classes {
                let nearness = scorer.score(self.logit(default_box, class)) * overlap;
                // Of equals the first wins, as everywhere; a score that is no number never does.
                let is_nearer = nearest.is_none_or(|(known, _)| nearness > known);
                if is_nearer && !nearness.is_nan() {
                    nearest = Some((nearness, (default_box, class, overlap)));
                }
            }
        }
        let (_, found) = nearest.context("no class has a score that is a number there")?;
        Ok(found)
    }

    /// What keeps a class at a default box from being among `detections`, of which some are `there`, at the place.
    fn cause(
        &self,
        miss: &Detection,
        detections: &[Detection],
        there: &[&Detection],
        thresholds: Thresholds,
    ) -> Result<MissCause> {
        let is_it =
            |found: &Detection| (found.default_box, found.class) == (miss.default_box, miss.class);
        if detections.iter().any(is_it) {
            return Ok(MissCause::Beside);
        }
        let settings = &self.manifest().detection;
        let is_below = miss.score <= thresholds.score;
        let one_class = settings.suppression == Suppression::OneClass;
        if (is_below || one_class)
            && let Some(outdone) = self.outdone(miss, there, thresholds)?
        {
            return Ok(outdone);
        }
        if is_below {
            return Ok(self.shortfall(miss, thresholds.score));
        }
        // Only boxes of its class can have taken it away.
        let mut rivals = self.candidates(thresholds.score);
        rivals.retain(|rival| rival.class == miss.class);
        let rect = self.rect(miss.default_box);
        let kept = suppress(rivals, self.iou_threshold(thresholds), usize::MAX);
        let overlap = |rival: &Candidate| rival.rect.iou(&rect);
        let by = kept.iter().find(|rival| {
            rival.default_box != miss.default_box && overlap(rival) > self.iou_threshold(thresholds)
        });
        let is_kept = |rival: &Candidate| rival.default_box == miss.default_box;
        Ok(match by.filter(|_| !kept.iter().any(is_kept)) {
            Some(by) => MissCause::Suppressed {
                iou: overlap(by),
                by: Box::new(self.describe_as(by.default_box, by.class)?),
            },
            None => MissCause::TooMany {
                most: settings.max_detections,
            },
        })
    }

    /// Another class that scores higher at the default box, and is above the threshold there or detected `there`, at the place.
    fn outdone(
        &self,
        miss: &Detection,
        there: &[&Detection],
        thresholds: Thresholds,
    ) -> Result<Option<MissCause>> {
        let logit = |class: ClassId| miss.logits[class.0];
        let best = self.describe(miss.default_box)?;
        let best = Some(&best).filter(|best| best.score > thresholds.score);
        let rivals = best.into_iter().chain(there.iter().copied());
        let mut ahead = rivals.filter(|rival| logit(rival.class) > logit(miss.class));
        Ok(ahead.next().map(|rival| MissCause::OtherClass {
            class: rival.class,
            score: rival.score,
            logits: f64::from(logit(rival.class)) - f64::from(logit(miss.class)),
        }))
    }

    /// Why a score is not above the threshold, where no other class is.
    fn shortfall(&self, miss: &Detection, threshold: f32) -> MissCause {
        let output = &self.manifest().output;
        let logit = |class: ClassId| f64::from(miss.logits[class.0]);
        let odds = |share: f64| (share / (1.0 - share)).ln();
        let background = (self.manifest().background())
            .filter(|_| output.activation == ScoreActivation::Softmax);
        let largest = miss
            .logits
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        if let Some(class) = background
            && miss.logits[class.0] >= largest
        {
            return MissCause::Background {
                class,
                logits: logit(class) - logit(miss.class),
            };
        }
        let [of_object, _] = output.scoring().powers.unwrap_or([1.0; 2]);
        // The class can make the score no larger than the factor of objectness.
        let needed = f64::from(threshold).powf(1.0 / f64::from(of_object));
        if let Some(objectness) = miss.objectness.map(f64::from)
            && objectness <= odds(needed)
        {
            return MissCause::NoObject {
                objectness: (1.0 / (1.0 + (-objectness).exp())) as f32,
                logits: odds(needed) - objectness,
            };
        }
        let scorer = miss.scorer(self.manifest());
        let reached = scorer.log_odds(miss.logits[miss.class.0]);
        MissCause::Threshold {
            // Next to the threshold rounding may lift it a hair above.
            logits: (odds(f64::from(threshold)) - reached).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::detect::{DefaultBox, HeadGrid, HeadLayout, Manifest};

    const THRESHOLDS: Thresholds = Thresholds {
        score: 0.5,
        iou: 0.5,
    };
    const DOG: ClassId = ClassId(1);
    const CAT: ClassId = ClassId(2);

    /// Background, dog, cat.
    fn manifest(activation: &str, detection: &str) -> Manifest {
        let text = format!(
            r#"
kind = "ssd"
name = "a_net"
labels = ["background", "dog", "cat"]
input = {{ colour = "rgb", mean = [0, 0, 0], std = [1, 1, 1], resize = "bilinear" }}
output = {{ classes = "c", offsets = "o", offset_order = ["cx", "cy", "w", "h"], activation = "{activation}" }}
default_boxes = {{ generator = "tensorflow", aspect_ratios = [1.0] }}
detection = {{ {detection} }}
"#
        );
        Manifest::parse(&text, "a.toml").unwrap()
    }

    /// Side by side at the height 0.5, 0.2 wide and 0.4 high: two that overlap by 0.6, and one elsewhere.
    const CENTRES: [f32; 3] = [0.3, 0.35, 0.8];

    /// The answer where the network says these logits.
    fn answer(
        manifest: &Manifest,
        logits: [[f32; 3]; 3],
        place: MissingPlace,
        class: Option<ClassId>,
    ) -> Absence {
        let boxes = CENTRES.map(|cx| DefaultBox {
            cx,
            cy: 0.5,
            w: 0.2,
            h: 0.4,
        });
        let grid = HeadGrid {
            rows: 1,
            cols: 3,
            shapes: 1,
        };
        let layout = HeadLayout { heads: vec![grid] };
        let (logits, offsets) = (arr2(&logits), Array2::zeros((3, 4)));
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &layout, manifest).unwrap();
        predictions.absence(place, class, THRESHOLDS).unwrap()
    }

    /// The first default box.
    fn first() -> MissingPlace {
        MissingPlace::Box([0.2, 0.3, 0.4, 0.7].into())
    }

    fn missed(absence: Absence) -> NearMiss {
        match absence {
            Absence::Missed(miss) => miss,
            Absence::Found(found) => panic!("{found:?}"),
        }
    }

    fn words(miss: &NearMiss, manifest: &Manifest) -> String {
        miss.words(&manifest.labels)
    }

    #[test]
    fn a_score_below_the_threshold_says_what_it_lacks() {
        let manifest = manifest("sigmoid", "");
        // The third box has a surer dog, but elsewhere.
        let logits = [[0.0, -1.25, -0.5], [0.0, -4.0, -9.0], [0.0, 3.0, -9.0]];
        let miss = missed(answer(&manifest, logits, first(), Some(DOG)));
        assert_eq!((miss.detection.default_box, miss.detection.class), (0, DOG));
        assert!((miss.overlap - 1.0).abs() < 1e-6);
        assert_eq!(miss.cause.logits(), Some(1.25));
        assert_eq!(
            words(&miss, &manifest),
            "no dog found: score 0.22 lacks 1.25 logits to the threshold 0.5, cat 0.38 first"
        );
        // Without a class it is the likeliest one.
        let miss = missed(answer(&manifest, logits, first(), None));
        assert_eq!(miss.detection.class, CAT);
    }

    #[test]
    fn next_to_nothing_is_said_to_be_that() {
        let sigmoid = manifest("sigmoid", "");
        let logits = [[0.0, -4.0, -5.0], [0.0, -9.0, -9.0], [0.0, -9.0, -9.0]];
        let absence = answer(&sigmoid, logits, first(), Some(DOG));
        assert_eq!(
            absence.words(&sigmoid.labels),
            "no dog found, nothing near: score 0.02 lacks 4.00 logits to the threshold 0.5"
        );
        assert_eq!(absence.label(&sigmoid.labels), "nearest: dog 0.02");
        // A cat nearly found is not nothing.
        let logits = [[0.0, -4.0, -0.2], [0.0, -9.0, -9.0], [0.0, -9.0, -9.0]];
        let miss = missed(answer(&sigmoid, logits, first(), Some(DOG)));
        assert_eq!(
            words(&miss, &sigmoid),
            "no dog found: score 0.02 lacks 4.00 logits to the threshold 0.5, cat 0.45 first"
        );
        let softmax = manifest("softmax", "");
        let logits = [[9.0, 1.0, 0.0], [9.0, 0.0, 0.0], [9.0, 0.0, 0.0]];
        let miss = missed(answer(&softmax, logits, first(), Some(DOG)));
        assert_eq!(
            words(&miss, &softmax),
            "no dog found, nothing near: background won, 8.00 logits ahead (dog 0.00)"
        );
        // Another class is something.
        let logits = [[0.0, -4.0, 2.0], [0.0, -9.0, -9.0], [0.0, -9.0, -9.0]];
        let miss = missed(answer(&sigmoid, logits, first(), Some(DOG)));
        assert!(words(&miss, &sigmoid).starts_with("no dog found: cat 0.88 won"));
    }

    #[test]
    fn another_class_or_the_background_wins() {
        let sigmoid = manifest("sigmoid", "");
        let logits = [[0.0, -1.0, 2.0], [0.0, -4.0, -9.0], [0.0, -9.0, -9.0]];
        let miss = missed(answer(&sigmoid, logits, first(), Some(DOG)));
        assert_eq!(
            words(&miss, &sigmoid),
            "no dog found: cat 0.88 won, 3.00 logits ahead (dog 0.27)"
        );
        // So does one that another box at the place is detected as.
        let rival = [[0.0, -1.0, -0.5], [0.0, -9.0, 2.0], [0.0, -9.0, -9.0]];
        let miss = missed(answer(&sigmoid, rival, first(), Some(DOG)));
        assert_eq!(
            words(&miss, &sigmoid),
            "no dog found: cat 0.88 won, 0.50 logits ahead (dog 0.27)"
        );
        // What was found there is not missing.
        let Absence::Found(found) = answer(&sigmoid, logits, first(), Some(CAT)) else {
            panic!("the cat is there")
        };
        assert_eq!((found.default_box, found.class), (0, CAT));
        let softmax = manifest("softmax", "");
        let logits = [[2.0, 1.0, 0.0], [9.0, 0.0, 0.0], [9.0, 0.0, 0.0]];
        let miss = missed(answer(&softmax, logits, first(), Some(DOG)));
        assert_eq!(
            (miss.cause.name(), miss.cause.logits()),
            ("background", Some(1.0))
        );
        // p = e^1/(e^1 + e^1.5 + e^0.9), and the background is not ahead of all: ln(e^1.5 + e^0.9) − 1 for a share of one half.
        let logits = [[0.9, 1.0, 1.5], [9.0, 0.0, 0.0], [9.0, 0.0, 0.0]];
        let miss = missed(answer(&softmax, logits, first(), Some(DOG)));
        let expected = (1.5f64.exp() + f64::from(0.9f32).exp()).ln() - 1.0;
        assert_eq!(miss.cause.name(), "threshold");
        assert!((miss.cause.logits().unwrap() - expected).abs() < 1e-5);
    }

    #[test]
    fn suppression_crowds_and_places_keep_from_being_found() {
        let plain = manifest("sigmoid", "");
        // The second box takes the first away, with which it overlaps by .15/.25.
        let logits = [[0.0, 1.0, -9.0], [0.0, 2.0, -9.0], [0.0, -9.0, -9.0]];
        let left = MissingPlace::Box([0.1, 0.3, 0.3, 0.7].into());
        let miss = missed(answer(&plain, logits, left, Some(DOG)));
        assert_eq!(miss.detection.default_box, 0);
        assert_eq!(
            words(&miss, &plain),
            "no dog found: score 0.73 was suppressed by dog 0.88, overlap 0.60 above 0.5; the nearest box overlaps by 0.33 only"
        );
        let crowded = manifest("sigmoid", "max_detections = 1");
        let logits = [[0.0, 1.0, -9.0], [0.0, -9.0, -9.0], [0.0, 3.0, -9.0]];
        let crowd = answer(&crowded, logits, first(), Some(DOG));
        assert!(!crowd.is_detection());
        assert_eq!(crowd.label(&crowded.labels), "nearest: dog 0.73");
        let miss = missed(crowd);
        assert_eq!(miss.cause, MissCause::TooMany { most: 1 });
        let beside = answer(&plain, logits, left, Some(DOG));
        assert!(beside.is_detection());
        assert_eq!(beside.label(&plain.labels), "dog 0.73");
        assert_eq!(missed(beside).cause, MissCause::Beside);
        let one = manifest("sigmoid", "suppression = \"one-class\"");
        let logits = [[0.0, 1.0, 2.0], [0.0, -9.0, -9.0], [0.0, -9.0, -9.0]];
        let miss = missed(answer(&one, logits, first(), Some(DOG)));
        assert_eq!(miss.cause.name(), "other class");
    }

    #[test]
    fn a_point_is_in_the_middle_of_what_is_missing() {
        let overlap = |point| MissingPlace::Point(point).overlap(&Rect::new(0.2, 0.2, 0.6, 0.6));
        assert!((overlap([0.4, 0.4]) - 1.0).abs() < 1e-6);
        // √(1/3 · 1)
        assert!((overlap([0.3, 0.4]) - 0.577_35).abs() < 1e-4);
        assert_eq!(overlap([0.7, 0.4]), 0.0);
        assert_eq!(MissingPlace::Point([0.5; 2]).overlap(&[0.5; 4].into()), 0.0);
        assert_eq!(
            MissingPlace::Point([0.5; 2]).overlap(&[f32::NAN; 4].into()),
            0.0
        );
        let manifest = manifest("sigmoid", "");
        let logits = [[0.0, -1.0, -9.0], [0.0, -2.0, -9.0], [0.0, -3.0, -9.0]];
        let at = |x| {
            missed(answer(
                &manifest,
                logits,
                MissingPlace::Point([x, 0.5]),
                None,
            ))
        };
        assert_eq!(at(0.3).detection.default_box, 0);
        assert_eq!(at(0.8).detection.default_box, 2);
    }

    proptest! {
        /// Whatever the network says, something is answered, and what is missing is no detection there.
        #[test]
        fn there_is_always_an_answer(
            logits in prop::array::uniform3(prop::array::uniform3(-6.0f32..6.0)),
            // Where the first or the second box reaches.
            x in 0.11f32..0.54,
            softmax: bool,
            one_class: bool,
        ) {
            let detection = if one_class { "suppression = \"one-class\"" } else { "" };
            let manifest = manifest(if softmax { "softmax" } else { "sigmoid" }, detection);
            let place = MissingPlace::Box([x - 0.1, 0.3, x + 0.1, 0.7].into());
            for class in [None, Some(DOG), Some(CAT)] {
                if let Absence::Missed(miss) = answer(&manifest, logits, place, class) {
                    prop_assert!(class.is_none_or(|class| class == miss.detection.class));
                    prop_assert!(miss.cause.logits().is_none_or(|logits| logits >= 0.0), "{miss:?}");
                    prop_assert!(words(&miss, &manifest).starts_with("no "));
                }
            }
        }
    }
}
