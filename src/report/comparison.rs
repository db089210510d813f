//! Detections against ground truth, for the page: how many errors there are of which kind, which classes are confused, what was missed.

use std::collections::{BTreeMap, BTreeSet};

use super::Sight;
use super::confused::{AROUND, Pairs};
use super::page::Frame;
use super::picture::{heat_layer, jpeg};
use crate::detect::ClassId;
use crate::detect::labels::Labels;
use crate::error::Result;
use crate::geometry::Rect;
use crate::truth::{Truth, Verdict};

/// The page's part about ground truth.
pub(super) struct Comparison {
    /// Photos that somebody has annotated.
    pub photos: usize,
    /// Verdicts with what they mean and how often they were given; in the end what was missed.
    pub kinds: Vec<Row>,
    /// The confusion matrix's columns, then its rows: what is there, and as what it was detected how often.
    pub columns: Vec<String>,
    pub rows: Vec<(String, Vec<Cell>)>,
    pub pairs: Vec<Pair>,
    pub missed: Vec<Missed>,
    /// "sofa (3), tvmonitor (1)": annotated classes that the model does not have.
    pub unknown: String,
}

pub(super) struct Row {
    pub name: &'static str,
    pub meaning: &'static str,
    pub count: usize,
}

pub(super) struct Cell {
    pub count: usize,
    /// Detected as what it is.
    pub right: bool,
}

/// A wrong class on a true one.
pub(super) struct Pair {
    pub detected: String,
    pub truth: String,
    pub count: usize,
    pub heat: String,
    pub photo: String,
    /// The box in per cent of the map.
    pub frame: Frame,
}

/// An object that was not found.
pub(super) struct Missed {
    pub label: String,
    pub photo: usize,
    pub photo_name: String,
    pub aspect: String,
    pub frame: Frame,
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
    pub fn new(truth: &Truth, sights: &[Sight], pairs: &Pairs, labels: &Labels) -> Result<Self> {
        let name = |class: ClassId| labels.name(class).into_owned();
        let judged = || sights.iter().filter_map(|sight| sight.judged.as_ref());
        let verdicts = || judged().flat_map(|judged| judged.verdicts.iter());
        let mut missed = Vec::new();
        // What is there (or nothing), detected as what (or not at all).
        let mut confusion: BTreeMap<(Option<ClassId>, Option<ClassId>), usize> = BTreeMap::new();
        for (index, sight) in sights.iter().enumerate() {
            let Some(judged) = &sight.judged else {
                continue;
            };
            for &(class, verdict) in &judged.verdicts {
                let there = match verdict {
                    Verdict::Correct => Some(class),
                    Verdict::Class { truth } => Some(truth),
                    Verdict::Ignored => continue,
                    _ => None,
                };
                *confusion.entry((there, Some(class))).or_default() += 1;
            }
            for &object in &judged.missed {
                let object = &judged.truth[object];
                *confusion.entry((Some(object.class), None)).or_default() += 1;
                missed.push(Missed {
                    label: name(object.class),
                    photo: index,
                    photo_name: sight.photo.name.clone(),
                    aspect: sight.photo.aspect(),
                    frame: Frame::of(&object.rect),
                });
            }
        }
        let mut kinds: Vec<Row> = MEANINGS
            .into_iter()
            .map(|(kind, meaning)| Row {
                name: verdict_name(kind),
                meaning,
                count: verdicts()
                    .filter(|(_, verdict)| verdict_name(*verdict) == verdict_name(kind))
                    .count(),
            })
            .collect();
        kinds.push(Row {
            name: "missed",
            meaning: "objects that no detection is on",
            count: missed.len(),
        });
        // Only what is there, and only what was detected; nothing and not at all come last.
        type Side = fn(&(Option<ClassId>, Option<ClassId>)) -> Option<ClassId>;
        let side = |of: Side| -> Vec<Option<ClassId>> {
            let classes: BTreeSet<ClassId> = confusion.keys().filter_map(of).collect();
            classes.into_iter().map(Some).chain([None]).collect()
        };
        let (there, detected) = (side(|pair| pair.0), side(|pair| pair.1));
        let rows = there
            .into_iter()
            .map(|there| {
                let cells = detected.iter().map(|&detected| Cell {
                    count: confusion.get(&(there, detected)).copied().unwrap_or(0),
                    right: there.is_some() && there == detected,
                });
                let title = there.map_or("nothing".to_owned(), name);
                (title, cells.collect())
            })
            .collect();
        let unknown: Vec<String> = truth
            .unknown()
            .iter()
            .map(|(label, count)| format!("{label} ({count})"))
            .collect();
        let mut pairs = pairs
            .pairs
            .iter()
            .map(|(&(detected, truth), mean)| {
                let margin = 0.5 * (1.0 - 1.0 / AROUND);
                Ok(Pair {
                    detected: name(detected),
                    truth: name(truth),
                    count: mean.count,
                    heat: heat_layer(&mean.relevance())?,
                    photo: jpeg(&mean.photo())?,
                    frame: Frame::of(&Rect::new(margin, margin, 1.0 - margin, 1.0 - margin)),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        Ok(Self {
            photos: judged().count(),
            kinds,
            columns: detected
                .into_iter()
                .map(|side| side.map_or("not detected".to_owned(), name))
                .collect(),
            rows,
            pairs,
            missed,
            unknown: unknown.join(", "),
        })
    }
}

/// A verdict for people.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Correct => "correct",
        Verdict::Class { .. } => "wrong class",
        Verdict::Localization => "poor box",
        Verdict::Both => "wrong class and poor box",
        Verdict::Duplicate => "duplicate",
        Verdict::Background => "background",
        Verdict::Ignored => "ignored",
    }
}
