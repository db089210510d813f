//! The report: photos in, one HTML page out that shows what was detected, what looks wrong about it, and why the network said so.
//!
//! Where there is ground truth, the page also says of what kind the errors are, and what speaks for the wrong class where classes are confused.
//!
//! A [`Reporter`] looks at photos one by one ([`Reporter::look`]), or at frames of events that were kept ([`Reporter::recall`]), then explains what it found ([`Reporter::explain`]) and gives back the [`Page`]. The page needs
//! nothing else: pictures, styles and script are in it.

mod chart;
mod comparison;
mod confused;
mod css_rect;
mod event;
mod explanations;
mod missed;
mod page;
#[cfg(feature = "compare")]
pub(crate) mod parts;
mod photo;
mod picture;
mod view;

pub use page::Page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use crate::crp::{Composite, Propagator};
use crate::detect::{ClassId, Detector, Model, Thresholds, preprocess};
use crate::error::Result;
use crate::limits::MOST_OBJECTS;
use crate::runtime::SessionOptions;
use crate::stream::Tracked;
use crate::stream::evidence::EventRecord;
use crate::stream::monitor::{EventThresholds, Monitor};
use crate::truth::{Judgement, Truth, Verdict, judge};
use comparison::Comparison;
use confused::{ConfusedDetection, ConfusionMeans};
use event::ReportedEvent;
use explanations::ObjectExplanations;
use missed::missed;
use photo::{Judged, ReportedObject, ReportedPhoto};
use picture::Photo;

/// What is to be reported.
#[derive(Clone, Debug)]
pub struct ReportOptions {
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
    explainer: Propagator,
    options: ReportOptions,
    photos: Vec<ReportedPhoto>,
    left_out: Vec<String>,
}

impl Reporter {
    /// Prepares model and composite; networks run as `session` says.
    ///
    /// # Errors
    /// As [`Detector::new`] and [`Propagator::new`].
    pub fn new(
        model: Arc<Model>,
        composite: Composite,
        session: SessionOptions,
        options: ReportOptions,
    ) -> Result<Self> {
        Ok(Self {
            // Forward passes of all photos are kept, so they hand nothing over, which would be some 10 MB each.
            detector: Detector::new(model.clone(), session)?,
            explainer: Propagator::new(model.clone(), composite, session)?,
            model,
            options,
            photos: Vec::new(),
            left_out: Vec::new(),
        })
    }

    /// Leaves no more objects than a page holds, and says so on it: each takes a quarter of a megabyte.
    fn keep_most_suspicious(&mut self, order: &mut Vec<(usize, usize)>) {
        let count = order.len();
        let suspicion =
            |(photo, object): (usize, usize)| page::suspicion(&self.photos[photo].objects[object]);
        keep_largest(order, suspicion, MOST_OBJECTS);
        if order.len() < count {
            self.left_out.push(format!(
                "{} of {count} objects, those that look least wrong: a page holds {MOST_OBJECTS}",
                count - order.len()
            ));
        }
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
        let mut events: BTreeMap<usize, Vec<ReportedEvent>> = BTreeMap::new();
        // A photo knows no other: each detection is an object.
        let tracked = (0..).zip(detections.clone());
        let tracked: Vec<Tracked> = tracked
            .map(|(object, detection)| Tracked { object, detection })
            .collect();
        let raised = Monitor::default().observe(&self.options.monitor, Duration::ZERO, &tracked);
        for event in raised {
            let of_box = events.entry(event.detection.default_box).or_default();
            of_box.push(ReportedEvent::from_event(&event, &manifest.labels));
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
        let mut objects: Vec<ReportedObject> = Vec::new();
        for (index, detection) in detections.into_iter().enumerate() {
            let verdict = judged.as_ref().map(|judged| judged.verdicts[index].1);
            let confused = match verdict {
                Some(Verdict::Class { truth }) => {
                    Some(ConfusedDetection::new(&detection, truth, photo))
                }
                _ => None,
            };
            let is_here =
                |o: &&mut ReportedObject| o.detection.default_box == detection.default_box;
            if let Some(object) = objects.iter_mut().find(is_here) {
                object.confused.extend(confused);
            } else {
                objects.push(ReportedObject {
                    events: events.remove(&detection.default_box).unwrap_or_default(),
                    confused: confused.into_iter().collect(),
                    verdict,
                    detection,
                });
            }
        }
        self.photos.push(ReportedPhoto {
            image: Photo::new(name, photo)?,
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
    pub fn recall(&mut self, name: String, frame: &RgbImage, events: &[EventRecord]) -> Result<()> {
        let manifest = &self.model.manifest;
        let input = preprocess::sample(frame, self.model.input_size, &manifest.input)?;
        let forward = self.detector.forward(input)?;
        let mut objects: Vec<ReportedObject> = Vec::new();
        for event in events {
            let doubt = ReportedEvent::from_record(event)?;
            let of_box = |o: &&mut ReportedObject| o.detection.default_box == event.default_box;
            if let Some(object) = objects.iter_mut().find(of_box) {
                object.events.push(doubt);
                continue;
            }
            objects.push(ReportedObject {
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
        self.photos.push(ReportedPhoto {
            image: Photo::new(name, frame)?,
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
        self.photos.iter().map(|photo| photo.objects.len()).sum()
    }

    /// Explains all objects, the most suspicious first in the page; `told` is called with a photo's name before each. What cannot be explained says why on the page.
    ///
    /// # Errors
    /// A class that the model does not have.
    pub fn explain(mut self, mut told: impl FnMut(&str)) -> Result<Page> {
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (index, photo) in self.photos.iter().enumerate() {
            order.extend((0..photo.objects.len()).map(|object| (index, object)));
        }
        self.keep_most_suspicious(&mut order);
        // Objects of one head share its explanation networks, of which the explainer keeps only a few.
        order.sort_by_key(|&(photo, object)| {
            let default_box = self.photos[photo].objects[object].detection.default_box;
            self.model.layout.locate(default_box).map(|l| l.head)
        });
        let mut cards = Vec::new();
        let mut pairs = ConfusionMeans::default();
        for (index, object) in order {
            let photo = &self.photos[index];
            told(&photo.image.name);
            let object = &photo.objects[object];
            let explanations = ObjectExplanations::of(
                object,
                &photo.forward,
                &self.model,
                &mut self.explainer,
                &self.options.what_if,
            );
            for confused in &object.confused {
                // What cannot be explained says so on the card.
                if explanations.is_ok() {
                    pairs.add(confused, &photo.forward, &mut self.explainer)?;
                }
            }
            cards.push(page::card(index, photo, object, explanations, &self.model)?);
        }
        cards.sort_by(|a, b| {
            b.suspicion
                .total_cmp(&a.suspicion)
                .then_with(|| a.id.cmp(&b.id))
        });
        let missed = missed(
            &self.photos,
            &self.model,
            &mut self.explainer,
            self.options.thresholds,
        );
        let labels = &self.model.manifest.labels;
        let truth = self.options.truth.as_ref();
        let comparison = truth
            .map(|truth| Comparison::new(truth, &self.photos, &pairs, missed, labels))
            .transpose()?;
        Ok(Page::new(
            &self.model,
            self.explainer.composite(),
            self.photos.into_iter().map(|photo| photo.image),
            cards,
            comparison,
            self.left_out,
        ))
    }
}

/// Keeps those of the largest values, no more than `most`; of equal ones the first.
fn keep_largest<T: Copy + Ord>(items: &mut Vec<T>, value: impl Fn(T) -> f32, most: usize) {
    if items.len() > most {
        items.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        items.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::keep_largest;

    #[test]
    fn a_page_holds_those_that_look_worst() {
        let values = [0.5, 2.0, 0.5, 9.0, 0.25];
        let kept = |most: usize| {
            let mut items = vec![0, 1, 2, 3, 4];
            keep_largest(&mut items, |item: usize| values[item], most);
            items
        };
        assert_eq!(kept(5), [0, 1, 2, 3, 4]);
        assert_eq!(kept(3), [3, 1, 0]);
    }
}
