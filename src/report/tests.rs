//! The report as a whole, on a small network.

use std::path::Path;
use std::sync::Arc;

use image::{Rgb, RgbImage};

use super::forward_passes::ForwardPasses;
use super::*;
use crate::crp::Composite;
use crate::detect::{Model, Thresholds};
use crate::limits::MOST_FORWARD_BYTES;
use crate::runtime::SessionOptions;
use crate::stream::monitor::EventThresholds;
use crate::truth::Truth;

const SHADES: [u8; 2] = [40, 200];

fn photo(shade: u8) -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| {
        Rgb([shade, (x * y % 251) as u8, (x * 7 % 256) as u8])
    })
}

fn again(index: usize) -> Option<RgbImage> {
    SHADES.get(index).map(|&shade| photo(shade))
}

fn source(shade: u8) -> PhotoSource {
    PhotoSource {
        name: shade.to_string(),
        ..PhotoSource::default()
    }
}

/// A reporter that shows and explains `most` objects.
fn reporter(most: usize) -> Reporter {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolo/yolo.onnx");
    let options = ReportOptions {
        thresholds: Thresholds {
            score: 0.3,
            iou: 0.3,
        },
        monitor: EventThresholds::for_stills(),
        what_if: vec![],
        truth: None,
        check: true,
        most,
        explain: most,
        errors_only: false,
    };
    let model = Arc::new(Model::open(file).unwrap());
    let session = SessionOptions::on_threads(1);
    Reporter::new(model, Composite::default(), session, options).unwrap()
}

/// The report about two photos.
fn report(mut reporter: Reporter, again: impl Fn(usize) -> Option<RgbImage>) -> FinishedReport {
    for shade in SHADES {
        reporter.look(source(shade), &photo(shade), &[]).unwrap();
    }
    assert!(
        reporter
            .photos
            .iter()
            .all(|photo| !photo.objects.is_empty())
    );
    let all = &mut |_: &str| true;
    reporter.explain(again, PagePictures::Within, all).unwrap()
}

/// The page about two photos, of which forward passes of `most` bytes are kept.
fn page(most: usize, again: impl Fn(usize) -> Option<RgbImage>) -> String {
    let mut reporter = reporter(500);
    reporter.forward_passes = ForwardPasses::of_at_most(most);
    report(reporter, again).page.html().unwrap()
}

#[test]
fn a_page_is_the_same_whether_forward_passes_were_kept_or_not() {
    let kept = page(MOST_FORWARD_BYTES, again);
    assert!(!kept.contains("could not be explained"));
    assert!(page(0, again) == kept);
    let changed = page(MOST_FORWARD_BYTES, |_| Some(photo(40)));
    assert!(changed.contains("the photo has changed since it was looked at"));
    assert!(page(0, |_| None).contains("the photo cannot be read again"));
}

#[test]
fn what_an_earlier_run_has_seen_gives_the_same_report() {
    let mut earlier = reporter(500);
    let seen = SHADES.map(|shade| earlier.look(source(shade), &photo(shade), &[]).unwrap());
    let mut later = reporter(500);
    for (shade, seen) in SHADES.into_iter().zip(seen) {
        assert!(seen.is_finite());
        let kept = serde_json::to_string(&seen).unwrap();
        let read: PhotoDetections = serde_json::from_str(&kept).unwrap();
        assert_eq!(read, seen);
        later.recall(source(shade), &read, &[]).unwrap();
    }
    let [earlier, later] = [earlier, later].map(|reporter| {
        let all = &mut |_: &str| true;
        reporter.explain(again, PagePictures::Within, all).unwrap()
    });
    assert!(earlier.page.html().unwrap() == later.page.html().unwrap());
    let [earlier, later] = [earlier, later].map(|it| serde_json::to_value(it.record).unwrap());
    assert_eq!(earlier, later);
}

#[test]
fn what_comes_first_is_shown_and_all_is_recorded() {
    let whole = report(reporter(500), again).record;
    assert!(whole.objects > 2 && whole.explained == whole.objects);
    assert!(
        whole
            .items
            .iter()
            .all(|item| item.explained && item.card.is_some())
    );
    let part = report(reporter(2), again);
    assert_eq!(part.record.items.len(), whole.items.len());
    let shown: Vec<bool> = part
        .record
        .items
        .iter()
        .map(|item| item.card.is_some())
        .collect();
    assert_eq!(shown.iter().filter(|shown| **shown).count(), 2);
    assert!(shown[..2].iter().all(|shown| *shown));
    let page = part.page.html().unwrap();
    assert_eq!(page.matches("<article").count(), 2);
    let left_out = format!("{} of {} objects", whole.objects - 2, whole.objects);
    assert!(page.contains(&left_out), "{left_out}");
}

#[test]
fn where_nothing_looks_wrong_failed_checks_and_low_scores_come_first() {
    let mut reporter = reporter(500);
    reporter.options.monitor = EventThresholds {
        ambiguous_class: None,
        fragment: None,
        merge: None,
        low_confidence: None,
        ..EventThresholds::for_stills()
    };
    let items = report(reporter, again).record.items;
    assert!(items.len() > 2 && items.iter().all(|item| item.events.is_empty()));
    let passed = |item: &ReportItem| item.check.as_ref().unwrap().passed;
    assert!(
        items.is_sorted_by_key(|item| (passed(item), item.score)),
        "{items:?}"
    );
}

#[test]
fn what_was_seen_with_another_model_is_not_taken() {
    let mut reporter = reporter(500);
    let seen = reporter.look(source(40), &photo(40), &[]).unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    for (pointer, number) in [
        ("/detections/0/default-box", 99_999),
        ("/detections/0/class", 99),
        ("/detections/0/runner-up/0", 99),
        ("/detections/0/top/0/0", 99),
    ] {
        let mut other = seen.clone();
        *other.pointer_mut(pointer).unwrap() = number.into();
        let other: PhotoDetections = serde_json::from_value(other).unwrap();
        let error = reporter.recall(source(40), &other, &[]).unwrap_err();
        assert!(error.to_string().starts_with("there is no "), "{error}");
    }
    assert_eq!(reporter.photos.len(), 1);
}

#[test]
fn a_missed_object_whose_photo_is_gone_is_not_explained() {
    let annotations = r#"{"images": [{"id": 1, "file_name": "40.png", "width": 96, "height": 64}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 4], "iscrowd": 0}],
        "categories": [{"id": 7, "name": "horse"}]}"#;
    let missed = |explain: usize, again: fn(usize) -> Option<RgbImage>| {
        let mut reporter = reporter(500);
        let mut truth = Truth::default();
        let labels = &reporter.model.manifest.labels;
        truth.add_text(annotations, None, labels).unwrap();
        reporter.options.truth = Some(truth);
        reporter.options.explain = explain;
        let source = PhotoSource {
            annotated_file: Some("40.png".into()),
            ..source(40)
        };
        reporter.look(source, &photo(40), &[]).unwrap();
        let all = &mut |_: &str| true;
        let report = reporter.explain(again, PagePictures::Within, all).unwrap();
        let page = report.page.html().unwrap();
        let mut items = report.record.items.into_iter();
        let item = items.find(|item| item.item == "missed").unwrap();
        let is_said = page.contains("This could not be explained: the photo cannot be read again");
        (item.explained, item.reason.is_some(), is_said)
    };
    assert_eq!(missed(500, again), (true, true, false));
    assert_eq!(missed(500, |_| None), (false, false, true));
    assert_eq!(missed(0, |_| None), (false, false, true));
    assert_eq!(missed(0, again), (false, false, false));
}

#[test]
fn what_is_not_begun_is_shown_without_explanations() {
    let mut asked = 0;
    // Nobody is asked again after a no.
    let mut two = |_: &str| {
        asked += 1;
        asked != 3
    };
    let mut reporter = reporter(500);
    for shade in SHADES {
        reporter.look(source(shade), &photo(shade), &[]).unwrap();
    }
    let objects = reporter.objects();
    assert_eq!(reporter.shown(), [objects, objects]);
    let report = reporter
        .explain(again, PagePictures::Within, &mut two)
        .unwrap();
    assert_eq!(report.record.explained, 2);
    assert!(report.record.interrupted);
    let page = report.page.html().unwrap();
    assert_eq!(page.matches("<article").count(), objects);
    let words = format!("interrupted: {} explanations were not made", objects - 2);
    assert!(page.contains(&words), "{words}");
    let because = |words: &str| page.matches(words).count();
    assert_eq!(
        because("Not explained: the run was interrupted."),
        objects - 2
    );
    assert_eq!(because("others look more wrong"), 0);
    assert!(page.contains("2 are explained; the run was interrupted before the others."));
    assert_eq!(asked, 3);
}

#[test]
fn pictures_beside_the_page_are_those_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut reporter = reporter(500);
    for shade in SHADES {
        reporter.look(source(shade), &photo(shade), &[]).unwrap();
    }
    let pictures = PagePictures::beside(folder.path(), "a-files");
    let beside = reporter
        .explain(again, pictures, &mut |_: &str| true)
        .unwrap();
    let beside = beside.page.html().unwrap();
    assert!(!beside.contains("data:"), "all pictures are files");
    let sources: Vec<&str> = beside
        .split("src=\"./a-files/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let within = page(MOST_FORWARD_BYTES, again);
    // A page that has its photos itself has them in its style, and not in every tile.
    assert!(sources.len() > within.matches("src=\"data:").count());
    for name in sources {
        assert!(is_page_picture(name), "{name}");
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    assert!(10 * beside.len() < 9 * within.len());
}
