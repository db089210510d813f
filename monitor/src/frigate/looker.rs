//! Looks at an object that somebody else detected: a picture and a box with a label in, what the own network says of it out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use image::RgbImage;

use ssdcrp::detect::{Model, Thresholds, preprocess};
use ssdcrp::geometry::Rect;
use ssdcrp::lock::lock;
use ssdcrp::stream::selection::{Selection, SelectionRule};
use ssdcrp::stream::settings::{DisplaySettings, QuestionSettings, StreamSettings};
use ssdcrp::stream::{
    ExplainedObject, FrameInfo, FrameTime, Session, Stream, StreamFrame, UnmatchedReason,
    UpstreamDetection, Zones,
};

use crate::owner::Owner;
use crate::single_look::SingleLook;

/// An explanation takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Labels that Frigate calls otherwise than the networks of COCO do. Source: its documentation, "Advanced options", `model`: "By default, truck is renamed to car because they are often
/// confused."
const ALSO: [(&str, &str); 1] = [("car", "truck")];

/// The own network at work on single pictures.
pub struct Looker {
    session: Arc<Session<Owner>>,
    stream: Stream<Owner>,
    found: Arc<SingleLook>,
    settings: Arc<StreamSettings>,
    /// Held while it looks.
    busy: Mutex<()>,
    is_stopped: AtomicBool,
}

/// What it says.
pub enum ObjectVerdict {
    Explained {
        explained: Arc<ExplainedObject>,
        /// The picture with everything over it.
        annotated: RgbImage,
        /// In which colour it is drawn what speaks for the answer.
        colour: &'static str,
    },
    /// It cannot be explained, and why.
    Unmatched(UnmatchedReason),
    /// Something failed.
    Failed(String),
}

/// What the own network may call an object, the likeliest first.
fn own_labels(label: &str) -> impl Iterator<Item = &str> {
    let others = ALSO.iter().filter(move |(theirs, _)| *theirs == label);
    [label].into_iter().chain(others.map(|(_, own)| *own))
}

impl Looker {
    /// With a threshold of its own, or the manifest's.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(session: Arc<Session<Owner>>, score: Option<f32>) -> Result<Self> {
        let found = Arc::<SingleLook>::default();
        let own = Thresholds::from(&session.model().manifest.detection);
        let settings = StreamSettings {
            thresholds: Thresholds {
                score: score.unwrap_or(own.score),
                ..own
            },
            question: QuestionSettings::default(),
            selection: Some(Selection {
                rule: SelectionRule::Best,
                most: 1,
                expected: [].into(),
            }),
            explain_interval: Duration::ZERO,
            check: true,
            events: None,
            zones: Zones::default(),
            display: DisplaySettings::default(),
        };
        Ok(Self {
            stream: session.stream(Owner::Single(found.clone()), None)?,
            session,
            found,
            settings: Arc::new(settings),
            busy: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Looks at nothing any more; what it looks at is given up.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.stream.cancel();
        drop(lock(&self.busy));
    }

    pub fn model(&self) -> &Model {
        self.session.model()
    }

    /// Looks at a picture, in which something called so was detected at `rect`, in its shares. It takes as long as an explanation does.
    pub fn look(&self, picture: &Arc<RgbImage>, rect: Rect, label: &str) -> ObjectVerdict {
        let _busy = lock(&self.busy);
        let mut unmatched = None;
        for label in own_labels(label) {
            match self.look_for(picture, rect, label) {
                Ok(ObjectVerdict::Unmatched(reason)) => unmatched = unmatched.or(Some(reason)),
                Ok(verdict) => return verdict,
                Err(error) => return ObjectVerdict::Failed(format!("{error:#}")),
            }
        }
        unmatched.map_or_else(
            || ObjectVerdict::Failed("nothing was asked".to_owned()),
            ObjectVerdict::Unmatched,
        )
    }

    fn look_for(&self, picture: &Arc<RgbImage>, rect: Rect, label: &str) -> Result<ObjectVerdict> {
        // No object of another picture is the same.
        self.stream.flush();
        self.stream.resume();
        ensure!(!self.is_stopped.load(Ordering::SeqCst), "the monitor ends");
        self.found.take();
        let info = FrameInfo {
            time: FrameTime::default(),
            size: picture.dimensions().into(),
            pixel_aspect: 1.0,
            epoch: self.stream.epoch(),
        };
        let (model, pixels) = (self.session.model().clone(), picture.clone());
        let frame = StreamFrame {
            info,
            input: Box::new(move || {
                preprocess::sample(&*pixels, model.input_size, &model.manifest.input)
            }),
            settings: self.settings.clone(),
            late: false,
            picture: None,
        };
        let detected = UpstreamDetection {
            id: 0,
            label: label.to_owned(),
            confidence: None,
            rect,
        };
        self.stream.look_at_detected(frame, vec![detected])?;
        self.stream.settle(PATIENCE)?;
        let shown = self.stream.shown()?;
        let found = self.found.take();
        if let Some(unmatched) = found.unmatched.first() {
            return Ok(ObjectVerdict::Unmatched(unmatched.reason));
        }
        let Some(explained) = found.explained.into_iter().next() else {
            let words = || format!("no explanation came in {} s", PATIENCE.as_secs());
            return Ok(ObjectVerdict::Failed(found.failure.unwrap_or_else(words)));
        };
        let mut annotated = RgbImage::clone(picture);
        let shown = shown.context("nothing was drawn")?;
        if let Some(canvas) = &shown.prepared {
            canvas.compose_onto(&mut annotated)?;
        }
        Ok(ObjectVerdict::Explained {
            explained,
            annotated,
            colour: found.colour,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_car_of_frigates_may_be_a_truck() {
        assert_eq!(own_labels("car").collect::<Vec<_>>(), ["car", "truck"]);
        assert_eq!(own_labels("truck").collect::<Vec<_>>(), ["truck"]);
        assert_eq!(own_labels("dog").collect::<Vec<_>>(), ["dog"]);
    }
}
