//! What the tests share: media as buffers, the element in a harness, and its results read back.

use std::process::Command;
use std::sync::{LazyLock, Once};

use gst::prelude::*;
use gst_check::Harness;
use gst_video::prelude::*;

#[path = "../../../tests/cache/mod.rs"]
mod cache;

pub use cache::cached;

/// The footage's frame rate is 10 per second.
pub const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(100);

pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstssdcrp::register_static().unwrap();
    });
}

/// A network of 27 kB that finds something in every picture; its manifest lies beside it.
pub const SMALL_MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/golden/yolo/yolo.onnx"
);

/// How often the tests look for something that must come, five milliseconds apart.
const PATIENCE: u32 = 12_000;

/// What `look` finds in the end. A fault that keeps it from coming fails the test; it does not hang it.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("after {PATIENCE} looks still not there: {what}");
}

/// Runs a test that is ignored otherwise, because it spoils a process for all others, in a process of its own. Returns what
/// that wrote to standard error.
pub fn alone(test: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{out}\n{err}"
    );
    err
}

/// Pictures with their caps.
#[derive(Clone)]
pub struct Clip {
    pub info: gst_video::VideoInfo,
    pub frames: Vec<gst::Buffer>,
}

impl Clip {
    pub fn caps(&self) -> gst::Caps {
        self.info.to_caps().unwrap()
    }

    /// The only frame of a photo.
    pub fn frame(&self) -> gst::Buffer {
        self.frames[0].clone()
    }
}

/// The first ten frames of the footage, I420 768x576, without what belongs to the decoder that they come from.
pub fn footage() -> Clip {
    static CLIP: LazyLock<Clip> = LazyLock::new(|| {
        let pipeline = format!(
            "filesrc location={} ! decodebin ! videoconvert ! video/x-raw,format=I420 ! appsink name=sink sync=false max-buffers=1",
            cached("footage/vtest.avi").display()
        );
        let (caps, frames) = pull(&pipeline, 10);
        let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
        let frames = (frames.iter().enumerate())
            .map(|(index, frame)| {
                let mut copy = gst::Buffer::from_slice(frame.map_readable().unwrap().to_vec());
                stamp(copy.get_mut().unwrap(), index as u64);
                copy
            })
            .collect();
        Clip { info, frames }
    });
    CLIP.clone()
}

/// A photo as one frame of RGB video.
pub fn photo(name: &str) -> Clip {
    init();
    let photo = image::open(cached(&format!("photos/{name}.jpg")))
        .unwrap()
        .into_rgb8();
    let (width, height) = photo.dimensions();
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
        .fps(10)
        .build()
        .unwrap();
    let frame = rgb_frame(&photo, &info, 0);
    Clip {
        info,
        frames: vec![frame],
    }
}

/// A picture as the frame `index` of RGB video of its size.
pub fn rgb_frame(
    picture: &image::RgbImage,
    info: &gst_video::VideoInfo,
    index: u64,
) -> gst::Buffer {
    let mut frame = gst_video::VideoFrame::from_buffer_writable(
        gst::Buffer::with_size(info.size()).unwrap(),
        info,
    )
    .unwrap();
    let stride = info.stride()[0] as usize;
    let lines = frame.plane_data_mut(0).unwrap().chunks_mut(stride);
    for (line, row) in lines.zip(picture.as_raw().chunks(3 * picture.width() as usize)) {
        line[..row.len()].copy_from_slice(row);
    }
    let mut buffer = frame.into_buffer();
    stamp(buffer.get_mut().unwrap(), index);
    buffer
}

/// `clip` as GStreamer itself converts it.
pub fn converted(clip: &Clip, caps: &gst::Caps) -> Clip {
    let mut info = None;
    let frames = (clip.frames.iter())
        .map(|frame| {
            let sample = gst::Sample::builder()
                .buffer(frame)
                .caps(&clip.caps())
                .build();
            let sample = gst_video::convert_sample(&sample, caps, gst::ClockTime::NONE).unwrap();
            let converted = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
            info = Some(converted);
            let mut buffer = sample.buffer_owned().unwrap();
            let buffer_mut = buffer.make_mut();
            buffer_mut.set_pts(frame.pts());
            buffer_mut.set_duration(frame.duration());
            buffer
        })
        .collect();
    Clip {
        info: info.unwrap(),
        frames,
    }
}

/// Times of the frame `index`.
pub fn stamp(buffer: &mut gst::BufferRef, index: u64) {
    buffer.set_pts(index * FRAME);
    buffer.set_duration(FRAME);
    buffer.set_offset(index);
}

/// A pipeline as of a launch line, and its end, the appsink `sink`.
pub fn launched(line: &str) -> (gst::Pipeline, gst_app::AppSink) {
    init();
    let pipeline = gst::parse::launch(line)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    (pipeline, sink.downcast().unwrap())
}

/// The first `count` buffers that arrive at the appsink `sink`, or all where there are fewer, and their caps.
pub fn pull(pipeline: &str, count: usize) -> (gst::Caps, Vec<gst::Buffer>) {
    let (pipeline, sink) = launched(pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut caps = None;
    let mut buffers = Vec::new();
    while buffers.len() < count {
        let Ok(sample) = sink.pull_sample() else {
            break;
        };
        caps = sample.caps_owned();
        buffers.push(sample.buffer_owned().unwrap());
    }
    let error = pipeline
        .bus()
        .unwrap()
        .pop_filtered(&[gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(error.is_none(), "{error:?}");
    (caps.expect("at least one buffer"), buffers)
}

/// The element in a harness, its messages caught.
pub struct Bench {
    pub element: gst::Element,
    pub bus: gst::Bus,
    pub harness: Harness,
}

impl Bench {
    /// With `settings` as of a launch line, for frames of `clip`.
    pub fn new(settings: &[(&str, &str)], clip: &Clip) -> Self {
        let (element, bus) = element(settings);
        let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
        harness.set_src_caps(clip.caps());
        Self {
            element,
            bus,
            harness,
        }
    }

    /// Pushes a frame and takes what comes out, which must be one buffer.
    pub fn push(&mut self, frame: gst::Buffer) -> gst::Buffer {
        let out = self.harness.push_and_pull(frame);
        let out = out.unwrap_or_else(|error| panic!("{error}: {:?}", self.messages()));
        assert!(
            self.harness.try_pull().is_none(),
            "one frame in, several out"
        );
        out
    }

    /// Pushes a frame again and again until it comes out with detections, and takes that.
    pub fn until_detected(&mut self, frame: &gst::Buffer) -> gst::Buffer {
        until("a frame with detections", || {
            Some(self.push(frame.clone())).filter(|out| !regions(out).is_empty())
        })
    }

    /// Waits until a field of the property `stats` is `least` or more.
    pub fn until_counted(&self, field: &str, least: u64) {
        until(field, || (self.count(field) >= least).then_some(()));
    }

    pub fn messages(&self) -> Vec<gst::Message> {
        self.bus.iter().collect()
    }

    /// The texts of the warnings since the last call; other messages are dropped, but there must be no error.
    pub fn warnings(&self) -> Vec<String> {
        let messages = self.messages();
        let texts = messages.iter().filter_map(|message| match message.view() {
            gst::MessageView::Warning(warning) => Some(warning.error().to_string()),
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => None,
        });
        texts.collect()
    }

    /// A field of the property `stats`.
    pub fn count(&self, field: &str) -> u64 {
        let stats = self.element.property::<gst::Structure>("stats");
        stats.get(field).unwrap()
    }

    /// The structures of the element messages that came since the last call; other messages are dropped.
    pub fn reports(&self) -> Vec<gst::Structure> {
        let messages = self.messages();
        let reports = messages.iter().filter_map(|message| match message.view() {
            gst::MessageView::Element(message) => Some(message.structure()?.to_owned()),
            _ => None,
        });
        reports.collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Messages hold the element, which holds the bus, which holds the messages.
        self.bus.set_flushing(true);
    }
}

/// An element that has a bus of its own.
pub fn element(settings: &[(&str, &str)]) -> (gst::Element, gst::Bus) {
    init();
    let element = gst::ElementFactory::make("ssdcrp").build().unwrap();
    for (name, value) in settings {
        element.set_property_from_str(name, value);
    }
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    (element, bus)
}

/// A detection as it is attached to a buffer.
#[derive(Debug)]
pub struct Region {
    pub label: String,
    /// x, y, width, height.
    pub rect: (u32, u32, u32, u32),
    pub id: i32,
    pub detection: gst::Structure,
    pub explanation: Option<gst::Structure>,
}

impl Region {
    pub fn confidence(&self) -> f64 {
        self.detection.get("confidence").unwrap()
    }

    /// Its number from frame to frame.
    pub fn object(&self) -> u64 {
        self.detection.get("object").unwrap()
    }
}

pub fn regions(buffer: &gst::BufferRef) -> Vec<Region> {
    buffer
        .iter_meta::<gst_video::VideoRegionOfInterestMeta>()
        .map(|meta| Region {
            label: meta.roi_type().to_owned(),
            rect: meta.rect(),
            id: meta.id(),
            detection: meta.param("detection").unwrap().to_owned(),
            explanation: meta.param("explanation").map(ToOwned::to_owned),
        })
        .collect()
}

/// The explanations in an element message, none where there is no field of them.
pub fn explanations(report: &gst::StructureRef) -> Vec<gst::Structure> {
    let array = report.get::<gst::Array>("explanations").ok();
    let values = array.iter().flat_map(|array| array.iter());
    values.map(|value| value.get().unwrap()).collect()
}

/// Whether the pixels of two buffers are the same, byte by byte.
pub fn same_bytes(a: &gst::BufferRef, b: &gst::BufferRef) -> bool {
    a.map_readable().unwrap().as_slice() == b.map_readable().unwrap().as_slice()
}

/// How much each pixel of a picture differs from that of another, summed over its components; row by row. Chroma counts for
/// every pixel that it covers. Interlaced 4:2:0 is not provided for.
pub fn difference(a: &gst::Buffer, b: &gst::Buffer, info: &gst_video::VideoInfo) -> Vec<u32> {
    let map = |buffer: &gst::Buffer| {
        gst_video::VideoFrame::from_buffer_readable(buffer.clone(), info).unwrap()
    };
    let (a, b) = (map(a), map(b));
    let format = info.format_info();
    let mut difference = Vec::with_capacity((info.width() * info.height()) as usize);
    for y in 0..info.height() as usize {
        for x in 0..info.width() as usize {
            let component = |frame: &gst_video::VideoFrame<gst_video::video_frame::Readable>,
                             c: usize| {
                let plane = format.plane()[c];
                let row = (y >> format.h_sub()[c]) * frame.plane_stride()[plane as usize] as usize;
                let column = (x >> format.w_sub()[c]) * format.pixel_stride()[c] as usize;
                frame.plane_data(plane).unwrap()[row + column + format.poffset()[c] as usize]
            };
            let components = 0..info.n_components() as usize;
            let sum = components
                .map(|c| u32::from(component(&a, c).abs_diff(component(&b, c))))
                .sum();
            difference.push(sum);
        }
    }
    difference
}
