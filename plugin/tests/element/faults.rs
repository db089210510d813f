//! What can go wrong while the video plays, made to happen: the library, the model's file, the networks, the disk. The video ends with one clear error, or
//! goes on without explanations, as the property `on-error` says.

use std::path::{Path, PathBuf};
use std::process::Command;

use gst::prelude::*;

use super::support::*;

/// A copy of the small network in a folder of its own.
fn model(folder: &Path) -> PathBuf {
    for kind in ["onnx", "toml"] {
        let file = Path::new(SMALL_MODEL).with_extension(kind);
        std::fs::copy(file, folder.join(format!("model.{kind}"))).unwrap();
    }
    folder.join("model.onnx")
}

/// Compiles the stand-in for ONNX Runtime.
fn library(name: &str, options: &[&str]) -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .args(options)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/element/faulty_runtime.c"
        ))
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success(), "no C compiler");
    library
}

/// The library with which the tests run.
fn real_runtime() -> String {
    std::env::var("ORT_DYLIB_PATH")
        .expect("ORT_DYLIB_PATH names ONNX Runtime, as make test sets it")
}

#[test]
fn a_library_that_cannot_be_used_is_one_error_or_a_video_without_explanations() {
    let old = library("too_old.so", &["-DTOO_OLD"]);
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("libonnxruntime.so");
    let mut elf = std::fs::read(&old).unwrap();
    // e_machine: a processor that there is not here.
    elf[18..20].copy_from_slice(&[0xf7, 0x00]);
    std::fs::write(&foreign, &elf).unwrap();
    let cut = folder.path().join("cut.so");
    std::fs::write(&cut, &elf[..100]).unwrap();
    for library in [&old, &foreign, &cut] {
        alone(
            "faults::alone_with_a_library_that_cannot_be_used",
            &[("ORT_DYLIB_PATH", library.to_str().unwrap())],
        );
    }
}

#[test]
#[ignore = "run by a_library_that_cannot_be_used_is_one_error_or_a_video_without_explanations"]
fn alone_with_a_library_that_cannot_be_used() {
    let library = std::env::var("ORT_DYLIB_PATH").unwrap();
    let (element, bus) = element(&[]);
    assert!(element.set_state(gst::State::Paused).is_err());
    element.set_state(gst::State::Null).unwrap();
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    let text = error.error().to_string();
    assert!(error.error().matches(gst::LibraryError::Init), "{text}");
    assert!(
        text.contains(&library) && text.lines().count() == 1,
        "{text}"
    );

    let clip = photo("dog");
    let mut bench = Bench::new(&[("on-error", "passthrough")], &clip);
    for _ in 0..3 {
        assert!(same_bytes(&bench.push(clip.frame()), &clip.frame()));
    }
    let warnings = bench.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("goes on without explanations"),
        "{warnings:?}"
    );
    assert_eq!(
        [bench.count("frames"), bench.count("frames-failed")],
        [3, 3]
    );
}

/// Runs an ignored test by itself with the stand-in as its ONNX Runtime.
fn alone_with_faults(test: &str) {
    let library = library(&format!("{}.so", test.replace(':', "_")), &[]);
    let folder = tempfile::tempdir().unwrap();
    alone(
        test,
        &[
            ("ORT_DYLIB_PATH", library.to_str().unwrap()),
            ("REAL_RUNTIME", &real_runtime()),
            ("FAULT", folder.path().join("fault").to_str().unwrap()),
        ],
    );
}

#[test]
fn networks_that_fail_in_mid_run() {
    alone_with_faults("faults::alone_with_networks_that_fail");
}

#[test]
#[ignore = "run by networks_that_fail_in_mid_run"]
fn alone_with_networks_that_fail() {
    let fault = PathBuf::from(std::env::var_os("FAULT").unwrap());
    let clip = photo("dog");
    for output in ["overlay", "heatmap"] {
        let settings = [
            ("mode", "every-frame"),
            ("on-error", "passthrough"),
            ("output", output),
        ];
        let mut bench = Bench::new(&settings, &clip);
        let usual = bench.push(clip.frame());
        assert!(!regions(&usual).is_empty());
        for _ in 0..2 {
            std::fs::write(&fault, "").unwrap();
            for _ in 0..3 {
                let out = bench.push(clip.frame());
                assert!(regions(&out).is_empty());
                // Where the heatmap takes the place of the picture, nothing does without it.
                let blank = out.map_readable().unwrap().iter().all(|&byte| byte == 0);
                let unchanged = same_bytes(&out, &clip.frame());
                assert!(if output == "overlay" {
                    unchanged
                } else {
                    blank
                });
            }
            std::fs::remove_file(&fault).unwrap();
            assert!(
                same_bytes(&bench.push(clip.frame()), &usual),
                "as before the fault"
            );
            let warnings = bench.warnings();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains("the device is lost"), "{warnings:?}");
        }
        assert_eq!(
            [bench.count("frames"), bench.count("frames-failed")],
            [9, 6]
        );
    }

    // Live, a fault shows in one of the next frames; the others go on.
    let mut bench = Bench::new(&[("on-error", "passthrough")], &clip);
    bench.until_detected(&clip.frame());
    std::fs::write(&fault, "").unwrap();
    until("three frames that failed", || {
        bench.push(clip.frame());
        (bench.count("frames-failed") >= 3).then_some(())
    });
    std::fs::remove_file(&fault).unwrap();
    bench.until_detected(&clip.frame());
    let warnings = bench.warnings();
    assert!((1..=2).contains(&warnings.len()), "{warnings:?}");

    // The property may change while the video plays.
    bench.element.set_property_from_str("on-error", "fail");
    std::fs::write(&fault, "").unwrap();
    let ended = until("an end of the stream", || {
        bench.harness.push(clip.frame()).err()
    });
    assert_eq!(ended, gst::FlowError::Error);
    let message = bench.bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    assert!(error.error().matches(gst::StreamError::Failed), "{error:?}");
}

#[test]
fn a_check_that_fails() {
    alone_with_faults("faults::alone_with_a_check_that_fails");
}

#[test]
#[ignore = "run by a_check_that_fails"]
fn alone_with_a_check_that_fails() {
    let fault = PathBuf::from(std::env::var_os("FAULT").unwrap()).with_extension("load");
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    // A frame's explanation, and what was warned of.
    let look = |bench: &mut Bench, second: u64| {
        let mut frame = clip.frame();
        stamp(frame.make_mut(), 10 * second);
        let out = bench.push(frame);
        let told = regions(&out).iter().find_map(|r| r.explanation.clone());
        (told.expect("an explanation"), bench.warnings())
    };
    let (_, warnings) = look(&mut bench, 0);
    assert!(warnings.is_empty(), "{warnings:?}");
    // What checks run on is loaded for the first of them.
    std::fs::write(&fault, "").unwrap();
    bench.element.set_property("check-explanations", true);
    for (second, told) in [(1, 1), (2, 0), (3, 0)] {
        let (explanation, warnings) = look(&mut bench, second);
        assert!(!explanation.has_field("checked"), "{explanation}");
        assert_eq!(warnings.len(), told, "{warnings:?}");
        for warning in &warnings {
            assert!(
                warning.contains("an explanation cannot be checked: ")
                    && warning.contains("the device is full"),
                "{warning}"
            );
        }
    }
    std::fs::remove_file(&fault).unwrap();
    let (explanation, warnings) = look(&mut bench, 4);
    assert!(explanation.has_field("checked"), "{explanation}");
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_model_may_go_while_the_video_plays() {
    let clip = photo("dog");
    for mode in ["every-frame", "live"] {
        for change in ["deleted", "cut off", "replaced"] {
            let folder = tempfile::tempdir().unwrap();
            let file = model(folder.path());
            let settings = [
                ("mode", mode),
                ("model-file", file.to_str().unwrap()),
                ("score-threshold", "0.05"),
            ];
            let mut bench = Bench::new(&settings, &clip);
            match change {
                "deleted" => std::fs::remove_dir_all(folder.path()).unwrap(),
                // In place, as a copy that is under way does it.
                "cut off" => std::fs::File::options()
                    .write(true)
                    .open(&file)
                    .unwrap()
                    .set_len(100)
                    .unwrap(),
                _ => std::fs::write(&file, "something else").unwrap(),
            }
            // Another composite has networks compiled anew.
            for composite in ["auto", "lrp-epsilon", "crp"] {
                bench.element.set_property("composite", composite);
                bench.until_detected(&clip.frame());
            }
            assert_eq!(bench.warnings(), [""; 0], "{mode}, {change}");
            // At the next start it is missed.
            bench.element.set_state(gst::State::Null).unwrap();
            assert!(bench.element.set_state(gst::State::Paused).is_err());
            assert!(bench.bus.pop_filtered(&[gst::MessageType::Error]).is_some());
            bench
                .element
                .set_property_from_str("on-error", "passthrough");
            bench.element.set_state(gst::State::Null).unwrap();
            bench.harness.play();
            bench.harness.set_src_caps(clip.caps());
            assert!(same_bytes(&bench.push(clip.frame()), &clip.frame()));
            assert_eq!(bench.warnings().len(), 1);
        }
    }
}

#[test]
fn a_property_that_cannot_be_used_is_an_error_whatever_becomes_of_the_video() {
    let (element, bus) = element(&[("on-error", "passthrough"), ("target", "class:shepe")]);
    assert!(element.set_state(gst::State::Paused).is_err());
    element.set_state(gst::State::Null).unwrap();
    assert!(bus.pop_filtered(&[gst::MessageType::Error]).is_some());
}

#[test]
fn clocks_may_jump_and_times_may_be_missing() {
    let clip = footage();
    let day = 86_400 * gst::ClockTime::SECOND;
    let times = [
        Some(gst::ClockTime::ZERO),
        Some(day),
        Some(3 * FRAME),
        None,
        Some(1000 * day),
        None,
        Some(gst::ClockTime::from_nseconds(u64::MAX - 1)),
        Some(gst::ClockTime::ZERO),
    ];
    for mode in ["every-frame", "live"] {
        let settings = [("mode", mode), ("events", "all"), ("draw-age", "true")];
        let mut bench = Bench::new(&settings, &clip);
        for (frame, time) in clip
            .frames
            .iter()
            .cycle()
            .zip(times.iter().cycle())
            .take(24)
        {
            let mut frame = frame.clone();
            frame.make_mut().set_pts(*time);
            let out = bench.push(frame);
            assert_eq!(out.pts(), *time);
            assert!(mode == "live" || !regions(&out).is_empty(), "{time:?}");
        }
        assert_eq!(bench.count("frames"), 24);
        assert_eq!(bench.warnings(), [""; 0]);
    }
}

#[test]
fn the_format_changes_while_networks_are_busy() {
    let clip = photo("dog");
    let clips = [
        "video/x-raw,format=I420,width=768,height=576",
        "video/x-raw,format=RGBA,width=321,height=243",
        "video/x-raw,format=I420,width=576,height=768",
        "video/x-raw,format=GRAY8,width=33,height=17",
    ]
    .map(|caps| converted(&clip, &caps.parse().unwrap()));
    let mut bench = Bench::new(&[("select", "all"), ("draw-age", "true")], &clip);
    let mut shown = 0;
    let mut pushed = 0;
    until("eight detections in frames of changing formats", || {
        let clip = &clips[pushed % clips.len()];
        bench.harness.set_src_caps(clip.caps());
        for _ in 0..5 {
            let out = bench.push(clip.frame());
            let (width, height) = (clip.info.width(), clip.info.height());
            for region in regions(&out) {
                let (x, y, w, h) = region.rect;
                assert!(
                    x + w <= width && y + h <= height,
                    "of another format: {region:?}"
                );
                shown += 1;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        pushed += 1;
        assert_eq!(bench.warnings(), [""; 0]);
        (shown >= 8).then_some(())
    });
}

#[test]
fn flushes_and_changes_of_state_while_networks_are_busy() {
    let clip = photo("dog");
    for mode in ["live", "every-frame"] {
        let mut bench = Bench::new(&[("mode", mode), ("select", "all")], &clip);
        let source = bench.element.static_pad("sink").unwrap().peer().unwrap();
        for round in 0..30 {
            let pushing = std::thread::spawn({
                let (source, frame) = (source.clone(), clip.frame());
                move || {
                    (0..3)
                        .map(|_| source.push(frame.clone()))
                        .collect::<Vec<_>>()
                }
            });
            std::thread::sleep(std::time::Duration::from_millis(7 * round % 50));
            if round % 2 == 0 {
                assert!(source.push_event(gst::event::FlushStart::new()));
                let outcomes = pushing.join().unwrap();
                let ours = |outcome| matches!(outcome, Ok(_) | Err(gst::FlowError::Flushing));
                assert!(outcomes.iter().copied().all(ours), "{outcomes:?}");
                assert!(source.push_event(gst::event::FlushStop::new(true)));
            } else {
                bench.element.set_state(gst::State::Ready).unwrap();
                pushing.join().unwrap().into_iter().for_each(drop);
                bench.harness.play();
                bench.harness.set_src_caps(clip.caps());
            }
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            source.push_event(gst::event::Segment::new(&segment));
        }
        while bench.harness.try_pull().is_some() {}
        bench.push(clip.frame());
        assert_eq!(bench.warnings(), [""; 0]);
    }
}
