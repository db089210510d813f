//! Events that wait to be explained: messages in, the next one out. Of an event only the newest message waits, one whose snapshot was explained already is not wanted, and the rest is limited.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ssdcrp::lock::lock;
use tokio::sync::Notify;

use super::event::{FrigateEvent, Phase};

/// How many wait at most: beyond that the oldest are dropped.
const MOST: usize = 100;
/// Of so many events it is remembered what was explained.
const REMEMBERED: usize = 1000;

/// What waits.
#[derive(Default)]
pub struct WaitingEvents {
    line: Mutex<EventLine>,
    pub news: Notify,
}

#[derive(Default)]
struct EventLine {
    events: VecDeque<FrigateEvent>,
    /// By id, with the frame and the time.
    taken: HashMap<String, (f64, Instant)>,
}

impl WaitingEvents {
    /// An event has news. One that was explained less than `pause` ago waits for its end, or for later news. Says whether another event had to be dropped for it.
    pub fn put(&self, event: FrigateEvent, pause: Duration, now: Instant) -> bool {
        let mut line = lock(&self.line);
        if let Some(&(frame_time, when)) = line.taken.get(&event.id) {
            let is_same = frame_time == event.frame_time;
            let is_early = event.phase != Phase::End && now - when < pause;
            if is_same || is_early {
                return false;
            }
        }
        if let Some(place) = line.events.iter_mut().find(|other| other.id == event.id) {
            *place = event;
            return false;
        }
        line.events.push_back(event);
        let is_full = line.events.len() > MOST;
        if is_full {
            line.events.pop_front();
        }
        drop(line);
        self.news.notify_one();
        is_full
    }

    /// The event that has waited longest, which is explained `now`.
    pub fn take(&self, now: Instant) -> Option<FrigateEvent> {
        let mut line = lock(&self.line);
        let event = line.events.pop_front()?;
        let taken = &mut line.taken;
        taken.insert(event.id.clone(), (event.frame_time, now));
        if taken.len() > REMEMBERED {
            let oldest = taken.iter().min_by_key(|(_, (_, when))| *when);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                taken.remove(&id);
            }
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, phase: Phase, frame_time: f64) -> FrigateEvent {
        FrigateEvent {
            id: id.to_owned(),
            camera: "gate".to_owned(),
            phase,
            label: "person".to_owned(),
            score: None,
            rect: [0.0; 4],
            region: None,
            frame_time,
            has_snapshot: true,
        }
    }

    #[test]
    fn of_an_event_the_newest_snapshot_is_explained_and_none_twice() {
        let (waiting, begin) = (WaitingEvents::default(), Instant::now());
        let pause = Duration::from_secs(30);
        let put = |id: &str, phase, frame_time, after: u64| {
            let now = begin + Duration::from_secs(after);
            waiting.put(event(id, phase, frame_time), pause, now)
        };
        let take = |after| {
            let taken = waiting.take(begin + Duration::from_secs(after));
            taken.map(|event| (event.id, event.frame_time))
        };
        let is = |id: &str, frame_time| Some((id.to_owned(), frame_time));
        put("a", Phase::New, 1.0, 0);
        put("b", Phase::New, 1.0, 0);
        put("a", Phase::Update, 2.0, 0);
        assert_eq!(
            [take(1), take(1), take(1)],
            [is("a", 2.0), is("b", 1.0), None]
        );
        put("a", Phase::Update, 3.0, 10);
        put("b", Phase::End, 1.0, 10);
        assert_eq!(take(10), None, "too early, and seen already");
        put("a", Phase::Update, 4.0, 40);
        put("b", Phase::End, 2.0, 11);
        assert_eq!([take(40), take(40)], [is("a", 4.0), is("b", 2.0)]);
    }

    #[test]
    fn too_many_push_the_oldest_out_and_nothing_is_remembered_for_ever() {
        let (waiting, now) = (WaitingEvents::default(), Instant::now());
        let dropped = (0..MOST + 2).map(|number| {
            let event = event(&number.to_string(), Phase::New, 1.0);
            waiting.put(event, Duration::ZERO, now)
        });
        assert_eq!(dropped.filter(|&dropped| dropped).count(), 2);
        assert_eq!(waiting.take(now).unwrap().id, "2");
        for number in 0..2 * REMEMBERED {
            let event = event(&format!("x{number}"), Phase::New, 1.0);
            waiting.put(event, Duration::ZERO, now);
            waiting.take(now);
        }
        assert_eq!(lock(&waiting.line).taken.len(), REMEMBERED);
    }
}
