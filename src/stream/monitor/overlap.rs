//! What boxes of one frame say about each other: detections that are one object, one box over two objects, two boxes on one.

use super::event::{Finding, Suspicion, direction};
use super::thresholds::EventThresholds;
use crate::crp::{Edge, TargetOutput};
use crate::detect::Detection;
use crate::detect::manifest::Offset;
use crate::detect::nms::intersection_over_union;
use crate::stream::tracking::Tracked;

/// From this intersection over union on, boxes of different classes are one object.
const SAME_OBJECT: f32 = 0.8;
/// Up to this intersection over union, boxes of one class are two objects.
const APART: f32 = 0.3;
/// Of two boxes on one object, the smaller one has at most this share of the larger one's area: more alike, they were suppression's business.
const SMALLER: f32 = 0.75;

/// A thing in the picture: its best detection, and the numbers of all objects that are detected at its place, the best one's first.
pub(super) struct Object<'a> {
    pub detection: &'a Detection,
    pub numbers: Vec<u64>,
}

impl Object<'_> {
    /// The number of its best detection.
    pub fn number(&self) -> u64 {
        self.numbers.first().copied().unwrap_or_default()
    }
}

/// The things in a picture, best first. A box that is not finite is none.
pub(super) fn objects(tracked: &[Tracked]) -> Vec<Object<'_>> {
    let mut objects: Vec<Object> = Vec::new();
    for Tracked { object, detection } in tracked {
        if !detection.rect.iter().all(|edge| edge.is_finite()) {
            continue;
        }
        let is_same = |known: &&mut Object| {
            let best = known.detection;
            best.class != detection.class
                && (best.default_box == detection.default_box
                    || intersection_over_union(best.rect, detection.rect) >= SAME_OBJECT)
        };
        match objects.iter_mut().find(is_same) {
            Some(known) => known.numbers.push(*object),
            None => objects.push(Object {
                detection,
                numbers: vec![*object],
            }),
        }
    }
    objects
}

/// For each object what is wrong with its box beside the others.
pub(super) fn doubts(objects: &[&Detection], settings: &EventThresholds) -> Vec<Option<Suspicion>> {
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
                && area(part.rect) < area(merged.rect)
                && share_inside(part.rect, merged.rect) >= least
        })
        .collect();
    inside.iter().enumerate().find_map(|(n, &one)| {
        let mut rest = inside[n + 1..].iter();
        let other = rest.find(|&&other| {
            intersection_over_union(objects[one].rect, objects[other].rect) <= APART
        })?;
        Some([one, *other])
    })
}

/// The box stretches along the line between the two.
fn of_merge(merged: &Detection, over: [[f32; 4]; 2]) -> Suspicion {
    let size = |axis: usize| merged.rect[axis + 2] - merged.rect[axis];
    let distance = |axis: usize| {
        let [one, other] = over.map(|rect| 0.5 * (rect[axis] + rect[axis + 2]));
        (one - other).abs() / size(axis)
    };
    let grown = if distance(0) >= distance(1) {
        Offset::W
    } else {
        Offset::H
    };
    let output = super::event::offset(grown, 1.0);
    let severity = over.map(|rect| share_inside(rect, merged.rect));
    let severity = 0.5 * (severity[0] + severity[1]);
    Suspicion::of_box(merged, output, Finding::Merge { over }, severity)
}

fn are_on_one_object(better: &Detection, other: &Detection, least: f32) -> bool {
    let (a, b) = (better.rect, other.rect);
    let (small, large) = if area(a) < area(b) { (a, b) } else { (b, a) };
    better.class == other.class
        && area(small) <= SMALLER * area(large)
        && share_inside(small, large) >= least
}

/// The edge in which the weaker box differs most from the better one.
fn of_fragment(weaker: &Detection, better: [f32; 4]) -> Suspicion {
    let rect = weaker.rect;
    let extent = [0, 1].map(|axis| {
        let outer = rect[axis + 2].max(better[axis + 2]) - rect[axis].min(better[axis]);
        outer.max(f32::MIN_POSITIVE)
    });
    let edges = [
        (Edge::Left, (rect[0] - better[0]) / extent[0]),
        (Edge::Right, (rect[2] - better[2]) / extent[0]),
        (Edge::Top, (rect[1] - better[1]) / extent[1]),
        (Edge::Bottom, (rect[3] - better[3]) / extent[1]),
    ];
    let far = |a: &(Edge, f32), b: &(Edge, f32)| b.1.abs() > a.1.abs();
    let (edge, shift) = edges
        .into_iter()
        .reduce(|a, b| if far(&a, &b) { b } else { a })
        .unwrap_or(edges[0]);
    let output = TargetOutput::Edge(edge, Some(direction(shift)));
    let (small, large) = if area(rect) < area(better) {
        (rect, better)
    } else {
        (better, rect)
    };
    let severity = share_inside(small, large);
    Suspicion::of_box(weaker, output, Finding::Fragment { of: better }, severity)
}

fn area([x0, y0, x1, y1]: [f32; 4]) -> f32 {
    (x1 - x0).max(0.0) * (y1 - y0).max(0.0)
}

/// The part of `part`'s area, 0..=1, that lies in `whole`; 0 where it has none.
fn share_inside(part: [f32; 4], whole: [f32; 4]) -> f32 {
    let common = area([
        part[0].max(whole[0]),
        part[1].max(whole[1]),
        part[2].min(whole[2]),
        part[3].min(whole[3]),
    ]);
    if area(part) > 0.0 {
        common / area(part)
    } else {
        0.0
    }
}
