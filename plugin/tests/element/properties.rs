//! What `gst-inspect-1.0` and applications see before any video flows.

use gst::glib;
use gst::prelude::*;

use super::support::{element, init};

#[test]
fn properties_have_their_documented_defaults() {
    let (element, _) = element(&[]);
    assert_eq!(element.property::<Option<String>>("model-file"), None);
    assert_eq!(element.property::<f32>("score-threshold"), 0.5);
    assert_eq!(element.property::<f32>("iou-threshold"), 0.6);
    assert_eq!(element.property::<String>("target"), "auto");
    assert_eq!(element.property::<String>("contrast"), "auto");
    assert_eq!(element.property::<String>("composite"), "auto");
    assert_eq!(
        element.property::<gstssdcrp::Mode>("mode"),
        gstssdcrp::Mode::Live
    );
    assert_eq!(element.property::<f32>("opacity"), 1.0);
    assert_eq!(
        element.property::<gstssdcrp::HeatmapColours>("colour-map"),
        gstssdcrp::HeatmapColours::RedBlue
    );
    assert_eq!(
        element.property::<gstssdcrp::HeatmapLayout>("layout"),
        gstssdcrp::HeatmapLayout::Together
    );
    for switch in ["draw-boxes", "draw-labels", "draw-heatmap"] {
        assert!(element.property::<bool>(switch));
    }
    assert_eq!(
        element.property::<gstssdcrp::Select>("select"),
        gstssdcrp::Select::Best
    );
    assert_eq!(element.property::<String>("select-label"), "");
    assert_eq!(element.property::<f32>("select-x"), 0.0);
    assert_eq!(element.property::<f32>("select-y"), 0.0);
    assert_eq!(element.property::<u32>("max-explanations"), 4);
    assert_eq!(element.property::<String>("expected-classes"), "");
    assert_eq!(element.property::<u64>("detect-interval"), 0);
    assert_eq!(element.property::<u64>("explain-interval"), 0);
    assert_eq!(element.property::<u64>("expire-overlay"), 1_000_000_000);
    assert_eq!(
        element.property::<gstssdcrp::Output>("output"),
        gstssdcrp::Output::Overlay
    );
    assert!(!element.property::<bool>("draw-age"));
    assert_eq!(element.property::<Option<String>>("results-location"), None);
    assert_eq!(element.property::<String>("events"), "none");
    assert_eq!(element.property::<f32>("event-ambiguous-class"), 0.2);
    assert_eq!(
        element.property::<u64>("event-class-flicker"),
        1_000_000_000
    );
    assert_eq!(element.property::<f32>("event-box-jitter"), 0.5);
    assert_eq!(element.property::<f32>("event-fragment"), 0.8);
    assert_eq!(element.property::<f32>("event-merge"), 0.65);
    assert_eq!(element.property::<f32>("event-low-confidence"), 0.55);
    assert_eq!(element.property::<u64>("event-confirm"), 300_000_000);
    assert_eq!(element.property::<u64>("event-cooldown"), 10_000_000_000);
    assert_eq!(element.property::<Option<String>>("events-location"), None);
    assert_eq!(element.property::<u64>("events-budget"), 1 << 30);
    assert_eq!(element.property::<u32>("events-per-minute"), 30);
    assert_eq!(element.property::<u32>("threads"), 0);
    assert_eq!(
        element.property::<gstssdcrp::OnnxExecutionProvider>("execution-provider"),
        gstssdcrp::OnnxExecutionProvider::Cpu
    );
    assert!(
        !element.property::<bool>("qos"),
        "late frames would be dropped"
    );
}

#[test]
fn values_are_kept() {
    let values = [
        ("model-file", "/models/own.onnx"),
        ("model-instance-id", "cars"),
        ("detections", "upstream"),
        ("score-threshold", "0.25"),
        ("iou-threshold", "0.45"),
        ("target", "offset:w+"),
        ("contrast", "class:traffic light"),
        ("composite", "high=epsilon:0.25std,low=abs"),
        ("select", "label"),
        ("select-label", "person,traffic light"),
        ("select-x", "320.5"),
        ("select-y", "200"),
        ("max-explanations", "7"),
        ("expected-classes", "person,car"),
        ("mode", "every-frame"),
        ("on-error", "passthrough"),
        ("detect-interval", "40000000"),
        ("explain-interval", "500000000"),
        ("check-explanations", "true"),
        ("expire-overlay", "18446744073709551615"),
        ("opacity", "0.5"),
        ("colour-map", "orange-blue"),
        ("layout", "tiles"),
        ("draw-boxes", "false"),
        ("draw-labels", "false"),
        ("draw-heatmap", "false"),
        ("draw-age", "true"),
        ("output", "heatmap"),
        ("events", "ambiguous-class,merge"),
        ("event-ambiguous-class", "0.5"),
        ("event-class-flicker", "2000000000"),
        ("event-box-jitter", "0.75"),
        ("event-fragment", "0.9"),
        ("event-merge", "0.7"),
        ("event-low-confidence", "0.6"),
        ("event-confirm", "250000000"),
        ("event-cooldown", "60000000000"),
        ("events-location", "/tmp/events"),
        ("events-budget", "1000000"),
        ("events-per-minute", "5"),
        ("post-messages", "false"),
        ("results-location", "/tmp/results.jsonl"),
        ("threads", "4"),
        ("execution-provider", "openvino"),
    ];
    let (element, _) = element(&values);
    for (name, text) in values {
        let value = element.property_value(name);
        let written = match value.get::<String>() {
            Ok(text) => text,
            Err(_) => value.serialize().unwrap().to_string(),
        };
        let as_number = |text: &str| text.parse::<f32>().ok();
        assert!(
            written == text || as_number(text).is_some() && as_number(&written) == as_number(text),
            "{name}: {written}"
        );
    }
    // Every own property has its turn above.
    let own = (element.list_properties().iter())
        .filter(|property| property.owner_type().name() == "GstSsdCrp")
        .filter(|property| property.flags().contains(gst::glib::ParamFlags::WRITABLE))
        .count();
    assert_eq!(own, values.len());
}

#[test]
fn threads_have_the_range_of_the_command() {
    let (element, _) = element(&[]);
    let property = element.find_property("threads").unwrap();
    let range = property.downcast_ref::<glib::ParamSpecUInt>().unwrap();
    assert_eq!((range.minimum(), range.maximum()), (0, 256));
}

#[test]
fn execution_providers_are_those_of_the_command() {
    let (element, _) = element(&[]);
    for provider in ssdcrp::runtime::ExecutionProvider::ALL {
        element.set_property_from_str("execution-provider", provider.name());
        let set: gstssdcrp::OnnxExecutionProvider = element.property("execution-provider");
        assert_eq!(ssdcrp::runtime::ExecutionProvider::from(set), provider);
    }
}

#[test]
fn an_unset_text_is_the_default() {
    let (element, _) = element(&[("target", "class:dog"), ("composite", "lrp-simple")]);
    for (name, default) in [
        ("target", "auto"),
        ("contrast", "auto"),
        ("composite", "auto"),
        ("select-label", ""),
        ("expected-classes", ""),
    ] {
        element.set_property(name, None::<&str>);
        assert_eq!(element.property::<String>(name), default);
    }
    for name in ["model-file", "events-location", "results-location"] {
        element.set_property(name, "");
        assert_eq!(element.property::<Option<String>>(name), None);
    }
}

#[test]
fn a_text_that_is_not_in_the_grammar_leaves_the_old_value() {
    let (element, _) = element(&[("target", "class:dog"), ("contrast", "runner-up")]);
    element.set_property("target", "dog");
    element.set_property("contrast", "median");
    element.set_property("composite", "gradcam");
    assert_eq!(element.property::<String>("target"), "class:dog");
    assert_eq!(element.property::<String>("contrast"), "runner-up");
    assert_eq!(element.property::<String>("composite"), "auto");
}

#[test]
fn it_describes_itself() {
    init();
    let factory = gst::ElementFactory::find("ssdcrp").unwrap();
    assert_eq!(
        factory.metadata("klass"),
        Some("Filter/Effect/Video/Analyzer")
    );
    let templates = factory.static_pad_templates();
    assert_eq!(templates.len(), 2);
    for template in templates {
        for format in [
            "RGBA", "BGRA", "RGBx", "BGRx", "RGB", "BGR", "I420", "YV12", "NV12", "NV21", "YUY2",
            "UYVY", "GRAY8",
        ] {
            let caps = gst::Caps::builder("video/x-raw")
                .field("format", format)
                .build();
            assert!(template.caps().can_intersect(&caps), "{format}");
        }
    }
    let (element, _) = element(&[]);
    for property in element.list_properties().iter() {
        let blurb = property.blurb().unwrap_or_default();
        assert!(
            !property.nick().is_empty() && !blurb.is_empty(),
            "{}",
            property.name()
        );
        let own =
            property.owner_type() == <gstssdcrp::SsdCrp as glib::types::StaticType>::static_type();
        let mutable = gst::PARAM_FLAG_MUTABLE_READY | gst::PARAM_FLAG_MUTABLE_PLAYING;
        assert!(
            !own || !property.flags().contains(gst::glib::ParamFlags::WRITABLE)
                || property.flags().intersects(mutable),
            "{}",
            property.name()
        );
    }
}
