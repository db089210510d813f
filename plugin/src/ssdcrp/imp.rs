//! The element itself: its states, and the streaming thread, which samples each frame, hands it to the worker thread
//! and paints the result that is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use ::ssdcrp::ssd::Model;
use ::ssdcrp::ssd::preprocess::sample;
use ::ssdcrp::worker::Worker;

use super::Mode;
use super::analysis::{self, Analysis, Job, Outcome, Report};
use super::failure;
use super::frame_pixels::FramePixels;
use super::layout::FORMATS;
use super::properties;
use super::results::Stamp;
use super::settings::Settings;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "ssdcrp",
        gst::DebugColorFlags::empty(),
        Some("Explained object detection"),
    )
});

/// In live mode a result is no longer shown when its frame is older than this: what it shows has moved on.
const EXPIRES_AFTER: gst::ClockTime = gst::ClockTime::from_seconds(1);

#[derive(Default)]
pub struct SsdCrp {
    settings: Mutex<Settings>,
    /// From `start` to `stop`.
    state: Mutex<Option<State>>,
}

struct State {
    mode: Mode,
    model: Arc<Model>,
    worker: Worker<Job, Outcome>,
    /// Counts flushes; results from before one are dropped. The worker thread looks at it too.
    stretch: Arc<AtomicU64>,
    /// The result that the frame in hand shows.
    shown: Option<Outcome>,
}

/// No invariant can be broken halfway in what these locks hold.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for SsdCrp {
    const NAME: &'static str = "GstSsdCrp";
    type Type = super::SsdCrp;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for SsdCrp {
    fn constructed(&self) {
        self.parent_constructed();
        // GstVideoFilter turns it on, and late frames would be dropped.
        self.obj().set_qos(false);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        properties::specs()
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let taken = properties::set(id, &mut lock(&self.settings), value);
        if let Err(error) = taken {
            let name = pspec.name();
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ("property '{name}' stays as it is: {error:#}")
            );
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let value = properties::get(id, &mut lock(&self.settings));
        value.unwrap_or_else(|_| pspec.default_value().clone())
    }
}

impl GstObjectImpl for SsdCrp {}

impl ElementImpl for SsdCrp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Explained object detection",
                "Filter/Effect/Video/Analyzer",
                "Detects objects with an SSD network and draws over them which pixels speak for and against a detection (Contrastive Relevance Propagation)",
                "The ssdcrp authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_video::VideoCapsBuilder::new()
                .format_list(FORMATS.iter().copied())
                .build();
            [
                ("sink", gst::PadDirection::Sink),
                ("src", gst::PadDirection::Src),
            ]
            .into_iter()
            .map(|(name, direction)| {
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("name and caps are constants")
            })
            .collect()
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for SsdCrp {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        settings.check().map_err(|error| failure::setting(&error))?;
        let model = match &settings.model_file {
            None => Model::built_in(),
            Some(path) => Model::read(path),
        }
        .map_err(|error| failure::loading(&error))?;
        analysis::check(&settings, &model).map_err(|error| failure::setting(&error))?;
        let state = self
            .begin(&settings, Arc::new(model))
            .map_err(|error| failure::loading(&error))?;
        *lock(&self.state) = Some(state);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        // Waits for the frame in the worker's hand, without the lock.
        let state = lock(&self.state).take();
        drop(state);
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::FlushStop(_) = event.view()
            && let Some(state) = &mut *lock(&self.state)
        {
            state.stretch.fetch_add(1, Ordering::Relaxed);
            state.shown = None;
        }
        self.parent_sink_event(event)
    }

    fn before_transform(&self, buffer: &gst::BufferRef) {
        let segment = self.obj().segment();
        let time = (segment.downcast_ref::<gst::ClockTime>())
            .and_then(|segment| segment.to_stream_time(buffer.pts()));
        if let Some(time) = time
            && let Err(error) = self.obj().sync_values(time)
        {
            gst::warning!(CAT, imp = self, "cannot control the properties: {error}");
        }
    }

    fn transform_ip(
        &self,
        buffer: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        // The frame keeps the buffer mapped and cannot take metas, so they follow when it has been painted.
        let flow = self.parent_transform_ip(buffer)?;
        if let Some(state) = &*lock(&self.state) {
            let regions = state.shown.iter().flat_map(|outcome| &outcome.regions);
            for (id, region) in (0..).zip(regions) {
                region.attach(buffer, id);
            }
        }
        Ok(flow)
    }
}

impl VideoFilterImpl for SsdCrp {
    fn transform_frame_ip(
        &self,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or(gst::FlowError::Flushing)?;
        match self.show(state, frame) {
            Ok(()) => Ok(gst::FlowSuccess::Ok),
            Err(error) => {
                state.shown = None;
                self.post_error_message(failure::frame(&error));
                Err(gst::FlowError::Error)
            }
        }
    }
}

impl SsdCrp {
    fn begin(&self, settings: &Settings, model: Arc<Model>) -> Result<State> {
        let mut analysis = Analysis::new(model.clone(), settings)?;
        gst::debug!(
            CAT,
            imp = self,
            "starting with {}, {:?}, {} threads",
            model.manifest.name,
            settings.mode,
            settings.threads
        );
        let stretch = Arc::new(AtomicU64::new(0));
        let worker = Worker::spawn("ssdcrp", {
            let element = self.obj().downgrade();
            let current = stretch.clone();
            move |job: Job| {
                let (outcome, report) = analysis.analyse(job)?;
                if outcome.stretch == current.load(Ordering::Relaxed)
                    && let Some(element) = element.upgrade()
                {
                    post(&element, report);
                }
                Ok(outcome)
            }
        })?;
        Ok(State {
            mode: settings.mode,
            model,
            worker,
            stretch,
            shown: None,
        })
    }

    /// Has the frame analysed and paints the result that it is to show.
    fn show(
        &self,
        state: &mut State,
        frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<()> {
        let timestamp = frame.buffer().pts();
        let segment = self.obj().segment();
        let stamp = Stamp {
            timestamp,
            running_time: (segment.downcast_ref::<gst::ClockTime>())
                .and_then(|segment| segment.to_running_time(timestamp)),
        };
        let stretch = state.stretch.load(Ordering::Relaxed);
        let job = Job {
            input: sample(
                &FramePixels::new(frame)?,
                state.model.input_size,
                &state.model.manifest.input,
            )?,
            stamp,
            stretch,
            info: frame.info().clone(),
            settings: lock(&self.settings).clone(),
        };
        match state.mode {
            Mode::EveryFrame => state.shown = Some(state.worker.finish(job)?),
            Mode::Live => {
                if let Some(outcome) = state.worker.latest().transpose()? {
                    state.shown = Some(outcome);
                }
                state.worker.submit(job);
                state
                    .shown
                    .take_if(|outcome| outcome.stretch != stretch || expired(outcome.stamp, stamp));
            }
        }
        state.shown.take_if(|outcome| !outcome.fits(frame.info()));
        match &state.shown {
            Some(outcome) => outcome.draw(frame),
            None => Ok(()),
        }
    }
}

/// Whether a result for the frame at `found` is too old for the one at `now`; never where the frames have no timestamps.
fn expired(found: Stamp, now: Stamp) -> bool {
    (found.running_time.zip(now.running_time))
        .is_some_and(|(found, now)| now.saturating_sub(found) > EXPIRES_AFTER)
}

fn post(element: &super::SsdCrp, report: Report) {
    if let Some(warning) = &report.warning {
        gst::element_warning!(
            element,
            gst::ResourceError::Settings,
            ("no explanation: {warning:#}")
        );
    }
    let message = gst::message::Element::builder(report.message)
        .src(element)
        .build();
    // An element without a bus has nobody to tell.
    let _ = element.post_message(message);
}
