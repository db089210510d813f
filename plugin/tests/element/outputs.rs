//! Results in a file, the heatmap as the picture, and what is shown of results that get old.

use std::path::{Path, PathBuf};

use gst::prelude::*;

use super::support::*;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn without_messages_results_are_in_the_file_and_the_metas() {
    let clip = photo("dog");
    let path = file("quiet.jsonl");
    let settings = [
        ("mode", "every-frame"),
        ("results-location", path.to_str().unwrap()),
        ("post-messages", "false"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    assert!(!regions(&bench.push(clip.frame())).is_empty());
    assert!(bench.reports().is_empty());
    assert_eq!(lines(&path).len(), 1);
    bench.element.set_property("post-messages", true);
    bench.push(clip.frame());
    assert_eq!((bench.reports().len(), lines(&path).len()), (1, 2));
}

#[test]
fn every_result_is_a_line_of_json() {
    let clip = footage();
    let path = file("results.jsonl");
    std::fs::write(&path, "left from another time\n").unwrap();
    let settings = [
        ("mode", "every-frame"),
        ("results-location", path.to_str().unwrap()),
        ("select", "label"),
        ("select-label", "person"),
        ("explain-interval", "200000000"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    for (index, frame) in clip.frames.iter().take(3).enumerate() {
        let out = bench.push(frame.clone());
        // The line is there as soon as the frame is.
        let lines = lines(&path);
        assert_eq!(lines.len(), index + 1);
        let line = &lines[index];
        let reports = bench.reports();
        assert_eq!(line["timestamp"], frame.pts().unwrap().nseconds());
        assert_eq!(
            (&line["width"], &line["height"]),
            (&768.into(), &576.into())
        );
        let found = line["detections"].as_array().unwrap();
        for (found, region) in found.iter().zip(&regions(&out)) {
            assert_eq!(found["label"], region.label);
            assert_eq!(found["x"], region.rect.0);
            assert_eq!(found["object"], region.object());
            assert_eq!(found["offsets"].as_array().unwrap().len(), 4);
        }
        let told = explanations(&reports[0]);
        assert_eq!(told.len(), if index == 1 { 0 } else { 3 });
        let written = line
            .get("explanations")
            .map_or(0, |e| e.as_array().unwrap().len());
        assert_eq!(written, told.len());
        for (written, told) in told.iter().enumerate() {
            let written = &line["explanations"][written];
            assert_eq!(written["words"], told.get::<String>("words").unwrap());
            let share = told.get::<f64>("in-box-share").unwrap();
            assert!((written["in-box-share"].as_f64().unwrap() - share).abs() < 1e-12);
        }
    }
}

#[test]
fn a_full_disk_costs_results_but_no_frame() {
    let clip = photo("dog");
    let settings = [("mode", "every-frame"), ("results-location", "/dev/full")];
    let mut bench = Bench::new(&settings, &clip);
    for _ in 0..3 {
        assert!(!regions(&bench.push(clip.frame())).is_empty());
    }
    let messages = bench.messages();
    let warnings: Vec<_> = (messages.iter())
        .filter_map(|message| match message.view() {
            gst::MessageView::Warning(warning) => Some(warning.error()),
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].matches(gst::ResourceError::Write));
    assert!(warnings[0].to_string().contains("'/dev/full'"));
}

const HEATMAP_ALONE: [(&str, &str); 5] = [
    ("mode", "every-frame"),
    ("output", "heatmap"),
    ("select", "label"),
    ("select-label", "sheep"),
    ("contrast", "runner-up"),
];

/// One frame of the photo in a format, as the heatmap alone.
fn heatmap_alone(format: &str) -> (gst::Buffer, gst_video::VideoInfo) {
    let caps = format!("video/x-raw,format={format},width=640,height=424");
    let clip = converted(&photo("person"), &caps.parse().unwrap());
    let mut bench = Bench::new(&HEATMAP_ALONE, &clip);
    let out = bench.push(clip.frame());
    assert!(!regions(&out).is_empty(), "results go along as ever");
    (out, clip.info)
}

#[test]
fn the_heatmap_can_be_the_picture() {
    let (out, info) = heatmap_alone("RGBA");
    let frame = gst_video::VideoFrame::from_buffer_readable(out, &info).unwrap();
    let pixels = frame.plane_data(0).unwrap().as_chunks::<4>().0;
    let (mut red, mut blue, mut clear) = (0, 0, 0);
    for &[r, g, b, a] in pixels {
        if a == 0 {
            clear += 1;
        } else if a > 40 {
            // Straight alpha: colours at full strength, however faint they are.
            assert!(r.max(b) > 220 && g < 110, "{r} {g} {b} {a}");
            *if r > b { &mut red } else { &mut blue } += 1;
        }
    }
    assert!(clear > pixels.len() / 3, "most of the picture says nothing");
    assert!(red > 1000 && blue > 200, "{red} for, {blue} against");

    let (out, info) = heatmap_alone("I420");
    let frame = gst_video::VideoFrame::from_buffer_readable(out, &info).unwrap();
    let dark = frame
        .plane_data(0)
        .unwrap()
        .iter()
        .filter(|&&y| y == 16)
        .count();
    assert!(dark > pixels.len() / 3, "black where nothing is said");
}

#[test]
fn the_colour_map_may_change_while_playing() {
    let caps = "video/x-raw,format=RGBA,width=640,height=424";
    let clip = converted(&photo("person"), &caps.parse().unwrap());
    let mut bench = Bench::new(&HEATMAP_ALONE, &clip);
    for (name, colours) in [
        ("red-blue", [[240, 24, 36], [24, 84, 255]]),
        ("orange-blue", [[255, 150, 0], [0, 64, 255]]),
        ("purple-green", [[176, 32, 232], [0, 176, 48]]),
        ("light-dark", [[255; 3], [0; 3]]),
    ] {
        bench.element.set_property_from_str("colour-map", name);
        let out = bench.push(clip.frame());
        let mut found = [0; 2];
        for &[r, g, b, a] in out.map_readable().unwrap().as_chunks::<4>().0 {
            if a < 100 {
                continue;
            }
            let like = |colour: &[u8; 3]| {
                let pairs = [r, g, b].into_iter().zip(*colour);
                pairs
                    .into_iter()
                    .all(|(found, colour)| found.abs_diff(colour) <= 4)
            };
            let place = colours.iter().position(like);
            let place = place.unwrap_or_else(|| panic!("{name}: {r} {g} {b}"));
            found[place] += 1;
        }
        assert!(
            found.iter().all(|&pixels| pixels > 100),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let clip = photo("dog");
    let found = |threads| {
        let mut bench = Bench::new(&[("mode", "every-frame"), ("threads", threads)], &clip);
        let regions = regions(&bench.push(clip.frame()));
        let found = regions
            .into_iter()
            .map(|region| (region.label, region.rect));
        found.collect::<Vec<_>>()
    };
    let one = found("1");
    assert!(one.len() >= 3);
    assert_eq!(found("3"), one);
    assert_eq!(found("0"), one);
}

#[test]
fn without_a_result_the_heatmap_is_blank() {
    let clip = photo("dog");
    let settings = [
        ("mode", "every-frame"),
        ("output", "heatmap"),
        ("score-threshold", "1"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    let out = bench.push(clip.frame());
    assert!(out.map_readable().unwrap().iter().all(|&byte| byte == 0));
    bench.element.set_property_from_str("output", "overlay");
    assert!(same_bytes(&bench.push(clip.frame()), &clip.frame()));
}

#[test]
fn an_overlay_fades_and_goes() {
    let clip = photo("dog");
    let at = |ms: u64| {
        let mut frame = clip.frame();
        frame.make_mut().set_pts(ms * gst::ClockTime::MSECOND);
        frame
    };
    let change = |out: &gst::Buffer| {
        let change: u32 = difference(&clip.frame(), out, &clip.info).iter().sum();
        f64::from(change)
    };
    let interval = ("detect-interval", "600000000");
    // Nothing is there, and so nothing is explained: an explanation would come later, with words of its own.
    let nowhere = [("select", "point"), ("select-x", "0"), ("select-y", "0")];
    for (age, share) in [(1000, 1.0), (1125, 0.5), (1250, 0.0), (9000, 0.0)] {
        let settings = [
            ("draw-heatmap", "false"),
            ("expire-overlay", "400000000"),
            interval,
        ];
        let settings = [&settings[..], &nowhere].concat();
        let mut bench = Bench::new(&settings, &clip);
        let mut full = 0.0;
        for _ in 0..6000 {
            // All results that there can be belong to the time 0.
            full = change(&bench.push(at(0)));
            if full > 0.0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(full > 0.0, "no result: {:?}", bench.messages());
        let out = bench.push(at(age));
        let shown = change(&out) / full;
        assert!((shown - share).abs() < 0.02, "{shown} of it after {age} ms");
        assert_eq!(regions(&out).is_empty(), share == 0.0);
    }
}

#[test]
fn the_age_is_written_on_the_frame_on_demand() {
    let clip = photo("dog");
    let settings = [
        ("mode", "every-frame"),
        ("detect-interval", "18446744073709551615"),
        ("draw-age", "true"),
        ("draw-heatmap", "false"),
        ("draw-boxes", "false"),
        ("draw-labels", "false"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    let mut at = |ms: u64| {
        let mut frame = clip.frame();
        frame.make_mut().set_pts(ms * gst::ClockTime::MSECOND);
        bench.push(frame)
    };
    let [now, soon, later, long] = [0, 90, 730, 12_300].map(&mut at);
    assert!(same_bytes(&now, &soon), "both are 0.0 s");
    assert!(!same_bytes(&now, &later) && !same_bytes(&later, &long));
    let changed = difference(&clip.frame(), &later, &clip.info);
    let written = changed
        .iter()
        .enumerate()
        .filter(|&(_, &change)| change > 0);
    let (mut pixels, mut right, mut bottom) = (0, 0, 0);
    for (index, _) in written {
        pixels += 1;
        right = right.max(index % 768);
        bottom = bottom.max(index / 768);
    }
    assert!(
        pixels > 1000 && right < 384 && bottom < 50,
        "{pixels}, {right}, {bottom}"
    );
}
