//! The model at work, from the element's start to its stop.
//!
//! In: the properties of the start. Out: a stream of the engine, or what keeps it from starting.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use gst::prelude::*;

use ::ssdcrp::detect::Model;
use ::ssdcrp::stream::evidence::Store;
use ::ssdcrp::stream::{Session, Stream};

use super::enums::{Mode, OnError};
use super::failure::Failure;
use super::host::ElementHost;
use super::journal::Journal;
use super::log::CAT;
use super::negotiation::Surface;
use super::priority;
use super::request;
use super::settings::Settings;

/// The networks and what they are to keep.
pub struct Playing {
    pub model: Arc<Model>,
    pub stream: Stream<ElementHost>,
    /// Whether frames of events are kept.
    pub keeps_evidence: bool,
}

/// What is written besides the video. Where the video is to go on whatever happens, it does without what cannot be opened.
struct Kept {
    journal: Option<Journal>,
    evidence: Option<Store>,
}

impl Playing {
    /// Loads the model and starts its threads for `element`, whose overlays are for `surface`.
    ///
    /// # Errors
    /// A setting, the model, ONNX Runtime, or a file that is to be written.
    pub fn start(
        element: &gst::Element,
        settings: &Settings,
        surface: Arc<Mutex<Option<Surface>>>,
    ) -> Result<Self, Failure> {
        settings.check().map_err(|error| Failure::setting(&error))?;
        let model = match &settings.model_file {
            None => Model::built_in(),
            Some(path) => Model::open(path),
        }
        .map_err(|error| Failure::loading(&error.into()))?;
        request::check(settings, &model).map_err(|error| Failure::setting(&error))?;
        for gap in settings.gaps() {
            gst::element_warning!(element, gst::ResourceError::Settings, ("{gap}"));
        }
        let kept = Kept::open(element, settings)?;
        gst::info!(
            CAT,
            obj = element,
            "starting with {}, {:?}, {} threads, {:?}",
            model.manifest.name,
            settings.mode,
            settings.threads,
            settings.execution_provider
        );
        Self::of(element, settings, Arc::new(model), kept, surface)
            .map_err(|error| Failure::loading(&error))
    }

    fn of(
        element: &gst::Element,
        settings: &Settings,
        model: Arc<Model>,
        kept: Kept,
        surface: Arc<Mutex<Option<Surface>>>,
    ) -> Result<Self> {
        let host = ElementHost {
            element: element.downgrade(),
            model: model.clone(),
            surface,
            journal: kept.journal.map(Mutex::new),
        };
        let keeps_evidence = kept.evidence.is_some();
        let start = || {
            let composite = settings.composite.value().named();
            let (mode, options) = (settings.mode.into(), settings.session());
            let session = Session::start(model.clone(), mode, options, composite)?;
            Ok(session.stream(host, kept.evidence)?)
        };
        let stream: Result<_> = match settings.mode {
            Mode::Live => priority::lowered(start),
            // The video waits for them.
            Mode::EveryFrame => start(),
        };
        Ok(Self {
            stream: stream?,
            model,
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
