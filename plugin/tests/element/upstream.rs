//! Detections of an element before, as regions of interest on the buffers: explained as own ones are, and answered on their own metas.

use gst::prelude::*;
use gst_video::{NavigationEvent, VideoRegionOfInterestMeta};

use super::support::*;

/// A region as another element attaches it.
#[derive(Clone, Debug, PartialEq)]
struct Theirs {
    label: String,
    /// x, y, width, height.
    rect: (u32, u32, u32, u32),
    confidence: Option<f64>,
}

impl Theirs {
    fn new(label: &str, rect: (u32, u32, u32, u32)) -> Self {
        Self {
            label: label.to_owned(),
            rect,
            confidence: None,
        }
    }
}

/// The frame with regions, numbered from 100 on.
fn with_regions(frame: &gst::Buffer, regions: &[Theirs]) -> gst::Buffer {
    let mut frame = frame.copy();
    let buffer = frame.get_mut().unwrap();
    for (id, region) in (100..).zip(regions) {
        let mut meta = VideoRegionOfInterestMeta::add(buffer, &region.label, region.rect);
        meta.set_id(id);
        if let Some(confidence) = region.confidence {
            // As gvadetect says it.
            let detection = gst::Structure::builder("detection");
            meta.add_param(detection.field("confidence", confidence).build());
        }
    }
    frame
}

/// What the element itself finds in a clip's frame, best first, with the explanations of all of it.
fn own(clip: &Clip) -> Vec<Region> {
    let mut bench = Bench::new(&[("mode", "every-frame"), ("select", "all")], clip);
    regions(&bench.push(clip.frame()))
}

fn as_theirs(own: &[Region]) -> Vec<Theirs> {
    let theirs = own.iter().map(|region| Theirs {
        confidence: Some(region.confidence()),
        ..Theirs::new(&region.label, region.rect)
    });
    theirs.collect()
}

fn bench(settings: &[(&str, &str)], clip: &Clip) -> Bench {
    let upstream = [("mode", "every-frame"), ("detections", "upstream")];
    Bench::new(&[&upstream, settings].concat(), clip)
}

/// Label and answer of each of a buffer's regions.
fn answers(buffer: &gst::BufferRef) -> Vec<(String, Option<gst::Structure>)> {
    buffer
        .iter_meta::<VideoRegionOfInterestMeta>()
        .map(|meta| {
            let answer = meta.param("ssdcrp-match").map(ToOwned::to_owned);
            (meta.roi_type().to_owned(), answer)
        })
        .collect()
}

/// Structures in an array of a message, none where there is no such field.
fn structures(message: &gst::StructureRef, field: &str) -> Vec<gst::Structure> {
    let array = message.get::<gst::Array>(field).ok();
    let values = array.iter().flat_map(|array| array.iter());
    values.map(|value| value.get().unwrap()).collect()
}

#[test]
fn what_another_detector_found_is_explained_as_own_detections_are() {
    let clip = photo("dog");
    let own = own(&clip);
    let theirs = as_theirs(&own);
    assert!(own.len() >= 3, "{own:?}");
    let mut bench = bench(&[("select", "all")], &clip);
    let out = bench.push(with_regions(&clip.frame(), &theirs));
    let answers = answers(&out);
    assert_eq!(answers.len(), own.len(), "no meta is added or taken away");
    let reports = bench.reports();
    let told = structures(&reports[0], "detections");
    assert_eq!((reports.len(), told.len()), (1, own.len()));
    assert!(structures(&reports[0], "unmatched").is_empty());
    for (id, (own, (label, answer))) in (100..).zip(own.iter().zip(&answers)) {
        let answer = answer.as_ref().unwrap();
        let field = |name: &str| answer.get::<f64>(name).unwrap();
        assert_eq!(&own.label, label);
        assert!(answer.get::<bool>("matched").unwrap());
        assert_eq!(answer.get::<i32>("upstream-id").unwrap(), id);
        assert_eq!(field("upstream-confidence") as f32, own.confidence() as f32);
        assert_eq!(
            answer.get::<String>("model").unwrap(),
            "ssdlite_mobilenet_v2_coco"
        );
        let number = |structure: &gst::StructureRef| structure.get::<u32>("default-box").unwrap();
        // Their boxes are whole pixels; the own box is the one that lies closest all the same.
        assert_eq!(number(answer), number(&own.detection), "{label}");
        assert_eq!(field("confidence"), own.confidence());
        assert!(field("overlap") > 0.95, "{answer}");
        let place = ["x", "y", "width", "height"].map(|name| answer.get::<u32>(name).unwrap());
        assert_eq!(<(u32, u32, u32, u32)>::from(place), own.rect);
        let explained = answer.get::<gst::Structure>("explanation").unwrap();
        let expected = own.explanation.as_ref().unwrap();
        for field in ["target", "contrast", "composite", "words", "default-box"] {
            let text = |structure: &gst::StructureRef| structure.value(field).unwrap().serialize();
            assert_eq!(text(&explained).unwrap(), text(expected).unwrap());
        }
        let sum = |structure: &gst::StructureRef| structure.get::<f64>("sum-abs").unwrap();
        assert!((sum(&explained) / sum(expected) - 1.0).abs() < 1e-3);
        // The message says the same.
        let told = told
            .iter()
            .find(|told| told.get::<i32>("upstream-id") == Ok(id))
            .unwrap();
        assert_eq!(number(told), number(answer));
        assert_eq!(told.name(), "detection");
    }
}

#[test]
fn what_has_no_default_box_is_left_unexplained_and_says_so() {
    let clip = photo("dog");
    let dog = own(&clip)
        .into_iter()
        .find(|region| region.label == "dog")
        .unwrap();
    let theirs = [
        Theirs {
            confidence: Some(0.75),
            ..Theirs::new("forklift", (500, 300, 100, 100))
        },
        Theirs::new("DOG", dog.rect),
        // Where nothing is, and something that it is not.
        Theirs::new("dog", (700, 10, 60, 60)),
        Theirs::new("toothbrush", dog.rect),
        Theirs::new("dog", (9000, 9000, 10, 10)),
        Theirs::new("dog", (10, 10, 0, 10)),
        Theirs::new("dog", (u32::MAX, 0, u32::MAX, u32::MAX)),
        Theirs::new("18", dog.rect),
        Theirs::new("", dog.rect),
    ];
    let mut bench = bench(&[("select", "all")], &clip);
    let out = bench.push(with_regions(&clip.frame(), &theirs));
    let reasons: Vec<Option<String>> = (answers(&out).iter())
        .map(|(_, answer)| answer.as_ref().unwrap().get::<String>("reason").ok())
        .collect();
    let expected = [
        Some("no such class"),
        None,
        Some("not seen"),
        Some("not seen"),
        Some("no place"),
        Some("no place"),
        Some("no place"),
        Some("no such class"),
        Some("no such class"),
    ];
    assert_eq!(reasons, expected.map(|reason| reason.map(str::to_owned)));
    let report = bench.reports().remove(0);
    let told = structures(&report, "detections");
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].get::<String>("label").unwrap(),
        "dog",
        "in any case"
    );
    assert_eq!(explanations(&report).len(), 1);
    let unmatched = structures(&report, "unmatched");
    assert_eq!(unmatched.len(), 8);
    let forklift = &unmatched
        .iter()
        .find(|left| left.get::<String>("label").unwrap() == "forklift");
    let forklift = forklift.unwrap();
    assert_eq!(forklift.get::<i32>("upstream-id").unwrap(), 100);
    assert_eq!(forklift.get::<f64>("upstream-confidence").unwrap(), 0.75);
    assert_eq!(forklift.get::<u32>("x").unwrap(), 500);
    for left in &unmatched {
        let near = left.get::<f64>("overlap").ok();
        let seen = left.get::<String>("reason").unwrap() != "not seen";
        assert!(near.is_none_or(|near| near < 0.5) && near.is_none() == seen);
    }
}

#[test]
fn what_is_left_unexplained_is_drawn_in_dashes_with_a_caption() {
    let clip = photo("dog");
    let drawn = |settings: &[(&str, &str)], theirs: &[Theirs]| {
        let mut bench = bench(settings, &clip);
        let out = bench.push(with_regions(&clip.frame(), theirs));
        let change = difference(&clip.frame(), &out, &clip.info);
        let changed = |(columns, rows): (std::ops::Range<usize>, std::ops::Range<usize>)| {
            let inside = |&(index, &change): &(usize, &u32)| {
                columns.contains(&(index % 768)) && rows.contains(&(index / 768)) && change > 0
            };
            change.iter().enumerate().filter(inside).count()
        };
        // Around the box, and where captions are.
        [changed((490..680, 280..410)), changed((0..400, 530..576))]
    };
    let forklift = [Theirs::new("forklift", (500, 300, 160, 100))];
    let all = drawn(&[], &forklift);
    assert!(all[0] > 1000 && all[1] > 2000, "{all:?}");
    let lines = drawn(&[("draw-labels", "false")], &forklift);
    assert!(lines[0] > 500 && lines[1] == 0, "{lines:?}");
    assert_eq!(drawn(&[], &[]), [0, 0], "nothing was detected");
}

#[test]
fn their_detections_are_selected_picked_and_followed() {
    let clip = photo("dog");
    let mut theirs = as_theirs(&own(&clip));
    let explained = |bench: &mut Bench, theirs: &[Theirs]| {
        let out = bench.push(with_regions(&clip.frame(), theirs));
        let answers = answers(&out).into_iter();
        let answers = answers.filter_map(|(label, answer)| {
            let answer = answer.filter(|answer| answer.has_field("explanation"))?;
            Some((label, answer.get::<u64>("object").unwrap()))
        });
        answers.collect::<Vec<_>>()
    };
    let mut bench = bench(&[], &clip);
    assert_eq!(explained(&mut bench, &theirs)[0].0, "bicycle", "the best");
    let press = NavigationEvent::new_mouse_button_press(1, 580.0, 130.0);
    bench.harness.push_upstream_event(press.build());
    let car = explained(&mut bench, &theirs);
    assert_eq!((car.len(), &car[0].0[..]), (1, "car"));
    // It moves a little, and others come and go.
    theirs.reverse();
    theirs.retain(|region| region.label != "bicycle");
    for region in &mut theirs {
        region.rect.0 += 6;
    }
    assert_eq!(explained(&mut bench, &theirs), car);
    bench.element.set_property_from_str("select-label", "dog");
    bench.element.set_property_from_str("select", "label");
    let escape = NavigationEvent::new_key_press("Escape");
    bench.harness.push_upstream_event(escape.build());
    assert_eq!(explained(&mut bench, &theirs)[0].0, "dog");
    assert_eq!(explained(&mut bench, &[]), []);
    assert!(!bench.reports().is_empty() && bench.warnings().is_empty());
}

#[test]
fn events_and_lines_of_json_tell_whose_detection_it_is() {
    let clip = photo("dog");
    let folder = tempfile::tempdir().unwrap();
    let (results, evidence) = (folder.path().join("r.jsonl"), folder.path().join("events"));
    let settings = [
        ("events", "low-confidence"),
        ("event-low-confidence", "1"),
        ("event-confirm", "0"),
        ("results-location", results.to_str().unwrap()),
        ("events-location", evidence.to_str().unwrap()),
    ];
    let mut bench = bench(&settings, &clip);
    let theirs = as_theirs(&own(&clip));
    bench.push(with_regions(&clip.frame(), &theirs[..1]));
    let reports = bench.reports();
    let event = reports
        .iter()
        .find(|report| report.name() == "ssdcrp-event");
    let event = event.unwrap();
    assert_eq!(event.get::<i32>("upstream-id").unwrap(), 100);
    assert!(event.has_field("explanation"));
    drop(bench);
    let lines = std::fs::read_to_string(results).unwrap();
    assert!(
        lines
            .lines()
            .next()
            .unwrap()
            .contains("\"upstream-id\":100")
    );
    let kept = std::fs::read_to_string(evidence.join("events.jsonl")).unwrap();
    assert!(kept.contains("\"upstream-id\":100") && kept.contains("\"overlap\":0.9"));
}

#[test]
fn answers_stay_with_their_detections_between_looks() {
    let clip = footage();
    let found = {
        let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
        as_theirs(&regions(&bench.push(clip.frame())))
    };
    // Every other frame is looked at.
    let mut bench = bench(&[("detect-interval", "200000000")], &clip);
    let first = bench.push(with_regions(&clip.frames[0], &found));
    let all = |buffer: &gst::BufferRef| {
        let answers = answers(buffer).into_iter();
        answers
            .map(|(_, answer)| answer.map(|answer| answer.get::<u32>("x").unwrap()))
            .collect::<Vec<_>>()
    };
    let answered = all(&first);
    assert!(answered.len() > 3 && answered.iter().all(Option::is_some));
    // In another order, moved, and with a new one.
    let mut next: Vec<Theirs> = found.iter().rev().cloned().collect();
    for region in &mut next {
        region.rect.0 += 2;
    }
    next.push(Theirs::new("person", (0, 0, 20, 20)));
    let second = all(&bench.push(with_regions(&clip.frames[1], &next)));
    assert_eq!(second.last().unwrap(), &None, "it was not looked at yet");
    let before: Vec<_> = answered.into_iter().rev().collect();
    assert_eq!(second[..second.len() - 1], before[..]);
    let third = all(&bench.push(with_regions(&clip.frames[2], &next)));
    assert!(third.iter().all(Option::is_some));
}

#[test]
#[expect(
    unsafe_code,
    reason = "a region without a name is what C code can make, and Rust cannot"
)]
fn a_region_without_a_name_is_none_of_the_classes() {
    let clip = photo("dog");
    let mut bench = bench(&[], &clip);
    let mut frame = clip.frame().copy();
    // SAFETY: the buffer is writable, and 0 is no quark, which the function takes.
    unsafe {
        let buffer = frame.get_mut().unwrap().as_mut_ptr();
        gst_video::ffi::gst_buffer_add_video_region_of_interest_meta_id(buffer, 0, 9, 9, 90, 90);
    }
    bench.push(frame);
    let left = structures(&bench.reports()[0], "unmatched");
    assert_eq!(left[0].get::<String>("label").unwrap(), "");
    assert_eq!(left[0].get::<String>("reason").unwrap(), "no such class");
}

#[test]
fn a_second_element_explains_what_the_first_one_found() {
    init();
    let photo = cached("photos/dog.jpg");
    let line = format!(
        "filesrc location={} ! jpegdec ! videoconvert ! ssdcrp mode=every-frame draw-boxes=false draw-labels=false draw-heatmap=false ! \
         ssdcrp mode=every-frame detections=upstream select=all ! appsink name=sink sync=false",
        photo.display()
    );
    let (_, buffers) = pull(&line, 1);
    let metas = buffers[0].iter_meta::<VideoRegionOfInterestMeta>();
    let mut count = 0;
    for meta in metas {
        let detection = meta.param("detection").unwrap();
        let answer = meta.param("ssdcrp-match").unwrap();
        let confidence: f64 = detection.get("confidence").unwrap();
        let told: f64 = answer.get("upstream-confidence").unwrap();
        assert!((confidence - told).abs() < 1e-6);
        count += usize::from(answer.has_field("explanation"));
    }
    assert!(count >= 3);
}

#[test]
fn a_region_has_one_answer_that_of_the_last_element() {
    let clip = footage();
    let found = {
        let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
        as_theirs(&regions(&bench.push(clip.frame())))
    };
    let answered_before = |frame: &gst::Buffer, regions: &[Theirs]| {
        let mut frame = with_regions(frame, regions);
        let buffer = frame.get_mut().unwrap();
        for mut region in buffer.iter_meta_mut::<VideoRegionOfInterestMeta>() {
            for name in ["ssdcrp-match", "somebody-else", "ssdcrp-match"] {
                let before = gst::Structure::builder(name).field("model", "another");
                region.add_param(before.build());
            }
        }
        frame
    };
    // Every other frame is looked at.
    let mut bench = bench(&[("detect-interval", "200000000")], &clip);
    let mut more = found.clone();
    more.push(Theirs::new("person", (0, 0, 20, 20)));
    for (frame, regions) in clip.frames.iter().zip([&found, &more]) {
        let out = bench.push(answered_before(frame, regions));
        let answers = out.iter_meta::<VideoRegionOfInterestMeta>().map(|region| {
            let other = region.param("somebody-else").unwrap();
            assert_eq!(other.get::<String>("model").unwrap(), "another");
            let params = region.params();
            let answers = params.filter(|param| param.name() == "ssdcrp-match");
            let models = answers.map(|answer| answer.get::<String>("model").unwrap());
            models.collect::<Vec<_>>()
        });
        let answers: Vec<Vec<String>> = answers.collect();
        assert_eq!(answers.len(), regions.len());
        let own = ["ssdlite_mobilenet_v2_coco"];
        for answer in &answers[..found.len()] {
            assert_eq!(answer[..], own);
        }
        // What is new was not looked at yet.
        assert!(answers[found.len()..].iter().all(Vec::is_empty));
    }
}

#[test]
fn of_a_label_that_is_too_long_its_beginning_is_told() {
    let clip = photo("dog");
    let mut bench = bench(&[], &clip);
    let long = "dog ".repeat(50_000);
    let regions = [Theirs::new(&long, (100, 100, 300, 300))];
    bench.push(with_regions(&clip.frame(), &regions));
    let left = structures(&bench.reports()[0], "unmatched").remove(0);
    assert_eq!(left.get::<String>("reason").unwrap(), "no such class");
    let label: String = left.get("label").unwrap();
    assert_eq!(label, format!("{}…", &long[..1000]));
}

#[test]
fn of_very_many_regions_the_first_are_looked_at() {
    let clip = photo("dog");
    let dog = own(&clip)
        .into_iter()
        .find(|region| region.label == "dog")
        .unwrap();
    let theirs = vec![Theirs::new("dog", dog.rect); 5000];
    let mut bench = bench(&[("select", "all")], &clip);
    let out = bench.push(with_regions(&clip.frame(), &theirs));
    let answers = answers(&out);
    assert_eq!(answers.len(), 5000);
    for (index, (_, answer)) in answers.iter().enumerate() {
        assert_eq!(answer.is_some(), index < 300, "{index}");
    }
    let told = bench.reports().remove(0);
    assert_eq!(structures(&told, "detections").len(), 300);
    assert_eq!(explanations(&told).len(), 4);
}
