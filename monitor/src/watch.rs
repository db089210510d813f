//! One detector and one explainer for all streams.
//!
//! In: the newest frame of each stream, in turn. Out: events, on standard output and on the board; pictures with everything drawn, for streams that somebody looks at.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use gst::glib;
use image::RgbImage;
use ndarray::Array2;
use serde_json::json;

use ssdcrp::crp::{Composite, Explainer, Target};
use ssdcrp::detect::{Detection, Detector, Forward, Model, Thresholds, preprocess};
use ssdcrp::heatmap::{ColourMap, Heatmap, Scale};
use ssdcrp::overlay::{BoxMark, Scene, Side, class_colour, render};
use ssdcrp::stream::anchoring::{Anchored, gathered};
use ssdcrp::stream::evidence::{Limits, Pictures, Store};
use ssdcrp::stream::monitor::{Event, EventThresholds, Monitor};
use ssdcrp::stream::tracking::Tracker;
use ssdcrp::stream::worker::Worker;

use super::Options;
use super::serve::Board;
use super::source::Frames;

/// An event is shown for so long.
const SHOWN: Duration = Duration::from_secs(3);
/// How often it is looked whether all is to end, where no frame comes.
const PATIENCE: Duration = Duration::from_millis(200);
const LIMITS: Limits = Limits {
    bytes: 1 << 30,
    per_minute: 30,
};

/// Everything that is known of a stream.
struct Stream {
    frames: Frames,
    tracker: Tracker,
    monitor: Monitor,
    store: Option<Store>,
    shown: Option<Answer>,
}

/// Something to be explained.
struct Question {
    stream: usize,
    object: u64,
    detection: Detection,
    forward: Arc<Forward>,
    target: Target,
    time: Duration,
    /// What raised it; none where the best detection is explained because nothing else is to be.
    event: Option<(Event, RgbImage)>,
}

/// What was explained.
struct Answer {
    question: Question,
    map: Array2<f32>,
    words: String,
}

/// Watches.
pub struct Watch {
    model: Arc<Model>,
    detector: Detector,
    /// Until the end.
    explaining: Option<Worker<Question, (), anyhow::Error>>,
    answers: Receiver<Answer>,
    /// Questions that are neither answered nor given up.
    open: Arc<AtomicUsize>,
    /// Whose best detection is explained next: each stream in turn.
    turn: usize,
    streams: Vec<Stream>,
    board: Arc<Board>,
}

impl Watch {
    pub fn new(
        model: Arc<Model>,
        frames: Vec<Frames>,
        board: Arc<Board>,
        options: &Options,
    ) -> Result<Self> {
        let open = Arc::new(AtomicUsize::new(0));
        let explainer = Explainer::new(model.clone(), Composite::of(&model)?, options.threads)?;
        let (finished, answers) = channel();
        let streams = frames.into_iter().enumerate().map(|(index, frames)| {
            let folder = options.evidence.as_deref();
            let folder = folder.map(|folder| folder.join(format!("stream-{}", index + 1)));
            let open = |folder: &Path| Store::open(folder, LIMITS);
            Ok(Stream {
                frames,
                tracker: Tracker::default(),
                monitor: Monitor::default(),
                store: folder.as_deref().map(open).transpose()?,
                shown: None,
            })
        });
        Ok(Self {
            streams: streams.collect::<Result<_>>()?,
            detector: Detector::new(model.clone(), options.threads)?,
            explaining: Some(Worker::spawn(
                "explain",
                answering(explainer, finished, open.clone()),
            )?),
            model,
            answers,
            open,
            turn: 0,
            board,
        })
    }

    /// Looks at streams in turn, whenever `arrivals` tells of a frame, until `stop`.
    pub fn run(mut self, arrivals: &Receiver<()>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            // Nobody tells any more: every stream has ended.
            if let Err(std::sync::mpsc::RecvTimeoutError::Disconnected) =
                arrivals.recv_timeout(PATIENCE)
            {
                break;
            }
            for index in 0..self.streams.len() {
                if let Some(frame) = self.streams[index].frames.take()
                    && let Err(error) = frame.and_then(|frame| self.look(index, frame))
                {
                    eprintln!("monitor: stream {}: {error:#}", index + 1);
                }
            }
        }
        // The last events are explained and kept.
        drop(self.explaining.take());
        self.heed();
    }

    fn look(&mut self, index: usize, (time, frame): (gst::ClockTime, RgbImage)) -> Result<()> {
        let manifest = &self.model.manifest;
        let time = Duration::from_nanos(time.nseconds());
        let input = preprocess::sample(&frame, self.model.input_size, &manifest.input)?;
        let forward = Arc::new(self.detector.forward(input)?);
        let thresholds = Thresholds::from(&manifest.detection);
        let detections = self.detector.detections(&forward, thresholds)?;
        let stream = &mut self.streams[index];
        let tracked = stream.tracker.follow(detections);
        let events = (stream.monitor).observe(&EventThresholds::default(), time, &tracked);
        let (objects, detections): (Vec<u64>, Vec<Detection>) = (tracked.into_iter())
            .map(|tracked| (tracked.object, tracked.detection))
            .unzip();
        for event in events {
            self.tell(index, &event);
            self.open.fetch_add(1, Ordering::Relaxed);
            let question = Question {
                stream: index,
                object: event.object,
                detection: event.detection.clone(),
                forward: forward.clone(),
                target: event.target.clone(),
                time,
                event: Some((event, frame.clone())),
            };
            let explaining = self.explaining.as_ref();
            if explaining.is_none_or(|worker| worker.queue(question).is_err()) {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if index == self.turn % self.streams.len() && self.open.load(Ordering::Relaxed) == 0 {
            self.turn += 1;
            if let (Some(best), Some(&object), Some(explaining)) =
                (detections.first(), objects.first(), &self.explaining)
            {
                self.open.fetch_add(1, Ordering::Relaxed);
                explaining.submit(Question {
                    stream: index,
                    object,
                    detection: best.clone(),
                    forward,
                    target: Target::predicted_class(best),
                    time,
                    event: None,
                });
            }
        }
        self.heed();
        if self.board.is_watched(index) {
            let picture = self.draw(index, time, frame, &detections, &objects)?;
            self.board.show(index, &picture)?;
        }
        Ok(())
    }

    /// Takes in what was explained meanwhile.
    fn heed(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            let labels = &self.model.manifest.labels;
            let stream = &mut self.streams[answer.question.stream];
            if let Some(store) = &mut stream.store
                && let Err(error) = keep(store, &answer, &self.model)
            {
                eprintln!("monitor: {error:#}");
            }
            if let Some((event, _)) = &answer.question.event {
                let said = event.words(labels);
                self.board
                    .explain(answer.question.stream, &said, &answer.words);
            }
            // An event stays for a while, unless another one comes or its object is gone.
            let tracker = &stream.tracker;
            let is_held = stream.shown.as_ref().is_some_and(|shown| {
                let age = answer.question.time.saturating_sub(shown.question.time);
                let is_event = shown.question.event.is_some();
                is_event && age < SHOWN && tracker.knows(shown.question.object)
            });
            if answer.question.event.is_some() || !is_held {
                stream.shown = Some(answer);
            }
        }
    }

    fn tell(&self, index: usize, event: &Event) {
        let labels = &self.model.manifest.labels;
        let detection = &event.detection;
        let told = json!({
            "stream": index + 1,
            "time": event.time.as_secs_f64(),
            "kind": event.finding.kind().to_string(),
            "words": event.words(labels),
            "severity": event.severity,
            "object": event.object,
            "label": labels.name(detection.class),
            "score": detection.score,
            "box": detection.rect.edges(),
        });
        println!("{told}");
        self.board.tell(told);
    }

    fn draw(
        &self,
        index: usize,
        time: Duration,
        mut frame: RgbImage,
        detections: &[Detection],
        objects: &[u64],
    ) -> Result<RgbImage> {
        let shown = self.streams[index].shown.as_ref().filter(|answer| {
            let age = time.saturating_sub(answer.question.time);
            answer.question.event.is_none() || age < SHOWN
        });
        let place = shown.and_then(|answer| {
            objects
                .iter()
                .position(|&object| object == answer.question.object)
        });
        let explained = shown.zip(place);
        let heatmap = explained.map(|(answer, place)| {
            let anchored = Anchored {
                map: answer.map.view(),
                then: answer.question.detection.rect,
                now: detections[place].rect,
            };
            let map = gathered(&[anchored], answer.map.dim());
            Heatmap::normalise(map.view(), Scale::default())
        });
        let boxes = marks(
            &frame,
            &self.model,
            detections,
            explained.map(|(answer, place)| (place, answer)),
        );
        let scene = Scene {
            caption: explained.map(|(answer, _)| answer.words.as_str()),
            ..scene(&frame, heatmap.as_ref(), &boxes)
        };
        render(&scene).compose_onto(&mut frame)?;
        Ok(frame)
    }
}

/// The explaining thread's work.
fn answering(
    mut explainer: Explainer,
    finished: Sender<Answer>,
    open: Arc<AtomicUsize>,
) -> impl FnMut(Question) -> Result<()> + Send + 'static {
    move |question| {
        let explained =
            explainer.explain(&question.forward, std::slice::from_ref(&question.target));
        open.fetch_sub(1, Ordering::Relaxed);
        let explanation = explained?.into_iter().next().context("no explanation")?;
        let answer = Answer {
            map: explanation.map(),
            words: explanation.question.wording.to_string(),
            question,
        };
        // At the end nobody listens any more.
        drop(finished.send(answer));
        Ok(())
    }
}

/// Keeps evidence of an answer, if an event asked.
fn keep(store: &mut Store, answer: &Answer, model: &Model) -> Result<()> {
    let question = &answer.question;
    let Some((event, frame)) = &question.event else {
        return Ok(());
    };
    if !store.has_time_for(question.time) {
        return Ok(());
    }
    let heatmap = Heatmap::normalise(answer.map.view(), Scale::default());
    let detections = std::slice::from_ref(&question.detection);
    let boxes = marks(frame, model, detections, Some((0, answer)));
    let scene = Scene {
        caption: Some(&answer.words),
        ..scene(frame, Some(&heatmap), &boxes)
    };
    let pictures = Pictures::new(frame.clone(), &scene)?;
    let labels = &model.manifest.labels;
    let told = serde_json::from_value(json!({
        "kind": event.finding.kind().to_string(),
        "words": event.words(labels),
        "severity": event.severity,
        "class": question.detection.class,
        "default-box": question.detection.default_box,
        "target": event.target.output.text(labels),
        "contrast": event.target.contrast.as_ref().map(|contrast| contrast.text(labels)),
        "running-time": question.time.as_nanos() as u64,
    }))?;
    let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
    let now = now.map(String::from).unwrap_or_default();
    store.keep(question.time, now, told, &pictures)?;
    Ok(())
}

fn scene<'a>(frame: &RgbImage, heatmap: Option<&'a Heatmap>, boxes: &'a [BoxMark]) -> Scene<'a> {
    Scene {
        size: frame.dimensions().into(),
        pixel_aspect: 1.0,
        heatmap,
        colours: ColourMap::default(),
        opacity: 1.0,
        boxes,
        draw_boxes: true,
        draw_labels: true,
        caption: None,
        note: None,
        tiles: &[],
        tiles_side: Side::default(),
    }
}

/// All boxes, and at the explained one what its event says.
fn marks(
    frame: &RgbImage,
    model: &Model,
    detections: &[Detection],
    explained: Option<(usize, &Answer)>,
) -> Vec<BoxMark> {
    let size = frame.dimensions().into();
    let marks = detections.iter().enumerate().map(|(index, detection)| {
        let answer = explained
            .filter(|(place, _)| *place == index)
            .map(|(_, answer)| answer);
        let event = answer.and_then(|answer| answer.question.event.as_ref());
        let remark = event.map(|(event, _)| format!(": {}", event.remark(&model.manifest.labels)));
        let name = model.manifest.label(detection.class);
        BoxMark {
            rect: detection.rect.in_pixels(size),
            label: format!(
                "{name} {:.2}{}",
                detection.score,
                remark.unwrap_or_default()
            ),
            colour: class_colour(detection.class.0),
            explained: answer.is_some(),
        }
    });
    marks.collect()
}
