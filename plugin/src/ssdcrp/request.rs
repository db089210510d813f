//! What the engine is asked for: the properties' values in the model's terms.
//!
//! In: [`Settings`] and a model. Out: [`StreamSettings`], or why the model has no answer to them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use ::ssdcrp::crp::{Contrast, TargetOutput};
use ::ssdcrp::detect::manifest::DetectorKind;
use ::ssdcrp::detect::{Manifest, Model};
use ::ssdcrp::heatmap::ColourMap;
use ::ssdcrp::stream::Zones;
use ::ssdcrp::stream::selection::{Selection, SelectionRule};
use ::ssdcrp::stream::settings::{DisplaySettings, HeatmapPlace, QuestionSettings, StreamSettings};

use super::enums::{Detections, HeatmapLayout, Output, Select};
use super::settings::Settings;

/// What is asked for, of video that has colour or is `grey`. Where the properties name something that the model does not know, nothing is explained, and the reason is the second part.
pub fn request(
    settings: &Settings,
    manifest: &Manifest,
    grey: bool,
) -> (StreamSettings, Option<anyhow::Error>) {
    let known = selection(settings, manifest);
    let (known, problem) = match known.and_then(|known| Ok((known, question(settings, manifest)?)))
    {
        Ok(known) => (Some(known), None),
        Err(error) => (None, Some(error)),
    };
    let (selection, question) = known.unzip();
    let everything = BTreeSet::new();
    let expected = selection.as_ref().map_or(&everything, |s| &s.expected);
    let request = StreamSettings {
        thresholds: settings.thresholds(),
        question: question.unwrap_or_default(),
        explain_interval: settings.explain_interval(),
        check: settings.check_explanations,
        events: settings.events.thresholds(expected),
        zones: Zones::default(),
        display: display(settings, grey),
        selection,
    };
    (request, problem)
}

/// What is asked of a detection, its names looked up.
///
/// # Errors
/// A class that the model does not have.
fn question(settings: &Settings, manifest: &Manifest) -> Result<QuestionSettings> {
    let output = match settings.target.value().named() {
        Some(TargetOutput::Class(class)) => {
            let class = manifest.class(class).context("property 'target'")?;
            Some(TargetOutput::Class(class.into()))
        }
        other => other.cloned(),
    };
    let contrast = match settings.contrast.value().named() {
        Some(Contrast::Class(class)) => {
            let class = manifest.class(class).context("property 'contrast'")?;
            Some(Contrast::Class(class.into()))
        }
        other => other.cloned(),
    };
    Ok(QuestionSettings {
        output,
        contrast,
        composite: settings.composite.value().named().cloned(),
    })
}

/// What a heatmap is drawn in on the video; `grey`: the video has no colours.
pub fn colours(settings: &Settings, grey: bool) -> ColourMap {
    match grey {
        true => ColourMap::LightDark,
        false => settings.colour_map.into(),
    }
}

fn display(settings: &Settings, grey: bool) -> DisplaySettings {
    DisplaySettings {
        colours: colours(settings, grey),
        evidence_colours: settings.colour_map.into(),
        opacity: settings.opacity,
        place: match (settings.output, settings.layout) {
            (Output::Heatmap, _) => HeatmapPlace::Alone,
            (Output::Overlay, HeatmapLayout::Together) => HeatmapPlace::Over,
            (Output::Overlay, HeatmapLayout::Tiles) => HeatmapPlace::Tiles,
        },
        boxes: settings.draw_boxes,
        labels: settings.draw_labels,
        heatmap: settings.draw_heatmap,
    }
}

/// # Errors
/// A class that the model does not have; `select=label` without a label.
fn selection(settings: &Settings, manifest: &Manifest) -> Result<Selection> {
    let labels =
        (settings.select_label.value().classes(manifest)).context("property 'select-label'")?;
    if settings.select == Select::Label && labels.is_empty() {
        bail!(
            "property 'select-label': 'select=label' needs the labels that are explained, as in select-label=person,dog"
        );
    }
    let expected = (settings.expected_classes.value().classes(manifest))
        .context("property 'expected-classes'")?;
    Ok(Selection {
        rule: match settings.select {
            Select::Best => SelectionRule::Best,
            Select::All => SelectionRule::All,
            Select::Label => SelectionRule::Classes(labels),
            Select::Point => SelectionRule::Point([settings.select_x, settings.select_y]),
            Select::Missing => SelectionRule::Missing([settings.select_x, settings.select_y]),
        },
        expected: expected.into_iter().collect(),
        most: settings.max_explanations as usize,
    })
}

/// Checks the settings that name something of the model, as far as that can be told without a picture.
///
/// # Errors
/// A class that the model does not have, detections of another element for a classifier, a class contrasted with itself, objectness of a model that has none, or a contrast that does not go with the target.
pub fn check(settings: &Settings, model: &Model) -> Result<()> {
    selection(settings, &model.manifest)?;
    if settings.detections == Detections::Upstream
        && model.manifest.kind == DetectorKind::Classifier
    {
        bail!(
            "property 'detections': {} is a classifier and has no boxes that could stand for detections of another element: take a detector, or set detections=own",
            model.manifest.name
        );
    }
    let asked = question(settings, &model.manifest)?;
    let has_objectness = model
        .heads
        .iter()
        .any(|head| head.objectness_tensor.is_some());
    if asked.output == Some(TargetOutput::Objectness) && !has_objectness {
        bail!(
            "property 'target': {} has no objectness: it does not say apart from the classes whether there is an object. Ask for a class",
            model.manifest.name
        );
    }
    if let (Some(TargetOutput::Class(class)), Some(Contrast::Class(rival))) =
        (&asked.output, &asked.contrast)
        && class == rival
    {
        bail!(
            "property 'contrast': the class '{}' cannot be contrasted with itself: name another one, or set it to auto",
            model.manifest.label(model.manifest.class(class)?)
        );
    }
    let target = settings.target.value().named();
    let contrast = settings.contrast.value().named();
    let (Some(target), Some(contrast)) = (target, contrast) else {
        return Ok(());
    };
    let taken: &[Contrast] = match target {
        TargetOutput::Class(_) => return Ok(()),
        TargetOutput::Offset(..) | TargetOutput::Objectness => &[Contrast::None, Contrast::Mean],
        TargetOutput::Edge(..) => &[Contrast::None],
    };
    if !taken.contains(contrast) {
        let taken: Vec<String> = taken.iter().map(Contrast::to_string).collect();
        bail!(
            "property 'contrast': '{contrast}' does not go with the target '{target}': set it to auto, {}",
            taken.join(" or ")
        );
    }
    Ok(())
}
