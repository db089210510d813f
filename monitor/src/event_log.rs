//! Events of all cameras, the newest first, as far as there is room: those of this run as they are raised, and those of which earlier runs kept evidence.
//!
//! In: messages of events, what came of them, and what somebody wants to see of them. Out: pages of a list, and one event with those before and after it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

use ssdcrp::lock::lock;
use ssdcrp::stream::evidence::Mark;

use crate::kept::KeptEvent;
use crate::message::EventMessage;

/// Each takes a kilobyte.
const EVENTS: usize = 2000;

/// An event, and what is known of it besides.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedEvent {
    #[serde(flatten)]
    pub message: EventMessage,
    /// In words what its explanation is worth, once it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Where its evidence is, once it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<KeptEvent>,
    /// Why none is, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_evidence: Option<String>,
    /// What somebody says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// Which events somebody wants to see: what is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    pub camera: String,
    pub class: String,
    pub kind: String,
    /// "worth", "not", or "none" for those of which nothing was said.
    pub mark: String,
    /// RFC 3339 in UTC, both inclusive.
    pub from: String,
    pub to: String,
    /// Words that occur in what is told of it, in any order.
    pub words: String,
}

/// A part of the list.
#[derive(Debug, Serialize)]
pub struct EventList {
    /// The newest first.
    pub events: Vec<LoggedEvent>,
    /// How many there are like that, those before and after these among them.
    pub found: usize,
    /// Whether there are older ones.
    pub older: bool,
    /// Whether these are the newest, also where older ones were asked for.
    pub newest: bool,
    /// What could be asked for.
    pub classes: BTreeSet<String>,
    pub kinds: BTreeSet<String>,
}

/// An event, and its neighbours in time among those that are asked for.
#[derive(Debug)]
pub struct EventInTime {
    pub event: LoggedEvent,
    pub earlier: Option<LoggedEvent>,
    pub later: Option<LoggedEvent>,
}

/// All of them.
#[derive(Default)]
pub struct EventLog(Mutex<VecDeque<LoggedEvent>>);

impl LoggedEvent {
    pub fn new(message: EventMessage) -> Self {
        Self {
            message,
            check: None,
            evidence: None,
            no_evidence: None,
            mark: None,
        }
    }
}

impl EventFilter {
    pub fn fits(&self, event: &LoggedEvent) -> bool {
        let message = &event.message;
        let mark = match event.mark {
            Some(Mark::Worth) => "worth",
            Some(Mark::Not) => "not",
            None => "none",
        };
        let is = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        is(&self.camera, &message.camera)
            && is(&self.class, &message.label)
            && is(&self.kind, &message.kind)
            && is(&self.mark, mark)
            && (self.from.is_empty() || *message.recorded >= *self.from)
            && (self.to.is_empty() || *message.recorded <= *self.to)
            && self.has_words(event)
    }

    fn has_words(&self, event: &LoggedEvent) -> bool {
        if self.words.trim().is_empty() {
            return true;
        }
        let message = &event.message;
        let told = [
            &message.words,
            &message.label,
            &message.kind,
            &message.camera,
            message.answer.as_ref().unwrap_or(&String::new()),
            event.check.as_ref().unwrap_or(&String::new()),
        ]
        .map(|text| text.to_lowercase())
        .join(" ");
        let wanted = self.words.to_lowercase();
        wanted.split_whitespace().all(|word| told.contains(word))
    }
}

impl EventLog {
    fn lock(&self) -> MutexGuard<'_, VecDeque<LoggedEvent>> {
        lock(&self.0)
    }

    /// An event was raised.
    pub fn tell(&self, message: EventMessage) {
        let mut events = self.lock();
        events.truncate(EVENTS - 1);
        events.push_front(LoggedEvent::new(message));
    }

    /// Something came of an event: the event with that, unless it is forgotten.
    pub fn complete(
        &self,
        id: &str,
        complete: impl FnOnce(&mut LoggedEvent),
    ) -> Option<LoggedEvent> {
        let mut events = self.lock();
        let event = events.iter_mut().find(|event| event.message.id == id)?;
        complete(event);
        Some(event.clone())
    }

    /// Adds events of earlier runs, each in its place in time; those that are known already stay as they are.
    pub fn recall(&self, past: Vec<LoggedEvent>) {
        let mut events = self.lock();
        let known: BTreeSet<String> = events.iter().map(|e| e.message.id.clone()).collect();
        // The newest first, for their times have whole seconds only.
        let new = past
            .into_iter()
            .rev()
            .filter(|event| !known.contains(&event.message.id));
        events.extend(new);
        let all = events.make_contiguous();
        all.sort_by(|a, b| b.message.recorded.cmp(&a.message.recorded));
        events.truncate(EVENTS);
    }

    /// The newest events that fit, or those that are older than the event `before`; no more than `most`. Where that one is forgotten, the newest.
    pub fn list(&self, filter: &EventFilter, before: Option<&str>, most: usize) -> EventList {
        let events = self.lock();
        let names = |name: fn(&EventMessage) -> &String| -> BTreeSet<String> {
            let names = events.iter().map(|event| name(&event.message));
            names.cloned().collect()
        };
        let fits = |event: &&LoggedEvent| filter.fits(event);
        // It need not fit itself any more.
        let place = before.and_then(|id| events.iter().position(|event| event.message.id == id));
        let mut listed = (events.iter())
            .skip(place.map_or(0, |place| place + 1))
            .filter(fits);
        EventList {
            events: listed.by_ref().take(most).cloned().collect(),
            found: events.iter().filter(fits).count(),
            older: listed.next().is_some(),
            newest: place.is_none(),
            classes: names(|message| &message.label),
            kinds: names(|message| &message.kind),
        }
    }

    /// An event, and those that fit before and after it; itself it need not.
    pub fn find(&self, id: &str, filter: &EventFilter) -> Option<EventInTime> {
        let events = self.lock();
        let place = events.iter().position(|event| event.message.id == id)?;
        let fits = |event: &&LoggedEvent| filter.fits(event);
        Some(EventInTime {
            event: events.get(place)?.clone(),
            later: events.iter().take(place).rev().find(fits).cloned(),
            earlier: events.iter().skip(place + 1).find(fits).cloned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, camera: &str, words: &str) -> EventMessage {
        EventMessage {
            schema: 1,
            id: format!("1-{camera}-{number}"),
            camera: camera.to_owned(),
            stream: 1,
            number,
            recorded: format!("2026-01-01T00:00:{number:02}Z"),
            time: number as f64,
            kind: "merge".to_owned(),
            words: words.to_owned(),
            severity: 0.5,
            object: 1,
            label: words.split(',').next().unwrap_or_default().to_owned(),
            score: 0.5,
            rect: [0.0, 0.0, 0.5, 0.5],
            answer: None,
            worth: None,
        }
    }

    fn ids(list: &EventList) -> Vec<&str> {
        list.events.iter().map(|e| e.message.id.as_str()).collect()
    }

    fn log() -> EventLog {
        let log = EventLog::default();
        for (number, camera, words) in [
            (1, "gate", "sheep, or horse?"),
            (2, "yard", "cow, or horse?"),
            (3, "gate", "person, or dog?"),
        ] {
            log.tell(event(number, camera, words));
        }
        log
    }

    #[test]
    fn what_is_asked_for_comes_newest_first_and_in_parts() {
        let log = log();
        let all = EventFilter::default();
        let list = log.list(&all, None, 2);
        assert_eq!(ids(&list), ["1-gate-3", "1-yard-2"]);
        assert!((list.found, list.older) == (3, true) && list.classes.len() == 3);
        let list = log.list(&all, Some("1-yard-2"), 2);
        assert!(ids(&list) == ["1-gate-1"] && !list.older && list.found == 3);
        assert!(!list.newest);
        // One that is forgotten is before none.
        let list = log.list(&all, Some("none"), 2);
        assert!(ids(&list) == ["1-gate-3", "1-yard-2"] && list.newest);

        let mark = |event: &mut LoggedEvent| event.mark = Some(Mark::Not);
        log.complete("1-yard-2", mark).unwrap();
        // Nor is one that does not fit any more.
        let unmarked = EventFilter {
            mark: "none".to_owned(),
            ..EventFilter::default()
        };
        let list = log.list(&unmarked, Some("1-yard-2"), 2);
        assert_eq!((ids(&list), list.found), (vec!["1-gate-1"], 2));
        assert!(log.complete("none", mark).is_none());
        type Change = fn(&mut EventFilter);
        let of = |change: Change| {
            let mut filter = EventFilter::default();
            change(&mut filter);
            ids(&log.list(&filter, None, 9)).join(" ")
        };
        let asked: [(&str, Change); 8] = [
            ("1-yard-2 1-gate-1", |f| f.words = " HORSE or".to_owned()),
            ("1-gate-3 1-gate-1", |f| f.camera = "gate".to_owned()),
            ("1-yard-2", |f| f.class = "cow".to_owned()),
            ("", |f| f.kind = "fragment".to_owned()),
            ("1-yard-2", |f| f.mark = "not".to_owned()),
            ("1-gate-3 1-gate-1", |f| f.mark = "none".to_owned()),
            ("1-gate-3 1-yard-2", |f| {
                f.from = "2026-01-01T00:00:02Z".to_owned();
            }),
            ("1-gate-1", |f| f.to = "2026-01-01T00:00:01Z".to_owned()),
        ];
        for (expected, change) in asked {
            assert_eq!(of(change), expected);
        }
    }

    #[test]
    fn an_event_has_neighbours_among_those_that_are_asked_for() {
        let log = log();
        let near = |id: &str, camera: &str| {
            let filter = EventFilter {
                camera: camera.to_owned(),
                ..EventFilter::default()
            };
            let found = log.find(id, &filter)?;
            let id = |event: Option<LoggedEvent>| event.map(|e| e.message.number);
            Some((id(found.earlier), id(found.later)))
        };
        assert_eq!(near("1-yard-2", ""), Some((Some(1), Some(3))));
        assert_eq!(near("1-gate-1", "gate"), Some((None, Some(3))));
        assert_eq!(near("1-yard-2", "gate"), Some((Some(1), Some(3))));
        assert_eq!(near("1-yard-9", ""), None);
    }

    #[test]
    fn events_of_earlier_runs_have_their_place_and_the_oldest_go() {
        let log = log();
        let past = |number, words| LoggedEvent::new(event(number, "past", words));
        let same_second = |number| {
            let mut event = past(number, "cat");
            event.message.recorded = past(0, "cat").message.recorded;
            event
        };
        log.recall(vec![
            past(0, "cat"),
            same_second(7),
            same_second(8),
            past(2, "cat"),
        ]);
        log.recall(vec![past(2, "told twice")]);
        let list = log.list(&EventFilter::default(), None, 9);
        let expected = [
            "1-gate-3", "1-yard-2", "1-past-2", "1-gate-1", "1-past-8", "1-past-7", "1-past-0",
        ];
        assert_eq!(ids(&list), expected);
        assert!(!list.classes.contains("told twice"));
        for number in 0..EVENTS as u64 {
            log.tell(event(number, "many", "dog"));
        }
        assert_eq!(log.list(&EventFilter::default(), None, 9).found, EVENTS);
    }
}
