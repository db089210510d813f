//! Buffers that are not what their caps say: each goes on as it came, with a warning for the first, and the frames between have their results.

use gst::prelude::*;

use super::support::*;

/// A buffer that ends in the midst of the picture.
fn cut(frame: &gst::Buffer, bytes: usize) -> gst::Buffer {
    let mut cut = gst::Buffer::from_slice(frame.map_readable().unwrap()[..bytes].to_vec());
    stamp(cut.get_mut().unwrap(), 0);
    cut
}

/// A grey frame whose meta says that a row needs half of its bytes.
fn lying_about_its_rows() -> Clip {
    init();
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, 64, 64)
        .build()
        .unwrap();
    let mut frame = gst::Buffer::with_size(info.size()).unwrap();
    gst_video::VideoMeta::add_full(
        frame.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::Gray8,
        64,
        64,
        &[0],
        &[32],
    )
    .unwrap();
    Clip {
        info,
        frames: vec![frame],
    }
}

#[test]
fn a_cut_off_buffer_costs_its_own_result_and_nothing_else() {
    let clip = photo("dog");
    for settings in [
        &[][..],
        &[
            ("draw-heatmap", "false"),
            ("draw-boxes", "false"),
            ("draw-labels", "false"),
        ],
        &[("output", "heatmap")],
    ] {
        let settings = [&[("mode", "every-frame")], settings].concat();
        let mut bench = Bench::new(&settings, &clip);
        let whole = bench.push(clip.frame());
        let bytes = clip.frame().size();
        for bytes in [bytes / 2, bytes - 1, 1, 0] {
            let cut = cut(&clip.frame(), bytes);
            let out = bench.push(cut.clone());
            assert!(same_bytes(&out, &cut) && regions(&out).is_empty());
        }
        assert!(same_bytes(&bench.push(clip.frame()), &whole));
        let warnings = bench.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("passed on as it came"), "{warnings:?}");
        bench.push(cut(&clip.frame(), 7));
        assert_eq!(bench.warnings().len(), 1, "a frame later it is news again");
        assert_eq!(bench.count("frames-damaged"), 5);
        assert_eq!(bench.count("frames"), 7);
        assert_eq!(bench.count("frames-detected"), 2);
    }
}

#[test]
fn live_a_cut_off_buffer_passes_too() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[], &clip);
    for round in 0..4 {
        let cut = cut(&clip.frame(), 1000);
        assert!(same_bytes(&bench.push(cut.clone()), &cut));
        bench.until_detected(&clip.frame());
        assert!(bench.count("frames-damaged") <= round + 1);
    }
}

#[test]
fn a_frame_that_lies_about_its_rows_passes_with_a_warning() {
    let clip = lying_about_its_rows();
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let out = bench.push(clip.frame());
    assert!(same_bytes(&out, &clip.frame()));
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("stride"),
        "{warnings:?}"
    );
}

#[test]
fn a_damaged_frame_does_not_use_up_the_interval() {
    let clip = footage();
    let settings = [("mode", "every-frame"), ("detect-interval", "10000000000")];
    let mut bench = Bench::new(&settings, &clip);
    bench.push(cut(&clip.frame(), 100));
    assert!(!regions(&bench.push(clip.frames[1].clone())).is_empty());
}

#[test]
fn a_switch_of_streams_of_different_sizes_loses_no_frame() {
    // `input-selector` may hand over a buffer of one stream under the caps of the other.
    let (pipeline, sink) = launched(
        "videotestsrc ! video/x-raw,format=I420,width=64,height=48,framerate=30/1 ! s.sink_0 \
         videotestsrc ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 ! s.sink_1 \
         input-selector name=s sync-streams=false ! ssdcrp name=e ! appsink name=sink sync=false max-buffers=1",
    );
    let selector = pipeline.by_name("s").unwrap();
    let pads = ["sink_0", "sink_1"].map(|name| selector.static_pad(name).unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();
    for index in 0..100 {
        assert!(sink.pull_sample().is_ok(), "frame {index}");
        selector.set_property("active-pad", &pads[index % 2]);
    }
    let error = pipeline.bus().unwrap();
    let error = error.pop_filtered(&[gst::MessageType::Error]);
    let stats = pipeline.by_name("e").unwrap();
    let stats = stats.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(error.is_none(), "{error:?}");
    assert!(stats.get::<u64>("frames").unwrap() >= 100, "{stats}");
}
