//! Detections against ground truth, for the page: how many errors there are of which kind, which classes are confused, what was missed.

use std::collections::{BTreeMap, BTreeSet};

use super::confused::{AROUND, ConfusionMeans};
use super::css_rect::CssRect;
use super::missed::MissedObject;
use super::page_pictures::PagePictures;
use super::photo::{Judged, ReportedPhoto};
use crate::detect::ClassId;
use crate::detect::Labels;
use crate::error::Result;
use crate::geometry::Rect;
use crate::truth::{Truth, Verdict};

/// The page's part about ground truth.
pub(super) struct Comparison {
    /// Photos that somebody has annotated.
    pub photos: usize,
    /// Verdicts with what they mean and how often they were given; in the end what was missed.
    pub kinds: Vec<VerdictCount>,
    /// The confusion matrix's columns, then its rows: what is there, and as what it was detected how often.
    pub columns: Vec<String>,
    pub rows: Vec<(String, Vec<ConfusionCell>)>,
    pub pairs: Vec<ConfusedPair>,
    /// Those that the page shows, and how many there are.
    pub missed: Vec<MissedObject>,
    pub all_missed: usize,
    /// "sofa (3), tvmonitor (1)": annotated classes that the model does not have.
    pub unknown: String,
}

pub(super) struct VerdictCount {
    pub name: &'static str,
    pub meaning: &'static str,
    pub count: usize,
}

pub(super) struct ConfusionCell {
    pub count: usize,
    /// Detected as what it is.
    pub right: bool,
}

/// A wrong class on a true one.
pub(super) struct ConfusedPair {
    pub detected: String,
    pub truth: String,
    /// Errors that the mean is of, and how many there are.
    pub count: usize,
    pub all: usize,
    pub heat: String,
    pub photo: String,
    /// The box in per cent of the map.
    pub frame: CssRect,
}

/// What the verdicts are called, in the order of the page.
const MEANINGS: [(Verdict, &str); 7] = [
    (Verdict::Correct, "the best detection of an object"),
    (
        Verdict::Class { truth: ClassId(0) },
        "on an object of another class",
    ),
    (Verdict::Localization, "the right class, but the box is off"),
    (Verdict::Both, "the wrong class, and the box is off"),
    (
        Verdict::Duplicate,
        "on an object that a better detection has",
    ),
    (Verdict::Background, "on nothing that is annotated"),
    (Verdict::Ignored, "in a crowd, or on a difficult object"),
];

impl Comparison {
    pub fn new(
        truth: &Truth,
        photos: &[ReportedPhoto],
        pairs: &ConfusionMeans,
        missed: Vec<MissedObject>,
        labels: &Labels,
        pictures: &mut PagePictures,
    ) -> Result<Self> {
        let judged = || photos.iter().filter_map(|photo| photo.judged.as_ref());
        let confusion = Confusion::of(judged());
        let all_missed = judged().map(|judged| judged.missed.len()).sum();
        Ok(Self {
            photos: judged().count(),
            kinds: kinds(judged(), all_missed),
            columns: confusion.columns(labels),
            rows: confusion.rows(labels),
            pairs: confused_pairs(pairs, &confusion, labels, pictures)?,
            missed,
            all_missed,
            unknown: truth.unknown_list().unwrap_or_default(),
        })
    }
}

/// How often each verdict was given, and what was missed.
fn kinds<'a>(judged: impl Iterator<Item = &'a Judged>, missed: usize) -> Vec<VerdictCount> {
    let given: Vec<&str> = judged
        .flat_map(|judged| &judged.verdicts)
        .map(|(_, verdict)| verdict.name())
        .collect();
    let mut kinds: Vec<VerdictCount> = MEANINGS
        .into_iter()
        .map(|(kind, meaning)| VerdictCount {
            name: kind.name(),
            meaning,
            count: given.iter().filter(|name| **name == kind.name()).count(),
        })
        .collect();
    kinds.push(VerdictCount {
        name: "missed",
        meaning: "objects that no detection is on",
        count: missed,
    });
    kinds
}

/// The mean maps and photos of each kind of confusion, the most frequent ones first.
fn confused_pairs(
    pairs: &ConfusionMeans,
    confusion: &Confusion,
    labels: &Labels,
    pictures: &mut PagePictures,
) -> Result<Vec<ConfusedPair>> {
    let name = |class: ClassId| labels.name(class).into_owned();
    let margin = 0.5 * (1.0 - 1.0 / AROUND);
    let mut pairs = pairs
        .pairs
        .iter()
        .map(|(&(detected, truth), mean)| {
            Ok(ConfusedPair {
                detected: name(detected),
                truth: name(truth),
                count: mean.count,
                all: confusion.count(Some(truth), Some(detected)),
                heat: pictures.heat(&mean.relevance())?,
                photo: pictures.plain(&mean.photo())?,
                frame: CssRect::of(&Rect::new(margin, margin, 1.0 - margin, 1.0 - margin)),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.all));
    Ok(pairs)
}

/// How often what is there (or nothing) was detected as what (or not at all): `counts[&(there, detected)]`.
#[derive(Default)]
struct Confusion {
    counts: BTreeMap<(Option<ClassId>, Option<ClassId>), usize>,
}

impl Confusion {
    fn of<'a>(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let mut confusion = Self::default();
        for judged in judged {
            for &(class, verdict) in &judged.verdicts {
                let there = match verdict {
                    Verdict::Correct => Some(class),
                    Verdict::Class { truth } => Some(truth),
                    Verdict::Ignored => continue,
                    _ => None,
                };
                confusion.add(there, Some(class));
            }
            for object in judged.missed_objects() {
                confusion.add(Some(object.class), None);
            }
        }
        confusion
    }

    fn add(&mut self, there: Option<ClassId>, detected: Option<ClassId>) {
        *self.counts.entry((there, detected)).or_default() += 1;
    }

    fn count(&self, there: Option<ClassId>, detected: Option<ClassId>) -> usize {
        self.counts.get(&(there, detected)).copied().unwrap_or(0)
    }

    /// What was detected, in order; not at all comes last.
    fn detected(&self) -> Vec<Option<ClassId>> {
        let classes: BTreeSet<ClassId> = self.counts.keys().filter_map(|pair| pair.1).collect();
        classes.into_iter().map(Some).chain([None]).collect()
    }

    /// What is there, in order; nothing comes last.
    fn there(&self) -> Vec<Option<ClassId>> {
        let classes: BTreeSet<ClassId> = self.counts.keys().filter_map(|pair| pair.0).collect();
        classes.into_iter().map(Some).chain([None]).collect()
    }

    fn columns(&self, labels: &Labels) -> Vec<String> {
        let titles = self.detected().into_iter();
        titles
            .map(|class| class.map_or("not detected".to_owned(), |c| labels.name(c).into_owned()))
            .collect()
    }

    fn rows(&self, labels: &Labels) -> Vec<(String, Vec<ConfusionCell>)> {
        let detected = self.detected();
        let row = |there: Option<ClassId>| {
            let cells = detected.iter().map(|&detected| ConfusionCell {
                count: self.count(there, detected),
                right: there.is_some() && there == detected,
            });
            let title = match there {
                Some(class) => labels.name(class).into_owned(),
                None => "no object that fits".to_owned(),
            };
            (title, cells.collect())
        };
        self.there().into_iter().map(row).collect()
    }
}
