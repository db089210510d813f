//! What is known of the video at the moment: the newest detections, and the last explanations of the objects among them.
//!
//! In: a [`Sight`] of each frame that was looked at, a [`Round`] of explanations now and then, of an earlier frame. Out: after
//! each an [`Outcome`], everything that frames show and carry.

use std::sync::Arc;

use ::ssdcrp::detect::{Detection, Manifest};
use ::ssdcrp::geometry::Size;
use ::ssdcrp::heatmap::{Heatmap, Scale};
use ::ssdcrp::overlay::{BoxMark, Scene, Side, Tile, class_colour, render};
use ::ssdcrp::stream::anchoring::{Anchored, gathered};
use anyhow::{Context, Result};

use super::delivery::{Overlay, deliver};
use super::events::Raised;
use super::explaining::{Answer, Round};
use super::negotiation::Surface;
use super::picking::Placed;
use super::results::{Region, Stamp};
use super::sight::Sight;
use super::{HeatmapLayout, Output};

/// What is shown on frames and attached to them.
#[derive(Debug)]
pub struct Outcome {
    /// Of two, that with the greater number was made later.
    pub number: u64,
    /// When its detections were seen.
    pub stamp: Stamp,
    pub stretch: u64,
    /// The frame that was explained, where the explanation of something that is seen is shown.
    pub explained: Option<Stamp>,
    output: Output,
    regions: Vec<Region>,
    /// What can be picked.
    pub objects: Arc<[Placed]>,
    /// The size of the frame that it was found in.
    size: Size,
    /// `None` where there is nothing to draw.
    overlay: Option<Overlay>,
}

impl Outcome {
    /// Whether it can be shown on `surface`, as `output` says.
    pub fn fits(&self, surface: &Surface, output: Output) -> bool {
        self.output == output
            && self.size == surface.size()
            && (self.overlay.as_ref()).is_none_or(|overlay| overlay.fits(surface))
    }

    /// Gives everything to a buffer that is for `surface`, which it fits: the overlay, `visibility` (0..=1) of it, with a note over
    /// it, and a meta for each detection.
    ///
    /// # Errors
    /// As [`deliver`].
    pub fn deliver(
        &self,
        buffer: &mut gst::BufferRef,
        surface: &Surface,
        visibility: f32,
        note: Option<&Overlay>,
    ) -> Result<()> {
        let overlay = self.overlay.as_ref().map(|overlay| (overlay, visibility));
        let overlays = overlay.into_iter().chain(note.map(|note| (note, 1.0)));
        deliver(&overlays.collect::<Vec<_>>(), buffer, &surface.info)?;
        for (id, region) in (0..).zip(&self.regions) {
            region.attach(buffer, id);
        }
        Ok(())
    }
}

/// The newest of everything.
#[derive(Debug, Default)]
pub struct Memory {
    sight: Option<Arc<Sight>>,
    round: Option<Round>,
    /// The last events, oldest first.
    alerts: Vec<Alert>,
    /// Where the last tiles were.
    tiles_side: Side,
    outcomes: u64,
}

/// An event is shown for so long, in place of what is explained otherwise: an operator has to look up and read.
const SHOWN: gst::ClockTime = gst::ClockTime::from_seconds(3);
/// So many events are shown at once.
const ALERTS: usize = 4;

/// An event that is shown while its object is seen.
#[derive(Debug)]
struct Alert {
    raised: Arc<Raised>,
    stamp: Stamp,
    stretch: u64,
    /// Once there is one.
    answer: Option<Arc<Answer>>,
}

/// An explanation and its detection in the newest frame.
type Explained<'a> = (usize, &'a Answer);

impl Memory {
    /// A newer frame was seen.
    ///
    /// # Errors
    /// Its overlay cannot be drawn.
    pub fn see(&mut self, sight: Arc<Sight>, manifest: &Manifest) -> Result<Outcome> {
        // An explanation stays until another one takes its place: also where something else is asked now, unless there is
        // nothing that this could be asked of.
        let stays = |round: &Round| {
            round.stretch == sight.stretch
                && (round.asked == sight.asked || !sight.chosen.is_empty())
        };
        self.round.take_if(|round| !stays(round));
        self.alerts.retain(|alert| {
            let is_old = (alert.stamp.age(sight.stamp)).is_some_and(|age| age > SHOWN);
            alert.stretch == sight.stretch && !is_old
        });
        self.alerts.extend(sight.events.iter().map(|raised| Alert {
            raised: raised.clone(),
            stamp: sight.stamp,
            stretch: sight.stretch,
            answer: None,
        }));
        let surplus = self.alerts.len().saturating_sub(ALERTS);
        self.alerts.drain(..surplus);
        self.sight = Some(sight.clone());
        self.outcome(&sight, manifest)
    }

    /// Explanations are there. `None` where no frame of their stretch of the stream is shown any more.
    ///
    /// # Errors
    /// Their overlay cannot be drawn.
    pub fn learn(&mut self, round: Round, manifest: &Manifest) -> Result<Option<Outcome>> {
        let Some(sight) = (self.sight.clone()).filter(|sight| sight.stretch == round.stretch)
        else {
            return Ok(None);
        };
        self.round = Some(round);
        self.outcome(&sight, manifest).map(Some)
    }

    /// Answers to events are there, with the events' numbers. `None` where no frame is shown, or none of the events any more.
    ///
    /// # Errors
    /// Their overlay cannot be drawn.
    pub fn heed(
        &mut self,
        answers: Vec<(u64, Arc<Answer>)>,
        manifest: &Manifest,
    ) -> Result<Option<Outcome>> {
        let mut heeded = false;
        for (number, answer) in answers {
            let alert = self.alerts.iter_mut().find(|a| a.raised.number == number);
            if let Some(alert) = alert {
                alert.answer = Some(answer);
                heeded = true;
            }
        }
        let Some(sight) = self.sight.clone().filter(|_| heeded) else {
            return Ok(None);
        };
        self.outcome(&sight, manifest).map(Some)
    }

    fn outcome(&mut self, sight: &Sight, manifest: &Manifest) -> Result<Outcome> {
        self.outcomes += 1;
        let explained = self.explained(sight);
        let objects = (sight.objects.iter().zip(&sight.detections))
            .map(|(&object, detection)| Placed {
                object,
                rect: detection.rect,
            })
            .collect();
        let regions = (sight.regions.iter().enumerate())
            .filter_map(|(index, region)| {
                let answer = explained.iter().find(|(explained, _)| *explained == index);
                Some((region.clone()?).explained(answer.map(|(_, answer)| &answer.summary)))
            })
            .collect();
        let remarks = self.remarks(sight);
        let mut tiles_side = self.tiles_side;
        let overlay = draw(sight, &explained, &remarks, &mut tiles_side, manifest)
            .context("cannot draw the results")?;
        let explained = explained.first().map(|(_, answer)| answer.stamp);
        self.tiles_side = tiles_side;
        Ok(Outcome {
            number: self.outcomes,
            stamp: sight.stamp,
            stretch: sight.stretch,
            explained,
            output: sight.settings.output,
            regions,
            objects,
            size: sight.size(),
            overlay,
        })
    }

    /// The last explanations of objects that `sight` shows, as what they were explained as: of events, else of what was chosen.
    fn explained(&self, sight: &Sight) -> Vec<Explained<'_>> {
        let seen = |answer: &Answer| sight.index_of(answer.object, answer.class);
        let events = self.alerts.iter().rev();
        let events = events.filter_map(|alert| alert.answer.as_deref());
        let mut explained: Vec<Explained> = Vec::new();
        for answer in events {
            if let Some(index) = seen(answer)
                && !explained.iter().any(|(known, _)| *known == index)
            {
                explained.push((index, answer));
            }
        }
        if explained.is_empty() {
            let answers = self.round.iter().flat_map(|round| &round.answers);
            explained.extend(answers.filter_map(|answer| Some((seen(answer)?, answer))));
        }
        explained
    }

    /// What events say of the detections that `sight` shows, by their index.
    fn remarks(&self, sight: &Sight) -> Vec<(usize, &str)> {
        let alerts = self.alerts.iter();
        let remarks = alerts.filter_map(|alert| {
            let event = &alert.raised.event;
            let index = sight.index_of(event.object, event.detection.class)?;
            Some((index, alert.raised.remark.as_str()))
        });
        remarks.collect()
    }
}

/// Overlay of the detections and of what explains them, for frames like that which was seen.
fn draw(
    sight: &Sight,
    explained: &[Explained],
    remarks: &[(usize, &str)],
    tiles_side: &mut Side,
    manifest: &Manifest,
) -> Result<Option<Overlay>> {
    let settings = &sight.settings;
    let explained = &drawn(sight, explained)[..];
    let alone = settings.output == Output::Heatmap;
    let hot = !explained.is_empty() && (alone || settings.draw_heatmap);
    let tiled = settings.layout == HeatmapLayout::Tiles && !alone;
    let heatmap = heatmap(sight, explained).filter(|_| hot && !tiled);
    let draw_boxes = settings.draw_boxes && !alone;
    let draw_labels = settings.draw_labels && !alone;
    let marks = (draw_boxes || draw_labels) && !sight.detections.is_empty();
    if !hot && !marks {
        return Ok(None);
    }
    // In the order in which objects appeared, which explanations do not change.
    let mut in_tiles = if hot && tiled {
        explained.to_vec()
    } else {
        vec![]
    };
    in_tiles.sort_by_key(|(_, answer)| answer.object);
    let info = &sight.surface.info;
    let size = sight.size();
    let is_explained = |index| explained.iter().any(|(explained, _)| *explained == index);
    let mut boxes = box_marks(sight, &is_explained, remarks, manifest);
    *tiles_side = tiles_side.clearer(in_tiles.len(), &boxes, size);
    for (number, (index, _)) in (1..).zip(&in_tiles) {
        if let Some(mark) = boxes.get_mut(*index) {
            mark.label.insert_str(0, &format!("{number} "));
        }
    }
    // Without a heatmap there is nothing that the words would be about.
    let caption = (hot && draw_labels).then(|| match in_tiles.len() {
        0 => words(
            explained
                .iter()
                .map(|(_, answer)| (None, &answer.words[..])),
        ),
        _ => words((in_tiles.iter().zip(1..)).map(|((_, answer), n)| (Some(n), &answer.words[..]))),
    });
    let maps: Vec<Heatmap> = (in_tiles.iter())
        .map(|(_, answer)| Heatmap::normalise(answer.map.view(), Scale::Fixed(1.0)))
        .collect();
    let tiles: Vec<Tile> = (in_tiles.iter().zip(&maps))
        .filter_map(|((index, answer), heatmap)| {
            let mark = boxes.get(*index)?;
            Some(Tile {
                picture: &answer.picture,
                heatmap,
                rect: answer.rect,
                label: &mark.label,
                colour: mark.colour,
            })
        })
        .collect();
    let scene = Scene {
        size,
        pixel_aspect: f64::from(info.par().numer()) / f64::from(info.par().denom()),
        heatmap: heatmap.as_ref(),
        tiles: &tiles,
        tiles_side: *tiles_side,
        colours: settings.colour_map.on(info),
        opacity: settings.opacity,
        boxes: &boxes,
        draw_boxes,
        draw_labels,
        caption: caption.as_deref(),
        note: None,
    };
    Overlay::new(&render(&scene), &sight.surface)
}

/// The boxes of all detections with their labels, and beside them what events say of them.
pub fn box_marks(
    sight: &Sight,
    is_explained: &dyn Fn(usize) -> bool,
    remarks: &[(usize, &str)],
    manifest: &Manifest,
) -> Vec<BoxMark> {
    let size = sight.size();
    let marks = sight.detections.iter().enumerate();
    let marks = marks.map(|(index, detection)| BoxMark {
        rect: detection.rect.in_pixels(size),
        label: label(detection, index, remarks, manifest),
        colour: class_colour(detection.class.0),
        explained: is_explained(index),
    });
    marks.collect()
}

/// "sheep 0.92", and what events say of it: "sheep 0.92: or horse?".
fn label(
    detection: &Detection,
    index: usize,
    remarks: &[(usize, &str)],
    manifest: &Manifest,
) -> String {
    let mut label = format!("{} {:.2}", manifest.label(detection.class), detection.score);
    let own = remarks.iter().filter(|(of, _)| *of == index);
    for (position, (_, remark)) in own.enumerate() {
        label += if position == 0 { ": " } else { ", " };
        label += remark;
    }
    label
}

/// Boxes that overlap by more (intersection over union) are taken for one.
const SAME_BOX: f32 = 0.6;

/// Of explanations of one box, which the detector calls by several names, only the most important is drawn: "sheep rather than
/// horse" and "horse rather than sheep" in one place would say nothing.
fn drawn<'a>(sight: &Sight, explained: &[Explained<'a>]) -> Vec<Explained<'a>> {
    let rect = |index: usize| Some(&sight.detections.get(index)?.rect);
    let same = |a: usize, b: usize| {
        let both = rect(a).zip(rect(b));
        both.is_some_and(|(a, b)| a.iou(b) > SAME_BOX)
    };
    let mut drawn: Vec<Explained> = Vec::new();
    for &(index, answer) in explained {
        if !drawn.iter().any(|&(other, _)| same(index, other)) {
            drawn.push((index, answer));
        }
    }
    drawn
}

/// All explanations in one heatmap, each where its object is now.
fn heatmap(sight: &Sight, explained: &[Explained]) -> Option<Heatmap> {
    let shape = explained.first()?.1.map.dim();
    let anchored: Vec<Anchored> = (explained.iter())
        .filter_map(|(index, answer)| {
            Some(Anchored {
                map: answer.map.view(),
                then: answer.rect,
                now: sight.detections.get(*index)?.rect,
            })
        })
        .collect();
    Some(Heatmap::normalise(
        gathered(&anchored, shape).view(),
        Scale::Fixed(1.0),
    ))
}

/// What explanations say in words, each thing once, after the numbers of the tiles that say it: "dog, car rather than the other
/// classes; box wider", or "1+3 dog, 2 car rather than the other classes".
fn words<'a>(explained: impl Iterator<Item = (Option<usize>, &'a str)>) -> String {
    const RATHER: &str = " rather than ";
    type Said<'a> = (Vec<String>, &'a str);
    // What is said of the same rival is said in one go.
    let mut said: Vec<(Vec<Said>, &str)> = Vec::new();
    for (number, words) in explained {
        let number = number.map(|number| number.to_string());
        let (one, rival) = words.split_once(RATHER).unwrap_or((words, ""));
        let place = said.iter().position(|(_, other)| *other == rival);
        let place = place.unwrap_or_else(|| {
            said.push((vec![], rival));
            said.len() - 1
        });
        let ones = &mut said[place].0;
        match ones.iter_mut().find(|(_, other)| *other == one) {
            Some((numbers, _)) => numbers.extend(number),
            None => ones.push((number.into_iter().collect(), one)),
        }
    }
    let said = said.iter().map(|(ones, rival)| {
        let rather = if rival.is_empty() { "" } else { RATHER };
        let ones = ones.iter().map(|(numbers, one)| {
            let gap = if numbers.is_empty() { "" } else { " " };
            format!("{}{gap}{one}", numbers.join("+"))
        });
        format!("{}{rather}{rival}", ones.collect::<Vec<_>>().join(", "))
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once() {
        let said = [
            "dog rather than cat",
            "box wider",
            "car rather than cat",
            "dog rather than cat",
        ];
        let plain = words(said.iter().map(|words| (None, *words)));
        assert_eq!(plain, "dog, car rather than cat; box wider");
        let numbered = words(said.iter().zip(1..).map(|(words, n)| (Some(n), *words)));
        assert_eq!(numbered, "1+4 dog, 3 car rather than cat; 2 box wider");
    }
}
