//! All streams on one session of the engine: one detector and one explainer for all of them, in turn.
//!
//! In: the newest frame of each stream. Out: events, on standard output and on the board; pictures with everything drawn, for streams that somebody looks at.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;
use gst::glib;
use image::RgbImage;

use ssdcrp::detect::Labels;
use ssdcrp::detect::{Model, Thresholds, preprocess};
use ssdcrp::overlay::Canvas;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::evidence::{Limits, Store};
use ssdcrp::stream::monitor::EventThresholds;
use ssdcrp::stream::selection::{Selection, SelectionRule};
use ssdcrp::stream::settings::{DisplaySettings, QuestionSettings, StreamSettings};
use ssdcrp::stream::{
    FrameInfo, FrameTime, Host, News, Observation, Pacing, Session, Stream, StreamFrame, View,
};

use super::line::{EventLine, Worth};
use super::options::Options;
use super::serve::Board;
use super::source::Frames;

/// How long the end waits for explanations that events asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether all is to end, where no frame comes.
const LOOK_UP: Duration = Duration::from_millis(200);
const LIMITS: Limits = Limits {
    bytes: 1 << 30,
    per_minute: 30,
};

/// What comes out of a stream, for people.
struct Camera {
    index: usize,
    labels: Labels,
    board: Arc<Board>,
}

impl Host for Camera {
    type Picture = Arc<RgbImage>;
    type Prepared = Option<Canvas>;

    fn prepare(&self, _: &View, canvas: Option<Canvas>) -> ssdcrp::Result<Option<Canvas>> {
        Ok(canvas)
    }

    fn picture(&self, picture: &Arc<RgbImage>, _: &Observation) -> ssdcrp::Result<RgbImage> {
        Ok(RgbImage::clone(picture))
    }

    fn clock(&self) -> String {
        let now = glib::DateTime::now_utc().and_then(|now| now.format("%Y-%m-%dT%H:%M:%SZ"));
        now.map(String::from).unwrap_or_default()
    }

    fn tell(&self, news: News) {
        match news {
            News::Frame { events, .. } => {
                for event in events {
                    let line = EventLine::of(self.index, event, &self.labels);
                    match serde_json::to_string(&line) {
                        Ok(line) => println!("{line}"),
                        Err(error) => eprintln!("monitor: {error}"),
                    }
                    self.board.tell(line);
                }
            }
            News::Event {
                event,
                explained: Some(explained),
                ..
            } => {
                let answer = explained.question.wording.to_string();
                let worth = explained.check.as_deref().map(Worth::of);
                self.board.explain(self.index, event.number, answer, worth);
            }
            News::Event {
                explained: None, ..
            }
            // Nobody points at its pictures.
            | News::Missing { .. } => {}
            News::Unexplained(error) | News::EvidenceLost(error) => {
                eprintln!("monitor: stream {}: {error:#}", self.index + 1);
            }
        }
    }
}

/// A stream and its frames.
struct Watched {
    frames: Frames,
    stream: Stream<Camera>,
    /// When the last frame came.
    came: Option<Instant>,
}

/// Watches.
pub struct Watch {
    model: Arc<Model>,
    streams: Vec<Watched>,
    /// For streams that somebody looks at, and for the others, of which nothing is drawn.
    settings: [Arc<StreamSettings>; 2],
    board: Arc<Board>,
    keeps_evidence: bool,
}

impl Watch {
    pub fn new(
        model: Arc<Model>,
        frames: Vec<Frames>,
        board: Arc<Board>,
        options: &Options,
    ) -> Result<Self> {
        let networks = SessionOptions {
            threads: options.threads,
            provider: options.execution_provider,
            ..SessionOptions::default()
        };
        let session = Session::start(model.clone(), Pacing::Live, networks, None)?;
        let streams = frames.into_iter().enumerate().map(|(index, frames)| {
            let folder = options.evidence.as_deref();
            let folder = folder.map(|folder| folder.join(format!("stream-{}", index + 1)));
            let open = |folder: &Path| Store::open(folder, LIMITS);
            let camera = Camera {
                index,
                labels: model.manifest.labels.clone(),
                board: board.clone(),
            };
            Ok(Watched {
                frames,
                stream: session.stream(camera, folder.as_deref().map(open).transpose()?)?,
                came: None,
            })
        });
        let shown = StreamSettings {
            thresholds: Thresholds::from(&model.manifest.detection),
            question: QuestionSettings::default(),
            selection: Some(Selection {
                rule: SelectionRule::Best,
                most: 1,
                ..Selection::default()
            }),
            explain_interval: Duration::ZERO,
            check: false,
            events: Some(EventThresholds::default()),
            display: DisplaySettings::default(),
        };
        let unseen = StreamSettings {
            display: DisplaySettings {
                boxes: false,
                labels: false,
                heatmap: false,
                ..DisplaySettings::default()
            },
            ..shown.clone()
        };
        Ok(Self {
            streams: streams.collect::<Result<_>>()?,
            settings: [shown, unseen].map(Arc::new),
            keeps_evidence: options.evidence.is_some(),
            model,
            board,
        })
    }

    /// Looks at streams, whenever `arrivals` tells of a frame, until `stop`.
    pub fn run(mut self, arrivals: &Receiver<()>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            // Nobody tells any more: every stream has ended.
            if let Err(RecvTimeoutError::Disconnected) = arrivals.recv_timeout(LOOK_UP) {
                break;
            }
            for index in 0..self.streams.len() {
                if let Err(error) = self.look(index) {
                    eprintln!("monitor: stream {}: {error:#}", index + 1);
                }
            }
        }
        // The last events are explained and kept.
        for watched in &self.streams {
            if let Err(error) = watched.stream.settle(PATIENCE) {
                eprintln!("monitor: {error:#}");
            }
        }
    }

    /// Hands over the newest frame of a stream, if there is one, and shows it to those who look at it.
    fn look(&mut self, index: usize) -> Result<()> {
        let watched = &mut self.streams[index];
        let Some(sample) = watched.frames.take() else {
            return Ok(());
        };
        let now = Instant::now();
        let next = (watched.came.replace(now)).map_or(Duration::MAX, |came| now - came);
        if !watched.stream.wants(next) {
            return Ok(());
        }
        let (time, mut picture) = sample.picture()?;
        let is_watched = self.board.is_watched(index);
        let time = Some(Duration::from_nanos(time.nseconds()));
        let info = FrameInfo {
            time: FrameTime {
                timestamp: time,
                running_time: time,
            },
            size: picture.dimensions().into(),
            pixel_aspect: 1.0,
            epoch: watched.stream.epoch(),
        };
        let input = &self.model.manifest.input;
        let input = preprocess::sample(&picture, self.model.input_size, input)?;
        watched.stream.look(StreamFrame {
            info,
            input: Box::new(|| Ok(input)),
            settings: self.settings[usize::from(!is_watched)].clone(),
            late: false,
            picture: (self.keeps_evidence).then(|| Arc::new(picture.clone())),
        })?;
        let shown = watched.stream.shown()?;
        if is_watched {
            let canvas = shown.as_ref().filter(|shown| shown.frame.fits(&info));
            if let Some(canvas) = canvas.and_then(|shown| shown.prepared.as_ref()) {
                canvas.compose_onto(&mut picture)?;
            }
            self.board.show(index, &picture)?;
        }
        Ok(())
    }
}
