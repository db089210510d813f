//! The first half of the work: what is to be seen in a frame, and what of it is to be explained.
//!
//! In: a [`Job`], the network's input sampled from a frame with the settings of that moment. Out: a [`Sight`], and, when
//! it is time for one, a [`Question`] about it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::ssdcrp::detect::{ClassId, Detection, Detector, Forward, Model, NetworkInput};
use ::ssdcrp::geometry::Size;
use ::ssdcrp::stream::monitor::Monitor;
use ::ssdcrp::stream::tracking::Tracker;
use anyhow::Result;

use super::events::Raised;
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
    /// The frame itself, where evidence is kept.
    pub frame: Option<gst::Buffer>,
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
    /// What looks wrong.
    pub events: Vec<Arc<Raised>>,
}

impl Sight {
    /// The frame's.
    pub fn size(&self) -> Size {
        self.surface.size()
    }

    /// The detection of an object as this class.
    pub fn index_of(&self, object: u64, class: ClassId) -> Option<usize> {
        let classes = self.detections.iter().map(|detection| detection.class);
        let mut seen = self.objects.iter().zip(classes);
        seen.position(|(&known, as_class)| known == object && as_class == class)
    }
}

/// A frame of which something is explained now.
#[derive(Debug)]
pub struct Question {
    pub sight: Arc<Sight>,
    pub forward: Arc<Forward>,
    pub about: About,
    /// The frame itself, where evidence of its events is kept.
    pub frame: Option<gst::Buffer>,
}

/// What is explained of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The chosen detections.
    Chosen,
    /// What its events ask.
    Events,
}

/// What comes out of a frame.
pub struct Seen {
    pub sight: Arc<Sight>,
    /// `None` where nothing is to be explained, or not yet again.
    pub question: Option<Question>,
    /// What the frame's events ask; `None` where it has none.
    pub urgent: Option<Question>,
    /// Why nothing can be selected, once for each reason.
    pub warning: Option<anyhow::Error>,
}

/// The detector at work.
pub struct Sights {
    model: Arc<Model>,
    detector: Detector,
    tracker: Tracker,
    monitor: Monitor,
    /// Events so far.
    raised: u64,
    picking: Arc<Mutex<Picking>>,
    stretch: u64,
    /// The objects that were chosen last, and what for.
    chosen: Option<(Asked, Vec<u64>)>,
    explained: Pace<Asked>,
    /// Why nothing could be selected, as far as that was told.
    warned: HashSet<String>,
}

impl Sights {
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network.
    pub fn new(model: Arc<Model>, threads: usize, picking: Arc<Mutex<Picking>>) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(model.clone(), threads)?,
            model,
            tracker: Tracker::default(),
            monitor: Monitor::default(),
            raised: 0,
            picking,
            stretch: 0,
            chosen: None,
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
            self.monitor.forget();
            self.chosen = None;
            self.explained.reset();
        }
        let size = job.surface.size();
        let forward = Arc::new(self.detector.forward(job.input)?);
        let detections = (self.detector).detections(&forward, job.settings.thresholds())?;
        let tracked = self.tracker.follow(detections);
        let (objects, detections): (Vec<u64>, Vec<Detection>) = (tracked.iter())
            .map(|tracked| (tracked.object, tracked.detection.clone()))
            .unzip();
        let picked = self.picked();
        let asked = job.settings.asked(picked);
        // What was chosen by other rules is no reason for this choice.
        (self.chosen).take_if(|(before, _)| !before.chooses_like(&asked));

        let manifest = &self.model.manifest;
        let selection = Selection::new(&job.settings, manifest);
        let unexpected = |class| (selection.as_ref()).is_ok_and(|s| s.unexpected(class));
        let regions: Vec<Option<Region>> = (detections.iter().zip(&objects))
            .map(|(detection, &object)| {
                let unexpected = unexpected(detection.class);
                Region::new(detection, object, unexpected, manifest, size)
            })
            .collect();
        let thresholds = (job.settings.events).thresholds(selection.as_ref().ok());
        let events = thresholds.map_or(vec![], |thresholds| {
            let time = job.stamp.running_time.map_or(0, |time| time.nseconds());
            let time = Duration::from_nanos(time);
            (self.monitor).observe(&thresholds, time, &tracked)
        });
        let events = (events.into_iter())
            .filter_map(|event| {
                let index = objects.iter().position(|&object| object == event.object)?;
                let region = regions.get(index)?.as_ref()?;
                self.raised += 1;
                Some(Raised::new(self.raised, event, region, manifest))
            })
            .collect();
        let (chosen, warning) = match (picked, selection) {
            (Some(picked), _) => {
                let place = objects.iter().position(|&object| object == picked);
                (place.into_iter().collect(), None)
            }
            (None, Ok(selection)) => {
                let before = self.chosen.as_ref().map(|(_, chosen)| &chosen[..]);
                let before = before.unwrap_or_default();
                let kept = |index: usize| before.contains(&objects[index]);
                (selection.of(&detections, kept, size), None)
            }
            (None, Err(error)) => {
                let first = self.warned.insert(format!("{error:#}"));
                (vec![], first.then_some(error))
            }
        };
        // Where nothing is to be explained for a moment, the choice before it still counts.
        if !chosen.is_empty() {
            let chosen = chosen.iter().map(|&index| objects[index]).collect();
            self.chosen = Some((asked.clone(), chosen));
        }
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
            events,
        });
        let ask = |about, frame| Question {
            sight: sight.clone(),
            forward: forward.clone(),
            about,
            frame,
        };
        Ok(Seen {
            question: due.then(|| ask(About::Chosen, None)),
            urgent: (!sight.events.is_empty()).then(|| ask(About::Events, job.frame)),
            sight,
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
