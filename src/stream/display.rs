//! What is shown at the moment: the newest detections, and the last explanations of the objects among them.
//!
//! In: an [`Observation`] of each frame that was looked at, and explanations of an earlier frame now and then. Out: a [`View`], from which everything that frames show and carry is made.
//! The state only remembers; drawing is done from a view, without it.

use std::sync::Arc;
use std::time::Duration;

use super::explaining::{ExplainedMiss, ExplainedObject};
use super::frame::FrameInfo;
use super::observation::{Observation, ObservedEvent};
use super::settings::Asked;
use crate::detect::Labels;
use crate::overlay::{Corner, Side};

/// What is to be shown, as of one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Of two, that with the greater number was made later.
    pub number: u64,
    /// The newest frame that was looked at.
    pub observation: Arc<Observation>,
    /// The explanations that are shown, each with the index of its object's detection in the newest frame.
    pub explained: Vec<(usize, Arc<ExplainedObject>)>,
    /// Why nothing was found where the viewer asks for that; shown where no detection is explained.
    pub missing: Option<Arc<ExplainedMiss>>,
    /// What events say of detections, by their index.
    pub remarks: Vec<(usize, Arc<ObservedEvent>)>,
    /// Where what lies over the last frame was.
    pub places: OverlayPlaces,
}

/// Where tiles and caption are, which do not jump from frame to frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct OverlayPlaces {
    /// Of the tiles.
    pub tiles_side: Side,
    /// Of the caption.
    pub caption_corner: Corner,
}

impl View {
    /// The explanation that is shown of a detection.
    pub fn explanation_of(&self, index: usize) -> Option<&Arc<ExplainedObject>> {
        let mut explained = self.explained.iter();
        explained.find_map(|(of, explained)| (*of == index).then_some(explained))
    }

    /// What events say of a detection beside its label: "or horse?".
    pub fn remarks_on(&self, index: usize, labels: &Labels) -> Vec<String> {
        let remarks = self.remarks.iter().filter(|(of, _)| *of == index);
        remarks
            .map(|(_, event)| event.event.remark(labels))
            .collect()
    }
}

/// Explanations of the detections that were selected in one frame, or of what is missing there.
#[derive(Debug)]
struct LastExplained {
    epoch: u64,
    asked: Asked,
    objects: Vec<Arc<ExplainedObject>>,
    missing: Option<Arc<ExplainedMiss>>,
}

/// An event that is shown while its object is seen.
#[derive(Debug)]
struct Alert {
    event: Arc<ObservedEvent>,
    frame: FrameInfo,
    /// Once there is one.
    explained: Option<Arc<ExplainedObject>>,
}

/// An event is shown for so long, in place of what is explained otherwise: an operator has to look up and read.
const SHOWN: Duration = Duration::from_secs(3);
/// So many events are shown at once.
const ALERTS: usize = 4;

/// The newest of everything.
#[derive(Debug, Default)]
pub struct DisplayState {
    observation: Option<Arc<Observation>>,
    explained: Option<LastExplained>,
    /// The last events, oldest first.
    alerts: Vec<Alert>,
    places: OverlayPlaces,
    views: u64,
}

impl DisplayState {
    /// A newer frame was looked at.
    pub fn observe(&mut self, observation: Arc<Observation>) {
        // An explanation stays until another one takes its place: also where something else is asked now, unless there is
        // nothing that this could be asked of.
        let stays = |last: &LastExplained| {
            last.epoch == observation.frame.epoch
                && (last.asked == observation.asked || !observation.selected.is_empty())
        };
        self.explained.take_if(|last| !stays(last));
        let frame = &observation.frame;
        self.alerts.retain(|alert| {
            let is_old = (alert.frame.time.age(frame.time)).is_some_and(|age| age > SHOWN);
            alert.frame.epoch == frame.epoch && !is_old
        });
        self.alerts
            .extend(observation.events.iter().map(|event| Alert {
                event: event.clone(),
                frame: *frame,
                explained: None,
            }));
        let surplus = self.alerts.len().saturating_sub(ALERTS);
        self.alerts.drain(..surplus);
        self.observation = Some(observation);
    }

    /// What was selected in a frame is explained. Says whether that changes what is shown: not where the stream was flushed since.
    pub fn explain(&mut self, of: &Observation, objects: Vec<Arc<ExplainedObject>>) -> bool {
        self.explained(of, objects, None)
    }

    /// What is missing in a frame is explained. Says whether that changes what is shown.
    pub fn explain_missing(&mut self, of: &Observation, missing: Arc<ExplainedMiss>) -> bool {
        self.explained(of, vec![], Some(missing))
    }

    fn explained(
        &mut self,
        of: &Observation,
        objects: Vec<Arc<ExplainedObject>>,
        missing: Option<Arc<ExplainedMiss>>,
    ) -> bool {
        let is_shown = |shown: &Arc<Observation>| shown.frame.epoch == of.frame.epoch;
        let changes = self.observation.as_ref().is_some_and(is_shown);
        if changes {
            self.explained = Some(LastExplained {
                epoch: of.frame.epoch,
                asked: of.asked.clone(),
                objects,
                missing,
            });
        }
        changes
    }

    /// The question of an event is answered. Says whether that changes what is shown: not where the event is shown no more.
    pub fn explain_event(
        &mut self,
        event: &ObservedEvent,
        explained: Arc<ExplainedObject>,
    ) -> bool {
        let mut alerts = self.alerts.iter_mut();
        let alert = alerts.find(|alert| alert.event.number == event.number);
        let changes = alert.is_some();
        if let Some(alert) = alert {
            alert.explained = Some(explained);
        }
        changes
    }

    /// Where the last tiles and the last caption were, for the next view.
    pub fn places_were(&mut self, places: OverlayPlaces) {
        self.places = places;
    }

    /// What is to be shown now; `None` before anything was seen.
    pub fn view(&mut self) -> Option<View> {
        let observation = self.observation.clone()?;
        self.views += 1;
        let explained = self.shown_explanations(&observation);
        let last = self.explained.as_ref().filter(|_| explained.is_empty());
        Some(View {
            number: self.views,
            missing: last.and_then(|last| last.missing.clone()),
            explained,
            remarks: self.remarks(&observation),
            places: self.places,
            observation,
        })
    }

    /// The last explanations of objects that are seen, as what they were explained as: of events, else of what was selected.
    fn shown_explanations(&self, seen: &Observation) -> Vec<(usize, Arc<ExplainedObject>)> {
        let place = |explained: &ExplainedObject| {
            seen.index_of(explained.tracked.object, explained.tracked.detection.class)
        };
        let events = self.alerts.iter().rev();
        let events = events.filter_map(|alert| alert.explained.as_ref());
        let mut shown: Vec<(usize, Arc<ExplainedObject>)> = Vec::new();
        for explained in events {
            if let Some(index) = place(explained)
                && !shown.iter().any(|(known, _)| *known == index)
            {
                shown.push((index, explained.clone()));
            }
        }
        if shown.is_empty() {
            let last = self.explained.iter().flat_map(|last| &last.objects);
            shown.extend(last.filter_map(|explained| Some((place(explained)?, explained.clone()))));
        }
        shown
    }

    fn remarks(&self, seen: &Observation) -> Vec<(usize, Arc<ObservedEvent>)> {
        let remarks = self.alerts.iter().filter_map(|alert| {
            let event = &alert.event.event;
            let index = seen.index_of(event.object, event.detection.class)?;
            Some((index, alert.event.clone()))
        });
        remarks.collect()
    }
}
