//! The model at work, from the element's start to its stop.
//!
//! In: the properties of the start. Out: a stream of the engine, or what keeps it from starting.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use gst::prelude::*;

use ::ssdcrp::detect::Model;
use ::ssdcrp::stream::Stream;
use ::ssdcrp::stream::evidence::Store;

use super::enums::{Detections, Mode, OnError};
use super::failure::Failure;
use super::host::ElementHost;
use super::journal::Journal;
use super::log::CAT;
use super::model_instance;
use super::negotiation::Surface;
use super::priority;
use super::settings::Settings;

/// The networks and what they are to keep.
pub struct Playing {
    pub model: Arc<Model>,
    pub stream: Stream<ElementHost>,
    /// Whose detections are explained.
    pub detections: Detections,
    /// Whether frames of events are kept.
    pub keeps_evidence: bool,
}

/// What is written besides the video. Where the video is to go on whatever happens, it does without what cannot be opened.
struct Kept {
    journal: Option<Journal>,
    evidence: Option<Store>,
}

impl Playing {
    /// Loads the model and starts its threads for `element`, or takes those that it shares. Its overlays are for `surface`.
    ///
    /// # Errors
    /// A setting, the model, ONNX Runtime, or a file that is to be written.
    pub fn start(
        element: &gst::Element,
        settings: &Settings,
        surface: Arc<Mutex<Option<Surface>>>,
    ) -> Result<Self, Failure> {
        settings.check().map_err(|error| Failure::setting(&error))?;
        let session = model_instance::session(&element.name(), settings)?;
        for gap in settings.gaps() {
            gst::element_warning!(element, gst::ResourceError::Settings, ("{gap}"));
        }
        let kept = Kept::open(element, settings)?;
        let model = session.model().clone();
        gst::info!(
            CAT,
            obj = element,
            "starting with {}, {:?}, {} threads, {:?}",
            model.manifest.name,
            settings.mode,
            settings.threads,
            settings.execution_provider
        );
        let host = ElementHost {
            element: element.downgrade(),
            model: model.clone(),
            detections: settings.detections,
            surface,
            journal: kept.journal.map(Mutex::new),
        };
        let keeps_evidence = kept.evidence.is_some();
        let stream = || session.stream(host, kept.evidence);
        let stream = match settings.mode {
            // Evidence is written when there is time for it.
            Mode::Live => priority::lowered(stream),
            Mode::EveryFrame => stream(),
        };
        Ok(Self {
            stream: stream.map_err(|error| Failure::loading(&error.into()))?,
            model,
            detections: settings.detections,
            keeps_evidence,
        })
    }
}

impl Kept {
    fn open(element: &gst::Element, settings: &Settings) -> Result<Self, Failure> {
        let goes_on = settings.on_error == OnError::Passthrough;
        let journal = settings.results_location.as_deref().map(Journal::create);
        let journal = journal.transpose();
        let journal = journal.map_err(|error| Failure::results(&error));
        let open = |folder| Store::open(folder, settings.events.limits());
        let evidence = settings.events.location.as_deref().map(open).transpose();
        let evidence = evidence.map_err(|error| Failure::evidence(&error.into()));
        if let Ok(Some(store)) = &evidence
            && let Some(damage) = store.damage()
        {
            gst::element_warning!(element, gst::ResourceError::Read, ("{damage}"));
        }
        Ok(Self {
            journal: or_without(journal, goes_on, element)?,
            evidence: or_without(evidence, goes_on, element)?,
        })
    }
}

/// What was opened; nothing and a warning where it could not be, and the video `goes_on` all the same.
fn or_without<T>(
    opened: Result<Option<T>, Failure>,
    goes_on: bool,
    element: &gst::Element,
) -> Result<Option<T>, Failure> {
    match opened {
        Err(failure) if goes_on => {
            failure.warn(element, "the video goes on, and nothing is kept there");
            Ok(None)
        }
        opened => opened,
    }
}
