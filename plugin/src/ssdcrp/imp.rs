//! The element itself: properties, states, and the streaming thread, which samples each frame, hands it to the worker thread
//! and paints the result that is there.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use ::ssdcrp::crp::PRESETS;
use ::ssdcrp::ssd::preprocess::sample;
use ::ssdcrp::ssd::{Model, NetworkInput, Pixels};
use ::ssdcrp::worker::Worker;

use super::Mode;
use super::analysis::{self, Analysis, Job, Outcome, Report};
use super::failure;
use super::frame_pixels::{FramePixels, Visitor};
use super::layout::FORMATS;
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
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let default = Settings::default();
            let share = |name: &'static str, nick, blurb: &'static str, default| {
                glib::ParamSpecFloat::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .minimum(0.0)
                    .maximum(1.0)
                    .default_value(default)
                    .controllable()
                    .mutable_playing()
                    .build()
            };
            let switch = |name: &'static str, nick, blurb: &'static str, default| {
                glib::ParamSpecBoolean::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .default_value(default)
                    .controllable()
                    .mutable_playing()
                    .build()
            };
            let text = |name: &'static str, nick, blurb: &str, default: String| {
                glib::ParamSpecString::builder(name)
                    .nick(nick)
                    .blurb(blurb)
                    .default_value(Some(default.as_str()))
                    .mutable_playing()
                    .build()
            };
            vec![
                glib::ParamSpecString::builder("model-file")
                    .nick("Model file")
                    .blurb("ONNX file of the detector, its manifest (.toml) beside it; unset is the model that is built in")
                    .mutable_ready()
                    .build(),
                share("score-threshold", "Score threshold", "Detections score higher", default.score_threshold),
                share(
                    "iou-threshold",
                    "IoU threshold",
                    "Detections of one class overlap by no more (intersection over union)",
                    default.iou_threshold,
                ),
                text(
                    "target",
                    "Target",
                    "What to explain of the best detection: auto (its class), class:NAME, offset:cx, cy, w or h, or edge:left, right, top or bottom, the last two with + or - behind it if the direction matters",
                    default.target.value().to_string(),
                ),
                text(
                    "contrast",
                    "Contrast",
                    "What it is contrasted with: auto (the composite's for a class, else none), mean, softmax, runner-up, class:NAME or none",
                    default.contrast.value().to_string(),
                ),
                text(
                    "composite",
                    "Composite",
                    &format!(
                        "How relevance is propagated: auto (the model's composite), {}, or a list such as high=epsilon:0.25std,low=abs",
                        PRESETS.join(", ")
                    ),
                    default.composite.value().to_string(),
                ),
                glib::ParamSpecEnum::builder_with_default("mode", default.mode)
                    .nick("Mode")
                    .blurb("Whether a frame waits for its own result")
                    .mutable_ready()
                    .build(),
                share("opacity", "Opacity", "Opacity of the heatmap", default.opacity),
                switch("draw-boxes", "Draw boxes", "Draw the detections' boxes", default.draw_boxes),
                switch(
                    "draw-labels",
                    "Draw labels",
                    "Draw the detections' labels and what the heatmap explains",
                    default.draw_labels,
                ),
                switch("draw-heatmap", "Draw heatmap", "Draw the heatmap", default.draw_heatmap),
                glib::ParamSpecUInt::builder("threads")
                    .nick("Threads")
                    .blurb("Threads that the network runs on; 0 is as many as there are cores")
                    .maximum(256)
                    .default_value(default.threads)
                    .mutable_ready()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        // GObject has checked that the value is of the property's type.
        fn of<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T {
            value.get().expect("type checked upstream")
        }
        // An unset text is the default.
        fn text<'a>(value: &'a glib::Value, pspec: &'a glib::ParamSpec) -> &'a str {
            let default = || pspec.default_value().get().unwrap_or_default();
            of::<Option<&str>>(value).unwrap_or_else(default)
        }
        let mut settings = lock(&self.settings);
        let mut taken = Ok(());
        match pspec.name() {
            "model-file" => {
                let path: Option<String> = of(value);
                settings.model_file = path.filter(|path| !path.is_empty()).map(Into::into);
            }
            "score-threshold" => settings.score_threshold = of(value),
            "iou-threshold" => settings.iou_threshold = of(value),
            "target" => taken = settings.target.set(text(value, pspec)),
            "contrast" => taken = settings.contrast.set(text(value, pspec)),
            "composite" => taken = settings.composite.set(text(value, pspec)),
            "mode" => settings.mode = of(value),
            "opacity" => settings.opacity = of(value),
            "draw-boxes" => settings.draw_boxes = of(value),
            "draw-labels" => settings.draw_labels = of(value),
            "draw-heatmap" => settings.draw_heatmap = of(value),
            "threads" => settings.threads = of(value),
            name => unreachable!("GObject let through the unknown property {name}"),
        }
        drop(settings);
        if let Err(error) = taken {
            let name = pspec.name();
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ("property '{name}' stays as it is: {error:#}")
            );
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = lock(&self.settings);
        match pspec.name() {
            "model-file" => {
                let path = settings.model_file.as_deref().map(Path::to_string_lossy);
                path.map(|path| path.into_owned()).to_value()
            }
            "score-threshold" => settings.score_threshold.to_value(),
            "iou-threshold" => settings.iou_threshold.to_value(),
            "target" => settings.target.value().to_string().to_value(),
            "contrast" => settings.contrast.value().to_string().to_value(),
            "composite" => settings.composite.value().to_string().to_value(),
            "mode" => settings.mode.to_value(),
            "opacity" => settings.opacity.to_value(),
            "draw-boxes" => settings.draw_boxes.to_value(),
            "draw-labels" => settings.draw_labels.to_value(),
            "draw-heatmap" => settings.draw_heatmap.to_value(),
            "threads" => settings.threads.to_value(),
            name => unreachable!("GObject let through the unknown property {name}"),
        }
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
            input: FramePixels::new(frame)?.visit(Sampler(&state.model))?,
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

/// Samples the network's input from pixels of any layout.
struct Sampler<'a>(&'a Model);

impl Visitor for Sampler<'_> {
    type Output = Result<NetworkInput>;

    fn visit<P: Pixels>(self, pixels: &P) -> Self::Output {
        sample(pixels, self.0.input_size, &self.0.manifest.input)
    }
}
