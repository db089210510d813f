//! The way in: a picture and a question in; a detection, the relevance of every pixel for it, and a picture of that out.

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array2;

use crate::crp::{
    Composite, Contrast, Explanation, Propagator, RelevanceSummary, ResolvedTarget, Target,
    TargetOutput,
};
use crate::detect::{ClassRef, Detection, Detector, Forward, Model, Thresholds, preprocess};
use crate::error::Result;
use crate::error::argument::Context;
use crate::geometry::smallest_under;
use crate::heatmap::{ColourMap, Heatmap, Scale};
use crate::overlay::{self, LabelledBox, Scene, Side};
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

/// Which default box is meant.
#[derive(Clone, Debug)]
enum BoxChoice {
    Best,
    At([f32; 2]),
    Strongest(ClassRef),
    DefaultBox(usize),
}

/// What is asked of a picture: which object, which of its outputs, rather than what.
#[derive(Clone, Debug)]
pub struct Question {
    choice: BoxChoice,
    output: Option<TargetOutput>,
    contrast: Option<Contrast>,
}

impl Question {
    fn about(choice: BoxChoice) -> Self {
        Self {
            choice,
            output: None,
            contrast: None,
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
        Self::default_box(detection.default_box).output(TargetOutput::Class(detection.class.into()))
    }

    /// The same of a default box by its number, detected or not.
    pub fn default_box(number: usize) -> Self {
        Self::about(BoxChoice::DefaultBox(number))
    }

    /// What speaks for a class where it scores highest, detected or not?
    pub fn strongest(class: ClassRef) -> Self {
        Self::about(BoxChoice::Strongest(class.clone())).output(TargetOutput::Class(class))
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
    /// What was explained: where the question is about a class, its box as that class.
    pub detection: Detection,
    /// The label of its class.
    pub label: String,
    /// Relevance of each pixel of the picture, as large as the network sees it, for the output, `[H, W]`, summed over the colours: above 0 speaks for it, below against it.
    pub relevance: Array2<f32>,
    /// What was asked, with the names and the contrast of this picture; it becomes words with `question.wording.to_string()`.
    pub question: ResolvedTarget,
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
        let forward = self.forward(picture)?;
        self.detector.detections(&forward, self.thresholds)
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
        let forward = self.forward(picture)?;
        let detections = self.detector.detections(&forward, self.thresholds)?;
        self.answer(&forward, &detections, questions)
    }

    /// Explains the class of every detection, best first; none where nothing is detected.
    ///
    /// # Errors
    /// As [`Explainer::explain`].
    pub fn explain_detections(&mut self, picture: &RgbImage) -> Result<Vec<Explained>> {
        let forward = self.forward(picture)?;
        let detections = self.detector.detections(&forward, self.thresholds)?;
        let questions: Vec<Question> = detections.iter().map(Question::of).collect();
        self.answer(&forward, &detections, &questions)
    }

    fn forward(&mut self, picture: &RgbImage) -> Result<Forward> {
        let (size, input) = (self.model.input_size, &self.model.manifest.input);
        let sampled = preprocess::sample(picture, size, input)?;
        self.detector.forward(sampled)
    }

    fn answer(
        &mut self,
        forward: &Forward,
        detections: &[Detection],
        questions: &[Question],
    ) -> Result<Vec<Explained>> {
        let mut asked = Vec::with_capacity(questions.len());
        for question in questions {
            let detection = self.chosen(&question.choice, forward, detections)?;
            let predicted = Target::predicted_class(&detection);
            asked.push(Target {
                output: question.output.clone().unwrap_or(predicted.output),
                contrast: question.contrast.clone(),
                ..predicted
            });
        }
        let explanations = self.propagator.explain(forward, &asked)?;
        asked
            .iter()
            .zip(explanations)
            .map(|(target, explanation)| self.explained(forward, target, explanation))
            .collect()
    }

    fn chosen(
        &self,
        choice: &BoxChoice,
        forward: &Forward,
        detections: &[Detection],
    ) -> Result<Detection> {
        match choice {
            BoxChoice::DefaultBox(number) => self.detector.describe(forward, *number),
            BoxChoice::Strongest(class) => {
                let class = self.model.manifest.class(class)?;
                self.detector.strongest(forward, class)
            }
            BoxChoice::Best => {
                let score = self.thresholds.score;
                let nothing = || {
                    format!(
                        "nothing scores above {score}: ask where a class is strongest, or lower the threshold"
                    )
                };
                detections.first().cloned().with_context(nothing)
            }
            BoxChoice::At(point) => {
                let there = smallest_under(detections.iter().map(|d| d.rect), *point);
                let there = there.and_then(|index| detections.get(index));
                let [x, y] = point;
                (there.cloned()).with_context(|| format!("nothing was detected at {x}, {y}"))
            }
        }
    }

    fn explained(
        &self,
        forward: &Forward,
        target: &Target,
        explanation: Explanation,
    ) -> Result<Explained> {
        let detection = match &target.output {
            TargetOutput::Class(class) => {
                let class = self.model.manifest.class(class)?;
                (self.detector).describe_as(forward, target.default_box, class)?
            }
            _ => self.detector.describe(forward, target.default_box)?,
        };
        Ok(Explained {
            label: self.model.manifest.label(detection.class).into_owned(),
            detection,
            relevance: explanation.map(),
            question: explanation.question,
        })
    }
}

impl Explained {
    /// The picture with the relevance over it, red for and blue against, the explained box and what was asked.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn overlay(&self, picture: &RgbImage) -> Result<RgbImage> {
        let size = picture.dimensions().into();
        let heatmap = Heatmap::normalise(self.relevance.view(), Scale::default());
        let labelled = LabelledBox {
            rect: self.detection.rect.in_pixels(size),
            label: format!("{} {:.2}", self.label, self.detection.score),
            colour: overlay::class_colour(self.detection.class.0),
            explained: true,
            dashed: false,
        };
        let canvas = overlay::render(&Scene {
            size,
            pixel_aspect: 1.0,
            heatmap: Some(&heatmap),
            tiles: &[],
            tiles_side: Side::default(),
            colours: ColourMap::default(),
            opacity: 1.0,
            boxes: &[labelled],
            draw_boxes: true,
            draw_labels: true,
            caption: Some(&self.question.wording.to_string()),
            corner_text: None,
        });
        let mut drawn = picture.clone();
        canvas.compose_onto(&mut drawn)?;
        Ok(drawn)
    }

    /// How much relevance there is for and against, and how much of it lies in the box.
    pub fn summary(&self) -> RelevanceSummary {
        RelevanceSummary::of(&self.relevance, &self.detection.rect)
    }
}
