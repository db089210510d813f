//! The element as the owner of a stream: what the engine finds becomes overlays and metas for frames, messages on the bus, and lines of JSON.
//!
//! Everything here runs on the engine's threads.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use gst::glib;
use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;
use gst_video::prelude::*;
use image::RgbImage;

use ::ssdcrp::Error;
use ::ssdcrp::detect::{Labels, Model};
use ::ssdcrp::lock::lock;
use ::ssdcrp::overlay::Canvas;
use ::ssdcrp::rgb_rows;
use ::ssdcrp::stream::settings::HeatmapPlace;
use ::ssdcrp::stream::{Host, LeftOut, News, Observation, View};

use super::allocator;
#[cfg(feature = "v1_26")]
use super::analytics::Analytics;
use super::enums::Detections;
use super::failure;
use super::frame_overlay::{FrameOverlay, attach_or_blend};
use super::journal::Journal;
use super::log::CAT;
use super::negotiation::Surface;
use super::structures::{self, Region};
use super::upstream_regions::{self, RegionAnswer};

/// A frame that nobody has painted into, kept for evidence.
#[derive(Clone, Debug)]
pub struct KeptFrame {
    pub buffer: gst::Buffer,
    pub info: gst_video::VideoInfo,
}

/// What frames show of a view, and carry.
#[derive(Debug)]
pub struct PreparedView {
    /// Whether the heatmap takes the place of the picture.
    pub alone: bool,
    /// `None` where there is nothing to draw.
    overlay: Option<FrameOverlay>,
    regions: Regions,
}

/// What metas say of what was seen.
#[derive(Debug)]
enum Regions {
    /// Metas of our own.
    Own(OwnMetas),
    /// On metas of another element.
    Upstream(Vec<RegionAnswer>),
}

/// Metas of what this element detected.
#[derive(Debug)]
struct OwnMetas {
    regions: Vec<Region>,
    #[cfg(feature = "v1_26")]
    analytics: Analytics,
}

impl OwnMetas {
    fn of(view: &View, labels: &Labels) -> Self {
        Self {
            regions: Region::of(view, labels),
            #[cfg(feature = "v1_26")]
            analytics: Analytics::of(view, labels),
        }
    }

    fn attach(&self, buffer: &mut gst::BufferRef) -> Result<()> {
        // Another one of these elements, or another detector, may have given it some already.
        let taken = buffer.iter_meta::<VideoRegionOfInterestMeta>();
        let taken: HashSet<i32> = taken.map(|meta| meta.id()).collect();
        let free = (0..).filter(|id| !taken.contains(id));
        for (id, region) in free.zip(&self.regions) {
            region.attach(buffer, id);
        }
        #[cfg(feature = "v1_26")]
        self.analytics.attach(buffer)?;
        Ok(())
    }
}

impl PreparedView {
    /// Whether it can be shown on `surface`.
    pub fn fits(&self, surface: &Surface) -> bool {
        (self.overlay.as_ref()).is_none_or(|overlay| overlay.fits(surface))
    }

    /// Gives everything to a buffer that is for `surface`, which it fits: the overlay, `visibility` (0..=1) of it, with the text of its age over
    /// it, and a meta for each detection, or an answer on that of another element.
    ///
    /// # Errors
    /// As [`attach_or_blend`].
    pub fn attach(
        &self,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
        visibility: f32,
        age: Option<&FrameOverlay>,
    ) -> Result<()> {
        let overlay = self.overlay.as_ref().map(|overlay| (overlay, visibility));
        let overlays = overlay.into_iter().chain(age.map(|age| (age, 1.0)));
        attach_or_blend(&overlays.collect::<Vec<_>>(), buffer, &surface.info)?;
        match &self.regions {
            Regions::Own(metas) => metas.attach(buffer),
            Regions::Upstream(answers) => {
                upstream_regions::answer(answers, buffer, surface.size());
                Ok(())
            }
        }
    }
}

/// The element, as far as the engine's threads need it.
pub struct ElementHost {
    pub element: glib::WeakRef<gst::Element>,
    pub model: Arc<Model>,
    /// Whose detections are explained.
    pub detections: Detections,
    /// What overlays are made for at the moment.
    pub surface: Arc<Mutex<Option<Surface>>>,
    /// The file of all results.
    pub journal: Option<Mutex<Journal>>,
}

impl Host for ElementHost {
    type Picture = KeptFrame;
    type Prepared = PreparedView;

    fn prepare(&self, view: &View, canvas: Option<Canvas>) -> ::ssdcrp::Result<PreparedView> {
        let alone = view.observation.settings().display.place == HeatmapPlace::Alone;
        let surface = lock(&self.surface).clone();
        // Between two formats nothing is shown; nor is what was seen in frames of another size.
        let surface = surface
            .map(|surface| surface.for_picture(!alone))
            .filter(|surface| {
                let drawn = canvas
                    .as_ref()
                    .map(|canvas| (canvas.width, canvas.height).into());
                drawn == Some(surface.size())
            });
        let manifest = &self.model.manifest;
        let overlay = canvas.zip(surface);
        let overlay = overlay.map(|(canvas, surface)| FrameOverlay::new(&canvas, &surface));
        Ok(PreparedView {
            alone,
            overlay: overlay.transpose().map_err(Error::other)?.flatten(),
            regions: match self.detections {
                Detections::Own => Regions::Own(OwnMetas::of(view, &manifest.labels)),
                Detections::Upstream => Regions::Upstream(structures::answers(view, manifest)),
            },
        })
    }

    fn picture(&self, frame: &KeptFrame, _: &Observation) -> ::ssdcrp::Result<RgbImage> {
        rgb(&frame.buffer, &frame.info).map_err(Error::other)
    }

    fn clock(&self) -> String {
        let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
        now.map(String::from).unwrap_or_default()
    }

    fn tell(&self, news: News) {
        allocator::give_back_now_and_then();
        let Some(element) = self.element.upgrade() else {
            return;
        };
        let labels = &self.model.manifest.labels;
        match news {
            News::Frame {
                observation,
                explained,
                events,
            } => {
                for explained in explained {
                    gst::debug!(
                        CAT,
                        obj = element,
                        "explained {} at default box {} in {:.1} ms",
                        explained.question.wording,
                        explained.tracked.detection.default_box,
                        explained.took.as_secs_f64() * 1e3
                    );
                }
                gst::log!(
                    CAT,
                    obj = element,
                    "{} detections, {} selected, {} events",
                    observation.tracked.len(),
                    observation.selected.len(),
                    observation.events.len()
                );
                let message = structures::message(observation, explained, events, labels);
                self.post(&element, message);
            }
            News::Event {
                observation,
                event,
                explained,
            } => {
                gst::debug!(
                    CAT,
                    obj = element,
                    "event {}: {}, {}",
                    event.number,
                    event.event.words(labels),
                    explained.map_or("not explained".to_owned(), |explained| {
                        format!("explained in {:.1} ms", explained.took.as_secs_f64() * 1e3)
                    })
                );
                let message = structures::event_message(event, explained, observation, labels);
                if let Some(message) = message {
                    self.post(&element, message);
                }
            }
            News::Missing {
                observation,
                explained,
            } => {
                gst::debug!(CAT, obj = element, "{}", explained.absence.words(labels));
                let message = structures::missing_message(explained, observation, labels);
                self.post(&element, message);
            }
            News::EvidenceKept { record, .. } => {
                gst::debug!(CAT, obj = element, "kept: {}", record.frame);
            }
            News::Unexplained(error) => failure::warn_unexplained(&element, &error.into()),
            News::EvidenceLeftOut { event, why } => match why {
                LeftOut::Failed {
                    error,
                    is_first: true,
                } => failure::warn_of_evidence(&element, &error.into()),
                why => gst::debug!(CAT, obj = element, "event {}: {why:?}", event.number),
            },
        }
    }
}

impl ElementHost {
    /// Writes a result into the file and posts it on the bus, where that is wanted.
    fn post(&self, element: &gst::Element, message: gst::Structure) {
        // Where it cannot be written, the video goes on.
        if let Some(journal) = &self.journal
            && let Err(error) = lock(journal).write(&message)
        {
            gst::element_warning!(element, gst::ResourceError::Write, ("{error:#}"));
        }
        if !element.property::<bool>("post-messages") {
            return;
        }
        let message = gst::message::Element::builder(message).src(element).build();
        // An element without a bus has nobody to tell.
        let _ = element.post_message(message);
    }
}

/// A frame of any format as a picture, as GStreamer converts it.
fn rgb(frame: &gst::Buffer, info: &gst_video::VideoInfo) -> Result<RgbImage> {
    let sample = gst::Sample::builder()
        .buffer(frame)
        .caps(&info.to_caps()?)
        .build();
    let caps = gst_video::VideoCapsBuilder::new()
        .format(gst_video::VideoFormat::Rgb)
        .width(info.width().cast_signed())
        .height(info.height().cast_signed())
        .pixel_aspect_ratio(info.par())
        .build();
    let sample = gst_video::convert_sample(&sample, &caps, gst::ClockTime::NONE)?;
    let info = gst_video::VideoInfo::from_caps(sample.caps().context("a frame has no caps")?)?;
    let buffer = sample.buffer().context("a frame has no buffer")?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
    let stride = frame.plane_stride()[0].unsigned_abs() as usize;
    let size = (info.width(), info.height()).into();
    Ok(rgb_rows::picture(frame.plane_data(0)?, stride, size)?)
}
