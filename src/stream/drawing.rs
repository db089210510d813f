//! A [`View`] as a picture: boxes, labels, heatmap or tiles, and a caption, on a canvas of the frame's size.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::anchoring::{Anchored, combined};
use super::display::{OverlayPlaces, View};
use super::explaining::{ExplainedMiss, ExplainedObject};
use super::observation::Observation;
use super::settings::{DisplaySettings, HeatmapPlace};
use super::upstream::{named, unexplained};
use crate::crp::Wording;
use crate::detect::Labels;
use crate::geometry::Size;
use crate::heatmap::{ColourMap, Heatmap, Scale};
use crate::overlay::{Canvas, Corner, LabelledBox, Scene, Tile, class_colour, render_placed};

/// An explanation and its detection in the newest frame.
type PlacedExplanation<'a> = (usize, &'a ExplainedObject);

/// What of the explanations is drawn.
enum Hot<'a> {
    Nothing,
    /// Why nothing was found, over the frame: a place is where it is, and has no close-up.
    Missing(&'a ExplainedMiss),
    /// All as one map over the frame.
    Over(Vec<PlacedExplanation<'a>>),
    /// A close-up each, in the order in which objects appeared, which explanations do not change.
    Tiles(Vec<PlacedExplanation<'a>>),
}

impl<'a> Hot<'a> {
    fn of(
        mut explained: Vec<PlacedExplanation<'a>>,
        missing: Option<&'a ExplainedMiss>,
        display: &DisplaySettings,
    ) -> Self {
        let is_shown = display.heatmap || display.place == HeatmapPlace::Alone;
        match missing {
            _ if !is_shown => Self::Nothing,
            Some(missing) => Self::Missing(missing),
            None if explained.is_empty() => Self::Nothing,
            None if display.place == HeatmapPlace::Tiles => {
                explained.sort_by_key(|(_, explained)| explained.tracked.object);
                Self::Tiles(explained)
            }
            None => Self::Over(explained),
        }
    }

    /// What lies over the whole frame.
    fn heatmap(&self, observation: &Observation) -> Option<Heatmap> {
        match self {
            Self::Nothing | Self::Tiles(_) => None,
            Self::Missing(missing) => {
                Some(Heatmap::normalise(missing.map.view(), Scale::Fixed(1.0)))
            }
            Self::Over(explained) => combined_heatmap(observation, explained),
        }
    }

    fn in_tiles(&self) -> &[PlacedExplanation<'a>] {
        match self {
            Self::Tiles(explained) => explained,
            Self::Nothing | Self::Missing(_) | Self::Over(_) => &[],
        }
    }

    /// What is explained, in words; those in tiles by their numbers.
    fn words(&self, colours: ColourMap, labels: &Labels) -> Option<String> {
        let numbered: Vec<(Option<usize>, &ExplainedObject)> = match self {
            Self::Nothing => return None,
            Self::Missing(missing) => return Some(missing.words(labels)),
            Self::Over(explained) => explained.iter().map(|(_, e)| (None, *e)).collect(),
            Self::Tiles(explained) => {
                let numbers = (1..).zip(explained);
                numbers.map(|(n, (_, e))| (Some(n), *e)).collect()
            }
        };
        Some(words(&numbered, colours))
    }
}

/// Draws what `view` shows, for frames like the one that was seen; `None` where there is nothing to draw. Says besides where tiles and caption are now.
pub fn draw(view: &View, labels: &Labels) -> (Option<Canvas>, OverlayPlaces) {
    let observation = &*view.observation;
    let display = &observation.settings().display;
    let explained = match display.place {
        // Each has a place of its own.
        HeatmapPlace::Tiles => all(&view.explained),
        HeatmapPlace::Over | HeatmapPlace::Alone => one_for_each_box(observation, &view.explained),
    };
    let explained_boxes: BTreeSet<usize> = explained.iter().map(|(index, _)| *index).collect();
    let missing = view.missing.as_deref();
    let hot = Hot::of(explained, missing, display);
    let alone = display.place == HeatmapPlace::Alone;
    let draw_boxes = display.boxes && !alone;
    let draw_labels = display.labels && !alone;
    let any_boxes = (draw_boxes || draw_labels)
        && (!observation.tracked.is_empty()
            || !observation.unmatched.is_empty()
            || missing.is_some());
    if matches!(hot, Hot::Nothing) && !any_boxes {
        return (None, view.places);
    }
    let is_explained = |index| explained_boxes.contains(&index);
    let remarks = |index| view.remarks_on(index, labels);
    let mut boxes = labelled_boxes(observation, &is_explained, &remarks, labels);
    let size = observation.frame.size;
    boxes.extend(missing.map(|missing| nearest_box(missing, size, labels)));
    let in_tiles = hot.in_tiles();
    let tiles_side = (view.places.tiles_side).clearer(in_tiles.len(), &boxes, size);
    for (number, (index, _)) in (1..).zip(in_tiles) {
        if let Some(labelled) = boxes.get_mut(*index) {
            labelled.label.insert_str(0, &format!("{number} "));
        }
    }
    // Without a heatmap there is nothing that the words would be about.
    let answer = hot.words(display.colours, labels);
    let unexplained = unexplained(&observation.unmatched);
    let caption: Vec<String> = (answer.into_iter().chain(unexplained))
        .filter(|_| draw_labels)
        .collect();
    let caption = caption.join("\n");
    let maps: Vec<Heatmap> = (in_tiles.iter())
        .map(|(_, explained)| explained.heatmap())
        .collect();
    let heatmap = hot.heatmap(observation);
    let corners = caption_corners(view.places.caption_corner);
    let scene = Scene {
        heatmap: heatmap.as_ref(),
        tiles: &tiles(in_tiles, &maps, &boxes),
        tiles_side,
        colours: display.colours,
        opacity: display.opacity,
        boxes: &boxes,
        draw_boxes,
        draw_labels,
        caption: Some(&caption[..]).filter(|caption| !caption.is_empty()),
        caption_corners: &corners,
        ..Scene::empty(size, observation.frame.pixel_aspect)
    };
    let (canvas, corner) = render_placed(&scene);
    let places = OverlayPlaces {
        tiles_side,
        caption_corner: corner.unwrap_or(view.places.caption_corner),
    };
    (Some(canvas), places)
}

/// Where a caption may be: first where the `last` one was, so that it does not jump to and fro; never where the age of results stands.
fn caption_corners(last: Corner) -> Vec<Corner> {
    let others = Corner::ALL.into_iter();
    let others = others.filter(|corner| ![Corner::TopLeft, last].contains(corner));
    std::iter::once(last).chain(others).collect()
}

/// Close-ups with their maps, labelled as the boxes are.
fn tiles<'a>(
    in_tiles: &'a [PlacedExplanation],
    maps: &'a [Heatmap],
    boxes: &'a [LabelledBox],
) -> Vec<Tile<'a>> {
    let tiles = in_tiles.iter().zip(maps);
    let tiles = tiles.filter_map(|((index, explained), heatmap)| {
        let labelled = boxes.get(*index)?;
        Some(Tile {
            picture: &explained.picture,
            heatmap,
            rect: explained.tracked.detection.rect,
            label: &labelled.label,
            colour: labelled.colour,
        })
    });
    tiles.collect()
}

/// The default box that came nearest to what is missing, in dashes unless it is a detection; or what was found there after all.
fn nearest_box(missing: &ExplainedMiss, size: Size, labels: &Labels) -> LabelledBox {
    let detection = missing.absence.detection();
    LabelledBox {
        rect: detection.rect.in_pixels(size),
        label: missing.absence.label(labels),
        colour: class_colour(detection.class.0),
        explained: true,
        dashed: !missing.absence.is_detection(),
    }
}

/// The boxes of all detections with their labels, and beside them what events say of them; behind them, in dashes, what somebody else detected and cannot be explained.
pub(super) fn labelled_boxes(
    observation: &Observation,
    is_explained: &dyn Fn(usize) -> bool,
    remarks: &dyn Fn(usize) -> Vec<String>,
    labels: &Labels,
) -> Vec<LabelledBox> {
    let size = observation.frame.size;
    let boxes = observation.tracked.iter().enumerate();
    let boxes = boxes.map(|(index, tracked)| {
        let detection = &tracked.detection;
        let mut label = detection.words(labels);
        // "sheep 0.92: or horse?"
        let remarks = remarks(index);
        if !remarks.is_empty() {
            label += ": ";
            label += &remarks.join(", ");
        }
        LabelledBox {
            rect: detection.rect.in_pixels(size),
            label,
            colour: class_colour(detection.class.0),
            explained: is_explained(index),
            dashed: false,
        }
    });
    let unmatched = observation.unmatched.iter().map(|unmatched| LabelledBox {
        rect: unmatched.upstream.rect.in_pixels(size),
        label: format!("{}: not explained", named(&unmatched.upstream)),
        colour: WITHOUT_CLASS,
        explained: false,
        dashed: true,
    });
    boxes.chain(unmatched).collect()
}

/// Of a box that is none of the own network's classes: grey, which no class has.
const WITHOUT_CLASS: [u8; 3] = [150, 150, 150];

/// Boxes that overlap by more (intersection over union) are taken for one.
const SAME_BOX: f32 = 0.6;

fn all(explained: &[(usize, Arc<ExplainedObject>)]) -> Vec<PlacedExplanation<'_>> {
    let placed = explained.iter();
    placed
        .map(|(index, explained)| (*index, &**explained))
        .collect()
}

/// Of explanations of one box, which the detector calls by several names, only the most important is drawn: "sheep rather than
/// horse" and "horse rather than sheep" in one place would say nothing.
fn one_for_each_box<'a>(
    observation: &Observation,
    explained: &'a [(usize, Arc<ExplainedObject>)],
) -> Vec<PlacedExplanation<'a>> {
    let rect = |index: usize| observation.tracked.get(index).map(|t| t.detection.rect);
    let same = |a: usize, b: usize| {
        let both = rect(a).zip(rect(b));
        both.is_some_and(|(a, b)| a.iou(&b) > SAME_BOX)
    };
    let mut drawn: Vec<PlacedExplanation> = Vec::new();
    for (index, explained) in explained {
        if !drawn.iter().any(|&(other, _)| same(*index, other)) {
            drawn.push((*index, explained));
        }
    }
    drawn
}

/// All explanations in one heatmap, each where its object is now.
fn combined_heatmap(observation: &Observation, explained: &[PlacedExplanation]) -> Option<Heatmap> {
    let shape = explained.first()?.1.map.dim();
    let anchored: Vec<Anchored> = (explained.iter())
        .filter_map(|(index, explained)| {
            Some(Anchored {
                map: explained.map.view(),
                then: explained.tracked.detection.rect,
                now: observation.tracked.get(*index)?.detection.rect,
                strength: explained.strength(),
            })
        })
        .collect();
    let map = combined(&anchored, shape);
    Some(Heatmap::normalise(map.view(), Scale::Fixed(1.0)))
}

/// What explanations say in words, each thing once, after the numbers of the tiles that say it: "dog, car rather than the other
/// classes; box wider", or "1+3 dog, 2 car rather than the other classes".
fn caption<'a>(explained: impl Iterator<Item = (Option<usize>, &'a Wording)>) -> String {
    /// A subject, and the numbers of the tiles that are about it.
    type Subject<'a> = (Vec<String>, &'a str);
    // What is said of the same rival is said in one go.
    let mut sentences: Vec<(Vec<Subject>, &Wording)> = Vec::new();
    for (number, wording) in explained {
        let number = number.map(|number| number.to_string());
        let same_end = |other: &Wording| {
            (&other.rather_than, other.comma) == (&wording.rather_than, wording.comma)
        };
        let place = sentences.iter().position(|(_, other)| same_end(other));
        let place = place.unwrap_or_else(|| {
            sentences.push((vec![], wording));
            sentences.len() - 1
        });
        let subjects = &mut sentences[place].0;
        match subjects
            .iter_mut()
            .find(|(_, other)| *other == wording.subject)
        {
            Some((numbers, _)) => numbers.extend(number),
            None => subjects.push((number.into_iter().collect(), &wording.subject)),
        }
    }
    let sentences = sentences.into_iter().map(|(subjects, wording)| {
        let subjects = subjects.iter().map(|(numbers, subject)| {
            let gap = if numbers.is_empty() { "" } else { " " };
            format!("{}{gap}{subject}", numbers.join("+"))
        });
        let subject = subjects.collect::<Vec<_>>().join(", ");
        Wording {
            subject,
            ..wording.clone()
        }
        .to_string()
    });
    sentences.collect::<Vec<_>>().join("; ")
}

/// What explanations say, and in a second line what they are worth, as far as that is known.
fn words(numbered: &[(Option<usize>, &ExplainedObject)], colours: ColourMap) -> String {
    let words = caption(numbered.iter().map(|(n, e)| (*n, &e.question.wording)));
    match worth(numbered, colours) {
        Some(worth) => format!("{words}\n{worth}"),
        None => words,
    }
}

/// What explanations are worth, as far as that is known: of one alone what became of the answer, of several which are "checked: 1, 3; no better than chance: 2".
fn worth(explained: &[(Option<usize>, &ExplainedObject)], colours: ColourMap) -> Option<String> {
    if let [(_, one)] = explained {
        let check = one.last_check.as_ref()?;
        return Some(check.words(colours.positive_name()));
    }
    let known = explained.iter().filter_map(|(number, explained)| {
        let subject = || explained.question.wording.subject.clone();
        let name = number.map_or_else(subject, |number| number.to_string());
        Some((name, explained.last_check.as_ref()?.passed()))
    });
    verdicts(&known.collect::<Vec<_>>())
}

/// Which of several explanations did better than chance and which did not, each name once; `None` where nothing is known.
fn verdicts(known: &[(String, bool)]) -> Option<String> {
    let said = [("checked", true), ("no better than chance", false)];
    let said = said.into_iter().filter_map(|(verdict, as_said)| {
        let mut names: Vec<&str> = Vec::new();
        for (name, passed) in known {
            if *passed == as_said && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| format!("{verdict}: {}", names.join(", ")))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once() {
        let wording = |subject: &str, rival: Option<&str>| Wording {
            subject: subject.to_owned(),
            rather_than: rival.map(str::to_owned),
            comma: false,
        };
        let said = [
            wording("dog", Some("cat")),
            wording("box wider", None),
            wording("car", Some("cat")),
            wording("dog", Some("cat")),
        ];
        let plain = caption(said.iter().map(|wording| (None, wording)));
        assert_eq!(plain, "dog, car rather than cat; box wider");
        let numbered = caption((1..).zip(&said).map(|(n, wording)| (Some(n), wording)));
        assert_eq!(numbered, "1+4 dog, 3 car rather than cat; 2 box wider");
    }

    #[test]
    fn a_caption_stays_where_it_was_and_never_goes_where_the_age_stands() {
        use Corner::{BottomLeft, BottomRight, TopRight};

        assert_eq!(
            caption_corners(Corner::default()),
            [BottomLeft, BottomRight, TopRight]
        );
        assert_eq!(
            caption_corners(TopRight),
            [TopRight, BottomLeft, BottomRight]
        );
    }

    #[test]
    fn verdicts_have_names_or_numbers() {
        let known = |known: &[(&str, bool)]| {
            let known = known
                .iter()
                .map(|&(name, passed)| (name.to_owned(), passed));
            verdicts(&known.collect::<Vec<_>>())
        };
        let said = known(&[("1", true), ("2", false), ("3", true)]);
        assert_eq!(said.unwrap(), "checked: 1, 3; no better than chance: 2");
        let said = known(&[("dog", true), ("dog", true)]);
        assert_eq!(said.unwrap(), "checked: dog");
        assert_eq!(known(&[]), None);
    }
}
