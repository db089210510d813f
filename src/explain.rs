//! The way in: a picture and a question in; a detection, the relevance of every pixel for it, and a picture of that out.

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

use crate::check::{Check, Checker};
use crate::crp::{
    Composite, Contrast, PRESETS, Propagator, RelevanceSummary, ResolvedTarget, Target,
    TargetOutput,
};
use crate::detect::in_words::{asked, scored};
use crate::detect::{
    BoxChoice, ClassRef, Detection, Detector, Forward, Model, Thresholds, preprocess,
};
use crate::error::Result;
use crate::error::argument::Context;
use crate::heatmap::{ColourMap, Heatmap, PALE, Scale};
use crate::overlay::{self, LabelledBox, Scene};
use crate::runtime::SessionOptions;

/// What an [`Explainer`] does where its model and manifest leave a choice. The default is right for most.
#[derive(Clone, Debug, Default)]
pub struct ExplainOptions {
    /// The rules of propagation; `None` takes the manifest's, else [`Composite::default`].
    pub composite: Option<Composite>,
    /// What becomes a detection; `None` takes the manifest's thresholds.
    pub thresholds: Option<Thresholds>,
    /// What the networks run on: how many threads, and whether the CPU or another execution provider.
    pub session: SessionOptions,
}

/// What is asked of a picture: which object, which of its outputs, rather than what.
///
/// A classifier has one default box, the picture: whichever question is asked, it is about that, and its likeliest class needs no score above the threshold.
#[derive(Clone, Debug)]
pub struct Question {
    choice: BoxChoice,
    output: Option<TargetOutput>,
    contrast: Option<Contrast>,
    is_checked: bool,
}

impl Question {
    /// Why is there that, of the default box that is meant? Where a class names it, what speaks for that class.
    pub fn about(choice: BoxChoice) -> Self {
        let class = match &choice {
            BoxChoice::Class(class) | BoxChoice::Strongest(class) => Some(class.clone()),
            BoxChoice::NumberAs(_, class) => Some((*class).into()),
            BoxChoice::Best | BoxChoice::At(_) | BoxChoice::Number(_) => None,
        };
        Self {
            choice,
            output: class.map(TargetOutput::Class),
            contrast: None,
            is_checked: false,
        }
    }

    /// Why is there that, of the detection with the highest score?
    pub fn best() -> Self {
        Self::about(BoxChoice::Best)
    }

    /// The same of the smallest detection whose box holds a point, as shares of the picture's width and height: what a click in a video picks.
    pub fn at(x: f32, y: f32) -> Self {
        Self::about(BoxChoice::At([x, y]))
    }

    /// The same of a detection of this picture.
    pub fn of(detection: &Detection) -> Self {
        Self::about(BoxChoice::NumberAs(detection.default_box, detection.class))
    }

    /// The same of a default box by its number, detected or not.
    pub fn default_box(number: usize) -> Self {
        Self::about(BoxChoice::Number(number))
    }

    /// What speaks for a class where it was detected with the highest score; where it was not detected, as [`Question::strongest`]. The background is asked about at the best detection, if there is one.
    pub fn class(class: ClassRef) -> Self {
        Self::about(BoxChoice::Class(class))
    }

    /// What speaks for a class where it scores highest, detected or not?
    pub fn strongest(class: ClassRef) -> Self {
        Self::about(BoxChoice::Strongest(class))
    }

    /// Asks about another output of the box than its class: `"class:sheep"`, `"offset:w+"` and `"edge:left-"` can be parsed into one.
    pub fn output(self, output: TargetOutput) -> Self {
        let output = Some(output);
        Self { output, ..self }
    }

    /// Asks for the reasons rather than those of something else; without it, the composite's own contrast holds for classes and none for the others.
    pub fn rather_than(self, contrast: Contrast) -> Self {
        let contrast = Some(contrast);
        Self { contrast, ..self }
    }

    /// Also asks what the answer is worth ([`Explained::check`]), which takes the time of ten forward passes.
    pub fn checked(self) -> Self {
        Self {
            is_checked: true,
            ..self
        }
    }
}

/// A picture that an [`Explainer`] has looked at, to ask several questions about.
#[derive(Clone, Debug)]
pub struct SeenPicture {
    /// What the model sees, best first.
    pub detections: Vec<Detection>,
    forward: Forward,
}

/// Explains what a model sees in pictures. Networks are compiled when they are first needed and kept.
pub struct Explainer {
    model: Arc<Model>,
    detector: Detector,
    propagator: Propagator,
    thresholds: Thresholds,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Explained {
    /// What was explained: where the question is about a class other than the background, its box as that class, else as it was chosen.
    pub detection: Detection,
    /// The label of its class.
    pub label: String,
    /// Whether it was detected as that class: one may ask about others too.
    pub is_detected: bool,
    /// Relevance of each pixel of the picture, as large as the network sees it, for the output, `[H, W]`, summed over the colours: above 0 speaks for it, below against it.
    pub relevance: Array2<f32>,
    /// What was asked, with the names and the contrast of this picture; it becomes words with `question.wording.to_string()`.
    pub question: ResolvedTarget,
    /// The name of the composite that it was explained with.
    pub composite: String,
    /// What the relevance is worth; `None` where the question was not [`checked`](Question::checked).
    pub check: Option<Check>,
}

impl Explainer {
    /// Loads the model's network.
    ///
    /// # Errors
    /// ONNX Runtime cannot be used, or the model has layers that are not understood.
    pub fn new(model: &Model, options: ExplainOptions) -> Result<Self> {
        let model = Arc::new(model.clone());
        let own = || Composite::of(&model);
        let composite = options.composite.map_or_else(own, Ok)?;
        let own = || Thresholds::from(&model.manifest.detection);
        let thresholds = options.thresholds.unwrap_or_else(own);
        let mut propagator = Propagator::new(model.clone(), composite, options.session)?;
        let handed = propagator.reads().to_vec();
        Ok(Self {
            detector: Detector::handing_over(model.clone(), handed, options.session)?,
            propagator,
            model,
            thresholds,
        })
    }

    /// What the model sees, best first.
    ///
    /// # Errors
    /// A picture without pixels, or a failure inside ONNX Runtime.
    pub fn detect(&mut self, picture: &RgbImage) -> Result<Vec<Detection>> {
        Ok(self.look(picture)?.detections)
    }

    /// Looks at a picture once, to [answer](Explainer::answer) questions that depend on what is there.
    ///
    /// # Errors
    /// As [`Explainer::detect`].
    pub fn look(&mut self, picture: &RgbImage) -> Result<SeenPicture> {
        let (size, input) = (self.model.input_size, &self.model.manifest.input);
        let sampled = preprocess::sample(picture, size, input)?;
        let forward = self.detector.forward(sampled)?;
        let detections = self.detector.detections(&forward, self.thresholds)?;
        Ok(SeenPicture {
            detections,
            forward,
        })
    }

    /// Other thresholds from the next picture on.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// Answers one question.
    ///
    /// # Errors
    /// What is asked about is not there, or does not go with the model; or as [`Explainer::detect`].
    pub fn explain(&mut self, picture: &RgbImage, question: Question) -> Result<Explained> {
        let explained = self.explain_each(picture, &[question])?;
        (explained.into_iter().next()).context("nothing was asked")
    }

    /// Answers several questions about one picture, in their order, with one look at it.
    ///
    /// # Errors
    /// As [`Explainer::explain`].
    pub fn explain_each(
        &mut self,
        picture: &RgbImage,
        questions: &[Question],
    ) -> Result<Vec<Explained>> {
        let seen = self.look(picture)?;
        self.answer(&seen, questions)
    }

    /// Explains the class of every detection, best first; none where nothing is detected.
    ///
    /// # Errors
    /// As [`Explainer::explain`].
    pub fn explain_detections(&mut self, picture: &RgbImage) -> Result<Vec<Explained>> {
        let seen = self.look(picture)?;
        let questions: Vec<Question> = seen.detections.iter().map(Question::of).collect();
        self.answer(&seen, &questions)
    }

    /// The default box that a question is about, with what the network said there; `None` where it is about a detection and there is none.
    ///
    /// # Errors
    /// There is no such class or default box.
    pub fn chosen(&self, seen: &SeenPicture, question: &Question) -> Result<Option<Detection>> {
        self.detector
            .choose(&seen.forward, &seen.detections, &question.choice)
    }

    /// Answers questions about a picture that this explainer has looked at, in their order.
    ///
    /// # Errors
    /// What is asked about is not there, or does not go with the model; a failure inside ONNX Runtime.
    pub fn answer(&mut self, seen: &SeenPicture, questions: &[Question]) -> Result<Vec<Explained>> {
        let forward = &seen.forward;
        let mut asked = Vec::with_capacity(questions.len());
        let mut explained_boxes = Vec::with_capacity(questions.len());
        for question in questions {
            let chosen = self.chosen(seen, question)?;
            let chosen = chosen.with_context(|| self.nothing(question))?;
            let predicted = Target::predicted_class(&chosen);
            let output = question.output.clone().unwrap_or(predicted.output);
            explained_boxes.push(self.detector.as_asked(forward, &chosen, output.class())?);
            asked.push(Target {
                output,
                contrast: question.contrast.clone(),
                ..predicted
            });
        }
        let explanations = self.propagator.explain(forward, &asked)?;
        let explained = explained_boxes.into_iter().zip(explanations);
        let explained = explained.map(|(detection, explanation)| Explained {
            label: self.model.manifest.label(detection.class).into_owned(),
            is_detected: seen.detections.iter().any(|found| {
                (found.default_box, found.class) == (detection.default_box, detection.class)
            }),
            detection,
            relevance: explanation.map(),
            question: explanation.question,
            composite: self.propagator.composite().name.clone(),
            check: None,
        });
        let mut explained: Vec<Explained> = explained.collect();
        self.check(forward, questions, &mut explained)?;
        Ok(explained)
    }

    /// Checks the answers to those questions that ask for it.
    fn check(
        &mut self,
        forward: &Forward,
        questions: &[Question],
        explained: &mut [Explained],
    ) -> Result<()> {
        let answers = questions.iter().zip(explained);
        let mut checked = answers
            .filter(|(question, _)| question.is_checked)
            .peekable();
        if checked.peek().is_none() {
            return Ok(());
        }
        let mut checker = Checker::new(&self.model, &mut self.detector, forward);
        for (_, answer) in checked {
            answer.check = Some(checker.check(&answer.question, &answer.relevance)?);
        }
        Ok(())
    }

    /// Why a question is about nothing.
    fn nothing(&self, question: &Question) -> String {
        let score = self.thresholds.score;
        match question.choice {
            BoxChoice::At([x, y]) => format!("nothing was detected at {x}, {y}"),
            _ => format!(
                "nothing scores above {score}: ask where a class is strongest, or lower the threshold"
            ),
        }
    }
}

impl Explained {
    /// The picture with the relevance over it, red for and blue against, the explained box, what was asked, and what [the check](Explained::check) says. A map that does no better than
    /// chance is drawn paler.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn overlay(&self, picture: &RgbImage) -> Result<RgbImage> {
        let size = picture.dimensions().into();
        let is_doubtful = self.check.as_ref().is_some_and(|check| !check.passed());
        let strength = if is_doubtful { PALE } else { 1.0 };
        let heatmap = Heatmap::normalise(self.relevance.view(), Scale::default()).paler(strength);
        let words = scored(&self.label, self.detection.score);
        let labelled = LabelledBox {
            rect: self.detection.rect.in_pixels(size),
            label: match self.is_detected {
                true => words,
                false => asked(&words),
            },
            colour: overlay::class_colour(self.detection.class.0),
            explained: true,
            dashed: !self.is_detected,
        };
        let canvas = overlay::render(&Scene {
            heatmap: Some(&heatmap),
            boxes: &[labelled],
            caption: Some(&self.caption()),
            ..Scene::empty(size, 1.0)
        });
        let mut drawn = picture.clone();
        canvas.compose_onto(&mut drawn)?;
        Ok(drawn)
    }

    /// What was asked, the composite where it is not the default one, and below it what the check says.
    fn caption(&self) -> String {
        let mut words = self.question.wording.to_string();
        if self.composite != PRESETS[0] {
            words += &format!(" ({})", self.composite);
        }
        if let Some(check) = &self.check {
            words += &format!("\n{}", check.words(ColourMap::default().positive_name()));
        }
        words
    }

    /// How much relevance there is for and against, and how much of it lies in the box.
    pub fn summary(&self) -> RelevanceSummary {
        RelevanceSummary::of(&self.relevance, &self.detection.rect)
    }
}
