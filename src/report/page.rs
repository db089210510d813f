//! The page itself: cards and photos in, HTML out. The template fills in what is prepared here, in words and per cent.

use std::collections::BTreeMap;

use askama::Template;

use super::answers::Answers;
use super::comparison::{Comparison, verdict_name};
use super::picture::Photo;
use super::{Object, Sight};
use crate::crp::Composite;
use crate::detect::{ClassId, Detection, Model};
use crate::error::Result;
use crate::error::internal::Context;
use crate::geometry::Rect;
use crate::stream::monitor::EventKind;
use crate::truth::Verdict;

/// How many classes a card lists.
const TOP: usize = 5;
/// A tile shows so many times the box's size, but no less of the photo's sides than that share.
const AROUND: f32 = 2.5;
const SMALLEST_WINDOW: f32 = 0.25;

/// A report, ready to be written.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page {
    model: String,
    composite: String,
    photos: Vec<Photo>,
    cards: Vec<Card>,
    classes: Vec<Count>,
    kinds: Vec<Count>,
    verdicts: Vec<Count>,
    comparison: Option<Comparison>,
    left_out: Vec<String>,
    suspicious: usize,
    style: &'static str,
    script: &'static str,
}

/// What can be chosen, and how many cards have it.
struct Count {
    name: String,
    count: usize,
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
    /// What looks wrong: its kind, and in words.
    doubts: Vec<(String, String)>,
    kinds: String,
    /// Beside ground truth; empty without.
    verdict: &'static str,
    /// "wrong class: there is a horse".
    judged: String,
    /// Annotated boxes of the photo.
    truth: Vec<Frame>,
    /// The box, and the other boxes of the photo.
    frame: Frame,
    others: Vec<Frame>,
    /// Where the whole photo lies in a tile that shows what is around the box.
    stage: Frame,
    place: String,
    top: Vec<TopClass>,
    answers: Option<Answers>,
    failure: String,
    /// To sort by: errors first, then objects with events by how much is wrong, then the others by how low their score is.
    pub suspicion: f32,
}

/// A box in per cent of the photo.
pub(super) struct Frame {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

struct TopClass {
    label: String,
    score: String,
    percent: f32,
}

/// The card of an object in the photo number `photo`.
pub(super) fn card(
    photo: usize,
    sight: &Sight,
    object: &Object,
    answers: Result<Answers>,
    model: &Model,
) -> Result<Card> {
    let detection = &object.detection;
    let doubts: Vec<(String, String)> = object
        .events
        .iter()
        .map(|doubt| (doubt.kind.to_string(), doubt.words.clone()))
        .collect();
    let severity: f32 = object.events.iter().map(|doubt| doubt.severity).sum();
    let kinds: Vec<&str> = doubts.iter().map(|(kind, _)| kind.as_str()).collect();
    let [x0, y0, x1, y1] = detection.rect.in_pixels(sight.photo.size).edges();
    let others = sight
        .objects
        .iter()
        .filter(|other| other.detection.default_box != detection.default_box)
        .map(|other| &other.detection.rect)
        .chain(&sight.beside);
    let location = model
        .layout
        .locate(detection.default_box)
        .context("a detection has no default box")?;
    let is_error = !matches!(
        object.verdict,
        None | Some(Verdict::Correct | Verdict::Ignored)
    );
    let (answers, failure) = match answers {
        Ok(answers) => (Some(answers), String::new()),
        Err(error) => (None, format!("{error:#}")),
    };
    Ok(Card {
        id: format!("photo-{photo}-box-{}", detection.default_box),
        photo,
        photo_name: sight.photo.name.clone(),
        aspect: sight.photo.aspect(),
        label: model.manifest.label(detection.class).into_owned(),
        score: format!("{:.2}", detection.score),
        kinds: kinds.join(" "),
        verdict: object.verdict.map_or("", verdict_name),
        judged: judged(object, model),
        truth: sight
            .judged
            .iter()
            .flat_map(|judged| judged.truth.iter().map(|object| Frame::of(&object.rect)))
            .collect(),
        doubts,
        frame: Frame::of(&detection.rect),
        stage: Frame::stage(&detection.rect),
        others: others.map(Frame::of).collect(),
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
        answers,
        failure,
        // An event weighs more than any score, and an error more than any event.
        suspicion: 10.0 * severity + 1.0 - detection.score + if is_error { 100.0 } else { 0.0 },
    })
}

/// What ground truth says of an object, in words.
fn judged(object: &Object, model: &Model) -> String {
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

impl Frame {
    pub(super) fn of(rect: &Rect) -> Self {
        Self {
            left: 100.0 * rect.x0,
            top: 100.0 * rect.y0,
            width: 100.0 * rect.width(),
            height: 100.0 * rect.height(),
        }
    }

    /// The photo, enlarged so that a window around the box fills the tile.
    fn stage(rect: &Rect) -> Self {
        let side = (AROUND * rect.width().max(rect.height())).clamp(SMALLEST_WINDOW, 1.0);
        let start = |from: f32, to: f32| (0.5 * (from + to - side)).clamp(0.0, 1.0 - side);
        Self {
            left: -100.0 * start(rect.x0, rect.x1) / side,
            top: -100.0 * start(rect.y0, rect.y1) / side,
            width: 100.0 / side,
            height: 100.0 / side,
        }
    }
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
            let has = |card: &&Card| card.doubts.iter().any(|(known, _)| known == kind);
            cards.iter().filter(has).count()
        };
        let kinds = EventKind::ALL
            .map(|kind| Count {
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
            suspicious: cards.iter().filter(|card| !card.doubts.is_empty()).count(),
            classes,
            kinds,
            verdicts,
            cards,
            comparison,
            left_out,
            style: include_str!("page.css"),
            script: include_str!("page.js"),
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
fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.filter(|name| !name.is_empty()) {
        *counts.entry(name).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(name, count)| Count {
        name: name.to_owned(),
        count,
    });
    counts.collect()
}

/// How a number reads with its noun: "1 photo", "3 photos".
fn counted(count: &usize, noun: &str) -> String {
    let plural = if *count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_shows_what_is_around_the_box_and_no_edge_of_the_photo() {
        for (rect, left, top, width) in [
            ([0.0, 0.0, 1.0, 1.0], 0.0, 0.0, 100.0),
            ([0.3, 0.2, 0.9, 0.4], 0.0, 0.0, 100.0),
            ([0.45, 0.4, 0.55, 0.6], -50.0, -50.0, 200.0),
            ([0.0, 0.9, 0.01, 1.0], 0.0, -300.0, 400.0),
        ] {
            let stage = Frame::stage(&rect.into());
            let found = [stage.left, stage.top, stage.width, stage.height];
            let near = found
                .iter()
                .zip([left, top, width, width])
                .all(|(found, expected)| (found - expected).abs() < 1e-3);
            assert!(near, "{rect:?}: {found:?}");
        }
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        assert_eq!(counted(&1, "photo"), "1 photo");
        assert_eq!(counted(&0, "photo"), "0 photos");
    }
}
