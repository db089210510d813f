//! What the streaming thread does with a frame: hand it to the engine, and give it what there is to show.
//!
//! In: a buffer, what it is for, and the properties of that moment. Out: the same buffer with overlay and metas.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use ::ssdcrp::detect::manifest::Resize;
use ::ssdcrp::detect::preprocess::sample;
use ::ssdcrp::detect::{Manifest, Model, NetworkInput};
use ::ssdcrp::geometry::Size;
use ::ssdcrp::lock::lock;
use ::ssdcrp::stream::RateLimiter;
use ::ssdcrp::stream::settings::StreamSettings;
use ::ssdcrp::stream::visibility;
use ::ssdcrp::stream::{FrameInfo, FrameTime, Sampler, Shown, Stream, StreamFrame};

use super::age_overlay::AgeOverlay;
use super::background;
use super::enums::{Detections, Mode, Output};
use super::frame_pixels::FramePixels;
use super::host::{ElementHost, KeptFrame, PreparedView};
use super::negotiation::Surface;
use super::request::{colours, request};
use super::settings::Settings;
use super::square_pixels::SquarePixels;
use super::upstream_regions;

/// What the streaming thread remembers from frame to frame.
#[derive(Debug, Default)]
pub struct Streaming {
    current: Option<Current>,
    /// Frames that are looked at, and the requests that they were with.
    detected: RateLimiter<u64>,
    /// When the last frame came, by the clock on the wall.
    came: Option<Instant>,
    /// The result that the last frame showed.
    shown: Option<Arc<Shown<PreparedView>>>,
    age_overlay: AgeOverlay,
    /// Why nothing could be selected, as far as that was told.
    warned: HashSet<String>,
    /// The last buffer could not be used.
    damaged: bool,
    /// The engine has failed, and nothing was shown since.
    failing: bool,
}

/// The properties of a moment, and what the engine is asked for by them.
#[derive(Clone, Debug)]
struct Current {
    settings: Arc<Settings>,
    grey: bool,
    request: Arc<StreamSettings>,
    /// Counts the different requests.
    number: u64,
}

/// A frame on its way through.
pub struct Passing<'a> {
    pub surface: &'a Surface,
    pub time: FrameTime,
    /// Downstream gets its frames too late.
    pub late: bool,
    /// Whose detections are explained.
    pub detections: Detections,
    /// Whether frames of events are kept.
    pub keeps_evidence: bool,
}

impl Streaming {
    /// Forgets what was shown: what comes next is another place or another time.
    pub fn flush(&mut self) {
        self.shown = None;
    }

    /// The request that the properties make, and the first time why nothing can be selected by them.
    pub fn request(
        &mut self,
        settings: &Arc<Settings>,
        manifest: &Manifest,
        grey: bool,
    ) -> Option<anyhow::Error> {
        let is_known =
            |current: &Current| Arc::ptr_eq(&current.settings, settings) && current.grey == grey;
        if self.current.as_ref().is_some_and(is_known) {
            return None;
        }
        let (made, problem) = request(settings, manifest, grey);
        let before = self.current.take();
        let number = before.as_ref().map_or(0, |before| before.number);
        // A controlled property is set for every frame, and seldom to another value.
        let same = before.filter(|before| *before.request == made);
        self.current = Some(Current {
            settings: settings.clone(),
            grey,
            number: number + u64::from(same.is_none()),
            request: same.map_or_else(|| Arc::new(made), |same| same.request),
        });
        problem.filter(|problem| self.warned.insert(format!("{problem:#}")))
    }

    /// A buffer cannot be used. Says whether it is the first since one could.
    pub fn damaged(&mut self) -> bool {
        !std::mem::replace(&mut self.damaged, true)
    }

    /// The engine has failed: what was shown is shown no more. Says whether it is the first time since there was a result.
    pub fn failed(&mut self) -> bool {
        self.shown = None;
        !std::mem::replace(&mut self.failing, true)
    }

    /// A frame has passed.
    fn passed(&mut self, passed: &Passed) {
        self.damaged = false;
        self.failing &= !passed.shows;
    }

    /// Whether a frame is to be looked at, and then with which request.
    fn due(
        &mut self,
        time: FrameTime,
        stream: &Stream<ElementHost>,
    ) -> Option<Arc<StreamSettings>> {
        let now = Instant::now();
        // As long after this frame as this one after the last, the next will be here.
        let next = (self.came.replace(now)).map_or(Duration::MAX, |came| now - came);
        let current = self.current.as_ref()?;
        let interval = current.settings.detect_interval();
        let is_due = (self.detected).is_due(time.running_time, interval, &current.number);
        (is_due && stream.wants(next)).then(|| current.request.clone())
    }

    /// A frame is looked at.
    fn begin(&mut self, time: FrameTime) {
        if let Some(current) = &self.current {
            self.detected.begin(time.running_time, current.number);
        }
    }

    /// What a frame shows: the newest result, unless it is for other frames or too old. With it, how much of it is seen.
    fn choose(
        &mut self,
        newest: Option<Arc<Shown<PreparedView>>>,
        frame: &FrameInfo,
        surface: &Surface,
        settings: &Settings,
    ) -> Option<(Arc<Shown<PreparedView>>, f32)> {
        if let Some(newest) = newest
            && (self.shown.as_ref()).is_none_or(|shown| shown.number < newest.number)
        {
            self.shown = Some(newest);
        }
        let alone = settings.output == Output::Heatmap;
        let visible = |shown: &Shown<PreparedView>| {
            visibility(shown.frame.time.age(frame.time), settings.expires_after())
        };
        self.shown.take_if(|shown| {
            !shown.frame.fits(frame)
                || shown.prepared.alone != alone
                || !shown.prepared.fits(surface)
                || visible(shown) == 0.0
        });
        let shown = self.shown.clone()?;
        let visible = visible(&shown);
        Some((shown, visible))
    }
}

/// What came of a frame that passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Whether it was handed to the engine.
    pub looked_at: bool,
    /// How long it waited for the engine.
    pub waited: Duration,
    /// Whether it shows a result.
    pub shows: bool,
    /// How much earlier what it shows was detected, where it shows something.
    pub age: Option<Duration>,
}

/// Why a frame goes on without a result.
#[derive(Debug)]
pub enum Unexplained {
    /// The buffer cannot be read or written as what it should be.
    Damaged(anyhow::Error),
    /// A flush or a stop ([`Cancelled`](::ssdcrp::ErrorKind::Cancelled)), or what went wrong in the engine.
    Failed(anyhow::Error),
}

impl From<::ssdcrp::Error> for Unexplained {
    fn from(error: ::ssdcrp::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Has a frame looked at, and gives it the result that it is to show. `streaming` lets the state be changed for a moment, never while something is waited for or drawn.
///
/// # Errors
/// Why it has none; a buffer is then as it came.
pub fn pass(
    streaming: &std::sync::Mutex<Streaming>,
    stream: &Stream<ElementHost>,
    model: &Arc<Model>,
    settings: &Settings,
    buffer: &mut gst::BufferRef,
    passing: &Passing,
) -> Result<Passed, Unexplained> {
    use Unexplained::{Damaged, Failed};
    let state = || lock(streaming);
    let alone = settings.output == Output::Heatmap;
    let surface = &passing.surface.for_picture(!alone);
    let info = &surface.info;
    let frame = FrameInfo {
        time: passing.time,
        size: surface.size(),
        pixel_aspect: surface.pixel_aspect(),
        epoch: stream.epoch(),
    };
    let begun = Instant::now();
    let request = state().due(frame.time, stream);
    let looked_at = request.is_some();
    if let Some(request) = request {
        check_readable(buffer, surface).map_err(Damaged)?;
        // Shares the pixels: what is painted into the frame while they are read is painted into a copy of them.
        let pixels = sharing(buffer);
        let share = || KeptFrame {
            buffer: pixels.clone(),
            info: info.clone(),
        };
        let keeps = passing.keeps_evidence && settings.events.are_wanted();
        let looked_at = StreamFrame {
            info: frame,
            input: sampler(share(), surface, model).map_err(Damaged)?,
            settings: request,
            late: passing.late,
            picture: keeps.then(share),
        };
        // A damaged frame takes no other one's turn.
        state().begin(frame.time);
        match passing.detections {
            Detections::Own => stream.look(looked_at)?,
            Detections::Upstream => {
                let upstream = upstream_regions::read(buffer, frame.size);
                stream.look_at_detected(looked_at, upstream)?;
            }
        }
    }
    let waited = match settings.mode {
        Mode::EveryFrame if looked_at => begun.elapsed(),
        _ => Duration::ZERO,
    };
    let chosen = state().choose(stream.shown()?, &frame, surface, settings);
    let objects = chosen.as_ref().map(|(shown, _)| shown.objects.clone());
    lock(stream.picking()).show(objects.unwrap_or_default(), frame.size);
    if alone {
        blank(buffer, surface, settings).map_err(Damaged)?;
    }
    if passing.detections == Detections::Upstream {
        upstream_regions::forget_answers(buffer);
    }
    if let Some((shown, visible)) = &chosen {
        let mut age_overlay = std::mem::take(&mut state().age_overlay);
        let age = match settings.draw_age && !alone {
            true => {
                let ages = [Some(shown.frame.time), shown.explained];
                let ages = ages.map(|then| then.and_then(|then| then.age(frame.time)));
                age_overlay.of(ages, surface).map_err(Failed)?
            }
            false => None,
        };
        let attached = shown.prepared.attach(buffer, surface, *visible, age);
        attached.map_err(Damaged)?;
        state().age_overlay = age_overlay;
    }
    if alone {
        let straight =
            writable(buffer, surface).and_then(|mut f| background::unpremultiply(&mut f));
        straight.map_err(Damaged)?;
    }
    let passed = Passed {
        looked_at,
        waited,
        shows: chosen.is_some(),
        age: chosen.and_then(|(shown, _)| shown.frame.time.age(frame.time)),
    };
    state().passed(&passed);
    Ok(passed)
}

/// Makes of a frame a heatmap of nothing.
///
/// # Errors
/// The buffer cannot be written to.
pub fn blank(buffer: &mut gst::BufferRef, surface: &Surface, settings: &Settings) -> Result<()> {
    let ground = colours(settings, surface.info.is_gray()).ground();
    background::clear(&mut writable(buffer, surface)?, ground)
}

/// A buffer of the same pixels and the same layout. A copy as GStreamer makes it would not do: since 1.26 that of a pool's buffer holds on to it, and then nobody can write to it any more.
fn sharing(buffer: &gst::BufferRef) -> gst::Buffer {
    let mut shared = gst::Buffer::new();
    let sharing = shared.make_mut();
    for memory in buffer.iter_memories_owned() {
        let is_alone = memory.flags().contains(gst::MemoryFlags::NO_SHARE);
        sharing.append_memory(if is_alone { memory.copy() } else { memory });
    }
    if let Some(meta) = buffer.meta::<gst_video::VideoMeta>() {
        // It has as many planes as the format, and each lies in the buffer: `check_readable` has looked.
        let _ = gst_video::VideoMeta::add_full(
            sharing,
            meta.video_frame_flags(),
            meta.format(),
            meta.width(),
            meta.height(),
            meta.offset(),
            meta.stride(),
        );
    }
    shared
}

/// A buffer's frame to paint into.
fn writable<'b>(
    buffer: &'b mut gst::BufferRef,
    surface: &Surface,
) -> Result<gst_video::VideoFrameRef<&'b mut gst::BufferRef>> {
    gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &surface.info)
        .context("the frame cannot be written to")
}

/// Whether the frame can be sampled.
///
/// # Errors
/// Why not.
fn check_readable(buffer: &gst::BufferRef, surface: &Surface) -> Result<()> {
    // It was not offered to who is before this element ([`viewing`](super::viewing)).
    if let Some(crop) = buffer.meta::<gst_video::VideoCropMeta>() {
        let (x, y, width, height) = crop.rect();
        ensure!(
            (x, y, Size::new(width, height)) == (0, 0, surface.size()),
            "the frame is to be cropped by whoever shows it (GstVideoCropMeta), which cannot be done here"
        );
    }
    FramePixels::new(&readable(buffer, &surface.info)?).map(drop)
}

/// A frame of at most so many bytes for each pixel of the network's input is copied sooner than it is sampled. Measured for an input of 300x300, on the thread that carries the
/// video: I420 of 1920x1080 has 35 bytes a pixel, 1.1 in place of 2.6 ms; BGRx has 92, 2.6 in place of 2.8 ms.
const COPIED_BYTES: u64 = 64;

/// What samples the network's input: the detecting thread, unless that would cost the thread that carries the video more, which has to paint into a copy then.
///
/// # Errors
/// The frame cannot be sampled.
fn sampler(frame: KeptFrame, surface: &Surface, model: &Arc<Model>) -> Result<Sampler> {
    let input = model.input_size;
    let pixels = u64::from(input.width) * u64::from(input.height);
    let pixel_aspect = surface.pixel_aspect();
    if surface.attached || frame.info.size() as u64 <= COPIED_BYTES * pixels {
        let model = model.clone();
        return Ok(Box::new(move || {
            sampled(&frame, pixel_aspect, &model).map_err(::ssdcrp::Error::other)
        }));
    }
    let input = sampled(&frame, pixel_aspect, model)?;
    Ok(Box::new(|| Ok(input)))
}

/// The network's input, of a frame whose pixels are `pixel_aspect` times as wide as high.
fn sampled(frame: &KeptFrame, pixel_aspect: f64, model: &Model) -> Result<NetworkInput> {
    let frame = readable(&frame.buffer, &frame.info)?;
    let pixels = FramePixels::new(&frame)?;
    let (size, input) = (model.input_size, &model.manifest.input);
    let sampled = match (input.resize, pixel_aspect) {
        // What is warped has the network's shape, whatever its own is.
        (Resize::Warp(_), _) | (_, 1.0) => sample(&pixels, size, input),
        (_, aspect) => sample(&SquarePixels::of(&pixels, aspect), size, input),
    };
    Ok(sampled?)
}

/// A buffer's frame to read. A buffer that others hold too is not copied for that.
fn readable<'b>(
    buffer: &'b gst::BufferRef,
    info: &gst_video::VideoInfo,
) -> Result<gst_video::VideoFrameRef<&'b gst::BufferRef>> {
    gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
        .context("the frame cannot be read")
}
