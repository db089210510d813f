//! The element itself: its states, and the streaming thread, which samples each frame, hands it to the worker thread
//! and paints the result that is there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use ::ssdcrp::detect::preprocess::sample;
use ::ssdcrp::detect::{Model, NetworkInput};
use ::ssdcrp::stream::evidence::Store;

use super::age::AgeNote;
use super::analysis::{Analysis, Report, lock};
use super::blank;
use super::evidence;
use super::explaining;
use super::failure;
use super::frame_pixels::FramePixels;
use super::journal::Journal;
use super::memory::Outcome;
use super::navigation::{self, Gesture};
use super::negotiation::{self, Surface};
use super::pace::{Pace, visibility};
use super::picking::Picking;
use super::priority;
use super::properties;
use super::results::Stamp;
use super::settings::Settings;
use super::sight::Job;
use super::{Mode, Output};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "ssdcrp",
        gst::DebugColorFlags::empty(),
        Some("Explained object detection"),
    )
});

/// How long the end of the stream waits for explanations that were asked for.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct SsdCrp {
    settings: Mutex<Settings>,
    picking: Arc<Mutex<Picking>>,
    /// How long frames wait in every-frame mode, as far as latency queries were told.
    wait: Mutex<gst::ClockTime>,
    /// Frames up to this running time come too late, downstream says.
    late_until: Mutex<Option<gst::ClockTime>>,
    /// What the caps say; whether overlays are attached is found out when they have been sent downstream.
    surface: Mutex<Option<Surface>>,
    /// The caps are new, and that has not been found out yet.
    unsettled: AtomicBool,
    /// Downstream takes caps with overlays, but does not composite them.
    painting: AtomicBool,
    /// From `start` to `stop`.
    state: Mutex<Option<State>>,
}

struct State {
    model: Arc<Model>,
    analysis: Analysis,
    /// Whether the frames of events are kept.
    keeps_evidence: bool,
    /// Counts flushes; results from before one are dropped. The worker threads look at it too.
    stretch: Arc<AtomicU64>,
    /// Frames that are looked at, and the settings that they were with.
    detected: Pace<Settings>,
    /// When the last frame came, by the clock on the wall.
    came: Option<Instant>,
    /// The result that the frame in hand shows.
    shown: Option<Outcome>,
    age: AgeNote,
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
            [
                ("sink", gst::PadDirection::Sink),
                ("src", gst::PadDirection::Src),
            ]
            .into_iter()
            .map(|(name, direction)| {
                let caps = negotiation::template(direction);
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
        .map_err(|error| failure::loading(&error.into()))?;
        explaining::check(&settings, &model).map_err(|error| failure::setting(&error))?;
        for gap in settings.gaps() {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{gap}"));
        }
        let journal = (settings
            .results_location
            .as_deref()
            .map(Journal::create)
            .transpose())
        .map_err(|error| failure::results(&error))?;
        let evidence = (settings.events.location.as_deref())
            .map(|folder| Store::open(folder, settings.events.limits()))
            .transpose()
            .map_err(|error| failure::evidence(&error.into()))?;
        let state = self
            .begin(&settings, Arc::new(model), journal, evidence)
            .map_err(|error| failure::loading(&error))?;
        *lock(&self.state) = Some(state);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        // Waits for what the worker threads have in hand, without the lock.
        let state = lock(&self.state).take();
        drop(state);
        *lock(&self.picking) = Picking::default();
        *lock(&self.late_until) = None;
        *lock(&self.wait) = gst::ClockTime::ZERO;
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::FlushStop(_) = event.view()
            && let Some(state) = &mut *lock(&self.state)
        {
            state.stretch.fetch_add(1, Ordering::Relaxed);
            state.shown = None;
            *lock(&self.late_until) = None;
        }
        if event.type_() == gst::EventType::Eos
            && let Some(state) = &*lock(&self.state)
        {
            // No frame waits, and who waits for the end wants to be told of everything before it.
            state.analysis.settle(PATIENCE);
        }
        if event.type_() != gst::EventType::Caps {
            return self.parent_sink_event(event);
        }
        self.painting.store(false, Ordering::Relaxed);
        let taken = self.parent_sink_event(event);
        self.settle();
        taken
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let offered = !self.painting.load(Ordering::Relaxed);
        let caps = negotiation::transformed(direction, caps, offered);
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
            None => caps,
        })
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if !BaseTransformImplExt::parent_query(self, direction, query) {
            return false;
        }
        if let gst::QueryViewMut::Latency(query) = query.view_mut()
            && lock(&self.settings).mode == Mode::EveryFrame
        {
            let wait = self.latency();
            let (live, least, most) = query.result();
            let longer = |time: gst::ClockTime| time.saturating_add(wait);
            query.set(live, longer(least), most.map(longer));
        }
        true
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::Qos(qos) = event.view() {
            let (_, _, jitter, timestamp) = qos.get();
            *lock(&self.late_until) = timestamp.and_then(|timestamp| caught_up(timestamp, jitter));
        } else if let Some(gesture) = Gesture::of(&event) {
            self.follow(gesture);
        }
        // Others upstream may want it too.
        self.parent_src_event(event)
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
        // Downstream may have asked for other caps without an event from upstream.
        self.settle();
        let surface = (lock(&self.surface).clone()).ok_or(gst::FlowError::NotNegotiated)?;
        let mut state = lock(&self.state);
        let state = state.as_mut().ok_or(gst::FlowError::Flushing)?;
        match self.show(state, buffer, &surface) {
            Ok(()) => Ok(gst::FlowSuccess::Ok),
            Err(error) => {
                state.shown = None;
                self.post_error_message(failure::frame(&error));
                Err(gst::FlowError::Error)
            }
        }
    }
}

impl VideoFilterImpl for SsdCrp {
    fn set_info(
        &self,
        _incaps: &gst::Caps,
        in_info: &gst_video::VideoInfo,
        _outcaps: &gst::Caps,
        _out_info: &gst_video::VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        *lock(&self.surface) = Some(Surface {
            info: in_info.clone(),
            attached: false,
        });
        self.unsettled.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl SsdCrp {
    fn begin(
        &self,
        settings: &Settings,
        model: Arc<Model>,
        journal: Option<Journal>,
        evidence: Option<Store>,
    ) -> Result<State> {
        gst::debug!(
            CAT,
            imp = self,
            "starting with {}, {:?}, {} threads",
            model.manifest.name,
            settings.mode,
            settings.threads
        );
        let stretch = Arc::new(AtomicU64::new(0));
        let report = {
            let element = self.obj().downgrade();
            let current = stretch.clone();
            let journal = journal.map(|journal| Arc::new(Mutex::new(journal)));
            move |report: Report| {
                if report.stretch == current.load(Ordering::Relaxed)
                    && let Some(element) = element.upgrade()
                {
                    if let Some(journal) = &journal {
                        keep(&element, &mut lock(journal), &report.message);
                    }
                    post(&element, report);
                }
            }
        };
        let keeps_evidence = evidence.is_some();
        let start = || {
            let keeper = evidence.map(|store| {
                let element = self.obj().downgrade();
                evidence::keeper(store, model.manifest.clone(), move |error| {
                    if let Some(element) = element.upgrade() {
                        warn_of_evidence(&element, &error);
                    }
                })
            });
            let keeper = keeper.transpose()?;
            Analysis::start(&model, settings, self.picking.clone(), report, keeper)
        };
        let analysis = match settings.mode {
            Mode::Live => priority::lowered(start),
            // The video waits for them.
            Mode::EveryFrame => start(),
        }?;
        Ok(State {
            analysis,
            model,
            keeps_evidence,
            stretch,
            detected: Pace::default(),
            came: None,
            shown: None,
            age: AgeNote::default(),
        })
    }

    /// In every-frame mode: as long as the slowest frame waited so far, but at least the duration of a frame, which a
    /// computer that keeps up with the video does not exceed.
    fn latency(&self) -> gst::ClockTime {
        let caps = self.obj().sink_pad().current_caps();
        let info = caps.and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok());
        let duration = info.filter(|info| info.fps().numer() > 0).and_then(|info| {
            let (numer, denom) = (info.fps().numer() as u64, info.fps().denom() as u64);
            gst::ClockTime::SECOND.mul_div_ceil(denom, numer)
        });
        (*lock(&self.wait)).max(duration.unwrap_or_default())
    }

    /// A frame has waited so long in every-frame mode: where that is more than was said, the pipeline asks again.
    fn waited(&self, wait: gst::ClockTime) {
        if wait <= self.latency() {
            return;
        }
        // In steps, so that it seldom happens.
        let step = 20 * gst::ClockTime::MSECOND;
        *lock(&self.wait) = step * wait.nseconds().div_ceil(step.nseconds());
        let message = gst::message::Latency::builder().src(&*self.obj()).build();
        // An element without a bus has nobody to tell.
        let _ = self.obj().post_message(message);
    }

    /// Finds out, once the caps have gone downstream, whether overlays are attached. Where they are not, the caps are not to
    /// say that they may be, and are sent again.
    fn settle(&self) {
        if !self.unsettled.swap(false, Ordering::Relaxed) {
            return;
        }
        let pad = self.obj().src_pad().clone();
        let Some(caps) = (pad.current_caps()).filter(|caps| negotiation::may_carry(caps)) else {
            return;
        };
        let attached = negotiation::composites(&pad, &caps);
        gst::debug!(CAT, imp = self, "overlays are attached: {attached}");
        if let Some(surface) = &mut *lock(&self.surface) {
            surface.attached = attached;
        }
        if !attached {
            self.painting.store(true, Ordering::Relaxed);
            pad.mark_reconfigure();
        }
    }

    /// Does what the user wants.
    fn follow(&self, gesture: Gesture) {
        let change = match gesture {
            Gesture::Press(place) => {
                let found = lock(&self.picking).press(place);
                gst::debug!(CAT, imp = self, "press at {place:?}: {found}");
                return;
            }
            Gesture::Release => {
                lock(&self.picking).release();
                return;
            }
            Gesture::NextKind => navigation::next_kind,
            Gesture::NextOutput => navigation::next_output,
            Gesture::NextContrast => navigation::next_contrast,
        };
        change(&mut lock(&self.settings));
        self.obj().notify("target");
        self.obj().notify("contrast");
    }

    /// Has the frame analysed and gives it the result that it is to show.
    fn show(
        &self,
        state: &mut State,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
    ) -> Result<()> {
        let timestamp = buffer.pts();
        let segment = self.obj().segment();
        let stamp = Stamp {
            timestamp,
            running_time: (segment.downcast_ref::<gst::ClockTime>())
                .and_then(|segment| segment.to_running_time(timestamp)),
        };
        let late = (lock(&self.late_until).zip(stamp.running_time))
            .is_some_and(|(late_until, now)| now <= late_until);
        let settings = lock(&self.settings).clone();
        let alone = settings.output == Output::Heatmap;
        // A heatmap that is the picture cannot be attached to it.
        let surface = &Surface {
            attached: surface.attached && !alone,
            ..surface.clone()
        };
        let stretch = state.stretch.load(Ordering::Relaxed);
        let interval = settings.detect_interval();
        let begun = Instant::now();
        // As long after this frame as this one after the last, the next will be here.
        let next = (state.came.replace(begun)).map_or(Duration::MAX, |came| begun - came);
        let due = (state.detected).due(stamp.running_time, interval, &settings);
        let found = if due && state.analysis.wants(next) {
            state.detected.begin(stamp.running_time, settings.clone());
            // Shares the pixels: what is painted into the frame later is painted into a copy of them.
            let keeps = state.keeps_evidence && settings.events.are_wanted();
            let frame = keeps.then(|| buffer.to_owned());
            let outcome = state.analysis.analyse(Job {
                input: sampled(buffer, surface, &state.model)?,
                stamp,
                stretch,
                surface: surface.clone(),
                settings: settings.clone(),
                late,
                frame,
            })?;
            if settings.mode == Mode::EveryFrame {
                self.waited(gst::ClockTime::from_nseconds(
                    begun.elapsed().as_nanos() as u64
                ));
            }
            outcome
        } else {
            state.analysis.newest()?
        };
        if let Some(newer) = found
            .filter(|found| (state.shown.as_ref()).is_none_or(|shown| shown.number < found.number))
        {
            state.shown = Some(newer);
        }
        let visible =
            |shown: &Outcome| visibility(shown.stamp.age(stamp), settings.expires_after());
        state.shown.take_if(|outcome| {
            outcome.stretch != stretch
                || !outcome.fits(surface, settings.output)
                || visible(outcome) == 0.0
        });
        let objects = state.shown.as_ref().map(|outcome| outcome.objects.clone());
        lock(&self.picking).show(objects.unwrap_or_default(), surface.size());
        if alone {
            blank::clear(&mut writable(buffer, surface)?)?;
        }
        if let Some(outcome) = &state.shown {
            let ages = [Some(outcome.stamp), outcome.explained];
            let ages = ages.map(|then| then.and_then(|then| then.age(stamp)));
            let note = match settings.draw_age && !alone {
                true => state.age.of(ages, surface)?,
                false => None,
            };
            outcome.deliver(buffer, surface, visible(outcome), note)?;
        }
        if alone {
            blank::straighten(&mut writable(buffer, surface)?)?;
        }
        Ok(())
    }
}

/// A buffer's frame to paint into.
fn writable<'b>(
    buffer: &'b mut gst::BufferRef,
    surface: &Surface,
) -> Result<gst_video::VideoFrameRef<&'b mut gst::BufferRef>> {
    gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &surface.info)
        .context("the frame cannot be written to")
}

/// The network's input. The frame is only read: a buffer that others hold too is not copied for that.
fn sampled(buffer: &gst::BufferRef, surface: &Surface, model: &Model) -> Result<NetworkInput> {
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &surface.info)
        .context("the frame cannot be read")?;
    Ok(sample(
        &FramePixels::new(&frame)?,
        model.input_size,
        &model.manifest.input,
    )?)
}

/// Until which running time frames are late where one for `timestamp` came `jitter` late, as `GstBaseTransform` has it:
/// twice as far on, so that it can be caught up with.
fn caught_up(timestamp: gst::ClockTime, jitter: i64) -> Option<gst::ClockTime> {
    let late = u64::try_from(jitter).ok().filter(|&late| late > 0)?;
    timestamp.checked_add(gst::ClockTime::from_nseconds(late.checked_mul(2)?))
}

/// Keeps a result in the file; where that cannot be, the video goes on.
fn keep(element: &super::SsdCrp, journal: &mut Journal, result: &gst::StructureRef) {
    if let Err(error) = journal.write(result) {
        gst::element_warning!(element, gst::ResourceError::Write, ("{error:#}"));
    }
}

/// Evidence is missing; the video goes on.
fn warn_of_evidence(element: &super::SsdCrp, error: &anyhow::Error) {
    if failure::io(error) == Some(std::io::ErrorKind::StorageFull) {
        gst::element_warning!(element, gst::ResourceError::NoSpaceLeft, ("{error:#}"));
    } else {
        gst::element_warning!(element, gst::ResourceError::Write, ("{error:#}"));
    }
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
