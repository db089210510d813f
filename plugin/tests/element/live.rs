//! `mode=live`: frames never wait for the network, and show its newest result. No test here depends on how fast it is: those
//! that need a result push frames until there is one.

use gst::prelude::*;

use super::support::*;

fn at(frame: &gst::Buffer, index: u64) -> gst::Buffer {
    let mut frame = frame.clone();
    stamp(frame.make_mut(), index);
    frame
}

#[test]
fn every_frame_goes_out_and_results_follow() {
    let clip = footage();
    let mut bench = Bench::new(&[], &clip);
    let first = bench.push(clip.frame());
    assert!(
        same_bytes(&first, &clip.frame()),
        "there cannot be a result yet"
    );

    // The video runs ten times slower than the clock, so that no result is out of date when it comes.
    let (mut index, mut time) = (0, gst::ClockTime::ZERO);
    let drawn = until("a frame with detections", || {
        index += 1;
        time += gst::ClockTime::MSECOND;
        let mut frame = at(&clip.frame(), index);
        frame.make_mut().set_pts(time);
        let out = bench.push(frame);
        assert_eq!(out.pts(), Some(time));
        assert_eq!(out.duration(), Some(FRAME));
        assert_eq!(out.offset(), index);
        let found = !regions(&out).is_empty();
        assert!(found || same_bytes(&out, &clip.frame()));
        found.then_some(out)
    });
    assert!(!same_bytes(&drawn, &clip.frame()));
    assert!(
        regions(&drawn)
            .iter()
            .any(|region| region.label == "person")
    );
    let reports = bench.reports();
    assert!(!reports.is_empty());
    let timestamp = reports[0].get::<gst::ClockTime>("timestamp").unwrap();
    assert!(timestamp <= time, "{timestamp} lies in the future");
}

#[test]
fn a_result_is_shown_until_it_is_out_of_date() {
    let clip = footage();
    let mut bench = Bench::new(&[], &clip);
    bench.until_detected(&clip.frame());
    // All results that there are or that are under way belong to the time 0.
    let out = bench.push(at(&clip.frame(), 10));
    assert!(!regions(&out).is_empty(), "a second old is not too old");
    let out = bench.push(at(&clip.frame(), 1000));
    assert!(regions(&out).is_empty() && same_bytes(&out, &clip.frame()));
}

#[test]
fn a_flush_drops_what_was_found_before() {
    let clip = footage();
    let mut bench = Bench::new(&[], &clip);
    bench.until_detected(&clip.frame());
    assert!(bench.harness.push_event(gst::event::FlushStart::new()));
    assert!(bench.harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    assert!(bench.harness.push_event(gst::event::Segment::new(&segment)));
    let out = bench.push(clip.frame());
    assert!(regions(&out).is_empty() && same_bytes(&out, &clip.frame()));
    bench.until_detected(&clip.frame());
}

#[test]
fn frames_without_timestamps_are_explained_too() {
    let clip = footage();
    let mut frame = clip.frame();
    frame.make_mut().set_pts(gst::ClockTime::NONE);
    let mut bench = Bench::new(&[], &clip);
    bench.until_detected(&frame);
    assert!(!bench.reports()[0].has_field("timestamp"));
}

#[test]
fn the_format_may_change_in_mid_stream() {
    let clip = footage();
    let mut bench = Bench::new(&[], &clip);
    bench.until_detected(&clip.frame());
    for caps in [
        "video/x-raw,format=NV12,width=768,height=576",
        "video/x-raw,format=RGBA,width=321,height=243",
        "video/x-raw,format=I420,width=768,height=576",
    ] {
        let other = converted(&clip, &caps.parse().unwrap());
        bench.harness.set_src_caps(other.caps());
        let out = bench.push(other.frame());
        assert!(
            same_bytes(&out, &other.frame()),
            "what was drawn for other frames shows: {caps}"
        );
        bench.until_detected(&other.frame());
    }
}

#[test]
fn frames_of_a_pool_are_painted_while_they_are_looked_at() {
    let clip = photo("dog");
    let pool = gst_video::VideoBufferPool::new();
    let mut config = pool.config();
    let size = clip.info.size() as u32;
    config.set_params(Some(&clip.caps()), size, 2, 0);
    pool.set_config(config).unwrap();
    pool.set_active(true).unwrap();
    let mut bench = Bench::new(&[], &clip);
    let pixels = clip.frame();
    let pixels = pixels.map_readable().unwrap();
    let mut index = 0;
    let mut shown = 0;
    until("twenty frames with detections", || {
        let mut frame = pool.acquire_buffer(None).unwrap();
        let writable = frame.get_mut().unwrap();
        (writable.map_writable().unwrap()).copy_from_slice(&pixels);
        // The video runs slower than the clock, so that no result is out of date when it comes.
        writable.set_pts(index * gst::ClockTime::MSECOND);
        index += 1;
        let out = bench.push(frame);
        shown += u32::from(!regions(&out).is_empty());
        (shown == 20).then_some(())
    });
    assert_eq!(bench.count("frames-damaged"), 0);
    assert_eq!(bench.warnings(), [""; 0]);
    drop(pixels);
    pool.set_active(false).unwrap();
}
