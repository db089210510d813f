//! A flush and a change of state end what is under way: what waits for it returns.

use gst::prelude::*;

use super::support::*;

/// Everything that the network finds is explained, which takes seconds.
const CROWDED: [(&str, &str); 4] = [
    ("score-threshold", "0.005"),
    ("iou-threshold", "1"),
    ("select", "all"),
    ("max-explanations", "100"),
];

/// What pushes a frame on a thread of its own.
type Pushing = std::thread::JoinHandle<Result<gst::FlowSuccess, gst::FlowError>>;

/// An element that has detected in a frame and is busy with its explanations; the frame waits for them on another thread.
fn pushed() -> (Bench, gst::Pad, Pushing) {
    let clip = photo("person");
    let settings = [&[("mode", "every-frame")], &CROWDED[..]].concat();
    let bench = Bench::new(&settings, &clip);
    let source = bench.element.static_pad("sink").unwrap().peer().unwrap();
    let pushing = std::thread::spawn({
        let (source, frame) = (source.clone(), clip.frame());
        move || source.push(frame)
    });
    bench.until_counted("frames-detected", 1);
    assert!(!pushing.is_finished(), "{:?}", pushing.join());
    (bench, source, pushing)
}

#[test]
fn a_flush_ends_the_frame_that_waits_for_its_explanations() {
    let (mut bench, source, pushing) = pushed();
    assert!(source.push_event(gst::event::FlushStart::new()));
    assert_eq!(pushing.join().unwrap(), Err(gst::FlowError::Flushing));
    let counts = ["frames", "explanations"].map(|field| bench.count(field));
    assert_eq!(counts, [0, 0]);
    // And after it frames are explained again.
    bench.element.set_property("max-explanations", 2_u32);
    assert!(source.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(source.push_event(gst::event::Segment::new(&segment)));
    bench.push(photo("person").frame());
    assert_eq!(bench.count("explanations"), 2);
}

#[test]
fn a_stop_ends_the_frame_that_waits_for_its_explanations() {
    let (bench, _, pushing) = pushed();
    bench.element.set_state(gst::State::Ready).unwrap();
    assert_eq!(pushing.join().unwrap(), Err(gst::FlowError::Flushing));
}

#[test]
fn a_flush_ends_the_wait_at_the_end_of_the_stream() {
    let clip = photo("person");
    let mut bench = Bench::new(&CROWDED, &clip);
    bench.push(clip.frame());
    let source = bench.element.static_pad("sink").unwrap().peer().unwrap();
    let ending = std::thread::spawn({
        let source = source.clone();
        move || source.push_event(gst::event::Eos::new())
    });
    // The frame is detected in, and its explanations are asked for; they take longer than the end waits.
    bench.until_counted("frames-detected", 1);
    assert!(source.push_event(gst::event::FlushStart::new()));
    ending.join().unwrap();
    assert_eq!(bench.count("explanations"), 0);
    assert!(source.push_event(gst::event::FlushStop::new(true)));
    bench.element.set_property("max-explanations", 1_u32);
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(source.push_event(gst::event::Segment::new(&segment)));
    until("an explanation", || {
        bench.push(clip.frame());
        (bench.count("explanations") > 0).then_some(())
    });
}

#[test]
fn the_statistics_count_what_was_done() {
    let clip = footage();
    let settings = [("mode", "every-frame"), ("detect-interval", "200000000")];
    let mut bench = Bench::new(&settings, &clip);
    for frame in &clip.frames {
        bench.push(frame.clone());
    }
    let fields = [
        "frames",
        "frames-skipped",
        "frames-detected",
        "explanations",
    ];
    assert_eq!(fields.map(|field| bench.count(field)), [10, 5, 5, 5]);
    let stats = bench.element.property::<gst::Structure>("stats");
    let time = |field| stats.get::<gst::ClockTime>(field).unwrap();
    assert_eq!(time("age"), FRAME, "the last frame shows the one before");
    assert!(time("explanation-time") >= time("last-explanation-time"));
    bench.element.set_state(gst::State::Null).unwrap();
    bench.harness.play();
    assert_eq!(bench.count("frames"), 0, "each start counts anew");
}
