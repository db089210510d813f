//! Evidence: what is seen of an event, into a folder, by a thread that may wait for the disk.
//!
//! In: an [`Exhibit`] for each event, with a frame that nobody has painted into. Out: the files of the engine's store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use gst::glib;
use gst_video::prelude::*;
use image::RgbImage;

use ::ssdcrp::detect::Manifest;
use ::ssdcrp::heatmap::{ColourMap, Heatmap, Scale};
use ::ssdcrp::overlay::{Scene, Side};
use ::ssdcrp::stream::evidence::{Pictures, Store};
use ::ssdcrp::stream::worker::Worker;

use super::events::Raised;
use super::explaining::Answer;
use super::journal::Fields;
use super::memory;
use super::sight::Sight;

/// An event with all that is to be seen of it.
#[derive(Debug)]
pub struct Exhibit {
    pub sight: Arc<Sight>,
    pub raised: Arc<Raised>,
    /// `None` where the question has no answer.
    pub answer: Option<Arc<Answer>>,
    /// What is told of it.
    pub message: gst::Structure,
    /// The frame as it came.
    pub frame: gst::Buffer,
}

/// The thread that keeps exhibits; it takes them from its queue. `fail` is called on it, with the first error after something was kept.
///
/// # Errors
/// The system gives no thread.
pub fn keeper(
    mut store: Store,
    manifest: Manifest,
    fail: impl Fn(anyhow::Error) + Send + 'static,
) -> Result<Worker<Exhibit, (), anyhow::Error>> {
    let mut failing = false;
    let worker = Worker::spawn("ssdcrp-evidence", move |exhibit: Exhibit| {
        let kept = exhibit.keep(&mut store, &manifest);
        let before = std::mem::replace(&mut failing, kept.is_err());
        if let Err(error) = kept
            && !before
        {
            fail(
                error.context("events are missing in the folder until it can be written to again"),
            );
        }
        Ok(())
    });
    Ok(worker?)
}

impl Exhibit {
    fn keep(&self, store: &mut Store, manifest: &Manifest) -> Result<()> {
        let time = (self.sight.stamp.running_time).map_or(0, gst::ClockTime::nseconds);
        let time = Duration::from_nanos(time);
        if !store.has_time_for(time) {
            return Ok(());
        }
        let told = serde_json::to_value(Fields(&self.message))?;
        let told = serde_json::from_value(told).context("an event lacks a field")?;
        let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
        let recorded = now.map(String::from).unwrap_or_default();
        store.keep(time, recorded, told, &self.pictures(manifest)?)?;
        Ok(())
    }

    fn pictures(&self, manifest: &Manifest) -> Result<Pictures> {
        let sight = &*self.sight;
        let info = &sight.surface.info;
        let event = &self.raised.event;
        let index = sight.index_of(event.object, event.detection.class);
        let remarks: Vec<(usize, &str)> = (index.iter())
            .map(|&index| (index, self.raised.remark.as_str()))
            .collect();
        let boxes = memory::box_marks(sight, &|other| Some(other) == index, &remarks, manifest);
        let answer = self.answer.as_deref();
        let heatmap = answer.map(|answer| Heatmap::normalise(answer.map.view(), Scale::Fixed(1.0)));
        let scene = Scene {
            size: sight.size(),
            pixel_aspect: f64::from(info.par().numer()) / f64::from(info.par().denom()),
            heatmap: heatmap.as_ref(),
            colours: match sight.settings.colour_map.on(info) {
                // The picture is grey, but the heatmap need not be.
                ColourMap::LightDark if info.is_gray() => ColourMap::default(),
                colours => colours,
            },
            opacity: 1.0,
            boxes: &boxes,
            draw_boxes: true,
            draw_labels: true,
            caption: answer.map(|answer| answer.words.as_str()),
            note: None,
            tiles: &[],
            tiles_side: Side::default(),
        };
        Ok(Pictures::new(rgb(&self.frame, info)?, &scene)?)
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
    let row_bytes = 3 * info.width() as usize;
    let rows = frame
        .plane_data(0)?
        .chunks(frame.plane_stride()[0] as usize);
    let pixels: Vec<u8> = (rows.take(info.height() as usize))
        .flat_map(|row| row.iter().take(row_bytes).copied())
        .collect();
    RgbImage::from_raw(info.width(), info.height(), pixels).context("a frame is cut off")
}
