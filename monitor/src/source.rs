//! A stream on its way to its newest frame: a name in, a pipeline that ends in an appsink, and the frame that waits there.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use gst::prelude::*;
use image::RgbImage;

/// The newest frame of a stream that nobody has looked at yet.
#[derive(Clone, Default)]
pub struct Frames(Arc<Mutex<Option<gst::Sample>>>);

impl Frames {
    /// Takes the frame.
    pub fn take(&self) -> Option<DecodedFrame> {
        self.lock().take().map(DecodedFrame)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<gst::Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A frame of a stream.
pub struct DecodedFrame(gst::Sample);

/// A stream that plays from [`Source::start`] on until it is dropped.
pub struct Source {
    pipeline: gst::Pipeline,
    frames: Frames,
}

impl Source {
    /// `news` is told of every frame, as far as there is room.
    pub fn open(name: &str, news: SyncSender<()>) -> Result<Self> {
        let pipeline = gst::Pipeline::new();
        let caps = gst_video::VideoCapsBuilder::new()
            .format(gst_video::VideoFormat::Rgb)
            .pixel_aspect_ratio(gst::Fraction::new(1, 1))
            .build();
        let frames = Frames::default();
        let newest = frames.clone();
        let sink = gst_app::AppSink::builder()
            .caps(&caps)
            .drop(true)
            .max_buffers(1)
            .callbacks(
                gst_app::AppSinkCallbacks::builder()
                    .new_sample(move |sink| {
                        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        *newest.lock() = Some(sample);
                        // Where there is no room it has been told already.
                        let _ = news.try_send(());
                        Ok(gst::FlowSuccess::Ok)
                    })
                    .build(),
            )
            .build();
        let element = |name: &str| {
            let made = gst::ElementFactory::make(name).build();
            made.with_context(|| format!("GStreamer's element {name} is not installed"))
        };
        let (scale, convert) = (element("videoscale")?, element("videoconvert")?);
        // Telephones store pictures as the camera was held, and a tag that says how to turn them.
        let turn = element("videoflip")?;
        turn.set_property_from_str("video-direction", "auto");
        pipeline.add_many([&scale, &convert, &turn, sink.upcast_ref()])?;
        gst::Element::link_many([&scale, &convert, &turn, sink.upcast_ref()])?;
        if name.starts_with("/dev/video") {
            let camera = element("v4l2src")?;
            camera.set_property("device", name);
            pipeline.add(&camera)?;
            camera.link(&scale)?;
        } else {
            let decoder = element("uridecodebin")?;
            let uri = if name.contains("://") {
                name.to_owned()
            } else {
                let path = std::path::absolute(name)?;
                gst::glib::filename_to_uri(path, None)?.into()
            };
            decoder.set_property("uri", uri);
            // Sound is left undecoded.
            decoder.set_property("caps", gst::Caps::new_empty_simple("video/x-raw"));
            pipeline.add(&decoder)?;
            let entry = scale
                .static_pad("sink")
                .context("videoscale has no sink pad")?;
            decoder.connect_pad_added(move |_, pad| {
                // Of several videos the first.
                if !entry.is_linked() {
                    let _ = pad.link(&entry);
                }
            });
        }
        Ok(Self { pipeline, frames })
    }

    pub fn frames(&self) -> Frames {
        self.frames.clone()
    }

    /// Plays. `end` is called on the main loop when the stream has ended, by itself or by an error.
    pub fn start(&self, end: impl Fn(Result<()>) + 'static) -> Result<gst::bus::BusWatchGuard> {
        let bus = self.pipeline.bus().context("a pipeline without a bus")?;
        let guard = bus.add_watch_local(move |_, message| {
            let outcome = match message.view() {
                gst::MessageView::Eos(_) => Ok(()),
                gst::MessageView::Error(error) => Err(anyhow!("{}", error.error())),
                _ => return gst::glib::ControlFlow::Continue,
            };
            end(outcome);
            gst::glib::ControlFlow::Break
        })?;
        // A failure comes as a message too.
        let _ = self.pipeline.set_state(gst::State::Playing);
        Ok(guard)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl DecodedFrame {
    /// The frame as a picture, with its time in the stream.
    ///
    /// # Errors
    /// The frame cannot be read.
    pub fn picture(&self) -> Result<(gst::ClockTime, RgbImage)> {
        let sample = &self.0;
        let info = gst_video::VideoInfo::from_caps(sample.caps().context("a frame has no caps")?)?;
        let buffer = sample.buffer().context("a frame has no buffer")?;
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
        let (width, height) = (info.width() as usize, info.height() as usize);
        let rows = frame
            .plane_data(0)?
            .chunks(info.stride()[0].unsigned_abs() as usize);
        let pixels: Vec<u8> = (rows.take(height))
            .flat_map(|row| row.iter().take(3 * width).copied())
            .collect();
        let picture = RgbImage::from_raw(info.width(), info.height(), pixels);
        let segment = sample
            .segment()
            .and_then(|s| s.downcast_ref::<gst::ClockTime>());
        let time = segment.and_then(|segment| segment.to_running_time(buffer.pts()));
        Ok((
            time.unwrap_or_default(),
            picture.context("a frame is cut off")?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A video of 64x32 pixels that lies on its side: the track's matrix says that it is to be turned by a quarter.
    fn on_its_side(file: &std::path::Path) {
        let line = format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format=I420,width=64,height=32,framerate=5/1 ! x264enc ! mp4mux ! \
             filesink location={}",
            file.display()
        );
        let pipeline = gst::parse::launch(&line).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let bus = pipeline.bus().unwrap();
        bus.timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
        pipeline.set_state(gst::State::Null).unwrap();
        let mut bytes = std::fs::read(file).unwrap();
        let header = bytes.windows(4).position(|name| name == b"tkhd").unwrap();
        let matrix: [i32; 9] = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30];
        let place = &mut bytes[header + 44..header + 80];
        for (place, number) in place.as_chunks_mut::<4>().0.iter_mut().zip(matrix) {
            *place = number.to_be_bytes();
        }
        std::fs::write(file, bytes).unwrap();
    }

    #[test]
    fn what_a_telephone_stored_on_its_side_comes_upright() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phone.mp4");
        on_its_side(&file);
        let (news, arrivals) = std::sync::mpsc::sync_channel(1);
        let source = Source::open(file.to_str().unwrap(), news).unwrap();
        source.pipeline.set_state(gst::State::Playing).unwrap();
        arrivals.recv().unwrap();
        let (_, picture) = source.frames().take().unwrap().picture().unwrap();
        assert_eq!(picture.dimensions(), (32, 64));
    }
}
