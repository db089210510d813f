//! Objects that were not found, for the page: what came nearest to finding each, what kept it from that, and what speaks for and against the class there.
//!
//! In: an annotated object and the forward pass of its photo. Out: a [`MissedObject`].

use super::css_rect::CssRect;
use super::page_pictures::PagePictures;
use super::photo::ReportedPhoto;
use super::picture::aspect;
use super::view::PhotoView;
use crate::crp::{Propagator, Target};
use crate::detect::{Absence, Forward, MissingPlace, Model, Thresholds};
use crate::error::{Error, Result};
use crate::truth::Annotated;

/// An object that was not found.
pub(super) struct MissedObject {
    pub label: String,
    pub photo_name: String,
    /// The photo around it, with the explanation of what came nearest.
    pub view: PhotoView,
    /// What was asked of that: "horse rather than sheep".
    pub question: String,
    /// Why it was not found, or why that is not known.
    pub words: String,
    /// Whether `words` say why it was not found.
    pub is_explained: bool,
}

/// What came nearest to finding an object.
#[derive(Default)]
pub(super) struct NearestBox {
    /// Nothing where the object was found after all.
    frame: Option<CssRect>,
    /// Whether it is a detection, which lies beside the object.
    is_detection: bool,
    question: String,
    heat: String,
    words: String,
}

impl MissedObject {
    /// Of `object` on the photo number `index`, whose picture has the address `url`; `nearest` where it was asked why it was missed, or why the photo is not there.
    pub fn new(
        index: usize,
        photo: &ReportedPhoto,
        object: &Annotated,
        nearest: Option<Result<NearestBox>>,
        url: String,
        model: &Model,
    ) -> Self {
        let label = model.manifest.label(object.class).into_owned();
        let is_explained = matches!(nearest, Some(Ok(_)));
        let nearest = nearest.unwrap_or_else(|| Ok(NearestBox::default()));
        let nearest = nearest.unwrap_or_else(|error| NearestBox::failed(&error));
        let kind = if nearest.is_detection { "" } else { "nearest" };
        let near = nearest.frame.map(|frame| (kind, frame));
        let truth = ("truth", CssRect::of(&object.rect));
        Self {
            view: PhotoView {
                photo: index,
                url,
                aspect: aspect(photo.size),
                stage: CssRect::stage(&object.rect),
                heat: nearest.heat,
                boxes: near.into_iter().chain([truth]).collect(),
                words: format!("{label} in {}", photo.source.name),
            },
            label,
            photo_name: photo.source.words(),
            question: nearest.question,
            words: nearest.words,
            is_explained,
        }
    }
}

impl NearestBox {
    /// Where it could not be found.
    fn failed(error: &Error) -> Self {
        Self {
            words: format!("This could not be explained: {error:#}"),
            ..Self::default()
        }
    }
}

/// Explains why an object was not found.
pub(super) fn nearest(
    object: &Annotated,
    forward: &Forward,
    model: &Model,
    propagator: &mut Propagator,
    thresholds: Thresholds,
    pictures: &mut PagePictures,
) -> Result<NearestBox> {
    let place = MissingPlace::Box(object.rect);
    let predictions = forward.predictions(model)?;
    let absence = predictions.absence(place, Some(object.class), thresholds)?;
    let mut nearest = NearestBox {
        words: absence.words(&model.manifest.labels),
        is_detection: absence.is_detection(),
        ..NearestBox::default()
    };
    let Absence::Missed(miss) = &absence else {
        nearest.words += ", on another object";
        return Ok(nearest);
    };
    for explanation in propagator.explain(forward, &[Target::near_miss(miss)])? {
        nearest.frame = Some(CssRect::of(&miss.detection.rect));
        nearest.question = explanation.question.wording.to_string();
        nearest.heat = pictures.heat(&explanation.map())?;
    }
    Ok(nearest)
}
