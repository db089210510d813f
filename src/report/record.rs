//! The report for machines: what was looked at in, one record with an item for each detection and each missed object out. Its form is `docs/schema/report.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::card::{Card, card_id, mark};
use super::explanations::CheckFigure;
use super::missed::MissedObject;
use super::photo::{AlsoFound, PhotoSource, ReportedObject, ReportedPhoto};
use super::photo_detections::FoundBox;
use crate::detect::{ClassId, Model};
use crate::geometry::{Rect, Size};
use crate::truth::{Annotated, Verdict};

/// A report for machines.
#[derive(Clone, Debug, Serialize)]
pub struct ReportRecord {
    /// Of this form.
    pub schema: u32,
    /// The model's name.
    pub model: String,
    /// How relevance was propagated.
    pub composite: String,
    /// Boxes with a score above it are detections.
    pub score_threshold: f32,
    /// Detections of one class overlap by no more.
    pub iou_threshold: f32,
    /// Photos that were looked at.
    pub photos: usize,
    /// Objects on them.
    pub objects: usize,
    /// Objects that raised an event.
    pub suspicious: usize,
    /// How many objects are explained.
    pub explained: usize,
    /// Beside annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<RecordedTruth>,
    /// Whether items are only errors, or what looks wrong.
    pub errors_only: bool,
    /// Whether the run ended before it had looked at and explained all.
    pub interrupted: bool,
    /// What the page does not show, and why.
    pub left_out: Vec<String>,
    /// In the order of the page, missed objects last.
    pub items: Vec<ReportItem>,
}

/// What annotations say of all of it.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedTruth {
    /// Photos that somebody has annotated.
    pub photos: usize,
    /// How many detections have which verdict; a default box that was detected as two classes has two.
    pub verdicts: BTreeMap<&'static str, usize>,
    /// Annotated objects that no detection is on.
    pub missed: usize,
    /// Annotations of classes that the model does not have, by label.
    pub unknown_labels: BTreeMap<String, usize>,
}

/// A detection, or an object that was missed.
#[derive(Clone, Debug, Serialize)]
pub struct ReportItem {
    /// "object", "class" for a further class at the default box of an object, or "missed".
    pub item: &'static str,
    /// As the page calls the photo.
    pub photo: String,
    /// Its file.
    pub file: String,
    /// The stream of a frame of events.
    pub stream: Option<String>,
    /// When the frame was kept.
    pub recorded: Option<String>,
    /// Of the class.
    pub label: String,
    /// Its number.
    pub class: ClassId,
    /// 0..=1; `None` of a missed one.
    pub score: Option<f32>,
    /// Left, upper, right and lower edge, pixels of the photo.
    pub r#box: [f32; 4],
    /// Where the network said so.
    pub default_box: Option<usize>,
    /// The best other class.
    pub runner_up: Option<ItemRunnerUp>,
    /// What looks wrong.
    pub events: Vec<ItemEvent>,
    /// What somebody said of the events: "worth" or "not".
    pub mark: Option<&'static str>,
    /// Beside annotations.
    pub verdict: Option<&'static str>,
    /// The label of the annotation, where the verdict is of another class.
    pub truth: Option<String>,
    /// Whether the page explains it.
    pub explained: bool,
    /// Of the map that comes first.
    pub check: Option<ItemCheck>,
    /// Why it was missed, where that is explained.
    pub reason: Option<String>,
    /// Where the page shows it: the part of its address behind the `#`.
    pub card: Option<String>,
}

/// The best other class at a default box.
#[derive(Clone, Debug, Serialize)]
pub struct ItemRunnerUp {
    /// Its label.
    pub label: String,
    /// 0..=1
    pub score: f32,
}

/// Something that looks wrong.
#[derive(Clone, Debug, Serialize)]
pub struct ItemEvent {
    /// Its kind, as `docs/errors.md` has them.
    pub kind: String,
    /// The same for people.
    pub words: String,
    /// 0..=1
    pub severity: f32,
}

/// What an explanation is worth.
#[derive(Clone, Debug, Serialize)]
pub struct ItemCheck {
    /// Whether it did better than chance.
    pub passed: bool,
    /// By how much the asked quantity falls without the reddest part.
    pub effect: f64,
    /// The same on average without as much elsewhere.
    pub effect_of_chance: f64,
}

impl ReportItem {
    /// Each class of an object at a `place` as in [`Card::place`], with its verdict; `card` where the page shows it.
    pub(super) fn of_classes(
        place: (usize, usize),
        photo: &ReportedPhoto,
        object: &ReportedObject,
        card: Option<&Card>,
        model: &Model,
    ) -> Vec<(Self, Option<Verdict>)> {
        let first = Self::of_object(place, photo, object, card, model);
        let also = object.also.iter().map(|also| {
            let AlsoFound { found, verdict } = also;
            let item = Self {
                card: first.card.clone(),
                ..Self::of_class("class", photo, found, *verdict, model)
            };
            (item, *verdict)
        });
        let mut items: Vec<_> = also.collect();
        items.insert(0, (first, object.verdict));
        items
    }

    fn of_object(
        place: (usize, usize),
        photo: &ReportedPhoto,
        object: &ReportedObject,
        card: Option<&Card>,
        model: &Model,
    ) -> Self {
        let found = &object.found;
        let explanations = card.and_then(|card| card.explanations.as_ref().ok());
        let first = explanations.and_then(|all| all.lead.first());
        Self {
            events: (object.events.iter())
                .map(|event| ItemEvent {
                    kind: event.kind.to_string(),
                    words: event.words.clone(),
                    severity: event.severity,
                })
                .collect(),
            mark: mark(object),
            explained: explanations.is_some(),
            check: first
                .and_then(|tile| tile.check.as_ref())
                .map(ItemCheck::of),
            card: card.map(|_| card_id(place.0, found.default_box)),
            ..Self::of_class("object", photo, found, object.verdict, model)
        }
    }

    /// What all detections have.
    fn of_class(
        item: &'static str,
        photo: &ReportedPhoto,
        found: &FoundBox,
        verdict: Option<Verdict>,
        model: &Model,
    ) -> Self {
        let label = |class| model.manifest.label(class).into_owned();
        Self {
            score: Some(found.score),
            default_box: Some(found.default_box),
            runner_up: found.runner_up.map(|(class, score)| ItemRunnerUp {
                label: label(class),
                score,
            }),
            verdict: verdict.map(Verdict::name),
            truth: match verdict {
                Some(Verdict::Class { truth }) => Some(label(truth)),
                _ => None,
            },
            ..Self::at(item, photo, found.class, &found.rect(), model)
        }
    }

    /// Of an annotated object that was missed; `shown` where the page shows it.
    pub(super) fn of_missed(
        photo: &ReportedPhoto,
        object: &Annotated,
        shown: Option<&MissedObject>,
        model: &Model,
    ) -> Self {
        let explained = shown.filter(|shown| shown.is_explained);
        Self {
            verdict: Some("missed"),
            explained: explained.is_some(),
            reason: explained.map(|shown| shown.words.clone()),
            card: shown.map(|_| "truth".to_owned()),
            ..Self::at("missed", photo, object.class, &object.rect, model)
        }
    }

    /// What items of both kinds have.
    fn at(
        item: &'static str,
        photo: &ReportedPhoto,
        class: ClassId,
        rect: &Rect,
        model: &Model,
    ) -> Self {
        let PhotoSource {
            name,
            file,
            stream,
            recorded,
            ..
        } = photo.source.clone();
        Self {
            item,
            photo: name,
            file,
            stream,
            recorded,
            label: model.manifest.label(class).into_owned(),
            class,
            score: None,
            r#box: pixels(rect, photo.size),
            default_box: None,
            runner_up: None,
            events: Vec::new(),
            mark: None,
            verdict: None,
            truth: None,
            explained: false,
            check: None,
            reason: None,
            card: None,
        }
    }
}

impl ItemCheck {
    fn of(check: &CheckFigure) -> Self {
        let [effect, effect_of_chance] = check.effects;
        Self {
            passed: check.passed,
            effect,
            effect_of_chance,
        }
    }
}

/// To a tenth, which no detector is sure of.
fn pixels(rect: &Rect, size: Size) -> [f32; 4] {
    rect.in_pixels(size)
        .edges()
        .map(|edge| (10.0 * edge).round() / 10.0)
}
