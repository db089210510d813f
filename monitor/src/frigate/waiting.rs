//! Events that wait to be explained: messages in, the next one out. Of an event only the newest message waits, one whose snapshot was explained already is not wanted, and the rest is limited.
//!
//! A message's box is that of the snapshot of its moment, while the snapshot that Frigate serves is the newest. So the newest message of the event that is being answered is kept, whether it is to be
//! answered or not: it says which snapshot was served.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ssdcrp::lock::lock;
use tokio::sync::Notify;

use super::event::{FrigateEvent, Phase};

/// How many wait at most: beyond that the oldest are dropped.
const MOST: usize = 100;
/// Of so many events it is remembered what was answered.
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
    /// The newest message of the event that is being answered.
    in_work: Option<FrigateEvent>,
    /// By id.
    answered: HashMap<String, Answered>,
}

/// What was done for an event.
struct Answered {
    /// The snapshot's that was looked at, in seconds since 1970; `None` where none could be.
    frame_time: Option<f64>,
    when: Instant,
}

impl WaitingEvents {
    /// An event has news. One that was answered less than `pause` ago waits for its end, or for later news. Says whether another event had to be dropped for it.
    pub fn put(&self, event: FrigateEvent, pause: Duration, now: Instant) -> bool {
        let mut line = lock(&self.line);
        let is_early = event.phase != Phase::End;
        match line.in_work.as_mut().filter(|held| held.id == event.id) {
            Some(held) => {
                *held = event.clone();
                if is_early && !pause.is_zero() {
                    return false;
                }
            }
            None => {
                if let Some(answered) = line.answered.get(&event.id) {
                    let is_same = answered.frame_time == Some(event.frame_time);
                    if is_same || (is_early && now - answered.when < pause) {
                        return false;
                    }
                }
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

    /// The event that has waited longest. It is in work until [`WaitingEvents::done`].
    pub fn take(&self) -> Option<FrigateEvent> {
        let mut line = lock(&self.line);
        let event = line.events.pop_front()?;
        line.in_work = Some(event.clone());
        Some(event)
    }

    /// The event in work is not answered, and not tried again.
    pub fn give_up(&self) {
        lock(&self.line).in_work = None;
    }

    /// The event in work waits again, before all others.
    pub fn put_back(&self) {
        let mut line = lock(&self.line);
        if let Some(event) = line.in_work.take() {
            line.events.retain(|other| other.id != event.id);
            line.events.push_front(event);
        }
    }

    /// Those that are not `wanted` wait no longer.
    pub fn retain(&self, wanted: impl FnMut(&FrigateEvent) -> bool) {
        lock(&self.line).events.retain(wanted);
    }

    pub fn len(&self) -> usize {
        lock(&self.line).events.len()
    }

    /// The newest message of the event that is in work.
    pub fn newest(&self) -> Option<FrigateEvent> {
        lock(&self.line).in_work.clone()
    }

    /// The event in work was answered, with the snapshot of this frame; with none where no snapshot could be looked at, so that the same one may be tried again.
    pub fn done(&self, frame_time: Option<f64>, now: Instant) {
        let mut line = lock(&self.line);
        let Some(FrigateEvent { id, .. }) = line.in_work.take() else {
            return;
        };
        line.events
            .retain(|other| other.id != id || Some(other.frame_time) != frame_time);
        let answered = &mut line.answered;
        answered.insert(
            id,
            Answered {
                frame_time,
                when: now,
            },
        );
        if answered.len() > REMEMBERED {
            let oldest = answered.iter().min_by_key(|(_, answered)| answered.when);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                answered.remove(&id);
            }
        }
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

    /// Seconds after the beginning, as the tests tell time.
    struct Clock(Instant);

    impl Clock {
        fn at(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    /// Takes the next event and answers it with its own snapshot.
    fn take(waiting: &WaitingEvents, now: Instant) -> Option<(String, f64)> {
        let event = waiting.take()?;
        waiting.done(Some(event.frame_time), now);
        Some((event.id, event.frame_time))
    }

    fn is(id: &str, frame_time: f64) -> Option<(String, f64)> {
        Some((id.to_owned(), frame_time))
    }

    const PAUSE: Duration = Duration::from_secs(30);

    #[test]
    fn of_an_event_the_newest_snapshot_is_explained_and_none_twice() {
        let (waiting, clock) = (WaitingEvents::default(), Clock(Instant::now()));
        let put = |id: &str, phase, frame_time, after| {
            waiting.put(event(id, phase, frame_time), PAUSE, clock.at(after))
        };
        let take = |after| take(&waiting, clock.at(after));
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
    fn what_could_not_be_looked_at_may_come_again() {
        let (waiting, clock) = (WaitingEvents::default(), Clock(Instant::now()));
        let put = |phase, after| waiting.put(event("a", phase, 1.0), PAUSE, clock.at(after));
        put(Phase::New, 0);
        waiting.take();
        waiting.done(None, clock.at(7));
        put(Phase::Update, 8);
        assert_eq!(take(&waiting, clock.at(8)), None, "too early");
        put(Phase::End, 9);
        assert_eq!(take(&waiting, clock.at(9)), is("a", 1.0));
        put(Phase::End, 10);
        assert_eq!(take(&waiting, clock.at(10)), None, "seen already");
    }

    #[test]
    fn the_newest_message_of_the_event_in_work_is_known() {
        let (waiting, clock) = (WaitingEvents::default(), Clock(Instant::now()));
        let put = |id: &str, phase, frame_time| {
            waiting.put(event(id, phase, frame_time), PAUSE, clock.at(1))
        };
        put("a", Phase::New, 1.0);
        waiting.take();
        put("b", Phase::New, 1.0);
        put("a", Phase::Update, 2.0);
        assert_eq!(waiting.newest().unwrap().frame_time, 2.0);
        // Its end has the same snapshot: once that was looked at, nothing is left to be done.
        put("a", Phase::End, 2.0);
        assert_eq!(waiting.newest().unwrap().phase, Phase::End);
        waiting.done(Some(2.0), clock.at(2));
        assert!(waiting.newest().is_none());
        assert_eq!(take(&waiting, clock.at(3)), is("b", 1.0));
        assert_eq!(take(&waiting, clock.at(3)), None);
        // An end with another snapshot is answered for itself.
        put("c", Phase::New, 1.0);
        waiting.take();
        put("c", Phase::End, 3.0);
        waiting.done(Some(1.0), clock.at(4));
        assert_eq!(take(&waiting, clock.at(4)), is("c", 3.0));
    }

    #[test]
    fn what_was_interrupted_waits_before_the_others() {
        let (waiting, now) = (WaitingEvents::default(), Instant::now());
        for id in ["a", "b", "c"] {
            waiting.put(event(id, Phase::New, 1.0), PAUSE, now);
        }
        waiting.take();
        waiting.put(event("a", Phase::Update, 2.0), PAUSE, now);
        waiting.put_back();
        waiting.retain(|event| event.id != "b");
        assert_eq!(waiting.len(), 2);
        assert_eq!(
            [take(&waiting, now), take(&waiting, now)],
            [is("a", 2.0), is("c", 1.0)]
        );
        waiting.put(event("d", Phase::New, 1.0), PAUSE, now);
        waiting.take();
        waiting.give_up();
        assert_eq!(
            (waiting.newest().is_none(), take(&waiting, now)),
            (true, None)
        );
    }

    #[test]
    fn too_many_push_the_oldest_out_and_nothing_is_remembered_for_ever() {
        let (waiting, now) = (WaitingEvents::default(), Instant::now());
        let dropped = (0..MOST + 2).map(|number| {
            let event = event(&number.to_string(), Phase::New, 1.0);
            waiting.put(event, Duration::ZERO, now)
        });
        assert_eq!(dropped.filter(|&dropped| dropped).count(), 2);
        assert_eq!(take(&waiting, now), is("2", 1.0));
        for number in 0..2 * REMEMBERED {
            let event = event(&format!("x{number}"), Phase::New, 1.0);
            waiting.put(event, Duration::ZERO, now);
            take(&waiting, now);
        }
        assert_eq!(lock(&waiting.line).answered.len(), REMEMBERED);
    }
}
