//! From the network's two outputs to detections that remember their default box.
//!
//! In come logits [D, K] and offsets [D, 4] of one picture; out go [`Detection`]s, found by score and non-maximum suppression
//! or asked for by default-box index.

use std::collections::BTreeSet;

use ndarray::{ArrayView1, ArrayView2};

use super::class::ClassId;
use super::decode::{Coding, Scorer, decode, logit_bound};
use super::default_boxes::DefaultBox;
use super::fit::Fit;
use super::layout::HeadLayout;
use super::manifest::{DetectionSettings, Manifest, Suppression};
use super::nms::{Candidate, suppress};
use crate::error::Result;
use crate::error::argument;
use crate::error::manifest::{Context, ensure};
use crate::geometry::{Rect, Size};

/// One class at one default box, with what the network said there.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// What it is.
    pub class: ClassId,
    /// 0..=1, of `class`.
    pub score: f32,
    /// In shares of the picture, clipped to it. An edge is no number where the network's offsets are none.
    pub rect: Rect,
    /// Index into the outputs, 0..D.
    pub default_box: usize,
    /// All K logits of the default box.
    pub logits: Vec<f32>,
    /// The logit of there being an object at all, where the network says it apart from the classes.
    pub objectness: Option<f32>,
    /// cx, cy, w, h as the network gave them; in cells where it gave distances.
    pub offsets: [f32; 4],
    /// The best other trained class at this default box, the background aside, with its score.
    pub runner_up: Option<(ClassId, f32)>,
}

impl Detection {
    /// What turns logits of its default box into scores.
    pub fn scorer(&self, manifest: &Manifest) -> Scorer {
        Scorer::new(manifest.output.scoring(), &self.logits, self.objectness)
    }
}

/// What becomes a detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A detection's score is above it; 0..=1.
    pub score: f32,
    /// Detections of one class overlap by no more (intersection over union); 0..=1.
    pub iou: f32,
}

impl From<&DetectionSettings> for Thresholds {
    fn from(settings: &DetectionSettings) -> Self {
        Self {
            score: settings.score_threshold,
            iou: settings.iou_threshold,
        }
    }
}

/// The outputs for one picture, with what is needed to read them.
#[derive(Debug, Clone)]
pub struct Predictions<'a> {
    logits: ArrayView2<'a, f32>,
    offsets: ArrayView2<'a, f32>,
    boxes: &'a [DefaultBox],
    manifest: &'a Manifest,
    /// Logits of objectness, [D], where the network has them.
    objectness: Option<ArrayView1<'a, f32>>,
    layout: &'a HeadLayout,
    /// How the picture lies in the network's input.
    fit: Fit,
    /// Which classes can be detected, [K]: trained and not the background.
    detectable: Vec<bool>,
}

impl<'a> Predictions<'a> {
    /// `logits` [D, K], `offsets` [D, 4] in the order cx, cy, w, h, D `boxes` in the cells of `layout`, and the manifest with K labels.
    ///
    /// # Errors
    /// If these shapes do not belong together.
    pub fn new(
        logits: ArrayView2<'a, f32>,
        offsets: ArrayView2<'a, f32>,
        boxes: &'a [DefaultBox],
        layout: &'a HeadLayout,
        manifest: &'a Manifest,
    ) -> Result<Self> {
        let (count, classes) = (boxes.len(), manifest.labels.len());
        let output = &manifest.output;
        ensure!(
            logits.dim() == (count, classes),
            "output \"{}\": expected [1, {count}, {classes}] ({count} default boxes, {classes} labels in the manifest), found [1, {}, {}]",
            output.classes,
            logits.nrows(),
            logits.ncols()
        );
        ensure!(
            offsets.dim() == (count, 4),
            "output \"{}\": expected [1, {count}, 4] ({count} default boxes), found [1, {}, {}]",
            output.boxes(),
            offsets.nrows(),
            offsets.ncols()
        );
        let detectable = (0..classes)
            .map(ClassId)
            .map(|class| manifest.trained(class) && Some(class) != manifest.background())
            .collect();
        Ok(Self {
            logits,
            offsets,
            boxes,
            manifest,
            objectness: None,
            layout,
            fit: Fit::warped(Size::new(1, 1), Size::new(1, 1)),
            detectable,
        })
    }

    /// The same for a picture that is not the whole input.
    #[must_use]
    pub fn fitted(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// The same for a network that says apart whether there is an object: `objectness` `[D]`.
    ///
    /// # Errors
    /// If there are others than D.
    pub fn with_objectness(self, objectness: ArrayView1<'a, f32>) -> Result<Self> {
        let count = self.boxes.len();
        ensure!(
            objectness.len() == count,
            "there are {} logits of objectness for {count} default boxes",
            objectness.len()
        );
        Ok(Self {
            objectness: Some(objectness),
            ..self
        })
    }

    /// The detections in descending order of score, at most the manifest's `max_detections`. Suppression is per class, as in the SSD paper; whether one default box
    /// may be detected as several classes, and whether there is suppression at all, the manifest says.
    pub fn detections(&self, thresholds: Thresholds) -> Vec<Detection> {
        let candidates = self.candidates(thresholds.score.clamp(0.0, 1.0));
        let iou = self.iou_threshold(thresholds);
        suppress(candidates, iou, self.manifest.detection.max_detections)
            .iter()
            .map(|candidate| self.detection(candidate))
            .collect()
    }

    /// By how much two detections of one class may overlap.
    pub(super) fn iou_threshold(&self, thresholds: Thresholds) -> f32 {
        match self.manifest.detection.suppression {
            // No two boxes overlap by more.
            Suppression::None => 1.0,
            Suppression::PerClass | Suppression::OneClass => thresholds.iou,
        }
    }

    /// The class with the largest logit at a default box, of those that can be detected.
    pub(super) fn called(&self, default_box: usize) -> Option<ClassId> {
        let best = self.best(self.logits.row(default_box), None);
        best.map(|(class, _)| class)
    }

    /// Those of `classes` that can be detected and score above `threshold` at a default box.
    pub(super) fn above(
        &self,
        default_box: usize,
        classes: &BTreeSet<ClassId>,
        threshold: f32,
    ) -> Vec<ClassId> {
        let logits = self.logits.row(default_box);
        let scoring = self.manifest.output.scoring();
        let bound = logit_bound(scoring, threshold, logits, self.objectness(default_box));
        let mut above: Vec<ClassId> = (classes.iter().copied())
            .filter(|class| self.detectable.get(class.0) == Some(&true) && logits[class.0] > bound)
            .collect();
        if !above.is_empty() {
            let scorer = self.scorer(default_box);
            above.retain(|class| scorer.score(logits[class.0]) > threshold);
        }
        above
    }

    /// The number of default boxes, D.
    pub(super) fn len(&self) -> usize {
        self.boxes.len()
    }

    pub(super) fn manifest(&self) -> &'a Manifest {
        self.manifest
    }

    /// Those that can be detected: trained, and not the background.
    pub(super) fn detectable_classes(&self) -> impl Iterator<Item = ClassId> {
        let detectable = self.detectable.iter().enumerate();
        detectable
            .filter(|&(_, &detectable)| detectable)
            .map(|(class, _)| ClassId(class))
    }

    pub(super) fn logit(&self, default_box: usize, class: ClassId) -> f32 {
        self.logits[[default_box, class.0]]
    }

    /// The box that the network makes of a default box, in shares of the picture, which it may reach beyond.
    ///
    /// # Errors
    /// There is no such default box.
    pub fn decoded(&self, default_box: usize) -> Result<Rect> {
        self.check_is_there(default_box)?;
        Ok(self.rect(default_box))
    }

    fn check_is_there(&self, default_box: usize) -> Result<()> {
        argument::ensure!(
            default_box < self.boxes.len(),
            "there is no default box {default_box}: this model has {}, numbered from 0",
            self.boxes.len()
        );
        Ok(())
    }

    /// What the network says at any default box, detected or not: its best trained class, the background aside.
    ///
    /// # Errors
    /// If there is no such default box, or no class there has a logit that is a number.
    pub fn describe(&self, default_box: usize) -> Result<Detection> {
        self.check_is_there(default_box)?;
        let logits = self.logits.row(default_box);
        let (class, logit) = self.best(logits, None).with_context(|| {
            format!("default box {default_box} has no trained class with a logit that is a number")
        })?;
        let score = self.scorer(default_box).score(logit);
        Ok(self.detection(&Candidate {
            default_box,
            class,
            score,
            rect: self.rect(default_box),
        }))
    }

    /// What the network says of a class at any default box, detected or not.
    ///
    /// # Errors
    /// There is no such default box, or the class cannot be detected.
    pub fn describe_as(&self, default_box: usize, class: ClassId) -> Result<Detection> {
        let best = self.describe(default_box)?;
        argument::ensure!(
            self.detectable.get(class.0) == Some(&true),
            "class {class} cannot be detected with this model"
        );
        if best.class == class {
            return Ok(best);
        }
        Ok(self.detection(&Candidate {
            default_box,
            class,
            score: self.scorer(default_box).score(best.logits[class.0]),
            rect: best.rect,
        }))
    }

    /// How sure the network is of an object of `class` at `rect`: the largest `worth(IoU)` · score over all default boxes, where IoU is that of the box with `rect` and `worth` is 0 to 1.
    /// Nothing is suppressed, and no threshold counts.
    ///
    /// # Errors
    /// There is no such class.
    pub fn matching(&self, rect: &Rect, class: ClassId, worth: impl Fn(f32) -> f32) -> Result<f32> {
        argument::ensure!(class.0 < self.detectable.len(), "there is no class {class}");
        let mut best = 0.0;
        for (default_box, logits) in self.logits.outer_iter().enumerate() {
            let worth = worth(self.rect(default_box).clipped().iou(rect));
            // A score is 1 at most: most boxes lie elsewhere.
            if worth > best {
                let score = self.scorer(default_box).score(logits[class.0]);
                best = f32::max(best, worth * score);
            }
        }
        Ok(best)
    }

    /// Every class at every default box that scores above `threshold` and lies in the picture.
    pub(super) fn candidates(&self, threshold: f32) -> Vec<Candidate> {
        let scoring = self.manifest.output.scoring();
        let mut candidates = Vec::new();
        for (default_box, logits) in self.logits.outer_iter().enumerate() {
            let bound = logit_bound(scoring, threshold, logits, self.objectness(default_box));
            let mut detectable = logits.iter().zip(&self.detectable);
            if !detectable.any(|(&logit, &detectable)| detectable && logit > bound) {
                continue;
            }
            let scorer = self.scorer(default_box);
            let rect = self.rect(default_box);
            let one_class = self.manifest.detection.suppression == Suppression::OneClass;
            let best = self.best(logits, None).filter(|_| one_class);
            candidates.extend(
                self.detectable_logits(logits)
                    .filter(|&(_, logit)| logit > bound)
                    .filter(|&(class, _)| best.is_none_or(|(best, _)| class == best))
                    .map(|(class, logit)| Candidate {
                        default_box,
                        class,
                        score: scorer.score(logit),
                        rect,
                    })
                    .filter(|candidate| candidate.score > threshold && candidate.is_visible()),
            );
        }
        candidates
    }

    fn detection(
        &self,
        &Candidate {
            default_box,
            class,
            score,
            rect,
        }: &Candidate,
    ) -> Detection {
        let logits = self.logits.row(default_box);
        let scorer = self.scorer(default_box);
        Detection {
            class,
            score,
            rect: rect.clipped(),
            default_box,
            logits: logits.to_vec(),
            objectness: self.objectness(default_box),
            offsets: self.offsets(default_box),
            runner_up: self
                .best(logits, Some(class))
                .map(|(class, logit)| (class, scorer.score(logit))),
        }
    }

    fn offsets(&self, default_box: usize) -> [f32; 4] {
        [0, 1, 2, 3].map(|q| self.offsets[[default_box, q]])
    }

    fn objectness(&self, default_box: usize) -> Option<f32> {
        self.objectness.map(|objectness| objectness[default_box])
    }

    pub(super) fn scorer(&self, default_box: usize) -> Scorer {
        let logits = self.logits.row(default_box);
        let objectness = self.objectness(default_box);
        Scorer::new(self.manifest.output.scoring(), &logits, objectness)
    }

    /// The box that the network makes of a default box, in shares of the picture, not clipped to it.
    pub(super) fn rect(&self, default_box: usize) -> Rect {
        let coding = Coding::of(self.manifest, self.layout, default_box);
        let offsets = self.offsets(default_box);
        (self.fit).to_picture(decode(self.boxes[default_box], offsets, coding))
    }

    /// The class with the largest logit but for `without`. Both activations rise with the logit, so its score is the best too.
    fn best(
        &self,
        logits: ArrayView1<'_, f32>,
        without: Option<ClassId>,
    ) -> Option<(ClassId, f32)> {
        self.detectable_logits(logits)
            .filter(|&(class, logit)| Some(class) != without && !logit.is_nan())
            // Of equals the first wins, as everywhere.
            .reduce(|best, other| if other.1 > best.1 { other } else { best })
    }

    fn detectable_logits<'l>(
        &'l self,
        logits: ArrayView1<'l, f32>,
    ) -> impl Iterator<Item = (ClassId, f32)> + 'l {
        (self.detectable_classes()).map(move |class| (class, logits[class.0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::HeadGrid;
    use ndarray::{Array2, arr2};
    use std::sync::LazyLock;

    /// Background, dog, cat, an id that was never trained, cow.
    fn manifest(activation: &str) -> Manifest {
        let text = format!(
            r#"
kind = "ssd"
name = "a_net"
labels = ["background", "dog", "cat", "", "cow"]
input = {{ colour = "rgb", mean = [0, 0, 0], std = [1, 1, 1], resize = "bilinear" }}
output = {{ classes = "c", offsets = "o", offset_order = ["cx", "cy", "w", "h"], activation = "{activation}" }}
default_boxes = {{ generator = "tensorflow", aspect_ratios = [1.0] }}
"#
        );
        Manifest::parse(&text, "a.toml").unwrap()
    }

    const THRESHOLDS: Thresholds = Thresholds {
        score: 0.5,
        iou: 0.5,
    };

    /// Four default boxes: two that all but coincide, one elsewhere, one over the edge.
    fn boxes() -> Vec<DefaultBox> {
        [(0.3, 0.2), (0.31, 0.2), (0.7, 0.2), (0.95, 0.2)]
            .map(|(cx, w)| DefaultBox {
                cx,
                cy: 0.5,
                w,
                h: 0.4,
            })
            .to_vec()
    }

    /// A cell for each.
    static LAYOUT: LazyLock<HeadLayout> = LazyLock::new(|| {
        let grid = HeadGrid {
            rows: 1,
            cols: 4,
            shapes: 1,
        };
        HeadLayout { heads: vec![grid] }
    });

    /// (default box, class) of each detection.
    fn found(
        logits: &Array2<f32>,
        offsets: &Array2<f32>,
        manifest: &Manifest,
    ) -> Vec<(usize, usize)> {
        let boxes = boxes();
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest).unwrap();
        predictions
            .detections(THRESHOLDS)
            .iter()
            .map(|d| (d.default_box, d.class.0))
            .collect()
    }

    fn close(found: f32, expected: f32) -> bool {
        (found - expected).abs() < 1e-6
    }

    #[test]
    fn sigmoid_classes_are_detected_each_by_itself() {
        let manifest = manifest("sigmoid");
        let boxes = boxes();
        // At box 1 the dog is surer than at box 0 and the cat is above the threshold as well; class 3 was never trained.
        let logits = arr2(&[
            [3.0, 1.0, -1.0, 5.0, -2.0],
            [-4.0, 2.0, 0.5, 5.0, -2.0],
            [9.0, -3.0, -3.0, 5.0, -0.1],
            [0.0, -3.0, -3.0, 5.0, 3.0],
        ]);
        let mut offsets = Array2::zeros((4, 4));
        offsets[[1, 1]] = 2.5;
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
        let found = predictions.detections(THRESHOLDS);
        let which: Vec<_> = found.iter().map(|d| (d.default_box, d.class.0)).collect();
        assert_eq!(which, [(3, 4), (1, 1), (1, 2)]);

        let dog = &found[1];
        assert!(close(dog.score, 0.880_797));
        assert_eq!(dog.logits, [-4.0, 2.0, 0.5, 5.0, -2.0]);
        assert_eq!(dog.offsets, [0.0, 2.5, 0.0, 0.0]);
        // .31 ± .1 and .5 + 2.5·.1·.4 ± .2.
        assert!(
            dog.rect
                .edges()
                .iter()
                .zip([0.21, 0.4, 0.41, 0.8])
                .all(|(&f, e)| close(f, e)),
            "{:?}",
            dog.rect
        );
        let (class, score) = dog.runner_up.unwrap();
        assert!(class == ClassId(2) && close(score, 0.622_459_3));
        assert_eq!(found[2].runner_up.unwrap().0, ClassId(1));
        // The cow's box reaches over the right edge.
        assert!(
            found[0]
                .rect
                .edges()
                .iter()
                .zip([0.85, 0.3, 1.0, 0.7])
                .all(|(&f, e)| close(f, e))
        );
    }

    #[test]
    fn without_a_background_the_first_class_is_one_like_the_others() {
        for activation in ["sigmoid", "softmax"] {
            let mut manifest = manifest(activation);
            let offsets = Array2::zeros((4, 4));
            let logits = arr2(&[
                [8.0, 1.5, -9.0, -9.0, -9.0],
                [-9.0, -9.0, -9.0, -9.0, 7.0],
                [-9.0; 5],
                [1.0, 6.0, -9.0, -9.0, -9.0],
            ]);
            let boxes = boxes();
            let best = |manifest: &Manifest, at: usize| {
                let predictions =
                    Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest)
                        .unwrap();
                let found = predictions.describe(at).unwrap();
                [Some(found.class), found.runner_up.map(|(class, _)| class)]
            };
            let class = |k: usize| Some(ClassId(k));
            assert_eq!(best(&manifest, 0)[0], class(1));
            assert_ne!(best(&manifest, 3)[1], class(0));
            manifest.output.background = None;
            assert_eq!(best(&manifest, 0), [class(0), class(1)]);
            assert_eq!(best(&manifest, 3), [class(1), class(0)]);
            let found = found(&logits, &offsets, &manifest);
            assert!(found.contains(&(0, 0)), "{activation} {found:?}");
        }
    }

    #[test]
    fn softmax_classes_share_one_sum() {
        let manifest = manifest("softmax");
        let offsets = Array2::zeros((4, 4));
        let logits = arr2(&[
            [5.0, 4.9, 0.0, 0.0, 0.0],
            [0.0, 4.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 9.0, 0.0],
            [200.0, 0.0, 0.0, 0.0, 190.0],
        ]);
        assert_eq!(found(&logits, &offsets, &manifest), [(1, 1)]);
        let boxes = boxes();
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
        let dog = predictions.describe(1).unwrap();
        // e⁴ and e over e⁴ + e + 3.
        assert!(
            close(dog.score, 0.905_195_2) && close(dog.runner_up.unwrap().1, 0.045_067_0),
            "{dog:?}"
        );
    }

    #[test]
    fn a_threshold_of_nought_lets_all_in_and_the_manifest_limits_how_many() {
        let mut manifest = manifest("sigmoid");
        let boxes = boxes();
        let logits = Array2::from_shape_fn((4, 5), |(d, k)| (d * 5 + k) as f32 / 10.0 - 3.0);
        let offsets = Array2::zeros((4, 4));
        let count = |manifest: &Manifest, score| {
            let predictions =
                Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest).unwrap();
            predictions.detections(Thresholds { score, iou: 1.0 }).len()
        };
        assert_eq!(count(&manifest, 0.0), 12);
        assert_eq!(count(&manifest, 1.0), 0);
        manifest.detection.max_detections = 5;
        assert_eq!(count(&manifest, 0.0), 5);
    }

    #[test]
    fn the_best_match_is_sure_and_at_the_place() {
        let manifest = manifest("sigmoid");
        let boxes = boxes();
        let mut logits = Array2::from_elem((4, 5), -6.0);
        (logits[[1, 1]], logits[[2, 1]]) = (0.0, 3.0);
        let offsets = Array2::zeros((4, 4));
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
        let rects = [1, 2].map(|at| predictions.describe(at).unwrap().rect);
        let best = |worth: &dyn Fn(f32) -> f32| {
            let found = predictions.matching(&rects[0], ClassId(1), worth);
            found.unwrap()
        };
        let scores = [0.5, 1.0 / (1.0 + (-3.0_f32).exp())];
        let elsewhere = rects[0].iou(&rects[1]) * scores[1];
        assert!((best(&|overlap| overlap) - elsewhere.max(scores[0])).abs() < 1e-6);
        assert!((best(&|_| 1.0) - scores[1]).abs() < 1e-6);
        assert!((best(&|overlap| f32::from(u8::from(overlap > 0.99))) - scores[0]).abs() < 1e-6);
        let none = predictions.matching(&Rect::new(0.0, 0.0, 0.0, 0.0), ClassId(1), |o| o);
        assert_eq!(none.unwrap(), 0.0);
        assert!(predictions.matching(&rects[0], ClassId(9), |o| o).is_err());
    }

    #[test]
    fn any_default_box_can_be_described() {
        let manifest = manifest("sigmoid");
        let boxes = boxes();
        let mut logits = Array2::from_elem((4, 5), -6.0);
        logits
            .row_mut(2)
            .assign(&ndarray::arr1(&[8.0, -3.0, -2.0, 4.0, -5.0]));
        logits.row_mut(3).fill(f32::NAN);
        let offsets = Array2::zeros((4, 4));
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
        assert!(predictions.detections(THRESHOLDS).is_empty());
        let cat = predictions.describe(2).unwrap();
        assert_eq!(
            (cat.default_box, cat.class, cat.runner_up.unwrap().0),
            (2, ClassId(2), ClassId(1))
        );
        assert!(close(cat.score, 0.119_202_92));
        assert!(
            predictions
                .describe(3)
                .unwrap_err()
                .to_string()
                .contains("no trained class")
        );
        let error = predictions.describe(4).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no default box 4: this model has 4, numbered from 0"
        );
    }

    #[test]
    fn a_detection_is_described_as_it_was_detected() {
        for activation in ["sigmoid", "softmax"] {
            let manifest = manifest(activation);
            let boxes = boxes();
            let logits = arr2(&[
                [0.0, 5.0, 1.0, 0.0, 2.0],
                [0.0; 5],
                [0.0, -1.0, 3.0, 0.0, 4.0],
                [0.0; 5],
            ]);
            let offsets = Array2::from_shape_fn((4, 4), |(d, q)| d as f32 - q as f32);
            let predictions =
                Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest)
                    .unwrap();
            for (default_box, class) in [(0, 1), (2, 4)] {
                let described = predictions.describe(default_box).unwrap();
                let detected = predictions.detections(THRESHOLDS);
                let detected = detected
                    .iter()
                    .find(|d| (d.default_box, d.class.0) == (default_box, class));
                assert_eq!(detected, Some(&described));
            }
        }
    }

    #[test]
    fn broken_numbers_are_no_detections() {
        for activation in ["sigmoid", "softmax"] {
            let manifest = manifest(activation);
            let mut logits = Array2::from_elem((4, 5), -5.0);
            logits.column_mut(1).fill(8.0);
            logits[[1, 1]] = f32::NAN;
            let mut offsets = Array2::zeros((4, 4));
            offsets[[2, 2]] = f32::NAN;
            offsets[[3, 0]] = f32::INFINITY;
            assert_eq!(
                found(&logits, &offsets, &manifest),
                [(0, 1)],
                "{activation}"
            );
        }
    }

    #[test]
    fn outputs_that_do_not_fit_the_manifest_are_an_error() {
        let (manifest, boxes) = (manifest("sigmoid"), boxes());
        let error = |logits: (usize, usize), offsets: (usize, usize)| {
            let (logits, offsets) = (Array2::zeros(logits), Array2::zeros(offsets));
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error((4, 6), (4, 4)),
            "output \"c\": expected [1, 4, 5] (4 default boxes, 5 labels in the manifest), found [1, 4, 6]"
        );
        assert_eq!(
            error((4, 5), (3, 4)),
            "output \"o\": expected [1, 4, 4] (4 default boxes), found [1, 3, 4]"
        );
    }
}
