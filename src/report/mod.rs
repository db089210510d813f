//! The report: photos in, one HTML page out that shows what was detected, what looks wrong about it, and why the network said so.
//!
//! Where there is ground truth, the page also says of what kind the errors are, and what speaks for the wrong class where classes are confused.
//!
//! A [`Reporter`] looks at photos one by one ([`Reporter::look`]), or at frames of events that were kept ([`Reporter::recall`]), then explains what it found ([`Reporter::explain`]) and gives back the [`Page`]. The page needs
//! nothing else: pictures, styles and script are in it.

mod answers;
mod chart;
mod comparison;
mod confused;
mod doubt;
mod page;
mod picture;

pub use page::Page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use crate::crp::{Composite, Explainer};
use crate::detect::{ClassId, Detection, Detector, Forward, Model, Thresholds, preprocess};
use crate::error::Result;
use crate::geometry::Rect;
use crate::stream::evidence::Told;
use crate::stream::monitor::{EventThresholds, Monitor};
use crate::stream::tracking::Tracked;
use crate::truth::{Annotated, Judgement, Truth, Verdict, judge};
use answers::Answers;
use comparison::Comparison;
use confused::{Confused, Pairs};
use doubt::Doubt;
use picture::Photo;

/// What is to be reported.
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes a detection.
    pub thresholds: Thresholds,
    /// What looks wrong.
    pub monitor: EventThresholds,
    /// Classes that every object is also asked about: what would speak for them?
    pub what_if: Vec<ClassId>,
    /// What is really on the photos.
    pub truth: Option<Truth>,
}

/// Makes a report of photos that have nothing to do with each other.
pub struct Reporter {
    model: Arc<Model>,
    detector: Detector,
    explainer: Explainer,
    options: Options,
    sights: Vec<Sight>,
    left_out: Vec<String>,
}

/// A photo that was looked at.
struct Sight {
    photo: Photo,
    forward: Forward,
    objects: Vec<Object>,
    /// Boxes that are seen there, and have no card.
    beside: Vec<Rect>,
    /// Where somebody has annotated the photo.
    judged: Option<Judged>,
}

/// A photo's ground truth, and what that makes of its detections.
struct Judged {
    truth: Vec<Annotated>,
    /// Class and verdict of each detection.
    verdicts: Vec<(ClassId, Verdict)>,
    /// Indices into `truth`.
    missed: Vec<usize>,
}

/// A default box at which something was detected, with what looks wrong about it.
struct Object {
    detection: Detection,
    events: Vec<Doubt>,
    /// Of its best class; `None` without ground truth.
    verdict: Option<Verdict>,
    /// Each class that was detected here in place of another one.
    confused: Vec<Confused>,
}

impl Reporter {
    /// Prepares model and composite, on `threads` threads (0 = as many as there are cores).
    ///
    /// # Errors
    /// As [`Detector::new`] and [`Explainer::new`].
    pub fn new(
        model: Arc<Model>,
        composite: Composite,
        threads: usize,
        options: Options,
    ) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(model.clone(), threads)?,
            explainer: Explainer::new(model.clone(), composite, threads)?,
            model,
            options,
            sights: Vec::new(),
            left_out: Vec::new(),
        })
    }

    /// Detects, and finds what looks wrong. `name` is what the page calls the photo.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, or a photo without pixels.
    pub fn look(&mut self, name: String, photo: &RgbImage) -> Result<()> {
        let manifest = &self.model.manifest;
        let input = preprocess::sample(photo, self.model.input_size, &manifest.input)?;
        let forward = self.detector.forward(input)?;
        let detections = self
            .detector
            .detections(&forward, self.options.thresholds)?;
        let mut events: BTreeMap<usize, Vec<Doubt>> = BTreeMap::new();
        // A photo knows no other: each detection is an object.
        let tracked = (0..).zip(detections.clone());
        let tracked: Vec<Tracked> = tracked
            .map(|(object, detection)| Tracked { object, detection })
            .collect();
        let raised = Monitor::default().observe(&self.options.monitor, Duration::ZERO, &tracked);
        for event in raised {
            let of_box = events.entry(event.detection.default_box).or_default();
            of_box.push(Doubt::raised(&event, &manifest.labels));
        }
        let truth = self
            .options
            .truth
            .as_ref()
            .and_then(|truth| truth.of(&name));
        let judgement: Option<Judgement> = truth.map(|truth| judge(&detections, truth));
        let judged = truth.zip(judgement).map(|(truth, judgement)| {
            let classes = detections.iter().map(|detection| detection.class);
            Judged {
                truth: truth.to_vec(),
                verdicts: classes.zip(judgement.verdicts).collect(),
                missed: judgement.missed,
            }
        });
        // A default box that was detected as several classes is one object; its best class comes first.
        let mut objects: Vec<Object> = Vec::new();
        for (index, detection) in detections.into_iter().enumerate() {
            let verdict = judged.as_ref().map(|judged| judged.verdicts[index].1);
            let confused = match verdict {
                Some(Verdict::Class { truth }) => Some(Confused::new(&detection, truth, photo)),
                _ => None,
            };
            let is_here = |o: &&mut Object| o.detection.default_box == detection.default_box;
            if let Some(object) = objects.iter_mut().find(is_here) {
                object.confused.extend(confused);
            } else {
                objects.push(Object {
                    events: events.remove(&detection.default_box).unwrap_or_default(),
                    confused: confused.into_iter().collect(),
                    verdict,
                    detection,
                });
            }
        }
        self.sights.push(Sight {
            photo: Photo::new(name, photo)?,
            forward,
            objects,
            beside: Vec::new(),
            judged,
        });
        Ok(())
    }

    /// Looks at a frame again in which `events` were raised: they are on the page, and nothing else of the frame. `name` is what the page calls it.
    ///
    /// # Errors
    /// As [`Reporter::look`], or events that are not of this model.
    pub fn recall(&mut self, name: String, frame: &RgbImage, events: &[Told]) -> Result<()> {
        let manifest = &self.model.manifest;
        let input = preprocess::sample(frame, self.model.input_size, &manifest.input)?;
        let forward = self.detector.forward(input)?;
        let mut objects: Vec<Object> = Vec::new();
        for event in events {
            let doubt = Doubt::told(event)?;
            let of_box = |o: &&mut Object| o.detection.default_box == event.default_box;
            if let Some(object) = objects.iter_mut().find(of_box) {
                object.events.push(doubt);
                continue;
            }
            objects.push(Object {
                detection: self
                    .detector
                    .describe_as(&forward, event.default_box, event.class)?,
                events: vec![doubt],
                verdict: None,
                confused: Vec::new(),
            });
        }
        let detections = self
            .detector
            .detections(&forward, self.options.thresholds)?;
        self.sights.push(Sight {
            photo: Photo::new(name, frame)?,
            beside: detections.iter().map(|detection| detection.rect).collect(),
            forward,
            objects,
            judged: None,
        });
        Ok(())
    }

    /// Says on the page that something is not on it, and why.
    pub fn leave_out(&mut self, reason: String) {
        self.left_out.push(reason);
    }

    /// How many objects there are to explain.
    pub fn objects(&self) -> usize {
        self.sights.iter().map(|sight| sight.objects.len()).sum()
    }

    /// Explains all objects, the most suspicious first in the page; `told` is called with a photo's name before each. What cannot be explained says why on the page.
    ///
    /// # Errors
    /// A class that the model does not have.
    pub fn explain(mut self, mut told: impl FnMut(&str)) -> Result<Page> {
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (sight, looked) in self.sights.iter().enumerate() {
            order.extend((0..looked.objects.len()).map(|object| (sight, object)));
        }
        // Objects of one head share its explanation networks, of which the explainer keeps only a few.
        order.sort_by_key(|&(sight, object)| {
            let default_box = self.sights[sight].objects[object].detection.default_box;
            self.model.layout.locate(default_box).map(|l| l.head)
        });
        let mut cards = Vec::new();
        let mut pairs = Pairs::default();
        for (index, object) in order {
            let sight = &self.sights[index];
            told(&sight.photo.name);
            let object = &sight.objects[object];
            let answers = Answers::of(
                object,
                &sight.forward,
                &self.model,
                &mut self.explainer,
                &self.options.what_if,
            );
            for confused in &object.confused {
                // What cannot be explained says so on the card.
                if answers.is_ok() {
                    pairs.add(confused, &sight.forward, &mut self.explainer)?;
                }
            }
            cards.push(page::card(index, sight, object, answers, &self.model)?);
        }
        cards.sort_by(|a, b| {
            b.suspicion
                .total_cmp(&a.suspicion)
                .then_with(|| a.id.cmp(&b.id))
        });
        let comparison = self
            .options
            .truth
            .as_ref()
            .map(|truth| Comparison::new(truth, &self.sights, &pairs, &self.model.manifest.labels))
            .transpose()?;
        Ok(Page::new(
            &self.model,
            self.explainer.composite(),
            self.sights.into_iter().map(|sight| sight.photo),
            cards,
            comparison,
            self.left_out,
        ))
    }
}
