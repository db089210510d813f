//! A card of the page: an object and its explanations in, what the template shows of it in words and per cent out.

use std::collections::BTreeSet;

use super::css_rect::CssRect;
use super::explanations::{HeatmapFigure, ObjectExplanations};
use super::photo::{ReportedObject, ReportedPhoto};
use super::picture::aspect;
use super::suspicion::{UNPROVEN, is_ranked, suspicion};
use super::view::PhotoView;
use crate::detect::in_words::corners;
use crate::detect::{ClassId, Model};
use crate::error::internal::Context;
use crate::error::{Error, Result};
use crate::stream::evidence::Mark;
use crate::truth::Verdict;

/// What stands between a card's verdicts; the page's script splits them there.
pub(super) const VERDICTS_BETWEEN: &str = ", ";

/// All about one object.
pub(super) struct Card {
    pub id: String,
    /// The numbers of the photo, and of the object on it.
    pub place: (usize, usize),
    /// The photo's number.
    pub photo: usize,
    pub photo_name: String,
    /// The stream of a frame of events; else empty.
    pub stream: String,
    /// The photo's file, where the page does not have it itself.
    pub photo_url: String,
    /// Width / height.
    pub aspect: String,
    pub label: String,
    pub score: String,
    /// What looks wrong: its kind, in words, and what somebody said of it.
    pub events: Vec<(String, String, &'static str)>,
    pub kinds: String,
    /// What is known where nothing looks wrong.
    pub quiet: String,
    /// "worth" where somebody said so of one of its events, "not" where of none, and of one the contrary; else empty.
    pub mark: &'static str,
    /// Of all classes that were detected here, beside ground truth; empty without.
    pub verdicts: String,
    /// Of its class; none without ground truth.
    pub judged: Option<JudgedClass>,
    /// The other classes that were detected here.
    pub also: Vec<AlsoClass>,
    /// Annotated boxes of the photo.
    pub truth: Vec<CssRect>,
    /// The box, and the other boxes of the photo.
    pub frame: CssRect,
    pub others: Vec<CssRect>,
    /// Where the whole photo lies in a tile that shows what is around the box.
    pub stage: CssRect,
    /// "box 401,136 – 600,339; default box 1436: head 1, row 5, column 8, shape 5".
    pub location: String,
    pub top: Vec<TopClass>,
    /// Or why there are none.
    pub explanations: std::result::Result<ObjectExplanations, WithoutExplanation>,
    /// "passed" or "failed", of the map that comes first; empty where it was not checked.
    pub check: &'static str,
    /// To sort by: errors first, then objects with events by how much is wrong, then those whose first map did no better than chance, then the others; by how low their score is.
    pub suspicion: f32,
}

/// Why an object is not explained.
pub(super) enum WithoutExplanation {
    /// Others look more wrong.
    OthersFirst,
    /// The run was ended before.
    Interrupted,
    /// It was tried, and failed for this.
    Failed(String),
}

impl WithoutExplanation {
    pub fn failed(error: &Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

/// What ground truth says of a class.
pub(super) struct JudgedClass {
    pub verdict: &'static str,
    /// "in truth: horse".
    pub words: String,
    pub is_error: bool,
}

/// A class that was detected behind a better one.
pub(super) struct AlsoClass {
    pub label: String,
    pub score: String,
    pub judged: Option<JudgedClass>,
}

/// A class that scored, as a bar.
pub(super) struct TopClass {
    pub label: String,
    pub score: String,
    pub percent: f32,
}

impl Card {
    /// Of the object `place.1` on the photo number `place.0`.
    pub fn new(
        place: (usize, usize),
        photo: &ReportedPhoto,
        object: &ReportedObject,
        explanations: std::result::Result<ObjectExplanations, WithoutExplanation>,
        photo_url: String,
        model: &Model,
    ) -> Result<Self> {
        let found = &object.found;
        let events: Vec<(String, String, &str)> = object
            .events
            .iter()
            .map(|event| {
                let mark = event.mark.map_or("", Mark::words);
                (event.kind.to_string(), event.words.clone(), mark)
            })
            .collect();
        let kinds: Vec<&str> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
        let others = photo
            .objects
            .iter()
            .filter(|other| other.found.default_box != found.default_box)
            .map(|other| other.found.rect())
            .chain(photo.beside.iter().copied());
        let first = explanations.as_ref().ok().and_then(|all| all.lead.first());
        let check = match first.and_then(|tile| tile.check.as_ref()) {
            None => "",
            Some(check) if check.passed => "passed",
            Some(_) => "failed",
        };
        let is_unproven = check == "failed" && !is_ranked(object);
        let judged = photo.judged.as_ref();
        let annotated = judged.into_iter().flat_map(|judged| &judged.truth);
        Ok(Self {
            id: card_id(place.0, found.default_box),
            place,
            photo: place.0,
            photo_name: photo.source.words(),
            stream: photo.source.stream.clone().unwrap_or_default(),
            photo_url,
            aspect: aspect(photo.size),
            label: model.manifest.label(found.class).into_owned(),
            score: format!("{:.2}", found.score),
            kinds: kinds.join(" "),
            quiet: quiet(object, model),
            mark: mark(object).unwrap_or_default(),
            verdicts: verdicts(object),
            judged: JudgedClass::of(object.verdict, model),
            also: (object.also.iter())
                .map(|also| AlsoClass {
                    label: model.manifest.label(also.found.class).into_owned(),
                    score: format!("{:.2}", also.found.score),
                    judged: JudgedClass::of(also.verdict, model),
                })
                .collect(),
            truth: annotated.map(|object| CssRect::of(&object.rect)).collect(),
            events,
            frame: CssRect::of(&found.rect()),
            stage: CssRect::stage(&found.rect()),
            others: others.map(|rect| CssRect::of(&rect)).collect(),
            location: location(photo, object, model)?,
            top: top(&found.top, model),
            explanations,
            check,
            suspicion: suspicion(object) + if is_unproven { UNPROVEN } else { 0.0 },
        })
    }

    /// All classes that were detected here, each once.
    pub fn classes(&self) -> BTreeSet<&str> {
        let also = self.also.iter().map(|also| also.label.as_str());
        also.chain([self.label.as_str()]).collect()
    }

    /// The photo around the object with one of its heatmaps.
    pub fn view(&self, tile: &HeatmapFigure) -> PhotoView {
        PhotoView {
            photo: self.photo,
            url: self.photo_url.clone(),
            aspect: self.aspect.clone(),
            stage: self.stage,
            heat: tile.heat.clone(),
            boxes: vec![("", self.frame)],
            words: format!("Heatmap over {}: {}", self.photo_name, tile.words),
        }
    }
}

/// What the card of an object is called on its page.
pub(super) fn card_id(photo: usize, default_box: usize) -> String {
    format!("photo-{photo}-box-{default_box}")
}

/// Where the box is, in pixels and in the network.
fn location(photo: &ReportedPhoto, object: &ReportedObject, model: &Model) -> Result<String> {
    let found = &object.found;
    let location = model.layout.locate(found.default_box);
    let location = location.context("a detection has no default box")?;
    Ok(format!(
        "box {}; default box {}: head {}, row {}, column {}, shape {}",
        corners(found.rect().in_pixels(photo.size)),
        found.default_box,
        location.head,
        location.row,
        location.col,
        location.shape
    ))
}

/// What somebody said of an object's events: "worth" or "not".
pub(super) fn mark(object: &ReportedObject) -> Option<&'static str> {
    let said = |mark: Mark| object.events.iter().any(|event| event.mark == Some(mark));
    match (said(Mark::Worth), said(Mark::Not)) {
        (true, _) => Some("worth"),
        (false, true) => Some("not"),
        (false, false) => None,
    }
}

/// What is known of an object without events. That is less than that it is right.
fn quiet(object: &ReportedObject, model: &Model) -> String {
    let found = &object.found;
    let score = format!("score {:.2}", found.score);
    match found.runner_up {
        Some((class, rival)) => format!(
            "no event: {score}, the next class is {} with {rival:.2}",
            model.manifest.label(class)
        ),
        None => format!("no event: {score}"),
    }
}

/// What ground truth says of each class of an object, each verdict once: "correct, wrong class".
fn verdicts(object: &ReportedObject) -> String {
    let also = object.also.iter().map(|also| also.verdict);
    let mut names: Vec<&str> = (std::iter::once(object.verdict).chain(also))
        .flatten()
        .map(Verdict::name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(VERDICTS_BETWEEN)
}

impl JudgedClass {
    fn of(verdict: Option<Verdict>, model: &Model) -> Option<Self> {
        let verdict = verdict?;
        let words = match verdict {
            Verdict::Correct => "its class and its box agree with an annotation".to_owned(),
            Verdict::Ignored => "in a crowd, or on an object marked as difficult".to_owned(),
            Verdict::Class { truth } => format!("in truth: {}", model.manifest.label(truth)),
            Verdict::Localization => "the annotated box is another".to_owned(),
            Verdict::Both => "another class and another box are annotated".to_owned(),
            Verdict::Duplicate => "a better detection has this object".to_owned(),
            Verdict::Background => "nothing is annotated here".to_owned(),
        };
        Some(Self {
            verdict: verdict.name(),
            words,
            is_error: verdict.is_error(),
        })
    }
}

fn top(classes: &[(ClassId, f32)], model: &Model) -> Vec<TopClass> {
    let classes = classes.iter();
    classes
        .map(|&(class, score)| TopClass {
            label: model.manifest.label(class).into_owned(),
            score: format!("{score:.3}"),
            percent: 100.0 * score,
        })
        .collect()
}
