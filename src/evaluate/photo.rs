//! What an evaluation asks: pictures with their detections, and of each detection the three quantities whose explanations are judged.

use image::RgbImage;
use ndarray::Array4;

use crate::crp::{Contrast, Direction, Target, TargetOutput};
use crate::detect::manifest::{DetectorKind, Offset};
use crate::detect::{ClassId, Detection, Detector, Forward, Model, ON_OBJECT, Thresholds};
use crate::error::Result;
use crate::error::argument::Context;
use crate::geometry::Rect;
use crate::perturbation::{SIGMA, blurred};

use super::random::Random;
use super::replacement::Replacement;

/// Standard deviation of the noise that explanations should not care for, as a share of a colour's range.
pub const NOISE: f64 = 0.02;

/// What is measured when parts of the picture are taken away, a column of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The class logit minus the mean of all other trained classes, background included.
    Mean,
    /// The class logit minus that of the best other class, background left out.
    RunnerUp,
    /// The largest offset in its predicted direction.
    Offset,
}

impl Column {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Mean, Self::RunnerUp, Self::Offset];

    /// Those that a model can be asked: of a classifier, which has no offsets, the first two.
    pub fn of(model: &Model) -> &'static [Self] {
        const ALL: &[Column] = &Column::ALL;
        match model.manifest.kind {
            DetectorKind::Classifier => &ALL[..2],
            DetectorKind::Ssd | DetectorKind::Yolo | DetectorKind::AnchorFree => ALL,
        }
    }

    /// The question that belongs to it.
    pub fn target(self, subject: &Subject) -> Target {
        match self {
            Self::Mean => subject.class(subject.detection.class, Contrast::Mean),
            Self::RunnerUp => subject.class(
                subject.detection.class,
                Contrast::Class(subject.runner_up.into()),
            ),
            Self::Offset => Target {
                default_box: subject.detection.default_box,
                output: TargetOutput::Offset(subject.offset, Some(subject.direction)),
                contrast: Some(Contrast::None),
            },
        }
    }
}

/// A detection whose explanations are judged.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The detection.
    pub detection: Detection,
    /// The best other class, background left out.
    pub runner_up: ClassId,
    /// The offset of the largest magnitude.
    pub offset: Offset,
    /// The direction that the network predicted for it.
    pub direction: Direction,
    /// The box that somebody drew around the object that was found, where the truth is given.
    pub truth: Option<Rect>,
    /// Boxes of other objects on the picture: detections, or true ones where the truth is given.
    pub others: Vec<Rect>,
}

impl Subject {
    /// `background` is the model's, if it has one: it is the second class where there is no other.
    ///
    /// # Errors
    /// A model with a single class, which leaves nothing to compare with.
    pub fn new(detection: Detection, background: Option<ClassId>) -> Result<Self> {
        let runner_up = detection.runner_up.map(|(class, _)| class).or(background);
        let runner_up = runner_up
            .context("the model has one class only: there is no second class to compare with")?;
        let value = |offset: Offset| detection.offsets[offset as usize];
        let [first, rest @ ..] = Offset::ALL;
        let offset = rest.into_iter().fold(first, |largest, offset| {
            if value(offset).abs() > value(largest).abs() {
                offset
            } else {
                largest
            }
        });
        let direction = if value(offset) < 0.0 {
            Direction::Minus
        } else {
            Direction::Plus
        };
        Ok(Self {
            detection,
            runner_up,
            offset,
            direction,
            truth: None,
            others: Vec::new(),
        })
    }

    /// The offset in its direction, as targets name it without `offset:`.
    pub fn asked_offset(&self, model: &Model) -> Option<String> {
        let is_asked = Column::of(model).contains(&Column::Offset);
        let sign = match self.direction {
            Direction::Plus => '+',
            Direction::Minus => '-',
        };
        is_asked.then(|| format!("{}{sign}", self.offset))
    }

    /// The object's box: the true one, or the detection's.
    pub fn object(&self) -> Rect {
        self.truth.unwrap_or(self.detection.rect)
    }

    /// "Why `class` here?"
    pub fn class(&self, class: ClassId, contrast: Contrast) -> Target {
        Target {
            default_box: self.detection.default_box,
            output: TargetOutput::Class(class.into()),
            contrast: Some(contrast),
        }
    }
}

/// A picture that the network has looked at, with what is taken away from it and whom it is asked about.
#[derive(Clone, Debug)]
pub struct EvaluatedPhoto {
    /// For tables: the file's name.
    pub name: String,
    /// The network's answer to the whole picture.
    pub forward: Forward,
    /// The picture in the network's input blurred with σ = [`SIGMA`], `[1, 3, h, w]`: the baseline of methods that need one, and what checks and the field's measures replace by.
    /// Bars are no part of it.
    pub reference: Array4<f32>,
    /// What deleted blocks are replaced by, of the same shape.
    pub replacement: Array4<f32>,
    /// The detections that are judged.
    pub subjects: Vec<Subject>,
    /// Which repetition this is: methods that draw random numbers draw others in each.
    pub repetition: u32,
}

impl EvaluatedPhoto {
    /// Makes a picture ready: of all its `detections`, best first, the first `most` are judged.
    ///
    /// # Errors
    /// As [`Subject::new`].
    pub fn new(
        name: String,
        forward: Forward,
        detections: &[Detection],
        most: usize,
        model: &Model,
    ) -> Result<Self> {
        let reference = blurred(&forward.input.picture_values(), SIGMA);
        let background = model.manifest.background();
        let subjects = detections.iter().take(most).map(|detection| {
            let mut subject = Subject::new(detection.clone(), background)?;
            let all = detections.iter().map(|other| other.rect);
            // What overlaps as far as this is the same object under another name.
            let is_other = |other: &Rect| other.iou(&detection.rect) < ON_OBJECT;
            subject.others = all.filter(is_other).collect();
            Ok(subject)
        });
        let subjects = subjects.collect::<Result<_>>()?;
        Ok(Self {
            name,
            forward,
            replacement: reference.clone(),
            reference,
            subjects,
            repetition: 0,
        })
    }

    /// Looks at a picture and makes it ready: what a `detector` of the `model` sees there by these thresholds is judged, the best `most` detections; of a classifier that
    /// is sure of nothing, the likeliest class.
    ///
    /// # Errors
    /// As [`Detector::look`] and [`EvaluatedPhoto::new`].
    pub fn look(
        name: String,
        picture: &RgbImage,
        model: &Model,
        detector: &mut Detector,
        thresholds: Thresholds,
        most: usize,
    ) -> Result<Self> {
        let forward = detector.look(picture)?;
        let mut detections = detector.detections(&forward, thresholds)?;
        if detections.is_empty() && model.manifest.kind == DetectorKind::Classifier {
            // It always says something of the picture.
            detections.push(detector.describe(&forward, 0)?);
        }
        Self::new(name, forward, &detections, most, model)
    }

    /// The same with other contents of deleted blocks.
    #[must_use]
    pub fn with_replacement(mut self, replacement: Replacement) -> Self {
        let picture = self.forward.input.picture_values();
        self.replacement = replacement.of(&picture, &self.reference);
        self
    }

    /// The same with what is really on the picture, class and box: a detection found the object of its class that it overlaps most, if that is enough.
    #[must_use]
    pub fn with_truth(mut self, truth: &[(ClassId, Rect)]) -> Self {
        for subject in &mut self.subjects {
            let Detection { class, rect, .. } = subject.detection;
            let found = truth.iter().enumerate();
            let found =
                found.filter(|(_, (of, object))| *of == class && object.iou(&rect) >= ON_OBJECT);
            let found =
                found.max_by(|(_, (_, a)), (_, (_, b))| a.iou(&rect).total_cmp(&b.iou(&rect)));
            // Without an object of its own there are no others.
            let others = found.map(|(own, _)| {
                let others = truth.iter().enumerate();
                others.filter(move |(other, _)| *other != own)
            });
            let others = others.into_iter().flatten();
            subject.others = others.map(|(_, (_, object))| *object).collect();
            subject.truth = found.map(|(_, (_, object))| *object);
        }
        self
    }

    /// The picture with a little noise, the network asked anew: Gaussian, σ = [`NOISE`] of the range of a colour, drawn for each colour of each pixel.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime.
    pub fn noisy(&self, detector: &mut Detector, model: &Model, seed: u64) -> Result<Self> {
        let mut random = Random::new(seed, &format!("noise of {}", self.name));
        let mut picture = self.forward.input.picture_values();
        let deviation = model
            .manifest
            .input
            .std
            .map(|std| NOISE * 255.0 / f64::from(std));
        for ((_, channel, _, _), value) in picture.indexed_iter_mut() {
            *value += (random.normal() * deviation[channel]) as f32;
        }
        let input = self.forward.input.with_picture_values(&picture)?;
        Ok(Self {
            name: self.name.clone(),
            forward: detector.forward(input)?,
            reference: blurred(&picture, SIGMA),
            replacement: self.replacement.clone(),
            subjects: self.subjects.clone(),
            repetition: self.repetition + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::crp::Quantity;
    use crate::detect::{Fit, Handed, NetworkInput};
    use crate::geometry::Size;

    /// A forward pass in which every output has a number of its own.
    fn made_up(model: &Model) -> Forward {
        let boxes = model.default_boxes.len();
        let value = |(d, k): (usize, usize)| ((d * 31 + k * 17) % 101) as f32 / 7.0 - 6.0;
        Forward {
            input: NetworkInput {
                tensor: Array4::zeros((1, 3, 300, 300)),
                fit: Fit::warped(Size::new(300, 300), Size::new(300, 300)),
            },
            logits: Array2::from_shape_fn((boxes, model.manifest.labels.len()), value),
            objectness: None,
            offsets: Array2::from_shape_fn((boxes, 4), value),
            distances: None,
            handed: Handed::default(),
        }
    }

    #[test]
    fn quantities_are_those_of_the_protocol() {
        let model = Model::built_in().unwrap();
        let forward = made_up(&model);
        let default_box = 1436;
        let logits = forward.logits.row(default_box).to_vec();
        let offsets = std::array::from_fn(|q| forward.offsets[[default_box, q]]);
        let class = ClassId(20);
        let trained = |k: usize| k == 0 || model.manifest.trained(ClassId(k));
        let detection = Detection {
            class,
            score: 0.5,
            rect: Rect::new(0.0, 0.0, 0.0, 0.0),
            default_box,
            logits: logits.clone(),
            objectness: None,
            offsets,
            runner_up: Some((ClassId(19), 0.1)),
        };
        let subject = Subject::new(detection, None).unwrap();
        let value = |column: Column| {
            Quantity::new(&column.target(&subject), &model, &forward)
                .unwrap()
                .value(&forward)
        };

        let others: Vec<f64> = (0..logits.len())
            .filter(|&k| k != class.0 && trained(k))
            .map(|k| f64::from(logits[k]))
            .collect();
        assert_eq!(others.len(), 80);
        let expected = f64::from(logits[class.0]) - others.iter().sum::<f64>() / 80.0;
        assert!((value(Column::Mean) - expected).abs() < 1e-5);
        let expected = f64::from(logits[class.0] - logits[19]);
        assert!((value(Column::RunnerUp) - expected).abs() < 1e-5);
        let expected = offsets.iter().fold(0.0_f32, |most, o| most.max(o.abs()));
        assert_eq!(value(Column::Offset), f64::from(expected));
    }
}
