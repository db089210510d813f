//! A stream on its way to its newest frame: an address in, a pipeline that ends in an appsink, and the frame that waits there.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gst::prelude::*;
use gst_video::prelude::VideoFrameExt;
use image::RgbImage;
use ssdcrp::rgb_rows;

use crate::address::{Address, Login};
use crate::redact::say;
use crate::source_login;

/// How often it is looked whether a stream's elements have stopped, and between two looks.
const ROUNDS: usize = 500;
const ROUND: Duration = Duration::from_millis(20);

/// A stream that plays until it is dropped.
pub struct Source {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    sink: gst_app::AppSink,
}

/// A frame of a stream.
pub struct DecodedFrame(gst::Sample);

/// What came next.
pub enum Arrival {
    /// The newest frame: those that nobody asked for in time are gone.
    Frame(DecodedFrame),
    /// None in the time that was given.
    Nothing,
    /// The stream is over.
    End,
}

impl Source {
    /// Plays an address.
    ///
    /// # Errors
    /// An element of GStreamer is missing, or does not take the address. What fails later comes from [`Source::next`].
    pub fn play(address: &Address) -> Result<Self> {
        address.ensure_playable()?;
        let pipeline = gst::Pipeline::new();
        let caps = gst_video::VideoCapsBuilder::new()
            .format(gst_video::VideoFormat::Rgb)
            .pixel_aspect_ratio(gst::Fraction::new(1, 1))
            .build();
        let sink = gst_app::AppSink::builder()
            .caps(&caps)
            .drop(true)
            .max_buffers(1)
            .build();
        let (scale, convert) = (element("videoscale")?, element("videoconvert")?);
        // Telephones store pictures as the camera was held, and a tag that says how to turn them.
        let turn = element("videoflip")?;
        turn.set_property_from_str("video-direction", "auto");
        pipeline.add_many([&scale, &convert, &turn, sink.upcast_ref()])?;
        gst::Element::link_many([&scale, &convert, &turn, sink.upcast_ref()])?;
        match address {
            Address::Device(device) => {
                let camera = element("v4l2src")?;
                camera.set_property("device", device);
                pipeline.add(&camera)?;
                camera.link(&scale)?;
            }
            Address::Uri { uri, login } => {
                pipeline.add(&decoder(uri, login.clone(), &scale)?)?;
            }
        }
        let bus = pipeline.bus().context("a pipeline without a bus")?;
        // Nobody reads the others: while frames come they would pile up, as a camera has one for every frame that it lost.
        bus.set_sync_handler(|_, message| match message.type_() {
            gst::MessageType::Error | gst::MessageType::Eos => gst::BusSyncReply::Pass,
            _ => gst::BusSyncReply::Drop,
        });
        // A failure comes as a message too.
        let _ = pipeline.set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            bus,
            sink,
        })
    }

    /// Waits so long at most.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn next(&self, patience: gst::ClockTime) -> Result<Arrival> {
        self.ensure_well()?;
        if let Some(sample) = self.sink.try_pull_sample(patience) {
            return Ok(Arrival::Frame(DecodedFrame(sample)));
        }
        // The sink knows of the end before the bus does; of an error the bus knows first.
        if self.sink.is_eos() {
            let told = [gst::MessageType::Error, gst::MessageType::Eos];
            let message = self.bus.timed_pop_filtered(patience, &told);
            return match message.as_ref().map(|message| message.view()) {
                Some(gst::MessageView::Eos(_)) => Ok(Arrival::End),
                Some(gst::MessageView::Error(error)) => Err(failure(error)),
                _ => Ok(Arrival::Nothing),
            };
        }
        self.ensure_well()?;
        Ok(Arrival::Nothing)
    }

    /// A stream that has failed may still have frames.
    fn ensure_well(&self) -> Result<()> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => Err(failure(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if !ends(&self.pipeline) {
            // An element that is disposed of while it plays ends the process.
            say(format_args!(
                "a stream's elements do not stop, and are left behind"
            ));
            std::mem::forget(self.pipeline.clone());
        }
    }
}

/// Stops all elements of a pipeline. Says whether they did.
///
/// Decoders add elements and start them on threads of their own, also at the moment in which the others stop: those would go on, so it is looked again until all have stopped.
fn ends(pipeline: &gst::Pipeline) -> bool {
    for _ in 0..ROUNDS {
        let _ = pipeline.set_state(gst::State::Null);
        let mut has_stopped = true;
        let mut elements = pipeline.iterate_recurse();
        loop {
            match elements.next() {
                Ok(Some(element)) => {
                    let (_, now, pending) = element.state(gst::ClockTime::ZERO);
                    if (now, pending) != (gst::State::Null, gst::State::VoidPending) {
                        has_stopped = false;
                        let _ = element.set_state(gst::State::Null);
                    }
                }
                Ok(None) => break,
                // There are others meanwhile: the next round sees them.
                Err(_) => {
                    has_stopped = false;
                    break;
                }
            }
        }
        if has_stopped {
            return true;
        }
        std::thread::sleep(ROUND);
    }
    false
}

fn element(name: &str) -> Result<gst::Element> {
    let made = gst::ElementFactory::make(name).build();
    made.with_context(|| format!("GStreamer's element {name} is not installed"))
}

/// What decodes an address, and gives its pictures to `entry`.
fn decoder(uri: &str, login: Option<Login>, entry: &gst::Element) -> Result<gst::Element> {
    let decoder = element("uridecodebin")?;
    decoder.set_property("uri", uri);
    // Sound is left undecoded.
    decoder.set_property("caps", gst::Caps::new_empty_simple("video/x-raw"));
    if let Some(login) = login {
        let uri = uri.to_owned();
        decoder.connect("source-setup", false, move |values| {
            let source = values.get(1)?.get::<gst::Element>().ok()?;
            source_login::tell(&source, &uri, &login);
            None
        });
    }
    if let Some(bin) = decoder.downcast_ref::<gst::Bin>() {
        // A camera's JPEGs are one stream: who waits for others does so until ten megabytes have come.
        bin.connect_deep_element_added(|_, _, inner| {
            if inner
                .factory()
                .is_some_and(|made| made.name() == "multipartdemux")
            {
                inner.set_property("single-stream", true);
            }
        });
    }
    let entry = entry
        .static_pad("sink")
        .context("videoscale has no sink pad")?;
    decoder.connect_pad_added(move |_, pad| {
        // Of several videos the first.
        if !entry.is_linked() {
            let _ = pad.link(&entry);
        }
    });
    Ok(decoder)
}

/// GStreamer's words, and what the element that failed says besides: "Not found" alone does not say what.
fn failure(error: &gst::message::Error) -> anyhow::Error {
    if let Some(words) = source_login::redirected(error) {
        return anyhow!(words);
    }
    let words = error.error().to_string();
    let more = error.debug().unwrap_or_default();
    // "gstrtspsrc.c(7893): gst_rtspsrc_open (): /GstPipeline:pipeline0/…:\nCould not open" has the words in its last line.
    match more
        .lines()
        .last()
        .filter(|last| more.lines().count() > 1 && !last.is_empty())
    {
        Some(detail) => anyhow!("{words} ({detail})"),
        None => anyhow!("{words}"),
    }
}

impl DecodedFrame {
    /// Its time since the stream began. Not every stream says it: pictures of a camera that sends JPEGs by HTTP have none.
    pub fn time(&self) -> Option<Duration> {
        let segment = self.0.segment()?.downcast_ref::<gst::ClockTime>()?;
        let pts = self.0.buffer()?.pts();
        let time = segment.to_running_time(pts)?;
        Some(Duration::from_nanos(time.nseconds()))
    }

    /// The frame as a picture.
    ///
    /// # Errors
    /// The frame cannot be read.
    pub fn picture(&self) -> Result<RgbImage> {
        let info = gst_video::VideoInfo::from_caps(self.0.caps().context("a frame has no caps")?)?;
        let buffer = self.0.buffer().context("a frame has no buffer")?;
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)?;
        let stride = frame.plane_stride()[0].unsigned_abs() as usize;
        let size = (info.width(), info.height()).into();
        Ok(rgb_rows::picture(frame.plane_data(0)?, stride, size)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a pipeline to its end.
    fn run(line: &str) {
        let pipeline = gst::parse::launch(line).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let bus = pipeline.bus().unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = bus.timed_pop_filtered(None, &ends).unwrap();
        assert_eq!(end.type_(), gst::MessageType::Eos, "{line}: {end:?}");
        pipeline.set_state(gst::State::Null).unwrap();
    }

    fn play(file: &std::path::Path) -> Source {
        Source::play(&Address::new(file.to_str().unwrap(), None).unwrap()).unwrap()
    }

    /// The frames of a stream up to its end.
    fn frames(source: &Source) -> Result<Vec<DecodedFrame>> {
        let mut frames = Vec::new();
        loop {
            match source.next(gst::ClockTime::from_seconds(1))? {
                Arrival::Frame(frame) => frames.push(frame),
                Arrival::Nothing => {}
                Arrival::End => return Ok(frames),
            }
        }
    }

    /// A video of 64x32 pixels that lies on its side: the track's matrix says that it is to be turned by a quarter.
    fn on_its_side(file: &std::path::Path) {
        let line = format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format=I420,width=64,height=32,framerate=5/1 ! x264enc ! mp4mux ! \
             filesink location={}",
            file.display()
        );
        run(&line);
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
        let frames = frames(&play(&file)).unwrap();
        let picture = frames[0].picture().unwrap();
        assert_eq!(picture.dimensions(), (32, 64));
        let times: Vec<_> = frames.iter().map(DecodedFrame::time).collect();
        assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    }

    #[test]
    fn frames_of_a_multipart_file_come_without_a_time() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("camera.mjpg");
        run(&format!(
            "videotestsrc num-buffers=20 ! video/x-raw,width=64,height=32,framerate=5/1 ! jpegenc ! multipartmux ! \
             filesink location={}",
            file.display()
        ));
        let frames = frames(&play(&file)).unwrap();
        assert!(!frames.is_empty());
        assert!(frames.iter().all(|frame| frame.time().is_none()));
        assert_eq!(frames[0].picture().unwrap().dimensions(), (64, 32));
    }

    /// Sends a small picture five times a second to whoever comes.
    fn send_small_pictures(listener: &std::net::TcpListener, picture: &[u8]) {
        use std::io::Write;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part =
                b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n".to_vec();
            while stream.write_all(&part).is_ok() {
                part = b"--next\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
                part.extend_from_slice(picture);
                part.extend_from_slice(b"\r\n");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    #[test]
    fn a_camera_that_sends_small_pictures_plays_at_once() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.jpg");
        run(&format!(
            "videotestsrc num-buffers=1 ! video/x-raw,width=64,height=32 ! jpegenc ! filesink location={}",
            file.display()
        ));
        let picture = std::fs::read(file).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || send_small_pictures(&listener, &picture));
        let address = Address::new(&format!("http://{address}/video.mjpg"), None).unwrap();
        let source = Source::play(&address).unwrap();
        // Half an hour would pass until there are ten megabytes.
        let first = source.next(gst::ClockTime::from_seconds(60)).unwrap();
        assert!(matches!(first, Arrival::Frame(_)), "no frame in a minute");
    }

    #[test]
    fn elements_that_the_others_leave_playing_stop_too() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let elements = ["fakesrc", "fakesink"].map(|name| element(name).unwrap());
        pipeline.add_many(&elements).unwrap();
        gst::Element::link_many(&elements).unwrap();
        elements[1].set_property("async", false);
        pipeline.set_state(gst::State::Playing).unwrap();
        for element in &elements {
            assert_eq!(element.state(gst::ClockTime::NONE).1, gst::State::Playing);
        }
        // As one that a decoder adds and starts while its bin stops.
        elements[1].set_locked_state(true);
        assert!(ends(&pipeline));
        for element in &elements {
            assert_eq!(element.current_state(), gst::State::Null);
        }
    }

    #[test]
    fn a_stream_that_ends_and_one_that_fails_say_so() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phone.mp4");
        on_its_side(&file);
        let failure = |file: &std::path::Path| match frames(&play(file)) {
            Ok(_) => panic!("it has an end"),
            Err(error) => error.to_string(),
        };
        assert!(frames(&play(&file)).is_ok());
        let missing = failure(&folder.path().join("no.mp4"));
        assert!(missing.contains("no.mp4"), "{missing}");
        let text = folder.path().join("text.mp4");
        std::fs::write(&text, "no video at all").unwrap();
        failure(&text);
    }

    #[test]
    fn an_error_is_seen_beside_frames_and_nothing_else_piles_up() {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phone.mp4");
        on_its_side(&file);
        let source = play(&file);
        let first = source.next(gst::ClockTime::from_seconds(60)).unwrap();
        assert!(matches!(first, Arrival::Frame(_)));
        let kept = source.bus.pop();
        assert!(kept.is_none_or(|message| message.type_() == gst::MessageType::Eos));
        let lost = gst::message::Error::new(gst::ResourceError::Read, "the cable is out");
        source.bus.post(lost).unwrap();
        let Err(error) = source.next(gst::ClockTime::from_seconds(60)) else {
            panic!("the error is not seen")
        };
        assert!(error.to_string().contains("cable"), "{error}");
    }
}
