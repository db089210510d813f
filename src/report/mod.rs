//! The report: photos in, one HTML page out that shows what was detected, what looks wrong about it, and why the network said so.
//!
//! A [`Reporter`] looks at photos one by one ([`Reporter::look`]), then explains what it found ([`Reporter::explain`]) and gives back the [`Page`]. The page needs
//! nothing else: pictures, styles and script are in it.

mod answers;
mod chart;
mod page;
mod picture;

pub use page::Page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use image::RgbImage;

use crate::crp::{Composite, Explainer};
use crate::monitor::{Event, Monitor, Settings};
use crate::ssd::{Detection, Detector, Forward, Model, Thresholds, preprocess};
use answers::Answers;
use picture::Photo;

/// What is to be reported.
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes a detection.
    pub thresholds: Thresholds,
    /// What looks wrong.
    pub monitor: Settings,
    /// Classes that every object is also asked about: what would speak for them?
    pub what_if: Vec<usize>,
}

/// Makes a report of photos that have nothing to do with each other.
pub struct Reporter {
    model: Arc<Model>,
    detector: Detector,
    explainer: Explainer,
    options: Options,
    sights: Vec<Sight>,
}

/// A photo that was looked at.
struct Sight {
    photo: Photo,
    forward: Forward,
    objects: Vec<Object>,
}

/// A default box at which something was detected, with what looks wrong about it.
struct Object {
    detection: Detection,
    events: Vec<Event>,
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
        let mut monitor = Monitor::new(self.options.monitor.clone());
        let mut events: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
        for event in monitor.observe(Duration::ZERO, &detections) {
            let of_box = events.entry(event.detection.default_box).or_default();
            of_box.push(event);
        }
        // A default box that was detected as several classes is one object; its best class comes first.
        let mut objects: Vec<Object> = Vec::new();
        for detection in detections {
            let is_known = |o: &Object| o.detection.default_box == detection.default_box;
            if !objects.iter().any(is_known) {
                objects.push(Object {
                    events: events.remove(&detection.default_box).unwrap_or_default(),
                    detection,
                });
            }
        }
        self.sights.push(Sight {
            photo: Photo::new(name, photo)?,
            forward,
            objects,
        });
        Ok(())
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
            cards.push(page::card(index, sight, object, answers, &self.model)?);
        }
        cards.sort_by(|a, b| {
            b.suspicion
                .total_cmp(&a.suspicion)
                .then_with(|| a.id.cmp(&b.id))
        });
        Ok(Page::new(
            &self.model,
            self.explainer.composite(),
            self.sights.into_iter().map(|sight| sight.photo),
            cards,
        ))
    }
}
