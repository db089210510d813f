//! What happens a thousand times must leave nothing behind: no GStreamer object, which the tracer `leaks` tells at the end of
//! a process, and no memory.
//!
//! Loading the model that is built in takes nearly all of a start's time, and is the same each time; so most starts, and all else,
//! are with a network of 27 KB that finds something in every picture, of which a copy left behind would show all the same.

use bench_report::resident;
use gst::prelude::*;

use super::support::*;

/// With the small network.
const SMALL: [(&str, &str); 2] = [("model-file", SMALL_MODEL), ("score-threshold", "0.05")];

/// Runs a test of this module in a process of its own, under the tracer.
fn traced(test: &str) {
    let test = format!("endurance::{test}");
    let environment = [
        ("GST_TRACERS", "leaks"),
        ("GST_DEBUG", "GST_TRACER:7"),
        ("GST_DEBUG_NO_COLOR", "1"),
        // Otherwise the C library keeps what a thread has freed for that thread's successors, and which get it is chance.
        ("MALLOC_ARENA_MAX", "1"),
        // And what is freed among what is kept; large blocks go back to the system at once as long as their limit stays.
        ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ];
    let log = alone(&test, &environment);
    // The tracer begins with the form of its records.
    assert!(log.contains("object-alive.class"), "no tracer: {log}");
    let alive: Vec<&str> = (log.lines())
        .filter(|line| line.contains("object-alive, type-name=(string)G"))
        .collect();
    assert!(alive.is_empty(), "{}", alive.join("\n"));
}

/// Ends GStreamer, upon which the tracer tells what is alive.
#[expect(
    unsafe_code,
    reason = "there is no other way to have leaks told before the process ends"
)]
fn end() {
    // SAFETY: all objects of this process are gone, and no test follows in it.
    unsafe { gst::deinit() };
}

/// Does something `count` times. After the first tenth, by when every network is compiled, memory goes up and down; what is left
/// behind shows where it is lowest, which must not rise from the first half to the second.
fn again_and_again(count: usize, what: impl FnMut(usize)) {
    let [before, after] = lowest(count, what);
    let grown = after - before;
    assert!(grown < 8.0, "{grown} MiB more than {before}");
}

/// The same: MiB where memory was lowest, in the first half and in the second.
fn lowest(count: usize, mut what: impl FnMut(usize)) -> [f64; 2] {
    let mut lowest = [f64::INFINITY; 2];
    for index in 0..count {
        what(index);
        if index >= count / 10 {
            let half = &mut lowest[index * 2 / count];
            *half = half.min(resident().unwrap());
        }
    }
    let [before, after] = lowest;
    eprintln!("{count} times: {before:.1} MiB, then {after:.1}");
    lowest
}

#[test]
fn a_thousand_starts_leave_nothing_behind() {
    traced("traced_starts");
}

#[test]
#[ignore = "run by a_thousand_starts_leave_nothing_behind"]
fn traced_starts() {
    {
        let clip = photo("dog");
        for (settings, count) in [(&SMALL[..], 950), (&[], 50)] {
            let settings = [settings, &[("mode", "every-frame")]].concat();
            let mut bench = Bench::new(&settings, &clip);
            again_and_again(count, |index| {
                bench.element.set_state(gst::State::Null).unwrap();
                bench.harness.play();
                if index % (count / 10) == 0 {
                    bench.harness.set_src_caps(clip.caps());
                    assert!(!regions(&bench.push(clip.frame())).is_empty());
                }
                bench.reports();
            });
        }
    }
    end();
}

#[test]
fn restarts_keep_no_memory() {
    // With the C library as it is, whose arenas keep what is freed.
    alone("endurance::alone_with_restarts", &[]);
}

#[test]
#[ignore = "run by restarts_keep_no_memory"]
fn alone_with_restarts() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("select", "all")], &clip);
    let used: Vec<f64> = (0..12)
        .map(|_| {
            bench.element.set_state(gst::State::Null).unwrap();
            bench.harness.play();
            bench.harness.set_src_caps(clip.caps());
            until("three explanations", || {
                bench.push(clip.frame());
                (bench.count("explanations") >= 3).then_some(())
            });
            bench.element.set_state(gst::State::Null).unwrap();
            bench.reports();
            resident().unwrap()
        })
        .collect();
    eprintln!("{used:.0?} MiB");
    // What the last starts have left. Where the C library kept what is free, it was 226 after the first, and 304 and more after the ninth.
    let left = used[8..].iter().copied().fold(f64::INFINITY, f64::min);
    assert!(left < 220.0, "{used:?}");
}

#[test]
fn two_hundred_changes_of_caps_leave_nothing_behind() {
    traced("traced_caps");
}

#[test]
#[ignore = "run by two_hundred_changes_of_caps_leave_nothing_behind"]
fn traced_caps() {
    {
        let clip = photo("dog");
        let clips = [
            "video/x-raw,format=I420,width=768,height=576",
            "video/x-raw,format=RGBA,width=321,height=243",
            "video/x-raw,format=NV12,width=160,height=120",
            "video/x-raw,format=GRAY8,width=33,height=17",
        ]
        .map(|caps| converted(&clip, &caps.parse().unwrap()));
        let settings = [("mode", "every-frame"), ("draw-age", "true")];
        let mut bench = Bench::new(&[&SMALL[..], &settings].concat(), &clip);
        again_and_again(200, |index| {
            let clip = &clips[index % clips.len()];
            bench.harness.set_src_caps(clip.caps());
            assert!(!regions(&bench.push(clip.frame())).is_empty());
            assert!(!explanations(&bench.reports()[0]).is_empty());
        });
    }
    end();
}

#[test]
fn two_hundred_seeks_leave_nothing_behind() {
    traced("traced_seeks");
}

#[test]
#[ignore = "run by two_hundred_seeks_leave_nothing_behind"]
fn traced_seeks() {
    init();
    {
        let small = SMALL
            .map(|(name, value)| format!("{name}={value}"))
            .join(" ");
        let pipeline = format!(
            "filesrc location={} ! decodebin ! videoconvert ! ssdcrp mode=every-frame {small} ! appsink name=sink sync=false max-buffers=1",
            cached("footage/vtest.avi").display()
        );
        let (pipeline, sink) = launched(&pipeline);
        let bus = pipeline.bus().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        sink.pull_sample().unwrap();
        again_and_again(200, |index| {
            let place = (index as u64 % 5 * 16) * gst::ClockTime::SECOND;
            pipeline
                .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT, place)
                .unwrap();
            sink.pull_sample().unwrap();
            for message in bus.iter() {
                assert_ne!(message.type_(), gst::MessageType::Error, "{message:?}");
            }
        });
        pipeline.set_state(gst::State::Null).unwrap();
    }
    end();
}

#[test]
#[ignore = "takes minutes: make test-all"]
fn a_hundred_thousand_frames_keep_no_memory() {
    // With the C library as it is.
    alone("endurance::alone_with_a_hundred_thousand_frames", &[]);
}

#[test]
#[ignore = "run by a_hundred_thousand_frames_keep_no_memory"]
fn alone_with_a_hundred_thousand_frames() {
    let small = converted(
        &photo("dog"),
        &"video/x-raw,format=I420,width=160,height=120"
            .parse()
            .unwrap(),
    );
    let folder = tempfile::tempdir().unwrap();
    // Ten frames a second, of which every fifth is looked at and explained; events and their evidence are kept too.
    let settings = [
        ("mode", "every-frame"),
        ("detect-interval", "500000000"),
        ("events", "all"),
        ("events-location", folder.path().to_str().unwrap()),
    ];
    let mut bench = Bench::new(&[&SMALL[..], &settings].concat(), &small);
    let count = 100_000;
    let [before, after] = lowest(count, |index| {
        let mut frame = small.frame();
        stamp(frame.make_mut(), index as u64);
        bench.push(frame);
        bench.reports();
    });
    let many = count as u64 / 10;
    assert!(bench.count("frames-detected") > many && bench.count("explanations") > many);
    assert!(after < 1.01 * before, "{before} MiB, then {after}");
}
