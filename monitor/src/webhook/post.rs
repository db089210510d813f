//! One POST: an event in, what its receiver made of it out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use crate::configuration::WebhookPlan;
use crate::http::may_go_away;

/// A receiver that asks for more time than this gets this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum PostOutcome {
    Arrived,
    /// It will not be wanted later either.
    Refused(String),
    /// It may be wanted later, after a pause at least as long.
    Failed {
        reason: String,
        pause: Duration,
    },
}

/// What of an event's message its headers have.
#[derive(Deserialize)]
struct Identity {
    id: String,
    answer: Option<String>,
}

/// The identifier of an event's message: of the event without and with its answer two. `None` where the text is no event.
pub fn identifier(event: &str) -> Option<String> {
    let identity: Identity = serde_json::from_str(event).ok()?;
    let Identity { id, answer } = identity;
    Some(match answer {
        Some(_) => format!("{id}-answer"),
        None => id,
    })
}

/// Sends an event.
pub async fn post(plan: &WebhookPlan, id: &str, event: &str) -> PostOutcome {
    match timeout(plan.timeout, ask(plan, id, event)).await {
        Ok(Ok(answer)) => outcome(answer.status(), answer.headers()),
        Ok(Err(error)) => failed(format!("{error:#}")),
        Err(_) => failed(format!("no answer for {} s", plan.timeout.as_secs_f32())),
    }
}

fn failed(reason: String) -> PostOutcome {
    PostOutcome::Failed {
        reason,
        pause: Duration::ZERO,
    }
}

async fn ask(plan: &WebhookPlan, id: &str, event: &str) -> Result<Response<Bytes>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let timestamp = since.unwrap_or_default().as_secs();
    let request = plan
        .server
        .request(Method::POST, &plan.target)
        .header(CONTENT_TYPE, "application/json")
        .header(HeaderName::from_static("webhook-id"), id)
        .header(HeaderName::from_static("webhook-timestamp"), timestamp)
        .header(
            HeaderName::from_static("webhook-signature"),
            plan.key.sign(id, timestamp, event),
        )
        .body(Full::new(Bytes::from(event.to_owned())))?;
    // Nobody reads the answer's body.
    plan.server.ask(request, None).await
}

fn outcome(status: StatusCode, headers: &HeaderMap) -> PostOutcome {
    let text = |name| headers.get(&name).and_then(|value| value.to_str().ok());
    match status.as_u16() {
        200..=299 => PostOutcome::Arrived,
        _ if may_go_away(status) => {
            let pause = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
            PostOutcome::Failed {
                reason: format!("status {status}"),
                pause: pause
                    .map_or(Duration::ZERO, Duration::from_secs)
                    .min(LONGEST_PAUSE),
            }
        }
        300..=399 => {
            let place = text(LOCATION).unwrap_or("another address");
            PostOutcome::Refused(format!(
                "status {status}: it points to {place}, which is not followed"
            ))
        }
        _ => PostOutcome::Refused(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    #[test]
    fn what_may_go_away_is_tried_again_and_nothing_else() {
        let with = |code: u16, name: HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            outcome(StatusCode::from_u16(code).unwrap(), &headers)
        };
        let of = |code| with(code, HOST, "x");
        assert_eq!([200, 202, 204].map(of), [const { PostOutcome::Arrived }; 3]);
        for code in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(of(code), PostOutcome::Failed { pause, .. } if pause.is_zero()));
        }
        for code in [301, 302, 304, 307, 400, 401, 403, 404, 410, 422] {
            assert!(matches!(of(code), PostOutcome::Refused(_)), "{code}");
        }
        let waits = |value| match with(429, RETRY_AFTER, value) {
            PostOutcome::Failed { pause, .. } => pause.as_secs(),
            outcome => panic!("{outcome:?}"),
        };
        assert_eq!(["7", "99999", "Fri, 31 Dec 1999"].map(waits), [7, 3600, 0]);
        let PostOutcome::Refused(reason) = with(302, LOCATION, "http://other/") else {
            panic!()
        };
        assert!(reason.contains("http://other/"), "{reason}");
    }

    #[test]
    fn an_event_and_its_answer_are_two_messages() {
        assert_eq!(identifier(r#"{"id":"a-1"}"#).unwrap(), "a-1");
        let answered = identifier(r#"{"id":"a-1","answer":"a dog"}"#);
        assert_eq!(answered.unwrap(), "a-1-answer");
        assert_eq!(identifier("[]"), None);
    }
}
