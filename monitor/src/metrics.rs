//! Numbers for Prometheus: what cameras and engine did in, and the text of `/metrics` out.
//!
//! Beside what every monitor counts stand two shares of each explanation of what was selected, by camera and class: how much of its relevance lies inside the object's box, and how much
//! of it is positive. Their means over hours are the model's habits; when they fall, the model has begun to look elsewhere, although its scores may be what they were.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use ssdcrp::detect::Labels;
use ssdcrp::stream::{ExplainedObject, Observation};

use crate::board::Board;
use crate::delivery::Deliveries;
use crate::keeping;
use crate::screen::CameraState;

/// Seconds: a fast machine's tenth up to a slow one's minute.
const TIMES: [f64; 9] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0];
const SHARES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCamera {
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfClass {
    camera: String,
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    camera: String,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    camera: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    camera: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAnswer {
    camera: String,
    answer: &'static str,
}

type Shares = Family<OfClass, Histogram, fn() -> Histogram>;

/// What is counted.
pub struct Metrics {
    registry: Registry,
    frames: Family<OfCamera, Counter>,
    looked_at: Family<OfCamera, Counter>,
    detections: Family<OfClass, Counter>,
    events: Family<OfKind, Counter>,
    evidence: Family<OfOutcome, Counter>,
    unprinted: Counter,
    explanation_time: Family<OfCamera, Histogram, fn() -> Histogram>,
    in_box: Shares,
    positive: Shares,
    failures: Family<OfCamera, Counter>,
    frigate: Family<OfAnswer, Counter>,
    /// Seconds, set when they are asked for.
    frame_age: Family<OfCamera, Gauge<f64, std::sync::atomic::AtomicU64>>,
    states: Family<OfState, Gauge>,
    pub deliveries: Deliveries,
}

impl Default for Metrics {
    fn default() -> Self {
        let times: fn() -> Histogram = || Histogram::new(TIMES);
        let shares: fn() -> Histogram = || Histogram::new(SHARES);
        let mut metrics = Self {
            registry: Registry::with_prefix("ssdcrp"),
            frames: Family::default(),
            looked_at: Family::default(),
            detections: Family::default(),
            events: Family::default(),
            evidence: Family::default(),
            unprinted: Counter::default(),
            explanation_time: Family::new_with_constructor(times),
            in_box: Family::new_with_constructor(shares),
            positive: Family::new_with_constructor(shares),
            failures: Family::default(),
            frigate: Family::default(),
            frame_age: Family::default(),
            states: Family::default(),
            deliveries: Deliveries::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let of = &mut self.registry;
        let frames = self.frames.clone();
        of.register("frames", "Frames that came", frames);
        let looked_at = self.looked_at.clone();
        of.register(
            "frames_detected",
            "Frames that were searched for objects",
            looked_at,
        );
        let detections = self.detections.clone();
        of.register("detections", "Detections in frames", detections);
        let events = self.events.clone();
        of.register("events", "Events that were raised", events);
        let evidence = self.evidence.clone();
        of.register(
            "evidence",
            "Events by whether evidence of them is kept",
            evidence,
        );
        let unprinted = self.unprinted.clone();
        of.register(
            "events_unprinted",
            "Events that nobody took from standard output",
            unprinted,
        );
        of.register_with_unit(
            "explanation",
            "Time that propagation of relevance took for what was selected in a frame",
            Unit::Seconds,
            self.explanation_time.clone(),
        );
        of.register(
            "relevance_in_box_share",
            "Share of absolute relevance inside the box of the explained detection",
            self.in_box.clone(),
        );
        of.register(
            "relevance_positive_share",
            "Share of absolute relevance that speaks for the explained class",
            self.positive.clone(),
        );
        let failures = self.failures.clone();
        of.register("camera_failures", "Times that a camera failed", failures);
        let frigate = self.frigate.clone();
        of.register("frigate_answers", "Answers to events of Frigate", frigate);
        of.register_with_unit(
            "frame_age",
            "Time since the last frame came",
            Unit::Seconds,
            self.frame_age.clone(),
        );
        of.register(
            "camera_state",
            "1 for the state that a camera is in, 0 for the others",
            self.states.clone(),
        );
        self.deliveries.register(of);
    }

    /// A frame came.
    pub fn frame(&self, camera: &str) {
        self.frames.get_or_create(&of_camera(camera)).inc();
    }

    /// A frame was looked at.
    pub fn looked_at(&self, camera: &str, observation: &Observation, labels: &Labels) {
        self.looked_at.get_or_create(&of_camera(camera)).inc();
        for tracked in &observation.tracked {
            let class = labels.name(tracked.detection.class);
            self.detections
                .get_or_create(&of_class(camera, &class))
                .inc();
        }
    }

    /// What was selected of a frame was explained.
    pub fn explained(&self, camera: &str, explained: &[Arc<ExplainedObject>], labels: &Labels) {
        let Some(first) = explained.first() else {
            return;
        };
        let time = self.explanation_time.get_or_create(&of_camera(camera));
        time.observe(first.took.as_secs_f64());
        drop(time);
        for explained in explained.iter().filter(|e| e.summary.sum_abs > 0.0) {
            let class = labels.name(explained.tracked.detection.class);
            let of = of_class(camera, &class);
            self.in_box
                .get_or_create(&of)
                .observe(explained.summary.in_box_share);
            self.positive
                .get_or_create(&of)
                .observe(explained.summary.positive_share);
        }
    }

    /// An event was raised.
    pub fn event(&self, camera: &str, kind: &str) {
        let of = OfKind {
            camera: camera.to_owned(),
            kind: kind.to_owned(),
        };
        self.events.get_or_create(&of).inc();
    }

    /// A camera begins, and evidence of its events is kept or not: what has not happened yet is 0, so that its increase can be asked for.
    pub fn begins(&self, camera: &str, keeps_evidence: bool) {
        self.failures.get_or_create(&of_camera(camera)).inc_by(0);
        for outcome in keeping::OUTCOMES.into_iter().filter(|_| keeps_evidence) {
            let of = OfOutcome {
                camera: camera.to_owned(),
                outcome,
            };
            self.evidence.get_or_create(&of).inc_by(0);
        }
    }

    /// Evidence of an event is kept, or not.
    pub fn evidence(&self, camera: &str, outcome: &'static str) {
        let of = OfOutcome {
            camera: camera.to_owned(),
            outcome,
        };
        self.evidence.get_or_create(&of).inc();
    }

    /// An event could not be printed.
    pub fn unprinted(&self) {
        self.unprinted.inc();
    }

    /// A camera failed.
    pub fn failure(&self, camera: &str) {
        self.failures.get_or_create(&of_camera(camera)).inc();
    }

    /// An event of Frigate was answered: `None` with an explanation, else why there is none.
    pub fn frigate_answered(&self, camera: &str, unexplained: Option<&'static str>) {
        let of = OfAnswer {
            camera: camera.to_owned(),
            answer: unexplained.unwrap_or("explained"),
        };
        self.frigate.get_or_create(&of).inc();
    }

    /// The text, as Prometheus reads it (version 0.0.4).
    ///
    /// # Errors
    /// None that a text could have.
    pub fn text(&self, board: &Board) -> Result<String, std::fmt::Error> {
        // Cameras come and go: what they are now is told of those that there are.
        self.frame_age.clear();
        self.states.clear();
        for screen in board.screens() {
            let camera = screen.name.as_str();
            if let Some(age) = screen.frame_age() {
                let gauge = self.frame_age.get_or_create(&of_camera(camera));
                gauge.set(age.as_secs_f64());
            }
            let now = screen.state().name();
            for state in CameraState::NAMES {
                let of = OfState {
                    camera: camera.to_owned(),
                    state,
                };
                self.states.get_or_create(&of).set(i64::from(state == now));
            }
        }
        self.deliveries.look();
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn of_camera(camera: &str) -> OfCamera {
    OfCamera {
        camera: camera.to_owned(),
    }
}

fn of_class(camera: &str, class: &str) -> OfClass {
    OfClass {
        camera: camera.to_owned(),
        class: class.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Screen;

    #[test]
    fn states_are_those_of_the_cameras_that_there_are() {
        let metrics = Metrics::default();
        let board = Board::default();
        board.set_screens(vec![Arc::new(Screen::new("gate", "gate"))]);
        metrics.frame("gate");
        metrics.event("gate", "merge");
        let text = metrics.text(&board).unwrap();
        for line in [
            "ssdcrp_frames_total{camera=\"gate\"} 1",
            "ssdcrp_events_total{camera=\"gate\",kind=\"merge\"} 1",
            "ssdcrp_camera_state{camera=\"gate\",state=\"starting\"} 1",
            "ssdcrp_camera_state{camera=\"gate\",state=\"playing\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        board.set_screens(vec![]);
        assert!(!metrics.text(&board).unwrap().contains("camera_state{"));
    }
}
