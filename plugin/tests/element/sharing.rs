//! Elements of one process that share their networks: `model-instance-id`.

use gst::prelude::*;

use super::support::*;

/// How many threads of this process have this name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|own| own.trim() == name).count()
}

/// Waits until so many sessions have so many threads: each has one that detects and one that explains. A thread has its name, or is gone from the list, a moment after it begins or ends.
fn assert_sessions(expected: usize) {
    let count = || ["ssdcrp-detect", "ssdcrp-explain"].map(threads);
    for _ in 0..1000 {
        if count() == [expected; 2] {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(count(), [expected; 2]);
}

fn shared(settings: &[(&str, &str)], clip: &Clip) -> Bench {
    Bench::new(&[&[("model-instance-id", "one")], settings].concat(), clip)
}

/// What is explained of a live clip's frame, in words, as soon as anything is.
fn explained(bench: &mut Bench, clip: &Clip) -> Vec<String> {
    for _ in 0..1000 {
        bench.push(clip.frame());
        let reports = bench.reports();
        let explained = reports.iter().flat_map(|report| explanations(report));
        let words = explained.map(|explained| explained.get::<String>("words").unwrap());
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            return words;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing was explained");
}

#[test]
fn elements_with_one_id_have_one_session() {
    alone("sharing::alone_with_several_elements", &[]);
}

#[test]
#[ignore = "run by elements_with_one_id_have_one_session"]
fn alone_with_several_elements() {
    let (dog, person) = (photo("dog"), photo("person"));
    let (first, second) = (Bench::new(&[], &dog), Bench::new(&[], &dog));
    assert_sessions(2);
    drop((first, second));
    assert_sessions(0);

    let mut first = shared(&[("target", "offset:w")], &dog);
    assert_sessions(1);
    let mut second = shared(&[("select", "all")], &person);
    let other = Bench::new(&[("model-instance-id", "two")], &dog);
    assert_sessions(2);
    let words = explained(&mut first, &dog);
    assert!(
        words.iter().all(|words| words.starts_with("box")),
        "{words:?}"
    );
    let words = explained(&mut second, &person);
    assert!(
        words.iter().any(|words| words.starts_with("person")),
        "{words:?}"
    );

    // One after the other ends; the last one ends the session.
    drop(other);
    first.element.set_state(gst::State::Null).unwrap();
    assert_sessions(1);
    drop(first);
    second.element.set_state(gst::State::Null).unwrap();
    assert_sessions(0);
}

/// What is told of a frame, but for the time that it took.
fn told(bench: &mut Bench, frame: gst::Buffer) -> String {
    bench.push(frame);
    let report = bench.reports().remove(0);
    let detections = report.value("detections").unwrap().serialize().unwrap();
    let explanations = explanations(&report).into_iter().map(|mut explanation| {
        explanation.remove_field("time-ms");
        explanation.to_string()
    });
    format!("{detections} {}", explanations.collect::<String>())
}

#[test]
fn results_are_those_of_separate_elements_and_each_stops_alone() {
    let clips = [photo("dog"), photo("person")];
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.jsonl");
    let settings = |id| {
        [
            ("mode", "every-frame"),
            ("select", "all"),
            ("model-instance-id", id),
        ]
    };
    let own: Vec<String> = (clips.iter())
        .map(|clip| {
            let mut bench = Bench::new(&settings(""), clip);
            told(&mut bench, clip.frame())
        })
        .collect();
    let kept = ("results-location", results.to_str().unwrap());
    let with_results = [&settings("alike")[..], &[kept]].concat();
    let mut first = Bench::new(&with_results, &clips[0]);
    let mut second = Bench::new(&settings("alike"), &clips[1]);
    for _ in 0..3 {
        assert_eq!(told(&mut first, clips[0].frame()), own[0]);
        assert_eq!(told(&mut second, clips[1].frame()), own[1]);
        // While the first one is stopped, and after it has started again, with its file.
        drop(first);
        assert_eq!(told(&mut second, clips[1].frame()), own[1]);
        first = Bench::new(&with_results, &clips[0]);
    }
    assert!(first.warnings().is_empty() && second.warnings().is_empty());
    // A flush of one is nothing to the other.
    first.harness.push_event(gst::event::FlushStart::new());
    assert_eq!(told(&mut second, clips[1].frame()), own[1]);
}

#[test]
fn who_shares_networks_agrees_in_the_model_s_settings() {
    let clip = photo("dog");
    let mut first = shared(
        &[("mode", "every-frame"), ("model-instance-id", "cars")],
        &clip,
    );
    let refused = |settings: &[(&str, &str)]| {
        let (element, bus) = element(&[&[("model-instance-id", "cars")], settings].concat());
        assert!(element.set_state(gst::State::Paused).is_err());
        let error = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        element.set_state(gst::State::Null).unwrap();
        bus.set_flushing(true);
        let gst::MessageView::Error(error) = error.view() else {
            panic!("{error:?}")
        };
        assert!(error.error().matches(gst::ResourceError::Settings));
        (error.error().to_string(), element.name().to_string())
    };
    let (error, name) = refused(&[("threads", "2")]);
    assert_eq!(
        error,
        format!(
            "property 'model-instance-id': the networks shared as 'cars' were loaded for the element '{}' with the model that is built in, mode=every-frame, threads=0, execution-provider=cpu, \
             and '{name}' asks for the model that is built in, mode=live, threads=2, execution-provider=cpu: set the same, or another ID",
            first.element.name()
        )
    );
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/golden/yolo/yolo.onnx"
    );
    let (error, _) = refused(&[("mode", "every-frame"), ("model-file", model)]);
    assert!(error.contains("golden/yolo/yolo.onnx"), "{error}");
    // Other properties may differ, but must be right.
    let (error, _) = refused(&[("mode", "every-frame"), ("target", "class:forklift")]);
    assert!(error.contains("forklift"), "{error}");
    assert!(!regions(&first.push(clip.frame())).is_empty(), "it goes on");
}
