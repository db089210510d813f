//! Both ways of the overlay into the video: as a meta where the sink composites, else painted. And buffers that nothing has
//! to be painted into are not copied.

use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoOverlayComposition, VideoOverlayCompositionMeta};

use super::support::*;

const FEATURES: &str = "memory:SystemMemory, meta:GstVideoOverlayComposition";

/// In front of a sink that composites, or at least says so in its caps.
fn before_sink(settings: &[(&str, &str)], clip: &Clip, composites: bool) -> Bench {
    let (element, bus) = element(settings);
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(&format!("video/x-raw({FEATURES}); video/x-raw"));
    if composites {
        harness.add_propose_allocation_meta(
            <VideoOverlayCompositionMeta as gst::MetaAPI>::meta_api(),
            None,
        );
    }
    harness.set_src_caps(clip.caps());
    Bench {
        element,
        bus,
        harness,
    }
}

fn overlay(buffer: &gst::BufferRef) -> Option<VideoOverlayComposition> {
    let meta = buffer.meta::<VideoOverlayCompositionMeta>();
    meta.map(|meta| meta.overlay_owned())
}

/// Whether the caps at the source pad say that buffers may carry an overlay.
fn may_carry(bench: &Bench) -> bool {
    let caps = bench.element.static_pad("src").unwrap().current_caps();
    caps.unwrap()
        .to_string()
        .contains("GstVideoOverlayComposition")
}

fn memory(buffer: &gst::BufferRef) -> *const u8 {
    buffer.map_readable().unwrap().as_ptr()
}

/// The photo with a person, in a size that takes no time.
fn person(format: &str) -> Clip {
    let caps = format!("video/x-raw,format={format},width=332,height=220");
    converted(&photo("person"), &caps.parse().unwrap())
}

#[test]
fn a_sink_that_composites_gets_the_frame_as_it_is_and_the_overlay_beside_it() {
    // Without the heatmap, under which a painted frame loses its colours and a composited one does not.
    let settings = [("mode", "every-frame"), ("draw-heatmap", "false")];
    for format in ["BGRx", "RGB", "I420", "GRAY8"] {
        let clip = person(format);
        let mut bench = before_sink(&settings, &clip, true);
        assert!(may_carry(&bench));
        let frame = clip.frame();
        let address = memory(&frame);
        let out = bench.push(frame.clone());
        assert!(!regions(&out).is_empty());
        assert_eq!(memory(&out), address, "{format}: the frame was copied");
        assert!(same_bytes(&out, &clip.frame()));
        let composition = overlay(&out).unwrap();
        assert_eq!(composition.n_rectangles(), 1);

        let painted = Bench::new(&settings, &clip).push(clip.frame());
        assert!(overlay(&painted).is_none());
        if !matches!(format, "BGRx" | "RGB") {
            continue; // GStreamer 1.22 blends into Y'CbCr by the matrix of BT.709, whatever the video's is.
        }
        let mut composed = frame.copy_deep().unwrap();
        let composed_mut = composed.get_mut().unwrap();
        let mut mapped =
            gst_video::VideoFrameRef::from_buffer_ref_writable(composed_mut, &clip.info).unwrap();
        composition.blend(&mut mapped).unwrap();
        drop(mapped);
        let worst = difference(&composed, &painted, &clip.info);
        // One step of rounding for each of three components.
        assert!(
            worst.iter().all(|&change| change <= 3),
            "{:?}",
            worst.iter().max()
        );
        assert!(
            difference(&composed, &frame, &clip.info)
                .iter()
                .any(|&change| change > 100)
        );
    }
}

#[test]
fn a_heatmap_is_composited_too() {
    let clip = person("I420");
    let no_boxes = [("draw-boxes", "false"), ("draw-labels", "false")];
    let mut bench = before_sink(
        &[&[("mode", "every-frame")], &no_boxes[..]].concat(),
        &clip,
        true,
    );
    let out = bench.push(clip.frame());
    let composition = overlay(&out).unwrap();
    let (x, y, width, height) = composition.rectangle(0).unwrap().render_rectangle();
    assert!(x >= 0 && y >= 0 && width > 20 && height > 50);
    assert!(x as u32 + width <= 332 && y as u32 + height <= 220);
}

#[test]
fn a_heatmap_that_is_the_picture_is_not_composited() {
    let clip = person("I420");
    let settings = [("mode", "every-frame"), ("output", "heatmap")];
    let expected = Bench::new(&settings, &clip).push(clip.frame());
    let out = before_sink(&settings, &clip, true).push(clip.frame());
    assert!(overlay(&out).is_none() && same_bytes(&out, &expected));
}

#[test]
fn a_composited_overlay_fades_too() {
    let clip = person("I420");
    let settings = [
        ("detect-interval", "600000000"),
        ("expire-overlay", "400000000"),
    ];
    let mut bench = before_sink(&settings, &clip, true);
    let mut at = |ms: u64| {
        let mut frame = clip.frame();
        frame.make_mut().set_pts(ms * gst::ClockTime::MSECOND);
        overlay(&bench.push(frame))
    };
    let alpha = |overlay: VideoOverlayComposition| overlay.rectangle(0).unwrap().global_alpha();
    let full = (0..6000).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        at(0)
    });
    assert_eq!(alpha(full.expect("a result")), 1.0);
    assert_eq!(at(1125).map(alpha), Some(0.5));
}

#[test]
fn the_age_is_composited_too() {
    let clip = person("I420");
    let settings = [
        ("mode", "every-frame"),
        ("detect-interval", "18446744073709551615"),
        ("draw-age", "true"),
    ];
    let mut bench = before_sink(&settings, &clip, true);
    let mut at = |ms: u64| {
        let mut frame = clip.frame();
        frame.make_mut().set_pts(ms * gst::ClockTime::MSECOND);
        let out = bench.push(frame);
        assert!(same_bytes(&out, &clip.frame()), "the frame was painted");
        overlay(&out).unwrap()
    };
    let (now, soon, later) = (at(0), at(90), at(730));
    for composition in [&now, &soon, &later] {
        assert_eq!(composition.n_rectangles(), 2, "results, and their age");
    }
    let numbers = |composition: &VideoOverlayComposition| {
        [0, 1].map(|index| composition.rectangle(index).unwrap().seqnum())
    };
    assert_eq!(
        numbers(&now),
        numbers(&soon),
        "a sink need not upload them again"
    );
    assert_eq!(numbers(&now)[0], numbers(&later)[0]);
    assert_ne!(numbers(&now)[1], numbers(&later)[1]);
    let (x, y, width, height) = later.rectangle(1).unwrap().render_rectangle();
    assert!(x >= 0 && y >= 0 && width < 332 && height < 50);
}

#[test]
fn a_sink_that_takes_the_caps_but_does_not_composite_gets_painted_frames() {
    let clip = person("I420");
    let settings = [("mode", "every-frame")];
    let expected = Bench::new(&settings, &clip).push(clip.frame());
    let mut bench = before_sink(&settings, &clip, false);
    let out = bench.push(clip.frame());
    assert!(!may_carry(&bench));
    assert!(overlay(&out).is_none() && same_bytes(&out, &expected));
}

#[test]
fn the_way_is_found_anew_when_the_caps_change() {
    let settings = [("mode", "every-frame")];
    let (first, second) = (person("I420"), person("NV12"));
    let mut bench = before_sink(&settings, &first, true);
    assert!(overlay(&bench.push(first.frame())).is_some());
    bench.harness.set_src_caps(second.caps());
    let out = bench.push(second.frame());
    assert!(overlay(&out).is_some() && same_bytes(&out, &second.frame()));
    // What is behind the element now takes no overlays.
    bench.harness.set_sink_caps_str("video/x-raw");
    let out = bench.push(second.frame());
    assert!(overlay(&out).is_none() && !same_bytes(&out, &second.frame()));
    // And now it does again.
    bench
        .harness
        .set_sink_caps_str(&format!("video/x-raw({FEATURES}); video/x-raw"));
    let out = bench.push(second.frame());
    assert!(overlay(&out).is_some() && same_bytes(&out, &second.frame()));
}

#[test]
fn a_frame_that_others_hold_is_copied_only_to_be_painted() {
    let clip = person("I420");
    let settings = [("mode", "every-frame")];
    let (frame, expected) = (clip.frame(), clip.frames[0].copy_deep().unwrap());
    let address = memory(&frame);
    let out = before_sink(&settings, &clip, true).push(frame.clone());
    assert!(overlay(&out).is_some() && memory(&out) == address);
    let out = Bench::new(&settings, &clip).push(frame.clone());
    assert!(memory(&out) != address && !same_bytes(&out, &expected));
    assert!(
        same_bytes(&frame, &expected),
        "what others hold stays as it is"
    );
    // Nobody else holds this one.
    let own = frame.copy_deep().unwrap();
    let address = memory(&own);
    let out = Bench::new(&settings, &clip).push(own);
    assert!(memory(&out) == address && !same_bytes(&out, &expected));
}

#[test]
fn what_is_not_painted_is_not_copied() {
    let off = [
        ("mode", "every-frame"),
        ("draw-boxes", "false"),
        ("draw-labels", "false"),
        ("draw-heatmap", "false"),
    ];
    let clip = person("I420");
    let (frame, mut bench) = (clip.frame(), Bench::new(&off, &clip));
    let address = memory(&frame);
    // Still held here, so that writing to it would copy it.
    let out = bench.push(frame.clone());
    assert_eq!(memory(&out), address);
    assert!(!regions(&out).is_empty() && overlay(&out).is_none());
    assert!(frame.n_memory() > 0);
}
