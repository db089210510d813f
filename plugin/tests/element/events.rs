//! What looks wrong is told, explained and shown, where that is switched on.

use gst::prelude::*;
use image::imageops::{FilterType, resize};

use super::support::*;

#[path = "../../../tests/film/mod.rs"]
mod film;

const PAGE: &str = include_str!("../../../docs/element.md");

/// An element that records `clip`.
fn bench(settings: &[(&str, &str)], clip: &Clip) -> Bench {
    Bench::new(&[&[("mode", "every-frame")], settings].concat(), clip)
}

/// The events that a result tells of.
fn events(report: &gst::StructureRef) -> Vec<gst::Structure> {
    let array = report.get::<gst::Array>("events").ok();
    let values = array.iter().flat_map(|array| array.iter());
    values.map(|value| value.get().unwrap()).collect()
}

fn text(structure: &gst::StructureRef, field: &str) -> String {
    structure.get(field).unwrap()
}

/// Times, in tenths of a second, and words of all events that are told of with the detections.
fn told(reports: &[gst::Structure]) -> Vec<(u64, String)> {
    let results = reports.iter().filter(|report| report.name() == "ssdcrp");
    let all = results.flat_map(|report| {
        let time: gst::ClockTime = report.get("running-time").unwrap();
        let tenths = time.mseconds() / 100;
        events(report)
            .into_iter()
            .map(move |event| (tenths, text(&event, "words")))
    });
    all.collect()
}

/// Four seconds of each photo.
fn film(names: &[&str]) -> Clip {
    let mut clip = photo(names[0]);
    let size = (clip.info.width(), clip.info.height());
    clip.frames.clear();
    for name in names {
        let photo = image::open(cached(&format!("photos/{name}.jpg")))
            .unwrap()
            .into_rgb8();
        for index in 0..film::FRAMES {
            let window = film::frame(&photo, index);
            let window = resize(&window, size.0, size.1, FilterType::Triangle);
            clip.frames
                .push(rgb_frame(&window, &clip.info, clip.frames.len() as u64));
        }
    }
    clip
}

#[test]
fn without_being_asked_for_there_are_none() {
    let clip = photo("person");
    let mut bench = bench(&[], &clip);
    bench.push(clip.frame());
    let reports = bench.reports();
    assert_eq!(reports.len(), 1);
    assert!(!reports[0].has_field("events"));
}

#[test]
fn an_event_is_told_with_its_frame_and_once_more_with_its_explanation() {
    let clip = photo("person");
    let settings = [("events", "ambiguous-class"), ("event-confirm", "0")];
    let mut bench = bench(&settings, &clip);
    let out = bench.push(clip.frame());
    let reports = bench.reports();
    assert_eq!(reports.len(), 2, "{reports:?}");
    let at_once = events(&reports[0]);
    assert_eq!(at_once.len(), 1);
    let event = &at_once[0];
    assert_eq!(text(event, "kind"), "ambiguous-class");
    assert_eq!(text(event, "words"), "sheep, or horse?");
    assert_eq!(text(event, "target"), "class:20");
    assert_eq!(text(event, "contrast"), "class:19");
    assert_eq!(event.get::<u64>("number").unwrap(), 1);

    let answered = &reports[1];
    assert_eq!(answered.name(), "ssdcrp-event");
    for (name, value) in event.iter() {
        let again = answered.value(name).unwrap();
        assert_eq!(
            again.serialize().unwrap(),
            value.serialize().unwrap(),
            "{name}"
        );
    }
    let explanation: gst::Structure = answered.get("explanation").unwrap();
    assert_eq!(text(&explanation, "words"), "sheep rather than horse");
    assert_eq!(text(&explanation, "target"), "class:sheep");
    assert_eq!(
        answered.get::<gst::ClockTime>("running-time").unwrap(),
        gst::ClockTime::ZERO
    );

    // The frame shows this explanation, of the sheep, rather than that of the best detection, a person.
    let explained: Vec<Region> = regions(&out)
        .into_iter()
        .filter(|region| region.explanation.is_some())
        .collect();
    assert_eq!(explained.len(), 1);
    assert_eq!(explained[0].label, "sheep");
    assert_eq!(explained[0].explanation.as_ref(), Some(&explanation));
}

#[test]
fn an_event_is_shown_for_a_while_and_then_what_was_chosen_again() {
    let clip = photo("person");
    let mut bench = bench(&[("events", "all"), ("event-confirm", "0")], &clip);
    let mut explained = |tenths: u64| {
        let mut frame = clip.frame();
        stamp(frame.make_mut(), tenths);
        let regions = regions(&bench.push(frame));
        let explained = regions.into_iter().filter(|r| r.explanation.is_some());
        explained.map(|r| r.label).collect::<Vec<_>>()
    };
    assert_eq!(explained(0), ["sheep"]);
    assert_eq!(explained(30), ["sheep"]);
    assert_eq!(explained(31), ["person"]);
}

#[test]
fn the_words_are_drawn_at_the_object() {
    let clip = photo("person");
    // The sheep is explained in either case, so that its label is all that can differ.
    let drawn = |events: &str, labels: &str| {
        let settings = [
            ("events", events),
            ("event-confirm", "0"),
            ("select", "label"),
            ("select-label", "sheep"),
            ("draw-heatmap", "false"),
            ("draw-labels", labels),
        ];
        bench(&settings, &clip).push(clip.frame())
    };
    let differ = |labels| !same_bytes(&drawn("none", labels), &drawn("ambiguous-class", labels));
    assert!(differ("true"));
    assert!(!differ("false"));
}

#[test]
fn what_the_page_says_of_an_event_is_what_there_is() {
    let clip = photo("person");
    let mut bench = bench(&[("events", "all"), ("event-confirm", "0")], &clip);
    bench.push(clip.frame());
    let reports = bench.reports();
    let event = reports.iter().find(|r| r.name() == "ssdcrp-event").unwrap();
    let part = PAGE.split("## Events").nth(1).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let detection = events(&reports[0])[0].clone();
    for (name, _) in event.iter() {
        let of_detection = PAGE.contains(&format!("`{name}`")) && detection.has_field(name);
        assert!(
            part.contains(&format!("`{name}`")) || of_detection,
            "the page must name {name}"
        );
    }
    for kind in ssdcrp::stream::monitor::EventKind::ALL {
        assert!(part.contains(&format!("`{kind}`")), "the page lacks {kind}");
    }
}

#[test]
fn a_film_raises_the_same_events_at_every_run_and_none_where_all_is_right() {
    let clip = film(&["person", "eagle", "horses"]);
    let watch = || {
        let mut bench = bench(
            &[("events", "all"), ("explain-interval", "1000000000")],
            &clip,
        );
        for frame in &clip.frames {
            bench.push(frame.clone());
        }
        told(&bench.reports())
    };
    let told = watch();
    for words in [
        "sheep, or horse?",
        "cow, or horse?",
        "one box of horse over two objects",
    ] {
        assert!(
            told.iter().any(|(_, said)| said == words),
            "{words} in {told:?}"
        );
    }
    let clean = told.iter().filter(|(tenths, _)| (40..80).contains(tenths));
    assert_eq!(clean.count(), 0, "{told:?}");
    assert_eq!(watch(), told);
}

#[test]
fn in_live_mode_an_event_is_explained_though_nothing_else_is() {
    let clip = photo("person");
    let settings = [
        ("events", "ambiguous-class"),
        ("event-confirm", "0"),
        ("select", "label"),
        ("select-label", "zebra"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    let event = until("an event that is explained", || {
        bench.push(clip.frame());
        (bench.reports().into_iter()).find(|report| report.name() == "ssdcrp-event")
    });
    let explanation: gst::Structure = event.get("explanation").unwrap();
    assert_eq!(text(&explanation, "words"), "sheep rather than horse");
}

#[test]
fn a_stream_without_timestamps_has_events_too() {
    let clip = photo("person");
    let mut frame = clip.frame();
    frame.make_mut().set_pts(gst::ClockTime::NONE);
    let mut bench = bench(&[("events", "ambiguous-class")], &clip);
    let event = until("an event that has lasted long enough", || {
        bench.push(frame.clone());
        (bench.reports().into_iter()).find(|report| report.name() == "ssdcrp-event")
    });
    assert!(!event.has_field("timestamp") && event.has_field("explanation"));
}

/// Numbers of the events that were told of with detections, and of those that were told of once more.
fn numbers(reports: &[gst::Structure]) -> (Vec<u64>, Vec<u64>) {
    let number = |event: &gst::StructureRef| event.get::<u64>("number").unwrap();
    let at_once = reports.iter().flat_map(|report| events(report));
    let at_once = at_once.map(|event| number(&event)).collect();
    let again = reports
        .iter()
        .filter(|report| report.name() == "ssdcrp-event")
        .map(|event| number(event));
    (at_once, again.collect())
}

/// In live mode, with more events than can be explained while the frame passes by.
fn crowded() -> Bench {
    let clip = photo("person");
    let settings = [
        ("events", "all"),
        ("event-confirm", "0"),
        ("score-threshold", "0.01"),
        ("event-low-confidence", "0.9"),
        ("expected-classes", "person"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    bench.push(clip.frame());
    bench
}

#[test]
fn the_end_of_the_stream_comes_after_what_is_told_of_it() {
    let mut bench = crowded();
    assert!(bench.harness.push_event(gst::event::Eos::new()));
    let (told, again) = numbers(&bench.reports());
    assert!(told.len() > 20, "{told:?}");
    assert_eq!(again, told);
}

#[test]
fn a_stop_does_not_wait_for_explanations_but_every_event_is_told() {
    let bench = crowded();
    let mut reports = Vec::new();
    until("a frame's events", || {
        reports.extend(bench.reports());
        (!numbers(&reports).0.is_empty()).then_some(())
    });
    bench.element.set_state(gst::State::Null).unwrap();
    reports.extend(bench.reports());
    let (told, again) = numbers(&reports);
    assert!(told.len() > 20, "{told:?}");
    assert_eq!(again, told);
    let explained = reports
        .iter()
        .filter(|report| report.has_field("explanation"));
    assert!(explained.count() < told.len());
}

#[test]
fn kinds_that_do_not_exist_are_refused() {
    let (element, bus) = element(&[("events", "jitter")]);
    assert_eq!(element.property::<String>("events"), "none");
    assert!(element.set_state(gst::State::Paused).is_err());
    element.set_state(gst::State::Null).unwrap();
    bus.set_flushing(true);
}

#[test]
fn what_cannot_come_about_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let location = [("events-location", folder.path().to_str().unwrap())];
    let unexpected = [("events", "unexpected-class")];
    let expected = [("expected-classes", "person")];
    for (settings, property) in [
        (location.to_vec(), Some("the property events is none")),
        ([&location[..], &[("events", "all")]].concat(), None),
        (
            unexpected.to_vec(),
            Some("the property expected-classes names none"),
        ),
        ([unexpected, expected].concat(), None),
    ] {
        let bench = Bench::new(&settings, &photo("eagle"));
        let messages = bench.messages();
        let warnings = messages.iter().filter_map(|message| match message.view() {
            gst::MessageView::Warning(warning) => Some(warning.error().message().to_owned()),
            _ => None,
        });
        let warnings: Vec<String> = warnings.collect();
        assert_eq!(
            warnings.len(),
            usize::from(property.is_some()),
            "{warnings:?}"
        );
        assert!(
            warnings
                .iter()
                .all(|warning| warning.contains(property.unwrap()))
        );
    }
}

/// Pushes frames and ends, so that everything is written.
fn kept(settings: &[(&str, &str)], clip: &Clip) -> (tempfile::TempDir, Vec<gst::Message>) {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("evidence");
    let location = [("events-location", location.to_str().unwrap())];
    let settings = [
        &[("events", "all"), ("event-confirm", "0")],
        &location[..],
        settings,
    ]
    .concat();
    let mut bench = bench(&settings, clip);
    for frame in &clip.frames {
        bench.push(frame.clone());
    }
    bench.element.set_state(gst::State::Null).unwrap();
    (folder, bench.messages())
}

#[test]
fn evidence_is_the_frame_as_it_came_what_was_drawn_and_the_heatmap() {
    let clip = photo("person");
    let (folder, messages) = kept(&[], &clip);
    assert!(
        !(messages.iter()).any(|message| message.type_() == gst::MessageType::Warning),
        "{messages:?}"
    );
    let folder = folder.path().join("evidence");
    let records = ssdcrp::stream::evidence::Records::read(&folder)
        .unwrap()
        .records;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.event.words, "sheep, or horse?");
    assert_eq!(
        record.event.rest["explanation"]["words"],
        "sheep rather than horse"
    );
    let open = |name: &str| image::open(folder.join(name)).unwrap();
    let frame = open(&record.frame).into_rgb8();
    let original = image::open(cached("photos/person.jpg"))
        .unwrap()
        .into_rgb8();
    assert_eq!(frame, original);
    let annotated = open(&record.annotated).into_rgb8();
    assert_eq!(annotated.dimensions(), frame.dimensions());
    let heatmap = open(record.heatmap.as_ref().unwrap()).into_rgba8();
    // The heatmap lies on the sheep that is a horse, and nothing is drawn over the sky.
    assert!(heatmap.get_pixel(540, 220).0[3] > 60);
    assert!(heatmap.get_pixel(20, 20).0[3] < 20);
    assert_eq!(annotated.get_pixel(20, 20), frame.get_pixel(20, 20));
}

#[test]
fn evidence_is_kept_of_every_format() {
    for format in ["I420", "NV12", "YUY2", "GRAY8", "ARGB"] {
        let caps = format!("video/x-raw,format={format},width=321,height=243");
        let clip = converted(&photo("person"), &caps.parse().unwrap());
        let (folder, _) = kept(&[("draw-boxes", "false")], &clip);
        let folder = folder.path().join("evidence");
        let records = ssdcrp::stream::evidence::Records::read(&folder)
            .unwrap()
            .records;
        let record = records
            .first()
            .unwrap_or_else(|| panic!("none in {format}"));
        let frame = image::open(record.frame_in(&folder)).unwrap();
        assert_eq!((frame.width(), frame.height()), (321, 243), "{format}");
    }
}

#[test]
fn evidence_is_kept_of_every_event_of_a_frame() {
    let settings = [
        ("score-threshold", "0.05"),
        ("event-low-confidence", "0.9"),
        ("expected-classes", "person"),
        ("events-per-minute", "1000"),
    ];
    let (folder, messages) = kept(&settings, &photo("person"));
    let folder = folder.path().join("evidence");
    let records = ssdcrp::stream::evidence::Records::read(&folder)
        .unwrap()
        .records;
    let reports = messages.iter().filter_map(|message| message.structure());
    let told = reports
        .filter(|report| report.name() == "ssdcrp-event")
        .count();
    assert!(told > 8, "{told}");
    assert_eq!(records.len(), told);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_at_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (element, bus) = element(&[("events-location", file.path().to_str().unwrap())]);
    assert!(element.set_state(gst::State::Paused).is_err());
    let error = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = error.view() else {
        unreachable!()
    };
    assert!(error.error().matches(gst::ResourceError::OpenWrite));
    assert!(error.error().message().contains("events-location"));
    element.set_state(gst::State::Null).unwrap();
    bus.set_flushing(true);
}

#[test]
fn evidence_that_cannot_be_written_is_warned_of_once_and_the_video_goes_on() {
    let mut clip = film(&["person"]);
    clip.frames.truncate(4);
    // Pictures of one event are larger than this.
    let settings = [("events-budget", "1000"), ("event-cooldown", "0")];
    let (folder, messages) = kept(&settings, &clip);
    let warnings = messages
        .iter()
        .filter(|message| message.type_() == gst::MessageType::Warning);
    assert_eq!(warnings.count(), 1);
    let folder = folder.path().join("evidence");
    let kept = ssdcrp::stream::evidence::Records::read(&folder).unwrap();
    assert!(kept.records.is_empty());
}
