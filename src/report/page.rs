//! The page itself: cards and photos in, HTML out. The template fills in what is prepared here, in words and per cent.

use std::collections::BTreeMap;

use askama::Template;

use super::card::{Card, VERDICTS_BETWEEN, WithoutExplanation};
use super::comparison::Comparison;
use crate::error::Result;
use crate::error::internal::Context;
use crate::stream::monitor::EventKind;

/// What pages look like, and what they do.
pub(crate) const STYLE: &str = include_str!("page.css");
pub(crate) const SCRIPT: &str = include_str!("page.js");

/// A report, ready to be written.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page {
    totals: PageTotals,
    /// Photos that the page has itself, by number, as data URIs.
    photos: BTreeMap<usize, String>,
    cards: Vec<Card>,
    classes: Vec<FilterOption>,
    kinds: Vec<FilterOption>,
    verdicts: Vec<FilterOption>,
    /// Streams that events come from.
    streams: Vec<FilterOption>,
    /// Of how many objects somebody said something, worth a look first.
    marked: [usize; 2],
    comparison: Option<Comparison>,
    left_out: Vec<String>,
    /// Maps that were checked, those left out that nothing speaks for, and how many of them did better than chance.
    checked: usize,
    passed: usize,
    style: &'static str,
    script: &'static str,
}

/// What the whole report is about, of which the page may show a part.
#[derive(Clone, Debug, Default)]
pub(super) struct PageTotals {
    pub model: String,
    pub composite: String,
    pub photos: usize,
    pub objects: usize,
    /// Objects that raised an event.
    pub suspicious: usize,
    /// Objects that the annotations say are wrong, and missed ones; `None` without annotations.
    pub errors: Option<usize>,
    /// Whether all others are left out.
    pub errors_only: bool,
}

/// What can be chosen, and how many cards have it.
pub(crate) struct FilterOption {
    pub name: String,
    pub count: usize,
}

impl Page {
    pub(super) fn new(
        totals: PageTotals,
        photos: BTreeMap<usize, String>,
        cards: Vec<Card>,
        comparison: Option<Comparison>,
        left_out: Vec<String>,
    ) -> Self {
        let with = |kind: &str| {
            let has = |card: &&Card| card.events.iter().any(|(known, ..)| known == kind);
            cards.iter().filter(has).count()
        };
        let checks = cards
            .iter()
            .filter_map(|card| card.explanations.as_ref().ok());
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
            totals,
            photos,
            checked: checks.len(),
            passed: checks.into_iter().filter(|passed| *passed).count(),
            classes: counts(cards.iter().flat_map(Card::classes)),
            kinds,
            verdicts: counts((cards.iter()).flat_map(|card| card.verdicts.split(VERDICTS_BETWEEN))),
            streams: counts(cards.iter().map(|card| card.stream.as_str())),
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

    pub(super) fn totals(&self) -> &PageTotals {
        &self.totals
    }

    /// How many cards have explanations.
    pub(super) fn explained(&self) -> usize {
        let explained = self.cards.iter().filter(|card| card.explanations.is_ok());
        explained.count()
    }

    /// Whether there are cards that nobody asked explanations for.
    fn are_some_unasked(&self) -> bool {
        let mut cards = self.cards.iter();
        cards.any(
            |card| matches!(&card.explanations, Err(why) if !matches!(why, WithoutExplanation::Failed(_))),
        )
    }

    /// Whether the run was ended before all was explained that comes first.
    fn is_interrupted(&self) -> bool {
        let mut cards = self.cards.iter();
        cards.any(|card| matches!(&card.explanations, Err(WithoutExplanation::Interrupted)))
    }

    /// What a page without a card says.
    fn nothing(&self) -> &'static str {
        match (self.totals.photos, self.totals.objects) {
            (0, _) if self.left_out.is_empty() => "Nothing looked wrong: no event was kept.",
            (0, _) => "Nothing was looked at.",
            (_, 0) => "Nothing was detected. A lower score threshold may help.",
            _ => "Nothing of what was detected looks wrong.",
        }
    }

    fn suspicious_cards(&self) -> usize {
        let events = |card: &&Card| !card.events.is_empty();
        self.cards.iter().filter(events).count()
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

/// Names for the page's script, as JSON: a name may have any characters in it.
pub(crate) fn name_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    serde_json::json!(names).to_string()
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
