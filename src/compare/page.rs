//! The page of a comparison: photos and compared objects in, HTML out, in the style of the report.

use std::collections::BTreeSet;

use askama::Template;
use image::RgbImage;

use super::comparison::ModelComparison;
use super::gate::{GateResult, TruthCounts};
use super::object::{ComparedObject, ObjectChange};
use super::shift::ClassShift;
use super::side::ObjectSide;
use crate::detect::Model;
use crate::error::Result;
use crate::error::internal::Context;
use crate::error::picture::ensure;
use crate::evaluate::Mean;
use crate::geometry::Size;
use crate::limits::MOST_OBJECTS;
use crate::report::parts::{
    CssRect, FilterOption, PagePictures, PhotoView, SCRIPT, STYLE, aspect, counted, counts,
    name_list,
};

/// A page, ready to be written once a comparison is done.
#[derive(Template)]
#[template(path = "compare.html")]
pub struct ComparisonPage {
    base: String,
    candidate: String,
    photos: Vec<ShownPhoto>,
    cards: Vec<ComparedCard>,
    /// Objects, those that the page does not hold included.
    objects: usize,
    classes: Vec<FilterOption>,
    kinds: Vec<FilterOption>,
    /// Rows of the table of shifts, each as long as [`COLUMNS`].
    shifts: Vec<[String; COLUMNS.len()]>,
    columns: [(&'static str, &'static str); COLUMNS.len()],
    truth: Option<TruthCounts>,
    gate: Vec<GateResult>,
    /// What of the models' classes is likely not meant so.
    warnings: Vec<String>,
    left_out: Vec<String>,
    style: &'static str,
    script: &'static str,
}

/// What stands in the table of shifts, and what it means.
const COLUMNS: [(&str, &str); 12] = [
    ("class", ""),
    ("lost", "detected by the base alone"),
    ("renamed", "detected as another class"),
    (
        "changed",
        "score by more than 0.1, or box below an IoU of 0.75",
    ),
    ("gained", "detected by the candidate alone"),
    ("same", "none of these"),
    ("score", "mean change"),
    ("in the box", "change of the share of relevance"),
    (
        "effect",
        "change of the fall without the reddest part, logits",
    ),
    ("checked", "change of the share that passes its check"),
    ("rank correlation", "of both maps"),
    ("top tenth", "in common"),
];

/// A photo on the page.
struct ShownPhoto {
    name: String,
    /// Of the original.
    size: Size,
    /// JPEG as a data URI; empty where the page does not show it.
    uri: String,
}

impl ShownPhoto {
    /// Scaled down.
    ///
    /// # Errors
    /// A photo without pixels.
    fn new(name: String, photo: &RgbImage) -> Result<Self> {
        let size = Size::from(photo.dimensions());
        ensure!(!size.is_empty(), "{name} has no pixels");
        let uri = PagePictures::Within.photo(photo)?;
        Ok(Self { name, size, uri })
    }
}

/// An object on the page.
struct ComparedCard {
    change: ObjectChange,
    /// Its class, as each model calls it.
    classes: BTreeSet<String>,
    /// "sheep 0.92 → horse 0.71".
    words: String,
    /// The photo's number.
    photo: usize,
    photo_name: String,
    tiles: [ComparedTile; 2],
    agreement: String,
    /// To sort by: the gravest change first, then the maps that are least alike.
    order: (ObjectChange, f64),
}

/// What one model says of an object.
struct ComparedTile {
    model: &'static str,
    view: Option<PhotoView>,
    question: String,
    notes: Vec<String>,
}

impl ComparedCard {
    /// All that are written on it.
    fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(String::as_str)
    }
}

impl ComparisonPage {
    /// Of two models that have seen nothing yet.
    pub(super) fn new(base: &Model, candidate: &Model) -> Self {
        Self {
            base: base.manifest.name.clone(),
            candidate: candidate.manifest.name.clone(),
            photos: Vec::new(),
            cards: Vec::new(),
            objects: 0,
            classes: Vec::new(),
            kinds: Vec::new(),
            shifts: Vec::new(),
            columns: COLUMNS,
            truth: None,
            gate: Vec::new(),
            warnings: Vec::new(),
            left_out: Vec::new(),
            style: STYLE,
            script: SCRIPT,
        }
    }

    /// With warnings about both models' classes.
    pub(super) fn warning(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Adds a photo with its objects. What differs least takes no memory any more where there is more than the page holds.
    ///
    /// # Errors
    /// A photo without pixels.
    pub(super) fn add(
        &mut self,
        name: &str,
        photo: &RgbImage,
        objects: &[ComparedObject],
    ) -> Result<()> {
        let mut photo = ShownPhoto::new(name.to_owned(), photo)?;
        let index = self.photos.len();
        let cards = objects.iter().map(|object| card(index, &photo, object));
        let cards = cards.collect::<Result<Vec<_>>>()?;
        if cards.is_empty() {
            photo.uri = String::new();
        }
        self.photos.push(photo);
        self.objects += cards.len();
        self.cards.extend(cards);
        // Twice as many, so that they are not sorted at every photo.
        if self.cards.len() > 2 * MOST_OBJECTS {
            self.forget();
        }
        Ok(())
    }

    /// Keeps the gravest changes, no more than a page holds, and of the photos those that they are on.
    fn forget(&mut self) {
        keep_gravest(&mut self.cards, &mut self.photos, MOST_OBJECTS);
    }

    pub(super) fn leave_out(&mut self, reason: String) {
        self.left_out.push(reason);
    }

    /// With what the whole comparison says.
    pub(super) fn with(mut self, comparison: &ModelComparison) -> Self {
        self.forget();
        let shown = self.cards.len();
        if shown < self.objects {
            self.left_out.push(format!(
                "{} of {} objects, those that differ least: a page holds {MOST_OBJECTS}",
                self.objects - shown,
                self.objects
            ));
        }
        self.classes = counts(self.cards.iter().flat_map(ComparedCard::classes));
        self.kinds = counts(self.cards.iter().map(|card| card.change.name()));
        self.shifts = comparison.shifts.iter().map(row).collect();
        self.truth = comparison.truth;
        self.gate = comparison.gate.clone();
        self
    }

    /// The page, one file.
    ///
    /// # Errors
    /// None that is known: filling the template in memory does not fail.
    pub fn html(&self) -> Result<String> {
        self.render().context("cannot fill the page's template")
    }
}

/// Sorts the gravest changes first, keeps `most` of them, and drops the pictures that none of them is on.
fn keep_gravest(cards: &mut Vec<ComparedCard>, photos: &mut [ShownPhoto], most: usize) {
    cards.sort_by(|a, b| {
        let order = a.order.0.cmp(&b.order.0);
        order.then(a.order.1.total_cmp(&b.order.1))
    });
    cards.truncate(most);
    let shown: BTreeSet<usize> = cards.iter().map(|card| card.photo).collect();
    for (index, photo) in photos.iter_mut().enumerate() {
        if !shown.contains(&index) {
            photo.uri = String::new();
        }
    }
}

fn card(index: usize, photo: &ShownPhoto, object: &ComparedObject) -> Result<ComparedCard> {
    let sides = [("base", &object.base), ("candidate", &object.candidate)];
    let said = sides.map(|(_, side)| side.as_ref().map_or_else(nothing, said));
    let boxes: Vec<_> = sides
        .iter()
        .filter_map(|(_, side)| Some(side.as_ref()?.rect))
        .collect();
    let around = boxes.iter().copied().reduce(|a, b| a.union(&b));
    let tile = |(model, side): (&'static str, &Option<ObjectSide>)| -> Result<ComparedTile> {
        let Some((side, around)) = side.as_ref().zip(around) else {
            return Ok(ComparedTile {
                model,
                view: None,
                question: String::new(),
                notes: object.unanswered.iter().cloned().collect(),
            });
        };
        let is_detection = side.detected || side.instead.is_some();
        let kind = if is_detection { "" } else { "nearest" };
        Ok(ComparedTile {
            model,
            view: Some(PhotoView {
                photo: index,
                aspect: aspect(photo.size),
                stage: CssRect::stage(&around),
                heat: PagePictures::Within.heat(&side.map)?,
                url: String::new(),
                boxes: vec![(kind, CssRect::of(&side.rect))],
                words: format!("{model}: {} over {}", side.question, photo.name),
            }),
            question: side.question.clone(),
            notes: notes(side),
        })
    };
    let [base, candidate] = sides.map(tile);
    let agreement = object.maps.zip(object.iou).map(|(maps, iou)| {
        format!(
            "boxes: IoU {iou:.2}; maps: rank correlation {:.2}, {:.0} % of the most relevant tenth in common",
            maps.rank_correlation,
            100.0 * maps.top_intersection
        )
    });
    Ok(ComparedCard {
        change: object.change,
        classes: object.labels(),
        words: said.join(" → "),
        photo: index,
        photo_name: photo.name.clone(),
        tiles: [base?, candidate?],
        agreement: agreement.unwrap_or_default(),
        order: (
            object.change,
            object.maps.map_or(-1.0, |maps| maps.rank_correlation),
        ),
    })
}

/// What a model detects: "sheep 0.92", or "sheep 0.61 beside it" where that is not the object.
fn said(side: &ObjectSide) -> String {
    let words = format!("{} {:.2}", side.label, side.score);
    match side.instead {
        _ if side.detected => words,
        Some(instead) => format!("{words} {}", instead.words()),
        None => nothing(),
    }
}

fn nothing() -> String {
    "nothing".to_owned()
}

/// What is told of one model's explanation.
fn notes(side: &ObjectSide) -> Vec<String> {
    let mut notes: Vec<String> = side.reason.iter().cloned().collect();
    notes.extend(
        side.verdict
            .map(|verdict| format!("beside the annotations: {verdict}")),
    );
    notes.push(format!(
        "{:.0} % of the relevance in the box",
        100.0 * side.in_box_share
    ));
    notes.extend(side.check.clone());
    notes
}

/// A row of the table of shifts.
fn row(shift: &ClassShift) -> [String; COLUMNS.len()] {
    let [lost, renamed, changed, gained, same] = shift.counts.map(|count| count.to_string());
    let signed = |mean: Option<Mean>| interval(mean, true);
    let plain = |mean: Option<Mean>| interval(mean, false);
    [
        shift.class.clone(),
        lost,
        renamed,
        changed,
        gained,
        same,
        signed(shift.score),
        signed(shift.in_box_share),
        signed(shift.effect),
        signed(shift.checked),
        plain(shift.rank_correlation),
        plain(shift.top_intersection),
    ]
}

/// "+0.12 [+0.03, +0.20]", or of one object "+0.12": one has no interval.
fn interval(mean: Option<Mean>, signed: bool) -> String {
    let Some(Mean { mean, low, high }) = mean else {
        return "–".to_owned();
    };
    let number = |value: f64| match signed {
        true => format!("{value:+.2}"),
        false => format!("{value:.2}"),
    };
    match low == high {
        true => number(mean),
        false => format!("{} [{}, {}]", number(mean), number(low), number(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::object::tests::side;
    use crate::compare::{ObjectAnswer, OtherDetection};

    #[test]
    fn one_object_has_no_interval() {
        let one = Mean {
            mean: 0.5,
            low: 0.5,
            high: 0.5,
        };
        let several = Mean { low: 0.25, ..one };
        assert_eq!(interval(Some(one), true), "+0.50");
        assert_eq!(interval(Some(several), true), "+0.50 [+0.25, +0.50]");
        assert_eq!(interval(Some(several), false), "0.50 [0.25, 0.50]");
        assert_eq!(interval(None, true), "–");
    }

    #[test]
    fn what_a_model_has_instead_of_the_object_is_said_and_drawn() {
        let photo = ShownPhoto::new("a".to_owned(), &RgbImage::new(4, 4)).unwrap();
        let told = |candidate: ObjectAnswer| {
            let object = ComparedObject::new(Ok(side("dog", 0.9)), candidate);
            let card = card(0, &photo, &object).unwrap();
            assert_eq!(card.change, ObjectChange::Lost);
            let [_, tile] = card.tiles;
            let kind = tile.view.map(|view| view.boxes[0].0);
            (card.words, kind, tile.notes.into_iter().next().unwrap())
        };
        let missed = |instead: Option<OtherDetection>| {
            Ok(ObjectSide {
                detected: false,
                instead,
                reason: Some("why".to_owned()),
                ..side("dog", 0.6)
            })
        };
        for (candidate, words, kind, note) in [
            (missed(None), "nothing", Some("nearest"), "why"),
            (
                missed(Some(OtherDetection::Beside)),
                "dog 0.60 beside it",
                Some(""),
                "why",
            ),
            (
                missed(Some(OtherDetection::OnAnother)),
                "dog 0.60 on another object",
                Some(""),
                "why",
            ),
            (
                Err("detects no class \"dog\"".to_owned()),
                "nothing",
                None,
                "detects no class \"dog\"",
            ),
        ] {
            let expected = (format!("dog 0.90 → {words}"), kind, note.to_owned());
            assert_eq!(told(candidate), expected);
        }
    }

    #[test]
    fn a_card_has_the_classes_of_both_models() {
        let classes = |candidate: &str| {
            let object = ComparedObject::new(Ok(side("dog", 0.9)), Ok(side(candidate, 0.9)));
            object.labels().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(classes("cat"), ["cat", "dog"]);
        assert_eq!(classes("dog"), ["dog"]);
    }

    #[test]
    fn a_page_holds_the_gravest_changes_and_their_photos() {
        let pair = |candidate: Option<f32>| {
            ComparedObject::new(
                Ok(side("dog", 0.9)),
                candidate
                    .map(|score| side("dog", score))
                    .ok_or_else(|| "detects no class \"dog\"".to_owned()),
            )
        };
        let [same, changed, lost] = [Some(0.9), Some(0.6), None].map(pair);
        let picture = RgbImage::new(4, 4);
        let (mut photos, mut cards) = (Vec::new(), Vec::new());
        for (index, objects) in [vec![&same], vec![&changed, &same], vec![&lost]]
            .into_iter()
            .enumerate()
        {
            let photo = ShownPhoto::new(index.to_string(), &picture).unwrap();
            cards.extend(
                objects
                    .into_iter()
                    .map(|of| card(index, &photo, of).unwrap()),
            );
            photos.push(photo);
        }
        keep_gravest(&mut cards, &mut photos, 4);
        let kept = |cards: &[ComparedCard]| {
            let kept = cards.iter().map(|card| (card.change, card.photo));
            kept.collect::<Vec<_>>()
        };
        assert_eq!(cards.len(), 4);
        keep_gravest(&mut cards, &mut photos, 2);
        assert_eq!(
            kept(&cards),
            [(ObjectChange::Lost, 2), (ObjectChange::Changed, 1)]
        );
        let shown: Vec<bool> = photos.iter().map(|photo| !photo.uri.is_empty()).collect();
        assert_eq!(shown, [false, true, true]);
    }
}
