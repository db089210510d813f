//! What can be missing or wrong gives one clear error on the bus, and what can be lived with a warning.

use std::path::{Path, PathBuf};

use gst::prelude::*;

use super::support::*;

/// What the element says when it is to start with these settings, which must fail.
fn refusal(settings: &[(&str, &str)]) -> (gst::glib::Error, String) {
    let (element, bus) = element(settings);
    assert!(
        element.set_state(gst::State::Paused).is_err(),
        "{settings:?} should not do"
    );
    element.set_state(gst::State::Null).unwrap();
    let errors: Vec<gst::Message> = bus.iter_filtered(&[gst::MessageType::Error]).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let message = &errors[0];
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!()
    };
    (error.error(), error.error().to_string())
}

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn default_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/ssdlite_mobilenet_v2_coco.onnx")
}

#[test]
fn a_model_that_is_not_there() {
    let (error, text) = refusal(&[("model-file", "/nonexistent/model.onnx")]);
    assert!(error.matches(gst::ResourceError::NotFound), "{error:?}");
    assert!(
        text.contains("/nonexistent/model.onnx") && text.contains("set the property model-file"),
        "{text}"
    );
}

#[test]
fn an_execution_provider_that_is_not_there() {
    // Of no library for this kind of computer.
    let (error, text) = refusal(&[("execution-provider", "vsi")]);
    assert!(error.matches(gst::ResourceError::Settings), "{error:?}");
    assert!(
        text.contains("no execution provider 'vsi': it has cpu"),
        "{text}"
    );
}

#[test]
fn a_model_that_is_none() {
    let file = folder("none").join("model.onnx");
    std::fs::write(&file, "not a model").unwrap();
    let (error, text) = refusal(&[("model-file", file.to_str().unwrap())]);
    assert!(error.matches(gst::StreamError::Format), "{error:?}");
    assert!(text.contains(file.to_str().unwrap()), "{text}");
}

#[test]
fn a_model_that_is_cut_off() {
    let file = folder("cut").join("model.onnx");
    let whole = std::fs::read(default_model()).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let (error, text) = refusal(&[("model-file", file.to_str().unwrap())]);
    assert!(error.matches(gst::StreamError::Format), "{error:?}");
    assert!(text.contains(file.to_str().unwrap()), "{text}");
}

#[test]
fn a_model_of_an_operator_set_that_the_library_does_not_take() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/yolo");
    let file = folder("newer").join("yolo.onnx");
    std::fs::copy(golden.join("yolo.toml"), file.with_extension("toml")).unwrap();
    let mut model = std::fs::read(golden.join("yolo.onnx")).unwrap();
    // The version of the one operator set, which the file ends with.
    assert!(model.ends_with(&[0x10, 13]));
    *model.last_mut().unwrap() = 99;
    std::fs::write(&file, model).unwrap();
    let (error, text) = refusal(&[("model-file", file.to_str().unwrap())]);
    assert!(error.matches(gst::StreamError::Format), "{error:?}");
    assert!(
        text.contains("is of ONNX's operator set 99, and the ONNX Runtime that is loaded takes none newer than"),
        "{text}"
    );
}

#[test]
fn a_model_without_its_manifest() {
    let file = folder("bare").join("model.onnx");
    std::fs::copy(default_model(), &file).unwrap();
    let (error, text) = refusal(&[("model-file", file.to_str().unwrap())]);
    assert!(error.matches(gst::ResourceError::NotFound), "{error:?}");
    assert!(text.contains("model.toml"), "{text}");
}

#[test]
fn a_file_of_results_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/results.jsonl");
    let path = path.to_str().unwrap();
    let (error, text) = refusal(&[("results-location", path)]);
    assert!(error.matches(gst::ResourceError::OpenWrite), "{error:?}");
    assert!(
        text.contains(path) && text.contains("property results-location"),
        "{text}"
    );
}

#[test]
fn a_model_file_of_ones_own() {
    let clip = photo("person");
    let model = default_model();
    let settings = [
        ("mode", "every-frame"),
        ("model-file", model.to_str().unwrap()),
    ];
    let mut own = Bench::new(&settings, &clip);
    let mut built_in = Bench::new(&settings[..1], &clip);
    assert!(same_bytes(
        &own.push(clip.frame()),
        &built_in.push(clip.frame())
    ));
}

#[test]
fn texts_that_are_not_in_the_grammar_and_names_that_the_model_does_not_have() {
    for (settings, hint) in [
        ([("target", "sheep"), ("contrast", "auto")], "class:NAME"),
        (
            [("target", "class:shepe"), ("contrast", "auto")],
            "did you mean \"sheep\"",
        ),
        (
            [("target", "auto"), ("contrast", "class:shepe")],
            "did you mean \"sheep\"",
        ),
        (
            [("target", "offset:w"), ("contrast", "runner-up")],
            "set it to auto, none or mean",
        ),
        (
            [("target", "edge:left"), ("contrast", "mean")],
            "set it to auto, none",
        ),
        (
            [("target", "class:horse"), ("contrast", "class:Horse")],
            "'horse' cannot be contrasted with itself",
        ),
        // The number of the horse.
        (
            [("target", "class:19"), ("contrast", "class:horse")],
            "'horse' cannot be contrasted with itself",
        ),
        (
            [("target", "class:12"), ("contrast", "auto")],
            "not trained on class 12",
        ),
        (
            [("target", "objectness"), ("contrast", "auto")],
            "has no objectness",
        ),
        (
            [("select", "label"), ("select-label", "shepe")],
            "did you mean \"sheep\"",
        ),
        (
            [("select", "label"), ("select-label", "")],
            "select-label=person,dog",
        ),
        (
            [("select", "all"), ("select-label", "dog,,cat")],
            "a name is missing",
        ),
        (
            [("select", "all"), ("expected-classes", "shepe")],
            "did you mean \"sheep\"",
        ),
        (
            [("composite", "gradcam"), ("contrast", "auto")],
            "lrp-epsilon",
        ),
    ] {
        let (error, text) = refusal(&settings);
        assert!(error.matches(gst::ResourceError::Settings), "{error:?}");
        assert!(text.contains(hint) && text.contains("property '"), "{text}");
    }
}

#[test]
fn a_name_that_turns_out_unknown_is_warned_of_once_and_detections_go_on() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let usual = regions(&bench.push(clip.frame())).len();
    assert_eq!(bench.warnings(), [""; 0]);

    bench.element.set_property("target", "class:doog");
    for _ in 0..3 {
        let out = bench.push(clip.frame());
        assert_eq!(regions(&out).len(), usual);
        assert!(!same_bytes(&out, &clip.frame()));
    }
    let texts = bench.warnings();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("did you mean \"dog\""), "{texts:?}");

    bench.element.set_property("target", "class:dog");
    bench.element.set_property("expected-classes", "doog");
    for _ in 0..2 {
        assert_eq!(regions(&bench.push(clip.frame())).len(), usual);
    }
    let texts = bench.warnings();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].contains("property 'expected-classes'"),
        "{texts:?}"
    );

    bench.element.set_property("expected-classes", "");
    bench.push(clip.frame());
    assert!(bench.reports()[0].has_field("explanations"));
}

#[test]
fn a_text_that_is_not_in_the_grammar_is_warned_of_and_explanations_go_on() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let usual = bench.push(clip.frame());
    assert_eq!(bench.warnings(), [""; 0]);

    bench.element.set_property("target", "dog");
    let texts = bench.warnings();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("'target' stays as it is"), "{texts:?}");
    assert!(same_bytes(&bench.push(clip.frame()), &usual));
}

#[test]
fn it_can_be_started_and_stopped_again_and_again() {
    let clip = photo("person");
    for mode in ["live", "every-frame"] {
        let mut bench = Bench::new(&[("mode", mode)], &clip);
        for _ in 0..10 {
            bench.push(clip.frame());
            bench.element.set_state(gst::State::Null).unwrap();
            bench.harness.play();
            // Going down has unset the caps and the segment of the pads.
            bench.harness.set_src_caps(clip.caps());
        }
        let last = bench.push(clip.frame());
        assert_eq!(regions(&last).is_empty(), mode == "live", "{mode}");
    }
}

#[test]
fn without_onnx_runtime_there_is_an_error_and_no_crash() {
    alone(
        "failures::alone_without_runtime",
        &[("ORT_DYLIB_PATH", "/nonexistent/libonnxruntime.so")],
    );
}

#[test]
#[ignore = "run by without_onnx_runtime_there_is_an_error_and_no_crash"]
fn alone_without_runtime() {
    let (error, text) = refusal(&[]);
    assert!(error.matches(gst::LibraryError::Init), "{error:?}");
    assert!(
        text.contains("/nonexistent/libonnxruntime.so") && text.contains("ORT_DYLIB_PATH"),
        "{text}"
    );
}

#[test]
fn to_be_looked_at_it_needs_neither_model_nor_runtime() {
    alone("failures::alone_not_started", &[]);
}

#[test]
#[ignore = "run by to_be_looked_at_it_needs_neither_model_nor_runtime"]
fn alone_not_started() {
    let loaded = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains("libonnxruntime") || maps.contains(".onnx")
    };
    let (element, _) = element(&[("model-file", "/nonexistent.onnx")]);
    element.set_state(gst::State::Ready).unwrap();
    element.set_state(gst::State::Null).unwrap();
    assert!(!loaded());
    element.set_property("model-file", None::<&str>);
    element.set_state(gst::State::Paused).unwrap();
    element.set_state(gst::State::Null).unwrap();
    assert!(loaded(), "or this test sees nothing");
}
