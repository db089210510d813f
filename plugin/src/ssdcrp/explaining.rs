//! The second half of the work: why the network said so.
//!
//! In: a [`Question`], detections of a frame with its forward pass. Out: an [`Answer`] for each, which outlives the frame:
//! its map follows the object while that can be seen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use image::RgbImage;
use ndarray::Array2;

use ::ssdcrp::crp::{Composite, Contrast, Explainer, Explanation, Target, TargetOutput};
use ::ssdcrp::detect::{ClassId, Detection, Model};
use ::ssdcrp::geometry::Rect;
use ::ssdcrp::heatmap::Scale;

use ::ssdcrp::ErrorKind;
use ::ssdcrp::runtime::CancelToken;

use super::analysis::lock;
use super::events::Raised;
use super::failure;
use super::results::{self, Stamp};
use super::selection::Selection;
use super::settings::{Asked, Settings};
use super::sight::{Question, Sight};

/// The explanation of one detection.
#[derive(Debug)]
pub struct Answer {
    pub object: u64,
    pub class: ClassId,
    /// The detection's box when it was explained, in shares of the picture.
    pub rect: Rect,
    /// Relevance in units of what is drawn in full colour, `[H, W]`.
    pub map: Array2<f32>,
    /// The picture that was explained, as the network saw it.
    pub picture: Arc<RgbImage>,
    /// What is explained, in words.
    pub words: String,
    /// Of the frame that was explained.
    pub stamp: Stamp,
    /// For machines.
    pub summary: gst::Structure,
}

/// The explanations of one frame.
#[derive(Debug)]
pub struct Round {
    pub stretch: u64,
    pub asked: Asked,
    pub answers: Vec<Answer>,
}

/// The explainer at work.
pub struct Explaining {
    model: Arc<Model>,
    explainer: Explainer,
    /// The model's composite, for `auto`.
    own: Composite,
    threads: usize,
    /// Settings that could not be explained with, as far as a question depends on them.
    warned: HashSet<[String; 3]>,
    /// Ends what is explained.
    hurry: Arc<Mutex<CancelToken>>,
}

impl Explaining {
    /// # Errors
    /// The model's layer types cannot be found, or its composite is none.
    pub fn new(
        model: Arc<Model>,
        settings: &Settings,
        hurry: Arc<Mutex<CancelToken>>,
    ) -> Result<Self> {
        let threads = settings.threads as usize;
        let own = Composite::of(&model)?;
        let composite = settings.composite.value().named().unwrap_or(&own).clone();
        Ok(Self {
            explainer: Explainer::new(model.clone(), composite, threads)?,
            model,
            own,
            threads,
            warned: HashSet::new(),
            hurry,
        })
    }

    /// The explanations that were asked for; without any, and the first time with the reason, where the question has no answer.
    pub fn answer(&mut self, question: &Question) -> (Round, Option<anyhow::Error>) {
        let sight = &*question.sight;
        let (answers, warning) = match self.explain(question) {
            Ok(answers) => (answers, None),
            Err(error) if failure::kind(&error) == Some(ErrorKind::Cancelled) => (vec![], None),
            Err(error) => {
                let first = self.warned.insert(sight.settings.question());
                (vec![], first.then_some(error))
            }
        };
        let round = Round {
            stretch: sight.stretch,
            asked: sight.asked.clone(),
            answers,
        };
        (round, warning)
    }

    /// The explanation that each of the frame's events asks for; where there is none, why.
    pub fn answer_events(&mut self, question: &Question) -> Vec<(Arc<Raised>, Result<Answer>)> {
        let sight = &*question.sight;
        let events = sight.events.iter().map(|raised| {
            let answer = self.explain_event(raised, question);
            (raised.clone(), answer)
        });
        events.collect()
    }

    fn explain_event(&mut self, raised: &Raised, question: &Question) -> Result<Answer> {
        let (sight, event) = (&*question.sight, &raised.event);
        self.keep_to(sight)?;
        let cancel = lock(&self.hurry).clone();
        let targets = std::slice::from_ref(&event.target);
        let explanations =
            self.explainer
                .explain_cancellable(&question.forward, targets, &cancel)?;
        let explanation = explanations.first().context("there is no explanation")?;
        let picture = self.picture(question);
        Ok(self.keep(event.object, &event.detection, explanation, sight, picture))
    }

    /// Explains with the composite that is set.
    fn keep_to(&mut self, sight: &Sight) -> Result<()> {
        let composite = sight.settings.composite.value();
        let composite = composite.named().unwrap_or(&self.own);
        if self.explainer.composite() != composite {
            self.explainer = Explainer::new(self.model.clone(), composite.clone(), self.threads)?;
        }
        Ok(())
    }

    fn explain(&mut self, question: &Question) -> Result<Vec<Answer>> {
        let sight = &*question.sight;
        let settings = &sight.settings;
        self.keep_to(sight)?;
        let explained: Vec<(u64, &Detection)> = (sight.chosen.iter())
            .filter_map(|&index| Some((*sight.objects.get(index)?, sight.detections.get(index)?)))
            .collect();
        let cancel = lock(&self.hurry).clone();
        let targets: Vec<Target> = (explained.iter())
            .map(|(_, detection)| target(detection, settings))
            .collect();
        let explanations =
            self.explainer
                .explain_cancellable(&question.forward, &targets, &cancel)?;
        let answers = explained.into_iter().zip(explanations);
        let picture = self.picture(question);
        Ok(answers
            .map(|((object, detection), explanation)| {
                self.keep(object, detection, &explanation, sight, picture.clone())
            })
            .collect())
    }

    fn picture(&self, question: &Question) -> Arc<RgbImage> {
        let input = &self.model.manifest.input;
        Arc::new(question.forward.input.picture(input))
    }

    fn keep(
        &self,
        object: u64,
        detection: &Detection,
        explanation: &Explanation,
        sight: &Sight,
        picture: Arc<RgbImage>,
    ) -> Answer {
        let relevance = explanation.map();
        let summary = results::explanation(
            explanation,
            &relevance,
            self.explainer.composite(),
            (object, &detection.rect),
            sight,
        );
        let map = match Scale::default().magnitude(relevance.view()) {
            Some(magnitude) => relevance / magnitude,
            None => Array2::zeros(relevance.dim()),
        };
        Answer {
            object,
            class: detection.class,
            rect: detection.rect,
            map,
            picture,
            words: explanation.question.wording.to_string(),
            stamp: sight.stamp,
            summary,
        }
    }
}

fn target(detection: &Detection, settings: &Settings) -> Target {
    let mut target = Target::predicted_class(detection);
    if let Some(output) = settings.target.value().named() {
        target.output = output.clone();
    }
    target.contrast = settings.contrast.value().named().cloned();
    target
}

/// Checks the settings that name something of the model, as far as that can be told without a picture.
///
/// # Errors
/// A class that the model does not have, a class contrasted with itself, or a contrast that does not go with the target.
pub fn check(settings: &Settings, model: &Model) -> Result<()> {
    Selection::new(settings, &model.manifest)?;
    let target = settings.target.value().named();
    let contrast = settings.contrast.value().named();
    let explained = match target {
        Some(TargetOutput::Class(class)) => {
            Some((model.manifest.class(class)).context("property 'target'")?)
        }
        _ => None,
    };
    let rival = match contrast {
        Some(Contrast::Class(class)) => {
            Some((model.manifest.class(class)).context("property 'contrast'")?)
        }
        _ => None,
    };
    if let Some(class) = explained.filter(|_| explained == rival) {
        bail!(
            "property 'contrast': the class '{}' cannot be contrasted with itself: name another one, or set it to auto",
            model.manifest.label(class)
        );
    }
    let (Some(target), Some(contrast)) = (target, contrast) else {
        return Ok(());
    };
    let taken: &[Contrast] = match target {
        TargetOutput::Class(_) => return Ok(()),
        TargetOutput::Offset(..) | TargetOutput::Objectness => &[Contrast::None, Contrast::Mean],
        TargetOutput::Edge(..) => &[Contrast::None],
    };
    if !taken.contains(contrast) {
        let taken: Vec<String> = taken.iter().map(Contrast::to_string).collect();
        bail!(
            "property 'contrast': '{contrast}' does not go with the target '{target}': set it to auto, {}",
            taken.join(" or ")
        );
    }
    Ok(())
}
