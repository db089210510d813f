//! An event's page: what is known of it in, HTML out. The template escapes all of that, so that no name and no label is ever HTML.

use askama::Template;

use crate::event_log::{EventInTime, LoggedEvent};
use crate::kept::KeptEvent;
use crate::message::EventMessage;

use ssdcrp::stream::evidence::Mark;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage<'a> {
    message: &'a EventMessage,
    check: Option<&'a str>,
    evidence: Option<&'a KeptEvent>,
    no_evidence: Option<&'a str>,
    /// As requests say it.
    mark: &'static str,
    /// Of its box, in shares of the picture.
    width: f32,
    height: f32,
    score: String,
    severity: String,
    earlier: Option<LoggedEvent>,
    later: Option<LoggedEvent>,
    /// With its question mark, as links hand it on; empty where nothing was asked for.
    query: String,
}

/// The page; `query` is that of the request, as it came.
///
/// # Errors
/// None that is known: filling the template in memory does not fail.
pub fn html(found: EventInTime, query: Option<&str>) -> Result<String, askama::Error> {
    let EventInTime {
        event,
        earlier,
        later,
    } = found;
    let message = &event.message;
    let [left, top, right, lower] = message.rect;
    let page = EventPage {
        message,
        check: event.check.as_deref(),
        evidence: event.evidence.as_ref(),
        no_evidence: event.no_evidence.as_deref(),
        mark: match event.mark {
            Some(Mark::Worth) => "worth",
            Some(Mark::Not) => "not",
            None => "",
        },
        width: right - left,
        height: lower - top,
        score: format!("{:.2}", message.score),
        severity: format!("{:.2}", message.severity),
        earlier,
        later,
        query: query.map(|query| format!("?{query}")).unwrap_or_default(),
    };
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, text: &str) -> LoggedEvent {
        let text = || text.to_owned();
        let mut event = LoggedEvent::new(EventMessage {
            schema: 1,
            id: id.to_owned(),
            camera: text(),
            stream: 1,
            number: 1,
            recorded: text(),
            time: 0.0,
            kind: text(),
            words: text(),
            severity: 0.5,
            object: 1,
            label: text(),
            score: 0.5,
            rect: [0.0, 0.0, 0.5, 0.25],
            answer: Some(text()),
            worth: None,
        });
        event.check = Some(text());
        event
    }

    #[test]
    fn nothing_that_is_told_becomes_html() {
        let evil = "\"><script>alert(1)</script><img src=x onerror='alert(1)'>";
        let found = EventInTime {
            event: event("5f-gate-2", evil),
            earlier: Some(event("5f-gate-1", evil)),
            later: Some(event("5f-gate-3", evil)),
        };
        let page = html(found, Some(evil)).unwrap();
        for forbidden in ["<script>", "<img src=x", "onerror='"] {
            assert!(!page.contains(forbidden), "{forbidden}: {page}");
        }
        assert!(page.contains("&#60;script&#62;alert"), "{page}");
        assert_eq!(page.matches("<script").count(), 1);
    }
}
