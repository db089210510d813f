//! Short videos, cut out of the footage.

use std::path::{Path, PathBuf};

use gst::prelude::*;

use crate::cache::cached;

/// Frames of the footage in a second.
const RATE: u64 = 10;

/// Cuts so many frames from a second on, as Motion JPEG in AVI.
pub fn cut(folder: &Path, name: &str, from: u64, frames: u64) -> PathBuf {
    let path = folder.join(name);
    record(&path, "jpegenc ! avimux", Some((from, frames)));
    path
}

/// A file with sound alone.
pub fn sound(path: &Path) {
    let description = format!(
        "audiotestsrc num-buffers=20 ! wavenc ! filesink location={}",
        path.display()
    );
    play(&gst::parse::launch(&description).unwrap(), || ());
}

fn record(path: &Path, encoder: &str, part: Option<(u64, u64)>) {
    gst::init().unwrap();
    let description = format!(
        "filesrc location={} ! decodebin ! videoconvert ! {encoder} ! filesink location={}",
        cached("footage/vtest.avi").display(),
        path.display()
    );
    let pipeline = gst::parse::launch(&description).unwrap();
    let time = |seconds: u64| gst::ClockTime::from_seconds(seconds);
    play(&pipeline, || {
        if let Some((from, frames)) = part {
            let end = time(from) + gst::ClockTime::from_mseconds(1000 * frames / RATE);
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
            let (start, stop) = (gst::SeekType::Set, gst::SeekType::Set);
            pipeline
                .seek(1.0, flags, start, time(from), stop, end)
                .unwrap();
        }
    });
}

/// Plays to the end; `prepared` is called when all is ready for that.
fn play(pipeline: &gst::Element, prepared: impl FnOnce()) {
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(gst::ClockTime::NONE).0.unwrap();
    prepared();
    pipeline.set_state(gst::State::Playing).unwrap();
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus
        .timed_pop_filtered(gst::ClockTime::NONE, &wanted)
        .unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// The pictures of a video, decoded, each as a number that another picture hardly has.
pub fn pictures(path: &Path) -> Vec<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};

    gst::init().unwrap();
    let description = format!(
        "filesrc location={} ! decodebin ! appsink name=end sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&description).unwrap();
    let bin = pipeline.downcast_ref::<gst::Bin>().unwrap();
    let end = bin.by_name("end").unwrap();
    let end = end.downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut found = Vec::new();
    while let Ok(sample) = end.pull_sample() {
        let buffer = sample.buffer().unwrap().map_readable().unwrap();
        let mut hasher = DefaultHasher::new();
        buffer.as_slice().hash(&mut hasher);
        found.push(hasher.finish());
    }
    pipeline.set_state(gst::State::Null).unwrap();
    found
}
