//! The second half of a report: what was found is put in order, what comes first is explained, and the page and the record of it all come out.

use std::collections::BTreeMap;

use image::RgbImage;

use super::card::{Card, WithoutExplanation};
use super::comparison::Comparison;
use super::confused::ConfusionMeans;
use super::missed::MissedObject;
use super::options::{ReportOptions, ReportWatcher};
use super::page::{Page, PageTotals};
use super::page_maker::{AgainPhotos, PageMaker};
use super::page_pictures::PagePictures;
use super::photo::ReportedObject;
use super::record::{RecordedTruth, ReportItem, ReportRecord};
use super::reporter::{ObjectPlace, Reporter};
use crate::error::Result;
use crate::truth::{Truth, Verdict};

/// Objects that are explained together before those that look less wrong: if the run ends early, it has explained what comes first, but for some of so many.
const TOGETHER: usize = 25;

/// A report, ready to be written.
pub struct FinishedReport {
    /// For people.
    pub page: Page,
    /// For machines.
    pub record: ReportRecord,
}

impl Reporter {
    /// Shows what looks most wrong, and explains what comes first of it. `again` gives a photo once more, by its number among those that were looked at; pictures of the page go into
    /// `pictures`. What cannot be explained says why on the page; what `watcher` has not let begin, and what there is no room for, is said, too.
    ///
    /// # Errors
    /// Pictures cannot be written.
    pub fn explain(
        mut self,
        again: impl Fn(usize) -> Option<RgbImage>,
        pictures: PagePictures,
        watcher: &mut impl ReportWatcher,
    ) -> Result<FinishedReport> {
        let ReportOptions { most, explain, .. } = self.options;
        let (places, missed_places) = (self.places(most), self.missed_places(most));
        self.tell_left_out(places.len(), missed_places.len());
        let mut order = places.clone();
        // Objects of one head share its explanation networks, of which the propagator keeps only a few.
        let first = explain.min(order.len());
        put_together(&mut order[..first], |&(photo, object)| {
            let default_box = self.photos[photo].objects[object].found.default_box;
            self.model.layout.locate(default_box).map(|l| l.head)
        });
        let mut maker = PageMaker {
            model: &self.model,
            detector: &mut self.detector,
            propagator: &mut self.propagator,
            options: &self.options,
            photos: &self.photos,
            forward_passes: &mut self.forward_passes,
            again: AgainPhotos::new(again, pictures),
            pairs: ConfusionMeans::default(),
        };
        let mut asking = Asking {
            left: first,
            watcher,
            has_ended: false,
            unasked: 0,
        };
        let mut cards = Vec::new();
        for &place in &order {
            let begins = asking.begins(&self.photos[place.0].source.name);
            cards.push(maker.card(place, begins)?);
        }
        asking.left = explain.min(missed_places.len());
        let mut missed = Vec::new();
        for &place in &missed_places {
            let begins = asking.begins(&self.photos[place.0].source.name);
            missed.push(maker.missed(place, begins.is_ok())?);
        }
        let unasked = asking.unasked;
        cards.sort_by(|a, b| {
            b.suspicion
                .total_cmp(&a.suspicion)
                .then_with(|| a.place.cmp(&b.place))
        });
        let PageMaker { again, pairs, .. } = maker;
        if unasked > 0 {
            self.interrupt(format!("interrupted: {unasked} explanations were not made"));
        }
        let items = self.items(&cards, &missed_places, &missed);
        self.finish(again.pictures, again.urls, cards, missed, &pairs, items)
    }

    /// Says on the page what it does not show, where so many objects and missed ones are on it.
    fn tell_left_out(&mut self, shown: usize, missed: usize) {
        let all = self.places(usize::MAX).len();
        if shown < all {
            self.left_out.push(format!(
                "{} of {all} objects, those that look least wrong: the page shows {shown}",
                all - shown
            ));
        }
        let all = self.missed_places(usize::MAX).len();
        if missed < all {
            self.left_out.push(format!(
                "{} of {all} objects that were missed, the smallest ones: the page shows {missed}",
                all - missed
            ));
        }
    }

    /// All objects in the order of the page, and behind them all that were missed.
    fn items(
        &self,
        cards: &[Card],
        missed_places: &[ObjectPlace],
        missed: &[MissedObject],
    ) -> Vec<ReportItem> {
        let shown: BTreeMap<ObjectPlace, &Card> =
            cards.iter().map(|card| (card.place, card)).collect();
        let all = self.places(usize::MAX);
        let rest = all.into_iter().filter(|place| !shown.contains_key(place));
        let order = cards.iter().map(|card| card.place).chain(rest);
        let mut items: Vec<ReportItem> = order
            .flat_map(|place| {
                let photo = &self.photos[place.0];
                let (object, card) = (&photo.objects[place.1], shown.get(&place).copied());
                ReportItem::of_classes(place, photo, object, card, &self.model)
            })
            .filter(|(item, verdict)| {
                // Without a verdict an object is there for its event, which no further class has.
                !self.options.errors_only
                    || verdict.map_or(item.item == "object", Verdict::is_error)
            })
            .map(|(item, _)| item)
            .collect();
        let shown: BTreeMap<&ObjectPlace, &MissedObject> =
            missed_places.iter().zip(missed).collect();
        let all = self.missed_places(usize::MAX);
        items.extend(all.iter().filter_map(|place| {
            let photo = &self.photos[place.0];
            let object = photo.annotated(place.1)?;
            let shown = shown.get(place).copied();
            Some(ReportItem::of_missed(photo, object, shown, &self.model))
        }));
        items
    }

    fn finish(
        self,
        mut pictures: PagePictures,
        urls: BTreeMap<usize, String>,
        cards: Vec<Card>,
        missed: Vec<MissedObject>,
        pairs: &ConfusionMeans,
        items: Vec<ReportItem>,
    ) -> Result<FinishedReport> {
        let truth = self.options.truth.as_ref();
        let labels = &self.model.manifest.labels;
        let comparison = truth
            .map(|truth| Comparison::new(truth, &self.photos, pairs, missed, labels, &mut pictures))
            .transpose()?;
        let totals = self.totals(comparison.as_ref());
        let recorded = truth.zip(comparison.as_ref()).map(recorded_truth);
        let photos = match pictures.are_within() {
            true => urls,
            false => BTreeMap::new(),
        };
        let page = Page::new(totals, photos, cards, comparison, self.left_out.clone());
        let record = ReportRecord {
            schema: 1,
            model: page.totals().model.clone(),
            composite: page.totals().composite.clone(),
            score_threshold: self.options.thresholds.score,
            iou_threshold: self.options.thresholds.iou,
            photos: self.photos.len(),
            objects: page.totals().objects,
            suspicious: page.totals().suspicious,
            explained: page.explained(),
            truth: recorded,
            errors_only: self.options.errors_only,
            interrupted: self.interrupted,
            left_out: self.left_out,
            items,
        };
        Ok(FinishedReport { page, record })
    }

    fn totals(&self, comparison: Option<&Comparison>) -> PageTotals {
        let objects = || self.photos.iter().flat_map(|photo| &photo.objects);
        PageTotals {
            model: self.model.manifest.name.clone(),
            composite: self.propagator.composite().to_string(),
            photos: self.photos.len(),
            objects: objects().count(),
            suspicious: objects().filter(|object| !object.events.is_empty()).count(),
            errors: comparison
                .map(|it| it.all_missed + objects().map(ReportedObject::errors).sum::<usize>()),
            errors_only: self.options.errors_only,
        }
    }
}

/// Which objects are still explained.
struct Asking<'a, W> {
    left: usize,
    watcher: &'a mut W,
    /// Whether the watcher has ended it.
    has_ended: bool,
    /// How many were not, for that reason.
    unasked: usize,
}

impl<W: ReportWatcher> Asking<'_, W> {
    /// Says why the next one, which is on the photo of that name, is not.
    fn begins(&mut self, name: &str) -> std::result::Result<(), WithoutExplanation> {
        if self.left == 0 {
            return Err(WithoutExplanation::OthersFirst);
        }
        self.left -= 1;
        self.has_ended = self.has_ended || !self.watcher.begins(name);
        if self.has_ended {
            self.unasked += 1;
            return Err(WithoutExplanation::Interrupted);
        }
        Ok(())
    }
}

/// Puts those of one head together, among as many as are explained together.
fn put_together<T, H: Ord>(order: &mut [T], head: impl Fn(&T) -> H) {
    for together in order.chunks_mut(TOGETHER) {
        together.sort_by_key(&head);
    }
}

fn recorded_truth((truth, comparison): (&Truth, &Comparison)) -> RecordedTruth {
    let kinds = comparison.kinds.iter();
    RecordedTruth {
        photos: comparison.photos,
        verdicts: kinds
            .filter(|kind| kind.name != "missed")
            .map(|kind| (kind.name, kind.count))
            .collect(),
        missed: comparison.all_missed,
        unknown_labels: truth.unknown().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_worst_is_explained_before_the_rest_whatever_its_head() {
        let mut order: Vec<usize> = (0..TOGETHER + 4).collect();
        put_together(&mut order, |place| place % 2);
        let (first, rest) = order.split_at(TOGETHER);
        assert!(first.iter().all(|place| *place < TOGETHER), "{first:?}");
        assert!(first.is_sorted_by_key(|place| (place % 2, *place)));
        assert!(rest.is_sorted_by_key(|place| (place % 2, *place)));
    }
}
