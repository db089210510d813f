//! Makes the parts of a page: photos that were looked at in; cards, missed objects and what the mean maps are made of out.
//!
//! Photos are read once more for what is shown of them, so that none has to be kept. What comes first is explained; the rest is shown with its boxes alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use image::RgbImage;

use super::card::{Card, WithoutExplanation};
use super::confused::{ConfusedDetection, ConfusionMeans};
use super::explanations::ObjectExplanations;
use super::forward_passes::ForwardPasses;
use super::missed::{MissedObject, NearestBox, nearest};
use super::options::ReportOptions;
use super::page_pictures::PagePictures;
use super::photo::{ReportedObject, ReportedPhoto};
use super::photo_detections::fingerprint_of;
use crate::check::Checker;
use crate::crp::Propagator;
use crate::detect::{Detection, Detector, Forward, Model};
use crate::error::Result;
use crate::error::picture::{Context, ensure};
use crate::truth::Annotated;

/// What explains, and what it has made so far.
pub(super) struct PageMaker<'a, A> {
    pub model: &'a Model,
    pub detector: &'a mut Detector,
    pub propagator: &'a mut Propagator,
    pub options: &'a ReportOptions,
    pub photos: &'a [ReportedPhoto],
    pub forward_passes: &'a mut ForwardPasses,
    pub again: AgainPhotos<A>,
    /// Of the errors that were explained.
    pub pairs: ConfusionMeans,
}

/// Photos that are read once more, and the addresses of their pictures on the page.
pub(super) struct AgainPhotos<A> {
    read: A,
    /// The next object is often on the same photo.
    last: Option<(usize, RgbImage)>,
    pub pictures: PagePictures,
    /// By the photo's number.
    pub urls: BTreeMap<usize, String>,
}

impl<A: Fn(usize) -> Option<RgbImage>> AgainPhotos<A> {
    /// `read` gives a photo by its number.
    pub fn new(read: A, pictures: PagePictures) -> Self {
        Self {
            read,
            last: None,
            pictures,
            urls: BTreeMap::new(),
        }
    }

    /// The photo of a number, whose picture the page has from here on.
    ///
    /// # Errors
    /// It cannot be read, or is another one by now; its picture cannot be written.
    fn photo(&mut self, index: usize, known: &ReportedPhoto) -> Result<&RgbImage> {
        let last = self.last.take().filter(|(last, _)| *last == index);
        let photo = match last {
            Some((_, photo)) => photo,
            None => {
                let photo = (self.read)(index).context("the photo cannot be read again")?;
                ensure!(
                    fingerprint_of(&photo) == known.fingerprint,
                    "the photo has changed since it was looked at"
                );
                photo
            }
        };
        if let Entry::Vacant(free) = self.urls.entry(index) {
            free.insert(self.pictures.photo(&photo)?);
        }
        Ok(&self.last.insert((index, photo)).1)
    }

    /// The address of a photo's picture; empty where the page has it itself, or there is none.
    fn url(&self, index: usize) -> String {
        match self.pictures.are_within() {
            true => String::new(),
            false => self.urls.get(&index).cloned().unwrap_or_default(),
        }
    }
}

impl<A: Fn(usize) -> Option<RgbImage>> PageMaker<'_, A> {
    /// The card of an object, explained unless there is a reason against it.
    ///
    /// # Errors
    /// A file cannot be written. What cannot be explained says why on the card.
    pub fn card(
        &mut self,
        place: (usize, usize),
        begins: std::result::Result<(), WithoutExplanation>,
    ) -> Result<Card> {
        let photo = &self.photos[place.0];
        let object = &photo.objects[place.1];
        let made = match begins {
            Ok(()) => unwritten(self.explain(place.0, object))?.map(Ok),
            Err(why) => self.show(place.0)?.map(|()| Err(why)),
        };
        let explanations = made.unwrap_or_else(|error| Err(WithoutExplanation::failed(&error)));
        let url = self.again.url(place.0);
        Card::new(place, photo, object, explanations, url, self.model)
    }

    /// An annotated object that was missed, explained or not.
    ///
    /// # Errors
    /// As [`PageMaker::card`].
    pub fn missed(&mut self, place: (usize, usize), is_explained: bool) -> Result<MissedObject> {
        let photo = &self.photos[place.0];
        let object = photo.annotated(place.1);
        let object = object.context("no object is annotated there")?;
        let nearest = if is_explained {
            Some(unwritten(self.nearest(place.0, object))?)
        } else {
            self.show(place.0)?.err().map(Err)
        };
        let url = self.again.url(place.0);
        Ok(MissedObject::new(
            place.0, photo, object, nearest, url, self.model,
        ))
    }

    /// Puts a photo on the page.
    fn show(&mut self, index: usize) -> Result<Result<()>> {
        unwritten(self.again.photo(index, &self.photos[index]).map(drop))
    }

    fn explain(&mut self, index: usize, object: &ReportedObject) -> Result<ObjectExplanations> {
        let forward = self.forward(index)?;
        let checker =
            (self.options.check).then(|| Checker::new(self.model, self.detector, &forward));
        let explanations = ObjectExplanations::of(
            object,
            &forward,
            self.model,
            self.propagator,
            checker,
            &self.options.what_if,
            &mut self.again.pictures,
        )?;
        for (class, truth) in object.confused() {
            let detection = Detection {
                class,
                ..object.found.detection()
            };
            let photo = self.again.photo(index, &self.photos[index])?;
            let confused = ConfusedDetection::new(&detection, truth, photo);
            self.pairs.add(&confused, &forward, self.propagator)?;
        }
        Ok(explanations)
    }

    fn nearest(&mut self, index: usize, object: &Annotated) -> Result<NearestBox> {
        let forward = self.forward(index)?;
        nearest(
            object,
            &forward,
            self.model,
            self.propagator,
            self.options.thresholds,
            &mut self.again.pictures,
        )
    }

    /// A photo's forward pass, made again where it was not kept.
    fn forward(&mut self, index: usize) -> Result<Arc<Forward>> {
        let photo = self.again.photo(index, &self.photos[index])?;
        let detector = &mut self.detector;
        self.forward_passes.of(index, || detector.look(photo))
    }
}

/// What cannot be explained is said on the page; what the system refuses, such as a picture on a disk that is full, ends the report.
fn unwritten<T>(result: Result<T>) -> Result<Result<T>> {
    match result {
        Err(error) if error.io().is_some() => Err(error),
        result => Ok(result),
    }
}
