//! The monitor on a film that is made of photos: a slow pan and zoom, the same events at every run, and none where the detector is right.
//!
//! Needs ONNX Runtime and the photos, both of which `make test` puts into the cache.

mod cache;
mod film;

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use ssdcrp::detect::{Detector, Model, Thresholds, preprocess};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::Tracker;
use ssdcrp::stream::monitor::{Event, EventKind, EventThresholds, Monitor};

use cache::cached;

fn photo(name: &str) -> RgbImage {
    let path = cached(&format!("photos/{name}"));
    let photo = image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    photo.into_rgb8()
}

/// Ten frames a second, one photo after the other.
fn watch(names: &[&str]) -> (Arc<Model>, Vec<Event>) {
    let model = Arc::new(Model::built_in().unwrap());
    let mut detector = Detector::new(model.clone(), SessionOptions::on_threads(1)).unwrap();
    let thresholds = Thresholds::from(&model.manifest.detection);
    let settings = EventThresholds::default();
    let (mut tracker, mut monitor) = (Tracker::default(), Monitor::default());
    let mut events = Vec::new();
    let mut time = Duration::ZERO;
    for name in names {
        let photo = photo(name);
        for index in 0..film::FRAMES {
            let frame = film::frame(&photo, index);
            let input =
                preprocess::sample(&frame, model.input_size, &model.manifest.input).unwrap();
            let forward = detector.forward(input).unwrap();
            let detections = detector.detections(&forward, thresholds).unwrap();
            let tracked = tracker.follow(detections, Some(time));
            events.extend(monitor.observe(&settings, time, &tracked));
            time += Duration::from_millis(100);
        }
    }
    (model, events)
}

#[test]
fn a_film_of_the_known_errors_raises_their_questions_at_every_run() {
    let film = ["person.jpg", "eagle.jpg", "horses.jpg"];
    let (model, events) = watch(&film);
    let said: Vec<String> = events
        .iter()
        .map(|event| {
            let seconds = event.time.as_secs_f64();
            format!("{seconds:.1} {}", event.words(&model.manifest.labels))
        })
        .collect();
    for words in [
        "sheep, or horse?",
        "cow, or horse?",
        "one box of horse over two objects",
    ] {
        assert!(
            said.iter().any(|line| line.ends_with(words)),
            "{words} in {said:?}"
        );
    }
    let sheep = events
        .iter()
        .find(|event| event.finding.kind() == EventKind::AmbiguousClass);
    let target = &sheep.unwrap().target;
    let labels = &model.manifest.labels;
    assert_eq!(target.output.text(labels), "class:20");
    assert_eq!(target.contrast.as_ref().unwrap().text(labels), "class:19");
    // The eagle is nothing but a bird all the time, and it is in the picture from 4 to 8 seconds.
    let clean = events
        .iter()
        .filter(|event| (4.0..8.0).contains(&event.time.as_secs_f64()));
    assert_eq!(clean.count(), 0, "{said:?}");
    assert_eq!(watch(&film).1, events);
}
