//! Short videos, cut out of the footage.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use gst::prelude::*;

use crate::cache::cached;

/// Frames of the footage in a second.
const RATE: u64 = 10;

/// Cuts so many frames from a second on, as Motion JPEG in AVI.
pub fn cut(folder: &Path, name: &str, from: u64, frames: u64) -> PathBuf {
    gst::init().unwrap();
    let path = folder.join(name);
    let first = from * RATE;
    let taken = frames_of(
        &cached("footage/vtest.avi"),
        "videoconvert ! video/x-raw,format=I420 !",
    );
    let mut taken = taken.skip(first as usize).take(frames as usize).peekable();
    let caps = taken.peek().unwrap().caps_owned().unwrap();
    let description = format!(
        "appsrc name=begin format=time ! jpegenc ! avimux ! filesink location={}",
        path.display()
    );
    let pipeline = gst::parse::launch(&description).unwrap();
    let begin = named::<gst_app::AppSrc>(&pipeline, "begin");
    begin.set_caps(Some(&caps));
    let samples: Vec<gst::Sample> = taken.collect();
    play(&pipeline, || {
        for (index, sample) in samples.iter().enumerate() {
            let mut buffer = sample.buffer_owned().unwrap();
            let step = gst::ClockTime::from_mseconds(1000 / RATE);
            let times = buffer.make_mut();
            times.set_pts(step * index as u64);
            times.set_dts(None);
            times.set_duration(step);
            begin.push_buffer(buffer).unwrap();
        }
        begin.end_of_stream().unwrap();
    });
    path
}

/// Makes a file of what a GStreamer description gives.
pub fn make(path: &Path, description: &str) {
    gst::init().unwrap();
    let description = format!("{description} ! filesink location={}", path.display());
    play(&gst::parse::launch(&description).unwrap(), || ());
}

/// A file with sound alone.
pub fn sound(path: &Path) {
    make(path, "audiotestsrc num-buffers=20 ! wavenc");
}

/// Plays to the end, which `feed` gives what it takes.
fn play(pipeline: &gst::Element, feed: impl FnOnce()) {
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    feed();
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus
        .timed_pop_filtered(gst::ClockTime::NONE, &wanted)
        .unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

fn named<E: IsA<gst::Element>>(pipeline: &gst::Element, name: &str) -> E {
    let bin = pipeline.downcast_ref::<gst::Bin>().unwrap();
    bin.by_name(name).unwrap().downcast().unwrap()
}

/// The frames of a video, decoded, in their order; the pipeline stops with the last use of them.
fn frames_of(path: &Path, filter: &str) -> impl Iterator<Item = gst::Sample> + use<> {
    let description = format!(
        "filesrc location={} ! decodebin ! {filter} appsink name=end sync=false max-buffers=4",
        path.display()
    );
    let pipeline = gst::parse::launch(&description).unwrap();
    let end = named::<gst_app::AppSink>(&pipeline, "end");
    pipeline.set_state(gst::State::Playing).unwrap();
    let stop = Stopped(pipeline);
    std::iter::from_fn(move || {
        let _ = &stop;
        end.pull_sample().ok()
    })
}

/// A pipeline that stops when it is dropped.
struct Stopped(gst::Element);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.set_state(gst::State::Null).unwrap();
    }
}

/// The pictures of a video, decoded, each as a number that another picture hardly has.
pub fn pictures(path: &Path) -> Vec<u64> {
    gst::init().unwrap();
    let number = |sample: gst::Sample| {
        let buffer = sample.buffer().unwrap().map_readable().unwrap();
        let mut hasher = DefaultHasher::new();
        buffer.as_slice().hash(&mut hasher);
        hasher.finish()
    };
    frames_of(path, "").map(number).collect()
}
