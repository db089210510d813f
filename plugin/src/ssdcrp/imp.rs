//! The element itself: its states, its pads' events and queries, and the way of a frame through it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;

use ::ssdcrp::ErrorKind;
use ::ssdcrp::lock::lock;
use ::ssdcrp::stream::FrameTime;

use super::allocator;
use super::clock_time::clock_time;
use super::enums::{Mode, OnError, Output};
use super::failure::{self, Failure};
use super::log::CAT;
use super::navigation::{self, Gesture};
use super::negotiation::{self, Surface};
use super::playing::Playing;
use super::properties;
use super::settings::Settings;
use super::stats::{self, FrameCounts};
use super::streaming::{Passing, Streaming, Unexplained, blank, pass};
use super::viewing::{self, Viewing};

/// How long the end of the stream waits for explanations that were asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What becomes of the video after an error that does not end it.
const WITHOUT_EXPLANATIONS: &str = "the video goes on without explanations";

#[derive(Default)]
pub struct SsdCrp {
    settings: Mutex<Arc<Settings>>,
    /// How long frames wait in every-frame mode, as far as latency queries were told.
    wait: Mutex<gst::ClockTime>,
    /// Frames up to this running time come too late, downstream says.
    late_until: Mutex<Option<gst::ClockTime>>,
    /// What the caps say; whether overlays are attached is found out when they have been sent downstream.
    surface: Arc<Mutex<Option<Surface>>>,
    /// The caps are new, and that has not been found out yet.
    unsettled: AtomicBool,
    /// Downstream takes caps with overlays, but does not composite them.
    painting: AtomicBool,
    /// From `start` to `stop`; none in between where the video goes on without.
    playing: Mutex<Option<Arc<Playing>>>,
    /// The networks could not be started, and the video goes on all the same.
    idle: AtomicBool,
    viewing: Mutex<Viewing>,
    /// The streaming thread's own.
    streaming: Mutex<Streaming>,
    counts: Mutex<FrameCounts>,
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
        let taken = properties::set(id, Arc::make_mut(&mut lock(&self.settings)), value);
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
        if pspec.name() == stats::PROPERTY {
            return self.stats().to_value();
        }
        let settings = lock(&self.settings).clone();
        let value = properties::get(id, &settings);
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
                "Detects objects, and draws heatmaps of the pixels that speak for and against a detection (Contrastive Relevance Propagation)",
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

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        // The pads are deactivated next, which waits for the streaming thread: what that waits for is ended.
        if transition == gst::StateChange::PausedToReady
            && let Some(playing) = self.playing()
        {
            playing.stream.cancel();
        }
        self.parent_change_state(transition)
    }
}

impl BaseTransformImpl for SsdCrp {
    const MODE: gst_base::subclass::BaseTransformMode =
        gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).clone();
        let element = self.obj().clone().upcast::<gst::Element>();
        let playing = match Playing::start(&element, &settings, self.surface.clone()) {
            Ok(playing) => Some(Arc::new(playing)),
            Err(failure) if settings.on_error == OnError::Passthrough && !failure.is_setting() => {
                failure.warn(&element, WITHOUT_EXPLANATIONS);
                None
            }
            Err(failure) => return Err(failure.error()),
        };
        *lock(&self.counts) = FrameCounts::default();
        self.idle.store(playing.is_none(), Ordering::Relaxed);
        *lock(&self.playing) = playing;
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let playing = lock(&self.playing).take();
        if let Some(playing) = &playing {
            playing.stream.cancel();
        }
        // Waits for the threads, without a lock.
        drop(playing);
        allocator::give_back();
        self.idle.store(false, Ordering::Relaxed);
        *lock(&self.viewing) = Viewing::default();
        *lock(&self.streaming) = Streaming::default();
        *lock(&self.late_until) = None;
        *lock(&self.wait) = gst::ClockTime::ZERO;
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::FlushStart(_) => {
                if let Some(playing) = self.playing() {
                    gst::debug!(CAT, imp = self, "flush: what is under way is cancelled");
                    playing.stream.flush();
                }
            }
            gst::EventView::FlushStop(_) => {
                if let Some(playing) = self.playing() {
                    // Also where no start of it came.
                    playing.stream.flush();
                    playing.stream.resume();
                }
                lock(&self.streaming).flush();
                *lock(&self.late_until) = None;
            }
            gst::EventView::Eos(_) => {
                // No frame waits, and who waits for the end wants to be told of everything before it.
                match self
                    .playing()
                    .map(|playing| playing.stream.settle(PATIENCE))
                {
                    Some(Err(_)) => {
                        gst::debug!(
                            CAT,
                            imp = self,
                            "flushing: the end of the stream is not awaited"
                        );
                        return false;
                    }
                    Some(Ok(false)) => failure::warn_of_unfinished(self.obj().upcast_ref()),
                    Some(Ok(true)) | None => {}
                }
            }
            gst::EventView::Tag(tags) => {
                lock(&self.viewing).tagged(tags.tag());
            }
            gst::EventView::Caps(_) => {
                self.painting.store(false, Ordering::Relaxed);
                let taken = self.parent_sink_event(event);
                self.settle_overlays();
                return taken;
            }
            _ => {}
        }
        self.parent_sink_event(event)
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

    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        self.parent_propose_allocation(decide_query, query)?;
        viewing::keep_plain(query);
        Ok(())
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
        let told = lock(&self.viewing).seen();
        self.warn_of_viewing(told);
        // Downstream may have asked for other caps without an event from upstream.
        self.settle_overlays();
        let surface = (lock(&self.surface).clone()).ok_or(gst::FlowError::NotNegotiated)?;
        let Some(playing) = self.playing() else {
            return self.pass_idle(buffer, &surface);
        };
        match self.pass(&playing, buffer, &surface) {
            Ok(()) => Ok(gst::FlowSuccess::Ok),
            Err(why) => self.pass_unexplained(&why, buffer, &surface),
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
        gst::info!(
            CAT,
            imp = self,
            "frames are {:?} {}x{}",
            in_info.format(),
            in_info.width(),
            in_info.height()
        );
        let told = lock(&self.viewing).negotiated(in_info);
        self.warn_of_viewing(told);
        self.unsettled.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl SsdCrp {
    fn playing(&self) -> Option<Arc<Playing>> {
        lock(&self.playing).clone()
    }

    /// Tells the user that frames are seen otherwise than they are looked at.
    fn warn_of_viewing(&self, told: Option<String>) {
        if let Some(told) = told {
            gst::element_imp_warning!(self, gst::StreamError::Format, ("{told}"));
        }
    }

    /// A frame for which there are no networks.
    fn pass_idle(
        &self,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if !self.idle.load(Ordering::Relaxed) {
            return Err(gst::FlowError::Flushing);
        }
        self.blank_alone(buffer, surface);
        lock(&self.counts).count_failed();
        Ok(gst::FlowSuccess::Ok)
    }

    /// A frame without a result: it goes on as it came, or ends the stream.
    fn pass_unexplained(
        &self,
        why: &Unexplained,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let element = self.obj().clone().upcast::<gst::Element>();
        match why {
            // As GstVideoFilter does.
            Unexplained::Damaged(error) => {
                gst::debug!(CAT, imp = self, "a buffer cannot be used: {error:#}");
                if lock(&self.streaming).damaged() {
                    let consequence = "it is passed on as it came, and so are those like it";
                    Failure::frame(error).warn(&element, consequence);
                }
                lock(&self.counts).count_damaged();
                Ok(gst::FlowSuccess::Ok)
            }
            Unexplained::Failed(error) if failure::kind(error) == Some(ErrorKind::Cancelled) => {
                Err(gst::FlowError::Flushing)
            }
            Unexplained::Failed(error) => {
                let is_first = lock(&self.streaming).failed();
                if lock(&self.settings).on_error == OnError::Fail {
                    self.post_error_message(Failure::frame(error).error());
                    return Err(gst::FlowError::Error);
                }
                gst::debug!(CAT, imp = self, "a frame has no result: {error:#}");
                if is_first {
                    Failure::frame(error).warn(&element, WITHOUT_EXPLANATIONS);
                }
                self.blank_alone(buffer, surface);
                lock(&self.counts).count_failed();
                Ok(gst::FlowSuccess::Ok)
            }
        }
    }

    /// Where the heatmap takes the place of the picture, a frame without one is blank.
    fn blank_alone(&self, buffer: &mut gst::BufferRef, surface: &Surface) {
        let settings = lock(&self.settings).clone();
        if settings.output == Output::Heatmap
            && let Err(error) = blank(buffer, surface, &settings)
        {
            gst::debug!(CAT, imp = self, "a frame cannot be blanked: {error:#}");
        }
    }

    /// Has a frame looked at, and gives it what it is to show.
    fn pass(
        &self,
        playing: &Playing,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
    ) -> Result<(), Unexplained> {
        let settings = lock(&self.settings).clone();
        let (manifest, grey) = (&playing.model.manifest, surface.info.is_gray());
        let problem = lock(&self.streaming).request(&settings, manifest, grey);
        if let Some(problem) = problem {
            failure::warn_unexplained(self.obj().upcast_ref(), &problem);
        }
        let running_time = (self.obj().segment().downcast_ref::<gst::ClockTime>())
            .and_then(|segment| segment.to_running_time(buffer.pts()));
        let late = (lock(&self.late_until).zip(running_time))
            .is_some_and(|(late_until, now)| now <= late_until);
        let passing = Passing {
            surface,
            time: FrameTime {
                timestamp: buffer.pts().map(Duration::from),
                running_time: running_time.map(Duration::from),
            },
            late,
            detections: playing.detections,
            keeps_evidence: playing.keeps_evidence,
        };
        let (stream, model) = (&playing.stream, &playing.model);
        let passed = pass(&self.streaming, stream, model, &settings, buffer, &passing)?;
        if !passed.waited.is_zero() {
            self.waited(clock_time(passed.waited));
        }
        lock(&self.counts).count(&passed);
        gst::trace!(
            CAT,
            imp = self,
            "frame at {}: {}, shows a result {}",
            running_time.display(),
            match (passed.looked_at, late) {
                (false, _) => "not looked at",
                (true, true) => "looked at, too late to be explained",
                (true, false) => "looked at",
            },
            match passed.age {
                Some(age) => format!("{} ms old", age.as_millis()),
                None => "of no age, or none".to_owned(),
            }
        );
        Ok(())
    }

    /// What the element has done since it started.
    fn stats(&self) -> gst::Structure {
        let stream = self.playing().map(|playing| playing.stream.stats());
        stats::structure(*lock(&self.counts), stream.unwrap_or_default())
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
        gst::info!(
            CAT,
            imp = self,
            "a frame waited {wait}: the pipeline is to ask for latency again"
        );
        let message = gst::message::Latency::builder().src(&*self.obj()).build();
        // An element without a bus has nobody to tell.
        let _ = self.obj().post_message(message);
    }

    /// Finds out, once the caps have gone downstream, whether overlays are attached. Where they are not, the caps are not to
    /// say that they may be, and are sent again.
    fn settle_overlays(&self) {
        if !self.unsettled.swap(false, Ordering::Relaxed) {
            return;
        }
        let pad = self.obj().src_pad().clone();
        let Some(caps) = (pad.current_caps()).filter(|caps| negotiation::may_carry(caps)) else {
            return;
        };
        let attached = negotiation::composites(&pad, &caps);
        gst::info!(CAT, imp = self, "overlays are attached: {attached}");
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
        let Some(playing) = self.playing() else {
            return;
        };
        let picking = playing.stream.picking();
        let change = match gesture {
            Gesture::Press(place) => {
                let found = lock(picking).press(place);
                gst::debug!(CAT, imp = self, "press at {place:?}: {found}");
                return;
            }
            Gesture::PressMissing(place) => {
                let inside = lock(picking).press_missing(place);
                gst::debug!(CAT, imp = self, "why nothing at {place:?}: {inside}");
                return;
            }
            Gesture::Release => {
                lock(picking).release();
                return;
            }
            Gesture::NextKind => navigation::next_kind,
            Gesture::NextOutput => navigation::next_output,
            Gesture::NextContrast => navigation::next_contrast,
        };
        change(Arc::make_mut(&mut lock(&self.settings)));
        self.obj().notify("target");
        self.obj().notify("contrast");
    }
}

/// Until which running time frames are late where one for `timestamp` came `jitter` late, as `GstBaseTransform` has it:
/// twice as far on, so that it can be caught up with.
fn caught_up(timestamp: gst::ClockTime, jitter: i64) -> Option<gst::ClockTime> {
    let late = u64::try_from(jitter).ok().filter(|&late| late > 0)?;
    timestamp.checked_add(gst::ClockTime::from_nseconds(late.checked_mul(2)?))
}
