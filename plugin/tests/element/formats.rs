//! All raw formats, odd sizes, padded rows, interlacing: the detector sees the same picture, and the overlay gets into it.

use super::support::*;

/// A recording of the clip's first frame.
fn explained(clip: &Clip) -> gst::Buffer {
    Bench::new(&[("mode", "every-frame")], clip).push(clip.frame())
}

fn assert_explained(clip: &Clip, what: &str) {
    let out = explained(clip);
    assert!(
        !same_bytes(&out, &clip.frame()),
        "{what}: nothing was drawn"
    );
    let regions = regions(&out);
    let person = regions.iter().find(|region| region.label == "person");
    let person = person.unwrap_or_else(|| panic!("{what}: no person in {regions:?}"));
    assert!(person.confidence() > 0.9, "{what}: {person:?}");
    let share = |part: u32, length: u32| f64::from(part) / f64::from(length);
    let (x, _, width, _) = person.rect;
    let centre = share(2 * x + width, 2 * clip.info.width());
    // Where the person stands in the photo.
    assert!((centre - 0.36).abs() < 0.03, "{what}: {person:?}");
}

#[test]
fn every_format_at_odd_sizes() {
    let photo = photo("person");
    for format in [
        "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGB", "BGR", "I420",
        "YV12", "NV12", "NV21", "YUY2", "UYVY",
    ] {
        let caps = format!("video/x-raw,format={format},width=333,height=221");
        assert_explained(&converted(&photo, &caps.parse().unwrap()), format);
    }
}

#[test]
fn grey_video() {
    let caps = "video/x-raw,format=GRAY8,width=333,height=221"
        .parse()
        .unwrap();
    let clip = converted(&photo("person"), &caps);
    let out = explained(&clip);
    assert!(
        regions(&out).iter().any(|region| region.label == "person"),
        "{:?}",
        regions(&out)
    );
    assert!(!same_bytes(&out, &clip.frame()));
}

#[test]
fn frames_smaller_than_a_label() {
    for (width, height) in [(1, 1), (2, 3), (17, 5)] {
        let caps = format!("video/x-raw,format=I420,width={width},height={height}");
        let clip = converted(&photo("person"), &caps.parse().unwrap());
        let bench = &mut Bench::new(
            &[("mode", "every-frame"), ("score-threshold", "0.01")],
            &clip,
        );
        assert_eq!(bench.push(clip.frame()).size(), clip.info.size(), "{caps}");
    }
}

#[test]
fn anamorphic_and_interlaced_video() {
    let photo = photo("person");
    let caps = "video/x-raw,format=I420,width=320,height=424,pixel-aspect-ratio=2/1";
    assert_explained(&converted(&photo, &caps.parse().unwrap()), "anamorphic");

    let caps = "video/x-raw,format=I420,width=640,height=424";
    let mut clip = converted(&photo, &caps.parse().unwrap());
    clip.info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 640, 424)
        .interlace_mode(gst_video::VideoInterlaceMode::Interleaved)
        .build()
        .unwrap();
    assert_explained(&clip, "interlaced");
}

#[test]
fn rows_may_be_padded() {
    let caps = "video/x-raw,format=I420,width=334,height=221"
        .parse()
        .unwrap();
    let clip = converted(&photo("person"), &caps);
    let expected = explained(&clip);

    let (width, height) = (334, 221);
    let strides = [400, 224, 208];
    let rows = [221, 111, 111];
    let offsets = [64, 64 + 400 * 221, 64 + 400 * 221 + 224 * 111];
    let size = offsets[2] + strides[2] as usize * rows[2];
    let mut padded = gst::Buffer::with_size(size).unwrap();
    let padded_mut = padded.get_mut().unwrap();
    stamp(padded_mut, 0);
    gst_video::VideoMeta::add_full(
        padded_mut,
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::I420,
        width,
        height,
        &offsets,
        &strides,
    )
    .unwrap();
    let mut frame = gst_video::VideoFrame::from_buffer_writable(padded, &clip.info).unwrap();
    let source = gst_video::VideoFrame::from_buffer_readable(clip.frame(), &clip.info).unwrap();
    source.copy(&mut frame).unwrap();
    let mut padded = Clip {
        frames: vec![frame.into_buffer()],
        ..clip.clone()
    };
    let out = explained(&padded);
    padded.frames = vec![out];
    let frame = padded.frame();
    assert!(
        difference(&frame, &expected, &clip.info)
            .iter()
            .all(|&change| change == 0)
    );
    assert_eq!(frame.size(), size);
}

#[test]
fn every_frame_has_its_result_when_the_format_changes() {
    let photo = photo("person");
    let mut bench = Bench::new(&[("mode", "every-frame")], &photo);
    for caps in [
        "video/x-raw,format=RGB,width=640,height=424",
        "video/x-raw,format=NV12,width=640,height=424",
        "video/x-raw,format=YUY2,width=322,height=242",
    ] {
        let clip = converted(&photo, &caps.parse().unwrap());
        bench.harness.set_src_caps(clip.caps());
        let out = bench.push(clip.frame());
        assert!(
            !same_bytes(&out, &clip.frame()) && !regions(&out).is_empty(),
            "{caps}"
        );
    }
}

/// The first frame with one thing drawn over it.
fn with_only(drawn: &str, clip: &Clip) -> Clip {
    let mut settings = vec![("mode", "every-frame"), ("score-threshold", "0.8")];
    for switch in ["draw-heatmap", "draw-boxes", "draw-labels"] {
        settings.push((switch, if switch == drawn { "true" } else { "false" }));
    }
    Clip {
        frames: vec![Bench::new(&settings, clip).push(clip.frame())],
        ..clip.clone()
    }
}

#[test]
fn colours_are_those_of_the_colorimetry() {
    let photo = photo("person");
    let shown = |colorimetry: &str| {
        let caps = format!(
            "video/x-raw,format=I420,width=640,height=424,colorimetry=(string){colorimetry}"
        );
        let hot = with_only("draw-heatmap", &converted(&photo, &caps.parse().unwrap()));
        let rgb = "video/x-raw,format=RGB,width=640,height=424,colorimetry=(string)sRGB";
        converted(&hot, &rgb.parse().unwrap())
    };
    let expected = shown("bt601");
    for colorimetry in ["bt709", "bt2020", "1:4:0:0"] {
        let found = shown(colorimetry);
        let difference = difference(&found.frame(), &expected.frame(), &found.info);
        // The explanations differ by little, and GStreamer's fast conversions are off by some levels in each component; heat
        // painted by the wrong matrix or range would be off by more, on thousands of pixels.
        let off = difference.iter().filter(|&&change| change > 36).count();
        assert!(off < difference.len() / 1000, "{colorimetry}: {off} pixels");
    }
}

#[test]
fn labels_keep_their_shape_where_pixels_are_not_square() {
    let photo = photo("person");
    let square = "video/x-raw,format=RGB,width=640,height=424,pixel-aspect-ratio=1/1";
    // The pixels that are drawn on, in the frame as it is displayed.
    let drawn = |caps: &str| -> Vec<bool> {
        let clip = converted(&photo, &caps.parse().unwrap());
        let [plain, labelled] = [&clip, &with_only("draw-labels", &clip)]
            .map(|clip| converted(clip, &square.parse().unwrap()));
        let difference = difference(&plain.frame(), &labelled.frame(), &plain.info);
        difference.iter().map(|&change| change > 60).collect()
    };
    let expected = drawn(square);
    for caps in [
        "video/x-raw,format=RGB,width=320,height=424,pixel-aspect-ratio=2/1",
        "video/x-raw,format=I420,width=640,height=212,pixel-aspect-ratio=1/2",
    ] {
        let found = drawn(caps);
        let count = |both: fn(bool, bool) -> bool| {
            let pixels = expected.iter().zip(&found);
            pixels.filter(|&(&a, &b)| both(a, b)).count() as f64
        };
        let overlap = count(|a, b| a && b) / count(|a, b| a || b);
        // Labels drawn at half their width, or twice, would share less than half.
        assert!(overlap > 0.75, "{caps}: {overlap}");
    }
}
