//! Results for machines: what is attached to the video's buffers and posted on the bus.
//!
//! In: what the engine saw, explained and raised. Out: a [`Region`] per detection, which becomes a
//! `GstVideoRegionOfInterestMeta`, and the structures of the element messages; the element's page documents all of them.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;

use ::ssdcrp::crp::{Composite, RelevanceSummary, ResolvedTarget};
use ::ssdcrp::detect::{Absence, Labels, Manifest};
use ::ssdcrp::stream::{ExplainedMiss, ExplainedObject, FrameInfo, FrameTime};
use ::ssdcrp::stream::{Observation, ObservedEvent, Tracked, View, whole_pixels};
use ::ssdcrp::stream::{Unmatched, UnmatchedReason, UpstreamDetection};

#[cfg(feature = "v1_26")]
use super::analytics::RelevanceMap;
use super::clock_time::clock_time;
use super::upstream_regions::{ANSWER, RegionAnswer};

/// A detection in the frame's pixels, ready to be attached to any number of buffers.
#[derive(Clone, Debug)]
pub struct Region {
    label: String,
    /// x, y, width, height.
    rect: [u32; 4],
    detection: gst::Structure,
    /// DL Streamer's parameter for the object's number.
    object: Option<gst::Structure>,
    /// What the last explanation of its object says.
    explanation: Option<gst::Structure>,
}

impl Region {
    /// Those of all detections that have a place.
    pub fn of(view: &View, labels: &Labels) -> Vec<Self> {
        let observation = &view.observation;
        let regions = observation.tracked.iter().enumerate();
        let regions = regions.filter_map(|(index, tracked)| {
            Some(Self {
                label: labels.name(tracked.detection.class).into_owned(),
                rect: tracked.pixels(&observation.frame)?,
                detection: with_shares(detection(tracked, observation, labels)?, tracked),
                object: object_id(tracked),
                explanation: view.explanation_of(index).map(|e| explanation(e)),
            })
        });
        regions.collect()
    }

    /// Adds the region's meta to `buffer`, under an `id` that tells a buffer's regions apart.
    pub fn attach(&self, buffer: &mut gst::BufferRef, id: i32) {
        let [x, y, width, height] = self.rect;
        let mut meta = VideoRegionOfInterestMeta::add(buffer, &self.label, (x, y, width, height));
        meta.set_id(id);
        let params = [&self.object, &self.explanation].into_iter().flatten();
        for param in std::iter::once(&self.detection).chain(params) {
            meta.add_param(param.clone());
        }
    }
}

/// With the fields that DL Streamer's elements read of a `detection` besides the confidence: the box in shares of the frame, and the number of the class.
fn with_shares(mut detection: gst::Structure, tracked: &Tracked) -> gst::Structure {
    let [x_min, y_min, x_max, y_max] = tracked.detection.rect.edges().map(f64::from);
    let edges = [
        ("x_min", x_min),
        ("x_max", x_max),
        ("y_min", y_min),
        ("y_max", y_max),
    ];
    for (name, edge) in edges {
        detection.set(name, edge);
    }
    if let Ok(class) = i32::try_from(tracked.detection.class.0) {
        detection.set("label_id", class);
    }
    detection
}

/// The number of an object as DL Streamer's elements read it: 0 is none there, so that it is one more than ours.
fn object_id(tracked: &Tracked) -> Option<gst::Structure> {
    let id = tracked.object.checked_add(1)?;
    let id = i32::try_from(id).ok()?;
    Some(gst::Structure::builder("object_id").field("id", id).build())
}

/// What is said on the metas of another element's detections.
pub fn answers(view: &View, model: &Manifest) -> Vec<RegionAnswer> {
    let (observation, labels) = (&view.observation, &model.labels);
    let matched = observation.tracked.iter().enumerate();
    let matched = matched.filter_map(|(index, tracked)| {
        let upstream = &tracked.upstream.as_ref()?.upstream;
        let mut said = detection(tracked, observation, labels)?;
        if let Some(explained) = view.explanation_of(index) {
            said.set("explanation", explanation(explained).to_send_value());
        }
        Some((upstream, Some(index), said))
    });
    let left = observation.unmatched.iter();
    let left = left.map(|left| (&left.upstream, None, unmatched(left, observation)));
    let answers = matched.chain(left).map(|(upstream, index, mut said)| {
        said.set_name(ANSWER);
        said.set("matched", index.is_some());
        said.set("model", &model.name);
        RegionAnswer {
            label: upstream.label.clone(),
            rect: upstream.rect,
            said,
            #[cfg(feature = "v1_26")]
            map: index
                .and_then(|index| view.explanation_of(index))
                .map(|explained| RelevanceMap::of(explained)),
        }
    });
    answers.collect()
}

/// A detection; `None` where the network placed the box nowhere.
fn detection(
    tracked: &Tracked,
    observation: &Observation,
    labels: &Labels,
) -> Option<gst::Structure> {
    let [x, y, width, height] = tracked.pixels(&observation.frame)?;
    let detection = &tracked.detection;
    // Frames show it long after, and what is attached to them is all that some elements see.
    let mut structure = gst::Structure::builder("detection")
        .field("label", labels.name(detection.class).into_owned())
        .field("class", detection.class.0 as u32)
        .field("confidence", f64::from(detection.score))
        .field("x", x)
        .field("y", y)
        .field("width", width)
        .field("height", height)
        .field("default-box", detection.default_box as u32)
        .field("offsets", gst::Array::new(detection.offsets.map(f64::from)))
        .field("object", tracked.object)
        .field("unexpected", observation.is_unexpected(detection.class))
        .build();
    set_time(&mut structure, observation.frame.time);
    if let Some((class, score)) = detection.runner_up {
        structure.set("runner-up", labels.name(class).into_owned());
        structure.set("runner-up-score", f64::from(score));
    }
    if let Some(found) = &tracked.upstream {
        set_upstream(&mut structure, &found.upstream);
        structure.set("overlap", f64::from(found.overlap));
    }
    Some(structure)
}

/// Whose detection it is: another element's.
fn set_upstream(structure: &mut gst::StructureRef, upstream: &UpstreamDetection) {
    structure.set("upstream-id", upstream.id);
    if let Some(confidence) = upstream.confidence {
        structure.set("upstream-confidence", f64::from(confidence));
    }
}

/// A detection of another element that cannot be explained, in whole pixels of the frame as far as it has a place.
fn unmatched(unmatched: &Unmatched, observation: &Observation) -> gst::Structure {
    let Unmatched { upstream, reason } = unmatched;
    let mut structure = gst::Structure::builder("unmatched")
        .field("label", &upstream.label)
        .field("reason", reason.name())
        .build();
    set_upstream(&mut structure, upstream);
    let place = whole_pixels(&upstream.rect, observation.frame.size);
    let place = place.filter(|_| *reason != UnmatchedReason::NoPlace);
    if let Some([x, y, width, height]) = place {
        structure.set("x", x);
        structure.set("y", y);
        structure.set("width", width);
        structure.set("height", height);
    }
    if let UnmatchedReason::NotSeen { overlap } = reason {
        structure.set("overlap", f64::from(*overlap));
    }
    set_time(&mut structure, observation.frame.time);
    structure
}

/// The times of a frame, as far as it has any.
fn set_time(structure: &mut gst::StructureRef, time: FrameTime) {
    let times = [
        ("timestamp", time.timestamp),
        ("running-time", time.running_time),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            structure.set(name, clock_time(time));
        }
    }
}

/// The structure of the element message for one frame's results.
pub fn message(
    observation: &Observation,
    explained: &[Arc<ExplainedObject>],
    events: &[Arc<ObservedEvent>],
    labels: &Labels,
) -> gst::Structure {
    let mut message = gst::Structure::new_empty("ssdcrp");
    set_time(&mut message, observation.frame.time);
    message.set("width", observation.frame.size.width);
    message.set("height", observation.frame.size.height);
    let detections = observation.tracked.iter();
    let detections = detections.filter_map(|tracked| detection(tracked, observation, labels));
    let detections = detections.map(|detection| detection.to_send_value());
    message.set("detections", gst::Array::from_values(detections));
    let left = observation.unmatched.iter();
    let left = left.map(|left| unmatched(left, observation));
    set_some(&mut message, "unmatched", left);
    let explanations = explained.iter().map(|explained| explanation(explained));
    set_some(&mut message, "explanations", explanations);
    let events = events
        .iter()
        .filter_map(|event| structure(event, observation, labels));
    set_some(&mut message, "events", events);
    message
}

/// Structures as an array; no field where there are none.
fn set_some(
    message: &mut gst::StructureRef,
    name: &str,
    structures: impl Iterator<Item = gst::Structure>,
) {
    let mut values = structures
        .map(|structure| structure.to_send_value())
        .peekable();
    if values.peek().is_some() {
        message.set(name, gst::Array::from_values(values));
    }
}

/// An event, without the frame's times and the explanation; `None` where its detection has no place.
fn structure(
    event: &ObservedEvent,
    observation: &Observation,
    labels: &Labels,
) -> Option<gst::Structure> {
    let tracked = observation.tracked.get(event.index)?;
    let mut structure = detection(tracked, observation, labels)?;
    let (number, event) = (event.number, &event.event);
    structure.set_name("event");
    structure.set("number", number);
    structure.set("kind", event.finding.kind().to_string());
    structure.set("words", event.words(labels));
    structure.set("severity", f64::from(event.severity));
    structure.set("target", event.target.output.text(labels));
    if let Some(contrast) = &event.target.contrast {
        structure.set("contrast", contrast.text(labels));
    }
    Some(structure)
}

/// The structure of the element message for an event, with the explanation that it asked for, if there is one.
pub fn event_message(
    event: &ObservedEvent,
    explained: Option<&ExplainedObject>,
    observation: &Observation,
    labels: &Labels,
) -> Option<gst::Structure> {
    let mut message = structure(event, observation, labels)?;
    message.set_name("ssdcrp-event");
    set_time(&mut message, observation.frame.time);
    if let Some(explained) = explained {
        message.set("explanation", explanation(explained).to_send_value());
    }
    Some(message)
}

/// What is told of an explanation.
fn explanation(explained: &ExplainedObject) -> gst::Structure {
    let mut structure = gst::Structure::builder("explanation")
        .field("object", explained.tracked.object)
        .field(
            "default-box",
            explained.tracked.detection.default_box as u32,
        )
        .build();
    let (composite, took) = (&explained.composite, explained.took);
    set_question(&mut structure, &explained.question, composite);
    set_summary(&mut structure, &explained.summary, took, &explained.frame);
    if let Some(completeness) = explained.completeness {
        structure.set("completeness", completeness);
    }
    if let Some(check) = &explained.check {
        structure.set("effect", check.effect());
        structure.set("effect-of-chance", check.effect_of_chance());
        structure.set("checked", check.passed());
    }
    structure
}

/// What was asked, and how it was answered.
fn set_question(
    structure: &mut gst::StructureRef,
    question: &ResolvedTarget,
    composite: &Composite,
) {
    structure.set("target", &question.target);
    structure.set("contrast", &question.contrast);
    structure.set("composite", composite.to_string());
    structure.set("words", question.wording.to_string());
}

/// The answer in numbers, and the frame that it is of.
fn set_summary(
    structure: &mut gst::StructureRef,
    summary: &RelevanceSummary,
    took: Duration,
    frame: &FrameInfo,
) {
    structure.set("sum-abs", summary.sum_abs);
    structure.set("positive-share", summary.positive_share);
    structure.set("in-box-share", summary.in_box_share);
    structure.set("time-ms", took.as_secs_f64() * 1e3);
    set_time(structure, frame.time);
    if let Some([x, y]) = summary.centre {
        structure.set("centre-x", x * f64::from(frame.size.width));
        structure.set("centre-y", y * f64::from(frame.size.height));
    }
}

/// The structure of the element message that says why nothing was found at a place.
pub fn missing_message(
    explained: &ExplainedMiss,
    observation: &Observation,
    labels: &Labels,
) -> gst::Structure {
    let size = observation.frame.size;
    let detection = explained.absence.detection();
    let [x0, y0, x1, y1] = detection.rect.in_pixels(size).edges().map(f64::from);
    let [x, y] = explained.place.map(f64::from);
    let mut message = gst::Structure::builder("ssdcrp-missing")
        .field("missing-x", x * f64::from(size.width))
        .field("missing-y", y * f64::from(size.height))
        .field("label", labels.name(detection.class).into_owned())
        .field("class", detection.class.0 as u32)
        .field("confidence", f64::from(detection.score))
        .field("box", gst::Array::new([x0, y0, x1, y1]))
        .field("default-box", detection.default_box as u32)
        .field("reason", explained.absence.words(labels))
        .field("found", matches!(explained.absence, Absence::Found(_)))
        .build();
    if let Absence::Missed(miss) = &explained.absence {
        message.set("cause", miss.cause.name());
        message.set("overlap", f64::from(miss.overlap));
        if let Some(logits) = miss.cause.logits() {
            message.set("missed-by-logits", logits);
        }
    }
    set_question(&mut message, &explained.question, &explained.composite);
    set_summary(
        &mut message,
        &explained.summary,
        explained.took,
        &observation.frame,
    );
    message
}
