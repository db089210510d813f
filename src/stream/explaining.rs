//! Why the network said so: questions about what was seen, answered one after the other.
//!
//! In: a forward pass and the [`Observation`] that was made of it. Out: an [`ExplainedObject`] for each detection that is asked about. It outlives its frame: its map follows the object
//! for as long as that is seen.

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use ndarray::Array2;

use super::frame::FrameInfo;
use super::observation::{Observation, ObservedEvent};
use super::room::ensure_room;
use super::tracking::Tracked;
use crate::check::{Check, Checker};
use crate::crp::{
    Composite, Explanation, Propagator, RelevanceSummary, ResolvedTarget, Target, TargetOutput,
};
use crate::detect::{Absence, Detector, Forward, Labels, MissingPlace, Model};
use crate::error::internal::Context;
use crate::error::{Error, Result};
use crate::heatmap::{Heatmap, PALE, Scale};
use crate::runtime::{CancelToken, SessionOptions};

/// An explanation takes so many times what the network's input takes, when all of one frame are there: its relevance in three colours, its map, what
/// is drawn of it, and what ONNX Runtime needs meanwhile.
const INPUTS: u64 = 6;

/// The explanation of one detection.
#[derive(Clone, Debug)]
pub struct ExplainedObject {
    /// The detection as it was when it was explained.
    pub tracked: Tracked,
    /// The frame that it was in.
    pub frame: FrameInfo,
    /// What was asked.
    pub target: Target,
    /// The same with the names and the contrast of this frame.
    pub question: ResolvedTarget,
    /// How relevance was propagated.
    pub composite: Composite,
    /// Relevance in units of what is drawn in full colour, `[H, W]` of the picture as the network sees it.
    pub map: Array2<f32>,
    /// The relevance itself in numbers.
    pub summary: RelevanceSummary,
    /// How much of what it started with the relevance is, where the composite keeps that ([`Explanation::completeness`]).
    pub completeness: Option<f64>,
    /// What it is worth, where that was looked at.
    pub check: Option<Arc<Check>>,
    /// What the network was fed for that check: `picture` without the reddest part.
    pub fed: Option<Arc<RgbImage>>,
    /// The last check of the same question about the same object: of this explanation, or of an earlier one.
    pub last_check: Option<Arc<Check>>,
    /// The picture that was explained, as the network saw it.
    pub picture: Arc<RgbImage>,
    /// The time that propagation took, for all that was explained in one go.
    pub took: Duration,
}

impl ExplainedObject {
    /// The same with what it is worth, and the picture that was fed to find out.
    #[must_use]
    pub fn checked(self, check: Arc<Check>, fed: Arc<RgbImage>) -> Self {
        Self {
            check: Some(check.clone()),
            fed: Some(fed),
            last_check: Some(check),
            ..self
        }
    }

    /// How strongly it is drawn, above 0 and 1 at the most: paler where it did no better than chance.
    pub fn strength(&self) -> f32 {
        match &self.last_check {
            Some(check) if !check.passed() => PALE,
            _ => 1.0,
        }
    }

    /// Its map as it is drawn.
    pub fn heatmap(&self) -> Heatmap {
        Heatmap::normalise(self.map.view(), Scale::Fixed(1.0)).paler(self.strength())
    }
}

/// Why nothing was found at a place of a frame.
#[derive(Clone, Debug)]
pub struct ExplainedMiss {
    /// The place, in shares of the frame.
    pub place: [f32; 2],
    /// What came nearest to an object there, and why it is none; or what was found there.
    pub absence: Absence,
    /// The frame.
    pub frame: FrameInfo,
    /// What was asked of that default box.
    pub question: ResolvedTarget,
    /// How relevance was propagated.
    pub composite: Composite,
    /// Relevance in units of what is drawn in full colour, `[H, W]` of the picture as the network sees it.
    pub map: Array2<f32>,
    /// The relevance itself in numbers.
    pub summary: RelevanceSummary,
    /// The time that propagation took.
    pub took: Duration,
}

impl ExplainedMiss {
    /// For people: what was asked of the nearest default box, and in a second line why it is no detection.
    pub fn words(&self, labels: &Labels) -> String {
        format!("{}\n{}", self.question.wording, self.absence.words(labels))
    }
}

/// The explainer at work.
pub struct Explaining {
    model: Arc<Model>,
    explainer: Propagator,
    /// What explanations are checked with, once one is to be.
    checker: Option<Detector>,
    /// The composite where none is asked for.
    own: Composite,
    options: SessionOptions,
}

impl Explaining {
    /// Prepares it to begin with `composite`, or with the video's own ([`Composite::for_video`]).
    ///
    /// # Errors
    /// The model's layer types cannot be found, or its composite is none.
    pub fn new(
        model: Arc<Model>,
        composite: Option<&Composite>,
        options: SessionOptions,
    ) -> Result<Self> {
        let own = Composite::for_video(&model)?;
        let composite = composite.unwrap_or(&own).clone();
        Ok(Self {
            explainer: Propagator::new(model.clone(), composite, options)?,
            checker: None,
            model,
            own,
            options,
        })
    }

    /// The composite that it explains with now.
    pub fn composite(&self) -> &Composite {
        self.explainer.composite()
    }

    /// The composite where none is asked for.
    pub fn own(&self) -> &Composite {
        &self.own
    }

    /// What explanations go on from ([`Propagator::reads`]).
    pub fn reads(&mut self) -> &[String] {
        self.explainer.reads()
    }

    /// Explains the selected detections.
    ///
    /// # Errors
    /// A question without an answer, or one of the kind [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn explain_selected(
        &mut self,
        observation: &Observation,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> Result<Vec<ExplainedObject>> {
        let question = &observation.settings().question;
        let selected = observation.selected.iter();
        let selected: Vec<&Tracked> = selected
            .filter_map(|&index| observation.tracked.get(index))
            .collect();
        let targets = selected
            .iter()
            .map(|tracked| question.target(&tracked.detection));
        let targets: Vec<Target> = targets.collect();
        let explanations = self.explain(observation, forward, &targets, cancel)?;
        let picture = Arc::new(forward.input.picture(&self.model.manifest.input));
        let explained = selected.into_iter().zip(targets.iter().zip(explanations));
        Ok(explained
            .map(|(tracked, (target, explanation))| {
                self.explained(tracked, target, &explanation, observation, picture.clone())
            })
            .collect())
    }

    /// Explains what an event asks.
    ///
    /// # Errors
    /// As [`Explaining::explain_selected`].
    pub fn explain_event(
        &mut self,
        event: &ObservedEvent,
        observation: &Observation,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> Result<ExplainedObject> {
        let target = &event.event.target;
        let targets = std::slice::from_ref(target);
        let explanations = self.explain(observation, forward, targets, cancel)?;
        let explanation = explanations.first().context("there is no explanation")?;
        let picture = Arc::new(forward.input.picture(&self.model.manifest.input));
        let seen = observation.tracked.get(event.index);
        let tracked = Tracked {
            object: event.event.object,
            first_seen: seen.and_then(|seen| seen.first_seen),
            detection: event.event.detection.clone(),
            upstream: seen.and_then(|seen| seen.upstream.clone()),
        };
        Ok(self.explained(&tracked, target, explanation, observation, picture))
    }

    /// What an explanation is worth, and the picture that the network was fed to find out. The first time the network is loaded once more: it hands nothing over, which would take time and memory.
    ///
    /// # Errors
    /// The network does not run, or an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn check(
        &mut self,
        explained: &ExplainedObject,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> Result<(Check, RgbImage)> {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let detector = match &mut self.checker {
            Some(detector) => detector,
            none => {
                let model = self.model.clone();
                // Ten runs a second at the most: what they need does not have to be kept for them.
                let options = SessionOptions {
                    gives_back: true,
                    ..self.options
                };
                none.insert(Detector::new_cancellable(model, options, cancel)?)
            }
        };
        let mut checker = Checker::new(&self.model, detector, forward).until(cancel);
        let check = checker.check(&explained.question, &explained.map)?;
        let fed = checker.fed(&check)?.picture(&self.model.manifest.input);
        Ok((check, fed))
    }

    /// Explains why nothing is found at `place`, a point in shares of the frame: no detection of the class that is asked about, else of the likeliest that is not detected there.
    ///
    /// # Errors
    /// No box of the network reaches the place, or as [`Explaining::explain_selected`].
    pub fn explain_missing(
        &mut self,
        place: [f32; 2],
        observation: &Observation,
        forward: &Forward,
        cancel: &CancelToken,
    ) -> Result<ExplainedMiss> {
        let settings = observation.settings();
        let class = match &settings.question.output {
            Some(TargetOutput::Class(class)) => Some(self.model.manifest.class(class)?),
            // Where nothing is found there is no box whose edges could be asked about.
            _ => None,
        };
        let point = MissingPlace::Point(place);
        let predictions = forward.predictions(&self.model)?;
        let absence = predictions.absence(point, class, settings.thresholds)?;
        let target = Target::absence(&absence);
        let explanations = self.explain(observation, forward, &[target], cancel)?;
        let explanation = explanations.first().context("there is no explanation")?;
        let relevance = explanation.map();
        Ok(ExplainedMiss {
            place,
            frame: observation.frame,
            question: explanation.question.clone(),
            composite: self.explainer.composite().clone(),
            summary: RelevanceSummary::of(&relevance, &absence.detection().rect),
            absence,
            map: in_full_colour(relevance),
            took: explanation.took,
        })
    }

    /// Explains targets with the composite that is asked for.
    fn explain(
        &mut self,
        observation: &Observation,
        forward: &Forward,
        targets: &[Target],
        cancel: &CancelToken,
    ) -> Result<Vec<Explanation>> {
        let count = targets.len();
        let bytes = (count * forward.input.tensor.len() * size_of::<f32>()) as u64;
        let what = format!("{count} explanations at once: explain fewer, or raise the limit");
        ensure_room(INPUTS * bytes, &what)?;
        let composite = observation.settings().question.composite.as_ref();
        let composite = composite.unwrap_or(&self.own);
        if self.explainer.composite() != composite {
            self.explainer = Propagator::new(self.model.clone(), composite.clone(), self.options)?;
        }
        self.explainer.explain_cancellable(forward, targets, cancel)
    }

    fn explained(
        &self,
        tracked: &Tracked,
        target: &Target,
        explanation: &Explanation,
        observation: &Observation,
        picture: Arc<RgbImage>,
    ) -> ExplainedObject {
        let relevance = explanation.map();
        let summary = RelevanceSummary::of(&relevance, &tracked.detection.rect);
        ExplainedObject {
            tracked: tracked.clone(),
            frame: observation.frame,
            target: target.clone(),
            question: explanation.question.clone(),
            completeness: explanation.completeness,
            check: None,
            fed: None,
            last_check: None,
            composite: self.explainer.composite().clone(),
            map: in_full_colour(relevance),
            summary,
            picture,
            took: explanation.took,
        }
    }
}

/// Relevance in units of what is drawn in full colour.
fn in_full_colour(relevance: Array2<f32>) -> Array2<f32> {
    match Scale::default().magnitude(relevance.view()) {
        Some(magnitude) => relevance / magnitude,
        None => Array2::zeros(relevance.dim()),
    }
}
