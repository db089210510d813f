//! Two models at work on one photo after the other.
//!
//! In: photos. Out: the comparison, and the page of it.

use std::path::Path;

use image::RgbImage;
use ndarray::Array2;

use super::comparison::{ComparedPhoto, ModelComparison};
use super::gate::{GateLimit, TruthCounts};
use super::matching::{Named, matched};
use super::object::ComparedObject;
use super::page::ComparisonPage;
use super::shift::ClassShift;
use super::side::{ComparedModel, ObjectQuestion, Sight};
use super::vocabulary;
use crate::error::Result;
use crate::geometry::Size;
use crate::truth::{Judgement, Verdict};

/// Compares two models photo by photo.
pub struct Comparer {
    base: ComparedModel,
    candidate: ComparedModel,
    /// Whether explanations are checked.
    checked: bool,
    /// Where one is asked for: it takes hundreds of kilobytes a photo.
    page: Option<ComparisonPage>,
    photos: Vec<ComparedPhoto>,
    truth: Option<TruthCounts>,
    warnings: Vec<String>,
}

impl Comparer {
    /// Begins a comparison; explanations are `checked` or not.
    pub fn new(base: ComparedModel, candidate: ComparedModel, checked: bool) -> Self {
        let [of_base, of_candidate] = [&base, &candidate].map(|side| &side.model.manifest);
        Self {
            warnings: vocabulary::warnings(of_base, of_candidate),
            page: None,
            base,
            candidate,
            checked,
            photos: Vec::new(),
            truth: None,
        }
    }

    /// What of the models' classes is likely not meant so: that they have none in common, or spell some of them otherwise.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The same with a page of what is compared from here on.
    #[must_use]
    pub fn with_page(mut self) -> Self {
        let page = ComparisonPage::new(&self.base.model, &self.candidate.model);
        self.page = Some(page.warning(self.warnings.clone()));
        self
    }

    /// Detects with both models, finds out which detections are the same, and explains each with both. `name` is what the photo is called, `file` that by which annotations are
    /// found; a frame of a video has none.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, a photo without pixels, or relevance that cannot pass a network.
    pub fn look(&mut self, name: &str, file: Option<&Path>, photo: &RgbImage) -> Result<()> {
        let size = Size::from(photo.dimensions());
        let base = self.base.look(file, photo)?;
        let candidate = self.candidate.look(file, photo)?;
        let known = self.base.named(&base.detections);
        let new = self.candidate.named(&candidate.detections);
        let mut objects = Vec::new();
        for pair in matched(&known, &new) {
            let question = |own: Option<usize>, other: Option<&Named>| ObjectQuestion {
                detected: own,
                elsewhere: other.cloned(),
                size,
                checked: self.checked,
            };
            let of_base = question(pair.base, pair.candidate.map(|b| &new[b]));
            let of_candidate = question(pair.candidate, pair.base.map(|a| &known[a]));
            objects.push(ComparedObject::new(
                self.base.answer(&base, &of_base)?,
                self.candidate.answer(&candidate, &of_candidate)?,
            ));
        }
        if let Some(page) = &mut self.page {
            page.add(name, photo, &objects)?;
        }
        // What fails before here is in no number.
        self.count_truth(&base, &candidate);
        let sides = objects.iter_mut();
        for side in sides
            .flat_map(|o| [o.base.as_mut(), o.candidate.as_mut()])
            .flatten()
        {
            // They are compared, and the page has them: each takes a third of a megabyte.
            side.map = Array2::zeros((0, 0));
        }
        self.photos.push(ComparedPhoto {
            photo: name.to_owned(),
            objects,
        });
        Ok(())
    }

    /// Says on the page, if there is one, that something is not on it, and why.
    pub fn leave_out(&mut self, reason: String) {
        if let Some(page) = &mut self.page {
            page.leave_out(reason);
        }
    }

    /// What came out, and the page of it if [`with_page`](Self::with_page) asked for one. `seed` makes the bootstrap repeatable.
    pub fn finish(
        self,
        limits: &[GateLimit],
        seed: u64,
    ) -> (ModelComparison, Option<ComparisonPage>) {
        let objects = self.photos.iter().flat_map(|photo| &photo.objects);
        let shifts = ClassShift::all(&objects.collect::<Vec<_>>(), seed);
        let judged = |limit: &GateLimit| Some(limit.judge(shifts.first()?, self.truth.as_ref()));
        let comparison = ModelComparison {
            base: self.base.model.manifest.name.clone(),
            candidate: self.candidate.model.manifest.name.clone(),
            warnings: self.warnings,
            gate: limits.iter().filter_map(judged).collect(),
            truth: self.truth,
            photos: self.photos,
            shifts,
        };
        let page = self.page.map(|page| page.with(&comparison));
        (comparison, page)
    }

    fn count_truth(&mut self, base: &Sight, candidate: &Sight) {
        let (Some(base), Some(candidate)) = (&base.judgement, &candidate.judgement) else {
            return;
        };
        let counts = self.truth.get_or_insert_default();
        counts.photos += 1;
        for (index, judgement) in [base, candidate].into_iter().enumerate() {
            let count = |wanted: &dyn Fn(&Verdict) -> bool| -> usize {
                let Judgement { verdicts, .. } = judgement;
                verdicts.iter().filter(|verdict| wanted(verdict)).count()
            };
            let correct = count(&|verdict| *verdict == Verdict::Correct);
            let ignored = count(&|verdict| *verdict == Verdict::Ignored);
            counts.correct[index] += correct;
            counts.wrong[index] += judgement.verdicts.len() - correct - ignored;
            counts.missed[index] += judgement.missed.len();
        }
    }
}
