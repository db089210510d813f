//! The properties: what `gst-inspect-1.0` says of each, and the way of its value into and out of [`Settings`].

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use anyhow::{Context, Error, Result};
use gst::glib;
use gst::prelude::*;

use ::ssdcrp::crp::PRESETS;
use ::ssdcrp::stream::monitor::EventKind;

use super::settings::Settings;
use super::stats;
use super::written::Written;

/// A property of the element.
pub struct Property {
    spec: glib::ParamSpec,
    get: Box<Getter>,
    set: Box<Setter>,
}

type Getter = dyn Fn(&mut Settings) -> glib::Value + Send + Sync;
type Setter = dyn Fn(&mut Settings, &glib::Value) -> Result<()> + Send + Sync;

/// All that are settings, in the order of their numbers.
static PROPERTIES: LazyLock<Vec<Property>> = LazyLock::new(all);

/// What GObject registers.
pub fn specs() -> &'static [glib::ParamSpec] {
    static SPECS: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
        let settings = PROPERTIES.iter().map(|property| property.spec.clone());
        settings.chain([stats()]).collect()
    });
    &SPECS
}

/// The property with a number that GObject gave it, from 1 on.
///
/// # Errors
/// There is none.
fn numbered(id: usize) -> Result<&'static Property> {
    let property = id.checked_sub(1).and_then(|index| PROPERTIES.get(index));
    property.with_context(|| format!("there is no property number {id}"))
}

/// Takes the value of the property number `id`.
///
/// # Errors
/// A text that is not in its grammar; the settings then stay as they are.
pub fn set(id: usize, settings: &mut Settings, value: &glib::Value) -> Result<()> {
    (numbered(id)?.set)(settings, value)
}

/// What the element has done, which nobody sets.
fn stats() -> glib::ParamSpec {
    glib::ParamSpecBoxed::builder::<gst::Structure>(stats::PROPERTY)
        .nick("Statistics")
        .blurb(
            "What the element has done since it started: numbers of frames, explanations and events, and times",
        )
        .read_only()
        .build()
}

/// The value of the property number `id`.
///
/// # Errors
/// There is no such property.
pub fn get(id: usize, settings: &Settings) -> Result<glib::Value> {
    Ok((numbered(id)?.get)(&mut settings.clone()))
}

#[expect(
    clippy::too_many_lines,
    reason = "a list: each property with its words and limits"
)]
fn all() -> Vec<Property> {
    let default = Settings::default();
    let share = |name, nick, blurb, field: Field<f32>| {
        let builder = glib::ParamSpecFloat::builder(name)
            .nick(nick)
            .blurb(blurb)
            .minimum(0.0)
            .maximum(1.0)
            .default_value(*field(&mut Settings::default()));
        plain(builder.controllable().mutable_playing().build(), field)
    };
    let switch = |name, nick, blurb, field: Field<bool>| {
        let builder = glib::ParamSpecBoolean::builder(name)
            .nick(nick)
            .blurb(blurb)
            .default_value(*field(&mut Settings::default()));
        plain(builder.controllable().mutable_playing().build(), field)
    };
    let place = |name, nick, blurb, field: Field<f32>| {
        let builder = glib::ParamSpecFloat::builder(name)
            .nick(nick)
            .blurb(blurb)
            .minimum(0.0);
        plain(builder.controllable().mutable_playing().build(), field)
    };
    let time = |name, nick, blurb, field: Field<u64>| {
        let builder = glib::ParamSpecUInt64::builder(name)
            .nick(nick)
            .blurb(blurb)
            .default_value(*field(&mut Settings::default()));
        plain(builder.controllable().mutable_playing().build(), field)
    };
    vec![
        file(
            "model-file",
            "Model file",
            "ONNX file of the detector; its manifest NAME.toml must lie beside it. Unset: the built-in model",
            |s| &mut s.model_file,
        ),
        text(
            "model-instance-id",
            "Model instance ID",
            "Elements of one process with the same ID share the networks and their threads. Their model-file, mode, threads and execution-provider must be the same. Unset: the element shares nothing",
            |s| &mut s.model_instance_id,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("detections", default.detections)
                .nick("Detections")
                .blurb("Whose detections are explained: the model's own, or those that an earlier element attached to the buffers as regions of interest")
                .mutable_ready()
                .build(),
            |s| &mut s.detections,
        ),
        share("score-threshold", "Score threshold", "Only boxes with a higher score are detections", |s| &mut s.score_threshold),
        share(
            "iou-threshold",
            "IoU threshold",
            "If two detections of one class overlap by more than this (intersection over union), only the better one is kept",
            |s| &mut s.iou_threshold,
        ),
        written(
            "target",
            "Target",
            "Which output of a detection is explained: auto (its class), class:NAME, objectness (if the model has it as a separate output), offset:cx, cy, w or h, or edge:left, right, top or bottom. An offset or edge may end in + or - for a direction",
            |s| &mut s.target,
        ),
        written(
            "contrast",
            "Contrast",
            "What the target is contrasted with: auto (for a class the composite's contrast, else none), mean, softmax, runner-up, class:NAME or none",
            |s| &mut s.contrast,
        ),
        written(
            "composite",
            "Composite",
            &format!(
                "Rules by which relevance is propagated: auto (the composite in the model's manifest, else crp-features), {}, or a list such as high=epsilon:0.25std,low=abs",
                PRESETS.join(", ")
            ),
            |s| &mut s.composite,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("select", default.select)
                .nick("Select")
                .blurb("Which detections are explained")
                .controllable()
                .mutable_playing()
                .build(),
            |s| &mut s.select,
        ),
        written(
            "select-label",
            "Selected labels",
            "Only with select=label: the classes that are explained, as labels or numbers separated by commas",
            |s| &mut s.select_label,
        ),
        place(
            "select-x",
            "Selected x",
            "Only with select=point or missing: x of the point, in pixels from the frame's left edge",
            |s| &mut s.select_x,
        ),
        place("select-y", "Selected y", "Only with select=point or missing: y of the point, in pixels from the frame's top edge", |s| {
            &mut s.select_y
        }),
        plain(
            glib::ParamSpecUInt::builder("max-explanations")
                .nick("Most explanations")
                .blurb("Only with select=all or label: the largest number of detections that are explained at once")
                .minimum(1)
                .maximum(100)
                .default_value(default.max_explanations)
                .controllable()
                .mutable_playing()
                .build(),
            |s| &mut s.max_explanations,
        ),
        written(
            "expected-classes",
            "Expected classes",
            "Classes that are expected in the picture, as labels or numbers separated by commas. Detections of other classes are explained first, and marked as unexpected in metas and messages. Empty: all are expected",
            |s| &mut s.expected_classes,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("mode", default.mode)
                .nick("Mode")
                .blurb("live: frames never wait and show the newest result; every-frame: each frame waits for its own result")
                .mutable_ready()
                .build(),
            |s| &mut s.mode,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("on-error", default.on_error)
                .nick("On error")
                .blurb("What happens when the networks cannot be started or fail: the stream ends with an error, or the video goes on without explanations")
                .mutable_playing()
                .build(),
            |s| &mut s.on_error,
        ),
        time(
            "detect-interval",
            "Detection interval",
            "Least time between two frames in which objects are detected, in nanoseconds. 0: every frame (in live mode, as often as the computer can)",
            |s| &mut s.detect_interval,
        ),
        time(
            "explain-interval",
            "Explanation interval",
            "Least time between two frames that are explained, in nanoseconds. Between them, heatmaps follow their objects. 0: every frame (in live mode, as often as the computer can)",
            |s| &mut s.explain_interval,
        ),
        switch(
            "check-explanations",
            "Check explanations",
            "Check at most one explanation per second of running time: detect again with the reddest part of the frame blurred, and nine times with a part of the same size blurred elsewhere. Explanations of events are checked in any case",
            |s| &mut s.check_explanations,
        ),
        time(
            "expire-overlay",
            "Expire overlay",
            "How long results stay visible after the next ones were due, in nanoseconds; then they fade. The largest value: they stay",
            |s| &mut s.expire_overlay,
        ),
        share("opacity", "Opacity", "Opacity of the heatmap", |s| &mut s.opacity),
        plain(
            glib::ParamSpecEnum::builder_with_default("colour-map", default.colour_map)
                .nick("Colour map")
                .blurb("Colours of the heatmap for positive and negative relevance. On video without colour it is always light-dark")
                .controllable()
                .mutable_playing()
                .build(),
            |s| &mut s.colour_map,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("layout", default.layout)
                .nick("Layout")
                .blurb("Where heatmaps are shown: over the video, or each in a tile of its own")
                .controllable()
                .mutable_playing()
                .build(),
            |s| &mut s.layout,
        ),
        switch("draw-boxes", "Draw boxes", "Draw the detections' boxes", |s| &mut s.draw_boxes),
        switch(
            "draw-labels",
            "Draw labels",
            "Write the detections' labels, and in words what the heatmap explains",
            |s| &mut s.draw_labels,
        ),
        switch("draw-heatmap", "Draw heatmap", "Draw the heatmap", |s| &mut s.draw_heatmap),
        switch(
            "draw-age",
            "Draw age",
            "Write on the frame how old the shown detections and explanations are",
            |s| &mut s.draw_age,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default("output", default.output)
                .nick("Output")
                .blurb("What the frames show: the video with an overlay, or the heatmap alone")
                .controllable()
                .mutable_playing()
                .build(),
            |s| &mut s.output,
        ),
        written(
            "events",
            "Events",
            &format!(
                "Which events (detections that look wrong) are reported, explained and shown: none, all, or a list separated by commas of {}",
                EventKind::ALL.map(|kind| kind.to_string()).join(", ")
            ),
            |s| &mut s.events.kinds,
        ),
        share(
            "event-ambiguous-class",
            "Ambiguous class from",
            "A class is ambiguous if the runner-up at the same default box has at least this share of the class's score",
            |s| &mut s.events.ambiguous_class,
        ),
        time(
            "event-class-flicker",
            "Class flicker within",
            "A class flickers if the object had another class no longer ago than this, in nanoseconds",
            |s| &mut s.events.class_flicker,
        ),
        share(
            "event-box-jitter",
            "Box jitter from",
            "A box jumps if it deviates from its track by more than this share of its size (the square root of its area), and by far more than usual",
            |s| &mut s.events.box_jitter,
        ),
        share(
            "event-fragment",
            "Fragment from",
            "Two boxes of one class, one clearly smaller, count as boxes of one object if at least this share of the smaller one's area lies in the larger one",
            |s| &mut s.events.fragment,
        ),
        share(
            "event-merge",
            "Merge from",
            "A box counts as covering two objects if it contains at least this share of the area of each of two separate, smaller boxes of its class",
            |s| &mut s.events.merge,
        ),
        share(
            "event-low-confidence",
            "Low confidence below",
            "Scores below this count as low",
            |s| &mut s.events.low_confidence,
        ),
        time(
            "event-confirm",
            "Event confirmation",
            "How long every sighting of an object must look wrong in the same way before an event is raised, in nanoseconds. Class flicker and box jitter are raised at once",
            |s| &mut s.events.confirm,
        ),
        time(
            "event-cooldown",
            "Event cooldown",
            "How long an object must be free of a kind of event before it raises that kind again, in nanoseconds",
            |s| &mut s.events.cooldown,
        ),
        file(
            "events-location",
            "Events location",
            "Folder for evidence of events. For each event it gets a line in events.jsonl and PNG files: the original frame, the frame with everything drawn, the heatmap, and the network's input during the check",
            |s| &mut s.events.location,
        ),
        plain(
            glib::ParamSpecUInt64::builder("events-budget")
                .nick("Events budget")
                .blurb("Largest size of all pictures in events-location, in bytes; the oldest are removed first")
                .default_value(default.events.budget)
                .mutable_ready()
                .build(),
            |s| &mut s.events.budget,
        ),
        plain(
            glib::ParamSpecUInt::builder("events-per-minute")
                .nick("Events per minute")
                .blurb("Largest number of events per minute of the stream for which evidence is kept")
                .default_value(default.events.per_minute)
                .mutable_ready()
                .build(),
            |s| &mut s.events.per_minute,
        ),
        switch(
            "post-messages",
            "Post messages",
            "Post every result as an element message. If false, results are only in metas and in the file of results-location",
            |s| &mut s.post_messages,
        ),
        file(
            "results-location",
            "Results location",
            "File to which every result is written as a line of JSON, with the fields of the element message. An existing file is overwritten at the start",
            |s| &mut s.results_location,
        ),
        plain(
            glib::ParamSpecUInt::builder("threads")
                .nick("Threads")
                .blurb("Number of threads of each of the two networks (detection and explanation). 0: half of the cores in live mode, where both run at the same time, and all cores in every-frame mode")
                .maximum(256)
                .default_value(default.threads)
                .mutable_ready()
                .build(),
            |s| &mut s.threads,
        ),
        plain(
            glib::ParamSpecEnum::builder_with_default(
                "execution-provider",
                default.execution_provider,
            )
            .nick("Execution provider")
            .blurb("ONNX Runtime's execution provider for the networks. It is an error if the installed ONNX Runtime was not built with it")
            .mutable_ready()
            .build(),
            |s| &mut s.execution_provider,
        ),
    ]
}

type Field<T> = fn(&mut Settings) -> &mut T;

/// A property whose value is a setting as it is.
fn plain<T>(spec: glib::ParamSpec, field: Field<T>) -> Property
where
    T: ToValue + for<'a> glib::value::FromValue<'a> + 'static,
{
    Property {
        spec,
        get: Box::new(move |settings| field(settings).to_value()),
        set: Box::new(move |settings, value| {
            *field(settings) = value.get().ok().context("the value is of another type")?;
            Ok(())
        }),
    }
}

/// A property whose text is in a grammar; unset is the default.
fn written<T>(name: &str, nick: &str, blurb: &str, field: Field<Written<T>>) -> Property
where
    T: FromStr<Err = Error> + Display + 'static,
{
    let default = field(&mut Settings::default()).value().to_string();
    Property {
        spec: glib::ParamSpecString::builder(name)
            .nick(nick)
            .blurb(blurb)
            .default_value(Some(default.as_str()))
            .mutable_playing()
            .build(),
        get: Box::new(move |settings| field(settings).value().to_string().to_value()),
        set: Box::new(move |settings, value| {
            let text: Option<&str> = value.get()?;
            field(settings).set(text.unwrap_or(&default))
        }),
    }
}

/// A text of any form; unset and empty are none.
fn text(name: &str, nick: &str, blurb: &str, field: Field<Option<String>>) -> Property {
    Property {
        spec: glib::ParamSpecString::builder(name)
            .nick(nick)
            .blurb(blurb)
            .mutable_ready()
            .build(),
        get: Box::new(move |settings| field(settings).to_value()),
        set: Box::new(move |settings, value| {
            let text: Option<String> = value.get()?;
            *field(settings) = text.filter(|text| !text.is_empty());
            Ok(())
        }),
    }
}

/// A file's name; unset and empty are none.
fn file(name: &str, nick: &str, blurb: &str, field: Field<Option<PathBuf>>) -> Property {
    Property {
        spec: glib::ParamSpecString::builder(name)
            .nick(nick)
            .blurb(blurb)
            .mutable_ready()
            .build(),
        get: Box::new(move |settings| {
            let path = field(settings).as_deref().map(Path::to_string_lossy);
            path.map(|path| path.into_owned()).to_value()
        }),
        set: Box::new(move |settings, value| {
            let name: Option<String> = value.get()?;
            *field(settings) = name.filter(|name| !name.is_empty()).map(PathBuf::from);
            Ok(())
        }),
    }
}
