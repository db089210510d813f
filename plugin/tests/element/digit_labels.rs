//! With a model whose labels are numbers the element explains what was detected, and what it writes of it reads back.

use super::support::*;

#[path = "../../../tests/digits/mod.rs"]
mod digits;

/// What two elements tell of a photo, the second with the shifted labels.
fn reports(settings: &[(&str, &str)], shifted: &[(&str, &str)]) -> [Vec<gst::Structure>; 2] {
    let clip = photo("person");
    [settings, shifted].map(|settings| {
        let mut bench = Bench::new(&[&[("mode", "every-frame")], settings].concat(), &clip);
        bench.push(clip.frame());
        bench.reports()
    })
}

fn text(structure: &gst::StructureRef, field: &str) -> String {
    structure.get(field).unwrap()
}

fn number(structure: &gst::StructureRef, field: &str) -> f64 {
    structure.get(field).unwrap()
}

#[test]
fn what_was_detected_is_what_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let model = digits::model(folder.path());
    let model = ("model-file", model.to_str().unwrap());
    let events = [("events", "ambiguous-class"), ("event-confirm", "0")];
    let [plain, shifted] = reports(&events, &[&events[..], &[model]].concat());
    let best = |reports: &[gst::Structure]| explanations(&reports[0]).remove(0);
    let (plain_best, shifted_best) = (best(&plain), best(&shifted));
    assert_eq!(text(&plain_best, "target"), "class:person");
    assert_eq!(
        text(&shifted_best, "target"),
        "class:0",
        "a person is class 1"
    );
    assert_eq!(
        number(&plain_best, "sum-abs"),
        number(&shifted_best, "sum-abs")
    );

    // Sheep is class 20 and horse class 19; "20" and "19" are the labels of others.
    let event = &shifted[1];
    assert_eq!(text(event, "words"), "19, or 18?");
    assert_eq!(text(event, "target"), "class:#20");
    assert_eq!(text(event, "contrast"), "class:#19");
    let explained = |report: &gst::StructureRef| report.get::<gst::Structure>("explanation");
    let (plain, shifted) = (explained(&plain[1]).unwrap(), explained(event).unwrap());
    assert_eq!(text(&shifted, "words"), "19 rather than 18");
    assert_eq!(number(&plain, "sum-abs"), number(&shifted, "sum-abs"));
}

#[test]
fn a_class_is_named_by_its_label_or_by_a_number_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = digits::model(folder.path());
    let model = ("model-file", model.to_str().unwrap());
    let named = |label, contrast| {
        [
            ("select", "label"),
            ("select-label", label),
            ("contrast", contrast),
        ]
    };
    for (label, contrast) in [("19", "class:18"), ("#20", "class:#19")] {
        let settings = [&named(label, contrast)[..], &[model]].concat();
        let [plain, shifted] = reports(&named("sheep", "class:horse"), &settings);
        let [plain, shifted] = [plain, shifted].map(|reports| explanations(&reports[0]).remove(0));
        assert_eq!(text(&shifted, "words"), "19 rather than 18");
        assert_eq!(
            number(&plain, "sum-abs"),
            number(&shifted, "sum-abs"),
            "{label}"
        );
    }
}
