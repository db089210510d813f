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
            .map(|class| manifest.is_detectable(class))
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

    fn check_is_detectable(&self, class: ClassId) -> Result<()> {
        argument::ensure!(
            self.detectable.get(class.0) == Some(&true),
            "class {class} cannot be detected with this model"
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
        self.check_is_detectable(class)?;
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

    /// What the network says of a class at the default box where that class scores highest, detected or not; of equals the first. A score that is no number never is the highest.
    ///
    /// # Errors
    /// The class cannot be detected, or has no score that is a number.
    pub fn strongest(&self, class: ClassId) -> Result<Detection> {
        self.check_is_detectable(class)?;
        let mut strongest: Option<(f32, usize)> = None;
        for default_box in 0..self.len() {
            let score = self
                .scorer(default_box)
                .score(self.logit(default_box, class));
            if !score.is_nan() && strongest.is_none_or(|(known, _)| score > known) {
                strongest = Some((score, default_box));
            }
        }
        let (_, default_box) = strongest
            .with_context(|| format!("class {class} has a score that is a number nowhere"))?;
        self.describe_as(default_box, class)
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
mod tests;
