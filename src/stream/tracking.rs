//! Which detections of successive pictures are the same object.
//!
//! In: the detections of one picture after the other. Out: each as [`Tracked`], with a number that it shares with its predecessors. An
//! object is known by the overlap of its boxes alone, where it was seen last or where it should be if it moves on as it
//! did, so pictures must follow each other closely enough for that.

use std::sync::Arc;
use std::time::Duration;

use super::frame::FrameInfo;
use super::upstream::{UpstreamDetection, UpstreamMatch};
use crate::detect::{ClassId, Detection};
use crate::geometry::{Rect, Size};

/// Two boxes of one object, in pictures that follow each other, overlap by at least so much (intersection over union).
const LEAST_OVERLAP: f32 = 0.3;

/// In how many pictures in a row an object may be missed: scores near the threshold come and go.
const PATIENCE: u32 = 3;

/// A detection, and the object that it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// The object's number, the same for as long as it is followed.
    pub object: u64,
    /// The timestamp of the picture that it was seen in first, where that has one.
    pub first_seen: Option<Duration>,
    /// What was detected.
    pub detection: Detection,
    /// Where somebody else detected it: what, and how well the default box of `detection` fits. Its box is then that of `detection`.
    pub upstream: Option<Arc<UpstreamMatch>>,
}

impl Tracked {
    /// x, y, width, height of its box in pixels of `frame`, edges rounded to nearest; at least a pixel inside of the frame. `None` where the network placed the box nowhere.
    pub fn pixels(&self, frame: &FrameInfo) -> Option<[u32; 4]> {
        whole_pixels(&self.detection.rect, frame.size)
    }
}

/// x, y, width, height of a box in shares of a frame, in its pixels: edges rounded to nearest, at least a pixel inside of the frame. `None` where the box has no place.
pub fn whole_pixels(rect: &Rect, size: Size) -> Option<[u32; 4]> {
    if !rect.is_finite() || size.is_empty() {
        return None;
    }
    let along = |from: f32, to: f32, length: u32| {
        let pixel = |share: f32| (share.clamp(0.0, 1.0) * length as f32).round() as u32;
        let from = pixel(from).min(length - 1);
        (from, pixel(to).clamp(from + 1, length) - from)
    };
    let (x, width) = along(rect.x0, rect.x1, size.width);
    let (y, height) = along(rect.y0, rect.y1, size.height);
    Some([x, y, width, height])
}

/// Follows objects from picture to picture.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    tracks: Vec<Track>,
    next: u64,
}

#[derive(Clone, Debug)]
struct Track {
    object: u64,
    first_seen: Option<Duration>,
    class: ClassId,
    /// Where it was seen last.
    rect: Rect,
    /// How far its centre moves from picture to picture.
    step: [f32; 2],
    /// Pictures since then.
    missed: u32,
}

impl Track {
    fn overlap(&self, rect: &Rect) -> f32 {
        let steps = (self.missed + 1) as f32;
        let [dx, dy] = self.step.map(|step| steps * step);
        let expected = self.rect.moved(dx, dy);
        self.rect.iou(rect).max(expected.iou(rect))
    }

    /// It is seen again, `self.missed` pictures after the last time.
    fn see(&mut self, detection: &Detection) {
        let (now, before) = (detection.rect.centre(), self.rect.centre());
        for axis in 0..2 {
            let step = (now[axis] - before[axis]) / self.missed.max(1) as f32;
            // Half of what it was, because boxes jitter.
            self.step[axis] = (self.step[axis] + step) / 2.0;
        }
        (self.class, self.rect, self.missed) = (detection.class, detection.rect, 0);
    }
}

impl Tracker {
    /// The object of each of a picture's detections, in their order; no two have the same.
    ///
    /// Pairs of a known object and a detection are taken in the order of their overlap, those of one class before those
    /// of two: a detector that wavers between sheep and horse still sees one animal. What belongs to no known object is
    /// a new one, first seen at the picture's `timestamp`. Numbers begin at 0 and are never used again.
    pub fn follow(
        &mut self,
        detections: Vec<Detection>,
        timestamp: Option<Duration>,
    ) -> Vec<Tracked> {
        let mut pairs: Vec<(bool, f32, usize, usize)> = Vec::new();
        for (index, detection) in detections.iter().enumerate() {
            for (known, track) in self.tracks.iter().enumerate() {
                let overlap = track.overlap(&detection.rect);
                if overlap >= LEAST_OVERLAP {
                    pairs.push((track.class == detection.class, overlap, index, known));
                }
            }
        }
        // Stable: of equals the better detection and the older track come first.
        pairs.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        let mut objects: Vec<Option<(u64, Option<Duration>)>> = vec![None; detections.len()];
        for track in &mut self.tracks {
            track.missed += 1;
        }
        for (_, _, index, known) in pairs {
            let track = &mut self.tracks[known];
            if objects[index].is_none() && track.missed > 0 {
                objects[index] = Some((track.object, track.first_seen));
                track.see(&detections[index]);
            }
        }
        self.tracks.retain(|track| track.missed <= PATIENCE);
        let objects = objects.into_iter().zip(detections);
        objects
            .map(|(known, detection)| {
                let (object, first_seen) =
                    known.unwrap_or_else(|| (self.begin(&detection, timestamp), timestamp));
                Tracked {
                    object,
                    first_seen,
                    detection,
                    upstream: None,
                }
            })
            .collect()
    }

    /// Whether an object was seen lately and may be seen again.
    pub fn knows(&self, object: u64) -> bool {
        self.tracks.iter().any(|track| track.object == object)
    }

    /// Forgets all objects: what comes next is another place or another time.
    pub fn forget(&mut self) {
        self.tracks.clear();
    }

    fn begin(&mut self, detection: &Detection, timestamp: Option<Duration>) -> u64 {
        let object = self.next;
        self.next += 1;
        self.tracks.push(Track {
            object,
            first_seen: timestamp,
            class: detection.class,
            rect: detection.rect,
            step: [0.0; 2],
            missed: 0,
        });
        object
    }
}

/// Which of the detections that somebody else made in a frame, `now`, are those that were made in the frame that was looked at, `then`: pairs of indices of the same label, in the order of their overlap. No index comes twice.
pub fn same_detections(then: &[(&str, Rect)], now: &[UpstreamDetection]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (before, (label, rect)) in then.iter().enumerate() {
        for (after, upstream) in now.iter().enumerate() {
            let overlap = match *rect == upstream.rect {
                // Also where it has no place.
                true => 1.0,
                false => rect.iou(&upstream.rect.clipped()),
            };
            if upstream.label == *label && overlap >= LEAST_OVERLAP {
                pairs.push((overlap, before, after));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken = (vec![false; then.len()], vec![false; now.len()]);
    let mut same: Vec<(usize, usize)> = Vec::new();
    for (_, before, after) in pairs {
        if !taken.0[before] && !taken.1[after] {
            (taken.0[before], taken.1[after]) = (true, true);
            same.push((before, after));
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(class: usize, x: f32, y: f32) -> Detection {
        Detection {
            class: ClassId(class),
            score: 0.9,
            rect: Rect::new(x, y, x + 0.1, y + 0.2),
            default_box: 0,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        }
    }

    impl Tracker {
        fn numbers(&mut self, detections: &[Detection]) -> Vec<u64> {
            let tracked = self.follow(detections.to_vec(), None);
            tracked.iter().map(|tracked| tracked.object).collect()
        }
    }

    #[test]
    fn boxes_become_whole_pixels_inside_of_the_frame() {
        let size = Size::new(640, 480);
        let whole = |rect: [f32; 4]| whole_pixels(&rect.into(), size);
        assert_eq!(whole([0.0, 0.0, 1.0, 1.0]), Some([0, 0, 640, 480]));
        assert_eq!(whole([0.25, 0.5, 0.5, 0.75]), Some([160, 240, 160, 120]));
        assert_eq!(whole([-3.0, 0.5, 9.0, 0.5]), Some([0, 240, 640, 1]));
        assert_eq!(whole([1.0, 1.0, 1.0, 1.0]), Some([639, 479, 1, 1]));
        assert_eq!(whole([0.0, f32::NAN, 1.0, 1.0]), None);
        let all = Rect::new(0.0, 0.0, 1.0, 1.0);
        assert_eq!(whole_pixels(&all, Size::new(0, 480)), None);
    }

    #[test]
    fn two_who_pass_each_other_keep_their_numbers() {
        let mut tracker = Tracker::default();
        for step in 0..40 {
            let x = step as f32 * 0.02;
            let objects = tracker.numbers(&[
                detection(1, x, 0.2),
                detection(1, 0.8 - x, 0.36 - 0.002 * x),
            ]);
            assert_eq!(objects, [0, 1], "at step {step}");
        }
    }

    #[test]
    fn the_order_of_detections_does_not_matter() {
        let mut tracker = Tracker::default();
        let (left, right) = (detection(1, 0.1, 0.1), detection(1, 0.7, 0.1));
        assert_eq!(tracker.numbers(&[left.clone(), right.clone()]), [0, 1]);
        assert_eq!(tracker.numbers(&[right, left]), [1, 0]);
    }

    #[test]
    fn an_object_may_change_its_class_unless_another_of_its_own_is_there() {
        let mut tracker = Tracker::default();
        let (sheep, horse) = (detection(20, 0.4, 0.4), detection(19, 0.4, 0.4));
        assert_eq!(tracker.numbers(std::slice::from_ref(&sheep)), [0]);
        assert_eq!(tracker.numbers(std::slice::from_ref(&horse)), [0]);
        // One box that is detected as both.
        assert_eq!(tracker.numbers(&[sheep.clone(), horse.clone()]), [1, 0]);
        assert_eq!(tracker.numbers(&[horse, sheep]), [0, 1]);
    }

    #[test]
    fn a_missed_object_is_waited_for_and_then_forgotten() {
        let mut tracker = Tracker::default();
        let object = [detection(1, 0.4, 0.4)];
        assert_eq!(tracker.numbers(&object), [0]);
        for missed in 0..PATIENCE {
            assert_eq!(tracker.numbers(&[]), [0; 0], "{missed}");
            assert!(tracker.knows(0));
        }
        assert_eq!(tracker.numbers(&object), [0]);
        for _ in 0..=PATIENCE {
            tracker.numbers(&[]);
        }
        assert!(!tracker.knows(0));
        assert_eq!(tracker.numbers(&object), [1]);
        tracker.forget();
        assert_eq!(tracker.numbers(&object), [2], "no number comes twice");
    }

    #[test]
    fn an_object_keeps_the_time_that_it_was_first_seen_at() {
        let mut tracker = Tracker::default();
        let (early, late) = (Duration::from_secs(3), Duration::from_secs(5));
        let (old, new) = (detection(1, 0.1, 0.1), detection(1, 0.7, 0.1));
        tracker.follow(vec![old.clone()], Some(early));
        let tracked = tracker.follow(vec![new, old], Some(late));
        let seen = tracked
            .iter()
            .map(|tracked| (tracked.object, tracked.first_seen));
        let seen: Vec<_> = seen.collect();
        assert_eq!(seen, [(1, Some(late)), (0, Some(early))]);
    }

    #[test]
    fn who_walks_fast_is_looked_for_where_they_should_be() {
        let mut tracker = Tracker::default();
        let mut x = 0.0;
        for step in 0..12 {
            // In the end 0.08 a picture, of a box that is 0.1 wide.
            x += (0.02 * step as f32).min(0.08);
            assert_eq!(tracker.numbers(&[detection(1, x, 0.1)]), [0], "at {x}");
        }
        assert_eq!(tracker.numbers(&[]), [0; 0]);
        assert_eq!(tracker.numbers(&[detection(1, x + 0.16, 0.1)]), [0]);
    }

    #[test]
    fn a_jump_is_another_object_and_no_place_is_none() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.numbers(&[detection(1, 0.1, 0.1)]), [0]);
        assert_eq!(tracker.numbers(&[detection(1, 0.6, 0.1)]), [1]);
        let nowhere = detection(1, f32::NAN, 0.1);
        assert_eq!(tracker.numbers(&[nowhere.clone(), nowhere]), [2, 3]);
    }

    fn upstream(label: &str, x: f32) -> UpstreamDetection {
        UpstreamDetection {
            id: 0,
            label: label.to_owned(),
            confidence: None,
            rect: Rect::new(x, 0.2, x + 0.2, 0.6),
        }
    }

    #[test]
    fn detections_are_found_again_by_label_and_overlap() {
        let then = [("dog", 0.1), ("dog", 0.2), ("cat", 0.1)];
        let then = then.map(|(label, x)| (label, upstream(label, x).rect));
        let now = [
            upstream("cat", 0.12),
            upstream("dog", 0.19),
            upstream("dog", 0.11),
            upstream("dog", 0.15),
            upstream("horse", 0.1),
            upstream("dog", 0.7),
        ];
        let mut same = same_detections(&then, &now);
        same.sort_unstable();
        assert_eq!(same, [(0, 2), (1, 1), (2, 0)]);
        assert_eq!(same_detections(&then, &[]), []);
    }
}
