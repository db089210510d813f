//! `mode=every-frame`: each frame carries its own result, and the same video gives the same pictures.

use gst::prelude::*;

use super::support::*;

const NOTHING_DRAWN: [(&str, &str); 3] = [
    ("draw-boxes", "false"),
    ("draw-labels", "false"),
    ("draw-heatmap", "false"),
];

/// The footage's first frames through an element with these settings.
fn record(settings: &[(&str, &str)], frames: usize) -> (Vec<gst::Buffer>, Vec<gst::Structure>) {
    let clip = footage();
    let settings = [&[("mode", "every-frame")], settings].concat();
    let mut bench = Bench::new(&settings, &clip);
    let out = (clip.frames.iter().take(frames))
        .map(|frame| bench.push(frame.clone()))
        .collect();
    (out, bench.reports())
}

#[test]
fn every_frame_goes_out_with_its_times_and_its_own_result() {
    let mut clip = footage();
    clip.frames.truncate(5);
    let flags = gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER;
    clip.frames[3].make_mut().set_flags(flags);
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let out: Vec<gst::Buffer> = clip
        .frames
        .iter()
        .map(|frame| bench.push(frame.clone()))
        .collect();
    let reports = bench.reports();
    assert_eq!(reports.len(), 5, "one message per frame");
    for ((frame, out), report) in clip.frames.iter().zip(&out).zip(&reports) {
        assert_eq!(out.pts(), frame.pts());
        assert_eq!(out.dts(), frame.dts());
        assert_eq!(out.duration(), frame.duration());
        assert_eq!(out.offset(), frame.offset());
        // Whose memory it is may change.
        assert_eq!(out.flags() - gst::BufferFlags::TAG_MEMORY, frame.flags());
        assert_eq!(out.size(), frame.size());
        assert!(!same_bytes(out, frame), "nothing was drawn");

        let regions = regions(out);
        assert!(
            regions.iter().any(|region| region.label == "person"),
            "{regions:?}"
        );
        assert_eq!(report.get::<gst::ClockTime>("timestamp").ok(), frame.pts());
        assert_eq!(
            report.get::<gst::ClockTime>("running-time").ok(),
            frame.pts()
        );
        let detections: gst::Array = report.get("detections").unwrap();
        assert_eq!(detections.len(), regions.len());
        for (index, (region, detection)) in regions.iter().zip(detections.iter()).enumerate() {
            assert_eq!(region.id, index as i32);
            // What DL Streamer's elements read besides is on the buffer alone.
            let mut own = region.detection.clone();
            for field in ["x_min", "x_max", "y_min", "y_max", "label_id"] {
                assert!(own.has_field(field), "{field} of {own}");
                own.remove_field(field);
            }
            assert_eq!(own, detection.get::<gst::Structure>().unwrap());
            let (x, y, width, height) = region.rect;
            assert!(width > 0 && height > 0 && x + width <= 768 && y + height <= 576);
            assert!((0.5..=1.0).contains(&region.confidence()));
        }
    }
}

#[test]
fn a_file_keeps_its_frames_and_their_times() {
    let pipeline = |element: &str| {
        let location = cached("footage/vtest.avi");
        let pipeline = format!(
            "filesrc location={} ! decodebin ! videoconvert ! video/x-raw,format=NV12 ! {element} ! \
             appsink name=sink sync=false max-buffers=1",
            location.display()
        );
        pull(&pipeline, 4)
    };
    let (plain_caps, plain) = pipeline("identity");
    let (caps, explained) = pipeline("ssdcrp mode=every-frame");
    assert_eq!(caps, plain_caps);
    assert_eq!((explained.len(), plain.len()), (4, 4));
    for (explained, plain) in explained.iter().zip(&plain) {
        assert_eq!(explained.pts(), plain.pts());
        assert_eq!(explained.duration(), plain.duration());
        assert!(!same_bytes(explained, plain));
        assert!(regions(plain).is_empty() && !regions(explained).is_empty());
    }
}

#[test]
fn the_same_video_gives_the_same_pictures() {
    let ((first, _), (again, _)) = (record(&[], 3), record(&[], 3));
    for (first, again) in first.iter().zip(&again) {
        assert!(same_bytes(first, again));
    }
}

#[test]
fn with_nothing_to_draw_the_picture_stays_as_it_is_and_the_results_go_out() {
    let (out, reports) = record(&NOTHING_DRAWN, 2);
    assert_eq!(reports.len(), 2);
    for (frame, out) in footage().frames.iter().zip(&out) {
        assert!(same_bytes(frame, out));
        assert!(!regions(out).is_empty());
    }
}

#[test]
fn boxes_are_drawn_along_the_edges_of_the_detections_and_nowhere_else() {
    let clip = footage();
    let (out, _) = record(&NOTHING_DRAWN[1..], 1);
    let changed = difference(&clip.frames[0], &out[0], &clip.info);
    let edges = regions(&out[0]);
    // The explained box's line with its borders, rounded edges, and a sample of chroma: 4 + 2·2 + 1 + 2 pixels.
    let reach = 11;
    let near_an_edge = |x: i64, y: i64| {
        edges.iter().any(|region| {
            let (left, top, width, height) = region.rect;
            let (left, top) = (i64::from(left), i64::from(top));
            let (right, bottom) = (left + i64::from(width), top + i64::from(height));
            let inside = |margin: i64| {
                (left - margin..right + margin).contains(&x)
                    && (top - margin..bottom + margin).contains(&y)
            };
            inside(reach) && !inside(-reach)
        })
    };
    let mut on_edges = 0;
    for (index, &change) in changed.iter().enumerate() {
        let (x, y) = ((index % 768) as i64, (index / 768) as i64);
        assert!(
            change == 0 || near_an_edge(x, y),
            "{x}, {y} lies on no edge of {edges:?}"
        );
        on_edges += usize::from(change > 0);
    }
    let outlines: u32 = edges
        .iter()
        .map(|region| region.rect.2 + region.rect.3)
        .sum();
    assert!(
        on_edges as u32 > outlines,
        "{on_edges} pixels of lines for {edges:?}"
    );
}

#[test]
fn the_heatmap_lies_on_the_object() {
    let clip = footage();
    let (out, reports) = record(&NOTHING_DRAWN[..2], 1);
    let changed = difference(&clip.frames[0], &out[0], &clip.info);
    let (left, top, width, height) = regions(&out[0])[0].rect;
    let (mut inside, mut all) = (0, 0);
    for (index, &change) in changed.iter().enumerate() {
        let (x, y) = ((index % 768) as u32, (index / 768) as u32);
        all += change;
        if (left..left + width).contains(&x) && (top..top + height).contains(&y) {
            inside += change;
        }
    }
    let share = f64::from(inside) / f64::from(all);
    let area = f64::from(width * height) / (768.0 * 576.0);
    assert!(
        share > 5.0 * area,
        "{share} of the heatmap on {area} of the picture"
    );

    let explanation = &explanations(&reports[0])[0];
    let field = |name: &str| explanation.get::<f64>(name).unwrap();
    assert!(field("in-box-share") > 5.0 * area, "{explanation}");
    assert!(
        (0.0..=1.0).contains(&field("positive-share")),
        "{explanation}"
    );
    assert!(field("sum-abs") > 0.0, "{explanation}");
    // The video's own composite does not keep sums, and nothing was asked to be checked.
    for name in ["completeness", "effect", "effect-of-chance", "checked"] {
        assert!(!explanation.has_field(name), "{explanation}");
    }
    assert!(field("time-ms") > 0.0, "{explanation}");
    let near = |centre: f64, from: u32, length: u32| {
        (centre - f64::from(from + length / 2)).abs() < f64::from(2 * length)
    };
    assert!(
        near(field("centre-x"), left, width) && near(field("centre-y"), top, height),
        "{explanation}"
    );
}

/// The model that is built in, with pictures between bars.
fn letterboxed(folder: &std::path::Path) -> std::path::PathBuf {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let built_in = models.join("ssdlite_mobilenet_v2_coco.onnx");
    let file = folder.join("letterboxed.onnx");
    std::fs::copy(&built_in, &file).unwrap();
    let manifest = std::fs::read_to_string(built_in.with_extension("toml")).unwrap();
    let warped = "resize = \"bilinear-legacy\"";
    assert!(manifest.contains(warped));
    let boxed = manifest.replace(warped, "resize = { letterbox = \"centre\" }");
    std::fs::write(file.with_extension("toml"), boxed).unwrap();
    file
}

#[test]
fn a_letterboxed_picture_of_pixels_that_are_not_square_lies_as_it_is_displayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = letterboxed(folder.path());
    let settings = [
        ("mode", "every-frame"),
        ("model-file", file.to_str().unwrap()),
    ];
    let found = |caps: &str| {
        let clip = converted(&footage(), &caps.parse().unwrap());
        let mut bench = Bench::new(&settings, &clip);
        let (width, height) = (f64::from(clip.info.width()), f64::from(clip.info.height()));
        let regions = regions(&bench.push(clip.frame()));
        let certain = regions.iter().filter(|region| region.confidence() > 0.8);
        let shares = certain.map(|region| {
            let (x, y, w, h) = region.rect;
            let shares = [
                f64::from(x) / width,
                f64::from(y) / height,
                f64::from(w) / width,
                f64::from(h) / height,
            ];
            (region.label.clone(), shares)
        });
        shares.collect::<Vec<_>>()
    };
    let square = found("video/x-raw,format=I420,width=768,height=576,pixel-aspect-ratio=1/1");
    assert!(square.len() > 1, "{square:?}");
    for squeezed in [
        "video/x-raw,format=I420,width=384,height=576,pixel-aspect-ratio=2/1",
        "video/x-raw,format=I420,width=768,height=288,pixel-aspect-ratio=1/2",
    ] {
        let found = found(squeezed);
        for (label, place) in &square {
            let is_same = |other: &(String, [f64; 4])| {
                let off = place.iter().zip(&other.1).map(|(a, b)| (a - b).abs());
                other.0 == *label && off.fold(0.0, f64::max) < 0.03
            };
            assert!(
                found.iter().any(is_same),
                "{squeezed}: {label} at {place:?}, but {found:?}"
            );
        }
    }
}

#[test]
fn a_letterboxed_picture_has_its_heatmap_on_the_object_too() {
    // 768x576 pixels become 300x225 of the network's 300x300.
    let folder = tempfile::tempdir().unwrap();
    let file = letterboxed(folder.path());
    let clip = footage();
    let model = ("model-file", file.to_str().unwrap());
    let settings = [&NOTHING_DRAWN[..2], &[("mode", "every-frame"), model]].concat();
    let mut bench = Bench::new(&settings, &clip);
    let frame = bench.push(clip.frame());
    let (left, top, width, height) = regions(&frame)[0].rect;
    assert!(top + height < 576 && left + width < 768);
    let changed = difference(&clip.frames[0], &frame, &clip.info);
    let inside = |index: usize| {
        let (x, y) = ((index % 768) as u32, (index / 768) as u32);
        (left..left + width).contains(&x) && (top..top + height).contains(&y)
    };
    let all: u32 = changed.iter().sum();
    let there = changed
        .iter()
        .enumerate()
        .filter(|(index, _)| inside(*index));
    let share = there.map(|(_, change)| f64::from(*change)).sum::<f64>() / f64::from(all);
    let area = f64::from(width * height) / (768.0 * 576.0);
    assert!(
        share > 5.0 * area,
        "{share} of the heatmap on {area} of the picture"
    );
}

#[test]
fn opacity_is_that_of_the_heatmap() {
    let clip = footage();
    let drawn = |opacity: &str| {
        let (out, _) = record(&[&NOTHING_DRAWN[..2], &[("opacity", opacity)]].concat(), 1);
        difference(&clip.frames[0], &out[0], &clip.info)
            .iter()
            .sum::<u32>()
    };
    let (full, half, none) = (drawn("1"), drawn("0.5"), drawn("0"));
    assert_eq!(none, 0);
    assert!(half > full / 4 && half < full * 3 / 4, "{half} of {full}");
}

#[test]
fn a_white_horse_is_called_sheep() {
    let clip = photo("person");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let regions = regions(&bench.push(clip.frame()));
    let find = |label: &str| {
        let mut found = regions.iter().filter(|region| region.label == label);
        found
            .next()
            .unwrap_or_else(|| panic!("no {label} in {regions:?}"))
    };
    assert!((find("person").confidence() - 0.979).abs() < 0.01);
    let sheep = find("sheep");
    assert!((sheep.confidence() - 0.924).abs() < 0.01);
    assert_eq!(sheep.detection.get::<u32>("default-box"), Ok(1436));
    assert_eq!(sheep.detection.get::<u32>("class"), Ok(20));
    assert_eq!(sheep.detection.get::<&str>("runner-up"), Ok("horse"));
    let runner_up = sheep.detection.get::<f64>("runner-up-score").unwrap();
    assert!((runner_up - 0.218).abs() < 0.03, "{runner_up}");
    assert_eq!(
        sheep.detection.get::<gst::Array>("offsets").unwrap().len(),
        4
    );
}

#[test]
fn the_question_follows_the_properties_from_frame_to_frame() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let mut asked = |settings: &[(&str, &str)]| {
        for (name, value) in settings {
            bench.element.set_property_from_str(name, value);
        }
        bench.push(clip.frame());
        let reports = bench.reports();
        assert_eq!(reports.len(), 1);
        let explanation = explanations(&reports[0]).remove(0);
        ["target", "contrast", "composite", "words"]
            .map(|field| explanation.get::<String>(field).unwrap())
    };
    assert_eq!(
        asked(&[]),
        [
            "class:bicycle",
            "mean",
            "crp-features",
            "bicycle rather than the other classes"
        ]
    );
    assert_eq!(
        asked(&[("target", "class:car"), ("contrast", "class:bicycle")]),
        [
            "class:car",
            "class:bicycle",
            "crp-features",
            "car rather than bicycle"
        ]
    );
    assert_eq!(
        asked(&[("target", "offset:w+"), ("contrast", "auto")]),
        ["offset:w+", "none", "crp-features", "box wider"]
    );
    assert_eq!(
        asked(&[("target", "auto"), ("composite", "lrp-alpha1beta0")]),
        ["class:bicycle", "none", "lrp-alpha1beta0", "bicycle"]
    );
}

#[test]
fn thresholds_decide_what_is_found_and_where_nothing_is_nothing_is_drawn() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let usual = regions(&bench.push(clip.frame())).len();
    bench.element.set_property("score-threshold", 0.2_f32);
    assert!(regions(&bench.push(clip.frame())).len() > usual);
    bench.element.set_property("iou-threshold", 1.0_f32);
    assert!(regions(&bench.push(clip.frame())).len() > 2 * usual);

    bench.reports();
    bench.element.set_property("score-threshold", 1.0_f32);
    let out = bench.push(clip.frame());
    assert!(regions(&out).is_empty() && same_bytes(&out, &clip.frame()));
    let reports = bench.reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].get::<gst::Array>("detections").unwrap().len(), 0);
    assert!(!reports[0].has_field("explanations"));
}
