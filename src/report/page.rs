//! The page itself: cards and photos in, HTML out. The template fills in what is prepared here, in words and per cent.

use std::collections::BTreeMap;

use askama::Template;

use super::comparison::Comparison;
use super::css_rect::CssRect;
use super::explanations::{HeatmapFigure, ObjectExplanations};
use super::photo::{ReportedObject, ReportedPhoto};
use super::picture::Photo;
use super::view::PhotoView;
use crate::crp::Composite;
use crate::detect::{ClassId, Detection, Model};
use crate::error::Result;
use crate::error::internal::Context;
use crate::stream::evidence::Mark;
use crate::stream::monitor::EventKind;
use crate::truth::Verdict;

/// What pages look like, and what they do.
pub(crate) const STYLE: &str = include_str!("page.css");
pub(crate) const SCRIPT: &str = include_str!("page.js");

/// How many classes a card lists.
const TOP: usize = 5;

/// A report, ready to be written.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page {
    model: String,
    composite: String,
    photos: Vec<Photo>,
    cards: Vec<Card>,
    classes: Vec<FilterOption>,
    kinds: Vec<FilterOption>,
    verdicts: Vec<FilterOption>,
    /// Of how many objects somebody said something, worth a look first.
    marked: [usize; 2],
    comparison: Option<Comparison>,
    left_out: Vec<String>,
    suspicious: usize,
    /// Maps that were checked, those left out that nothing speaks for, and how many of them did better than chance.
    checked: usize,
    passed: usize,
    style: &'static str,
    script: &'static str,
}

/// What can be chosen, and how many cards have it.
pub(crate) struct FilterOption {
    pub name: String,
    pub count: usize,
}

/// All about one object.
pub(super) struct Card {
    pub id: String,
    /// The photo's number.
    photo: usize,
    photo_name: String,
    /// Width / height.
    aspect: String,
    label: String,
    score: String,
    /// What looks wrong: its kind, in words, and what somebody said of it.
    events: Vec<(String, String, &'static str)>,
    kinds: String,
    /// "worth" where somebody said so of one of its events, "not" where of none, and of one the contrary; else empty.
    mark: &'static str,
    /// Beside ground truth; empty without.
    verdict: &'static str,
    /// "wrong class: there is a horse".
    judged: String,
    /// Annotated boxes of the photo.
    truth: Vec<CssRect>,
    /// The box, and the other boxes of the photo.
    frame: CssRect,
    others: Vec<CssRect>,
    /// Where the whole photo lies in a tile that shows what is around the box.
    stage: CssRect,
    place: String,
    top: Vec<TopClass>,
    explanations: Option<ObjectExplanations>,
    failure: String,
    /// "passed" or "failed", of the map that comes first; empty where it was not checked.
    check: &'static str,
    /// To sort by: errors first, then objects with events by how much is wrong, then those whose first map did no better than chance, then the others; by how low their score is.
    pub suspicion: f32,
}

impl Card {
    /// The photo around the object with one of its heatmaps.
    fn view(&self, tile: &HeatmapFigure) -> PhotoView {
        PhotoView {
            photo: self.photo,
            aspect: self.aspect.clone(),
            stage: self.stage,
            heat: tile.heat.clone(),
            boxes: vec![("", self.frame)],
            words: format!("Heatmap over {}: {}", self.photo_name, tile.words),
        }
    }
}

struct TopClass {
    label: String,
    score: String,
    percent: f32,
}

/// The card of an object in the photo number `index`.
pub(super) fn card(
    index: usize,
    photo: &ReportedPhoto,
    object: &ReportedObject,
    explanations: Result<ObjectExplanations>,
    model: &Model,
) -> Result<Card> {
    let detection = &object.detection;
    let events: Vec<(String, String, &str)> = object
        .events
        .iter()
        .map(|event| {
            let mark = event.mark.map_or("", Mark::words);
            (event.kind.to_string(), event.words.clone(), mark)
        })
        .collect();
    let kinds: Vec<&str> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
    let [x0, y0, x1, y1] = detection.rect.in_pixels(photo.image.size).edges();
    let others = photo
        .objects
        .iter()
        .filter(|other| other.detection.default_box != detection.default_box)
        .map(|other| &other.detection.rect)
        .chain(&photo.beside);
    let location = model
        .layout
        .locate(detection.default_box)
        .context("a detection has no default box")?;
    let (explanations, failure) = match explanations {
        Ok(explanations) => (Some(explanations), String::new()),
        Err(error) => (None, format!("{error:#}")),
    };
    let first = explanations.as_ref().and_then(|all| all.lead.first());
    let check = match first.and_then(|tile| tile.check.as_ref()) {
        None => "",
        Some(check) if check.passed => "passed",
        Some(_) => "failed",
    };
    let doubt = if check == "failed" && !is_ranked(object) {
        UNPROVEN
    } else {
        0.0
    };
    Ok(Card {
        id: format!("photo-{index}-box-{}", detection.default_box),
        photo: index,
        photo_name: photo.image.name.clone(),
        aspect: photo.image.aspect(),
        label: model.manifest.label(detection.class).into_owned(),
        score: format!("{:.2}", detection.score),
        kinds: kinds.join(" "),
        mark: mark(object),
        verdict: object.verdict.map_or("", Verdict::name),
        judged: judged(object, model),
        truth: photo
            .judged
            .iter()
            .flat_map(|judged| judged.truth.iter().map(|object| CssRect::of(&object.rect)))
            .collect(),
        events,
        frame: CssRect::of(&detection.rect),
        stage: CssRect::stage(&detection.rect),
        others: others.map(CssRect::of).collect(),
        place: format!(
            "box {:.0},{:.0} – {:.0},{:.0}; default box {}: head {}, row {}, column {}, shape {}",
            x0,
            y0,
            x1,
            y1,
            detection.default_box,
            location.head,
            location.row,
            location.col,
            location.shape
        ),
        top: top(detection, model),
        explanations,
        failure,
        check,
        suspicion: suspicion(object) + doubt,
    })
}

/// What somebody said of an object's events.
fn mark(object: &ReportedObject) -> &'static str {
    let said = |mark: Mark| object.events.iter().any(|event| event.mark == Some(mark));
    match (said(Mark::Worth), said(Mark::Not)) {
        (true, _) => "worth",
        (false, true) => "not",
        (false, false) => "",
    }
}

/// What a map that did no better than chance adds to how wrong an object looks that nothing else ranks: less than any event, more than any score.
const UNPROVEN: f32 = 1.0;

/// How wrong an object looks. An event weighs more than any score, and an error more than any event.
pub(super) fn suspicion(object: &ReportedObject) -> f32 {
    let severity: f32 = object.events.iter().map(|event| event.severity).sum();
    let events = if object.events.is_empty() { 0.0 } else { 2.0 };
    let error = if is_error(object) { 100.0 } else { 0.0 };
    10.0 * severity + events + error + 1.0 - object.detection.score
}

/// Whether something else than its score and its explanation says how wrong an object looks.
fn is_ranked(object: &ReportedObject) -> bool {
    is_error(object) || !object.events.is_empty()
}

fn is_error(object: &ReportedObject) -> bool {
    !matches!(
        object.verdict,
        None | Some(Verdict::Correct | Verdict::Ignored)
    )
}

/// What ground truth says of an object, in words.
fn judged(object: &ReportedObject, model: &Model) -> String {
    match object.verdict {
        None | Some(Verdict::Correct | Verdict::Ignored) => String::new(),
        Some(Verdict::Class { truth }) => {
            format!("in truth: {}", model.manifest.label(truth))
        }
        Some(Verdict::Localization) => "the annotated box is another".to_owned(),
        Some(Verdict::Both) => "another class and another box are annotated".to_owned(),
        Some(Verdict::Duplicate) => "a better detection has this object".to_owned(),
        Some(Verdict::Background) => "nothing is annotated here".to_owned(),
    }
}

/// The best trained classes, background aside.
fn top(detection: &Detection, model: &Model) -> Vec<TopClass> {
    let manifest = &model.manifest;
    let scorer = detection.scorer(manifest);
    let mut classes: Vec<(ClassId, f32)> = (0..detection.logits.len())
        .map(ClassId)
        .filter(|&class| manifest.trained(class) && Some(class) != manifest.background())
        .map(|class| (class, detection.logits[class.0]))
        .collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes
        .into_iter()
        .take(TOP)
        .map(|(class, logit)| {
            let score = scorer.score(logit);
            TopClass {
                label: manifest.label(class).into_owned(),
                score: format!("{score:.3}"),
                percent: 100.0 * score,
            }
        })
        .collect()
}

impl Page {
    pub(super) fn new(
        model: &Model,
        composite: &Composite,
        photos: impl Iterator<Item = Photo>,
        cards: Vec<Card>,
        comparison: Option<Comparison>,
        left_out: Vec<String>,
    ) -> Self {
        let classes = counts(cards.iter().map(|card| card.label.as_str()));
        let verdicts = counts(cards.iter().map(|card| card.verdict));
        let with = |kind: &str| {
            let has = |card: &&Card| card.events.iter().any(|(known, ..)| known == kind);
            cards.iter().filter(has).count()
        };
        let checks = cards.iter().filter_map(|card| card.explanations.as_ref());
        let checks = checks.flat_map(|all| all.lead.iter().chain(&all.what_if));
        let checks: Vec<bool> = checks
            .filter_map(|tile| tile.check.as_ref())
            .filter(|check| check.measured)
            .map(|check| check.passed)
            .collect();
        let kinds = EventKind::ALL
            .map(|kind| FilterOption {
                count: with(&kind.to_string()),
                name: kind.to_string(),
            })
            .into_iter()
            .filter(|kind| kind.count > 0)
            .collect();
        Self {
            model: model.manifest.name.clone(),
            composite: composite.to_string(),
            photos: photos.collect(),
            checked: checks.len(),
            passed: checks.into_iter().filter(|passed| *passed).count(),
            suspicious: cards.iter().filter(|card| !card.events.is_empty()).count(),
            classes,
            kinds,
            verdicts,
            marked: ["worth", "not"].map(|mark| cards.iter().filter(|c| c.mark == mark).count()),
            cards,
            comparison,
            left_out,
            style: STYLE,
            script: SCRIPT,
        }
    }

    /// The page, one file.
    ///
    /// # Errors
    /// None that is known: filling the template in memory does not fail.
    pub fn html(&self) -> Result<String> {
        self.render().context("cannot fill the report's template")
    }
}

/// Names in order with how often they occur; "" is none.
pub(crate) fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<FilterOption> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.filter(|name| !name.is_empty()) {
        *counts.entry(name).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(name, count)| FilterOption {
        name: name.to_owned(),
        count,
    });
    counts.collect()
}

/// How a number reads with its noun: "1 photo", "3 photos".
pub fn counted(count: &usize, noun: &str) -> String {
    let plural = if *count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!(counted(&1, "photo"), "1 photo");
        assert_eq!(counted(&0, "photo"), "0 photos");
    }
}
