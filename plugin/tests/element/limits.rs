//! What a process may not do: write to a disk that is full or not its own, take more memory than it has. Frames pass all the same.

use gst::prelude::*;

use super::support::*;

#[test]
fn what_cannot_be_written_to_leaves_the_explanations_as_they_are() {
    let clip = photo("dog");
    for (property, place) in [
        ("results-location", "/proc/results.jsonl"),
        ("events-location", "/proc/evidence"),
    ] {
        let settings = [
            ("mode", "every-frame"),
            ("on-error", "passthrough"),
            ("events", "all"),
            (property, place),
        ];
        let mut bench = Bench::new(&settings, &clip);
        let out = bench.push(clip.frame());
        assert!(!regions(&out).is_empty());
        let warnings = bench.warnings();
        let ours: Vec<_> = warnings
            .iter()
            .filter(|text| text.contains(property))
            .collect();
        assert_eq!(ours.len(), 1, "{warnings:?}");
    }
}

#[test]
fn a_disk_that_is_full_costs_what_is_kept_and_no_frame() {
    alone("limits::alone_with_a_full_disk", &[]);
}

#[test]
#[ignore = "run by a_disk_that_is_full_costs_what_is_kept_and_no_frame"]
#[expect(unsafe_code, reason = "a process's limits are set by system calls")]
fn alone_with_a_full_disk() {
    let clip = photo("person");
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.jsonl");
    let settings = [
        ("mode", "every-frame"),
        ("events", "all"),
        ("event-confirm", "0"),
        ("event-cooldown", "0"),
        ("events-location", folder.path().to_str().unwrap()),
        ("results-location", results.to_str().unwrap()),
    ];
    let mut bench = Bench::new(&settings, &clip);
    // No file may grow beyond 4 kB: neither the pictures fit, nor more than one line of results.
    let limit = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is this process's own, in which no other test runs, and a signal that is ignored has no handler.
    let limited = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(limited, 0);
    for index in 0..20 {
        let mut frame = clip.frame();
        stamp(frame.make_mut(), index);
        assert!(!regions(&bench.push(frame)).is_empty());
    }
    bench.element.set_state(gst::State::Null).unwrap();
    let warnings = bench.warnings();
    assert!((1..=4).contains(&warnings.len()), "{warnings:?}");
    // What is there is whole.
    let text = std::fs::read_to_string(&results).unwrap();
    assert!(!text.is_empty() && text.ends_with('\n'));
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with(".png")),
        "{left:?}"
    );
}

/// Limits this process to `more` MB of memory than it has, for ever.
#[expect(unsafe_code, reason = "a process's limits are set by system calls")]
fn limit_memory(more: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .unwrap();
    let kilobytes: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = libc::rlimit {
        rlim_cur: (kilobytes << 10) + (more << 20),
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is this process's own, in which no other test runs.
    let limited = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(limited, 0);
}

#[test]
fn explanations_for_which_there_is_no_memory_are_refused() {
    alone("limits::alone_with_little_memory", &[]);
}

#[test]
#[ignore = "run by explanations_for_which_there_is_no_memory_are_refused"]
fn alone_with_little_memory() {
    let clip = photo("person");
    let settings = [
        ("mode", "every-frame"),
        ("score-threshold", "0.005"),
        ("iou-threshold", "1"),
        ("max-explanations", "100"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    bench.push(clip.frame());
    assert_eq!(explanations(&bench.reports()[0]).len(), 1);
    limit_memory(300);
    bench.element.set_property_from_str("select", "all");
    for _ in 0..2 {
        assert!(regions(&bench.push(clip.frame())).len() > 50);
    }
    let warnings = bench.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("ulimit -v"),
        "{warnings:?}"
    );
    bench.element.set_property_from_str("select", "best");
    bench.push(clip.frame());
    assert_eq!(explanations(&bench.reports()[0]).len(), 1);
}
