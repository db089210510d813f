//! The first half of the work: what is to be seen in a frame, and what of it is to be explained.
//!
//! In: a [`Job`], the network's input sampled from a frame with the settings of that moment. Out: a [`Sight`], and, when
//! it is time for one, a [`Question`] about it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use ::ssdcrp::ssd::{Detection, Detector, Forward, Model, NetworkInput};
use ::ssdcrp::tracking::Tracker;
use anyhow::Result;

use super::negotiation::Surface;
use super::pace::Pace;
use super::picking::Picking;
use super::results::{Region, Stamp};
use super::selection::Selection;
use super::settings::{Asked, Settings};

/// A frame to be analysed.
#[derive(Debug)]
pub struct Job {
    pub input: NetworkInput,
    pub stamp: Stamp,
    /// Which stretch of the stream the frame belongs to; a flush begins a new one.
    pub stretch: u64,
    /// What the overlay is made for.
    pub surface: Surface,
    pub settings: Settings,
    /// Downstream gets its frames too late: this one is not explained.
    pub late: bool,
}

/// What was detected in a frame.
#[derive(Debug)]
pub struct Sight {
    pub stamp: Stamp,
    pub stretch: u64,
    pub surface: Surface,
    pub settings: Settings,
    /// Best first.
    pub detections: Vec<Detection>,
    /// The object that each detection is.
    pub objects: Vec<u64>,
    /// Each detection for machines, where it has a place.
    pub regions: Vec<Option<Region>>,
    /// Indices of the detections that are to be explained, whether or not it is time for that.
    pub chosen: Vec<usize>,
    /// What the user asked when it was seen.
    pub asked: Asked,
}

impl Sight {
    /// The frame's size in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.surface.info.width(), self.surface.info.height())
    }
}

/// A frame whose chosen detections are explained now.
#[derive(Debug)]
pub struct Question {
    pub sight: Arc<Sight>,
    pub forward: Forward,
}

/// What comes out of a frame.
pub struct Seen {
    pub sight: Arc<Sight>,
    /// `None` where nothing is to be explained, or not yet again.
    pub question: Option<Question>,
    /// Why nothing can be selected, the first time that the settings of this moment lead to that.
    pub warning: Option<anyhow::Error>,
}

/// The detector at work.
pub struct Sights {
    model: Arc<Model>,
    detector: Detector,
    tracker: Tracker,
    picking: Arc<Mutex<Picking>>,
    stretch: u64,
    explained: Pace<Asked>,
    /// Settings that nothing could be selected with.
    warned: HashSet<[String; 2]>,
}

impl Sights {
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network.
    pub fn new(model: Arc<Model>, threads: usize, picking: Arc<Mutex<Picking>>) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(model.clone(), threads)?,
            model,
            tracker: Tracker::default(),
            picking,
            stretch: 0,
            explained: Pace::default(),
            warned: HashSet::new(),
        })
    }

    /// Detects, finds known objects again, and decides what is to be explained.
    ///
    /// # Errors
    /// The network does not run.
    pub fn see(&mut self, job: Job) -> Result<Seen> {
        if self.stretch != job.stretch {
            self.stretch = job.stretch;
            self.tracker.forget();
            self.explained.reset();
        }
        let size = (job.surface.info.width(), job.surface.info.height());
        let forward = self.detector.forward(job.input)?;
        let detections = (self.detector).detections(&forward, job.settings.thresholds())?;
        let objects = self.tracker.follow(&detections);
        let picked = self.picked();

        let manifest = &self.model.manifest;
        let selection = Selection::new(&job.settings, manifest);
        let unexpected = |class| (selection.as_ref()).is_ok_and(|s| s.unexpected(class));
        let regions = (detections.iter().zip(&objects))
            .map(|(detection, &object)| {
                let unexpected = unexpected(detection.class);
                Region::new(detection, object, unexpected, manifest, size)
            })
            .collect();
        let (chosen, warning) = match (picked, selection) {
            (Some(picked), _) => {
                let place = objects.iter().position(|&object| object == picked);
                (place.into_iter().collect(), None)
            }
            (None, Ok(selection)) => (selection.of(&detections, size), None),
            (None, Err(error)) => {
                let first = self.warned.insert(job.settings.selection());
                (vec![], first.then_some(error))
            }
        };
        let asked = job.settings.asked(picked);
        let now = job.stamp.running_time;
        let due = !job.late
            && !chosen.is_empty()
            && (self.explained).due(now, job.settings.explain_interval(), &asked);
        if due {
            self.explained.begin(now, asked.clone());
        }
        let sight = Arc::new(Sight {
            stamp: job.stamp,
            stretch: job.stretch,
            surface: job.surface,
            settings: job.settings,
            detections,
            objects,
            regions,
            chosen,
            asked,
        });
        let question = due.then(|| Question {
            sight: sight.clone(),
            forward,
        });
        Ok(Seen {
            sight,
            question,
            warning,
        })
    }

    /// The object that the user has picked, unless it is gone.
    fn picked(&self) -> Option<u64> {
        let mut picking = (self.picking.lock()).unwrap_or_else(PoisonError::into_inner);
        if picking
            .picked()
            .is_some_and(|object| !self.tracker.knows(object))
        {
            picking.release();
        }
        picking.picked()
    }
}
