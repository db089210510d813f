//! What says how a frame is to be seen: turned, cropped, as one of several views. Nothing of it goes unseen.

use gst::prelude::*;
use gst_video::VideoCropMeta;

use super::support::*;

/// Labels and places.
fn found(buffer: &gst::BufferRef) -> Vec<(String, (u32, u32, u32, u32))> {
    let regions = regions(buffer).into_iter();
    regions.map(|region| (region.label, region.rect)).collect()
}

/// The first picture of a photo behind `videocrop`, before a sink that offers to crop, or does not.
fn cropped(element: &str, offers: bool) -> gst::Buffer {
    let (pipeline, sink) = launched(&format!(
        "filesrc location={} ! jpegdec ! imagefreeze num-buffers=2 ! videoconvert ! video/x-raw,format=I420,framerate=5/1 ! \
         videocrop left=300 top=60 ! {element} ! appsink name=sink sync=false",
        cached("photos/person.jpg").display()
    ));
    if offers {
        let pad = sink.static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
            let Some(query) = info.query_mut() else {
                return gst::PadProbeReturn::Ok;
            };
            let gst::QueryViewMut::Allocation(query) = query.view_mut() else {
                return gst::PadProbeReturn::Ok;
            };
            query.add_allocation_meta::<gst_video::VideoMeta>(None);
            query.add_allocation_meta::<VideoCropMeta>(None);
            gst::PadProbeReturn::Handled
        });
    }
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.pull_sample();
    let failed = pipeline.bus().unwrap();
    let failed = failed.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Warning]);
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(failed.is_none(), "{failed:?}");
    sample.unwrap().buffer_owned().unwrap()
}

#[test]
fn a_sink_that_crops_gets_the_picture_that_was_looked_at() {
    assert!(
        cropped("identity", true).meta::<VideoCropMeta>().is_some(),
        "or this test sees nothing"
    );
    for drawn in ["true", "false"] {
        let element = format!(
            "ssdcrp mode=every-frame draw-heatmap=false draw-boxes={drawn} draw-labels={drawn}"
        );
        let [plain, offered] = [false, true].map(|offers| cropped(&element, offers));
        assert!(offered.meta::<VideoCropMeta>().is_none());
        assert!(!found(&plain).is_empty(), "{:?}", found(&plain));
        assert_eq!(found(&offered), found(&plain), "drawn: {drawn}");
    }
}

#[test]
fn a_frame_that_is_to_be_cropped_all_the_same_is_passed_on() {
    let clip = photo("person");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let mut frame = clip.frame();
    VideoCropMeta::add(frame.make_mut(), (300, 60, 100, 100));
    let out = bench.push(frame.clone());
    assert!(same_bytes(&out, &frame) && regions(&out).is_empty());
    assert!(bench.warnings()[0].contains("GstVideoCropMeta"));
    // One that leaves the frame as it is says nothing.
    let mut frame = clip.frame();
    VideoCropMeta::add(
        frame.make_mut(),
        (0, 0, clip.info.width(), clip.info.height()),
    );
    assert!(!regions(&bench.push(frame)).is_empty());
}

/// The footage lying on its side, as telephones store it, with `turn` behind it; what is found in its first frame, and what was warned of.
fn lying(turn: &str) -> (Vec<String>, Option<String>) {
    let (pipeline, sink) = launched(&format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoflip video-direction=90l ! \
         taginject tags=\"image-orientation=rotate-90\" ! {turn} ssdcrp mode=every-frame ! appsink name=sink sync=false",
        cached("footage/vtest.avi").display()
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let sample = sink.pull_sample().unwrap();
    let warning = pipeline.bus().unwrap();
    let warning = warning.pop_filtered(&[gst::MessageType::Warning]);
    pipeline.set_state(gst::State::Null).unwrap();
    let found = found(sample.buffer().unwrap()).into_iter();
    let warning = warning.as_ref().map(|warning| match warning.view() {
        gst::MessageView::Warning(warning) => warning.error().to_string(),
        _ => unreachable!(),
    });
    (found.map(|(label, _)| label).collect(), warning)
}

#[test]
fn a_video_that_is_to_be_turned_is_warned_of_and_the_advice_helps() {
    let (_, warning) = lying("");
    let warning = warning.unwrap();
    assert!(warning.contains("rotate-90"), "{warning}");
    let advice = "videoflip video-direction=auto ! taginject tags=image-orientation=rotate-0";
    assert!(warning.contains(advice), "{warning}");

    let (labels, warning) = lying(&format!("{advice} !"));
    assert_eq!(warning, None);
    let upright = footage();
    let mut bench = Bench::new(&[("mode", "every-frame")], &upright);
    let upright = found(&bench.push(upright.frame())).into_iter();
    assert_eq!(labels, upright.map(|(label, _)| label).collect::<Vec<_>>());
}

#[test]
fn several_views_in_a_picture_are_warned_of() {
    let mut clip = photo("person");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    bench.push(clip.frame());
    assert_eq!(bench.warnings(), [""; 0]);
    clip.info =
        gst_video::VideoInfo::builder(clip.info.format(), clip.info.width(), clip.info.height())
            .fps(10)
            .multiview_mode(gst_video::VideoMultiviewMode::SideBySide)
            .build()
            .unwrap();
    bench.harness.set_src_caps(clip.caps());
    assert!(!regions(&bench.push(clip.frame())).is_empty());
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("several eyes"),
        "{warnings:?}"
    );
}

#[test]
fn two_instances_tell_their_detections_apart_and_when_they_were_made() {
    let clip = footage();
    init();
    let both = gst::parse::bin_from_description(
        "ssdcrp name=first mode=every-frame ! ssdcrp mode=every-frame detect-interval=18446744073709551615",
        true,
    );
    let both = both.unwrap();
    let mut harness = gst_check::Harness::with_element(&both, Some("sink"), Some("src"));
    harness.set_src_caps(clip.caps());
    let first = both.by_name("first").unwrap().static_pad("src").unwrap();
    let by_the_first = std::sync::Arc::new(std::sync::Mutex::new(0));
    first.add_probe(gst::PadProbeType::BUFFER, {
        let by_the_first = by_the_first.clone();
        move |_, info| {
            *by_the_first.lock().unwrap() = regions(info.buffer().unwrap()).len();
            gst::PadProbeReturn::Ok
        }
    });
    for (index, frame) in clip.frames.iter().take(3).enumerate() {
        let out = harness.push_and_pull(frame.clone()).unwrap();
        let regions = regions(&out);
        let count = *by_the_first.lock().unwrap();
        assert!(count > 0 && regions.len() > count);
        let mut ids: Vec<i32> = regions.iter().map(|region| region.id).collect();
        ids.dedup();
        assert_eq!(ids, (0..regions.len() as i32).collect::<Vec<_>>());
        let time = |region: &Region| region.detection.get::<gst::ClockTime>("timestamp").unwrap();
        let (new, old) = regions.split_at(count);
        assert!(
            new.iter()
                .all(|region| time(region) == index as u64 * FRAME)
        );
        assert!(
            old.iter()
                .all(|region| time(region) == gst::ClockTime::ZERO)
        );
    }
}
