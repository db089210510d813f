//! Explanations say what they are worth, where that is switched on; those of events always do.

use std::time::Duration;

use gst::prelude::*;

use super::support::*;

const FIELDS: [&str; 3] = ["effect", "effect-of-chance", "checked"];
const CHECKED: [(&str, &str); 2] = [("mode", "every-frame"), ("check-explanations", "true")];

fn is_checked(explanation: &gst::StructureRef) -> bool {
    let there = FIELDS.map(|field| explanation.has_field(field));
    assert!(there == [true; 3] || there == [false; 3], "{explanation}");
    there[0]
}

/// Pushes the photo as frames of these times, in tenths of a second.
fn pushed(bench: &mut Bench, clip: &Clip, tenths: &[u64]) -> Vec<gst::Buffer> {
    let frames = tenths.iter().map(|&tenths| {
        let mut frame = clip.frame();
        stamp(frame.make_mut(), tenths);
        bench.push(frame)
    });
    frames.collect()
}

#[test]
fn messages_metas_and_lines_have_the_same_three_numbers_once_in_a_second() {
    let clip = photo("dog");
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("results.jsonl");
    let location = [("results-location", lines.to_str().unwrap())];
    let mut bench = Bench::new(&[&CHECKED[..], &location].concat(), &clip);
    let frames = pushed(&mut bench, &clip, &[0, 5, 10, 19, 20]);
    let reports = bench.reports();
    let told: Vec<gst::Structure> = (reports.iter())
        .map(|report| explanations(report).remove(0))
        .collect();
    let checked: Vec<bool> = told.iter().map(|told| is_checked(told)).collect();
    assert_eq!(checked, [true, false, true, false, true]);
    assert_eq!(bench.count("checks"), 3);
    assert_eq!(bench.count("explanations"), 5);
    let text = std::fs::read_to_string(&lines).unwrap();
    for ((told, frame), line) in told.iter().zip(&frames).zip(text.lines()) {
        let regions = regions(frame);
        let meta = regions.iter().find_map(|region| region.explanation.clone());
        assert_eq!(meta.as_ref(), Some(told));
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let written = &line["explanations"][0];
        if is_checked(told) {
            for field in &FIELDS[..2] {
                let number: f64 = told.get(*field).unwrap();
                assert!((written[*field].as_f64().unwrap() - number).abs() < 1e-9);
            }
            let passed: bool = told.get("checked").unwrap();
            assert_eq!(written["checked"], passed);
            // Without the best part of the bicycle it is less of one.
            assert!(passed && told.get::<f64>("effect").unwrap() > 0.0, "{told}");
        }
    }
}

#[test]
fn the_same_frames_give_the_same_pictures_and_the_caption_says_more() {
    let clip = photo("dog");
    let drawn =
        |settings: &[(&str, &str)]| pushed(&mut Bench::new(settings, &clip), &clip, &[0, 5]);
    let checked = drawn(&CHECKED);
    // The second frame says what the first one found.
    for (frame, again) in checked.iter().zip(drawn(&CHECKED)) {
        assert!(same_bytes(frame, &again));
    }
    assert!(same_bytes(&checked[0], &checked[1]));
    let unchecked = drawn(&CHECKED[..1]);
    let words = difference(&checked[0], &unchecked[0], &clip.info);
    let (width, height) = (clip.info.width() as usize, clip.info.height() as usize);
    assert!(words.iter().any(|&change| change > 0));
    // At the foot of the frame alone.
    assert!(
        words[..width * height / 2]
            .iter()
            .all(|&change| change == 0)
    );
}

#[test]
fn a_map_that_does_no_better_than_chance_is_paler() {
    let clip = photo("person");
    // What tells this sheep from a horse lies all over it: a small part taken away changes little.
    let settings = [
        ("composite", "crp"),
        ("select", "label"),
        ("select-label", "sheep"),
        ("target", "class:sheep"),
        ("contrast", "class:horse"),
        ("draw-boxes", "false"),
        ("draw-labels", "false"),
    ];
    let drawn = |check: &[(&str, &str)]| {
        let mut bench = Bench::new(&[check, &settings].concat(), &clip);
        let frame = pushed(&mut bench, &clip, &[0]).remove(0);
        let told = explanations(&bench.reports()[0]).remove(0);
        let changes = difference(&clip.frame(), &frame, &clip.info);
        (told, changes.iter().map(|&c| u64::from(c)).sum::<u64>())
    };
    let (told, checked) = drawn(&CHECKED);
    assert_eq!(told.get::<bool>("checked"), Ok(false), "{told}");
    let (_, unchecked) = drawn(&CHECKED[..1]);
    assert!(
        checked < unchecked * 3 / 4 && checked > unchecked / 8,
        "{checked} of {unchecked}"
    );
}

#[test]
fn what_events_ask_is_checked_though_nothing_else_is() {
    let clip = photo("person");
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    let settings = [
        ("mode", "every-frame"),
        ("events", "ambiguous-class"),
        ("event-confirm", "0"),
        ("events-location", evidence.to_str().unwrap()),
    ];
    let mut bench = Bench::new(&settings, &clip);
    bench.push(clip.frame());
    let reports = bench.reports();
    assert!(!is_checked(&explanations(&reports[0])[0]));
    let answer: gst::Structure = reports[1].get("explanation").unwrap();
    assert!(is_checked(&answer));
    bench.element.set_state(gst::State::Null).unwrap();
    let records = ssdcrp::stream::evidence::Records::read(&evidence).unwrap();
    let kept = &records.records[0].event.rest["explanation"];
    for field in &FIELDS[..2] {
        assert_eq!(kept[*field].as_f64(), answer.get(*field).ok());
    }
    assert_eq!(kept["checked"].as_bool(), answer.get("checked").ok());
    assert!(
        kept["check"]
            .as_str()
            .unwrap()
            .contains("without the red, ")
    );
    let fed = records.records[0].fed.as_ref().unwrap();
    assert!(image::open(evidence.join(fed)).unwrap().width() > 0);
}

#[test]
fn in_live_mode_the_message_comes_with_the_check() {
    let clip = photo("dog");
    let mut bench = Bench::new(&CHECKED[1..], &clip);
    for _ in 0..6000 {
        bench.push(clip.frame());
        let mut told = bench.reports().into_iter().flat_map(|r| explanations(&r));
        if let Some(first) = told.next() {
            assert!(is_checked(&first));
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing was explained");
}
