//! Objects that were not found, for the page: what came nearest to finding each, what kept it from that, and what speaks for and against the class there.
//!
//! In: photos with their ground truth and forward passes. Out: a [`MissedObject`] for each.

use std::sync::Arc;

use super::css_rect::CssRect;
use super::photo::ReportedPhoto;
use super::picture::heat_layer;
use super::view::PhotoView;
use crate::crp::{Propagator, Target};
use crate::detect::{Absence, Forward, MissingPlace, Model, Thresholds};
use crate::error::Result;
use crate::limits::MOST_OBJECTS;
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
}

/// What came nearest to finding an object.
#[derive(Default)]
struct NearestBox {
    /// Nothing where the object was found after all.
    frame: Option<CssRect>,
    question: String,
    heat: String,
    words: String,
}

/// The objects that were not found, photo by photo, as many as a page holds; `forward` gives a photo's forward pass, by its number.
pub(super) fn missed(
    photos: &[ReportedPhoto],
    mut forward: impl FnMut(usize) -> Result<Arc<Forward>>,
    model: &Model,
    propagator: &mut Propagator,
    thresholds: Thresholds,
) -> Vec<MissedObject> {
    let mut missed = Vec::new();
    let shown = photos.iter().enumerate();
    for (index, photo) in shown.filter(|(_, photo)| photo.shows_missed) {
        let objects = photo.judged.iter();
        for object in objects.flat_map(|judged| judged.missed_objects()) {
            if missed.len() == MOST_OBJECTS {
                return missed;
            }
            let nearest = forward(index)
                .and_then(|forward| nearest(object, &forward, model, propagator, thresholds));
            let nearest = nearest.unwrap_or_else(|error| NearestBox {
                words: format!("This could not be explained: {error:#}"),
                ..NearestBox::default()
            });
            let label = model.manifest.label(object.class).into_owned();
            let near = nearest.frame.map(|frame| ("nearest", frame));
            missed.push(MissedObject {
                view: PhotoView {
                    photo: index,
                    aspect: photo.image.aspect(),
                    stage: CssRect::stage(&object.rect),
                    heat: nearest.heat,
                    boxes: (near.into_iter())
                        .chain([("truth", CssRect::of(&object.rect))])
                        .collect(),
                    words: format!("{label} in {}", photo.image.name),
                },
                label,
                photo_name: photo.image.name.clone(),
                question: nearest.question,
                words: nearest.words,
            });
        }
    }
    missed
}

/// Explains why an object was not found.
fn nearest(
    object: &Annotated,
    forward: &Forward,
    model: &Model,
    propagator: &mut Propagator,
    thresholds: Thresholds,
) -> Result<NearestBox> {
    let place = MissingPlace::Box(object.rect);
    let predictions = forward.predictions(model)?;
    let absence = predictions.absence(place, Some(object.class), thresholds)?;
    let mut nearest = NearestBox {
        words: absence.words(&model.manifest.labels),
        ..NearestBox::default()
    };
    let Absence::Missed(miss) = &absence else {
        nearest.words += ", on another object";
        return Ok(nearest);
    };
    for explanation in propagator.explain(forward, &[Target::near_miss(miss)])? {
        nearest.frame = Some(CssRect::of(&miss.detection.rect));
        nearest.question = explanation.question.wording.to_string();
        nearest.heat = heat_layer(&explanation.map())?;
    }
    Ok(nearest)
}
