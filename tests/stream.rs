//! A session at work without GStreamer: one model, several streams, photos as frames.
//!
//! Needs ONNX Runtime and the photos, both of which `make test` puts into the cache.

mod cache;
mod patience;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use image::RgbImage;
use ndarray::Array2;

use ssdcrp::detect::{Model, Thresholds, preprocess};
use ssdcrp::overlay::Canvas;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::evidence::{self, Store};
use ssdcrp::stream::monitor::EventThresholds;
use ssdcrp::stream::selection::{Selection, SelectionRule};
use ssdcrp::stream::settings::{DisplaySettings, HeatmapPlace, QuestionSettings, StreamSettings};
use ssdcrp::stream::{
    ExplainedObject, FrameInfo, FrameTime, Host, News, Observation, Pacing, Session,
    SharedSessions, Stream, StreamFrame, UpstreamDetection, View, Zones,
};
use ssdcrp::{Error, ErrorKind, Result};

use cache::cached;
use patience::{PATIENCE, until};

/// Notes what is told, and keeps what is explained.
#[derive(Default)]
struct Notes {
    texts: Arc<Mutex<Vec<String>>>,
    explained: Arc<Mutex<Vec<Arc<ExplainedObject>>>>,
    /// Those of events.
    answers: Arc<Mutex<Vec<ExplainedObject>>>,
    /// The last that was drawn.
    drawn: Arc<Mutex<Option<Canvas>>>,
    /// Whether it panics when it is given something to show.
    panics: Arc<AtomicBool>,
    hang: Arc<Mutex<Option<Hang>>>,
}

/// Where a host hangs once, as before a disk that does not answer: it says that it does, and goes on when nobody holds the other end any more.
struct Hang {
    place: HangPlace,
    hangs: Sender<()>,
    end: Receiver<()>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum HangPlace {
    Overlay,
    Evidence,
}

impl Notes {
    fn hang_at(&self, place: HangPlace) {
        let hang = self
            .hang
            .lock()
            .unwrap()
            .take_if(|hang| hang.place == place);
        if let Some(hang) = hang {
            hang.hangs.send(()).unwrap();
            let _ = hang.end.recv();
        }
    }
}

impl Host for Notes {
    type Picture = ();
    type Prepared = Option<Canvas>;

    fn prepare(&self, _: &View, canvas: Option<Canvas>) -> ssdcrp::Result<Option<Canvas>> {
        assert!(!self.panics.load(Ordering::Relaxed), "out of paint");
        self.hang_at(HangPlace::Overlay);
        (*self.drawn.lock().unwrap()).clone_from(&canvas);
        Ok(canvas)
    }

    fn picture(&self, (): &(), _: &Observation) -> ssdcrp::Result<RgbImage> {
        self.hang_at(HangPlace::Evidence);
        Err(Error::other("nobody keeps pictures here"))
    }

    fn clock(&self) -> String {
        String::new()
    }

    fn tell(&self, news: News) {
        let note = match news {
            News::Frame {
                explained, events, ..
            } => {
                self.explained.lock().unwrap().extend_from_slice(explained);
                let explained = explained.iter().map(|e| e.question.wording.to_string());
                let explained: Vec<String> = explained.collect();
                format!("frame: {}, {} events", explained.join("; "), events.len())
            }
            News::Event { explained, .. } => {
                self.answers.lock().unwrap().extend(explained.cloned());
                let wording = explained.map(|explained| explained.question.wording.to_string());
                format!("event: {}", wording.unwrap_or_default())
            }
            News::Missing { explained, .. } => format!("missing: {}", explained.question.wording),
            News::EvidenceKept { record, .. } => format!("kept: {}", record.frame),
            News::Unexplained(error) => format!("{error:#}"),
            News::EvidenceLeftOut { event, why } => format!("event {}: {why:?}", event.number),
        };
        self.texts.lock().unwrap().push(note);
    }
}

struct Watched {
    model: Arc<Model>,
    stream: Stream<Notes>,
    notes: Arc<Mutex<Vec<String>>>,
    explained: Arc<Mutex<Vec<Arc<ExplainedObject>>>>,
    answers: Arc<Mutex<Vec<ExplainedObject>>>,
    drawn: Arc<Mutex<Option<Canvas>>>,
    panics: Arc<AtomicBool>,
    hang: Arc<Mutex<Option<Hang>>>,
    settings: StreamSettings,
}

impl Watched {
    fn of(session: &Arc<Session<Notes>>) -> Self {
        Self::with(session, None)
    }

    /// The same, with a place for evidence.
    fn with(session: &Arc<Session<Notes>>, store: Option<Store>) -> Self {
        let host = Notes::default();
        let (notes, explained) = (host.texts.clone(), host.explained.clone());
        let (answers, panics) = (host.answers.clone(), host.panics.clone());
        let (drawn, hang) = (host.drawn.clone(), host.hang.clone());
        let model = session.model().clone();
        Self {
            stream: session.stream(host, store).unwrap(),
            settings: StreamSettings {
                thresholds: Thresholds::from(&model.manifest.detection),
                question: QuestionSettings::default(),
                selection: Some(Selection {
                    rule: SelectionRule::Best,
                    most: 1,
                    ..Selection::default()
                }),
                explain_interval: Duration::ZERO,
                check: false,
                events: Some(EventThresholds::for_stills()),
                zones: Zones::default(),
                display: DisplaySettings::default(),
            },
            model,
            notes,
            explained,
            answers,
            drawn,
            panics,
            hang,
        }
    }

    fn look(&self, name: &str) -> Result<()> {
        self.look_at(name, None)
    }

    /// As a frame of this running time.
    fn look_at(&self, name: &str, running_time: Option<Duration>) -> Result<()> {
        self.stream.look(self.frame(name, running_time)?)
    }

    fn frame(&self, name: &str, running_time: Option<Duration>) -> Result<StreamFrame<()>> {
        let photo = image::open(cached(&format!("photos/{name}.jpg"))).unwrap();
        let photo = photo.into_rgb8();
        let input = preprocess::sample(&photo, self.model.input_size, &self.model.manifest.input)?;
        Ok(StreamFrame {
            info: FrameInfo {
                time: FrameTime {
                    running_time,
                    ..FrameTime::default()
                },
                size: photo.dimensions().into(),
                pixel_aspect: 1.0,
                epoch: self.stream.epoch(),
            },
            input: Box::new(|| Ok(input)),
            settings: Arc::new(self.settings.clone()),
            late: false,
            picture: None,
        })
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }
}

fn session(pacing: Pacing) -> Arc<Session<Notes>> {
    let model = Arc::new(Model::built_in().unwrap());
    Session::start(model, pacing, SessionOptions::on_threads(1), None).unwrap()
}

#[test]
fn every_frame_shows_its_own_result() -> Result<()> {
    let watched = Watched::of(&session(Pacing::EveryFrame));
    assert!(watched.stream.shown()?.is_none());
    watched.look("person")?;
    let shown = watched.stream.shown()?.unwrap();
    assert!(shown.explained.is_some() && shown.prepared.is_some());
    let notes = watched.notes();
    assert_eq!(
        notes,
        [
            "frame: person rather than the other classes, 1 events",
            "event: sheep rather than horse"
        ]
    );
    watched.look("eagle")?;
    assert!(watched.stream.shown()?.unwrap().number > shown.number);
    assert_eq!(watched.notes().len(), 1);
    let stats = watched.stream.stats();
    assert_eq!((stats.detected, stats.explained, stats.events), (2, 3, 1));
    Ok(())
}

#[test]
fn detections_of_somebody_else_take_the_place_of_own_ones() -> Result<()> {
    let mut watched = Watched::of(&session(Pacing::EveryFrame));
    watched.settings.events = None;
    let detected = |id, label: &str, rect: [f32; 4]| UpstreamDetection {
        id,
        label: label.to_owned(),
        confidence: Some(0.25),
        rect: rect.into(),
    };
    // The dog in the photo, roughly, and what no network of COCO knows.
    let upstream = vec![
        detected(7, "forklift", [0.1, 0.1, 0.3, 0.3]),
        detected(8, "dog", [0.17, 0.4, 0.41, 0.93]),
    ];
    watched
        .stream
        .look_at_detected(watched.frame("dog", None)?, upstream)?;
    assert_eq!(
        watched.notes(),
        ["frame: dog rather than the other classes, 0 events"]
    );
    let explained = watched.explained.lock().unwrap().pop().unwrap();
    let found = explained.tracked.upstream.as_ref().unwrap();
    assert_eq!(
        (found.upstream.id, found.upstream.confidence),
        (8, Some(0.25))
    );
    assert!((0.5..1.0).contains(&found.overlap), "{found:?}");
    assert_eq!(explained.tracked.detection.rect, found.upstream.rect);
    assert!(explained.tracked.detection.score > 0.5);
    let shown = watched.stream.shown()?.unwrap();
    assert_eq!(shown.objects.len(), 1, "what can be picked");
    // Own detections again, of which the dog stays the one that is explained.
    watched.look("dog")?;
    let explained = watched.explained.lock().unwrap().pop().unwrap();
    assert_eq!(explained.tracked.upstream, None);
    assert!(watched.stream.shown()?.unwrap().objects.len() > 2);
    Ok(())
}

#[test]
fn a_name_has_one_session_for_as_long_as_somebody_has_it() -> Result<()> {
    let shared = SharedSessions::<Notes, u32>::default();
    let get = |by: &str, wanted: u32| {
        shared.get_or_start("cars", &by, &wanted, || {
            Ok::<_, Error>(session(Pacing::EveryFrame))
        })
    };
    let first = get("first", 1).unwrap()?;
    let second = get("second", 1).unwrap()?;
    assert!(Arc::ptr_eq(&first, &second));
    let other = get("third", 2).err().expect("others want something else");
    assert_eq!((&other.by[..], other.wanted), ("first", 1));
    // The first one goes, with a stream that has work; the other goes on.
    let watched = Watched::of(&first);
    drop(first);
    watched.look("eagle")?;
    drop(watched);
    Watched::of(&second).look("eagle")?;
    drop(second);
    let third = get("third", 2).unwrap()?;
    assert!(get("first", 1).is_err() && third.model().manifest.name.starts_with("ssdlite"));
    // What cannot be started is nobody's.
    let failed = shared.get_or_start("ships", &"fourth", &1, || Err(Error::other("no harbour")));
    assert!(failed.unwrap().is_err());
    let started = shared.get_or_start("ships", &"fifth", &2, || Ok::<_, Error>(third.clone()));
    assert!(started.unwrap().is_ok());
    Ok(())
}

#[test]
fn streams_share_a_session_and_keep_apart() -> Result<()> {
    let session = session(Pacing::Live);
    let streams = ["person", "eagle"].map(|name| (name, Watched::of(&session)));
    for (name, watched) in &streams {
        watched.look(name)?;
    }
    for (name, watched) in &streams {
        watched.stream.settle(Duration::MAX)?;
        let notes = watched.notes();
        assert!(notes[0].starts_with("frame: , "), "{name}: {notes:?}");
        let subject = if *name == "eagle" { "bird" } else { "person" };
        let explained = format!("frame: {subject} rather than the other classes, 0 events");
        assert!(notes.contains(&explained), "{name}: {notes:?}");
        assert!(watched.stream.shown()?.unwrap().explained.is_some());
    }
    Ok(())
}

#[test]
fn a_composite_can_change_between_frames_and_streams() -> Result<()> {
    let session = session(Pacing::EveryFrame);
    let (mut first, mut second) = (Watched::of(&session), Watched::of(&session));
    let explained = |watched: &mut Watched, composite: &str| -> Result<_> {
        watched.settings.question.composite = Some(composite.parse()?);
        watched.look("person")?;
        let explained = watched.explained.lock().unwrap().pop().unwrap();
        assert_eq!(explained.composite.name, composite);
        Ok(explained.map.clone())
    };
    let features = explained(&mut first, "crp-features")?;
    let pixels = explained(&mut second, "crp")?;
    // Alike but for rounding: which tensors are handed over changes how ONNX Runtime joins nodes.
    let alike = |a: &Array2<f32>, b: &Array2<f32>| (a - b).iter().all(|d| d.abs() < 1e-4);
    assert!(!alike(&features, &pixels));
    let mut alone = Watched::of(&self::session(Pacing::EveryFrame));
    assert!(alike(&explained(&mut alone, "crp")?, &pixels));
    // Back and forth, and by what goes on from further tensors.
    assert!(alike(&explained(&mut first, "crp")?, &pixels));
    assert!(alike(&explained(&mut second, "crp-features")?, &features));
    let further = "high=epsilon:0.1std,low=spread";
    assert!(!alike(&explained(&mut first, further)?, &features));
    assert!(alike(&explained(&mut first, "crp-features")?, &features));
    Ok(())
}

#[test]
fn after_a_flush_nothing_of_before_is_told_or_shown() -> Result<()> {
    let watched = Watched::of(&session(Pacing::Live));
    watched.look("person")?;
    watched.stream.flush();
    let error = watched.look("person").unwrap_err();
    assert!(
        error.kind() == ErrorKind::Cancelled,
        "no frames between start and end"
    );
    let error = watched.stream.settle(Duration::MAX).unwrap_err();
    assert!(error.kind() == ErrorKind::Cancelled);
    watched.notes();
    watched.stream.resume();
    assert!(watched.stream.shown()?.is_none());
    watched.look("eagle")?;
    watched.stream.settle(Duration::MAX)?;
    let notes = watched.notes();
    assert!(
        notes.iter().all(|note| !note.contains("person")),
        "{notes:?}"
    );
    assert_eq!(watched.stream.shown()?.unwrap().frame.epoch, 1);
    Ok(())
}

#[test]
fn a_question_without_an_answer_is_told_once_and_nothing_is_explained() -> Result<()> {
    let mut watched = Watched::of(&session(Pacing::EveryFrame));
    watched.settings.events = None;
    watched.settings.question.output = Some("objectness".parse()?);
    for _ in 0..2 {
        watched.look("eagle")?;
    }
    let notes = watched.notes();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("objectness"), "{notes:?}");
    assert_eq!(notes[1..], ["frame: , 0 events"; 2]);
    Ok(())
}

#[test]
fn a_panic_of_a_thread_is_an_error_and_the_next_frame_is_looked_at() -> Result<()> {
    for pacing in [Pacing::EveryFrame, Pacing::Live] {
        let watched = Watched::of(&session(pacing));
        watched.panics.store(true, Ordering::Relaxed);
        let outcome = watched.look("eagle").and_then(|()| {
            watched.stream.settle(Duration::MAX)?;
            watched.stream.shown().map(drop)
        });
        let error = outcome.unwrap_err();
        assert!(error.kind() == ErrorKind::Internal, "{error:#}");
        assert!(format!("{error:#}").contains("out of paint"), "{error:#}");
        watched.panics.store(false, Ordering::Relaxed);
        watched.look("eagle")?;
        watched.stream.settle(Duration::MAX)?;
        assert!(watched.stream.shown()?.is_some());
    }
    Ok(())
}

#[test]
fn a_stream_that_ends_does_not_wait_for_who_hangs() -> Result<()> {
    for (pacing, place) in [
        (Pacing::Live, HangPlace::Overlay),
        (Pacing::Live, HangPlace::Evidence),
        (Pacing::EveryFrame, HangPlace::Evidence),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let session = session(pacing);
        let limits = evidence::Limits {
            bytes: 1 << 20,
            per_minute: 9,
        };
        let store = Store::open(folder.path(), limits)?;
        let mut watched = Watched::with(&session, Some(store));
        // Nobody else has the networks.
        drop(session);
        let (hangs, does_hang) = channel();
        let (hold, end) = channel();
        let hang = Hang { place, hangs, end };
        *watched.hang.lock().unwrap() = Some(hang);
        let frame = watched.frame("person", None)?;
        watched.stream.look(StreamFrame {
            picture: Some(()),
            ..frame
        })?;
        does_hang.recv_timeout(PATIENCE).expect("it does not hang");
        watched.stream.set_farewell(Duration::from_millis(1));
        assert!(!watched.stream.settle(Duration::ZERO)?, "it is done?");
        let (end, ended) = channel();
        let host = watched.notes.clone();
        std::thread::spawn(move || {
            drop(watched);
            end.send(()).unwrap();
        });
        let outcome = ended.recv_timeout(PATIENCE);
        assert!(outcome.is_ok(), "{pacing:?}, {place:?}: it is waited for");
        // When what hung goes on, all of it ends.
        drop(hold);
        until("the end", || (Arc::strong_count(&host) == 1).then_some(()));
    }
    Ok(())
}

/// What was told of the explanations of each frame so far: the object, whether it was checked itself, and whether anything is known of it.
fn told(watched: &Watched) -> Vec<(u64, bool, bool)> {
    let explained = std::mem::take(&mut *watched.explained.lock().unwrap());
    let told = explained.iter().map(|explained| {
        let (own, last) = (&explained.check, &explained.last_check);
        (explained.tracked.object, own.is_some(), last.is_some())
    });
    told.collect()
}

#[test]
fn one_explanation_in_a_second_is_checked_and_every_object_has_its_turn() -> Result<()> {
    let mut watched = Watched::of(&session(Pacing::EveryFrame));
    watched.settings.events = None;
    watched.settings.check = true;
    watched.settings.selection = Some(Selection {
        rule: SelectionRule::All,
        most: 2,
        ..Selection::default()
    });
    let mut frames = Vec::new();
    for tenths in [0, 5, 10, 15, 20] {
        let time = Duration::from_millis(100 * tenths);
        watched.look_at("person", Some(time))?;
        frames.push(told(&watched));
    }
    let objects: Vec<u64> = frames[0].iter().map(|(object, ..)| *object).collect();
    let [first, second] = objects[..] else {
        panic!("{frames:?}")
    };
    assert_eq!(frames[0], [(first, true, true), (second, false, false)]);
    assert_eq!(frames[1], [(first, false, true), (second, false, false)]);
    assert_eq!(frames[2], [(first, false, true), (second, true, true)]);
    assert_eq!(frames[3], [(first, false, true), (second, false, true)]);
    // The oldest check is made anew.
    assert_eq!(frames[4], [(first, true, true), (second, false, true)]);
    assert_eq!(watched.stream.stats().checked, 3);

    // What is known of another question says nothing.
    watched.settings.question.output = Some("offset:w+".parse()?);
    watched.look_at("person", Some(Duration::from_millis(2100)))?;
    assert_eq!(
        told(&watched),
        [(first, false, false), (second, false, false)]
    );
    watched.settings.check = false;
    watched.look_at("person", Some(Duration::from_secs(9)))?;
    assert_eq!(
        told(&watched),
        [(first, false, false), (second, false, false)]
    );
    Ok(())
}

#[test]
fn live_an_explanation_is_told_with_its_check() -> Result<()> {
    let mut watched = Watched::of(&session(Pacing::Live));
    watched.settings.check = true;
    watched.look("person")?;
    watched.stream.settle(Duration::MAX)?;
    assert_eq!(told(&watched).len(), 1);
    let stats = watched.stream.stats();
    // The person, and what the event asks of the sheep.
    assert_eq!((stats.explained, stats.checked), (2, 2));
    Ok(())
}

#[test]
fn what_an_event_asks_is_checked_the_same_at_every_run() -> Result<()> {
    let answered = || -> Result<_> {
        let watched = Watched::of(&session(Pacing::EveryFrame));
        watched.look("person")?;
        assert_eq!(watched.stream.stats().checked, 1);
        let answers = std::mem::take(&mut *watched.answers.lock().unwrap());
        let [answer] = &answers[..] else {
            panic!("{} answers", answers.len())
        };
        assert_eq!(
            answer.question.wording.to_string(),
            "sheep rather than horse"
        );
        let check = answer.check.as_deref().cloned().unwrap();
        assert_eq!(check.elsewhere.len(), ssdcrp::check::DRAWS);
        assert!(check.before > 0.0 && !check.gone.is_empty(), "{check:?}");
        Ok(check)
    };
    assert_eq!(answered()?, answered()?);
    Ok(())
}

/// The detector sees a dog, and at the same place a cat. Over the picture one of the two maps is drawn; with tiles each has its own.
#[test]
fn of_two_classes_at_one_box_each_has_a_tile() -> Result<()> {
    let drawn = |place, most| -> Result<_> {
        let mut watched = Watched::of(&session(Pacing::EveryFrame));
        watched.settings.display.place = place;
        // What an event asks would be shown instead.
        watched.settings.events = None;
        watched.settings.thresholds.score = 0.5;
        watched.settings.selection = Some(Selection {
            rule: SelectionRule::All,
            most,
            ..Selection::default()
        });
        watched.look("dog")?;
        let explained = watched.explained.lock().unwrap();
        let classes = explained.iter().map(|e| e.tracked.detection.class);
        let labels = &watched.model.manifest.labels;
        let last = classes.map(|class| labels.name(class)).next_back();
        assert_eq!(
            (explained.len(), last.as_deref() == Some("cat")),
            (most, most == 4)
        );
        let canvas = watched.drawn.lock().unwrap().take();
        Ok(canvas.unwrap())
    };
    let over = HeatmapPlace::Over;
    assert!(drawn(over, 3)? == drawn(over, 4)?, "one map is drawn there");
    let tiles = HeatmapPlace::Tiles;
    assert!(drawn(tiles, 3)? != drawn(tiles, 4)?, "the cat has a tile");
    Ok(())
}
