//! What is seen in a frame: detections that are known objects, what looks wrong about them, and which of them are to be explained.
//!
//! In: the detections of one frame after the other. Out: an [`Observation`] of each. No network and no picture is needed for that.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::frame::FrameInfo;
use super::frame_clock::FrameClock;
use super::monitor::{Event, Monitor};
use super::picking::Picking;
use super::rate_limiter::RateLimiter;
use super::settings::{Asked, StreamSettings};
use super::tracking::{Tracked, Tracker};
use super::upstream::{FrameDetections, Unmatched};
use crate::detect::ClassId;
use crate::geometry::Rect;
use crate::lock::lock;

/// What was seen in a frame.
#[derive(Debug)]
pub struct Observation {
    /// The frame.
    pub frame: FrameInfo,
    /// The stream's time at this frame: its running time; where it has none, time goes on from the last frame as on the wall.
    pub clock: Duration,
    /// What was asked when it was seen.
    pub asked: Asked,
    /// Best first.
    pub tracked: Vec<Tracked>,
    /// Indices of the detections that are to be explained, the most important first, whether or not it is time for that.
    pub selected: Vec<usize>,
    /// What somebody else detected and cannot be explained.
    pub unmatched: Vec<Unmatched>,
    /// What looks wrong.
    pub events: Vec<Arc<ObservedEvent>>,
}

/// An event, and where it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedEvent {
    /// Counts the events since the start of the stream, from 1 on.
    pub number: u64,
    /// Index of the detection in [`Observation::tracked`].
    pub index: usize,
    /// What looks wrong.
    pub event: Event,
}

impl Observation {
    /// The settings that the frame came with.
    pub fn settings(&self) -> &StreamSettings {
        &self.asked.settings
    }

    /// The detection of an object as this class.
    pub fn index_of(&self, object: u64, class: ClassId) -> Option<usize> {
        let is_it =
            |tracked: &Tracked| tracked.object == object && tracked.detection.class == class;
        self.tracked.iter().position(is_it)
    }

    /// Whether the user does not expect detections of a class.
    pub fn is_unexpected(&self, class: ClassId) -> bool {
        let selection = self.settings().selection.as_ref();
        selection.is_some_and(|selection| selection.is_unexpected(class))
    }
}

/// What is remembered of a stream from frame to frame.
#[derive(Debug, Default)]
pub struct Observer {
    tracker: Tracker,
    monitor: Monitor,
    /// Events so far.
    events: u64,
    epoch: u64,
    /// The objects that were selected last, and what for.
    selected: Option<(Asked, Vec<u64>)>,
    explained: RateLimiter<Asked>,
    clock: FrameClock,
}

impl Observer {
    /// Finds known objects again and decides what is to be explained. Says besides whether it is time for that; a frame that comes too `late` for the viewer is not explained.
    pub fn observe(
        &mut self,
        frame: FrameInfo,
        settings: &Arc<StreamSettings>,
        found: FrameDetections,
        picking: &Mutex<Picking>,
        late: bool,
    ) -> (Observation, bool) {
        if self.epoch != frame.epoch {
            self.epoch = frame.epoch;
            self.tracker.forget();
            self.monitor.interrupt();
            self.selected = None;
            self.explained.reset();
            self.clock = FrameClock::default();
        }
        let clock = self.clock.at(frame.time, Instant::now());
        let found = found.outside(&settings.zones);
        let mut tracked = self.tracker.follow(found.detections, frame.time.timestamp);
        for (tracked, upstream) in tracked.iter_mut().zip(found.matches) {
            tracked.upstream = Some(upstream);
        }
        let picked = self.picked(picking);
        let asked = Asked {
            settings: settings.clone(),
            missing: missing(picked, picking, settings, &frame),
            picked,
        };
        // What was selected by other rules is no reason for this choice.
        (self.selected).take_if(|(before, _)| !before.selects_like(&asked));
        let events = self.events(&frame, clock, settings, &tracked);
        let selected = self.select(&frame, &asked, &tracked);
        let now = Some(clock);
        let is_due = !late
            && (!selected.is_empty() || asked.missing.is_some())
            && (self.explained).is_due(now, settings.explain_interval, &asked);
        if is_due {
            self.explained.begin(now, asked.clone());
        }
        let observation = Observation {
            frame,
            clock,
            asked,
            tracked,
            selected,
            unmatched: found.unmatched,
            events,
        };
        (observation, is_due)
    }

    /// What looks wrong, as far as that is wanted, at detections that have a place.
    fn events(
        &mut self,
        frame: &FrameInfo,
        clock: Duration,
        settings: &StreamSettings,
        tracked: &[Tracked],
    ) -> Vec<Arc<ObservedEvent>> {
        let Some(thresholds) = &settings.events else {
            return vec![];
        };
        // What is elsewhere has no history: it begins where an object comes in.
        let inside = within(tracked, |rect| settings.zones.alarms(rect));
        let raised = (self.monitor).observe(thresholds, clock, &inside);
        let placed = raised.into_iter().filter_map(|event| {
            let index = tracked.iter().position(|t| t.object == event.object)?;
            tracked[index].pixels(frame)?;
            self.events += 1;
            Some(Arc::new(ObservedEvent {
                number: self.events,
                index,
                event,
            }))
        });
        placed.collect()
    }

    /// What is explained: the picked object, else what the rules select.
    fn select(&mut self, frame: &FrameInfo, asked: &Asked, tracked: &[Tracked]) -> Vec<usize> {
        let selected: Vec<usize> = match (asked.picked, &asked.settings.selection) {
            _ if asked.missing.is_some() => vec![],
            (Some(picked), _) => {
                let place = tracked.iter().position(|tracked| tracked.object == picked);
                place.into_iter().collect()
            }
            (None, Some(selection)) => {
                let before = self.selected.as_ref().map(|(_, selected)| &selected[..]);
                let before = before.unwrap_or_default();
                let inside = within(tracked, |rect| asked.settings.zones.explains(rect));
                let selected = selection.of(&inside, before, frame).into_iter();
                let place = |index: usize| {
                    let same = |tracked: &Tracked| tracked.object == inside[index].object;
                    tracked.iter().position(same)
                };
                selected.filter_map(place).collect()
            }
            (None, None) => vec![],
        };
        // Where nothing is to be explained for a moment, the choice before it still counts.
        if !selected.is_empty() {
            let objects = selected.iter().map(|&index| tracked[index].object);
            self.selected = Some((asked.clone(), objects.collect()));
        }
        selected
    }

    /// The object that the user has picked, unless it is gone.
    fn picked(&self, picking: &Mutex<Picking>) -> Option<u64> {
        let mut picking = lock(picking);
        let is_gone = |object| !self.tracker.knows(object);
        if picking.picked().is_some_and(is_gone) {
            picking.release();
        }
        picking.picked()
    }
}

/// What has its place where it counts.
fn within(tracked: &[Tracked], counts: impl Fn(&Rect) -> bool) -> Cow<'_, [Tracked]> {
    let is_there = |tracked: &Tracked| counts(&tracked.detection.rect);
    match tracked.iter().all(is_there) {
        true => Cow::Borrowed(tracked),
        false => tracked.iter().filter(|t| is_there(t)).cloned().collect(),
    }
}

/// Where it is asked why nothing is there: by pointing, else by the rules.
fn missing(
    picked: Option<u64>,
    picking: &Mutex<Picking>,
    settings: &StreamSettings,
    frame: &FrameInfo,
) -> Option<[f32; 2]> {
    let pointed = lock(picking).missing();
    let selection = settings.selection.as_ref().filter(|_| picked.is_none());
    pointed.or_else(|| selection?.missing(frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detection;
    use crate::detect::Thresholds;
    use crate::geometry::Size;
    use crate::stream::frame::FrameTime;
    use crate::stream::monitor::EventThresholds;
    use crate::stream::selection::{Selection, SelectionRule};
    use crate::stream::settings::{DisplaySettings, QuestionSettings};
    use crate::stream::zones::{Polygon, Zones};

    fn settings(zones: Zones) -> Arc<StreamSettings> {
        Arc::new(StreamSettings {
            thresholds: Thresholds {
                score: 0.5,
                iou: 0.6,
            },
            question: QuestionSettings::default(),
            selection: Some(Selection {
                rule: SelectionRule::Best,
                most: 1,
                ..Selection::default()
            }),
            explain_interval: std::time::Duration::ZERO,
            check: false,
            events: Some(EventThresholds::for_stills()),
            zones,
            display: DisplaySettings::default(),
        })
    }

    /// A detection with a score that is too low to be believed.
    fn doubtful(class: usize, score: f32, rect: [f32; 4]) -> Detection {
        Detection {
            class: ClassId(class),
            score,
            rect: rect.into(),
            default_box: class,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        }
    }

    #[test]
    fn zones_say_where_something_counts() {
        let half = |top: f32| {
            let corners = [[0.0, top], [1.0, top], [1.0, top + 0.5], [0.0, top + 0.5]];
            vec![Polygon::new(corners.to_vec()).unwrap()]
        };
        let frame = FrameInfo {
            time: FrameTime {
                timestamp: None,
                running_time: None,
            },
            size: Size::new(600, 400),
            pixel_aspect: 1.0,
            epoch: 0,
        };
        // The classes of what is there, what is explained, and what is told.
        let seen = |zones| {
            let above = doubtful(1, 0.54, [0.1, 0.1, 0.3, 0.4]);
            let below = doubtful(2, 0.53, [0.6, 0.4, 0.8, 0.9]);
            let picking = Mutex::default();
            let (observation, _) = Observer::default().observe(
                frame,
                &settings(zones),
                FrameDetections::own(vec![above, below]),
                &picking,
                false,
            );
            let class = |index: &usize| observation.tracked[*index].detection.class.0;
            let there: Vec<usize> = (0..observation.tracked.len()).collect();
            let told = observation.events.iter().map(|event| class(&event.index));
            (
                there.iter().map(class).collect::<Vec<_>>(),
                observation.selected.iter().map(class).collect::<Vec<_>>(),
                told.collect::<Vec<_>>(),
            )
        };
        assert_eq!(seen(Zones::default()), (vec![1, 2], vec![1], vec![1, 2]));
        let ignore = Zones {
            ignore: half(0.0),
            ..Zones::default()
        };
        assert_eq!(seen(ignore), (vec![2], vec![2], vec![2]));
        let explain = Zones {
            explain: half(0.5),
            ..Zones::default()
        };
        assert_eq!(seen(explain), (vec![1, 2], vec![2], vec![1, 2]));
        let alarm = Zones {
            alarm: half(0.5),
            ..Zones::default()
        };
        assert_eq!(seen(alarm), (vec![1, 2], vec![1], vec![2]));
    }
}
