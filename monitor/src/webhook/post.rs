//! One POST: an event in, what its receiver made of it out.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Method, Response, StatusCode, Uri};
use tokio::time::timeout;

use crate::clock::since_1970;
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
    let timestamp = since_1970().as_secs();
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
            let pause = text(RETRY_AFTER).and_then(|asked| pause(asked, SystemTime::now()));
            PostOutcome::Failed {
                reason: format!("status {status}"),
                pause: pause.unwrap_or_default().min(LONGEST_PAUSE),
            }
        }
        300..=399 => {
            // No more of it: paths are secrets at times, and are those that were asked for.
            let place = text(LOCATION)
                .and_then(place)
                .unwrap_or_else(|| "another address".to_owned());
            PostOutcome::Refused(format!(
                "status {status}: it points to {place}, which is not followed"
            ))
        }
        _ => PostOutcome::Refused(format!("status {status}")),
    }
}

/// Scheme, host and port of an address that has them.
fn place(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    let (scheme, host) = (address.scheme_str()?, address.host()?);
    Some(match address.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// How long a receiver asks to be left alone: seconds, or a date (RFC 9110, 10.2.3).
fn pause(asked: &str, now: SystemTime) -> Option<Duration> {
    let seconds = asked.trim().parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let date = httpdate::parse_http_date(asked.trim()).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    })
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
        let dates = [
            "Fri, 31 Dec 1999 23:59:59 GMT",
            "Tue, 31 Dec 2999 23:59:59 GMT",
        ];
        assert_eq!(["7", "99999", "soon"].map(waits), [7, 3600, 0]);
        assert_eq!(dates.map(waits), [0, 3600], "past and far");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_769);
        assert_eq!(pause(dates[0], then), Some(Duration::from_secs(30)));
    }

    #[test]
    fn where_a_server_points_is_told_without_a_secret_path() {
        let of = |place: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, place.parse().unwrap());
            match outcome(StatusCode::MOVED_PERMANENTLY, &headers) {
                PostOutcome::Refused(reason) => reason,
                outcome => panic!("{outcome:?}"),
            }
        };
        for (place, told) in [
            (
                "https://user:word@other:8443/services/T0/SECRET?a=b",
                "https://other:8443,",
            ),
            ("http://other/SECRET", "http://other,"),
            ("/services/SECRET", "another address,"),
            ("//other/SECRET", "another address,"),
        ] {
            let reason = of(place);
            let is_hidden = !["SECRET", "word"]
                .iter()
                .any(|secret| reason.contains(secret));
            assert!(reason.contains(told) && is_hidden, "{reason}");
        }
    }
}
