//! What boxes of one frame say about each other: detections that are one object, one box over two objects, two boxes on one.

use super::event::{CandidateEvent, Finding, direction};
use super::thresholds::EventThresholds;
use crate::crp::{Edge, TargetOutput};
use crate::detect::Detection;
use crate::detect::manifest::Offset;
use crate::geometry::Rect;
use crate::stream::tracking::Tracked;

/// From this intersection over union on, boxes of different classes are one object.
const SAME_OBJECT: f32 = 0.8;
/// Up to this intersection over union, boxes of one class are two objects.
const APART: f32 = 0.3;
/// Of two boxes on one object, the smaller one has at most this share of the larger one's area: more alike, they were suppression's business.
const SMALLER: f32 = 0.75;

/// Detections that are one thing in the picture: the best of them, and the numbers of all objects that are detected at its place, the best one's first.
pub(super) struct DetectionGroup<'a> {
    pub detection: &'a Detection,
    pub numbers: Vec<u64>,
}

impl DetectionGroup<'_> {
    /// The number of its best detection.
    pub fn number(&self) -> u64 {
        self.numbers.first().copied().unwrap_or_default()
    }
}

/// The groups in a picture, best first. A box that is not finite is in none.
pub(super) fn groups(tracked: &[Tracked]) -> Vec<DetectionGroup<'_>> {
    let mut groups: Vec<DetectionGroup> = Vec::new();
    for Tracked {
        object, detection, ..
    } in tracked
    {
        if !detection.rect.is_finite() {
            continue;
        }
        let is_same = |known: &&mut DetectionGroup| {
            let best = known.detection;
            best.class != detection.class
                && (best.default_box == detection.default_box
                    || best.rect.iou(&detection.rect) >= SAME_OBJECT)
        };
        match groups.iter_mut().find(is_same) {
            Some(known) => known.numbers.push(*object),
            None => groups.push(DetectionGroup {
                detection,
                numbers: vec![*object],
            }),
        }
    }
    groups
}

/// For each object what is wrong with its box beside the others.
pub(super) fn box_candidates(
    objects: &[&Detection],
    settings: &EventThresholds,
) -> Vec<Option<CandidateEvent>> {
    let merged: Vec<Option<[usize; 2]>> = (0..objects.len())
        .map(|index| merge(objects, index, settings.merge?))
        .collect();
    objects
        .iter()
        .enumerate()
        .map(|(index, object)| match merged[index] {
            Some(over) => Some(of_merge(object, over.map(|other| objects[other].rect))),
            None => {
                let least = settings.fragment?;
                // What a merged box lies over is right, and says nothing more about that box.
                let better = objects[..index].iter().enumerate().find(|(other, better)| {
                    merged[*other].is_none() && are_on_one_object(better, object, least)
                });
                better.map(|(_, better)| of_fragment(object, better.rect))
            }
        })
        .collect()
}

/// Two other objects that `index` lies over.
fn merge(objects: &[&Detection], index: usize, least: f32) -> Option<[usize; 2]> {
    let merged = &objects[index];
    let inside: Vec<usize> = (0..objects.len())
        .filter(|&other| {
            let part = &objects[other];
            other != index
                && part.class == merged.class
                && part.rect.area() < merged.rect.area()
                && part.rect.share_inside(&merged.rect) >= least
        })
        .collect();
    inside.iter().enumerate().find_map(|(n, &one)| {
        let mut rest = inside[n + 1..].iter();
        let apart = |&&other: &&usize| objects[one].rect.iou(&objects[other].rect) <= APART;
        let other = rest.find(apart)?;
        Some([one, *other])
    })
}

/// The box stretches along the line between the two.
fn of_merge(merged: &Detection, over: [Rect; 2]) -> CandidateEvent {
    let [one, other] = over.map(|rect| rect.centre());
    let across = (one[0] - other[0]).abs() / merged.rect.width();
    let down = (one[1] - other[1]).abs() / merged.rect.height();
    let grown = if across >= down { Offset::W } else { Offset::H };
    let output = super::event::offset(grown, 1.0);
    let severity = over.map(|rect| rect.share_inside(&merged.rect));
    let severity = 0.5 * (severity[0] + severity[1]);
    CandidateEvent::of_box(merged, output, Finding::Merge { over }, severity)
}

fn are_on_one_object(better: &Detection, other: &Detection, least: f32) -> bool {
    let (small, large) = by_area(&better.rect, &other.rect);
    better.class == other.class
        && small.area() <= SMALLER * large.area()
        && small.share_inside(large) >= least
}

/// The edge in which the weaker box differs most from the better one.
fn of_fragment(weaker: &Detection, better: Rect) -> CandidateEvent {
    let rect = weaker.rect;
    let both = rect.union(&better);
    let extent = [both.width(), both.height()].map(|side| side.max(f32::MIN_POSITIVE));
    let edges = [
        (Edge::Left, (rect.x0 - better.x0) / extent[0]),
        (Edge::Right, (rect.x1 - better.x1) / extent[0]),
        (Edge::Top, (rect.y0 - better.y0) / extent[1]),
        (Edge::Bottom, (rect.y1 - better.y1) / extent[1]),
    ];
    let far = |a: &(Edge, f32), b: &(Edge, f32)| b.1.abs() > a.1.abs();
    let (edge, shift) = edges
        .into_iter()
        .reduce(|a, b| if far(&a, &b) { b } else { a })
        .unwrap_or(edges[0]);
    let output = TargetOutput::Edge(edge, Some(direction(shift)));
    let (small, large) = by_area(&rect, &better);
    let severity = small.share_inside(large);
    CandidateEvent::of_box(weaker, output, Finding::Fragment { of: better }, severity)
}

/// The smaller one first; of equals the second.
fn by_area<'a>(one: &'a Rect, other: &'a Rect) -> (&'a Rect, &'a Rect) {
    if one.area() < other.area() {
        (one, other)
    } else {
        (other, one)
    }
}
