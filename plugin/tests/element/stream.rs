//! The stream's own ways: seeks, flushes, segments, gaps, trick modes, and its end.

use gst::prelude::*;

use super::support::*;

fn every_frame(clip: &Clip) -> Bench {
    Bench::new(&[("mode", "every-frame")], clip)
}

fn segment(bench: &mut Bench, change: impl FnOnce(&mut gst::FormattedSegment<gst::ClockTime>)) {
    let mut segment = gst::FormattedSegment::new();
    change(&mut segment);
    assert!(bench.harness.push_event(gst::event::Segment::new(&segment)));
}

fn objects(frame: &gst::BufferRef) -> Vec<u64> {
    regions(frame).iter().map(Region::object).collect()
}

#[test]
fn after_a_seek_a_file_gives_the_same_pictures_again() {
    init();
    let pipeline = format!(
        "filesrc location={} ! decodebin ! videoconvert ! ssdcrp mode=every-frame ! \
         appsink name=sink sync=false max-buffers=1",
        cached("footage/vtest.avi").display()
    );
    let (pipeline, sink) = launched(&pipeline);
    let take = |count: usize| -> Vec<gst::Buffer> {
        let samples = (0..count).map(|_| sink.pull_sample().unwrap());
        samples
            .map(|sample| sample.buffer_owned().unwrap())
            .collect()
    };
    pipeline.set_state(gst::State::Playing).unwrap();
    let first = take(3);
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    for _ in 0..2 {
        pipeline.seek_simple(flags, gst::ClockTime::ZERO).unwrap();
        let again = take(3);
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first.pts(), again.pts());
            assert!(same_bytes(first, again));
        }
        let new = objects(&again[0]);
        let known = objects(&first[0]);
        assert!(!new.is_empty() && new.iter().all(|object| !known.contains(object)));
    }
    // At double speed, a second before the end.
    let duration: gst::ClockTime = pipeline.query_duration().unwrap();
    let start = duration - gst::ClockTime::SECOND;
    let (none, end) = (gst::SeekType::None, gst::ClockTime::NONE);
    pipeline
        .seek(2.0, flags, gst::SeekType::Set, start, none, end)
        .unwrap();
    let mut last = None;
    let mut count = 0;
    while let Ok(sample) = sink.pull_sample() {
        count += 1;
        last = sample.buffer().and_then(|buffer| buffer.pts());
        assert!(
            sample
                .buffer()
                .is_some_and(|buffer| !regions(buffer).is_empty())
        );
    }
    assert!(count >= 9 && sink.is_eos(), "{count} frames");
    assert!(last >= Some(duration - 2 * FRAME), "{last:?} of {duration}");
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn running_time_follows_segments() {
    let clip = footage();
    let mut bench = every_frame(&clip);
    let running_time = |bench: &mut Bench, index: u64| {
        let mut frame = clip.frame();
        stamp(frame.make_mut(), index);
        let out = bench.push(frame);
        assert_eq!(out.pts(), Some(index * FRAME));
        let report = bench.reports().remove(0);
        assert_eq!(report.get::<gst::ClockTime>("timestamp").ok(), out.pts());
        report.get::<gst::ClockTime>("running-time").ok()
    };
    segment(&mut bench, |segment| {
        segment.set_start(20 * FRAME);
        segment.set_base(7 * FRAME);
    });
    assert_eq!(running_time(&mut bench, 21), Some(8 * FRAME));
    segment(&mut bench, |segment| {
        segment.set_rate(2.0);
        segment.set_start(40 * FRAME);
        segment.set_base(9 * FRAME);
    });
    assert_eq!(running_time(&mut bench, 42), Some(10 * FRAME));
    // Backwards: timestamps fall while time goes on.
    segment(&mut bench, |segment| {
        segment.set_rate(-1.0);
        segment.set_start(gst::ClockTime::ZERO);
        segment.set_stop(60 * FRAME);
        segment.set_base(11 * FRAME);
    });
    assert_eq!(running_time(&mut bench, 59), Some(12 * FRAME));
    assert_eq!(running_time(&mut bench, 58), Some(13 * FRAME));
}

#[test]
fn backwards_intervals_and_heatmaps_work_too() {
    let clip = footage();
    let settings = [("mode", "every-frame"), ("explain-interval", "300000000")];
    let mut bench = Bench::new(&settings, &clip);
    segment(&mut bench, |segment| {
        segment.set_rate(-1.0);
        segment.set_stop(10 * FRAME);
    });
    for (index, frame) in clip.frames.iter().rev().enumerate() {
        let out = bench.push(frame.clone());
        assert_eq!(explanations(&bench.reports()[0]).is_empty(), index % 3 != 0);
        assert!(!same_bytes(&out, frame));
    }
}

#[test]
fn gaps_flushes_and_the_end_go_through_in_their_order() {
    let clip = footage();
    let mut bench = every_frame(&clip);
    bench.push(clip.frames[0].clone());
    while bench.harness.try_pull_event().is_some() {}
    let gap = gst::event::Gap::builder(FRAME).duration(3 * FRAME).build();
    assert!(bench.harness.push_event(gap));
    let event = bench.harness.pull_event().unwrap();
    assert_eq!(event.type_(), gst::EventType::Gap);
    bench.push(clip.frames[4].clone());

    let before = objects(&bench.push(clip.frames[5].clone()));
    assert!(bench.harness.push_event(gst::event::FlushStart::new()));
    assert!(bench.harness.push_event(gst::event::FlushStop::new(true)));
    segment(&mut bench, |_| ());
    let after = bench.push(clip.frames[0].clone());
    assert!(
        objects(&after)
            .iter()
            .all(|object| !before.contains(object))
    );

    // Each frame waits for its result, so at the end nothing is missing.
    bench.reports();
    for frame in &clip.frames[..3] {
        bench.harness.push(frame.clone()).unwrap();
    }
    assert!(bench.harness.push_event(gst::event::Eos::new()));
    assert_eq!(bench.harness.buffers_in_queue(), 3);
    assert_eq!(bench.reports().len(), 3);
    for _ in 0..3 {
        assert!(!regions(&bench.harness.pull().unwrap()).is_empty());
    }
}

#[test]
fn what_is_remembered_does_not_break_repeatability() {
    let clip = footage();
    let settings = [
        ("mode", "every-frame"),
        ("select", "all"),
        ("detect-interval", "200000000"),
        ("explain-interval", "500000000"),
        ("draw-age", "true"),
    ];
    let record = || -> Vec<gst::Buffer> {
        let mut bench = Bench::new(&settings, &clip);
        let frames = clip.frames.iter();
        frames.map(|frame| bench.push(frame.clone())).collect()
    };
    let (first, again) = (record(), record());
    for (index, (first, again)) in first.iter().zip(&again).enumerate() {
        assert!(same_bytes(first, again), "frame {index}");
    }
}
