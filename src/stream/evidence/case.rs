//! An event with all that is to be seen of it, on its way to the disk.
//!
//! In: the event, and the frame in which it was seen. Out: the pictures and the line of a [`Store`].

use std::sync::Arc;

use image::RgbImage;

use super::{EventRecord, Pictures, Record, Store};
use crate::detect::Labels;
use crate::error::Result;
use crate::overlay::Scene;
use crate::stream::drawing::labelled_boxes;
use crate::stream::explaining::ExplainedObject;
use crate::stream::observation::{Observation, ObservedEvent};

/// An event with all that is to be seen of it.
pub struct Case {
    /// What was seen in its frame.
    pub observation: Arc<Observation>,
    /// What looks wrong.
    pub event: Arc<ObservedEvent>,
    /// `None` where the question has no answer.
    pub explained: Option<Arc<ExplainedObject>>,
}

impl Case {
    /// Keeps the case in `store`, unless its minute has enough; its line where it did. `picture` is the frame as it came, `recorded` the time on the clock, `id` what the stream's owner
    /// calls the event.
    ///
    /// # Errors
    /// The frame cannot be read, or as [`Store::keep`].
    pub fn keep(
        &self,
        store: &mut Store,
        labels: &Labels,
        picture: impl FnOnce() -> Result<RgbImage>,
        recorded: impl FnOnce() -> String,
        id: Option<String>,
    ) -> Result<Option<Record>> {
        let time = self.observation.clock;
        if !store.has_time_for(time) {
            return Ok(None);
        }
        let mut line = EventRecord::of(
            &self.observation,
            &self.event,
            self.explained.as_deref(),
            labels,
        );
        line.event_id = id;
        let pictures = self.pictures(picture()?, labels)?;
        store.keep(time, recorded(), line, &pictures).map(Some)
    }

    fn pictures(&self, picture: RgbImage, labels: &Labels) -> Result<Pictures> {
        let observation = &*self.observation;
        let own = self.event.index;
        let remarks = |index| match index == own {
            true => vec![self.event.event.remark(labels)],
            false => vec![],
        };
        let boxes = labelled_boxes(observation, &|index| index == own, &remarks, labels);
        let explained = self.explained.as_deref();
        let heatmap = explained.map(ExplainedObject::heatmap);
        let colours = observation.settings().display.evidence_colours;
        let caption = explained.map(|explained| {
            let words = explained.question.wording.to_string();
            match &explained.check {
                Some(check) => format!("{words}\n{}", check.words(colours.positive_name())),
                None => words,
            }
        });
        let frame = &observation.frame;
        let scene = Scene {
            heatmap: heatmap.as_ref(),
            colours,
            boxes: &boxes,
            caption: caption.as_deref(),
            ..Scene::empty(frame.size, frame.pixel_aspect)
        };
        let fed = explained.and_then(|explained| explained.fed.as_deref());
        Pictures::new(picture, &scene, fed)
    }
}
